/*
 * The JSON API of switches.  Bodies are read strictly: an unknown member is refused, because a
 * misspelt "room" would otherwise switch every room.
 */
#include "web/api.h"

#include <string.h>

#include "base/failpoint.h"
#include "formats/json.h"
#include "store/command.h"
#include "store/switch.h"
#include "web/command_input.h"

static json_t *
switches_json(const struct switch_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct switch_location *location = &list->locations[i];

		for (size_t k = 0; array != NULL && k < location->count; k++) {
			json_t *row = switch_row_json(&location->rows[k]);

			if (json_array_append_new(array, row) != 0) {
				json_decref(array);
				array = NULL;
			}
		}
	}
	return array;
}

enum sw_err
api_list_switches(struct request_context *context)
{
	struct switch_list list;
	enum sw_err err = store_switch_list(
	    context->program->db, context->req->arena, context->session.who.user_id, &list);

	if (err != SW_OK)
		return err;
	response_put_json(context->res, 200,
	    json_pack("{s:s,s:o}", "cursor", list.cursor, "switches", switches_json(&list)));
	return SW_OK;
}

/* Is every member one of these names (NULL at the end)? */
static bool
has_only(const json_t *object, const char *const *names)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		size_t i = 0;

		while (names[i] != NULL && strcmp(names[i], key) != 0)
			i++;
		if (names[i] == NULL)
			return false;
	}
	return true;
}

/* The body as an object.  *out is the caller's. */
static enum sw_err
read_object(const struct request *req, const char *const *names, json_t **out)
{
	json_t *body = NULL;
	enum sw_err err;

	*out = NULL;
	/* fetch() without a header says text/plain; the types of forms are refused. */
	if (req->content_type[0] != '\0' && !request_is_media(req, "application/json") &&
	    !request_is_media(req, "text/plain"))
		return SW_EMEDIA;
	err = jsonx_load(req->body, req->body_length, &body);
	if (err == SW_OK && (!json_is_object(body) || !has_only(body, names)))
		err = SW_EINPUT;
	if (err == SW_OK)
		*out = body;
	else
		json_decref(body);
	return err;
}

static enum sw_err
read_command(const json_t *body, struct command_request *out)
{
	const json_t *level = json_object_get(body, "level");
	int64_t number = json_is_integer(level) ? json_integer_value(level) : -1;
	enum sw_err err = command_input_read(jsonx_string(body, "command"), number, out);

	/* Who gives a level with "on" expects it to count. */
	return err == SW_OK && out->kind != COMMAND_SET_LEVEL && level != NULL ? SW_EINPUT : err;
}

/* The command in the body; read whole before anything is looked up. */
static enum sw_err
load_command(const struct request *req, struct command_request *out)
{
	static const char *const names[] = {"command", "level", NULL};
	json_t *body;
	enum sw_err err = read_object(req, names, &body);

	if (err == SW_OK)
		err = read_command(body, out);
	json_decref(body);
	return err;
}

enum sw_err
api_post_switch(struct request_context *context)
{
	struct command_taken taken;
	struct command_request request;
	const char *device;
	const char *component;
	enum sw_err err = load_command(context->req, &request);

	if (err == SW_EINPUT)
		return request_context_refuse(context, err,
		    "Expected {\"command\":\"on\"}, {\"command\":\"off\"}, or "
		    "{\"command\":\"setLevel\",\"level\":0 to 100}.");
	if (err == SW_OK)
		err = request_context_path_switch(context, &device, &component);
	if (err != SW_OK)
		return err;
	err = store_command_request(context->program->db, context->req->arena,
	    context->session.who.user_id, device, component, &request, &taken);
	if (err == SW_EINPUT)
		return request_context_refuse(context, err, "This switch is no dimmer.");
	if (err == SW_ECONFLICT)
		return request_context_refuse(context, err, COMMAND_INPUT_NEEDS_LINK);
	if (err != SW_OK)
		return err;
	FAILPOINT("dashboard.stored");
	request_context_notify(context, taken.installation_id);
	response_put_json(context->res, 202, json_pack("{s:s}", "commandId", taken.command_id));
	return SW_OK;
}

/* An optional text member: absent is NULL, anything but text SW_EINPUT.  Copied into the arena. */
static enum sw_err
read_optional(struct arena *arena, const json_t *body, const char *name, const char **out)
{
	*out = NULL;
	if (json_object_get(body, name) == NULL)
		return SW_OK;
	if (jsonx_string(body, name) == NULL)
		return SW_EINPUT;
	*out = jsonx_strdup(arena, body, name);
	return *out == NULL ? SW_ENOMEM : SW_OK;
}

static enum sw_err
load_many(const struct request *req, enum command_kind *kind, const char **room,
    const char **installation)
{
	static const char *const names[] = {"command", "room", "installationId", NULL};
	json_t *body;
	enum sw_err err = read_object(req, names, &body);

	if (err == SW_OK)
		err = command_input_read_on_off(jsonx_string(body, "command"), kind);
	if (err == SW_OK)
		err = read_optional(req->arena, body, "room", room);
	if (err == SW_OK)
		err = read_optional(req->arena, body, "installationId", installation);
	json_decref(body);
	return err;
}

static json_t *
taken_json(const struct command_taken_list *list)
{
	json_t *ids = json_array();

	for (size_t i = 0; ids != NULL && i < list->count; i++) {
		if (json_array_append_new(ids, json_string(list->commands[i].command_id)) != 0) {
			json_decref(ids);
			ids = NULL;
		}
	}
	return json_pack("{s:o}", "commandIds", ids);
}

enum sw_err
api_post_many(struct request_context *context)
{
	struct command_taken_list list;
	enum command_kind kind;
	const char *room = NULL;
	const char *installation = NULL;
	enum sw_err err = load_many(context->req, &kind, &room, &installation);

	if (err == SW_EINPUT)
		return request_context_refuse(context, err,
		    "Expected {\"command\":\"on\" or \"off\"}, and \"room\" and "
		    "\"installationId\" as text where only those are meant.");
	if (err == SW_OK)
		err = store_location_is_of(context->program->db, context->req->arena,
		    context->session.who.user_id, room, installation);
	if (err == SW_OK)
		err = store_command_request_many(context->program->db, context->req->arena,
		    context->session.who.user_id, kind, room, installation, &list);
	if (err != SW_OK)
		return err;
	for (size_t i = 0; i < list.count; i++)
		request_context_notify(context, list.commands[i].installation_id);
	response_put_json(context->res, 202, taken_json(&list));
	return SW_OK;
}
