/* Changes as server-sent events; their JSON is the one of design.md "HTTP surface". */
#include "stream/format.h"

#include <string.h>

#include <jansson.h>

#include "formats/json.h"
#include "store/switch.h"

/*
 * Why a command failed, by its code in the column command.error; shown on the page.  "unsent" is
 * an expired one that was never sent.
 */
static const struct {
	const char *code;
	const char *message;
} command_messages[] = {
    {"offline", "The device cannot be reached."},
    {"refused", "SmartThings refused the command."},
    {"unconfirmed", "The device did not answer."},
    {"expired", "SmartThings did not answer in time."},
    {"unsent", "It could not be sent within five minutes."},
    {"reconnect", "SmartThings asks you to link this location again."},
    {"removed", "The location was disconnected."},
};

static const char *
command_message(const char *code, bool was_never_sent)
{
	if (was_never_sent && code != NULL && strcmp(code, "expired") == 0)
		code = "unsent";
	for (size_t i = 0;
	     code != NULL && i < sizeof(command_messages) / sizeof(command_messages[0]); i++) {
		if (strcmp(code, command_messages[i].code) == 0)
			return command_messages[i].message;
	}
	return "The command failed.";
}

static void
put_event(struct sbuf *buf, const char *name, json_t *data)
{
	sbuf_put_text(buf, "event: ");
	sbuf_put_text(buf, name);
	sbuf_put_text(buf, "\ndata: ");
	if (data == NULL)
		buf->failed = true;
	else
		jsonx_put(buf, data);
	sbuf_put_char(buf, '\n');
	json_decref(data);
}

static json_t *
command_json(const struct page_change *change)
{
	return json_pack("{s:s?, s:s, s:s, s:s, s:s?, s:o, s:s, s:s?, s:s, s:I}", "commandId",
	    change->command_id, "deviceId", change->row.device_id, "component",
	    change->row.component, "installationId", change->row.installation_id, "command",
	    change->command, "level",
	    change->row.level < 0 ? json_null() : json_integer(change->row.level), "status",
	    "failed", "code", change->code, "message",
	    command_message(change->code, change->row.waiting), "seq", (json_int_t)change->row.seq);
}

static json_t *
sync_json(const struct page_change *change)
{
	return json_pack("{s:s, s:s?, s:s?, s:I, s:s?, s:b, s:I}", "installationId",
	    change->row.installation_id, "location", change->row.location, "state",
	    change->row.state, "found", (json_int_t)change->found, "error", change->code,
	    "structure", change->structure, "seq", (json_int_t)change->row.seq);
}

static json_t *
installation_json(const struct page_change *change)
{
	return json_pack("{s:s, s:s?, s:s?, s:I}", "installationId", change->row.installation_id,
	    "location", change->row.location, "status", change->row.state, "seq",
	    (json_int_t)change->row.seq);
}

void
format_change(struct sbuf *buf, const struct page_change *change)
{
	switch (change->kind) {
	case PAGE_CHANGE_SWITCH:
		put_event(buf, "switch", switch_row_json(&change->row));
		break;
	case PAGE_CHANGE_COMMAND:
		put_event(buf, "command", command_json(change));
		break;
	case PAGE_CHANGE_SYNC:
		put_event(buf, "sync", sync_json(change));
		break;
	case PAGE_CHANGE_INSTALLATION:
		put_event(buf, "installation", installation_json(change));
		break;
	case PAGE_CHANGE_MARK:
	case PAGE_CHANGE__MAX:
		break;
	}
}

void
format_removed(struct sbuf *buf, const char *installation_id)
{
	put_event(buf, "installation",
	    json_pack("{s:s, s:s}", "installationId", installation_id, "status", "removed"));
}

void
format_bye(struct sbuf *buf)
{
	put_event(buf, "bye", json_pack("{s:s}", "reason", "ended"));
}
