/*
 * Typed statements on access.
 */
#include "store/access.h"

#include "store/query.h"

enum sw_err
store_access_offer_take(struct db *db, struct arena *arena, const struct store_offer_answer *answer,
    struct store_offer_taken *out)
{
	const uint8_t *new_session = answer->new_session;
	const struct db_param params[] = {
	    DB_BYTES(answer->offer, SECRET_SHA256_BYTES),
	    DB_BYTES(answer->session, SECRET_SHA256_BYTES),
	    DB_TEXT(new_session != NULL ? "t" : "f"),
	    new_session != NULL ? DB_BYTES(new_session, SECRET_SHA256_BYTES) : DB_NULL,
	    DB_TEXT(answer->user_agent),
	};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_ACCESS_OFFER_TAKE, params, &result);

	*out = (struct store_offer_taken){0};
	if (err != SW_OK)
		return err;
	if (db_result_rows(result) == 1) {
		out->installation_id = arena_strdup(arena, db_result_text(result, 0, 0));
		out->user_id = db_result_int(result, 0, 1);
		err = out->installation_id != NULL ? SW_OK : SW_ENOMEM;
	} else {
		err = SW_ENOTFOUND;
	}
	db_result_free(result);
	return err;
}
