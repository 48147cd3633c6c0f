/*
 * keycache.h: what is cached, for how long, and what is evicted.
 */
#include "cases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/keycache.h"

static struct keycache cache;
static char *pem;
static size_t pem_length;
static int64_t now;

static int
read_certificate(void **state)
{
	char *text = case_open("httpsig", "platform-form", "now", NULL);

	(void)state;
	now = (int64_t)strtoimax(text, NULL, 10);
	free(text);
	pem = case_open("httpsig", "platform-form", "certificate.pem", &pem_length);
	return 0;
}

static int
free_certificate(void **state)
{
	(void)state;
	free(pem);
	return 0;
}

static int
clear(void **state)
{
	(void)state;
	keycache_clear(&cache);
	return 0;
}

static struct httpsig_key *
make_key(void)
{
	struct httpsig_key *key;

	assert_int_equal(httpsig_key_read(pem, pem_length, now, NULL, &key), SW_OK);
	return key;
}

static enum sw_err
find(const char *key_id, int64_t at)
{
	const struct httpsig_key *key;
	enum sw_err err = keycache_find(&cache, key_id, at, &key);

	assert_true((err == SW_OK) == (key != NULL));
	return err;
}

static void
put_numbered(int n)
{
	char key_id[32];

	snprintf(key_id, sizeof(key_id), "/pl/%d", n);
	keycache_put_key(&cache, key_id, make_key(), now + 100);
}

static enum sw_err
find_numbered(int n)
{
	char key_id[32];

	snprintf(key_id, sizeof(key_id), "/pl/%d", n);
	return find(key_id, now);
}

static void
a_key_is_found_until_its_end(void **state)
{
	struct httpsig_key *key = make_key();
	const struct httpsig_key *found;

	(void)state;
	assert_int_equal(find("/pl/a", now), SW_ENOTFOUND);
	keycache_put_key(&cache, "/pl/a", key, now + 100);
	assert_int_equal(keycache_find(&cache, "/pl/a", now + 99, &found), SW_OK);
	assert_ptr_equal(found, key);
	assert_int_equal(find("/pl/a", now + 100), SW_ENOTFOUND);
	assert_int_equal(find("/pl/", now), SW_ENOTFOUND);
	assert_int_equal(find("/pl/ab", now), SW_ENOTFOUND);
}

static void
a_key_put_again_replaces_the_first(void **state)
{
	struct httpsig_key *second = make_key();
	const struct httpsig_key *found;

	(void)state;
	keycache_put_key(&cache, "/pl/a", make_key(), now + 100);
	keycache_put_key(&cache, "/pl/a", second, now + 200);
	assert_int_equal(keycache_find(&cache, "/pl/a", now + 150, &found), SW_OK);
	assert_ptr_equal(found, second);
}

static void
the_key_unused_for_longest_is_evicted(void **state)
{
	(void)state;
	for (int i = 0; i < KEYCACHE_KEYS_MAX; i++)
		put_numbered(i);
	assert_int_equal(find_numbered(0), SW_OK);
	put_numbered(KEYCACHE_KEYS_MAX);
	assert_int_equal(find_numbered(0), SW_OK);
	assert_int_equal(find_numbered(1), SW_ENOTFOUND);
	for (int i = 2; i <= KEYCACHE_KEYS_MAX; i++)
		assert_int_equal(find_numbered(i), SW_OK);
}

static void
a_failure_is_cached_with_its_reason(void **state)
{
	(void)state;
	keycache_put_failure(&cache, "/pl/a", SW_EAUTH, now + 60);
	keycache_put_failure(&cache, "/pl/b", SW_EUNAVAILABLE, now + 60);
	assert_int_equal(find("/pl/a", now + 59), SW_EAUTH);
	assert_int_equal(find("/pl/b", now + 59), SW_EUNAVAILABLE);
	assert_int_equal(find("/pl/a", now + 60), SW_ENOTFOUND);
	keycache_put_failure(&cache, "/pl/a", SW_EUNAVAILABLE, now + 90);
	assert_int_equal(find("/pl/a", now + 60), SW_EUNAVAILABLE);
}

static void
a_key_replaces_the_failure_before_it(void **state)
{
	(void)state;
	keycache_put_failure(&cache, "/pl/a", SW_EAUTH, now + 600);
	keycache_put_key(&cache, "/pl/a", make_key(), now + 100);
	assert_int_equal(find("/pl/a", now), SW_OK);
	assert_int_equal(find("/pl/a", now + 100), SW_ENOTFOUND);
}

static void
a_key_is_refreshed_and_serves_meanwhile(void **state)
{
	(void)state;
	assert_false(keycache_is_due(&cache, "/pl/a", now));
	keycache_put_key(&cache, "/pl/a", make_key(), now + 100);
	assert_false(keycache_is_due(&cache, "/pl/a", now + 99));
	keycache_set_refresh(&cache, "/pl/a", now + 50);
	keycache_set_refresh(&cache, "/pl/b", now + 50);
	assert_false(keycache_is_due(&cache, "/pl/a", now + 49));
	assert_true(keycache_is_due(&cache, "/pl/a", now + 50));
	assert_int_equal(find("/pl/a", now + 50), SW_OK);
	keycache_put_key(&cache, "/pl/a", make_key(), now + 200);
	assert_false(keycache_is_due(&cache, "/pl/a", now + 199));
	keycache_drop_key(&cache, "/pl/a");
	keycache_drop_key(&cache, "/pl/b");
	assert_int_equal(find("/pl/a", now), SW_ENOTFOUND);
}

static void
invented_key_ids_do_not_evict_keys(void **state)
{
	char key_id[32];

	(void)state;
	keycache_put_key(&cache, "/pl/a", make_key(), now + 100);
	for (int i = 0; i < 3 * KEYCACHE_FAILURES_MAX; i++) {
		snprintf(key_id, sizeof(key_id), "/invented/%d", i);
		keycache_put_failure(&cache, key_id, SW_EAUTH, now + 60);
	}
	assert_int_equal(find("/pl/a", now), SW_OK);
	assert_int_equal(find("/invented/0", now), SW_ENOTFOUND);
	assert_int_equal(find(key_id, now), SW_EAUTH);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    {"a key is found until its end", a_key_is_found_until_its_end, NULL, clear, NULL},
	    {"a key put again replaces the first", a_key_put_again_replaces_the_first, NULL, clear,
		NULL},
	    {"the key unused for longest is evicted", the_key_unused_for_longest_is_evicted, NULL,
		clear, NULL},
	    {"a failure is cached with its reason", a_failure_is_cached_with_its_reason, NULL,
		clear, NULL},
	    {"a key replaces the failure before it", a_key_replaces_the_failure_before_it, NULL,
		clear, NULL},
	    {"a key is refreshed, and serves meanwhile", a_key_is_refreshed_and_serves_meanwhile,
		NULL, clear, NULL},
	    {"invented keyIds do not evict keys", invented_key_ids_do_not_evict_keys, NULL, clear,
		NULL},
	};

	return cmocka_set_message_output(CM_OUTPUT_TAP),
	       cmocka_run_group_tests(tests, read_certificate, free_certificate);
}
