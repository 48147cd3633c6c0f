/*
 * What the forms of the page do: the way of those without JavaScript.  Each
 * ends in a 303 back to the page, so that a reload repeats nothing.
 */
#include "web/page.h"

#include <string.h>

#include "formats/number.h"
#include "store/command.h"
#include "store/switch.h"
#include "store/installation.h"
#include "store/session.h"
#include "web/page_layout.h"

/* A field given twice is as good as absent: ambiguous input is refused. */
static const char *
field(const struct request_context *context, const char *name)
{
	return url_query_get(&context->form, name, NULL);
}

static enum sw_err
read_kind(const struct request_context *context, enum command_kind *out)
{
	const char *command = field(context, "command");

	for (int kind = 0; command != NULL && kind < COMMAND_KIND__MAX; kind++) {
		if (strcmp(command, command_kind_text((enum command_kind)kind)) == 0) {
			*out = (enum command_kind)kind;
			return SW_OK;
		}
	}
	return SW_EINPUT;
}

static enum sw_err
read_wish(const struct request_context *context, struct command_wish *out)
{
	const char *level = field(context, "level");
	enum sw_err err = read_kind(context, &out->kind);
	int64_t number;

	out->level = 0;
	if (err != SW_OK || out->kind != COMMAND_SET_LEVEL)
		return err;
	if (number_parse_text(level, 0, 100, &number) != SW_OK)
		return SW_EINPUT;
	out->level = (int)number;
	return SW_OK;
}

static enum sw_err
go_home(struct request_context *context)
{
	response_redirect(context->res, 303, "/");
	return SW_OK;
}

enum sw_err
page_post_switch(struct request_context *context)
{
	struct command_taken taken;
	struct command_wish wish;
	const char *device;
	const char *component;
	enum sw_err err = read_wish(context, &wish);

	if (err == SW_OK)
		err = request_context_path_switch(context, &device, &component);
	if (err == SW_OK)
		err = store_command_request(context->program->db, context->req->arena,
		    context->session.who.user_id, device, component, &wish, &taken);
	if (err == SW_ECONFLICT)
		return request_context_refuse(context, err,
		    "This location must be linked again before its switches can be used.");
	if (err != SW_OK)
		return err;
	request_context_notify(context, taken.installation_id);
	return go_home(context);
}

enum sw_err
page_post_many(struct request_context *context)
{
	const char *room = field(context, "room");
	const char *installation = field(context, "installation");
	struct command_taken_list list;
	enum command_kind kind;
	bool twice = false;
	enum sw_err err = read_kind(context, &kind);

	url_query_get(&context->form, "room", &twice);
	url_query_get(&context->form, "installation", &twice);
	if (err == SW_OK && (kind == COMMAND_SET_LEVEL || twice))
		err = SW_EINPUT;
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
	return go_home(context);
}

enum sw_err
page_post_logout(struct request_context *context)
{
	enum sw_err err = store_session_end(context->program->db, context->session.hash);

	if (err != SW_OK)
		return err;
	session_put_cookie(context->res, &context->program->config, NULL);
	notify_add_sessions(&context->program->notify);
	return go_home(context);
}

/* The location that is meant: the one named, or the only one there is. */
static enum sw_err
find_place(struct request_context *context, const struct url_query *from,
    const struct store_installation **out)
{
	bool twice = false;
	const char *id = url_query_get(from, "installation", &twice);
	struct store_installation *places;
	size_t count;
	enum sw_err err;

	if (id == NULL)
		id = url_query_get(from, "installationId", &twice);
	if (twice)
		return SW_EINPUT;
	err = store_installation_list(context->program->db, context->req->arena,
	    context->session.who.user_id, &places, &count);
	if (err != SW_OK)
		return err;
	if (id == NULL && count != 1)
		return count == 0 ? SW_ENOTFOUND : SW_EINPUT;
	for (size_t i = 0; i < count; i++) {
		if (id == NULL || strcmp(places[i].installation_id, id) == 0) {
			*out = &places[i];
			return SW_OK;
		}
	}
	return SW_ENOTFOUND;
}

static void
put_question(struct sbuf *out, const struct store_installation *place, const char *csrf)
{
	const char *name = place->location_name != NULL ? place->location_name : "this location";

	html_lit(out, "<section class=\"card\">\n<h1>Disconnect ");
	html_put_text(out, name);
	html_lit(out,
	    "?</h1>\n<p>Switchboard is uninstalled from it at SmartThings. Its switches and the "
	    "access to them are erased here at once, what happened to them within days. The "
	    "devices themselves stay as they are, and you can link it again at any time.</p>\n"
	    "<form class=\"choice\" method=\"post\" action=\"/disconnect\">");
	page_put_csrf(out, csrf);
	html_lit(out, "<input type=\"hidden\" name=\"installation\"");
	html_put_attr(out, "value", place->installation_id);
	html_lit(out, "><button class=\"button danger\">Disconnect</button>"
		      "<a class=\"quiet\" href=\"/\">Keep it</a></form>\n</section>\n");
}

enum sw_err
page_disconnect(struct request_context *context)
{
	const struct store_installation *place;
	struct url_query query;
	struct page page = {.title = "Disconnect a location", .csrf = context->session.csrf};
	enum sw_err err = request_parse_query(context->req, &query);

	if (err == SW_OK)
		err = find_place(context, &query, &place);
	if (err != SW_OK)
		return err;
	page_begin(context->res, &context->program->config, 200, &page);
	put_question(&context->res->body, place, context->session.csrf);
	page_end(context->res, -1, 0);
	return SW_OK;
}

enum sw_err
page_post_disconnect(struct request_context *context)
{
	const struct store_installation *place;
	enum sw_err err = find_place(context, &context->form, &place);

	if (err == SW_OK)
		err = store_installation_disconnect(context->program->db, context->req->arena,
		    context->session.who.user_id, place->installation_id);
	if (err != SW_OK)
		return err;
	request_context_notify(context, place->installation_id);
	notify_add_sessions(&context->program->notify);
	return go_home(context);
}
