#ifndef SWITCHBOARD_BASE_UTF8_H
#define SWITCHBOARD_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* UTF-8 as RFC 3629 4 has it: no surrogates, no overlong forms, nothing beyond U+10FFFF. */

/*
 * Bytes of the valid sequence that "text" starts with (1 to 4), looking at
 * no more than "length" bytes; 0 when it is not valid there, or empty.
 */
size_t utf8_sequence(const char *text, size_t length);

/* Is all of it valid?  An empty text is. */
bool utf8_is_valid(const char *text, size_t length);

#endif
