/* One switch on the page. */
#include "web/page_tile.h"

#include <string.h>

#include "formats/html.h"
#include "web/page_layout.h"

static bool
is_on(const struct switch_row *row)
{
	return row->state != NULL && strcmp(row->state, "on") == 0;
}

static void
put_action(struct sbuf *out, const struct switch_row *row)
{
	html_lit(out, " method=\"post\" action=\"/switches/");
	html_put_url_component(out, row->device_id);
	html_lit(out, "/");
	html_put_url_component(out, row->component);
	html_lit(out, "\">");
}

static void
put_state(struct sbuf *out, const struct switch_row *row)
{
	html_lit(out, "<span class=\"state\">");
	if (row->state == NULL)
		html_lit(out, "Unknown");
	else if (is_on(row))
		html_lit(out, "On");
	else
		html_lit(out, "Off");
	html_lit(out, "</span>");
}

static void
put_note(struct sbuf *out, const struct switch_row *row, size_t number, int64_t now_ms)
{
	html_lit(out, "<span class=\"note\" id=\"n");
	html_put_int(out, (int64_t)number);
	html_lit(out, "\">");
	put_state(out, row);
	html_lit(out, "<span class=\"offline\"");
	if (row->online)
		html_lit(out, " hidden");
	html_lit(out, ">Offline</span>");
	page_put_time(out, row->updated_at, now_ms);
	html_lit(out, "</span>");
}

/* data-device-id and data-component belong to the button alone: they name it. */
static void
put_button(struct sbuf *out, const struct switch_row *row, size_t number, int64_t now_ms)
{
	html_lit(out, "<button role=\"switch\" aria-checked=\"");
	if (row->state == NULL)
		html_lit(out, "mixed\"");
	else if (is_on(row))
		html_lit(out, "true\"");
	else
		html_lit(out, "false\"");
	html_put_attr(out, "data-device-id", row->device_id);
	html_put_attr(out, "data-component", row->component);
	html_put_attr(out, "aria-label", row->label);
	html_lit(out, " aria-describedby=\"n");
	html_put_int(out, (int64_t)number);
	html_lit(out, "\"");
	if (row->pending)
		html_lit(out, " aria-busy=\"true\"");
	html_lit(out, "><span class=\"name\">");
	html_put_text(out, row->label);
	html_lit(out, "</span><span class=\"track\" aria-hidden=\"true\"></span>");
	put_note(out, row, number, now_ms);
	html_lit(out, "</button>");
}

static void
put_toggle(
    struct sbuf *out, const struct switch_row *row, const char *csrf, size_t number, int64_t now_ms)
{
	html_lit(out, "<form class=\"toggle\"");
	put_action(out, row);
	page_put_csrf(out, csrf);
	if (is_on(row))
		html_lit(out, "<input type=\"hidden\" name=\"command\" value=\"off\">");
	else
		html_lit(out, "<input type=\"hidden\" name=\"command\" value=\"on\">");
	put_button(out, row, number, now_ms);
	html_lit(out, "</form>");
}

static void
put_level(struct sbuf *out, const struct switch_row *row, const char *csrf)
{
	int level = row->level >= 0 ? row->level : 0;

	html_lit(out, "<form class=\"level\"");
	put_action(out, row);
	page_put_csrf(out, csrf);
	html_lit(out, "<input type=\"hidden\" name=\"command\" value=\"setLevel\">"
		      "<input type=\"range\" name=\"level\" min=\"0\" max=\"100\"");
	html_put_attr_int(out, "value", level);
	html_lit(out, " aria-label=\"Level of ");
	html_put_text(out, row->label);
	html_lit(out, "\"><output>");
	html_put_int(out, level);
	html_lit(out, " %</output><button class=\"set\">Set</button></form>");
}

void
page_put_tile(
    struct sbuf *out, const struct switch_row *row, const char *csrf, size_t number, int64_t now_ms)
{
	html_lit(out, "<li class=\"tile\"");
	html_put_attr(out, "data-state", row->state == NULL ? "unknown" : row->state);
	html_put_attr_int(out, "data-level", row->level >= 0 ? row->level : 0);
	html_put_attr_int(out, "data-seq", row->seq);
	if (row->pending)
		html_lit(out, " data-pending");
	if (!row->online)
		html_lit(out, " data-offline");
	html_lit(out, ">");
	put_toggle(out, row, csrf, number, now_ms);
	if (row->has_level)
		put_level(out, row, csrf);
	html_lit(out, "</li>\n");
}
