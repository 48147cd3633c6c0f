/*
 * Hexadecimal text, one byte at a time.
 */
#include "base/hex.h"

const char hex_lower[] = "0123456789abcdef";
const char hex_upper[] = "0123456789ABCDEF";

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
hex_read_byte(const char *text)
{
	int high = digit_value(text[0]);
	int low = high < 0 ? -1 : digit_value(text[1]);

	return low < 0 ? -1 : high << 4 | low;
}

char *
hex_put_byte(uint8_t byte, const char *digits, char *out)
{
	*out++ = digits[byte >> 4];
	*out++ = digits[byte & 15];
	return out;
}

void
hex_encode(const void *data, size_t length, char *out)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
		out = hex_put_byte(bytes[i], hex_lower, out);
	*out = '\0';
}
