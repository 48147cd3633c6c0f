/*
 * worker/subscription_set.h: which subscriptions of the platform's list are wanted.
 */
#include "unit.h"

#include <string.h>

#include "formats/json.h"
#include "worker/subscription_set.h"

#define LOCATION "lakeside"

/* Find one subscription, given as JSON text, in a set that has none yet. */
static size_t
find(struct subscription_set *set, const char *text)
{
	json_t *item = NULL;
	size_t found;

	assert_int_equal(jsonx_load(text, strlen(text), &item), SW_OK);
	found = subscription_set_find(set, item, LOCATION);
	json_decref(item);
	return found;
}

static void
check_own_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUBSCRIPTIONS_WANTED; i++) {
		struct subscription_set set = {0};
		struct sbuf body = {0};

		assert_int_equal(subscription_put_body(&body, i, LOCATION), SW_OK);
		assert_int_equal(find(&set, sbuf_text(&body)), i);
		sbuf_clear(&body);
	}
}

static void
check_twice(void **state)
{
	static const char text[] = "{\"sourceType\":\"DEVICE_HEALTH\","
				   "\"deviceHealth\":{\"locationId\":\"lakeside\"}}";
	struct subscription_set set = {0};
	size_t first;

	(void)state;
	first = find(&set, text);
	assert_in_range(first, 0, SUBSCRIPTIONS_WANTED - 1);
	set.has[first] = true;
	assert_int_equal(find(&set, text), SUBSCRIPTIONS_WANTED);
}

static void
check_value(void **state)
{
	struct subscription_set set = {0};

	(void)state;
	assert_int_equal(find(&set, "{\"sourceType\":\"CAPABILITY\",\"capability\":{"
				    "\"capability\":\"switch\",\"attribute\":\"switch\"}}"),
	    0);
	assert_int_equal(find(&set, "{\"sourceType\":\"CAPABILITY\",\"capability\":{"
				    "\"capability\":\"switch\",\"attribute\":\"switch\","
				    "\"value\":\"on\"}}"),
	    SUBSCRIPTIONS_WANTED);
}

static void
check_unwanted(void **state)
{
	static const char *const texts[] = {
	    "{}",
	    "{\"sourceType\":\"MODE\",\"mode\":{\"locationId\":\"lakeside\"}}",
	    "{\"sourceType\":\"DEVICE_HEALTH\",\"deviceHealth\":{\"locationId\":\"attic\"}}",
	    "{\"sourceType\":\"CAPABILITY\",\"capability\":{\"locationId\":\"lakeside\","
	    "\"capability\":\"lock\",\"attribute\":\"lock\"}}",
	};
	struct subscription_set set = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_int_equal(find(&set, texts[i]), SUBSCRIPTIONS_WANTED);
}

static void
check_missing(void **state)
{
	struct subscription_set set = {0};

	(void)state;
	assert_int_equal(subscription_set_missing(&set), 0);
	set.has[0] = true;
	set.has[2] = true;
	assert_int_equal(subscription_set_missing(&set), 1);
	memset(set.has, true, sizeof(set.has));
	assert_int_equal(subscription_set_missing(&set), SUBSCRIPTIONS_WANTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("the request that creates a subscription is recognized in the list",
		check_own_bodies),
	    SAYS("a second subscription for the same is not wanted", check_twice),
	    SAYS("a subscription to some values only is not wanted", check_value),
	    SAYS("subscriptions to other things or locations are not wanted", check_unwanted),
	    SAYS("the first one that is missing is found", check_missing),
	};

	return RUN_TESTS(tests);
}
