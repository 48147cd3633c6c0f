/*
 * signing_key.h: which keyIds name a certificate, and where that is.
 */
#include "unit.h"

#include <string.h>

#include "smartthings/signing_key.h"

static void
check_good_ids(void **state)
{
	static const char *const good[] = {
	    "/a", "/1", "/pl/useast2/1e-1b", "/A1/b_c.d-e", "/a.b", "/a/.b", "/a/-"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		if (!signing_key_id_is_valid(good[i]))
			fail_msg("refused: %s", good[i]);
	}
}

static void
check_bad_ids(void **state)
{
	static const char *const bad[] = {"", "a", "/", "//a", "/-a", "/.a", "/_", "/a..b",
	    "/a/../b", "/a//b", "/a b", "/a?b", "/a#b", "/a%2e", "/a@b", "/a:b", "/a\\b",
	    "https://key.example/a", "/\xc3\xa4", "/a\n", "/a/", "/a/b/", "/a/./b", "/a/././b",
	    "/a/b/.", "/a/.", "/a/./", "/a\\\""};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (signing_key_id_is_valid(bad[i]))
			fail_msg("not refused: %s", bad[i]);
	}
}

static void
check_length(void **state)
{
	char id[203] = "/";

	(void)state;
	memset(id + 1, 'a', 201);
	assert_false(signing_key_id_is_valid(id));
	id[201] = '\0';
	assert_true(signing_key_id_is_valid(id));
}

static void
check_url(void **state)
{
	struct sbuf url = {0};

	(void)state;
	signing_key_put_url(&url, "https://key.smartthings.com", "/pl/useast2/1e-1b");
	assert_string_equal(sbuf_text(&url), "https://key.smartthings.com/pl/useast2/1e-1b");
	sbuf_clear(&url);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("keyIds as the platform sends them are valid", check_good_ids),
	    SAYS("a keyId that could lead elsewhere is refused", check_bad_ids),
	    SAYS("a keyId has at most 201 characters", check_length),
	    SAYS("the certificate is at the keyId below the key server's address", check_url),
	};

	return RUN_TESTS(tests);
}
