/*
 * session.h: the cookie, its hash and its CSRF token.  The database behind session_load() is
 * replaced by one that has one session or none.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "store/session.h"

/* 43 characters, and base64url of SHA-256 of "csrf:" and them, made by the openssl program. */
#define TOKEN "0123456789abcdefghijklmnopqrstuvwxyzABCDEF-"
#define TOKEN_CSRF "rkDTNKfUF2nmOMzEfQA94DDEoduFoH59jTjyGpL46o8"

enum sw_err __wrap_db_exec(
    struct db *db, enum stmt_id id, const struct db_param *params, struct db_result **out);
int __wrap_db_result_rows(const struct db_result *result);
int64_t __wrap_db_result_int(const struct db_result *result, int row, int column);
bool __wrap_db_result_bool(const struct db_result *result, int row, int column);
const char *__wrap_db_result_text(const struct db_result *result, int row, int column);
void __wrap_db_result_free(struct db_result *result);

static int loads;
static enum sw_err load_result; /* SW_EAUTH: there is no such session */

enum sw_err
__wrap_db_exec(
    struct db *db, enum stmt_id id, const struct db_param *params, struct db_result **out)
{
	(void)db, (void)params;
	assert_int_equal(id, STMT_SESSION_LOAD);
	loads++;
	*out = NULL;
	return load_result == SW_EAUTH ? SW_OK : load_result;
}

int
__wrap_db_result_rows(const struct db_result *result)
{
	(void)result;
	return load_result == SW_OK ? 1 : 0;
}

int64_t
__wrap_db_result_int(const struct db_result *result, int row, int column)
{
	(void)result, (void)row;
	return column == 0 ? 7 : 0;
}

bool
__wrap_db_result_bool(const struct db_result *result, int row, int column)
{
	(void)result, (void)row, (void)column;
	return false;
}

const char *
__wrap_db_result_text(const struct db_result *result, int row, int column)
{
	(void)result, (void)row, (void)column;
	return "";
}

void
__wrap_db_result_free(struct db_result *result)
{
	(void)result;
}

static void
the_hash_and_the_csrf_token_come_from_the_cookie(void **state)
{
	uint8_t hash[SECRET_SHA256_BYTES], expected[SECRET_SHA256_BYTES];
	char csrf[SESSION_TOKEN_SIZE];

	(void)state;
	secret_sha256(TOKEN, strlen(TOKEN), expected);
	assert_true(session_read_cookie("a=1; session=" TOKEN, false, hash, csrf));
	assert_memory_equal(hash, expected, sizeof(hash));
	assert_string_equal(csrf, TOKEN_CSRF);
	assert_true(session_read_cookie("session=" TOKEN, false, hash, NULL));
}

static void
each_scheme_has_its_cookie(void **state)
{
	uint8_t hash[SECRET_SHA256_BYTES];

	(void)state;
	assert_true(session_read_cookie("__Host-session=" TOKEN, true, hash, NULL));
	assert_false(session_read_cookie("session=" TOKEN, true, hash, NULL));
	assert_false(session_read_cookie("__Host-session=" TOKEN, false, hash, NULL));
}

static void
a_cookie_of_another_form_is_ignored(void **state)
{
	static const char *const headers[] = {
	    "",
	    "session=",
	    "session=short",
	    "session=" TOKEN "x",
	    "session=0123456789abcdefghijklmnopqrstuvwxyzABCDEF+",
	    "session=0123456789abcdefghijklmnopqrstuvwxyzABCDEF\"",
	};
	uint8_t hash[SECRET_SHA256_BYTES];

	(void)state;
	assert_false(session_read_cookie(NULL, false, hash, NULL));
	assert_false(session_read_cookie("other=" TOKEN, false, hash, NULL));
	for (size_t i = 0; i < COUNT_OF(headers); i++) {
		if (session_read_cookie(headers[i], false, hash, NULL))
			fail_msg("not refused: %s", headers[i]);
	}
}

static void
csrf_tokens_are_compared_whole(void **state)
{
	struct session session = {0};

	(void)state;
	assert_false(session_check_csrf(&session, NULL));
	assert_false(session_check_csrf(&session, ""));
	memcpy(session.csrf, TOKEN_CSRF, sizeof(TOKEN_CSRF));
	assert_true(session_check_csrf(&session, TOKEN_CSRF));
	assert_false(session_check_csrf(&session, NULL));
	assert_false(session_check_csrf(&session, ""));
	assert_false(session_check_csrf(&session, TOKEN_CSRF "x"));
	assert_false(session_check_csrf(&session, TOKEN));
}

static void
load_with(const char *cookie, enum sw_err expected, struct session *session)
{
	struct request_param param = {"HTTP_COOKIE", cookie};
	struct arena arena = {0};
	struct request request = {
	    .arena = &arena, .params = &param, .param_count = cookie != NULL ? 1 : 0};
	struct config config = {0};

	assert_int_equal(session_load(NULL, &config, &request, session), expected);
	arena_free(&arena);
}

static void
without_a_cookie_there_is_no_round_trip(void **state)
{
	struct session session;

	(void)state;
	loads = 0;
	load_with(NULL, SW_EAUTH, &session);
	load_with("session=wrong", SW_EAUTH, &session);
	assert_int_equal(loads, 0);
}

static void
a_session_that_is_not_loaded_is_wiped(void **state)
{
	static const struct session none;
	struct session session;

	(void)state;
	load_result = SW_OK;
	load_with("session=" TOKEN, SW_OK, &session);
	assert_int_equal(session.who.user_id, 7);
	assert_true(session_check_csrf(&session, TOKEN_CSRF));
	load_result = SW_EAUTH;
	load_with("session=" TOKEN, SW_EAUTH, &session);
	assert_memory_equal(&session, &none, sizeof(session));
	load_result = SW_EUNAVAILABLE;
	load_with("session=" TOKEN, SW_EUNAVAILABLE, &session);
}

