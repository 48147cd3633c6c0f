/*
 * The page of the simulator: every switch, to flip by hand.  It works with forms
 * alone; page.js updates it every second.
 */
#include <stdlib.h>
#include <string.h>

#include "apps.h"
#include "events.h"
#include "routes.h"
#include "state.h"
#include "world.h"

/* Made from page.js and page.css by the build: one string literal a line. */
static const char page_script[] =
#include "tests/simulator/page.js.inc"
    ;
static const char page_style[] =
#include "tests/simulator/page.css.inc"
    ;

static void
form_open(struct text *page, const char *action, const json_t *device, const char *component)
{
	text_printf(page, "<form method=\"post\" action=\"/page/%s\">", action);
	text_hidden_field(page, "device", json_text(device, "deviceId"));
	if (component != NULL)
		text_hidden_field(page, "component", component);
}

static void
put_ids(struct text *page, const json_t *device, const char *component)
{
	text_puts(page, " data-device-id=\"");
	text_html(page, json_text(device, "deviceId"));
	text_puts(page, "\" data-component=\"");
	text_html(page, component);
	text_puts(page, "\"");
}

static const char *
pressed(const char *value)
{
	if (strcmp(value, "on") == 0)
		return "true";
	return strcmp(value, "off") == 0 ? "false" : "mixed";
}

static void
put_switch(struct text *page, const json_t *device, const json_t *component)
{
	const char *id = json_text(component, "id");
	const json_t *now = world_attribute(device, id, "switch", "switch");
	const char *value = json_text(now, "value");
	bool is_on = strcmp(value, "on") == 0;

	form_open(page, "flip", device, id);
	text_puts(page, "<button class=\"rocker\" name=\"value\"");
	put_ids(page, device, id);
	text_printf(page, " value=\"%s\" aria-pressed=\"%s\" aria-label=\"", is_on ? "off" : "on",
	    pressed(value));
	text_html(page, world_device_title(device));
	text_puts(page, ", ");
	text_html(page, json_text(component, "label"));
	text_puts(page, "\"><span class=\"state\">");
	text_puts(page, *value != '\0' ? value : "?");
	text_puts(page, "</span></button>");
	if (json_array_size(json_object_get(device, "components")) > 1) {
		text_puts(page, "<span class=\"part\">");
		text_html(page, json_text(component, "label"));
		text_puts(page, "</span>");
	}
	text_puts(page, "</form>\n");
}

static void
put_dimmer(struct text *page, const json_t *device, const json_t *component)
{
	const char *id = json_text(component, "id");
	const json_t *now = world_attribute(device, id, "switchLevel", "level");
	int level = (int)json_integer_value(json_object_get(now, "value"));

	form_open(page, "level", device, id);
	text_puts(page, "<input type=\"range\" name=\"level\" min=\"0\" max=\"100\"");
	put_ids(page, device, id);
	text_printf(page, " value=\"%d\" aria-label=\"Level of ", level);
	text_html(page, world_device_title(device));
	text_printf(page,
	    "\"> <output class=\"part\">%d %%</output> <button class=\"small set\">Set</button>"
	    "</form>\n",
	    level);
}

static void
put_health(struct text *page, const json_t *device)
{
	bool online =
	    strcmp(json_text(json_object_get(device, "healthState"), "state"), "ONLINE") == 0;

	form_open(page, "health", device, NULL);
	text_printf(page, "<button class=\"small plug\" name=\"state\" value=\"%s\"",
	    online ? "OFFLINE" : "ONLINE");
	put_ids(page, device, "");
	text_printf(page, ">%s</button></form>\n", online ? "Take offline" : "Bring online");
}

static void
put_device(struct text *page, const json_t *device)
{
	const char *state = json_text(json_object_get(device, "healthState"), "state");
	size_t i;
	json_t *component;

	text_printf(page, "<li class=\"device\" data-health=\"%s\" id=\"device-", state);
	text_html(page, json_text(device, "deviceId"));
	text_puts(page, "\">\n<h4>");
	text_html(page, world_device_title(device));
	text_puts(page, "</h4>\n<div class=\"switches\">\n");
	json_array_foreach(json_object_get(device, "components"), i, component)
	{
		const char *id = json_text(component, "id");

		if (world_has_capability(device, id, "switch"))
			put_switch(page, device, component);
	}
	if (!world_has_capability(device, NULL, "switch"))
		text_puts(page, "<span class=\"part\">Has no switch</span>\n");
	text_puts(page, "</div>\n");
	json_array_foreach(json_object_get(device, "components"), i, component)
	{
		if (world_has_capability(device, json_text(component, "id"), "switchLevel"))
			put_dimmer(page, device, component);
	}
	put_health(page, device);
	text_puts(page, "</li>\n");
}

