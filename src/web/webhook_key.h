#ifndef SWITCHBOARD_WEB_WEBHOOK_KEY_H
#define SWITCHBOARD_WEB_WEBHOOK_KEY_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "web/keycache.h"
#include "web/program.h"

/* What this process needs to find the platform's signing keys. */
struct webhook_keys {
	const struct program *program;
	struct keycache cache; /* all zero at start */
};

/*
 * The key of a keyId: from this process's cache, from the database, or from the key server, where
 * one process fetches it while the others wait (design.md "Shape").
 * *out is borrowed until the next call.  Errors and time as webhook_verify().
 */
SW_MUSTCHECK enum sw_err webhook_find_key(struct webhook_keys *keys, struct arena *arena,
    const char *key_id, int64_t now, const struct httpsig_key **out);

#endif
