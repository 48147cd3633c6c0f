/*
 * GET /: every switch of the signed-in user, by location and room, or a link to sign in.  The
 * session's query, one for the list of locations and one for each location; nothing remembered
 * between requests but the count of API calls.
 */
#include "web/page.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/api_call.h"
#include "store/installation.h"
#include "store/switch.h"
#include "web/page_layout.h"
#include "web/page_tile.h"

/* The count of API calls is read again after this long; it is one number for all users. */
#define CALLS_LIFE_MS 10000

/* Without JavaScript the page reloads this often while a command or a first sync has no result. */
#define REFRESH_S 3

/* What the page shows. */
struct switches_page {
	struct switch_list list;
	const char *csrf;
	int64_t now_ms;
	size_t tiles; /* written so far */
};

static enum sw_err
put_welcome(struct request_context *context)
{
	struct sbuf *out = &context->res->body;
	struct page page = {.title = "Switchboard"};

	page_begin(context->res, &context->program->config, 200, &page);
	html_lit(out,
	    "<section class=\"card welcome\">\n"
	    "<img src=\"/static/favicon.svg\" alt=\"\" width=\"72\" height=\"72\">\n"
	    "<h1>Every switch of your SmartThings home on one page</h1>\n"
	    "<p>Lights, plugs and dimmers: see them all, turn them on "
	    "and off, and watch them change the moment somebody flips one on the wall.</p>\n"
	    "<p><a class=\"button\" href=\"/oauth/start\">Sign in with SmartThings</a></p>\n"
	    "<p class=\"hint\">You will choose which location to share on Samsung\xe2\x80\x99s own "
	    "page. Switchboard runs on this server and never sees your Samsung password.</p>\n"
	    "</section>\n");
	page_end(context->res, -1, 0);
	return SW_OK;
}

/* Before the end of the first sync there are no switches to show. */
static bool
is_first_sync(const struct store_installation *installation)
{
	return !installation->synced && strcmp(installation->sync_state, "failed") != 0 &&
	       strcmp(installation->status, "needs_reauth") != 0;
}

static const char *
location_name(const struct store_installation *installation)
{
	return installation->location_name != NULL && installation->location_name[0] != '\0'
		   ? installation->location_name
		   : "New location";
}

static void
put_all_button(struct sbuf *out, const char *command, const char *label, const char *where)
{
	html_lit(out, "<button class=\"small\" name=\"command\"");
	html_put_attr(out, "value", command);
	html_lit(out, " aria-label=\"");
	html_put_text(out, label);
	html_lit(out, ": ");
	html_put_text(out, where);
	html_lit(out, "\">");
	html_put_text(out, label);
	html_lit(out, "</button>");
}

/* "All on" and "All off"; room NULL means the whole location, "" the devices in no room. */
static void
put_all(struct sbuf *out, const struct switches_page *page, const char *installation_id,
    const char *room, const char *where)
{
	html_lit(out, "<form class=\"all\" method=\"post\" action=\"/switches\">");
	page_put_csrf(out, page->csrf);
	html_lit(out, "<input type=\"hidden\" name=\"installation\"");
	html_put_attr(out, "value", installation_id);
	html_lit(out, ">");
	if (room != NULL) {
		html_lit(out, "<input type=\"hidden\" name=\"room\"");
		html_put_attr(out, "value", room);
		html_lit(out, ">");
	}
	put_all_button(out, "on", "All on", where);
	put_all_button(out, "off", "All off", where);
	html_lit(out, "</form>\n");
}

