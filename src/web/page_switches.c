/*
 * GET /: every switch of who is signed in, by location and room, or the way
 * to sign in.  Two queries and one buffer after the session's own; all states
 * are the database's.
 */
#include "web/page.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "web/page_layout.h"
#include "web/page_tile.h"
#include "store/switch.h"
#include "store/installation.h"
#include "store/api_call.h"

/* How long a count of API calls is good for: it is for orientation, and everybody's. */
#define CALLS_GOOD_MS 10000

/* Without JavaScript: reload soon while something is under way. */
#define REFRESH_S 3

/* All that the page is made of. */
struct home {
	const struct store_installation *places;
	size_t place_count;
	struct switch_list switches;
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
	    "<h1>Every switch of your home on one page</h1>\n"
	    "<p>Lights, plugs and dimmers of your SmartThings home: see them all, turn them on "
	    "and off, and watch them change the moment somebody flips one on the wall.</p>\n"
	    "<p><a class=\"button\" href=\"/oauth/start\">Sign in with SmartThings</a></p>\n"
	    "<p class=\"hint\">You will choose which location to share on Samsung\xe2\x80\x99s own "
	    "page. Switchboard runs on this server and never sees your Samsung password.</p>\n"
	    "</section>\n");
	page_end(context->res, -1, 0);
	return SW_OK;
}

/* The first sync is on its way: there is nothing to show yet. */
static bool
is_first_sync(const struct store_installation *place)
{
	return !place->synced && strcmp(place->sync_state, "failed") != 0 &&
	       strcmp(place->status, "needs_reauth") != 0;
}

