#ifndef SWITCHBOARD_STORE_QUERY_H
#define SWITCHBOARD_STORE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"
#include "db/db.h"

/*
 * What the typed functions of this folder share: statements that give one value or a list of rows,
 * and PostgreSQL's array literals.  A query is one round trip, with the errors of db_exec().
 */

/* A statement that answers yes or no; *yes is false on failure, for NULL and without a row. */
SW_MUSTCHECK enum sw_err
store_query_bool(struct db *db, enum stmt_id id, const struct db_param *params, bool *yes);

/* The same, where no is the error "otherwise". */
SW_MUSTCHECK enum sw_err store_query_require(
    struct db *db, enum stmt_id id, const struct db_param *params, enum sw_err otherwise);

/* A statement that gives one number; *out is "fallback" on failure, for NULL and without a row. */
SW_MUSTCHECK enum sw_err store_query_int(
    struct db *db, enum stmt_id id, const struct db_param *params, int64_t fallback, int64_t *out);

/* One row of a list while it is read. */
struct store_row {
	struct arena *arena;
	const struct db_result *result;
	int index;
	enum sw_err err; /* sticky: the list has failed */
	bool is_skipped; /* set by the reader: this row is not for the list */
};

/* A copy of a text in the arena, "" for NULL; SW_ENOMEM in row->err. */
const char *store_row_text(struct store_row *row, int column);

/* The same, but NULL for NULL. */
const char *store_row_text_or_null(struct store_row *row, int column);

/* 0 for NULL. */
int64_t store_row_int(const struct store_row *row, int column);

/* False for NULL. */
bool store_row_bool(const struct store_row *row, int column);

/* Fills one element of the list, which is all zero before. */
typedef void store_read_fn(struct store_row *row, void *out);

/* "count" elements in the arena. */
struct store_list {
	void *elements;
	size_t count;
};

/*
 * Run a statement and read each of its rows with "read" into an element of "size" bytes.  On
 * failure *out is empty.  SW_ENOMEM, and what "read" leaves in row->err.
 */
SW_MUSTCHECK enum sw_err store_query_list(struct db *db, struct arena *arena, enum stmt_id id,
    const struct db_param *params, store_read_fn *read, size_t size, struct store_list *out);

/*
 * An array literal, element by element; begin with an empty buffer.  Text is quoted and escaped, so
 * that it may be anything, "NULL" too.
 */
void store_array_put(struct sbuf *array, const char *text);

/* The same for a number. */
void store_array_put_int(struct sbuf *array, int64_t number);

/* Close the array, which may have no elements. */
void store_array_end(struct sbuf *array);

#endif
