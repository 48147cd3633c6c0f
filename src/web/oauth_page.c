/* The texts of the pages of oauth.fcgi. */
#include "web/oauth_page.h"

#include <string.h>

#include "base/utf8.h"
#include "formats/html.h"
#include "web/page_layout.h"

#define DETAIL_MAX 200

struct words {
	int status;
	const char *title;
	const char *text;
};

static const struct words pages[] = {
    [OAUTH_PAGE_STATE] = {400, "This sign-in cannot be finished",
	"This sign-in was not started in this browser, was started more than ten minutes ago, "
	"or has been used already. Nothing was linked."},
    [OAUTH_PAGE_DENIED] = {403, "You declined",
	"You did not give Switchboard access to SmartThings. Nothing was linked."},
    [OAUTH_PAGE_FULL] = {502, "This Switchboard is full",
	"SmartThings lets an app be installed in a limited number of locations (500 unless it "
	"agreed "
	"to more), and this Switchboard's app has reached it. Nothing was linked. Locations "
	"that are not used any more make room: disconnect them here, or remove Switchboard from "
	"them in the SmartThings app, then try again. If it is not you who runs this Switchboard, "
	"tell who does."},
    [OAUTH_PAGE_SCOPE] = {502, "Switchboard asks for a permission it may not have",
	"SmartThings does not know a permission of SWITCHBOARD_SCOPES, or the app was registered "
	"without it. Nothing was linked. Who runs this Switchboard has to make both lists the "
	"same: that setting, and the scopes of the app at SmartThings."},
    [OAUTH_PAGE_NO_CLIENT] = {502, "Switchboard is not set up correctly",
	"SmartThings does not accept how this Switchboard asks. Nothing was linked. Who runs it "
	"has to compare SWITCHBOARD_CLIENT_ID and SWITCHBOARD_PUBLIC_URL with the app at "
	"SmartThings: its client id, and its redirect URI, which is the public URL followed by "
	"/oauth/callback."},
    [OAUTH_PAGE_BUSY] = {502, "SmartThings could not finish",
	"SmartThings has a problem of its own at the moment. Nothing was linked. Wait a few "
	"minutes, then try again."},
    [OAUTH_PAGE_REFUSED] = {502, "SmartThings could not finish",
	"SmartThings reported a problem while it asked for your permission. Nothing was linked. "
	"Try again; if it says the same then, what it said is for who runs this Switchboard."},
    [OAUTH_PAGE_NO_CODE] = {400, "The authorization code is missing",
	"SmartThings sent you back without it. Nothing was linked."},
    [OAUTH_PAGE_CODE] = {400, "The permission has expired",
	"SmartThings no longer accepts this permission: it works once and for a short time. "
	"Nothing was linked."},
    [OAUTH_PAGE_CLIENT] = {502, "Switchboard is not set up correctly",
	"SmartThings does not accept Switchboard's client id and secret. The operator of this "
	"Switchboard has to correct them."},
    [OAUTH_PAGE_PLATFORM] = {502, "SmartThings gave no usable answer",
	"Your permission reached SmartThings, but its answer could not be used. Nothing was "
	"linked."},
    [OAUTH_PAGE_AWAY] = {503, "SmartThings cannot be reached",
	"SmartThings is unavailable or very busy. Nothing was linked. Wait a moment, then try "
	"again."},
    [OAUTH_PAGE_TIMEOUT] = {504, "SmartThings did not answer in time",
	"Nothing was linked. Wait a moment, then try again."},
    [OAUTH_PAGE_NOBODY] = {502, "Whose location is it?",
	"SmartThings does not say which Samsung account this location belongs to. Nothing was "
	"linked."},
    [OAUTH_PAGE_UNINVITED] = {403, "You need an invitation",
	"Only the person who set this Switchboard up, those who see a location here already, and "
	"those with an invitation, which works once and for a day, can sign in. It has been "
	"uninstalled from your location at SmartThings again, and nothing "
	"of it was kept here. Ask somebody who uses this Switchboard for one."},
    [OAUTH_PAGE_INSTALLED] = {403, "You need an invitation",
	"Only the person who set this Switchboard up, those who see a location here already, and "
	"those with an invitation, which works once and for a day, can sign in. Nothing was kept "
	"here, but SmartThings did not uninstall it "
	"from "
	"your location: remove Switchboard there in the SmartThings app."},
    [OAUTH_PAGE_OTHERS] = {403, "You need an invitation",
	"Only the person who set this Switchboard up, those who see a location here already, and "
	"those with an invitation, which works once and for a day, can sign in. Other people have "
	"linked this location; nothing was changed for them."},
    [OAUTH_PAGE_CHOICE] = {400, "This question is out of date",
	"It was asked in another browser or more than ten minutes ago, or it has been answered. "
	"The location is linked: its owner sees it after signing in."},
    [OAUTH_PAGE_NOT_STORED] = {503, "Switchboard cannot reach its database",
	"Nothing was linked. Wait a moment, then link again."},
    [OAUTH_PAGE_METHOD] = {405, "Method not allowed", "This address accepts GET requests only."},
    [OAUTH_PAGE_NOT_FOUND] = {404, "Not found", "This address does not exist."},
    [OAUTH_PAGE_INTERNAL] = {500, "Something went wrong in Switchboard",
	"The log of the server has the details. Nothing was linked."},
};
_Static_assert(sizeof(pages) / sizeof(pages[0]) == OAUTH_PAGE__MAX, "a page is missing");

