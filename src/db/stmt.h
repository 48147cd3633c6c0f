#ifndef SWITCHBOARD_DB_STMT_H
#define SWITCHBOARD_DB_STMT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Every SQL statement that Switchboard sends, in one table.  Callers pass the
 * id, never text.  The typed functions of store/ are their only users.
 */
enum stmt_id {
	/* the connection itself */
	STMT_LISTEN_PAGE,
	STMT_LISTEN_WORK,
	STMT_WAKE,

	/* signing in (store/session) */
	STMT_OAUTH_STATE_PUT,
	STMT_OAUTH_STATE_TAKE,
	STMT_SESSION_LOAD,
	STMT_SESSION_END,
	STMT_SESSION_LIST,
	STMT_SESSION_END_ONE,
	STMT_SESSION_END_OTHERS,
	STMT_SESSION_REACH,
	STMT_SESSION_SEEN,

	/* who may come in (store/invitation) */
	STMT_INVITATION_MAY_MAKE,
	STMT_INVITATION_MAKE,
	STMT_INVITATION_LIST,
	STMT_INVITATION_WITHDRAW,
	STMT_INVITATION_IS_OPEN,

	/* installations (store/installation) */
	STMT_INSTALLATION_LINK,
	STMT_ACCESS_OFFER_TAKE,
	STMT_INSTALLATION_DISCONNECT,
	STMT_INSTALLATION_LIST,
	STMT_INSTALLATION_SET_OWNER,
	STMT_INSTALLATION_SET_LOCATION,
	STMT_INSTALLATION_UNINSTALLED,

	/* webhooks (store/event, store/signing_key, store/confirmation) */
	STMT_EVENT_INGEST,
	STMT_EVENT_LOCKED,
	STMT_LOCK_TIMEOUT_SHORT,
	STMT_LOCK_TIMEOUT_RESET,
	STMT_EVENT_PARTITION_MAKE,
	STMT_EVENT_PARTITION_OLD,
	STMT_EVENT_PARTITION_DETACH,
	STMT_EVENT_PARTITION_FINALIZE,
	STMT_EVENT_PARTITION_DETACH_LOCKED,
	STMT_EVENT_PARTITION_DROP,
	STMT_EVENT_STRAY_PRUNE,
	STMT_SIGNING_KEY_FIND,
	STMT_SIGNING_KEY_PUT,
	STMT_SIGNING_KEY_FORGET,
	STMT_CONFIRMATION_PUT,
	STMT_CONFIRMATION_URL,
	STMT_CONFIRMATION_FINISH,

	/* the page (store/switch, store/stream, store/command, store/health) */
	STMT_SWITCH_LIST,
	STMT_PAGE_CHANGES,
	STMT_SWITCH_HISTORY,
	STMT_SWITCH_IS_OF,
	STMT_LOCATION_IS_OF,
	STMT_COMMAND_REQUEST,
	STMT_COMMAND_REQUEST_MANY,
	STMT_HEALTH,
	STMT_METRICS,

	/* the worker (store/work, store/api_call, store/token, store/sync, store/command) */
	STMT_WORKER_SEEN,
	STMT_CATCH_UP_SOME,
	STMT_WORKER_RELEASE,
	STMT_WORK_NEXT_MS,
	STMT_WORK_CLAIM,
	STMT_WORK_KEEP,
	STMT_WORK_PUT,
	STMT_WORK_DONE,
	STMT_WORK_FAILED,
	STMT_WORK_WAIT_FOR_TOKEN,
	STMT_PAUSE_PUT,
	STMT_PACE_TAKE,
	STMT_TOKEN_LOAD,
	STMT_TOKEN_TO_REFRESH,
	STMT_TOKEN_STORE,
	STMT_TOKEN_SPOOLED,
	STMT_TOKEN_REFUSED,
	STMT_TOKEN_FAILED,
	STMT_TOKEN_DEAD,
	STMT_TOKEN_REFRESH_REFUSED,
	STMT_TOKEN_SEAL_DUE,
	STMT_TOKEN_SEAL_NEXT,
	STMT_TOKEN_RESEAL,
	STMT_TOKEN_UNOPENED,
	STMT_SEAL_CANARY_CHECK,
	STMT_SEAL_CANARY_SAMPLE,
	STMT_SEAL_CANARY_PUT,
	STMT_SEAL_CANARY_SEEN,
	STMT_SYNC_PLAN,
	STMT_SYNC_PROGRESS,
	STMT_SYNC_APPLY,
	STMT_SYNC_AGAIN,
	STMT_SUBSCRIPTION_REPLACE,
	STMT_COMMAND_CLAIM,
	STMT_COMMAND_ACCEPTED,
	STMT_COMMAND_FAILED,
	STMT_COMMAND_RETRY,
	STMT_COMMAND_OVERDUE,
	STMT_COMMAND_FAIL_OVERDUE,
	STMT_COMMAND_PRUNE,
	STMT_API_CALL_COUNT,
	STMT_API_CALL_COUNT_MANY,
	STMT_API_CALL_PRUNE,
	STMT_API_CALLS_THIS_MONTH,
	STMT_API_CALL_BUDGET,
	STMT_API_CALL_USED,

	STMT__MAX
};

struct stmt {
	const char *name; /* of the prepared statement, and in logs */
	const char *text;
	int params;
	bool repeatable; /* a read, or safe to run twice: sent again after a lost connection */
	bool unprepared; /* LISTEN: not worth preparing */
	/*
	 * $1 is the name of a table, which is put into the text, for the server takes no parameter
	 * there.  Lower-case letters, digits and "_" only, asserted; the others are values.
	 */
	bool names_table;
};

/* A parameter.  Text is the common case; "bytes" carries a bytea.  NULL text is SQL NULL. */
struct db_param {
	const char *text;
	const void *bytes; /* with length: bytea */
	size_t length;
};
#define DB_NULL ((struct db_param){0})
#define DB_TEXT(value) ((struct db_param){.text = (value)})
#define DB_BYTES(data, n) ((struct db_param){.bytes = (data), .length = (n)})

/* The table row of an id; never NULL. */
const struct stmt *stmt_get(enum stmt_id id);

#endif
