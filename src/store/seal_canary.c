/*
 * Typed statements on seal_canary.  What it hides: the known text, and the associated data that
 * binds it to the key's id.
 */
#include "store/seal_canary.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "store/query.h"
#include "store/token.h"

#define KNOWN_TEXT "switchboard"

static const struct seal_key *
find_key(const struct seal_keys *keys, const char *key_id)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (strcmp(keys->keys[i].id, key_id) == 0)
			return &keys->keys[i];
	}
	return NULL;
}

bool
store_canary_has_key(const struct seal_keys *keys, const char *key_id)
{
	return find_key(keys, key_id) != NULL;
}

/* The known text under one key. */
static enum sw_err
seal_known(struct arena *arena, const struct seal_key *key, uint8_t **out, size_t *length)
{
	struct seal_keys one = {.count = 1};
	const char *context = arena_printf(arena, "canary:%s", key->id);
	enum sw_err err = SW_ENOMEM;

	*out = NULL;
	one.keys[0] = *key;
	if (context != NULL)
		err = seal_close(&one, context, KNOWN_TEXT, strlen(KNOWN_TEXT), out, length);
	seal_keys_clear(&one);
	return err;
}

/* Does our key open it?  SW_EINPUT: it is another key's. */
static enum sw_err
open_known(struct store_row *row, const struct seal_keys *keys, const char *key_id)
{
	const char *context = arena_printf(row->arena, "canary:%s", key_id);
	size_t sealed_length, length = 0;
	uint8_t *sealed = db_result_bytes(row->result, row->index, 1, &sealed_length);
	char *plain = NULL;
	enum sw_err err = SW_ENOMEM;

	if (context != NULL && sealed != NULL)
		err = seal_open(keys, context, sealed, sealed_length, &plain, &length);
	secret_free(plain, length);
	free(sealed);
	return err;
}

/* A row while all are read: store_query_list() has no context of its own. */
static enum sw_err
read_canary(struct store_row *row, const struct seal_keys *keys, struct store_canary *out)
{
	enum sw_err err = SW_OK;

	out->key_id = store_row_text(row, 0);
	out->used = store_row_bool(row, 2);
	out->unseen_s = store_row_int(row, 3);
	out->elsewhere = store_row_bool(row, 4);
	if (row->err != SW_OK)
		return row->err;
	if (db_result_is_null(row->result, row->index, 1)) {
		out->state = STORE_CANARY_UNKNOWN;
	} else if (find_key(keys, out->key_id) == NULL) {
		out->state = STORE_CANARY_ABSENT;
	} else {
		err = open_known(row, keys, out->key_id);
		out->state = err == SW_OK ? STORE_CANARY_OURS : STORE_CANARY_WRONG;
	}
	return err == SW_EINPUT || err == SW_ENOTFOUND ? SW_OK : err;
}

static enum sw_err
read_canaries(struct arena *arena, const struct db_result *result, const struct seal_keys *keys,
    struct store_canaries *out)
{
	int rows = db_result_rows(result);
	struct store_row row = {.arena = arena, .result = result};
	struct store_canary *canaries = arena_alloc(arena, (size_t)rows * sizeof(*canaries));
	enum sw_err err = canaries != NULL ? SW_OK : SW_ENOMEM;

	for (; row.index < rows && err == SW_OK; row.index++)
		err = read_canary(&row, keys, &canaries[row.index]);
	if (err == SW_OK)
		*out = (struct store_canaries){(size_t)rows, canaries};
	return err;
}

enum sw_err
store_canary_check(
    struct db *db, struct arena *arena, const struct seal_keys *keys, struct store_canaries *out)
{
	struct db_result *result = NULL;
	uint8_t *sealed;
	size_t length;
	enum sw_err err = seal_known(arena, &keys->keys[0], &sealed, &length);

	*out = (struct store_canaries){0};
	if (err == SW_OK) {
		const struct db_param params[] = {
		    DB_TEXT(keys->keys[0].id), DB_BYTES(sealed, length)};

		err = db_exec(db, STMT_SEAL_CANARY_CHECK, params, &result);
	}
	if (err == SW_OK)
		err = read_canaries(arena, result, keys, out);
	db_result_free(result);
	free(sealed);
	return err;
}

static enum sw_err
put_known(struct db *db, struct arena *arena, const struct seal_key *key)
{
	uint8_t *sealed;
	size_t length;
	enum sw_err err = seal_known(arena, key, &sealed, &length);

	if (err == SW_OK) {
		const struct db_param params[] = {DB_TEXT(key->id), DB_BYTES(sealed, length)};

		err = db_exec(db, STMT_SEAL_CANARY_PUT, params, NULL);
	}
	free(sealed);
	return err;
}

enum sw_err
store_canary_prove(struct db *db, struct arena *arena, const struct seal_keys *keys,
    const char *key_id, bool *opened)
{
	const struct seal_key *key = find_key(keys, key_id);
	const struct db_param params[] = {DB_TEXT(key_id)};
	struct db_result *result = NULL;
	enum sw_err err = db_exec(db, STMT_SEAL_CANARY_SAMPLE, params, &result);

	*opened = false;
	for (int row = 0; err == SW_OK && !*opened && row < db_result_rows(result); row++)
		err = store_token_opens(arena, keys, result, row, opened);
	if (err == SW_OK && db_result_rows(result) == 0)
		*opened = true; /* gone meanwhile: the next check makes one */
	else if (err == SW_OK && *opened && key != NULL)
		err = put_known(db, arena, key);
	db_result_free(result);
	return err;
}

enum sw_err
store_canary_seen(
    struct db *db, const struct seal_keys *keys, const char *worker_id, const char *missing)
{
	struct sbuf ids = {0};
	enum sw_err err = SW_ENOMEM;

	for (size_t i = 0; i < keys->count; i++)
		store_array_put(&ids, keys->keys[i].id);
	store_array_end(&ids);
	if (!sbuf_failed(&ids)) {
		const struct db_param params[] = {
		    DB_TEXT(worker_id), DB_TEXT(sbuf_text(&ids)), DB_TEXT(missing)};

		err = db_exec(db, STMT_SEAL_CANARY_SEEN, params, NULL);
	}
	sbuf_clear(&ids);
	return err;
}
