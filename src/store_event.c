/*
 * Typed statements on event.
 */
#include "store_event.h"

#include <string.h>

enum sw_err
store_event_ingest(
    struct db *db, const char *installation_id, const char *events_json, struct store_ingest *out)
{
	const struct db_param params[] = {DB_TEXT(installation_id), DB_TEXT(events_json)};
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_EVENT_INGEST, params, &result);

	memset(out, 0, sizeof(*out));
	if (err != SW_OK)
		return err;
	out->known = db_result_bool(result, 0, 0);
	out->stored = db_result_int(result, 0, 1);
	out->page = db_result_bool(result, 0, 2);
	out->work = db_result_bool(result, 0, 3);
	out->removed = db_result_bool(result, 0, 4);
	db_result_free(result);
	return SW_OK;
}

enum sw_err
store_event_keep_partitions(struct db *db, int64_t *changes)
{
	struct db_result *result;
	enum sw_err err = db_exec(db, STMT_EVENT_KEEP_PARTITIONS, NULL, &result);

	*changes = err == SW_OK ? db_result_int(result, 0, 0) : 0;
	db_result_free(result);
	return err;
}
