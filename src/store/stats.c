/*
 * The count of calls to the platform, kept by api_call_count() in sql/.
 */
#include "store/stats.h"

#include <stdio.h>

enum sw_err
store_api_call_count(struct db *db, const char *installation_id, const char *endpoint, int status)
{
	char number[16];
	struct db_param params[] = {
	    DB_TEXT(installation_id),
	    DB_TEXT(endpoint),
	    DB_TEXT(number),
	};

	snprintf(number, sizeof(number), "%d", status);
	return db_exec(db, STMT_API_CALL_COUNT, params, NULL);
}

enum sw_err
store_api_calls_this_month(struct db *db, int64_t *out)
{
	struct db_result *result;
	enum sw_err err;

	*out = 0;
	err = db_exec(db, STMT_API_CALLS_THIS_MONTH, NULL, &result);
	if (err != SW_OK)
		return err;
	if (db_result_rows(result) > 0)
		*out = db_result_int(result, 0, 0);
	db_result_free(result);
	return SW_OK;
}
