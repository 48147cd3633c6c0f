/* GET /api/history: the changes of one switch. */
#include "web/api.h"

#include <string.h>

#include "formats/number.h"
#include "store/switch.h"

#define HOURS_DEFAULT 24
#define HOURS_MAX 168

struct history_query {
	const char *device;
	const char *component;
	int hours;
};

/* 1 to 168 in digits, -1 for anything else. */
static int
parse_hours(const char *text)
{
	int64_t hours;

	return number_parse_text(text, 1, HOURS_MAX, &hours) == SW_OK ? (int)hours : -1;
}

static enum sw_err
read_query(const struct request *req, struct history_query *out)
{
	struct url_query query;
	bool twice = false;
	const char *hours;
	enum sw_err err = request_parse_query(req, &query);

	if (err != SW_OK)
		return err;
	out->device = url_query_get(&query, "deviceId", &twice);
	out->component = url_query_get(&query, "component", &twice);
	hours = url_query_get(&query, "hours", &twice);
	if (out->component == NULL)
		out->component = "main";
	out->hours = hours == NULL ? HOURS_DEFAULT : parse_hours(hours);
	if (twice || out->device == NULL || out->device[0] == '\0' || out->hours < 0)
		return SW_EINPUT;
	return url_id_is_valid(out->device) && url_id_is_valid(out->component) ? SW_OK
									       : SW_ENOTFOUND;
}

static json_t *
change_json(const struct switch_change *change)
{
	if (change->state != NULL)
		return json_pack("{s:s,s:s}", "at", change->at, "state", change->state);
	return json_pack("{s:s,s:i}", "at", change->at, "level", change->level);
}

static json_t *
changes_json(const struct switch_history *history)
{
	json_t *array = json_array();

	for (size_t i = 0; array != NULL && i < history->count; i++) {
		if (json_array_append_new(array, change_json(&history->changes[i])) != 0) {
			json_decref(array);
			array = NULL;
		}
	}
	return array;
}

enum sw_err
api_history(struct request_context *context)
{
	struct switch_history history;
	struct history_query query;
	struct db *db = context->program->db;
	struct arena *arena = context->req->arena;
	int64_t user_id = context->session.who.user_id;
	enum sw_err err = read_query(context->req, &query);

	if (err == SW_EINPUT)
		return request_context_refuse(
		    context, err, "Expected deviceId, and hours from 1 to 168 if at all.");
	if (err == SW_OK)
		err = store_switch_is_of(db, arena, user_id, query.device, query.component);
	if (err == SW_OK)
		err = store_switch_history(
		    db, arena, user_id, query.device, query.component, query.hours, &history);
	if (err != SW_OK)
		return err;
	response_put_json(context->res, 200,
	    json_pack("{s:s,s:s,s:i,s:o}", "deviceId", query.device, "component", query.component,
		"hours", query.hours, "changes", changes_json(&history)));
	return SW_OK;
}