/* At most DETAIL_MAX bytes, cut between characters. */
static void
put_detail(struct sbuf *body, const char *detail)
{
	char cut[DETAIL_MAX + 1];
	size_t length = strnlen(detail, DETAIL_MAX);

	while (length > 0 && !utf8_is_valid(detail, length))
		length--;
	memcpy(cut, detail, length);
	cut[length] = '\0';
	html_lit(body, "<p class=\"hint\">SmartThings said: <q>");
	html_put_text(body, cut);
	html_lit(body, "</q></p>\n");
}

void
oauth_page_put(
    struct response *res, const struct config *config, enum oauth_page page, const char *detail)
{
	const struct words *words = &pages[page];
	struct page layout = {.title = words->title};
	struct sbuf *out = &res->body;

	page_begin(res, config, words->status, &layout);
	if (words->status == 503)
		response_add_header(res, "Retry-After", "5");
	if (page == OAUTH_PAGE_METHOD)
		response_add_header(res, "Allow", "GET");
	html_lit(out, "<section class=\"card\">\n<h1>");
	html_put_text(out, words->title);
	html_lit(out, "</h1>\n<p>");
	html_put_text(out, words->text);
	html_lit(out, "</p>\n");
	if (detail != NULL && detail[0] != '\0')
		put_detail(out, detail);
	html_lit(out, "<p><a class=\"button\" href=\"/oauth/start\">Try again</a> "
		      "<a class=\"quiet\" href=\"/\">Back to the switches</a></p>\n</section>\n");
	page_end(res, -1, 0);
}

void
oauth_page_fail(
    const struct program *program, const struct request *req, enum sw_err err, struct response *res)
{
	enum oauth_page page;

	(void)req;
	switch (err) {
	case SW_EMETHOD:
		page = OAUTH_PAGE_METHOD;
		break;
	case SW_ENOTFOUND:
		page = OAUTH_PAGE_NOT_FOUND;
		break;
	case SW_ELOCKED:
	case SW_EUNAVAILABLE:
	case SW_ETIMEOUT:
	case SW_ECONFLICT:
		page = OAUTH_PAGE_NOT_STORED;
		break;
	case SW_EINPUT:
	case SW_ETOOLARGE:
		page = OAUTH_PAGE_NO_CODE;
		break;
	default:
		page = OAUTH_PAGE_INTERNAL;
		break;
	}
	oauth_page_put(res, &program->config, page, NULL);
}
