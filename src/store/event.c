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
store_event_locked(struct db *db, const struct store_webhook *webhooks, size_t count, bool *locked)
{
	struct db_result *result = NULL;
	struct sbuf ids = {0};
	enum sw_err err = SW_ENOMEM;

	memset(locked, 0, count * sizeof(*locked));
	for (size_t i = 0; i < count; i++)
		store_array_put(&ids, webhooks[i].installation_id);
	store_array_end(&ids);
	if (!sbuf_failed(&ids)) {
		const struct db_param params[] = {DB_TEXT(sbuf_text(&ids))};

		err = db_exec(db, STMT_EVENT_LOCKED, params, &result);
	}
	if (err == SW_OK) {
		assert((size_t)db_result_rows(result) == count);
		for (size_t i = 0; i < count; i++)
			locked[i] = db_result_bool(result, (int)i, 0);
	}
	db_result_free(result);
	sbuf_clear(&ids);
	return err;
}

enum sw_err
store_event_partition_make(struct db *db, int64_t *made)
{
	return store_query_int(db, STMT_EVENT_PARTITION_MAKE, NULL, 0, made);
}

/*
 * CONCURRENTLY: it makes transactions of its own, and so cannot be in a function; only the owner of
 * the table may.
 */
static enum sw_err
detach_concurrently(struct db *db, enum stmt_id id, const char *name)
{
	const struct db_param params[] = {DB_TEXT(name)};
	enum sw_err err = db_exec(db, STMT_LOCK_TIMEOUT_SHORT, NULL, NULL);
	enum sw_err reset_err;

	if (err != SW_OK)
		return err;
	err = db_exec(db, id, params, NULL);
	reset_err = db_exec(db, STMT_LOCK_TIMEOUT_RESET, NULL, NULL);
	return err != SW_OK ? err : reset_err;
}

static enum sw_err
detach(struct db *db, const char *name, bool pending, bool own)
{
	const struct db_param params[] = {DB_TEXT(name)};

	if (!own)
		return db_exec(db, STMT_EVENT_PARTITION_DETACH_LOCKED, params, NULL);
	return detach_concurrently(
	    db, pending ? STMT_EVENT_PARTITION_FINALIZE : STMT_EVENT_PARTITION_DETACH, name);
}

static enum sw_err
detach_oldest(struct db *db, const struct db_param *days, int64_t *changes)
{
	struct db_result *old = NULL;
	enum sw_err err = db_exec(db, STMT_EVENT_PARTITION_OLD, days, &old);

	if (err == SW_OK && db_result_rows(old) > 0) {
		err = detach(db, db_result_text(old, 0, 0), db_result_bool(old, 0, 1),
		    db_result_bool(old, 0, 2));
		*changes += err == SW_OK;
	}
	db_result_free(old);
	return err;
}

enum sw_err
store_event_retire(struct db *db, struct arena *arena, int64_t days_kept, int64_t *changes)
{
	const struct db_param days[] = {DB_TEXT(db_int_text(arena, days_kept))};
	enum sw_err detach_err, drop_err, prune_err;
	int64_t pruned;
	bool dropped;

	*changes = 0;
	if (days[0].text == NULL)
		return SW_ENOMEM;
	detach_err = detach_oldest(db, days, changes);
	drop_err = store_query_bool(db, STMT_EVENT_PARTITION_DROP, NULL, &dropped);
	prune_err = store_query_int(db, STMT_EVENT_STRAY_PRUNE, days, 0, &pruned);
	*changes += dropped + pruned;
	if (detach_err != SW_OK)
		return detach_err;
	return drop_err != SW_OK ? drop_err : prune_err;
}
