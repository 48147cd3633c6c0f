/*
 * Requests and answers of POST /devices/{id}/commands.
 */
#include "worker/command_body.h"

#include <jansson.h>
#include <string.h>

#include "formats/json.h"

static json_t *
command_json(const struct store_command *command)
{
	if (strcmp(command->command, "setLevel") == 0)
		return json_pack("{s:s, s:s, s:s, s:[I]}", "component", command->component,
		    "capability", "switchLevel", "command", command->command, "arguments",
		    (json_int_t)command->level);
	return json_pack("{s:s, s:s, s:s, s:[]}", "component", command->component, "capability",
	    "switch", "command", command->command, "arguments");
}

enum sw_err
command_put_body(struct sbuf *out, const struct store_command *commands, size_t count)
{
	json_t *list = json_array();
	json_t *body = json_pack("{s:o}", "commands", list);
	bool ok = body != NULL;

	for (size_t i = 0; i < count && ok; i++)
		ok = json_array_append_new(list, command_json(&commands[i])) == 0;
	if (ok)
		jsonx_put(out, body);
	json_decref(body);
	return ok && !sbuf_failed(out) ? SW_OK : SW_ENOMEM;
}

void
command_read_results(const char *body, size_t length, bool *refused, size_t count)
{
	json_t *answer = NULL;
	const json_t *results = NULL;

	if (jsonx_load(body, length, &answer) == SW_OK)
		results = json_object_get(answer, "results");
	for (size_t i = 0; i < count; i++) {
		const char *status = jsonx_string(json_array_get(results, i), "status");

		refused[i] = status != NULL && strcmp(status, "FAILED") == 0;
	}
	json_decref(answer);
}
