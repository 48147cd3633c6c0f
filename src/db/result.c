/*
 * Reading a result of db_exec().  What it hides: a struct db_result is a PGresult of libpq.
 */
#include "db/db.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

static const PGresult *
pg(const struct db_result *result)
{
	return (const PGresult *)result;
}

const char *
db_int_text(struct arena *arena, int64_t value)
{
	return arena_printf(arena, "%" PRId64, value);
}

int
db_result_rows(const struct db_result *result)
{
	return PQntuples(pg(result));
}

bool
db_result_is_null(const struct db_result *result, int row, int column)
{
	return PQgetisnull(pg(result), row, column) != 0;
}

const char *
db_result_text(const struct db_result *result, int row, int column)
{
	const char *text = PQgetvalue(pg(result), row, column);

	return text == NULL ? "" : text;
}

const char *
db_result_text_or_null(const struct db_result *result, int row, int column)
{
	return db_result_is_null(result, row, column) ? NULL : db_result_text(result, row, column);
}

int64_t
db_result_int(const struct db_result *result, int row, int column)
{
	const char *text = db_result_text(result, row, column);
	bool is_negative = *text == '-';
	uint64_t value = 0;

	/* PostgreSQL writes an integer without spaces, "+" or leading zeros, and it fits. */
	for (text += is_negative; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	if (*text != '\0')
		return 0;
	return is_negative ? (int64_t)-value : (int64_t)value;
}

bool
db_result_bool(const struct db_result *result, int row, int column)
{
	return strcmp(db_result_text(result, row, column), "t") == 0;
}

uint8_t *
db_result_bytes(const struct db_result *result, int row, int column, size_t *length)
{
	const char *text = db_result_text_or_null(result, row, column);
	unsigned char *decoded;
	uint8_t *copy;

	*length = 0;
	if (text == NULL)
		return NULL;
	decoded = PQunescapeBytea((const unsigned char *)text, length);
	if (decoded == NULL)
		return NULL;
	copy = malloc(*length + 1);
	if (copy != NULL) {
		memcpy(copy, decoded, *length);
		copy[*length] = '\0';
	} else {
		*length = 0;
	}
	PQfreemem(decoded);
	return copy;
}

void
db_result_free(struct db_result *result)
{
	PQclear((PGresult *)result);
}
