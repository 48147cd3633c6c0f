#ifndef SWITCHBOARD_WEB_WEBHOOK_FETCH_H
#define SWITCHBOARD_WEB_WEBHOOK_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/sbuf.h"
#include "formats/httpsig_key.h"
#include "net/client_pool.h"

/*
 * Certificates on their way into this process: several at a time, while it goes on serving.  What
 * becomes of them is decided in webhook_key.c.
 */
#define WEBHOOK_FETCHES_MAX 16

enum webhook_fetch_state {
	WEBHOOK_FETCH_FREE,
	WEBHOOK_FETCH_RUNNING,   /* the key server is being asked */
	WEBHOOK_FETCH_ELSEWHERE, /* by another process: ask the database at look_at_ms */
	WEBHOOK_FETCH_ANSWERED,  /* "err" and "certificate" are the key server's answer */
	WEBHOOK_FETCH_UNPROVEN,  /* "key" can be tried on requests */
	WEBHOOK_FETCH_ENDED,     /* SW_OK: the key is in memory; else why there is none */
};

struct webhook_fetch {
	enum webhook_fetch_state state;
	char key_id[HTTPSIG_KEY_ID_MAX + 1];
	int64_t look_at_ms, end_ms; /* monotonic, of ELSEWHERE */
	enum sw_err err;
	struct sbuf certificate; /* PEM */
	struct httpsig_key *key; /* owned, NULL unless UNPROVEN */
	bool shared;             /* it is the database's: a signature was verified with it before */
	bool refresh;            /* of a key that serves meanwhile; no request waits for it */
	int64_t refresh_at;      /* of "key" in memory */
	int64_t ends_at; /* of "key" in memory, and not_after in the database; seconds UTC */
	int64_t not_after;
};

/* All zero is none at all. */
struct webhook_fetches {
	struct client_pool *pool; /* made for the first transfer */
	struct webhook_fetch all[WEBHOOK_FETCHES_MAX];
};

/* Drop all, those under way too; an all-zero struct is fine. */
void webhook_fetches_clear(struct webhook_fetches *fetches);

/* The one for a keyId, NULL when there is none but a refresh. */
struct webhook_fetch *webhook_fetch_find(struct webhook_fetches *fetches, const char *key_id);

/* A new one, ENDED with SW_EUNAVAILABLE; NULL: too many are under way. */
struct webhook_fetch *webhook_fetch_new(struct webhook_fetches *fetches, const char *key_id);

/* Free what it holds; its place can be used again. */
void webhook_fetch_clear(struct webhook_fetch *fetch);

/*
 * Begin to ask the key server: RUNNING on SW_OK, then ANSWERED within 3 s, with the errors of
 * client_perform(), SW_EAUTH: the key server has no such certificate, SW_EUNAVAILABLE: it is away.
 */
SW_MUSTCHECK enum sw_err webhook_fetch_start(
    struct webhook_fetches *fetches, struct webhook_fetch *fetch, const char *key_url);

/*
 * Wait until a transfer can go on, a look at the database is due, "fd" is readable (-1: none) or
 * timeout_ms passed, and go on with all transfers.  False, at once, when none is RUNNING or
 * ELSEWHERE.
 */
bool webhook_fetch_wait(struct webhook_fetches *fetches, int fd, int timeout_ms);

#endif
