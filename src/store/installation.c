/*
 * Typed statements on installation.
 */
#include "store/installation.h"

#include <string.h>

#include "store/query.h"
#include "store/token.h"

static struct db_param
hash_or_null(const uint8_t *hash)
{
	return hash != NULL ? DB_BYTES(hash, SECRET_SHA256_BYTES) : DB_NULL;
}

static const char *const outcomes[] = {
    [STORE_LINK_SIGNED_IN] = "signed_in",
    [STORE_LINK_KEPT] = "kept",
    [STORE_LINK_ASKED] = "asked",
    [STORE_LINK_REFUSED] = "refused",
    [STORE_LINK_OTHERS] = "others",
};
_Static_assert(
    sizeof(outcomes) / sizeof(outcomes[0]) == STORE_LINK__MAX, "a word for every outcome");

static void
read_linked(struct store_row *row, void *out)
{
	struct store_linked *linked = out;
	const char *outcome = db_result_text(row->result, row->index, 1);
	int which = 0;

	while (which < STORE_LINK__MAX && strcmp(outcomes[which], outcome) != 0)
		which++;
	if (which == STORE_LINK__MAX)
		row->err = SW_EINTERNAL;
	linked->outcome = (enum store_link_outcome)which;
	linked->user_id = store_row_int(row, 0);
	linked->here = store_row_text_or_null(row, 2);
	linked->location = store_row_text_or_null(row, 3);
	linked->owner = store_row_int(row, 4);
}

static enum sw_err
put_link(struct db *db, struct arena *arena, const struct store_link *link,
    const struct store_sealed *sealed, struct store_linked *out)
{
	const struct db_param params[] = {
	    DB_TEXT(link->tokens->installed_app_id),
	    DB_TEXT(link->tokens->owner_account_id),
	    DB_TEXT(link->tokens->scope),
	    DB_BYTES(sealed->access, sealed->access_length),
	    DB_BYTES(sealed->refresh, sealed->refresh_length),
	    DB_TEXT(sealed->key_id),
	    DB_TEXT(db_int_text(arena, link->tokens->expires_in_s)),
	    hash_or_null(link->old_session),
	    hash_or_null(link->new_session),
	    DB_TEXT(link->user_agent),
	    hash_or_null(link->offer),
	    DB_TEXT(link->sign_up),
	    hash_or_null(link->invitation),
	};
	struct store_list list;
	enum sw_err err;

	if (params[6].text == NULL)
		return SW_ENOMEM;
	err = store_query_list(
	    db, arena, STMT_INSTALLATION_LINK, params, read_linked, sizeof(*out), &list);
	if (err == SW_OK && list.count != 1)
		err = SW_EINTERNAL;
	if (err == SW_OK)
		*out = *(const struct store_linked *)list.elements;
	return err;
}

enum sw_err
store_installation_link(
    struct db *db, struct arena *arena, const struct store_link *link, struct store_linked *out)
{
	struct store_sealed sealed;
	enum sw_err err = store_token_seal(
	    arena, link->seal_keys, link->tokens->installed_app_id, link->tokens, &sealed);

	*out = (struct store_linked){0};
	if (err == SW_OK)
		err = put_link(db, arena, link, &sealed, out);
	store_sealed_clear(&sealed);
	return err;
}

static void
read_installation(struct store_row *row, void *out)
{
	struct store_installation *installation = out;

	installation->installation_id = store_row_text_or_null(row, 0);
	installation->location_name = store_row_text_or_null(row, 1);
	installation->status = store_row_text_or_null(row, 2);
	installation->sync_state = store_row_text_or_null(row, 3);
	installation->sync_found = store_row_int(row, 4);
	installation->sync_error = store_row_text_or_null(row, 5);
	installation->seq = store_row_int(row, 6);
	installation->synced = store_row_bool(row, 7);
	installation->owned = store_row_bool(row, 8);
}

enum sw_err
store_installation_list(struct db *db, struct arena *arena, int64_t user_id,
    struct store_installation **out, size_t *count)
{
	const struct db_param params[] = {DB_TEXT(db_int_text(arena, user_id))};
	struct store_list list;
	enum sw_err err = store_query_list(
	    db, arena, STMT_INSTALLATION_LIST, params, read_installation, sizeof(**out), &list);

	*out = list.elements;
	*count = list.count;
	return err;
}

enum sw_err
store_installation_disconnect(
    struct db *db, struct arena *arena, int64_t user_id, const char *installation_id)
{
	const struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_TEXT(installation_id),
	};

	return store_query_require(db, STMT_INSTALLATION_DISCONNECT, params, SW_ENOTFOUND);
}

enum sw_err
store_installation_set_location(struct db *db, const char *installation_id, const char *location_id)
{
	const struct db_param params[] = {DB_TEXT(installation_id), DB_TEXT(location_id)};

	return db_exec(db, STMT_INSTALLATION_SET_LOCATION, params, NULL);
}

enum sw_err
store_installation_set_owner(struct db *db, const char *installation_id, const char *owner_id)
{
	const struct db_param params[] = {DB_TEXT(installation_id), DB_TEXT(owner_id)};

	return db_exec(db, STMT_INSTALLATION_SET_OWNER, params, NULL);
}

enum sw_err
store_installation_uninstalled(
    struct db *db, struct arena *arena, const char *installation_id, int64_t claim)
{
	const struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(db_int_text(arena, claim)),
	};

	return store_query_require(db, STMT_INSTALLATION_UNINSTALLED, params, SW_ENOTFOUND);
}