/* The devices of one room (NULL: in no room), under its name. */
static void
put_room(struct text *page, const char *location_id, const json_t *room)
{
	const char *room_id = json_text(room, "roomId");
	bool is_open = false;
	const char *id;
	json_t *device;

	json_object_foreach(state_section("devices"), id, device)
	{
		if (strcmp(json_text(device, "locationId"), location_id) != 0 ||
		    strcmp(json_text(device, "roomId"), room_id) != 0)
			continue;
		if (!is_open) {
			text_puts(page, "<section class=\"room\"><h3>");
			text_html(page, room != NULL ? json_text(room, "name") : "In no room");
			text_puts(page, "</h3>\n<ul>\n");
			is_open = true;
		}
		put_device(page, device);
	}
	if (is_open)
		text_puts(page, "</ul></section>\n");
}

static void
put_installations(struct text *page, const char *location_id)
{
	const char *id;
	json_t *installed;

	json_object_foreach(state_section("installedApps"), id, installed)
	{
		const json_t *app = app_by_id(json_text(installed, "appId"));

		if (strcmp(json_text(installed, "locationId"), location_id) != 0)
			continue;
		text_puts(page, "<form class=\"installed\" method=\"post\" "
				"action=\"/page/uninstall\"><span>Linked to ");
		text_html(page, json_text(app, "displayName"));
		text_puts(page, "</span> ");
		text_hidden_field(page, "installedApp", id);
		text_puts(page, "<button class=\"small\">Remove the app</button></form>\n");
	}
}

static void
put_location(struct text *page, const json_t *location)
{
	const char *location_id = json_text(location, "locationId");
	const char *id;
	json_t *room;

	text_puts(page, "<section class=\"location\"><h2>");
	text_html(page, json_text(location, "name"));
	text_puts(page, "</h2>\n");
	put_installations(page, location_id);
	json_object_foreach(state_section("rooms"), id, room)
	{
		if (strcmp(json_text(room, "locationId"), location_id) == 0)
			put_room(page, location_id, room);
	}
	put_room(page, location_id, NULL);
	text_puts(page, "</section>\n");
}

/* A hash of devices, their names and rooms, and installed apps: when it changes, the script
 * reloads. */
static char *
layout_mark(void)
{
	json_t *parts = json_object();
	const char *id;
	json_t *device;
	char *dump;
	unsigned long hash = 5381;

	json_object_foreach(state_section("devices"), id, device)
	{
		json_put(parts, id,
		    json_pack("[s, s]", world_device_title(device), json_text(device, "roomId")));
	}
	json_object_foreach(state_section("installedApps"), id, device)
	{
		json_put_text(parts, id, "installed");
	}
	dump = json_dumps(parts, JSON_COMPACT);
	for (const char *c = dump; c != NULL && *c != '\0'; c++)
		hash = hash * 33 + (unsigned char)*c;
	free(dump);
	json_decref(parts);
	return text_format("%lx", hash);
}

static void
show_page(struct exchange *x)
{
	struct text page = {0};
	char *mark = layout_mark();
	const char *id, *inner_id;
	json_t *account, *location;

	text_puts(&page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
			 "<meta name=\"viewport\" content=\"width=device-width\">\n"
			 "<title>The simulated house</title>\n"
			 "<link rel=\"icon\" href=\"data:,\">\n"
			 "<link rel=\"stylesheet\" href=\"/page.css\">\n"
			 "<script src=\"/page.js\" defer></script></head>\n");
	text_printf(&page, "<body data-layout=\"%s\"><header><h1>The simulated house</h1>\n", mark);
	text_puts(&page, "<p class=\"note\">These are the wall switches. Flip one by hand and "
			 "watch the dashboard follow.</p></header>\n<main>\n");
	free(mark);
	json_object_foreach(state_section("accounts"), id, account)
	{
		text_puts(&page, "<section class=\"account\"><p class=\"owner\">Locations of ");
		text_html(&page, json_text(account, "name"));
		text_puts(&page, "</p>\n");
		json_object_foreach(state_section("locations"), inner_id, location)
		{
			if (strcmp(json_text(location, "accountId"), id) == 0)
				put_location(&page, location);
		}
		text_puts(&page, "</section>\n");
	}
	text_puts(&page, "</main></body></html>\n");
	answer_page(x, 200, &page);
}

