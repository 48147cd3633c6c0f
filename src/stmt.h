#ifndef SWITCHBOARD_STMT_H
#define SWITCHBOARD_STMT_H

#include <stdbool.h>

/*
 * Every SQL statement that Switchboard sends, in one table.  Callers pass the
 * id, never text.  The typed functions of store_*.c are their only users.
 */
enum stmt_id {
	STMT_BEGIN,
	STMT_COMMIT,
	STMT_ROLLBACK,
	STMT_LISTEN_PAGE,
	STMT_LISTEN_WORK,
	STMT_PING,
	STMT__MAX
};

struct stmt {
	const char *name; /* of the prepared statement, and in logs */
	const char *text;
	int params;
	bool repeatable; /* a read, or safe to run twice: may be sent again after a lost connection */
	bool unprepared; /* BEGIN, LISTEN and the like: not worth preparing */
};

/* The table row of an id; never NULL. */
const struct stmt *stmt_get(enum stmt_id id);

#endif
