/*
 * Addresses that the platform gives us: the parts of a URL are as url.h
 * promises and say the same when put together again, and only an address of
 * the API's own origin, below its apps, is ever one to confirm.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "smartthings/confirmation.h"
#include "base/sbuf.h"
#include "formats/url.h"

static void
require_parts(const char *text, const struct url_parts *parts)
{
	bool https = strcmp(parts->scheme, "https") == 0;

	FUZZ_REQUIRE(https || strcmp(parts->scheme, "http") == 0);
	FUZZ_REQUIRE(parts->port >= 1 && parts->port <= 65535);
	FUZZ_REQUIRE(
	    memchr(parts->host, '\0', sizeof(parts->host)) != NULL && parts->host[0] != '\0');
	FUZZ_REQUIRE(fuzz_is_printable(text, strlen(text)) && strlen(text) <= 2048);
	FUZZ_REQUIRE(strpbrk(parts->host, "ABCDEFGHIJKLMNOPQRSTUVWXYZ @/\\?#[]%") == NULL);
	/* Borrowed: the end of the text given. */
	FUZZ_REQUIRE(parts->path > text && parts->path <= text + strlen(text));
	FUZZ_REQUIRE(*parts->path == '\0' || *parts->path == '/' || *parts->path == '?');
	/* The authority has no userinfo. */
	FUZZ_REQUIRE(memchr(text, '@', (size_t)(parts->path - text)) == NULL);
}

static void
require_round_trip(const struct url_parts *parts)
{
	bool v6 = strchr(parts->host, ':') != NULL;
	struct url_parts again;
	struct sbuf buf = {0};

	sbuf_printf(&buf, v6 ? "%s://[%s]:%d%s" : "%s://%s:%d%s", parts->scheme, parts->host,
	    parts->port, parts->path);
	FUZZ_REQUIRE(!sbuf_failed(&buf));
	/* The port may make it longer than a URL can be. */
	if (buf.length <= 2048) {
		FUZZ_REQUIRE(url_split(buf.data, &again) == SW_OK);
		FUZZ_REQUIRE(
		    url_same_origin(&again, parts) && strcmp(again.path, parts->path) == 0);
		FUZZ_REQUIRE(url_is_loopback(&again) == url_is_loopback(parts));
	}
	sbuf_clear(&buf);
}

/* What is allowed goes where the API is, by plain segments, to the app that is ours. */
static void
try_confirmation(const char *text, const char *app_id)
{
	static const char origin[] = "https://api.smartthings.com";
	struct url_parts api;
	const char *apps, *id;
	size_t plain;

	FUZZ_REQUIRE(url_split("https://api.smartthings.com/v1", &api) == SW_OK);
	if (!confirmation_url_is_allowed(text, &api, app_id))
		return;
	FUZZ_REQUIRE(strncasecmp(text, origin, sizeof(origin) - 1) == 0);
	apps = strstr(text, "/apps/");
	FUZZ_REQUIRE(apps != NULL);
	id = apps + 6;
	plain = strcspn(text, "?");
	FUZZ_REQUIRE(strstr(text + 8, "//") == NULL || strstr(text + 8, "//") >= text + plain);
	FUZZ_REQUIRE(strchr(text, '%') == NULL || strchr(text, '%') >= text + plain);
	FUZZ_REQUIRE(strstr(text, "..") == NULL || strstr(text, "..") >= id);
	if (app_id != NULL) {
		FUZZ_REQUIRE(strncmp(id, app_id, strlen(app_id)) == 0);
		FUZZ_REQUIRE(strchr("/?", id[strlen(app_id)]) != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct url_parts parts;
	enum sw_err err = url_split(text, &parts);

	FUZZ_REQUIRE(err == SW_OK || err == SW_EINPUT);
	if (err == SW_OK) {
		require_parts(text, &parts);
		require_round_trip(&parts);
	}
	FUZZ_REQUIRE(url_id_is_valid(text) == fuzz_is_id(text));
	try_confirmation(text, NULL);
	try_confirmation(text, "7852314e-0d64-4adc-be03-752458eba6e1");
	free(text);
	return 0;
}
