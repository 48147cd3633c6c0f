#ifndef SWITCHBOARD_STORE_INVITATION_H
#define SWITCHBOARD_STORE_INVITATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/secret.h"
#include "db/db.h"

/*
 * Links that let one person in where SWITCHBOARD_SIGN_UP is "invite": good once, for a day.  The
 * database gets only the hash of a link's code.  store_installation_link() uses them up.  Each
 * statement is one round trip, with the errors of db_exec() besides those named.
 */
struct store_invitation {
	const char *public_id; /* names it on the page and lets nobody in */
	int64_t created_ms;    /* since 1970 UTC */
	int64_t used_ms;       /* -1: it is open */
};

/* May this person invite others: do they own a location here? */
SW_MUSTCHECK enum sw_err
store_invitation_may_make(struct db *db, struct arena *arena, int64_t user_id, bool *may);

/*
 * Store a new one.  SW_ECONFLICT: they may not invite, or 20 of theirs are open.  Not to be
 * repeated.
 */
SW_MUSTCHECK enum sw_err store_invitation_make(struct db *db, struct arena *arena, int64_t user_id,
    const uint8_t code[static SECRET_SHA256_BYTES]);

/* Those of a person that have not expired, in the arena: the open ones first; at most 100.
 * SW_ENOMEM. */
SW_MUSTCHECK enum sw_err store_invitation_list(struct db *db, struct arena *arena, int64_t user_id,
    struct store_invitation **out, size_t *count);

/* Take an open one back by its public id (a UUID).  SW_ENOTFOUND: not theirs, or used. */
SW_MUSTCHECK enum sw_err store_invitation_withdraw(
    struct db *db, struct arena *arena, int64_t user_id, const char *public_id);

/* SW_ENOTFOUND: unknown, used, expired or withdrawn, or who made it owns nothing here any more. */
SW_MUSTCHECK enum sw_err
store_invitation_find(struct db *db, const uint8_t code[static SECRET_SHA256_BYTES]);

#endif
