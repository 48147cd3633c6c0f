/*
 * Typed statements on event.
 */
#include "store/event.h"

#include <assert.h>
#include <string.h>

#include "base/sbuf.h"
#include "store/query.h"

/* The ids as an array of PostgreSQL, the events as one of JSON. */
static void
put_webhooks(
    const struct store_webhook *webhooks, size_t count, struct sbuf *ids, struct sbuf *events)
{
	sbuf_put_char(events, '[');
	for (size_t i = 0; i < count; i++) {
		store_array_put(ids, webhooks[i].installation_id);
		if (i > 0)
			sbuf_put_char(events, ',');
		sbuf_put_text(events, webhooks[i].events_json);
	}
	store_array_end(ids);
	sbuf_put_char(events, ']');
}

static void
read_ingest(const struct db_result *result, int row, struct store_ingest *out)
{
	out->known = db_result_bool(result, row, 0);
	out->stored = db_result_int(result, row, 1);
	out->page = db_result_bool(result, row, 2);
	out->work = db_result_bool(result, row, 3);
	out->removed = db_result_bool(result, row, 4);
}

enum sw_err
store_event_ingest(struct db *db, const struct store_webhook *webhooks, size_t count,
    bool notify_inline, struct store_ingest *out)
{
	struct db_result *result = NULL;
	struct sbuf ids = {0};
	struct sbuf events = {0};
	enum sw_err err = SW_ENOMEM;

	memset(out, 0, count * sizeof(*out));
	put_webhooks(webhooks, count, &ids, &events);
	if (!sbuf_failed(&ids) && !sbuf_failed(&events)) {
		const struct db_param params[] = {DB_TEXT(sbuf_text(&ids)),
		    DB_TEXT(sbuf_text(&events)), DB_TEXT(notify_inline ? "t" : "f")};

		err = db_exec(db, STMT_EVENT_INGEST, params, &result);
	}
	if (err == SW_OK) {
		assert((size_t)db_result_rows(result) == count);
		for (size_t i = 0; i < count; i++)
			read_ingest(result, (int)i, &out[i]);
	}
	db_result_free(result);
	sbuf_clear(&events);
	sbuf_clear(&ids);
	return err;
}

enum sw_err
store_event_keep_partitions(struct db *db, int64_t *changes)
{
	return store_query_int(db, STMT_EVENT_KEEP_PARTITIONS, NULL, 0, changes);
}
