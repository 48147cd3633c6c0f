/* Figures about the whole service, each set of them one statement. */
#include "store/health.h"

#include "store/query.h"

enum sw_err
store_health(struct db *db, struct health *out)
{
	struct db_result *result = NULL;
	enum sw_err err = db_exec(db, STMT_HEALTH, NULL, &result);

	*out = (struct health){0};
	if (err == SW_OK) {
		out->schema = db_result_int(result, 0, 0);
		out->workers = db_result_int(result, 0, 1);
		out->event_days_ahead = db_result_int(result, 0, 2);
		out->workers_lacking_key = db_result_int(result, 0, 3);
		out->client_refused = db_result_bool(result, 0, 4);
	}
	db_result_free(result);
	return err;
}

static void
read_metric(struct store_row *row, void *out)
{
	struct metric *metric = out;

	metric->name = store_row_text(row, 0);
	metric->label = store_row_text(row, 1);
	metric->value = store_row_text(row, 2);
}

enum sw_err
store_metrics(struct db *db, struct arena *arena, struct metric_list *out)
{
	struct store_list list;
	enum sw_err err = store_query_list(
	    db, arena, STMT_METRICS, NULL, read_metric, sizeof(struct metric), &list);

	*out = (struct metric_list){list.count, list.elements};
	return err;
}
