/*
 * Base64, strict (RFC 4648).
 */
#include "formats/base64.h"

#include "base/ascii.h"
#include "base/secret.h"

static const char standard_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Three bytes become four characters; a rest of one or two becomes two or three. */
static void
encode(const uint8_t *data, size_t length, char *out, const char *alphabet, bool padded)
{
	while (length > 0) {
		size_t take = length < 3 ? length : 3;
		uint32_t group = (uint32_t)data[0] << 16;

		if (take > 1)
			group |= (uint32_t)data[1] << 8;
		if (take > 2)
			group |= data[2];
		for (size_t i = 0; i < 4; i++) {
			if (i <= take)
				*out++ = alphabet[group >> (18 - 6 * i) & 63];
			else if (padded)
				*out++ = '=';
		}
		data += take;
		length -= take;
	}
	*out = '\0';
}

void
base64_encode(const void *data, size_t length, char *out)
{
	encode(data, length, out, standard_alphabet, true);
}

void
base64url_encode(const void *data, size_t length, char *out)
{
	encode(data, length, out, url_alphabet, false);
}

/*
 * One more than what a character of the standard alphabet stands for, 0 for all others.  A lookup
 * table: unpredictable branches cost about a tenth of an RSA verification.
 */
/* clang-format off */
static const uint8_t values[256] = {
	['+'] = 63, ['/'] = 64,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
	['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	['N'] = 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
	['n'] = 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
};
/* clang-format on */

/* Four characters, of which the first "used" are no padding, into used - 1 bytes. */
static bool
decode_group(const char *text, size_t used, uint8_t *out)
{
	uint32_t group = 0;

	for (size_t i = 0; i < 4; i++) {
		unsigned value = i < used ? values[(unsigned char)text[i]] : 1;

		if (value == 0)
			return false;
		group = group << 6 | (value - 1);
	}
	for (size_t i = 0; i + 1 < used; i++)
		out[i] = (uint8_t)(group >> (16 - 8 * i));
	/* RFC 4648 3.5: bits that belong to no byte must be zero. */
	return (group & ((1U << 8 * (4 - used)) - 1)) == 0;
}

enum sw_err
base64_decode(
    const char *text, size_t text_length, uint8_t *out, size_t out_size, size_t *out_length)
{
	size_t padding = 0, length;

	*out_length = 0;
	if (text_length % 4 != 0)
		return SW_EINPUT;
	if (text_length > 0 && text[text_length - 1] == '=')
		padding = text[text_length - 2] == '=' ? 2 : 1;
	length = text_length / 4 * 3 - padding;
	if (length > out_size)
		return SW_ETOOLARGE;
	for (size_t i = 0; i < text_length; i += 4) {
		size_t used = i + 4 == text_length ? 4 - padding : 4;

		if (!decode_group(text + i, used, out + i / 4 * 3))
			return SW_EINPUT;
	}
	*out_length = length;
	return SW_OK;
}

bool
base64url_is_text(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!ascii_is_alnum(text[i]) && text[i] != '-' && text[i] != '_')
			return false;
	}
	return true;
}

enum sw_err
base64url_random(char *out, size_t out_size, size_t bytes)
{
	size_t length;
	enum sw_err err;

	if (out_size == 0)
		return SW_EINTERNAL;
	out[0] = '\0';
	if (bytes > SIZE_MAX / 8)
		return SW_EINTERNAL;
	length = (bytes * 8 + 5) / 6;
	if (length >= out_size)
		return SW_EINTERNAL;
	err = secret_random(out, length);
	if (err != SW_OK)
		return err;
	/* 256 is a multiple of 64, so six bits of a random byte are as random as the byte. */
	for (size_t i = 0; i < length; i++)
		out[i] = url_alphabet[(unsigned char)out[i] & 63];
	out[length] = '\0';
	return SW_OK;
}
