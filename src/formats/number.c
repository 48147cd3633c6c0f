/*
 * Decimal numbers within limits.  What it hides: that the sum never overflows, as it stops at the
 * limit.
 */
#include "formats/number.h"

#include <string.h>

#include "base/ascii.h"

static size_t
count_digits(int64_t value)
{
	size_t count = 1;

	for (; value >= 10; value /= 10)
		count++;
	return count;
}

enum sw_err
number_parse(const char *text, size_t length, int64_t min, int64_t max, int64_t *out)
{
	int64_t value = 0;

	for (size_t i = 0; i < length; i++) {
		if (!ascii_is_digit(text[i]))
			return SW_EINPUT;
	}
	if (length == 0)
		return SW_EINPUT;
	if (length > count_digits(max))
		return SW_ETOOLARGE;
	for (size_t i = 0; i < length; i++) {
		int digit = text[i] - '0';

		if (digit > max || value > (max - digit) / 10)
			return SW_ETOOLARGE;
		value = value * 10 + digit;
	}
	if (value < min)
		return SW_ETOOLARGE;
	*out = value;
	return SW_OK;
}

enum sw_err
number_parse_text(const char *text, int64_t min, int64_t max, int64_t *out)
{
	return number_parse(text, text != NULL ? strlen(text) : 0, min, max, out);
}
