/*
 * "Signed-in browsers": where a user is signed in, and buttons that sign out.  The page names
 * sessions by their public ids, which open nothing.
 */
#include "web/page.h"

#include <string.h>

#include "base/clock.h"
#include "store/session.h"
#include "web/page_invitations.h"
#include "web/page_layout.h"
#include "web/user_agent.h"

/* "Firefox on Linux"; the whole User-Agent when we know neither part. */
static void
put_name(struct sbuf *out, const char *agent)
{
	const char *browser = user_agent_browser(agent);
	const char *system = user_agent_system(agent);

	if (browser == NULL && system == NULL && agent != NULL && agent[0] != '\0') {
		html_put_text(out, agent);
		return;
	}
	html_put_text(out, browser != NULL ? browser : "Unknown browser");
	if (system != NULL) {
		html_lit(out, " on ");
		html_put_text(out, system);
	}
}

static void
put_end_button(struct sbuf *out, const struct store_session *session, const char *csrf)
{
	html_lit(out, "<form method=\"post\" action=\"/sessions/end\">");
	page_put_csrf(out, csrf);
	html_lit(out, "<input type=\"hidden\" name=\"session\"");
	html_put_attr(out, "value", session->public_id);
	html_lit(out, "><button class=\"small\" aria-label=\"Sign out: ");
	put_name(out, session->user_agent);
	html_lit(out, "\">Sign out</button></form>");
}

/* How long ago an RFC 3339 instant was. */
static void
put_age(struct sbuf *out, const char *at, int64_t now_ms)
{
	int64_t at_us;

	page_put_time(out, clock_parse_rfc3339(at, &at_us, NULL) ? at_us / 1000 : -1, now_ms);
}

static void
put_session(struct sbuf *out, const struct store_session *session, const char *csrf, int64_t now_ms)
{
	html_lit(out, "<li");
	if (session->is_this)
		html_lit(out, " aria-current=\"true\"");
	html_lit(out, "><div><strong");
	html_put_attr(out, "title", session->user_agent);
	html_lit(out, ">");
	put_name(out, session->user_agent);
	html_lit(out, "</strong>\n<p>Last used ");
	put_age(out, session->seen_at, now_ms);
	html_lit(out, "</p>\n<p>Signed in ");
	put_age(out, session->created_at, now_ms);
	html_lit(out, "</p></div>\n");
	if (session->is_this)
		html_lit(out, "<span class=\"here\">This browser</span>");
	else
		put_end_button(out, session, csrf);
	html_lit(out, "</li>\n");
}

static void
put_list(struct sbuf *out, const struct store_session *sessions, size_t count, const char *csrf,
    int64_t now_ms)
{
	html_lit(out,
	    "<section class=\"card\">\n<h1>Signed-in browsers</h1>\n<p>The browsers that are "
	    "signed in to Switchboard as you. Sign out those that you no longer use or do not "
	    "know: it takes effect at once, on open pages too.</p>\n<ul class=\"sessions\">\n");
	for (size_t i = 0; i < count; i++)
		put_session(out, &sessions[i], csrf, now_ms);
	html_lit(out, "</ul>\n<div class=\"choice\">");
	if (count > 1) {
		html_lit(out, "<form method=\"post\" action=\"/sessions/end-others\">");
		page_put_csrf(out, csrf);
		html_lit(
		    out, "<button class=\"button danger\">Sign out all others</button></form>");
	}
	html_lit(out, "<a class=\"quiet\" href=\"/\">Back to the switches</a></div>\n</section>\n");
}

enum sw_err
page_sessions(struct request_context *context)
{
	const char *csrf = context->session.csrf;
	struct page page = {.title = "Signed-in browsers", .csrf = csrf};
	struct page_invitations invitations;
	struct store_session *sessions;
	int64_t now_ms = clock_now_ms();
	size_t count;
	enum sw_err err = store_session_list(context->program->db, context->req->arena,
	    context->session.who.user_id, context->session.hash, &sessions, &count);

	if (err == SW_OK)
		err = page_load_invitations(context, &invitations);
	if (err != SW_OK)
		return err;
	page_begin(context->res, &context->program->config, 200, &page);
	put_list(&context->res->body, sessions, count, csrf, now_ms);
	page_put_invitations(&context->res->body, &invitations, csrf, now_ms);
	page_end(context->res, -1, 0);
	return SW_OK;
}

/* Once the reply is sent, the streamer closes the streams of sessions that ended. */
static enum sw_err
answer_ended(struct request_context *context)
{
	notify_add_user(&context->program->notify, context->session.who.user_id);
	response_redirect(context->res, 303, "/sessions");
	return SW_OK;
}

enum sw_err
page_post_session_end(struct request_context *context)
{
	const char *id;
	enum sw_err err = request_context_form_uuid(context, "session", &id);

	if (err == SW_OK)
		err = store_session_end_one(
		    context->program->db, context->req->arena, context->session.who.user_id, id);
	return err == SW_OK ? answer_ended(context) : err;
}

enum sw_err
page_post_session_end_others(struct request_context *context)
{
	enum sw_err err = store_session_end_others(context->program->db, context->req->arena,
	    context->session.who.user_id, context->session.hash);

	return err == SW_OK ? answer_ended(context) : err;
}
