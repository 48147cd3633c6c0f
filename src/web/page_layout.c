/*
 * What every page has around its <main>.  The addresses of style and scripts carry a digest of
 * their content (made by make): browsers cache them for a year and never use an old script with a
 * new page.
 */
#include "web/page_layout.h"

#include "base/clock.h"
#include "web/static_version.h"

static void
put_head(struct sbuf *out, const struct page *page)
{
	html_lit(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		      "<title>");
	html_put_text(out, page->title);
	html_lit(out, "</title>\n<meta name=\"robots\" content=\"noindex\">\n"
		      "<meta name=\"color-scheme\" content=\"light dark\">\n"
		      "<meta name=\"theme-color\" media=\"(prefers-color-scheme: light)\" "
		      "content=\"#f3f1ec\">\n"
		      "<meta name=\"theme-color\" media=\"(prefers-color-scheme: dark)\" "
		      "content=\"#101317\">\n");
	if (page->csrf != NULL) {
		html_lit(out, "<meta name=\"csrf-token\"");
		html_put_attr(out, "content", page->csrf);
		html_lit(out, ">\n");
	}
	html_lit(out,
	    "<link rel=\"icon\" type=\"image/svg+xml\" "
	    "href=\"/static/favicon.svg?v=" STATIC_VERSION "\">\n"
	    "<link rel=\"manifest\" href=\"/static/manifest.webmanifest?v=" STATIC_VERSION "\">\n"
	    "<link rel=\"stylesheet\" href=\"/static/switchboard.css?v=" STATIC_VERSION "\">\n");
	if (page->cursor != NULL)
		html_lit(out,
		    "<script type=\"module\" src=\"/static/switchboard.js?v=" STATIC_VERSION
		    "\"></script>\n"
		    "<script async src=\"/static/fallback.js?v=" STATIC_VERSION "\"></script>\n");
	if (page->refresh_s > 0) {
		html_lit(out, "<noscript><meta http-equiv=\"refresh\"");
		html_put_attr_int(out, "content", page->refresh_s);
		html_lit(out, "></noscript>\n");
	}
	if (page->next != NULL) {
		html_lit(out, "<meta http-equiv=\"refresh\" content=\"0; url=");
		html_put_text(out, page->next);
		html_lit(out, "\">\n");
	}
	html_lit(out, "</head>\n");
}

static void
put_bar(struct sbuf *out, const struct page *page)
{
	html_lit(out, "<header class=\"bar\">\n<a class=\"brand\" href=\"/\">"
		      "<img src=\"/static/favicon.svg?v=" STATIC_VERSION
		      "\" alt=\"\" width=\"28\" height=\"28\">Switchboard</a>\n");
	if (page->csrf != NULL) {
		html_lit(out, "<nav aria-label=\"Account\">\n");
		if (page->cursor != NULL)
			html_lit(out, "<span class=\"live\" id=\"live\" hidden>Live</span>\n");
		html_lit(out, "<a class=\"quiet\" href=\"/oauth/start\">Add a location</a>\n"
			      "<a class=\"quiet\" href=\"/sessions\">Signed-in browsers</a>\n"
			      "<form method=\"post\" action=\"/logout\">");
		page_put_csrf(out, page->csrf);
		html_lit(out, "<button class=\"quiet\">Log out</button></form>\n</nav>\n");
	}
	html_lit(out, "</header>\n");
}

void
page_begin(struct response *res, const struct config *config, int status, const struct page *page)
{
	struct sbuf *out = &res->body;

	response_begin_page(res, status, config->public_is_https);
	put_head(out, page);
	html_lit(out, "<body");
	if (page->cursor != NULL)
		html_put_attr(out, "data-cursor", page->cursor);
	html_lit(out, ">\n");
	put_bar(out, page);
	if (page->cursor != NULL)
		html_lit(out,
		    "<p class=\"banner lost\" id=\"lost\" role=\"status\" hidden>Connection "
		    "lost. Reconnecting\xe2\x80\xa6</p>\n");
	html_lit(out, "<main>\n");
}

