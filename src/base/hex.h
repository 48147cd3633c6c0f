#ifndef SWITCHBOARD_BASE_HEX_H
#define SWITCHBOARD_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Hexadecimal text (RFC 4648 8). */

/* The digits in order, for hex_put_byte(). */
extern const char hex_lower[];
extern const char hex_upper[];

/* The byte of the two digits at "text", in either case; -1: not digits.  Stops at a NUL. */
int hex_read_byte(const char *text);

/* Write two digits of hex_lower or hex_upper, without a NUL; returns the end of them. */
char *hex_put_byte(uint8_t byte, const char *digits, char *out);

/* All bytes in lower case: 2 * length digits and a NUL. */
void hex_encode(const void *data, size_t length, char *out);

#endif
