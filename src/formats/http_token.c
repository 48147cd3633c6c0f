/*
 * The characters that HTTP allows in a name.
 */
#include "formats/http_token.h"

#include <stddef.h>
#include <string.h>

#include "base/ascii.h"

bool
http_token_has(char c)
{
	return ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool
http_token_is_valid(const char *text)
{
	size_t length = 0;

	while (http_token_has(text[length]))
		length++;
	return length > 0 && text[length] == '\0';
}