static bool
same_room(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static size_t
count_room(const struct switch_row *rows, size_t count)
{
	size_t n = 1;

	while (n < count && same_room(rows[n].room, rows[0].room))
		n++;
	return n;
}

/* "count" switches of one room; the style sheet makes rooms with few tiles narrow. */
static void
put_room(struct sbuf *out, struct switches_page *page, const struct switch_row *rows, size_t count)
{
	const char *room = rows[0].room;
	const char *heading = room != NULL ? room : "No room";

	html_lit(out, "<section class=\"room\"");
	html_put_attr_int(out, "data-tiles", (int64_t)count);
	html_lit(out, ">\n<header><h3>");
	html_put_text(out, heading);
	html_lit(out, "</h3>");
	put_all(out, page, rows[0].installation_id, room != NULL ? room : "", heading);
	html_lit(out, "</header>\n<ul class=\"tiles\">\n");
	for (size_t i = 0; i < count; i++)
		page_put_tile(out, &rows[i], page->csrf, page->tiles++, page->now_ms);
	html_lit(out, "</ul>\n</section>\n");
}

static void
put_rooms(struct sbuf *out, struct switches_page *page, const struct switch_row *rows, size_t count)
{
	html_lit(out, "<div class=\"rooms\">\n");
	while (count > 0) {
		size_t n = count_room(rows, count);

		put_room(out, page, rows, n);
		rows += n;
		count -= n;
	}
	html_lit(out, "</div>\n");
}

static void
put_count(struct sbuf *out, const struct switch_row *rows, size_t count)
{
	int64_t on = 0;

	for (size_t i = 0; i < count; i++)
		on += rows[i].state != NULL && strcmp(rows[i].state, "on") == 0;
	html_lit(out, "<p class=\"count\">");
	html_put_int(out, on);
	html_lit(out, " of ");
	html_put_int(out, (int64_t)count);
	html_lit(out, " on</p>");
}

/* State of the link and of the sync, above the switches of a location. */
static void
put_notices(struct sbuf *out, const struct store_installation *installation)
{
	if (strcmp(installation->status, "needs_reauth") == 0) {
		html_lit(out,
		    "<div class=\"banner reauth\" role=\"alert\"><p><strong>SmartThings no "
		    "longer lets Switchboard in.</strong> What you see may be old, and "
		    "the switches cannot be used until you reconnect.</p>"
		    "<a class=\"button\" href=\"/oauth/start\">Reconnect</a></div>\n");
	} else if (strcmp(installation->sync_state, "failed") == 0) {
		html_lit(
		    out, "<p class=\"banner failed\" data-progress>Reading the devices failed: ");
		html_put_text(out, installation->sync_error != NULL ? installation->sync_error
								    : "no reason given");
		html_lit(out, ". Switchboard tries again by itself.</p>\n");
	} else if (is_first_sync(installation)) {
		html_lit(out, "<p class=\"progress\" data-progress role=\"status\">"
			      "<span class=\"spinner\" aria-hidden=\"true\"></span>"
			      "<span class=\"text\">Looking for your switches\xe2\x80\xa6 ");
		html_put_int(out, installation->sync_found);
		html_lit(out, " found so far</span></p>\n");
	}
}

static void
put_empty(struct sbuf *out)
{
	html_lit(out,
	    "<div class=\"empty\"><p><strong>No switches found here.</strong></p>\n<ul>\n"
	    "<li>Is the device in this location in the SmartThings app? New devices appear here "
	    "by themselves.</li>\n"
	    "<li>Were all devices approved when you linked? <a href=\"/oauth/start\">Link again"
	    "</a> to choose anew.</li>\n</ul></div>\n");
}

static void
put_location(struct sbuf *out, struct switches_page *page, const struct switch_location *location)
{
	const struct store_installation *installation = location->installation;
	size_t count = location->count;

	html_lit(out, "<section class=\"location\"");
	html_put_attr(out, "data-installation-id", installation->installation_id);
	html_lit(out, ">\n<header><h2>");
	html_put_text(out, location_name(installation));
	html_lit(out, "</h2>");
	if (count > 0) {
		put_count(out, location->rows, count);
		put_all(
		    out, page, installation->installation_id, NULL, location_name(installation));
	}
	html_lit(out, "</header>\n");
	put_notices(out, installation);
	if (count > 0)
		put_rooms(out, page, location->rows, count);
	else if (installation->synced)
		put_empty(out);
	html_lit(out, "<p class=\"leave\"><a class=\"quiet\" href=\"/disconnect?installation=");
	html_put_url_component(out, installation->installation_id);
	html_lit(out, "\">Disconnect ");
	html_put_text(out, location_name(installation));
	html_lit(out, "</a></p>\n</section>\n");
}

static bool
is_busy(const struct switch_location *location)
{
	if (is_first_sync(location->installation))
		return true;
	for (size_t i = 0; i < location->count; i++) {
		if (location->rows[i].pending)
			return true;
	}
	return false;
}

/* -1 when it cannot be read: then the page is shown without it. */
static int64_t
calls_this_month(struct dashboard *app)
{
	int64_t now_ms = clock_monotonic_ms();

	if (app->calls_read_ms == 0 || now_ms - app->calls_read_ms > CALLS_LIFE_MS) {
		/* Also after it failed, or every page would wait for it. */
		app->calls_read_ms = now_ms;
		if (store_api_calls_this_month(app->program.db, &app->calls_month) != SW_OK)
			app->calls_month = -1;
	}
	return app->calls_month;
}

/* All but the end. */
static enum sw_err
put_page(struct request_context *context)
{
	struct sbuf *out = &context->res->body;
	struct switches_page page = {
	    .csrf = context->session.csrf,
	    .now_ms = clock_now_ms(),
	};
	struct page layout = {
	    .title = "Switchboard",
	    .csrf = context->session.csrf,
	};
	enum sw_err err = store_switch_list(
	    context->program->db, context->req->arena, context->session.who.user_id, &page.list);

	if (err != SW_OK)
		return err;
	layout.cursor = page.list.cursor;
	for (size_t i = 0; i < page.list.count; i++)
		layout.refresh_s = is_busy(&page.list.locations[i]) ? REFRESH_S : layout.refresh_s;
	page_begin(context->res, &context->program->config, 200, &layout);
	html_lit(out, "<h1 class=\"unseen\">Switches</h1>\n");
	for (size_t i = 0; i < page.list.count; i++)
		put_location(out, &page, &page.list.locations[i]);
	if (page.list.count == 0)
		html_lit(out, "<section class=\"card\"><h2>No location is linked</h2>\n<p>Link one "
			      "to see its switches here.</p>\n<p><a class=\"button\" "
			      "href=\"/oauth/start\">Add a location</a></p></section>\n");
	return SW_OK;
}

enum sw_err
page_switches(struct request_context *context)
{
	struct dashboard *app = (struct dashboard *)context->program;
	enum sw_err err;

	if (!context->signed_in)
		return put_welcome(context);
	err = put_page(context);
	if (err != SW_OK)
		return err;
	page_end(context->res, calls_this_month(app), app->program.config.call_budget);
	return SW_OK;
}
