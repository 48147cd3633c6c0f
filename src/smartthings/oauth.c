/*
 * OAuth 2.0 messages (RFC 6749).  Hides that the platform sends errors in two shapes, with a status
 * that does not always fit the error in the body.
 */
#include "smartthings/oauth.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "base/secret.h"
#include "formats/json.h"
#include "formats/url.h"
#include "smartthings/api.h"

#define EXPIRES_DEFAULT_S 86400
#define EXPIRES_MIN_S 60
#define EXPIRES_MAX_S (31 * 86400)

static bool
is_grant_error(const char *code)
{
	return strstr(code, "invalid_grant") != NULL ||
	       strstr(code, "authorization_code_invalid") != NULL;
}

/* 429 and 5xx are about the server's state: their body does not decide about the grant. */
static enum sw_err
classify_failure(int status, const json_t *reply)
{
	const char *code = platform_error_code(reply);

	if (status == 429)
		return SW_ELIMIT;
	if (status < 200 || status >= 500 || (status >= 300 && status < 400))
		return SW_EUPSTREAM;
	if (is_grant_error(code))
		return SW_EINVAL_GRANT;
	if (status < 300)
		return SW_EUPSTREAM;
	if (strcmp(code, "invalid_client") == 0 || strcmp(code, "unauthorized_client") == 0)
		return SW_EAUTH;
	return status == 401 || status == 403 ? SW_EFORBIDDEN : SW_EINPUT;
}

/* Tokens go into headers and forms: visible ASCII (RFC 6749 A.12, without the space). */
static bool
token_is_valid(const char *token)
{
	size_t length = token != NULL ? strlen(token) : 0;

	for (size_t i = 0; i < length; i++) {
		if (token[i] < 0x21 || token[i] > 0x7e)
			return false;
	}
	return length > 0 && length <= OAUTH_TOKEN_MAX;
}

static bool
type_is_bearer(const json_t *reply)
{
	const char *type = jsonx_string(reply, "token_type");

	return type == NULL || strcasecmp(type, "bearer") == 0;
}

static int64_t
lifetime_s(const json_t *reply)
{
	const json_t *value = json_object_get(reply, "expires_in");
	double seconds;

	if (!json_is_number(value))
		return EXPIRES_DEFAULT_S;
	seconds = json_number_value(value);
	if (seconds < EXPIRES_MIN_S)
		return EXPIRES_MIN_S;
	return seconds > EXPIRES_MAX_S ? EXPIRES_MAX_S : (int64_t)seconds;
}

/* Copy of a member for the caller; true when it is absent, false when memory ran out. */
static bool
copy_member(const json_t *reply, const char *name, char **out)
{
	const char *text = jsonx_string(reply, name);
	size_t size;

	if (text == NULL)
		return true;
	size = strlen(text) + 1;
	*out = malloc(size);
	if (*out == NULL)
		return false;
	memcpy(*out, text, size);
	return true;
}

/* An id that may not stand in a path of the API is left out. */
static bool
copy_id(const json_t *reply, const char *name, char **out)
{
	const char *id = jsonx_string(reply, name);

	return id == NULL || !url_id_is_valid(id) || copy_member(reply, name, out);
}

static enum sw_err
take_tokens(const json_t *reply, struct oauth_tokens *out)
{
	out->expires_in_s = lifetime_s(reply);
	if (copy_member(reply, "access_token", &out->access_token) &&
	    copy_member(reply, "refresh_token", &out->refresh_token) &&
	    copy_member(reply, "scope", &out->scope) &&
	    copy_id(reply, "installed_app_id", &out->installed_app_id) &&
	    copy_id(reply, "owner_account_id", &out->owner_account_id))
		return SW_OK;
	oauth_tokens_clear(out);
	return SW_ENOMEM;
}

/* Jansson does not cleanse what it frees: the tokens are overwritten here. */
static void
release_reply(json_t *reply)
{
	const char *name;
	json_t *value;

	json_object_foreach(reply, name, value)
	{
		if (json_is_string(value))
			secret_cleanse((char *)json_string_value(value), json_string_length(value));
	}
	json_decref(reply);
}

