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
	const struct oauth_tokens *tokens; /* with installed_app_id, whose installation it is */
	const struct seal_keys *seal_keys;
	const uint8_t *old_session; /* hash of the session that this browser had, or NULL */
	const uint8_t *new_session; /* hash of the one to open */
	const char *user_agent;     /* UTF-8, or NULL */
};

/*
 * Store it in one transaction: installation, sealed tokens, the first jobs and a new session; the
 * old session ends.  SW_ECONFLICT: repeat it, unless the session is there already because an
 * earlier try without an answer was carried out.  SW_EINTERNAL when sealing fails.
 */
SW_MUSTCHECK enum sw_err store_installation_link(
    struct db *db, struct arena *arena, const struct store_link *link, int64_t *user_id);

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
};

/* All locations of a user but the removed ones, by name.  SW_ENOMEM. */
SW_MUSTCHECK enum sw_err store_installation_list(struct db *db, struct arena *arena,
    int64_t user_id, struct store_installation **out, size_t *count);

/* Hide it and queue the uninstall at the platform.  SW_ENOTFOUND: not theirs. */
SW_MUSTCHECK enum sw_err store_installation_disconnect(
    struct db *db, struct arena *arena, int64_t user_id, const char *installation_id);

/*
 * Record the owner that the platform names; two users that turn out to be one person are joined.
 * An earlier installation of the same location and owner is erased: the platform gives a location a
 * new id when it is linked after an uninstall.  NULL changes nothing.
 */
SW_MUSTCHECK enum sw_err
store_installation_set_owner(struct db *db, const char *installation_id, const char *owner_id);

/*
 * Record its location as soon as it is known: the subscriptions wait for it.  Erases an earlier
 * installation as store_installation_set_owner() does.
 */
SW_MUSTCHECK enum sw_err store_installation_set_location(
    struct db *db, const char *installation_id, const char *location_id);

/* Delete everything about it, tokens too. */
SW_MUSTCHECK enum sw_err store_installation_erase(struct db *db, const char *installation_id);

#endif
