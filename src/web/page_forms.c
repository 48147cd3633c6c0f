/*
 * What the forms of the page do, for browsers without JavaScript.  Each ends in a 303 back to the
 * page, so that a reload does not repeat it.
 */
#include "web/page.h"

#include <string.h>

#include "formats/number.h"
#include "store/command.h"
#include "store/installation.h"
#include "store/session.h"
#include "store/switch.h"
#include "web/command_input.h"
#include "web/page_layout.h"

/* NULL when it is absent or given twice: which of the two is meant would be a guess. */
static const char *
field(const struct request_context *context, const char *name)
{
	return url_query_get(&context->form, name, NULL);
}

/* The level of a form: 0 to 100 in digits, -1 for anything else. */
static int64_t
read_level(const struct request_context *context)
{
	const char *level = field(context, "level");
	int64_t number;

	return number_parse_text(level, 0, 100, &number) == SW_OK ? number : -1;
}

static enum sw_err
redirect_to_switches(struct request_context *context)
{
	response_redirect(context->res, 303, "/");
	return SW_OK;
}

enum sw_err
page_post_switch(struct request_context *context)
{
	struct command_taken taken;
	struct command_request request;
	const char *device;
	const char *component;
	enum sw_err err =
	    command_input_read(field(context, "command"), read_level(context), &request);

	if (err == SW_OK)
		err = request_context_path_switch(context, &device, &component);
	if (err == SW_OK)
		err = store_command_request(context->program->db, context->req->arena,
		    context->session.who.user_id, device, component, &request, &taken);
	if (err == SW_ECONFLICT)
		return request_context_refuse(context, err, COMMAND_INPUT_NEEDS_LINK);
	if (err != SW_OK)
		return err;
	request_context_notify(context, taken.installation_id);
	return redirect_to_switches(context);
}

enum sw_err
page_post_many(struct request_context *context)
{
	const char *room = field(context, "room");
	const char *installation = field(context, "installation");
	struct command_taken_list list;
	enum command_kind kind;
	bool twice = false;
	enum sw_err err = command_input_read_on_off(field(context, "command"), &kind);

	url_query_get(&context->form, "room", &twice);
	url_query_get(&context->form, "installation", &twice);
	if (err == SW_OK && twice)
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
	return redirect_to_switches(context);
}

enum sw_err
page_post_logout(struct request_context *context)
{
	enum sw_err err = store_session_end(context->program->db, context->session.hash);

	if (err != SW_OK)
		return err;
	session_put_cookie(context->res, &context->program->config, NULL);
	notify_add_user(&context->program->notify, context->session.who.user_id);
	return redirect_to_switches(context);
}

/* The location that is meant: the one named, or the only one there is. */
static enum sw_err
find_location(struct request_context *context, const struct url_query *from,
    const struct store_installation **out)
{
	bool twice = false;
	const char *id = url_query_get(from, "installation", &twice);
	struct store_installation *list;
	size_t count;
	enum sw_err err;

	if (id == NULL)
		id = url_query_get(from, "installationId", &twice);
	if (twice)
		return SW_EINPUT;
	err = store_installation_list(
	    context->program->db, context->req->arena, context->session.who.user_id, &list, &count);
	if (err != SW_OK)
		return err;
	if (id == NULL && count != 1)
		return count == 0 ? SW_ENOTFOUND : SW_EINPUT;
	for (size_t i = 0; i < count; i++) {
		if (id == NULL || strcmp(list[i].installation_id, id) == 0) {
			*out = &list[i];
			return SW_OK;
		}
	}
	return SW_ENOTFOUND;
}

static void
put_erasing(struct sbuf *out)
{
	html_lit(out,
	    "Switchboard is uninstalled from it at SmartThings. Its switches and the "
	    "access to them are erased here at once, what happened to them within days. The "
	    "devices themselves stay as they are, and you can link it again at any time.");
}

static void
put_confirmation(struct sbuf *out, const struct store_installation *location, const char *csrf)
{
	const char *name =
	    location->location_name != NULL ? location->location_name : "this location";

	html_lit(out, "<section class=\"card\">\n<h1>Disconnect ");
	html_put_text(out, name);
	html_lit(out, "?</h1>\n<p>");
	if (location->owned)
		put_erasing(out);
	else
		html_lit(out, "It leaves your page. Its owner keeps it, and can link it in this "
			      "browser again to show it to you.");
	html_lit(out, "</p>\n"
		      "<form class=\"choice\" method=\"post\" action=\"/disconnect\">");
	page_put_csrf(out, csrf);
	html_lit(out, "<input type=\"hidden\" name=\"installation\"");
	html_put_attr(out, "value", location->installation_id);
	html_lit(out, "><button class=\"button danger\">Disconnect</button>"
		      "<a class=\"quiet\" href=\"/\">Keep it</a></form>\n</section>\n");
}

enum sw_err
page_disconnect(struct request_context *context)
{
	const struct store_installation *location;
	struct url_query query;
	struct page page = {.title = "Disconnect a location", .csrf = context->session.csrf};
	enum sw_err err = request_parse_query(context->req, &query);

	if (err == SW_OK)
		err = find_location(context, &query, &location);
	if (err != SW_OK)
		return err;
	page_begin(context->res, &context->program->config, 200, &page);
	put_confirmation(&context->res->body, location, context->session.csrf);
	page_end(context->res, -1, 0);
	return SW_OK;
}

enum sw_err
page_post_disconnect(struct request_context *context)
{
	const struct store_installation *location;
	enum sw_err err = find_location(context, &context->form, &location);

	if (err == SW_OK)
		err = store_installation_disconnect(context->program->db, context->req->arena,
		    context->session.who.user_id, location->installation_id);
	if (err != SW_OK)
		return err;
	request_context_notify(context, location->installation_id);
	notify_add_user(&context->program->notify, context->session.who.user_id);
	return redirect_to_switches(context);
}
