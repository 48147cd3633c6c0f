/*
 * The text of every SQL statement.  The heavy lifting is in functions of
 * sql/; what stands here is calls and single-table reads.
 */
#include "stmt.h"

#include <assert.h>
#include <stddef.h>

static const struct stmt statements[] = {
	[STMT_BEGIN] = {"begin", "BEGIN", 0, .unprepared = true},
	[STMT_COMMIT] = {"commit", "COMMIT", 0, .unprepared = true},
	[STMT_ROLLBACK] = {"rollback", "ROLLBACK", 0, .unprepared = true},
	[STMT_LISTEN_PAGE] = {"listen_page", "LISTEN switchboard_page", 0, .unprepared = true},
	[STMT_LISTEN_WORK] = {"listen_work", "LISTEN switchboard_work", 0, .unprepared = true},
	[STMT_PING] = {"ping", "SELECT 1", 0, .repeatable = true},
};
_Static_assert(sizeof(statements) / sizeof(statements[0]) == STMT__MAX, "a text for every id");

const struct stmt *
stmt_get(enum stmt_id id)
{
	assert(id >= 0 && id < STMT__MAX);
	return &statements[id];
}