enum sw_err
oauth_parse_reply(int status, const char *body, size_t length, struct oauth_tokens *out)
{
	json_t *reply;
	enum sw_err err;

	memset(out, 0, sizeof(*out));
	err = jsonx_load(body, length, &reply);
	if (err == SW_ENOMEM)
		return err;
	if (status >= 200 && status < 300 && token_is_valid(jsonx_string(reply, "access_token")) &&
	    token_is_valid(jsonx_string(reply, "refresh_token")) && type_is_bearer(reply))
		err = take_tokens(reply, out);
	else
		err = classify_failure(status, reply);
	release_reply(reply);
	return err;
}

void
oauth_tokens_clear(struct oauth_tokens *tokens)
{
	if (tokens == NULL)
		return;
	secret_free_text(tokens->access_token);
	secret_free_text(tokens->refresh_token);
	secret_free_text(tokens->scope);
	secret_free_text(tokens->installed_app_id);
	secret_free_text(tokens->owner_account_id);
	memset(tokens, 0, sizeof(*tokens));
}

static void
put_member(struct sbuf *buf, const char *name, const char *value)
{
	if (value == NULL)
		return;
	sbuf_put_char(buf, ',');
	jsonx_put_string(buf, name);
	sbuf_put_char(buf, ':');
	jsonx_put_string(buf, value);
}

void
oauth_tokens_put(struct sbuf *buf, const struct oauth_tokens *tokens)
{
	sbuf_put_text(buf, "{\"expires_in\":");
	sbuf_put_int(buf, tokens->expires_in_s);
	put_member(buf, "access_token", tokens->access_token);
	put_member(buf, "refresh_token", tokens->refresh_token);
	put_member(buf, "scope", tokens->scope);
	put_member(buf, "installed_app_id", tokens->installed_app_id);
	put_member(buf, "owner_account_id", tokens->owner_account_id);
	sbuf_put_char(buf, '}');
}

static void
put_param(struct sbuf *buf, const char *name, const char *value)
{
	sbuf_put_char(buf, '&');
	sbuf_put_text(buf, name);
	sbuf_put_char(buf, '=');
	url_put_encoded(buf, value);
}

void
oauth_put_authorize_url(struct sbuf *buf, const char *api_url, const char *client_id,
    const char *scopes, const char *redirect_uri, const char *state)
{
	sbuf_put_text(buf, api_url);
	sbuf_put_text(buf, "/oauth/authorize?client_id=");
	url_put_encoded(buf, client_id);
	put_param(buf, "scope", scopes);
	put_param(buf, "response_type", "code");
	put_param(buf, "redirect_uri", redirect_uri);
	put_param(buf, "state", state);
}

/* All but the parameters of the grant, which are in the form already. */
static enum sw_err
prepare_request(struct oauth_request *out, const struct config *config)
{
	platform_prepare(PLATFORM_POST_TOKEN, &out->request);
	platform_put_url(&out->url, config->api_url, PLATFORM_POST_TOKEN, NULL, NULL);
	put_param(&out->form, "client_id", config->client_id);
	out->request.url = sbuf_text(&out->url);
	out->request.basic_user = config->client_id;
	out->request.basic_password = config->client_secret;
	out->request.body = sbuf_text(&out->form);
	out->request.body_length = out->form.length;
	return sbuf_failed(&out->url) || sbuf_failed(&out->form) ? SW_ENOMEM : SW_OK;
}

enum sw_err
oauth_request_code(struct oauth_request *out, const struct config *config, const char *code,
    const char *redirect_uri)
{
	*out = (struct oauth_request){0};
	sbuf_init_secret(&out->form, 0);
	sbuf_put_text(&out->form, "grant_type=authorization_code");
	put_param(&out->form, "code", code);
	put_param(&out->form, "redirect_uri", redirect_uri);
	return prepare_request(out, config);
}

enum sw_err
oauth_request_refresh(
    struct oauth_request *out, const struct config *config, const char *refresh_token)
{
	*out = (struct oauth_request){0};
	sbuf_init_secret(&out->form, 0);
	sbuf_put_text(&out->form, "grant_type=refresh_token");
	put_param(&out->form, "refresh_token", refresh_token);
	return prepare_request(out, config);
}

void
oauth_request_clear(struct oauth_request *request)
{
	sbuf_clear(&request->form);
	sbuf_clear(&request->url);
	request->request = (struct client_request){0};
}
