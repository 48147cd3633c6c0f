/*
 * The Cookie header: the value of a name is what a plain reading of RFC 6265
 * 5.4 finds, fits where it is put, and what is set can be read back.
 *
 * First line: a value, or a name, to set.  The rest: the header.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "formats/cookie.h"
#include "base/sbuf.h"

static const char *const names[] = {"session", "__Host-session", "s", "a=b"};

static bool
is_octet(char c)
{
	return c == 0x21 || (c >= 0x23 && c <= 0x2b) || (c >= 0x2d && c <= 0x3a) ||
	       (c >= 0x3c && c <= 0x5b) || (c >= 0x5d && c <= 0x7e);
}

static bool
is_octets(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!is_octet(text[i]))
			return false;
	}
	return true;
}

/* Pair by pair, each without the blanks around it; NULL when none has the name. */
static const char *
find_value(const char *header, const char *name, size_t *length)
{
	for (;;) {
		const char *end = header + strcspn(header, ";"), *pair = header;

		pair += strspn(pair, " \t");
		if (strncmp(pair, name, strlen(name)) == 0 && pair[strlen(name)] == '=') {
			const char *last = end;

			pair += strlen(name) + 1;
			while (last > pair && (last[-1] == ' ' || last[-1] == '\t'))
				last--;
			*length = (size_t)(last - pair);
			return pair;
		}
		if (*end == '\0')
			return NULL;
		header = end + 1;
	}
}

static void
try_get(const char *header, const char *name, size_t room)
{
	char *out = malloc(room);
	size_t length = 0;
	const char *expect = find_value(header, name, &length);
	enum sw_err err;

	if (out == NULL)
		abort();
	err = cookie_get(header, name, out, room);
	if (expect == NULL)
		FUZZ_REQUIRE(err == SW_ENOTFOUND);
	else if (length >= room || !is_octets(expect, length))
		FUZZ_REQUIRE(err == SW_EINPUT);
	else
		FUZZ_REQUIRE(
		    err == SW_OK && strlen(out) == length && memcmp(out, expect, length) == 0);
	free(out);
}

/* Attributes are ours alone, whatever name and value are. */
static void
require_attributes(const char *text, size_t count)
{
	size_t semicolons = 0;

	FUZZ_REQUIRE(fuzz_is_printable(text, strlen(text)));
	for (const char *c = text; *c != '\0'; c++)
		semicolons += *c == ';';
	FUZZ_REQUIRE(semicolons == count);
}

static void
require_set_cookie(const char *text, const char *value, bool secure)
{
	char *out = malloc(strlen(value) + 1);

	if (out == NULL)
		abort();
	require_attributes(text, secure ? 5 : 4);
	FUZZ_REQUIRE(cookie_get(text, "session", out, strlen(value) + 1) == SW_OK);
	FUZZ_REQUIRE(strcmp(out, value) == 0);
	free(out);
}

static void
try_value(const char *value, bool secure)
{
	struct sbuf buf = {0};

	cookie_put(&buf, "session", value, 3600, secure);
	FUZZ_REQUIRE(sbuf_failed(&buf) != is_octets(value, strlen(value)));
	if (!sbuf_failed(&buf))
		require_set_cookie(sbuf_text(&buf), value, secure);
	sbuf_clear(&buf);
}

static void
try_name(const char *name)
{
	struct sbuf buf = {0};

	cookie_put(&buf, name, "", 0, false);
	FUZZ_REQUIRE(sbuf_failed(&buf) || name[0] != '\0');
	if (!sbuf_failed(&buf))
		require_attributes(sbuf_text(&buf), 4);
	sbuf_clear(&buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *header = text;
	char *value = fuzz_line(&header);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		try_get(header, names[i], 1);
		try_get(header, names[i], 8);
		try_get(header, names[i], 64);
	}
	try_value(value, false);
	try_value(value, true);
	try_name(value);
	free(text);
	return 0;
}
