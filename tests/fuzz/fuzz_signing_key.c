/*
 * keyIds: one that is accepted keeps the rules of signing_key.h, and its address ends with it.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "smartthings/signing_key.h"

#define KEY_URL "https://key.example"

static void
require_key_id(const char *id)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.-";

	FUZZ_REQUIRE(id[0] == '/' && id[1] != '\0' && strchr("/_.-", id[1]) == NULL);
	FUZZ_REQUIRE(strspn(id, allowed) == strlen(id) && strlen(id) <= 201);
	FUZZ_REQUIRE(strstr(id, "..") == NULL && strstr(id, "//") == NULL);
}

static void
require_url(const char *id)
{
	struct sbuf url = {0};

	signing_key_put_url(&url, KEY_URL, id);
	FUZZ_REQUIRE(!sbuf_failed(&url) && url.length == strlen(KEY_URL) + strlen(id));
	FUZZ_REQUIRE(strcmp(url.data + strlen(KEY_URL), id) == 0);
	sbuf_clear(&url);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *id = fuzz_text(data, size);

	if (signing_key_id_is_valid(id)) {
		require_key_id(id);
		require_url(id);
	}
	free(id);
	return 0;
}
