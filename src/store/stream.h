#ifndef SWITCHBOARD_STORE_STREAM_H
#define SWITCHBOARD_STORE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/secret.h"
#include "db/db.h"
#include "store/switch.h"

/*
 * What the event streamer reads: changes after a cursor, and what each session may see.  Errors
 * are db_exec()'s, and SW_ENOMEM.
 */
enum page_change_kind {
	PAGE_CHANGE_SWITCH,       /* row */
	PAGE_CHANGE_COMMAND,      /* failed: row (device, component, level), code, command */
	PAGE_CHANGE_SYNC,         /* row.state, row.location, code, found, structure */
	PAGE_CHANGE_INSTALLATION, /* row.state is its status, row.location */
	PAGE_CHANGE_MARK,         /* no changes up to row.seq are left; row.state is its status */
	PAGE_CHANGE__MAX
};

/*
 * One change; text is borrowed until page_changes_free().  A failed command whose row.waiting is
 * true was never sent.
 */
struct page_change {
	enum page_change_kind kind;
	struct switch_row row;
	const char *code;    /* why a command or a sync failed, or NULL */
	const char *command; /* on, off, setLevel */
	const char *command_id;
	int64_t found;  /* devices, by a sync that runs */
	bool structure; /* names, rooms or the list of devices changed */
};

struct page_changes {
	struct db_result *result;
	int count;
};

/* Most installations of one store_page_changes() call. */
#define PAGE_CHANGES_MAX 200

/*
 * Everything of "count" installations after their cursors, in one snapshot,
 * ordered by installation and seq; each existing installation has exactly one mark (not necessarily
 * last).  *out is the caller's, page_changes_free().
 */
SW_MUSTCHECK enum sw_err store_page_changes(struct db *db, const char *const *installations,
    const int64_t *cursors, size_t count, struct page_changes *out);

/* Row i, 0 <= i < count. */
void page_changes_get(const struct page_changes *changes, int i, struct page_change *out);

/* An all-zero struct is fine. */
void page_changes_free(struct page_changes *changes);

/*
 * The row in a wake-up (notify.h): one switch, which is all that changed at its seq.
 * "installation_id" is borrowed; other text until page_notice_free().
 */
struct page_notice {
	json_t *json;
	struct page_change change;
};

/* SW_EINPUT: not such a row; SW_ENOMEM.  *out need not be freed then. */
SW_MUSTCHECK enum sw_err
page_notice_read(const char *installation_id, const char *json, struct page_notice *out);

/* An all-zero struct is fine. */
void page_notice_free(struct page_notice *notice);

/* Sessions that have not ended, with the installations each may see, ordered by session. */
struct session_reach {
	struct db_result *result;
	int count;
};

/* Most sessions of one store_session_reach() call. */
#define SESSION_REACH_MAX 500

/* "hashes" may name a session twice.  *out is the caller's, session_reach_free(). */
SW_MUSTCHECK enum sw_err store_session_reach(struct db *db,
    const uint8_t (*hashes)[SECRET_SHA256_BYTES], size_t count, struct session_reach *out);

/*
 * The rows of one session: returns how many there are, 0 when the session has ended; *first is the
 * index of the first.
 */
int session_reach_find(
    const struct session_reach *reach, const uint8_t hash[static SECRET_SHA256_BYTES], int *first);

/* Whose session a row is of. */
int64_t session_reach_user(const struct session_reach *reach, int row);

/* Installation of a row, borrowed until session_reach_free(). */
const char *session_reach_installation(const struct session_reach *reach, int row);

/* An all-zero struct is fine. */
void session_reach_free(struct session_reach *reach);

/* Record that these sessions, which have a page open, are in use.  At most SESSION_REACH_MAX. */
SW_MUSTCHECK enum sw_err
store_session_seen(struct db *db, const uint8_t (*hashes)[SECRET_SHA256_BYTES], size_t count);

#endif