/* 12345 as "12 345"; the space is U+202F, narrow and without a line break. */
static void
put_grouped(struct sbuf *out, int64_t value)
{
	if (value >= 1000) {
		put_grouped(out, value / 1000);
		html_lit(out, "\xe2\x80\xaf");
		sbuf_printf(out, "%03d", (int)(value % 1000));
		return;
	}
	html_put_int(out, value);
}

void
page_end(struct response *res, int64_t calls, int64_t budget)
{
	struct sbuf *out = &res->body;

	html_lit(out, "</main>\n");
	if (calls >= 0) {
		html_lit(out, "<footer class=\"foot\"><p>");
		put_grouped(out, calls);
		if (budget > 0) {
			html_lit(out, " of ");
			put_grouped(out, budget);
		}
		html_lit(out, " SmartThings API calls this month</p></footer>\n");
	}
	html_lit(out,
	    "<div class=\"toasts\" id=\"toasts\" role=\"status\" aria-live=\"polite\"></div>\n"
	    "</body>\n</html>\n");
}

static const char *
error_title(enum sw_err err)
{
	switch (err) {
	case SW_EAUTH:
		return "You are signed out";
	case SW_EFORBIDDEN:
		return "This page is out of date";
	case SW_ENOTFOUND:
		return "Not found";
	case SW_EMETHOD:
		return "Method not allowed";
	case SW_ECONFLICT:
		return "Not possible now";
	case SW_ELOCKED:
	case SW_EUNAVAILABLE:
	case SW_ETIMEOUT:
		return "Back in a moment";
	default:
		return err_http_status(err) < 500 ? "That did not work" : "Something went wrong";
	}
}

void
page_put_error(
    const struct config *config, enum sw_err err, const char *message, struct response *res)
{
	struct sbuf *out = &res->body;
	int status = err_http_status(err);
	struct page page = {.title = error_title(err)};

	page_begin(res, config, status, &page);
	html_lit(out, "<section class=\"card\">\n<h1>");
	html_put_text(out, error_title(err));
	html_lit(out, "</h1>\n<p>");
	html_put_text(out, message);
	html_lit(out, "</p>\n<p>");
	if (err == SW_EAUTH)
		html_lit(
		    out, "<a class=\"button\" href=\"/oauth/start\">Sign in with SmartThings</a>");
	else
		html_lit(out, "<a class=\"button\" href=\"/\">Back to the switches</a>");
	html_lit(out, "</p>\n</section>\n");
	page_end(res, -1, 0);
	if (status == 503)
		response_add_header(res, "Retry-After", "5");
}

void
page_put_csrf(struct sbuf *out, const char *csrf)
{
	html_lit(out, "<input type=\"hidden\" name=\"csrf\" value=\"");
	html_put_text(out, csrf);
	html_lit(out, "\">");
}

/* How long ago; switchboard.js writes the same words. */
static void
put_age(struct sbuf *out, int64_t age_s)
{
	if (age_s < 60) {
		html_lit(out, "just now");
	} else if (age_s < 3600) {
		html_put_int(out, age_s / 60);
		html_lit(out, " min ago");
	} else if (age_s < 86400) {
		html_put_int(out, age_s / 3600);
		html_lit(out, " h ago");
	} else {
		html_put_int(out, age_s / 86400);
		if (age_s < 2 * 86400)
			html_lit(out, " day ago");
		else
			html_lit(out, " days ago");
	}
}

void
page_put_time(struct sbuf *out, int64_t at_ms, int64_t now_ms)
{
	char text[32];

	if (at_ms < 0) {
		html_lit(out, "<time></time>");
		return;
	}
	clock_format_rfc3339_ms(at_ms, text);
	html_lit(out, "<time datetime=\"");
	html_put_text(out, text);
	html_lit(out, "\">");
	put_age(out, now_ms / 1000 - at_ms / 1000);
	html_lit(out, "</time>");
}
