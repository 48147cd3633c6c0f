/*
 * Typed statements on invitation.
 */
#include "store/invitation.h"

#include "store/query.h"

enum sw_err
store_invitation_may_make(struct db *db, struct arena *arena, int64_t user_id, bool *may)
{
	const struct db_param params[] = {DB_TEXT(db_int_text(arena, user_id))};

	return store_query_bool(db, STMT_INVITATION_MAY_MAKE, params, may);
}

enum sw_err
store_invitation_make(struct db *db, struct arena *arena, int64_t user_id,
    const uint8_t code[static SECRET_SHA256_BYTES])
{
	const struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_BYTES(code, SECRET_SHA256_BYTES),
	};

	return store_query_require(db, STMT_INVITATION_MAKE, params, SW_ECONFLICT);
}

static void
read_invitation(struct store_row *row, void *out)
{
	struct store_invitation *invitation = out;

	invitation->public_id = store_row_text(row, 0);
	invitation->created_ms = store_row_int(row, 1);
	invitation->used_ms = store_row_int(row, 2);
}

enum sw_err
store_invitation_list(struct db *db, struct arena *arena, int64_t user_id,
    struct store_invitation **out, size_t *count)
{
	const struct db_param params[] = {DB_TEXT(db_int_text(arena, user_id))};
	struct store_list list;
	enum sw_err err = store_query_list(
	    db, arena, STMT_INVITATION_LIST, params, read_invitation, sizeof(**out), &list);

	*out = list.elements;
	*count = list.count;
	return err;
}

enum sw_err
store_invitation_withdraw(
    struct db *db, struct arena *arena, int64_t user_id, const char *public_id)
{
	const struct db_param params[] = {
	    DB_TEXT(db_int_text(arena, user_id)),
	    DB_TEXT(public_id),
	};

	return store_query_require(db, STMT_INVITATION_WITHDRAW, params, SW_ENOTFOUND);
}

enum sw_err
store_invitation_find(struct db *db, const uint8_t code[static SECRET_SHA256_BYTES])
{
	const struct db_param params[] = {DB_BYTES(code, SECRET_SHA256_BYTES)};

	return store_query_require(db, STMT_INVITATION_IS_OPEN, params, SW_ENOTFOUND);
}
