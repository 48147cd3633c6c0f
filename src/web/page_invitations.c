/*
 * Invitations of the signed-in person.  A link is shown once, in the answer to the form that makes
 * it: later the page names it by its public id, which lets nobody in.
 */
#include "web/page_invitations.h"

#include <string.h>

#include "base/log.h"
#include "base/secret.h"
#include "store/session.h"
#include "web/page.h"
#include "web/page_layout.h"

static bool
is_in_use(const struct request_context *context)
{
	return strcmp(context->program->config.sign_up, "invite") == 0;
}

enum sw_err
page_load_invitations(struct request_context *context, struct page_invitations *out)
{
	struct db *db = context->program->db;
	struct arena *arena = context->req->arena;
	int64_t user_id = context->session.who.user_id;
	enum sw_err err;

	*out = (struct page_invitations){0};
	if (!is_in_use(context))
		return SW_OK;
	err = store_invitation_may_make(db, arena, user_id, &out->is_shown);
	if (err == SW_OK && out->is_shown)
		err = store_invitation_list(db, arena, user_id, &out->list, &out->count);
	return err;
}

static void
put_invitation(
    struct sbuf *out, const struct store_invitation *invitation, const char *csrf, int64_t now_ms)
{
	bool is_used = invitation->used_ms >= 0;

	html_lit(out, "<li><div><strong>");
	html_put_text(out, is_used ? "Accepted" : "Open");
	html_lit(out, "</strong>\n<p>Made ");
	page_put_time(out, invitation->created_ms, now_ms);
	html_lit(out, "</p>");
	if (is_used) {
		html_lit(out, "\n<p>Accepted ");
		page_put_time(out, invitation->used_ms, now_ms);
		html_lit(out, "</p></div></li>\n");
		return;
	}
	html_lit(out, "</div>\n<form method=\"post\" action=\"/invitations/withdraw\">");
	page_put_csrf(out, csrf);
	html_lit(out, "<input type=\"hidden\" name=\"invitation\"");
	html_put_attr(out, "value", invitation->public_id);
	html_lit(out, "><button class=\"small\">Withdraw</button></form></li>\n");
}

void
page_put_invitations(
    struct sbuf *out, const struct page_invitations *invitations, const char *csrf, int64_t now_ms)
{
	if (!invitations->is_shown)
		return;
	html_lit(out,
	    "<section class=\"card\" id=\"invitations\">\n<h2>Invitations</h2>\n<p>Let somebody "
	    "sign in with a Samsung account of their own: they see the switches of their own "
	    "locations, not of yours. Each needs a link, which works once and for a day.</p>\n");
	if (invitations->count > 0)
		html_lit(out, "<ul class=\"sessions\">\n");
	for (size_t i = 0; i < invitations->count; i++)
		put_invitation(out, &invitations->list[i], csrf, now_ms);
	if (invitations->count > 0)
		html_lit(out, "</ul>\n");
	html_lit(out, "<form method=\"post\" action=\"/invitations\">");
	page_put_csrf(out, csrf);
	html_lit(out, "<button class=\"button\">Make a link</button></form>\n</section>\n");
}

static void
put_link(struct request_context *context, const char *code)
{
	struct page page = {.title = "A link for one person", .csrf = context->session.csrf};
	struct sbuf *out = &context->res->body;

	page_begin(context->res, &context->program->config, 200, &page);
	html_lit(out,
	    "<section class=\"card\">\n<h1>A link for one person</h1>\n<p>Send it to whoever you "
	    "want to invite. It lets in whoever accepts it first, until this time "
	    "tomorrow. Copy it now: it is not shown again.</p>\n<p class=\"link\">");
	html_put_text(out, context->program->config.public_url);
	html_lit(out, "/join/");
	html_put_text(out, code);
	html_lit(out, "</p>\n<p><a class=\"button\" href=\"/sessions#invitations\">Done</a></p>\n"
		      "</section>\n");
	page_end(context->res, -1, 0);
}

/* SW_ECONFLICT: too many are open. */
static enum sw_err
make(struct request_context *context)
{
	int64_t user_id = context->session.who.user_id;
	uint8_t hash[SECRET_SHA256_BYTES];
	char code[SESSION_TOKEN_SIZE];
	enum sw_err err = session_make(code, hash);

	if (err == SW_OK)
		err =
		    store_invitation_make(context->program->db, context->req->arena, user_id, hash);
	if (err == SW_OK) {
		put_link(context, code);
		log_event(
		    LOG_INFO, "invitation.made", "user", log_int(user_id), (const char *)NULL);
	}
	secret_cleanse(code, sizeof(code));
	return err;
}

enum sw_err
page_post_invitation(struct request_context *context)
{
	bool may;
	enum sw_err err;

	if (!is_in_use(context))
		return request_context_refuse(
		    context, SW_ECONFLICT, "Nobody comes in by invitation here.");
	err = store_invitation_may_make(
	    context->program->db, context->req->arena, context->session.who.user_id, &may);
	if (err == SW_OK && !may)
		return request_context_refuse(context, SW_ECONFLICT,
		    "Only somebody who has linked a location of their own can invite others.");
	if (err == SW_OK)
		err = make(context);
	if (err == SW_ECONFLICT)
		return request_context_refuse(context, SW_ECONFLICT,
		    "Too many of your invitations are open: withdraw one, or wait until one is "
		    "accepted or a day old.");
	return err;
}

enum sw_err
page_post_invitation_withdraw(struct request_context *context)
{
	const char *id;
	enum sw_err err = request_context_form_uuid(context, "invitation", &id);

	if (err == SW_OK)
		err = store_invitation_withdraw(
		    context->program->db, context->req->arena, context->session.who.user_id, id);
	if (err != SW_OK)
		return err;
	response_redirect(context->res, 303, "/sessions#invitations");
	return SW_OK;
}
