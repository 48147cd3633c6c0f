/* The HTML of one switch.  Closing quotes stand in the next literal: most of the page is this. */
#include "web/page_tile.h"

#include <string.h>

#include "formats/html.h"
#include "web/page_layout.h"

static bool
is_on(const struct switch_row *row)
{
	return row->state != NULL && strcmp(row->state, "on") == 0;
}

static const char *
state_word(const struct switch_row *row)
{
	if (row->state == NULL)
		return "Unknown";
	return is_on(row) ? "On" : "Off";
}

/* From the form's class to its CSRF field. */
static void
put_form_start(struct sbuf *out, const struct switch_row *row, const char *csrf)
{
	html_lit(out, "\" method=\"post\" action=\"/switches/");
	html_put_url_component(out, row->device_id);
	html_lit(out, "/");
	html_put_url_component(out, row->component);
	html_lit(out, "\">");
	page_put_csrf(out, csrf);
}

static void
put_note(struct sbuf *out, const struct switch_row *row, size_t number, int64_t now_ms)
{
	html_lit(out, "<span class=\"note\" id=\"n");
	html_put_int(out, (int64_t)number);
	html_lit(out, "\"><span class=\"state\">");
	html_put_text(out, state_word(row));
	if (row->online)
		html_lit(out, "</span><span class=\"offline\" hidden>Offline</span>");
	else
		html_lit(out, "</span><span class=\"offline\">Offline</span>");
	if (row->waiting)
		html_lit(out, "<span class=\"waiting\">Waiting to be sent</span>");
	page_put_time(out, row->updated_at_ms, now_ms);
	html_lit(out, "</span>");
}

static void
put_checked(struct sbuf *out, const struct switch_row *row)
{
	html_lit(out, "<button role=\"switch\" aria-checked=\"");
	if (row->state == NULL)
		html_lit(out, "mixed");
	else if (is_on(row))
		html_lit(out, "true");
	else
		html_lit(out, "false");
}

/* data-device-id and data-component stand on no other element, so that they find the button. */
static void
put_button(struct sbuf *out, const struct switch_row *row, size_t number, int64_t now_ms)
{
	put_checked(out, row);
	html_lit(out, "\" data-device-id=\"");
	html_put_text(out, row->device_id);
	html_lit(out, "\" data-component=\"");
	html_put_text(out, row->component);
	html_lit(out, "\" aria-label=\"");
	html_put_text(out, row->label);
	html_lit(out, "\" aria-describedby=\"n");
	html_put_int(out, (int64_t)number);
	html_lit(out, "\"");
	if (row->pending)
		html_lit(out, " aria-busy=\"true\"");
	html_lit(out, "><span class=\"name\">");
	html_put_text(out, row->label);
	html_lit(out, "</span><span class=\"track\" aria-hidden=\"true\"></span>");
	put_note(out, row, number, now_ms);
	html_lit(out, "</button></form>");
}

static void
put_toggle(
    struct sbuf *out, const struct switch_row *row, const char *csrf, size_t number, int64_t now_ms)
{
	html_lit(out, "<form class=\"toggle");
	put_form_start(out, row, csrf);
	if (is_on(row))
		html_lit(out, "<input type=\"hidden\" name=\"command\" value=\"off\">");
	else
		html_lit(out, "<input type=\"hidden\" name=\"command\" value=\"on\">");
	put_button(out, row, number, now_ms);
}

static void
put_level(struct sbuf *out, const struct switch_row *row, const char *csrf)
{
	int level = row->level >= 0 ? row->level : 0;

	html_lit(out, "<form class=\"level");
	put_form_start(out, row, csrf);
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
	html_lit(out, "<li class=\"tile\" data-state=\"");
	html_put_text(out, row->state == NULL ? "unknown" : row->state);
	html_lit(out, "\" data-level=\"");
	html_put_int(out, row->level >= 0 ? row->level : 0);
	html_lit(out, "\" data-seq=\"");
	html_put_int(out, row->seq);
	html_lit(out, "\"");
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
