/*
 * Cookies: one value out of a Cookie header, one Set-Cookie value (RFC 6265 4).
 */
#include "formats/cookie.h"

#include <string.h>

#include "formats/http_token.h"

/* RFC 6265 4.1.1: no control characters, white space, quotes, commas, semicolons, backslashes. */
static bool
is_cookie_octet(char c)
{
	return c > 0x20 && c < 0x7f && strchr("\",;\\", c) == NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Where the value of "name" starts when the pair at "pair" is of that name, else NULL. */
static const char *
match_name(const char *pair, const char *name, size_t name_length)
{
	if (strncmp(pair, name, name_length) != 0 || pair[name_length] != '=')
		return NULL;
	return pair + name_length + 1;
}

static enum sw_err
copy_value(const char *value, char *out, size_t out_size)
{
	size_t length = strcspn(value, ";");

	while (length > 0 && is_blank(value[length - 1]))
		length--;
	if (length >= out_size)
		return SW_EINPUT;
	for (size_t i = 0; i < length; i++) {
		if (!is_cookie_octet(value[i]))
			return SW_EINPUT;
	}
	memcpy(out, value, length);
	out[length] = '\0';
	return SW_OK;
}

enum sw_err
cookie_get(const char *header, const char *name, char *out, size_t out_size)
{
	size_t name_length = strlen(name);
	const char *pair = header;

	if (out_size == 0)
		return SW_EINPUT;
	out[0] = '\0';
	while (pair != NULL) {
		const char *value;

		while (is_blank(*pair))
			pair++;
		value = match_name(pair, name, name_length);
		if (value != NULL)
			return copy_value(value, out, out_size);
		pair = strchr(pair, ';');
		if (pair != NULL)
			pair++;
	}
	return SW_ENOTFOUND;
}

void
cookie_put(struct sbuf *buf, const char *name, const char *value, int64_t max_age_s, bool secure)
{
	bool valid = http_token_is_valid(name);

	for (const char *c = value; *c != '\0'; c++)
		valid = valid && is_cookie_octet(*c);
	if (!valid) {
		buf->failed = true;
		return;
	}
	sbuf_printf(buf, "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=", name, value);
	sbuf_put_int(buf, max_age_s > 0 ? max_age_s : 0);
	if (secure)
		sbuf_put_text(buf, "; Secure");
}
