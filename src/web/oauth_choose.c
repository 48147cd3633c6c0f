/*
 * Who sees a location that was linked in somebody else's browser.
 */
#include "web/oauth_choose.h"

#include <string.h>

#include "base/log.h"
#include "formats/html.h"
#include "store/access.h"
#include "store/session.h"
#include "web/oauth_page.h"
#include "web/page_layout.h"
#include "web/user_agent.h"

static void
put_question(struct sbuf *out, const struct store_linked *linked)
{
	html_lit(out, "<section class=\"card\">\n<h1>Who should see this location?</h1>\n"
		      "<p>You are signed in as ");
	if (linked->here != NULL) {
		html_lit(out, "the owner of ");
		html_put_text(out, linked->here);
	} else {
		html_lit(out, "somebody else");
	}
	html_lit(out, ". The location ");
	if (linked->location != NULL)
		html_put_text(out, linked->location);
	else
		html_lit(out, "that you have just linked");
	html_lit(out,
	    " belongs to another Samsung account. Show it to the person who is signed in here, or "
	    "sign in as its owner?</p>\n");
}

void
oauth_choose_put(const struct program *program, const struct store_linked *linked,
    const char *offer, struct response *res)
{
	struct page page = {.title = "Who should see this location?"};
	struct sbuf *out = &res->body;

	page_begin(res, &program->config, 200, &page);
	put_question(out, linked);
	html_lit(out, "<form class=\"choice\" method=\"post\" action=\"/oauth/choose\">"
		      "<input type=\"hidden\" name=\"offer\"");
	html_put_attr(out, "value", offer);
	html_lit(out,
	    "><button class=\"button\" name=\"choice\" value=\"here\">Show it here</button>"
	    "<button class=\"button\" name=\"choice\" value=\"owner\">Sign in as its owner"
	    "</button></form>\n<p class=\"hint\">Whoever is signed in here can see and switch "
	    "everything in it if you show it. Its owner alone can disconnect it, and can sign in "
	    "in any browser.</p>\n</section>\n");
	page_end(res, -1, 0);
}

/* The form and the browser's session; SW_ENOTFOUND when there is no such question. */
static enum sw_err
read_answer(struct request_context *context, uint8_t offer[static SECRET_SHA256_BYTES],
    uint8_t session[static SECRET_SHA256_BYTES], bool *sign_in)
{
	const struct request *req = context->req;
	const char *word, *choice;
	struct url_query form;
	enum sw_err err = request_parse_form(req, &form);

	if (err != SW_OK)
		return err;
	word = url_query_get(&form, "offer", NULL);
	choice = url_query_get(&form, "choice", NULL);
	if (choice == NULL || (strcmp(choice, "here") != 0 && strcmp(choice, "owner") != 0))
		return SW_EINPUT;
	if (word == NULL || !session_read_cookie(request_header(req, "HTTP_COOKIE", NULL),
				context->program->config.public_is_https, session, NULL))
		return SW_ENOTFOUND;
	secret_sha256(word, strlen(word), offer);
	*sign_in = strcmp(choice, "owner") == 0;
	return SW_OK;
}

static enum sw_err
take_answer(struct request_context *context, struct store_offer_taken *taken)
{
	struct program *program = context->program;
	uint8_t offer[SECRET_SHA256_BYTES], session[SECRET_SHA256_BYTES];
	uint8_t new_session[SECRET_SHA256_BYTES];
	char token[SESSION_TOKEN_SIZE] = "";
	struct store_offer_answer answer = {.offer = offer, .session = session};
	bool sign_in = false;
	enum sw_err err = read_answer(context, offer, session, &sign_in);

	if (err == SW_OK && sign_in) {
		err = session_make(token, new_session);
		answer.new_session = new_session;
		answer.user_agent = user_agent_of(context->req);
	}
	if (err == SW_OK)
		err = store_access_offer_take(program->db, context->req->arena, &answer, taken);
	if (err == SW_OK && sign_in)
		session_put_cookie(context->res, &program->config, token);
	if (err == SW_OK)
		log_event(LOG_INFO, "oauth.chosen", "installation", taken->installation_id,
		    "choice", sign_in ? "owner" : "here", (const char *)NULL);
	secret_cleanse(token, sizeof(token));
	return err;
}

enum sw_err
oauth_choose(struct request_context *context)
{
	struct program *program = context->program;
	struct store_offer_taken taken;
	enum sw_err err = take_answer(context, &taken);

	if (err == SW_ENOTFOUND) {
		oauth_page_put(context->res, &program->config, OAUTH_PAGE_CHOICE, NULL);
		return SW_OK;
	}
	if (err != SW_OK)
		return err;
	notify_add_page(&program->notify, taken.installation_id);
	notify_add_user(&program->notify, taken.user_id);
	response_redirect(context->res, 303, "/");
	return SW_OK;
}