/* The values that the script reads every second. */
static void
show_page_data(struct exchange *x)
{
	json_t *devices = json_array();
	char *mark = layout_mark();
	const char *id;
	json_t *device;

	json_object_foreach(state_section("devices"), id, device)
	{
		json_array_append_new(
		    devices, json_pack("{s:s, s:s, s:O}", "deviceId", id, "health",
				 json_text(json_object_get(device, "healthState"), "state"),
				 "status", json_object_get(device, "status")));
	}
	answer_header(x, "Cache-Control", "no-store");
	answer_json(x, 200, json_pack("{s:s, s:o}", "layout", mark, "devices", devices));
	free(mark);
}

static void
show_script(struct exchange *x)
{
	answer_text(x, 200, "text/javascript; charset=utf-8", page_script);
}

static void
show_style(struct exchange *x)
{
	answer_text(x, 200, "text/css; charset=utf-8", page_style);
}

/* Back to the device on the page. */
static void
answer_back(struct exchange *x, const char *device_id)
{
	char *url = text_format("/#device-%s", device_id);

	answer_redirect(x, 303, url);
	free(url);
}

/* The fields of a submitted form, and the device that it names. */
struct page_form {
	char *device_id;
	char *component;
	char *value;
	json_t *device; /* borrowed; NULL when the form names none */
};

static void
page_form_read(struct page_form *form, const struct exchange *x, const char *field)
{
	form->device_id = request_form(x, "device");
	form->component = request_form(x, "component");
	form->value = request_form(x, field);
	if (form->device_id != NULL && form->value != NULL)
		form->device = world_device(form->device_id);
	if (form->component == NULL)
		form->component = text_copy("main");
}

static void
page_form_answer(struct exchange *x, struct page_form *form, bool good)
{
	if (good)
		answer_back(x, form->device_id);
	else
		answer_error(x, 400, "the form names no such device or value");
	free(form->device_id);
	free(form->component);
	free(form->value);
}

static void
flip(struct exchange *x)
{
	struct page_form form = {0};
	bool good;

	page_form_read(&form, x, "value");
	good = form.device != NULL && world_has_capability(form.device, form.component, "switch");
	if (good)
		world_switch(form.device, form.component, strcmp(form.value, "on") == 0);
	page_form_answer(x, &form, good);
}

static void
set_level(struct exchange *x)
{
	struct page_form form = {0};
	long level = -1;
	bool good;

	page_form_read(&form, x, "level");
	if (form.device != NULL)
		level = strtol(form.value, NULL, 10);
	good = level >= 0 && level <= 100 &&
	       world_has_capability(form.device, form.component, "switchLevel");
	if (good) {
		events_begin();
		world_level(form.device, form.component, (int)level);
		events_end();
	}
	page_form_answer(x, &form, good);
}

static void
set_health(struct exchange *x)
{
	struct page_form form = {0};

	page_form_read(&form, x, "state");
	if (form.device != NULL)
		world_health(
		    form.device, strcmp(form.value, "OFFLINE") == 0 ? "OFFLINE" : "ONLINE", NULL);
	page_form_answer(x, &form, form.device != NULL);
}

static void
uninstall(struct exchange *x)
{
	char *id = request_form(x, "installedApp");

	if (id != NULL && installed_app(id) != NULL) {
		installed_app_remove(id, true);
		answer_redirect(x, 303, "/");
	} else {
		answer_error(x, 404, "the app is not installed");
	}
	free(id);
}

#define PAGE ROUTE_BROWSER, NULL, LIMIT_NONE

const struct route page_routes[] = {
    {"GET", "/", show_page, PAGE},
    {"GET", "/page.json", show_page_data, PAGE},
    {"GET", "/page.js", show_script, PAGE},
    {"GET", "/page.css", show_style, PAGE},
    {"POST", "/page/flip", flip, PAGE},
    {"POST", "/page/level", set_level, PAGE},
    {"POST", "/page/health", set_health, PAGE},
    {"POST", "/page/uninstall", uninstall, PAGE},
    {0},
};