static const char *
place_name(const struct store_installation *place)
{
	return place->location_name != NULL && place->location_name[0] != '\0'
		   ? place->location_name
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

/* "All on" and "All off"; room NULL means the whole location. */
static void
put_all(struct sbuf *out, const struct home *home, const char *installation_id, const char *room,
    const char *where)
{
	html_lit(out, "<form class=\"all\" method=\"post\" action=\"/switches\">");
	page_put_csrf(out, home->csrf);
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

/* "count" switches of one room; how many tells the style sheet how wide it is. */
static void
put_room(struct sbuf *out, struct home *home, const struct switch_row *rows, size_t count)
{
	const char *room = rows[0].room;
	const char *heading = room != NULL ? room : "No room";

	html_lit(out, "<section class=\"room\"");
	html_put_attr_int(out, "data-tiles", (int64_t)count);
	html_lit(out, ">\n<header><h3>");
	html_put_text(out, heading);
	html_lit(out, "</h3>");
	put_all(out, home, rows[0].installation_id, room != NULL ? room : "", heading);
	html_lit(out, "</header>\n<ul class=\"tiles\">\n");
	for (size_t i = 0; i < count; i++)
		page_put_tile(out, &rows[i], home->csrf, home->tiles++, home->now_ms);
	html_lit(out, "</ul>\n</section>\n");
}

static void
put_rooms(struct sbuf *out, struct home *home, const struct switch_row *rows, size_t count)
{
	html_lit(out, "<div class=\"rooms\">\n");
	while (count > 0) {
		size_t n = count_room(rows, count);

		put_room(out, home, rows, n);
		rows += n;
		count -= n;
	}
	html_lit(out, "</div>\n");
}

/* The switches of a location stand together in the list: where, and how many. */
static const struct switch_row *
rows_of(const struct home *home, const char *installation_id, size_t *count)
{
	const struct switch_list *list = &home->switches;
	size_t first = 0;
	size_t end;

	while (
	    first < list->count && strcmp(list->rows[first].installation_id, installation_id) != 0)
		first++;
	end = first;
	while (end < list->count && strcmp(list->rows[end].installation_id, installation_id) == 0)
		end++;
	*count = end - first;
	return list->rows + first;
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

/* What there is to say about a location before its switches. */
static void
put_notices(struct sbuf *out, const struct store_installation *place)
{
	if (strcmp(place->status, "needs_reauth") == 0) {
		html_lit(out,
		    "<div class=\"banner reauth\" role=\"alert\"><p><strong>SmartThings no "
		    "longer lets Switchboard in.</strong> What you see may be old, and "
		    "the switches cannot be used until you reconnect.</p>"
		    "<a class=\"button\" href=\"/oauth/start\">Reconnect</a></div>\n");
	} else if (strcmp(place->sync_state, "failed") == 0) {
		html_lit(
		    out, "<p class=\"banner failed\" data-progress>Reading the devices failed: ");
		html_put_text(
		    out, place->sync_error != NULL ? place->sync_error : "no reason given");
		html_lit(out, ". Switchboard tries again by itself.</p>\n");
	} else if (is_first_sync(place)) {
		html_lit(out, "<p class=\"progress\" data-progress role=\"status\">"
			      "<span class=\"spinner\" aria-hidden=\"true\"></span>"
			      "<span class=\"text\">Looking for your switches\xe2\x80\xa6 ");
		html_put_int(out, place->sync_found);
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
put_place(struct sbuf *out, struct home *home, const struct store_installation *place)
{
	size_t count;
	const struct switch_row *rows = rows_of(home, place->installation_id, &count);

	html_lit(out, "<section class=\"place\"");
	html_put_attr(out, "data-installation-id", place->installation_id);
	html_lit(out, ">\n<header><h2>");
	html_put_text(out, place_name(place));
	html_lit(out, "</h2>");
	if (count > 0) {
		put_count(out, rows, count);
		put_all(out, home, place->installation_id, NULL, place_name(place));
	}
	html_lit(out, "</header>\n");
	put_notices(out, place);
	if (count > 0)
		put_rooms(out, home, rows, count);
	else if (place->synced)
		put_empty(out);
	html_lit(out, "<p class=\"leave\"><a class=\"quiet\" href=\"/disconnect?installation=");
	html_put_url_component(out, place->installation_id);
	html_lit(out, "\">Disconnect ");
	html_put_text(out, place_name(place));
	html_lit(out, "</a></p>\n</section>\n");
}

static bool
is_busy(const struct home *home)
{
	for (size_t i = 0; i < home->place_count; i++) {
		if (is_first_sync(&home->places[i]))
			return true;
	}
	for (size_t i = 0; i < home->switches.count; i++) {
		if (home->switches.rows[i].pending)
			return true;
	}
	return false;
}

static enum sw_err
load_home(struct request_context *context, struct home *out)
{
	struct store_installation *places;
	struct db *db = context->program->db;
	struct arena *arena = context->req->arena;
	enum sw_err err = store_installation_list(
	    db, arena, context->session.who.user_id, &places, &out->place_count);

	if (err != SW_OK)
		return err;
	out->places = places;
	out->csrf = context->session.csrf;
	out->now_ms = clock_now_ms();
	return store_switch_list(db, arena, context->session.who.user_id, &out->switches);
}

/* Nobody waits for the count of calls: without it the page says nothing of them. */
static int64_t
calls_this_month(struct dashboard *app)
{
	int64_t now_ms = clock_monotonic_ms();

	if (app->calls_read_ms == 0 || now_ms - app->calls_read_ms > CALLS_GOOD_MS) {
		if (store_api_calls_this_month(app->program.db, &app->calls_month) != SW_OK)
			return -1;
		app->calls_read_ms = now_ms;
	}
	return app->calls_month;
}

/* All but the end, which changes by itself.  The cursor came before the rest: what changes in
 * between is told twice rather than never. */
static enum sw_err
put_home(struct request_context *context)
{
	struct sbuf *out = &context->res->body;
	struct home home = {0};
	struct page page = {
	    .title = "Switchboard",
	    .csrf = context->session.csrf,
	    .cursor = context->session.who.cursor,
	};
	enum sw_err err = load_home(context, &home);

	if (err != SW_OK)
		return err;
	page.refresh_s = is_busy(&home) ? REFRESH_S : 0;
	page_begin(context->res, &context->program->config, 200, &page);
	html_lit(out, "<h1 class=\"unseen\">Switches</h1>\n");
	for (size_t i = 0; i < home.place_count; i++)
		put_place(out, &home, &home.places[i]);
	if (home.place_count == 0)
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
	err = put_home(context);
	if (err != SW_OK)
		return err;
	page_end(context->res, calls_this_month(app), app->program.config.call_budget);
	return SW_OK;
}
