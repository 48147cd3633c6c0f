#ifndef SWITCHBOARD_STORE_INSTALLATION_H
#define SWITCHBOARD_STORE_INSTALLATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/secret.h"
#include "db/db.h"
#include "smartthings/oauth.h"

/*
 * Statements on installation.  Each is one round trip, with the errors of db_exec() besides those
 * named.  What they give lives in the arena.
 */

/* A successful authorization; everything is borrowed. */
struct store_link {
	const struct oauth_tokens *tokens; /* with installed_app_id and owner_account_id */
	const struct seal_keys *seal_keys;
	const uint8_t *old_session; /* hash of the session that this browser had, or NULL */
	const uint8_t *new_session; /* hash of the one to open */
	const char *user_agent;     /* UTF-8, or NULL */
	const uint8_t *offer;       /* hash of the random word for STORE_LINK_ASKED */
	const char *sign_up;        /* SWITCHBOARD_SIGN_UP */
	const uint8_t *invitation;  /* hash of the code that this browser accepted, or NULL */
};

enum store_link_outcome {
	STORE_LINK_SIGNED_IN, /* the new session is the owner's; the old one has ended */
	STORE_LINK_KEPT,      /* the old session stays: another person's, who sees it already */
	STORE_LINK_ASKED,     /* the same, who does not: see store/access.h */
	STORE_LINK_REFUSED,   /* the owner may not sign up; nothing was stored */
	STORE_LINK_OTHERS,    /* the same, of an installation that other people have linked */
	STORE_LINK__MAX
};

/* What came of it.  Names are NULL when not known, and but for STORE_LINK_ASKED. */
struct store_linked {
	enum store_link_outcome outcome;
	int64_t user_id;      /* who is signed in in this browser; 0 when refused */
	int64_t owner;        /* who sees it as its owner; 0 when refused */
	const char *here;     /* what that person has linked */
	const char *location; /* what was linked now */
};

/*
 * Store it in one transaction: installation, sealed tokens, the first jobs, its owner's access, and
 * a new session for the owner unless another person is signed in; an invitation that they needed is
 * used up.  SW_ECONFLICT: repeat it, unless
 * the session is there already because an earlier try without an answer was carried out.
 * SW_EINTERNAL when sealing fails.
 */
SW_MUSTCHECK enum sw_err store_installation_link(
    struct db *db, struct arena *arena, const struct store_link *link, struct store_linked *out);

/* What a page shows about one location. */
struct store_installation {
	const char *installation_id;
	const char *location_name; /* NULL before the first sync */
	const char *status;        /* linking, active, needs_reauth */
	const char *sync_state;    /* queued, running, done, failed */
	int64_t sync_found;
	const char *sync_error; /* or NULL */
	int64_t seq;
	bool synced; /* at least once */
	bool owned;  /* by this user; else its owner shows it to them */
};

/* All locations that a user sees but the removed ones, by name.  SW_ENOMEM. */
SW_MUSTCHECK enum sw_err store_installation_list(struct db *db, struct arena *arena,
    int64_t user_id, struct store_installation **out, size_t *count);

/*
 * An owner's: hide it and queue the uninstall at the platform.  One that is only shown to this user
 * leaves their pages.  SW_ENOTFOUND: they do not see it.
 */
SW_MUSTCHECK enum sw_err store_installation_disconnect(
    struct db *db, struct arena *arena, int64_t user_id, const char *installation_id);

/*
 * Record the owner that the platform names, unless one is known; nobody's access is merged with
 * another's.  An earlier installation of the same location and owner is erased: the platform gives
 * a location a new id when it is linked after an uninstall.
 */
SW_MUSTCHECK enum sw_err
store_installation_set_owner(struct db *db, const char *installation_id, const char *owner_id);

/*
 * Record its location as soon as it is known: the subscriptions wait for it.  Erases an earlier
 * installation as store_installation_set_owner() does.
 */
SW_MUSTCHECK enum sw_err store_installation_set_location(
    struct db *db, const char *installation_id, const char *location_id);

/*
 * Delete everything about it, tokens and work too, after its uninstall under this claim
 * (store/work.h).  Not to be repeated.  SW_ENOTFOUND: the claim has ended, because the location was
 * linked again or another worker has it; nothing is deleted.
 */
SW_MUSTCHECK enum sw_err store_installation_uninstalled(
    struct db *db, struct arena *arena, const char *installation_id, int64_t claim);

#endif
