/*
 * Answers of the token endpoint: tokens that come out fit in a header, ids in
 * a path; the answer put into the spool and read back is the same; and the
 * status alone decides where it must.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "smartthings/oauth.h"

static void
require_token(const char *token)
{
	FUZZ_REQUIRE(token != NULL && token[0] != '\0' && strlen(token) <= OAUTH_TOKEN_MAX);
	FUZZ_REQUIRE(fuzz_is_printable(token, strlen(token)) && strchr(token, ' ') == NULL);
}

static void
require_tokens(const struct oauth_tokens *tokens)
{
	require_token(tokens->access_token);
	require_token(tokens->refresh_token);
	FUZZ_REQUIRE(tokens->expires_in_s >= 60 && tokens->expires_in_s <= 31 * 86400);
	FUZZ_REQUIRE(tokens->scope == NULL || fuzz_is_utf8(tokens->scope));
	FUZZ_REQUIRE(tokens->installed_app_id == NULL || fuzz_is_id(tokens->installed_app_id));
	FUZZ_REQUIRE(tokens->owner_account_id == NULL || fuzz_is_id(tokens->owner_account_id));
}

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
require_round_trip(const struct oauth_tokens *tokens)
{
	struct oauth_tokens again;
	struct sbuf buf;

	sbuf_init_secret(&buf, 0);
	oauth_tokens_put(&buf, tokens);
	FUZZ_REQUIRE(!sbuf_failed(&buf) && fuzz_is_printable(buf.data, buf.length));
	FUZZ_REQUIRE(oauth_parse_reply(200, buf.data, buf.length, &again) == SW_OK);
	FUZZ_REQUIRE(strcmp(again.access_token, tokens->access_token) == 0);
	FUZZ_REQUIRE(strcmp(again.refresh_token, tokens->refresh_token) == 0);
	FUZZ_REQUIRE(again.expires_in_s == tokens->expires_in_s);
	FUZZ_REQUIRE(same(again.scope, tokens->scope));
	FUZZ_REQUIRE(same(again.installed_app_id, tokens->installed_app_id));
	FUZZ_REQUIRE(same(again.owner_account_id, tokens->owner_account_id));
	oauth_tokens_clear(&again);
	sbuf_clear(&buf);
}

/* Outcomes that a status may have, whatever the body is. */
static bool
outcome_is_possible(int status, enum sw_err err)
{
	switch (status) {
	case 200:
		return err == SW_OK || err == SW_EUPSTREAM || err == SW_EINVAL_GRANT;
	case 400:
		return err == SW_EINPUT || err == SW_EAUTH || err == SW_EINVAL_GRANT;
	case 401:
		return err == SW_EAUTH || err == SW_EFORBIDDEN || err == SW_EINVAL_GRANT;
	case 429:
		return err == SW_ELIMIT;
	default:
		return err == SW_EUPSTREAM;
	}
}

static void
try_status(int status, const char *body, size_t length)
{
	static const struct oauth_tokens nothing;
	struct oauth_tokens tokens;
	enum sw_err err = oauth_parse_reply(status, body, length, &tokens);

	FUZZ_REQUIRE(outcome_is_possible(status, err));
	if (err == SW_OK) {
		require_tokens(&tokens);
		require_round_trip(&tokens);
	} else {
		FUZZ_REQUIRE(memcmp(&tokens, &nothing, sizeof(tokens)) == 0);
	}
	/* A grant is invalid only when the body says so. */
	FUZZ_REQUIRE(err != SW_EINVAL_GRANT || memmem(body, length, "inval", 5) != NULL ||
		     memchr(body, '\\', length) != NULL);
	oauth_tokens_clear(&tokens);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 400, 401, 429, 503, 302};
	char *body = malloc(size > 0 ? size : 1);

	if (body == NULL)
		abort();
	if (size > 0)
		memcpy(body, data, size);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		try_status(statuses[i], body, size);
	free(body);
	return 0;
}
