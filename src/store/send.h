#ifndef SWITCHBOARD_STORE_SEND_H
#define SWITCHBOARD_STORE_SEND_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "db/db.h"
#include "base/err.h"

/*
 * The worker's half of table command: claim, send, record.  Each function is
 * one round trip, with the errors of db_exec(), and SW_ENOMEM.
 */
struct store_send {
	const char *installation_id;
	const char *command_id;
	const char *device_id;
	const char *component;
	const char *command; /* "on", "off" or "setLevel" */
	int64_t level;       /* of setLevel, 0 to 100 */
	int64_t attempts;    /* this one included */
	int64_t left_ms;     /* until its deadline, as of the claim */
};

/*
 * Commands to send now, at most "limit", in the arena; of one installation at
 * most "each" are with any worker at a time, of one switch one.  They come
 * back to the queue by themselves after 20 s.
 */
SW_MUSTCHECK enum sw_err store_send_claim(struct db *db, struct arena *arena, const char *worker_id,
    int limit, int each, struct store_send **out, size_t *count);

/* The platform took it; the event confirms it, or it is confirmed at once if the switch is there.
 */
SW_MUSTCHECK enum sw_err store_send_accepted(struct db *db, const struct store_send *command);

/* It failed for good: "offline" or "refused". */
SW_MUSTCHECK enum sw_err
store_send_failed(struct db *db, const struct store_send *command, const char *code);

/* Not now: send it again after the delay, if its deadline allows and no other worker has it. */
SW_MUSTCHECK enum sw_err store_send_retry(struct db *db, struct arena *arena, const char *worker_id,
    const struct store_send *command, int64_t delay_ms);

/* Fail what got no answer in time; the installations whose page changed, in the arena. */
SW_MUSTCHECK enum sw_err
store_send_expire(struct db *db, struct arena *arena, const char ***installations, size_t *count);

#endif
