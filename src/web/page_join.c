/*
 * What the link of an invitation leads to: a page that says what it is, and a button that takes the
 * browser to the platform.  The code itself is only checked here; the callback uses it up.
 */
#include "web/page.h"

#include <string.h>

#include "base/secret.h"
#include "store/invitation.h"
#include "store/session.h"
#include "web/invitation_cookie.h"
#include "web/page_layout.h"

/* SW_ENOTFOUND: the code in the path lets nobody in. */
static enum sw_err
find_invitation(const struct request_context *context)
{
	uint8_t hash[SECRET_SHA256_BYTES];

	if (strcmp(context->program->config.sign_up, "closed") == 0 ||
	    !invitation_hash_code(context->segments[0], hash))
		return SW_ENOTFOUND;
	return store_invitation_find(context->program->db, hash);
}

static void
put_invitation(struct request_context *context, const char *csrf)
{
	struct page page = {.title = "You are invited"};
	struct sbuf *out = &context->res->body;

	page_begin(context->res, &context->program->config, 200, &page);
	html_lit(out,
	    "<section class=\"card welcome\">\n<h1>You are invited</h1>\n"
	    "<p>Somebody who uses this Switchboard invites you to use it too: it shows every "
	    "switch of your own SmartThings home on one page. You sign in with your own Samsung "
	    "account, and see your own switches.</p>\n"
	    "<form method=\"post\">");
	page_put_csrf(out, csrf);
	html_lit(out,
	    "<button class=\"button\">Accept and sign in</button></form>\n"
	    "<p class=\"hint\">The invitation works once. You will choose which location to share "
	    "on Samsung\xe2\x80\x99s own page. Switchboard runs on this server and never sees your "
	    "Samsung password.</p>\n</section>\n");
	page_end(context->res, -1, 0);
}

/* Not a redirect: browsers follow none from a form to another site (form-action of our policy). */
static void
put_accepted(struct request_context *context)
{
	struct page page = {.title = "On to SmartThings", .next = "/oauth/start"};
	struct sbuf *out = &context->res->body;

	page_begin(context->res, &context->program->config, 200, &page);
	html_lit(out,
	    "<section class=\"card welcome\">\n<h1>On to SmartThings</h1>\n<p>Your browser "
	    "goes there by itself; if it does not, this is the way:</p>\n<p><a "
	    "class=\"button\" href=\"/oauth/start\">Sign in with SmartThings</a></p>\n"
	    "</section>\n");
	page_end(context->res, -1, 0);
}

static void
put_signed_in(struct request_context *context)
{
	struct page page = {.title = "An invitation", .csrf = context->session.csrf};
	struct sbuf *out = &context->res->body;

	page_begin(context->res, &context->program->config, 200, &page);
	html_lit(out,
	    "<section class=\"card\">\n<h1>You need no invitation</h1>\n<p>You are signed in here "
	    "already. This link lets somebody else sign in, once: give it to them, or log out "
	    "first when they use this browser.</p>\n<p><a class=\"button\" href=\"/\">Back to the "
	    "switches</a></p>\n</section>\n");
	page_end(context->res, -1, 0);
}

/* One page for all reasons: it tells nobody which codes there are or were. */
static void
put_not_open(struct request_context *context)
{
	struct page page = {.title = "This invitation does not work"};
	struct sbuf *out = &context->res->body;

	page_begin(context->res, &context->program->config, 404, &page);
	html_lit(out,
	    "<section class=\"card\">\n<h1>This invitation does not work</h1>\n<p>It has been "
	    "accepted already, is more than a day old, was withdrawn or lost a part on its way, or "
	    "nobody new may sign in here any more. Ask whoever sent it.</p>\n<p>Who has signed in "
	    "here before needs none.</p>\n<p><a class=\"button\" href=\"/\">Go to the "
	    "sign-in</a></p>\n</section>\n");
	page_end(context->res, -1, 0);
}

static bool
is_needless(const struct request_context *context)
{
	return strcmp(context->program->config.sign_up, "open") == 0;
}

enum sw_err
page_join(struct request_context *context)
{
	char csrf[SESSION_TOKEN_SIZE];
	enum sw_err err;

	if (is_needless(context)) {
		response_redirect(context->res, 303, "/");
		return SW_OK;
	}
	err = find_invitation(context);
	if (err == SW_ENOTFOUND) {
		put_not_open(context);
		return SW_OK;
	}
	if (err == SW_OK && context->signed_in) {
		put_signed_in(context);
		return SW_OK;
	}
	if (err == SW_OK)
		err = session_begin_guest(
		    context->res, &context->program->config, context->req, csrf);
	if (err == SW_OK)
		put_invitation(context, csrf);
	return err;
}

enum sw_err
page_post_join(struct request_context *context)
{
	const struct config *config = &context->program->config;
	struct url_query form;
	enum sw_err err, form_err = request_parse_form(context->req, &form);

	if (is_needless(context) || context->signed_in) {
		response_redirect(context->res, 303, "/");
		return SW_OK;
	}
	if (!session_check_guest(config, context->req, url_query_get(&form, "csrf", NULL)))
		return SW_EFORBIDDEN;
	err = form_err == SW_OK ? find_invitation(context) : form_err;
	if (err == SW_ENOTFOUND) {
		put_not_open(context);
		return SW_OK;
	}
	if (err != SW_OK)
		return err;
	invitation_put_cookie(context->res, config, context->segments[0]);
	put_accepted(context);
	return SW_OK;
}
