/*
 * user_agent.h
 */
#include "unit.h"

#include "web/user_agent.h"

struct agent_case {
	const char *agent;
	const char *browser;
	const char *system;
};

static void
check_same(const char *found, const char *expected)
{
	if (expected == NULL)
		assert_null(found);
	else
		assert_string_equal(found, expected);
}

static void
check_cases(const struct agent_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		check_same(user_agent_browser(cases[i].agent), cases[i].browser);
		check_same(user_agent_system(cases[i].agent), cases[i].system);
	}
}

static void
check_known(void **state)
{
	static const struct agent_case cases[] = {
	    {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox",
		"Linux"},
	    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
	     "Chrome/126.0.0.0 Safari/537.36",
		"Chrome", "Windows"},
	    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
	     "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
		"Edge", "Windows"},
	    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
	     "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
		"Safari", "iPhone"},
	    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
	     "(KHTML, like Gecko) CriOS/126.0 Mobile/15E148 Safari/604.1",
		"Chrome", "iPhone"},
	    {"Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) "
	     "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
		"Samsung Internet", "Android"},
	    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like "
	     "Gecko) Version/17.4 Safari/605.1.15",
		"Safari", "Mac"},
	};

	(void)state;
	check_cases(cases, COUNT_OF(cases));
}

static void
check_unknown(void **state)
{
	static const struct agent_case cases[] = {
	    {NULL, NULL, NULL},
	    {"", NULL, NULL},
	    {"Firefox", NULL, NULL},
	    {"a wall panel", NULL, NULL},
	    {"Tizen (Linux)", NULL, "Linux"},
	    {"curl/7.88.1", "curl", NULL},
	};

	(void)state;
	check_cases(cases, COUNT_OF(cases));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("browsers and systems in the tables are named", check_known),
	    SAYS("others have no name", check_unknown),
	};

	return RUN_TESTS(tests);
}
