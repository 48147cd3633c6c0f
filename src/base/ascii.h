#ifndef SWITCHBOARD_BASE_ASCII_H
#define SWITCHBOARD_BASE_ASCII_H

#include <stdbool.h>

/*
 * Classes of ASCII characters.  Not those of <ctype.h>, which follow the locale and are undefined
 * for a negative char.
 */

/* [0-9] */
static inline bool
ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* [0-9A-Za-z] */
static inline bool
ascii_is_alnum(char c)
{
	return ascii_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* [A-Z] in lower case; any other character as it is. */
static inline char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

#endif
