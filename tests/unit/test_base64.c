/*
 * base64.h against the vectors of RFC 4648 10 and texts a lax reader accepts.
 */
#include "unit.h"

#include <string.h>
#include "formats/base64.h"

struct vector {
	const char *plain;
	const char *base64;
	const char *base64url;
};

static const struct vector vectors[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xfe", "+//+", "-__-"},
};

static void
check_encoding(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		char text[32];

		base64_encode(vectors[i].plain, strlen(vectors[i].plain), text);
		assert_string_equal(text, vectors[i].base64);
		base64url_encode(vectors[i].plain, strlen(vectors[i].plain), text);
		assert_string_equal(text, vectors[i].base64url);
	}
}

static void
check_decoding(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		const char *text = vectors[i].base64;
		uint8_t bytes[8];
		size_t length;

		assert_int_equal(
		    base64_decode(text, strlen(text), bytes, sizeof(bytes), &length), SW_OK);
		assert_int_equal(length, strlen(vectors[i].plain));
		assert_memory_equal(bytes, vectors[i].plain, length);
	}
}

static void
check_encoded_size(void **state)
{
	char text[BASE64_ENCODED_SIZE(32)];
	uint8_t zeros[32] = {0};

	(void)state;
	base64_encode(zeros, sizeof(zeros), text);
	assert_int_equal(strlen(text), sizeof(text) - 1);
	assert_int_equal(BASE64_ENCODED_SIZE(0), 1);
	assert_int_equal(BASE64_ENCODED_SIZE(1), 5);
	assert_int_equal(BASE64_ENCODED_SIZE(3), 5);
}

static void
check_malformed(void **state)
{
	static const char *const malformed[] = {"Z", "Zg", "Zg=", "Zg===", "=",
	    "==", "===", "====", "A===", "=AAA", "A=AA", "AA=A",
	    "Zg==Zg==", "Zm8=Zm8=", " Zg==", "Zg== ", "Zg==\n", "Zm9v\n",
	    "Zm\n9v===", "Z g=", "Zm9-", "Zm9_", "Zm9!", "Zm9\x80", "\xff\xff\xff\xff"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(malformed); i++) {
		uint8_t bytes[16];
		size_t length = 99;

		assert_int_equal(base64_decode(malformed[i], strlen(malformed[i]), bytes,
				     sizeof(bytes), &length),
		    SW_EINPUT);
		assert_int_equal(length, 0);
	}
}

static void
check_nul_inside(void **state)
{
	uint8_t bytes[16];
	size_t length;

	(void)state;
	assert_int_equal(base64_decode("Zm\0v", 4, bytes, sizeof(bytes), &length), SW_EINPUT);
}

/* "Zg==" and "Zh==" would both be "f" to a reader that drops the last four bits. */
static void
check_stray_bits(void **state)
{
	static const char *const stray[] = {"Zh==", "Zv==", "Z/==", "Zm9=", "Zm+="};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(stray); i++) {
		uint8_t bytes[16];
		size_t length;

		assert_int_equal(
		    base64_decode(stray[i], 4, bytes, sizeof(bytes), &length), SW_EINPUT);
	}
}

static void
check_room(void **state)
{
	uint8_t bytes[4] = {0, 0, 0, 0xaa};
	size_t length;

	(void)state;
	assert_int_equal(base64_decode("Zm9v", 4, bytes, 3, &length), SW_OK);
	assert_int_equal(bytes[3], 0xaa);
	assert_int_equal(base64_decode("Zm9v", 4, bytes, 2, &length), SW_ETOOLARGE);
	assert_int_equal(length, 0);
	assert_int_equal(base64_decode("Zm8=", 4, bytes, 2, &length), SW_OK);
	assert_int_equal(base64_decode("", 0, bytes, 0, &length), SW_OK);
}

static void
check_all_lengths(void **state)
{
	uint8_t bytes[256], back[256];
	char text[BASE64_ENCODED_SIZE(256)];
	size_t length;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t i = 0; i <= sizeof(bytes); i++) {
		base64_encode(bytes, i, text);
		assert_int_equal(
		    base64_decode(text, strlen(text), back, sizeof(back), &length), SW_OK);
		assert_int_equal(length, i);
		assert_memory_equal(back, bytes, i);
	}
}

static void
check_tokens(void **state)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char a[64], b[64], seen[256] = {0};

	(void)state;
	assert_int_equal(base64url_random(a, sizeof(a), 32), SW_OK);
	assert_int_equal(base64url_random(b, 44, 32), SW_OK);
	assert_int_equal(strlen(a), 43);
	assert_string_not_equal(a, b);
	assert_int_equal(base64url_random(b, 43, 32), SW_EINTERNAL);
	assert_string_equal(b, "");
	assert_int_equal(base64url_random(b, sizeof(b), SIZE_MAX), SW_EINTERNAL);
	assert_int_equal(base64url_random(b, 0, 1), SW_EINTERNAL);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(base64url_random(a, sizeof(a), 32), SW_OK);
		assert_int_equal(strspn(a, alphabet), 43);
		for (const char *c = a; *c != '\0'; c++)
			seen[(unsigned char)*c] = 1;
	}
	for (size_t i = 0; i < sizeof(alphabet) - 1; i++)
		assert_int_equal(seen[(unsigned char)alphabet[i]], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("base64 and base64url write the vectors of RFC 4648", check_encoding),
	    SAYS("base64 reads the vectors of RFC 4648", check_decoding),
	    SAYS("the size macro is exact", check_encoded_size),
	    SAYS("white space, foreign characters and wrong padding are refused", check_malformed),
	    SAYS("a NUL inside is refused", check_nul_inside),
	    SAYS("bits that belong to no byte must be zero", check_stray_bits),
	    SAYS("a text that does not fit is refused before anything is overrun", check_room),
	    SAYS("every length up to 256 bytes survives the round trip", check_all_lengths),
	    SAYS("random texts use the whole alphabet, differ, and never overrun", check_tokens),
	};

	return RUN_TESTS(tests);
}
