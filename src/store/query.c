/*
 * Queries with answers of a common form.  What it hides: how a result's rows become structs, and
 * the syntax of array literals.
 */
#include "store/query.h"

#include <string.h>

enum sw_err
store_query_bool(struct db *db, enum stmt_id id, const struct db_param *params, bool *yes)
{
	struct db_result *result = NULL;
	enum sw_err err = db_exec(db, id, params, &result);

	*yes = err == SW_OK && db_result_rows(result) == 1 && db_result_bool(result, 0, 0);
	db_result_free(result);
	return err;
}

enum sw_err
store_query_require(
    struct db *db, enum stmt_id id, const struct db_param *params, enum sw_err otherwise)
{
	bool yes;
	enum sw_err err = store_query_bool(db, id, params, &yes);

	return err == SW_OK && !yes ? otherwise : err;
}

enum sw_err
store_query_int(
    struct db *db, enum stmt_id id, const struct db_param *params, int64_t fallback, int64_t *out)
{
	struct db_result *result = NULL;
	enum sw_err err = db_exec(db, id, params, &result);

	*out = fallback;
	if (err == SW_OK && db_result_rows(result) > 0 && !db_result_is_null(result, 0, 0))
		*out = db_result_int(result, 0, 0);
	db_result_free(result);
	return err;
}

const char *
store_row_text(struct store_row *row, int column)
{
	const char *copy =
	    arena_strdup(row->arena, db_result_text(row->result, row->index, column));

	if (copy == NULL)
		row->err = SW_ENOMEM;
	return copy;
}

const char *
store_row_text_or_null(struct store_row *row, int column)
{
	bool is_null = db_result_is_null(row->result, row->index, column);

	return is_null ? NULL : store_row_text(row, column);
}

int64_t
store_row_int(const struct store_row *row, int column)
{
	return db_result_int(row->result, row->index, column);
}

bool
store_row_bool(const struct store_row *row, int column)
{
	return db_result_bool(row->result, row->index, column);
}

static enum sw_err
read_rows(struct arena *arena, const struct db_result *result, store_read_fn *read, size_t size,
    struct store_list *out)
{
	int rows = db_result_rows(result);
	struct store_row row = {.arena = arena, .result = result};
	char *elements = arena_alloc(arena, (size_t)rows * size);
	size_t count = 0;

	if (elements == NULL)
		return SW_ENOMEM;
	for (; row.err == SW_OK && row.index < rows; row.index++) {
		char *element = elements + count * size;

		row.is_skipped = false;
		read(&row, element);
		if (row.is_skipped)
			memset(element, 0, size);
		else
			count++;
	}
	if (row.err == SW_OK)
		*out = (struct store_list){elements, count};
	return row.err;
}

enum sw_err
store_query_list(struct db *db, struct arena *arena, enum stmt_id id, const struct db_param *params,
    store_read_fn *read, size_t size, struct store_list *out)
{
	struct db_result *result = NULL;
	enum sw_err err = db_exec(db, id, params, &result);

	*out = (struct store_list){0};
	if (err == SW_OK)
		err = read_rows(arena, result, read, size, out);
	db_result_free(result);
	return err;
}

static void
begin_element(struct sbuf *array)
{
	sbuf_put_char(array, array->length == 0 ? '{' : ',');
}

void
store_array_put(struct sbuf *array, const char *text)
{
	begin_element(array);
	sbuf_put_char(array, '"');
	for (;;) {
		size_t length = strcspn(text, "\"\\");

		sbuf_put(array, text, length);
		text += length;
		if (*text == '\0')
			break;
		sbuf_put_char(array, '\\');
		sbuf_put_char(array, *text++);
	}
	sbuf_put_char(array, '"');
}

void
store_array_put_int(struct sbuf *array, int64_t number)
{
	begin_element(array);
	sbuf_put_int(array, number);
}

void
store_array_end(struct sbuf *array)
{
	if (array->length == 0)
		sbuf_put_char(array, '{');
	sbuf_put_char(array, '}');
}
