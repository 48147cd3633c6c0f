/*
 * Token replies: tests/data/oauth/CASE has the status and body of a reply, and what is read from
 * it.  And the requests that are sent.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/arena.h"
#include "formats/url_query.h"
#include "smartthings/oauth.h"
#include "cases.h"

static void
set_text(json_t *object, const char *name, const char *text)
{
	if (text != NULL)
		assert_int_equal(json_object_set_new(object, name, json_string(text)), 0);
}

/* What came out, in the form of expect.json. */
static json_t *
describe(enum sw_err err, const struct oauth_tokens *tokens)
{
	json_t *out = json_object();

	if (err != SW_OK) {
		set_text(out, "err", err_name(err));
		return out;
	}
	json_object_set_new(out, "expires_in_s", json_integer(tokens->expires_in_s));
	set_text(out, "access_token", tokens->access_token);
	set_text(out, "refresh_token", tokens->refresh_token);
	set_text(out, "scope", tokens->scope);
	set_text(out, "installed_app_id", tokens->installed_app_id);
	set_text(out, "owner_account_id", tokens->owner_account_id);
	return out;
}

static void
compare(json_t *actual, const json_t *expect)
{
	if (!json_equal(actual, expect)) {
		char *text = json_dumps(actual, JSON_INDENT(2));

		fail_msg("got %s", text);
	}
	json_decref(actual);
}

/* Tokens written as JSON, as in a spool file, read back the same. */
static void
compare_after_spool(const struct oauth_tokens *tokens, const json_t *expect)
{
	struct oauth_tokens again;
	struct sbuf buf;

	sbuf_init_secret(&buf, 0);
	oauth_tokens_put(&buf, tokens);
	assert_false(sbuf_failed(&buf));
	assert_int_equal(oauth_parse_reply(200, sbuf_text(&buf), buf.length, &again), SW_OK);
	compare(describe(SW_OK, &again), expect);
	oauth_tokens_clear(&again);
	sbuf_clear(&buf);
}

static void
on_case(void **state)
{
	char *status = case_read_line(*state, "status");
	char *expect_text = case_read(*state, "expect.json", NULL);
	size_t length;
	char *body = case_read(*state, "body", &length);
	struct oauth_tokens tokens;
	enum sw_err err;
	json_t *expect;

	assert_non_null(body);
	assert_non_null(expect_text);
	expect = json_loads(expect_text, 0, NULL);
	assert_non_null(expect);
	err = oauth_parse_reply((int)strtol(status, NULL, 10), body, length, &tokens);
	compare(describe(err, &tokens), expect);
	if (err == SW_OK) {
		compare_after_spool(&tokens, expect);
	} else {
		assert_null(tokens.access_token);
		assert_null(tokens.refresh_token);
	}
	oauth_tokens_clear(&tokens);
	json_decref(expect);
	free(expect_text);
	free(status);
	free(body);
}

static void
check_clear(void **state)
{
	static const char body[] = "{\"access_token\":\"a\",\"refresh_token\":\"r\"}";
	struct oauth_tokens tokens;

	(void)state;
	assert_int_equal(oauth_parse_reply(200, body, sizeof(body) - 1, &tokens), SW_OK);
	oauth_tokens_clear(&tokens);
	assert_null(tokens.access_token);
	assert_null(tokens.refresh_token);
	assert_int_equal(tokens.expires_in_s, 0);
	oauth_tokens_clear(&tokens);
	oauth_tokens_clear(NULL);
}

static void
check_authorize_url(void **state)
{
	struct sbuf buf = {0};

	(void)state;
	oauth_put_authorize_url(&buf, "https://api.smartthings.com/v1", "id-1",
	    "r:locations:* r:devices:*", "https://a.example/oauth/callback", "s&t=a");
	assert_string_equal(sbuf_text(&buf),
	    "https://api.smartthings.com/v1/oauth/authorize?client_id=id-1"
	    "&scope=r%3Alocations%3A%2A%20r%3Adevices%3A%2A&response_type=code"
	    "&redirect_uri=https%3A%2F%2Fa.example%2Foauth%2Fcallback&state=s%26t%3Da");
	sbuf_clear(&buf);
}

static void
check_value(const struct url_query *form, const char *name, const char *value)
{
	assert_string_equal(url_query_get(form, name, NULL), value);
}

/* The parameters of the request's form. */
static void
read_form(struct arena *arena, const struct oauth_request *call, struct url_query *form)
{
	assert_int_equal(
	    url_query_parse(arena, call->request.body, call->request.body_length, form), SW_OK);
}

static char client_id[] = "id 1&", client_secret[] = "secret", api_url[] = "https://a.example/v1";
static const struct config config = {
    .client_id = client_id, .client_secret = client_secret, .api_url = api_url};

static void
check_code_request(void **state)
{
	struct arena arena = {0};
	struct oauth_request call;
	struct url_query form;

	(void)state;
	assert_int_equal(
	    oauth_request_code(&call, &config, "c&d=e +", "https://b.example/?x=y&z"), SW_OK);
	read_form(&arena, &call, &form);
	assert_int_equal(form.count, 4);
	check_value(&form, "grant_type", "authorization_code");
	check_value(&form, "code", "c&d=e +");
	check_value(&form, "client_id", "id 1&");
	check_value(&form, "redirect_uri", "https://b.example/?x=y&z");
	oauth_request_clear(&call);
	oauth_request_clear(&call);
	arena_free(&arena);
}

static void
check_refresh_request(void **state)
{
	struct arena arena = {0};
	struct oauth_request call;
	struct url_query form;

	(void)state;
	assert_int_equal(oauth_request_refresh(&call, &config, "r/+="), SW_OK);
	read_form(&arena, &call, &form);
	assert_int_equal(form.count, 3);
	check_value(&form, "grant_type", "refresh_token");
	check_value(&form, "refresh_token", "r/+=");
	check_value(&form, "client_id", "id 1&");
	oauth_request_clear(&call);
	arena_free(&arena);
}

static void
check_request_target(void **state)
{
	struct oauth_request call;

	(void)state;
	assert_int_equal(oauth_request_refresh(&call, &config, "r"), SW_OK);
	assert_int_equal(call.request.method, CLIENT_POST);
	assert_string_equal(call.request.url, "https://a.example/v1/oauth/token");
	assert_string_equal(call.request.basic_user, client_id);
	assert_string_equal(call.request.basic_password, client_secret);
	assert_string_equal(call.request.content_type, "application/x-www-form-urlencoded");
	assert_null(call.request.bearer);
	oauth_request_clear(&call);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("tokens can be cleared twice", check_clear),
	    SAYS("the authorize URL is percent-encoded", check_authorize_url),
	    SAYS("a code is sent in a form, whatever its characters", check_code_request),
	    SAYS("a refresh token is sent in a form, whatever its characters",
		check_refresh_request),
	    SAYS("token requests go to the token endpoint with the client's password",
		check_request_target),
	};

	return cases_run("oauth", tests, COUNT_OF(tests), on_case);
}
