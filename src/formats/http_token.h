#ifndef SWITCHBOARD_FORMATS_HTTP_TOKEN_H
#define SWITCHBOARD_FORMATS_HTTP_TOKEN_H

#include <stdbool.h>

/* Tokens of HTTP (RFC 9110 5.6.2): names of headers, parameters and cookies. */

/* Is it a tchar: a letter, a digit or one of !#$%&'*+-.^_`|~ ? */
bool http_token_has(char c);

/* Is all of the text tchars, and not empty? */
bool http_token_is_valid(const char *text);

#endif
