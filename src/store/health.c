/* How everything is: a few figures, each one statement. */
#include "store/health.h"

enum sw_err
store_health(struct db *db, struct health *out)
{
	struct db_result *result = NULL;
	enum sw_err err = db_exec(db, STMT_HEALTH, NULL, &result);

	*out = (struct health){0};
	if (err == SW_OK) {
		out->schema = db_result_int(result, 0, 0);
		out->workers = db_result_int(result, 0, 1);
	}
	db_result_free(result);
	return err;
}

static enum sw_err
read_metrics(struct arena *arena, const struct db_result *result, struct metric_list *out)
{
	int rows = db_result_rows(result);
	struct metric *metrics = arena_alloc(arena, (size_t)rows * sizeof(*metrics));

	if (metrics == NULL)
		return SW_ENOMEM;
	for (int i = 0; i < rows; i++) {
		metrics[i].name = arena_strdup(arena, db_result_text(result, i, 0));
		metrics[i].label = arena_strdup(arena, db_result_text(result, i, 1));
		metrics[i].value = arena_strdup(arena, db_result_text(result, i, 2));
		if (metrics[i].name == NULL || metrics[i].label == NULL || metrics[i].value == NULL)
			return SW_ENOMEM;
	}
	out->count = (size_t)rows;
	out->metrics = metrics;
	return SW_OK;
}

enum sw_err
store_metrics(struct db *db, struct arena *arena, struct metric_list *out)
{
	struct db_result *result = NULL;
	enum sw_err err = db_exec(db, STMT_METRICS, NULL, &result);

	*out = (struct metric_list){0};
	if (err == SW_OK)
		err = read_metrics(arena, result, out);
	db_result_free(result);
	return err;
}
