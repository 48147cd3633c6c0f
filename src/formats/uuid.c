/*
 * UUIDs (RFC 9562): text, the clock of version 1, and ids made from a digest.
 */
#include "formats/uuid.h"

#include <string.h>

#include "base/hex.h"

/* From 1582-10-15, where UUID clocks begin, to 1970, in 100 ns (RFC 9562 5.1). */
#define EPOCH_TICKS INT64_C(0x01B21DD213814000)

static bool
is_dash_before(size_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

bool
uuid_parse(const char *text, uint8_t out[static UUID_BYTES])
{
	for (size_t i = 0; i < UUID_BYTES; i++) {
		int byte;

		if (is_dash_before(i) && *text++ != '-')
			return false;
		byte = hex_read_byte(text);
		if (byte < 0)
			return false;
		out[i] = (uint8_t)byte;
		text += 2;
	}
	return *text == '\0';
}

void
uuid_format(const uint8_t uuid[static UUID_BYTES], char out[static UUID_TEXT_SIZE])
{
	for (size_t i = 0; i < UUID_BYTES; i++) {
		if (is_dash_before(i))
			*out++ = '-';
		out = hex_put_byte(uuid[i], hex_lower, out);
	}
	*out = '\0';
}

/* Version in the high half of byte 6, variant 10 in byte 8 (RFC 9562 4). */
bool
uuid_tick(const uint8_t uuid[static UUID_BYTES], int64_t *out)
{
	int64_t ticks;

	if (uuid[6] >> 4 != 1 || uuid[8] >> 6 != 2)
		return false;
	ticks = (int64_t)(uuid[6] & 15) << 56 | (int64_t)uuid[7] << 48 | (int64_t)uuid[4] << 40 |
		(int64_t)uuid[5] << 32 | (int64_t)uuid[0] << 24 | (int64_t)uuid[1] << 16 |
		(int64_t)uuid[2] << 8 | uuid[3];
	if (ticks < EPOCH_TICKS)
		return false;
	*out = ticks - EPOCH_TICKS;
	return true;
}

void
uuid_derive(
    const uint8_t hash[static SECRET_SHA256_BYTES], uint32_t index, uint8_t out[static UUID_BYTES])
{
	uint8_t seed[SECRET_SHA256_BYTES + 4], digest[SECRET_SHA256_BYTES];

	memcpy(seed, hash, SECRET_SHA256_BYTES);
	for (size_t i = 0; i < 4; i++)
		seed[SECRET_SHA256_BYTES + i] = (uint8_t)(index >> (24 - 8 * i));
	secret_sha256(seed, sizeof(seed), digest);
	memcpy(out, digest, UUID_BYTES);
	out[6] = (uint8_t)(0x80 | (out[6] & 0x0f));
	out[8] = (uint8_t)(0x80 | (out[8] & 0x3f));
}
