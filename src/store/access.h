#ifndef SWITCHBOARD_STORE_ACCESS_H
#define SWITCHBOARD_STORE_ACCESS_H

#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/secret.h"
#include "db/db.h"

/*
 * A location that was linked in a browser where somebody else is signed in: to whom is it shown?
 * Asked once, of that browser, for ten minutes (STORE_LINK_ASKED of store/installation.h).
 */
struct store_offer_answer {
	const uint8_t *offer;       /* hash of the word in the form */
	const uint8_t *session;     /* hash of the browser's session */
	const uint8_t *new_session; /* its owner signs in with this one; NULL: show it here */
	const char *user_agent;     /* UTF-8, or NULL */
};

struct store_offer_taken {
	const char *installation_id; /* in the arena */
	int64_t user_id;             /* who was signed in in that browser */
};

/*
 * Take the answer: the person signed in sees the location from now on, or their session ends and
 * the owner's begins.  One round trip, not to be repeated.  SW_ENOTFOUND: asked of nobody, of
 * another browser, too long ago, or answered; SW_ENOMEM; errors of db_exec().
 */
SW_MUSTCHECK enum sw_err store_access_offer_take(struct db *db, struct arena *arena,
    const struct store_offer_answer *answer, struct store_offer_taken *out);

#endif
