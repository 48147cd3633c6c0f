/*
 * The grammar of RFC 3629 4 as code: the first byte says how many bytes follow, and which values
 * the second may have.
 */
#include "base/utf8.h"

#include <stdint.h>

/* Length that a first byte announces, with the range its second byte must be in. */
static size_t
read_first(uint8_t first, uint8_t *low, uint8_t *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef) {
		if (first == 0xe0)
			*low = 0xa0;
		if (first == 0xed)
			*high = 0x9f;
		return 3;
	}
	if (first >= 0xf0 && first <= 0xf4) {
		if (first == 0xf0)
			*low = 0x90;
		if (first == 0xf4)
			*high = 0x8f;
		return 4;
	}
	return 0;
}

size_t
utf8_sequence(const char *text, size_t length)
{
	const uint8_t *bytes = (const uint8_t *)text;
	uint8_t low, high;
	size_t need;

	if (length == 0)
		return 0;
	need = read_first(bytes[0], &low, &high);
	if (need > length)
		return 0;
	if (need > 1 && (bytes[1] < low || bytes[1] > high))
		return 0;
	for (size_t i = 2; i < need; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	}
	return need;
}

bool
utf8_is_valid(const char *text, size_t length)
{
	while (length > 0) {
		size_t step = utf8_sequence(text, length);

		if (step == 0)
			return false;
		text += step;
		length -= step;
	}
	return true;
}
