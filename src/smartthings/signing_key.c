/*
 * The rules for keyIds.  A keyId becomes a path on the key server, so it must read as the same path
 * to everybody on the way: no segment that is empty or of dots, nothing percent-encoded.
 */
#include "smartthings/signing_key.h"

#include <string.h>

#define ID_MAX 201

static const char alphanumerics[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
static const char all_characters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.-";

/* Is a segment "." (another name of the same path), or the last one empty? */
static bool
has_alias(const char *key_id, size_t length)
{
	return strstr(key_id, "/./") != NULL || key_id[length - 1] == '/' ||
	       (key_id[length - 1] == '.' && key_id[length - 2] == '/');
}

bool
signing_key_id_is_valid(const char *key_id)
{
	size_t length = strlen(key_id);

	return length >= 2 && length <= ID_MAX && key_id[0] == '/' &&
	       strchr(alphanumerics, key_id[1]) != NULL &&
	       strspn(key_id, all_characters) == length && strstr(key_id, "..") == NULL &&
	       strstr(key_id, "//") == NULL && !has_alias(key_id, length);
}

void
signing_key_put_url(struct sbuf *buf, const char *key_url, const char *key_id)
{
	sbuf_put_text(buf, key_url);
	sbuf_put_text(buf, key_id);
}