static void
a_new_cookie_is_random_and_reads_back(void **state)
{
	char token[SESSION_TOKEN_SIZE], other[SESSION_TOKEN_SIZE], header[128];
	uint8_t hash[SECRET_SHA256_BYTES], read[SECRET_SHA256_BYTES];

	(void)state;
	assert_int_equal(session_make(token, hash), SW_OK);
	snprintf(header, sizeof(header), "session=%s", token);
	assert_true(session_read_cookie(header, false, read, NULL));
	assert_memory_equal(read, hash, sizeof(hash));
	assert_int_equal(session_make(other, hash), SW_OK);
	assert_string_not_equal(token, other);
}

static void
check_cookie(bool https, const char *token, const char *expected)
{
	struct config config = {.public_is_https = https};
	struct response response;

	response_init(&response);
	session_put_cookie(&response, &config, token);
	assert_int_equal(response.header_count, 1);
	assert_string_equal(response.headers[0].name, "Set-Cookie");
	assert_string_equal(response.headers[0].value, expected);
	assert_false(response.failed);
	response_clear(&response);
}

static void
the_cookie_has_its_attributes(void **state)
{
	(void)state;
	check_cookie(
	    false, TOKEN, "session=" TOKEN "; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000");
	check_cookie(true, TOKEN,
	    "__Host-session=" TOKEN "; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000; Secure");
	check_cookie(false, NULL, "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
	check_cookie(
	    true, NULL, "__Host-session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure");
}

/* session_begin_guest() for a request with this Cookie header; the cookie that it sets. */
static void
begin_guest(bool https, const char *cookie, char set[static 256], char csrf[SESSION_TOKEN_SIZE])
{
	struct request_param param = {"HTTP_COOKIE", cookie};
	struct request request = {.params = &param, .param_count = cookie != NULL ? 1 : 0};
	struct config config = {.public_is_https = https};
	struct response response;

	response_init(&response);
	assert_int_equal(session_begin_guest(&response, &config, &request, csrf), SW_OK);
	assert_int_equal(response.header_count, 1);
	assert_string_equal(response.headers[0].name, "Set-Cookie");
	snprintf(set, 256, "%s", response.headers[0].value);
	response_clear(&response);
}

static void
a_guest_keeps_the_cookie_of_the_browser(void **state)
{
	char set[256], other[256], csrf[SESSION_TOKEN_SIZE];

	(void)state;
	begin_guest(false, "guest=" TOKEN, set, csrf);
	assert_string_equal(set, "guest=" TOKEN "; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400");
	assert_string_equal(csrf, TOKEN_CSRF);
	begin_guest(true, "__Host-guest=" TOKEN, set, csrf);
	assert_string_equal(
	    set, "__Host-guest=" TOKEN "; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400; Secure");
	begin_guest(true, "guest=" TOKEN, set, csrf);
	assert_string_not_equal(csrf, TOKEN_CSRF);
	begin_guest(false, "guest=short; session=" TOKEN, set, csrf);
	assert_string_not_equal(csrf, TOKEN_CSRF);
	begin_guest(false, NULL, other, csrf);
	assert_string_not_equal(set, other);
}

static void
check_guest(const char *cookie, const char *token, bool expected)
{
	struct request_param param = {"HTTP_COOKIE", cookie};
	struct request request = {.params = &param, .param_count = cookie != NULL ? 1 : 0};
	struct config config = {0};

	assert_int_equal(session_check_guest(&config, &request, token), expected);
}

static void
a_guest_s_form_needs_the_token_of_the_cookie(void **state)
{
	(void)state;
	check_guest("guest=" TOKEN, TOKEN_CSRF, true);
	check_guest("guest=" TOKEN, NULL, false);
	check_guest("guest=" TOKEN, "", false);
	check_guest("guest=" TOKEN, TOKEN, false);
	check_guest("guest=" TOKEN, TOKEN_CSRF "x", false);
	check_guest(NULL, TOKEN_CSRF, false);
	check_guest("guest=", TOKEN_CSRF, false);
	check_guest("guest=x", TOKEN_CSRF, false);
	check_guest("session=" TOKEN, TOKEN_CSRF, false);
	check_guest("__Host-guest=" TOKEN, TOKEN_CSRF, false);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("hash and CSRF token come from the cookie",
		the_hash_and_the_csrf_token_come_from_the_cookie),
	    SAYS("http and https have cookies of different names", each_scheme_has_its_cookie),
	    SAYS("a cookie of another form is ignored", a_cookie_of_another_form_is_ignored),
	    SAYS("a CSRF token must match whole", csrf_tokens_are_compared_whole),
	    SAYS("a request without a session cookie costs no round trip",
		without_a_cookie_there_is_no_round_trip),
	    SAYS("a session that is not loaded is wiped", a_session_that_is_not_loaded_is_wiped),
	    SAYS("a new cookie is random and reads back", a_new_cookie_is_random_and_reads_back),
	    SAYS("the cookie is HttpOnly, Lax, and Secure over https",
		the_cookie_has_its_attributes),
	    SAYS(
		"a guest keeps the cookie of the browser", a_guest_keeps_the_cookie_of_the_browser),
	    SAYS("a guest's form needs the token of the cookie",
		a_guest_s_form_needs_the_token_of_the_cookie),
	};

	return RUN_TESTS(tests);
}
