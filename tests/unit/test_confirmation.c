/*
 * confirmation.h: which addresses may be fetched.
 */
#include "unit.h"

#include <stdio.h>

#include "smartthings/confirmation.h"

#define APP "5f0c1f5e-6f0e-4a37-9d3b-0a1e5b7c1d11"
#define OTHER "5f0c1f5e-6f0e-4a37-9d3b-000000000000"
#define HOST "https://api.smartthings.com"

static void
check(const char *api_url, const char *app_id, const char *url, bool allowed)
{
	struct url_parts api;

	assert_int_equal(url_split(api_url, &api), SW_OK);
	if (confirmation_url_is_allowed(url, &api, app_id) != allowed)
		fail_msg("%s: %s", allowed ? "refused" : "allowed", url);
}

static void
the_platforms_forms_are_allowed(void **state)
{
	(void)state;
	check(HOST "/v1", APP, HOST "/apps/" APP "/confirm-registration?token=a.b%2Fc", true);
	check(HOST "/v1", APP, HOST "/v1/apps/" APP "/confirm-registration?token=x", true);
	check(HOST "/v1", APP, "HTTPS://API.smartthings.com:443/apps/" APP "?token=x", true);
	check(HOST, APP, HOST "/v1/apps/" APP "/confirm-registration", true);
	check("http://127.0.0.1:8081/v1", APP, "http://127.0.0.1:8081/v1/apps/" APP "/x", true);
	check(HOST "/cn/v2", APP, HOST "/cn/v2/apps/" APP "/confirm-registration", true);
}

static void
before_an_id_is_configured_any_will_do(void **state)
{
	(void)state;
	check(HOST "/v1", NULL, HOST "/apps/" OTHER "/confirm-registration?token=x", true);
	check(HOST "/v1", NULL, HOST "/apps//confirm-registration", false);
	check(HOST "/v1", NULL, HOST "/apps/?token=x", false);
	check(HOST "/v1", NULL, HOST "/apps/../installedapps", false);
	check(HOST "/v1", NULL, HOST "/apps/%2e%2e/installedapps", false);
}

static void
another_server_is_refused(void **state)
{
	static const char *const urls[] = {
	    "http://api.smartthings.com/apps/" APP "/confirm-registration",
	    "https://api.smartthings.com:8443/apps/" APP "/confirm-registration",
	    "https://api.smartthings.com.evil.example/apps/" APP "/confirm-registration",
	    "https://evil.example/apps/" APP "/confirm-registration",
	    "https://user@api.smartthings.com/apps/" APP "/confirm-registration",
	    "https://api.smartthings.com@evil.example/apps/" APP "/confirm-registration",
	    "https://api.smartthings.com\\@evil.example/apps/" APP,
	    "//api.smartthings.com/apps/" APP,
	    "ftp://api.smartthings.com/apps/" APP,
	    "/apps/" APP,
	    "",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(urls); i++)
		check(HOST "/v1", APP, urls[i], false);
}

static void
another_path_is_refused(void **state)
{
	static const char *const paths[] = {
	    "",
	    "/",
	    "/apps",
	    "/apps/",
	    "/apps/" OTHER "/confirm-registration",
	    "/apps/" APP "0/confirm-registration",
	    "/apps/" APP "/../" OTHER "/confirm-registration",
	    "/apps/" APP "/%2e%2e/" OTHER,
	    "/apps/" APP "/./x",
	    "/apps/" APP "//x",
	    "/apps/" APP "/x#fragment",
	    "/apps/" APP "%2Fx",
	    "/v2/apps/" APP "/confirm-registration",
	    "/v1/v1/apps/" APP,
	    "/v1/installedapps/" APP,
	    "/APPS/" APP,
	    "/x/apps/" APP,
	    "/?/apps/" APP,
	    "/apps?/" APP,
	};
	char url[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		assert_true(snprintf(url, sizeof(url), "%s%s", HOST, paths[i]) < (int)sizeof(url));
		check(HOST "/v1", APP, url, false);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("addresses as the platform sends them are allowed",
		the_platforms_forms_are_allowed),
	    SAYS("before an id is configured any app's will do",
		before_an_id_is_configured_any_will_do),
	    SAYS("another server is refused", another_server_is_refused),
	    SAYS("another path is refused", another_path_is_refused),
	};

	return RUN_TESTS(tests);
}
