/*
 * seal.h.  Sealing is checked from both sides against EVP used directly and
 * against a published AES-GCM vector, not only against itself.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include "base/secret.h"
#include "formats/seal.h"

#define NONCE_BYTES 12
#define TAG_BYTES 16

/* 32 bytes 0, 1, 2 ... and 32 bytes 0xff, from "base64". */
#define KEY_COUNTING "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_ONES "//////////////////////////////////////////8="

static struct seal_keys
parse_keys(const char *text)
{
	struct seal_keys keys;

	assert_int_equal(seal_keys_parse(text, &keys), SW_OK);
	return keys;
}

static void
check_round_trip(void **state)
{
	struct seal_keys keys = parse_keys("k1:" KEY_COUNTING);
	static char big[100000];

	(void)state;
	memset(big, 's', sizeof(big));
	for (size_t length = 0; length <= sizeof(big); length = length * 3 + 1) {
		uint8_t *sealed;
		size_t sealed_length, plain_length;
		char *plain;

		assert_int_equal(
		    seal_close(&keys, "token:1:access", big, length, &sealed, &sealed_length),
		    SW_OK);
		assert_int_equal(sealed_length, 2 + 2 + NONCE_BYTES + length + TAG_BYTES);
		assert_int_equal(seal_open(&keys, "token:1:access", sealed, sealed_length, &plain,
				     &plain_length),
		    SW_OK);
		assert_int_equal(plain_length, length);
		assert_memory_equal(plain, big, length);
		assert_int_equal(plain[length], '\0');
		secret_free(plain, plain_length);
		free(sealed);
	}
}

static void
check_tampering(void **state)
{
	struct seal_keys keys = parse_keys("k1:" KEY_COUNTING "\nk3:" KEY_ONES);
	size_t sealed_length, plain_length;
	uint8_t *sealed;
	char *plain;

	(void)state;
	assert_int_equal(seal_close(&keys, "c", "secret", 6, &sealed, &sealed_length), SW_OK);
	for (size_t bit = 0; bit < sealed_length * 8; bit++) {
		enum sw_err err;

		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		err = seal_open(&keys, "c", sealed, sealed_length, &plain, &plain_length);
		assert_true(
		    err == SW_EINPUT || (err == SW_ENOTFOUND && bit / 8 >= 1 && bit / 8 < 4));
		assert_null(plain);
		assert_int_equal(plain_length, 0);
		assert_int_equal(ERR_peek_error(), 0);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(
	    seal_open(&keys, "c", sealed, sealed_length, &plain, &plain_length), SW_OK);
	secret_free(plain, plain_length);
	free(sealed);
}

/* Each length in a copy of its own, so that the sanitizer sees a byte read too far. */
static void
check_cutting(void **state)
{
	struct seal_keys keys = parse_keys("k1:" KEY_COUNTING);
	size_t sealed_length, plain_length;
	uint8_t *sealed;
	char *plain;

	(void)state;
	assert_int_equal(seal_close(&keys, "c", "secret", 6, &sealed, &sealed_length), SW_OK);
	for (size_t length = 0; length < sealed_length; length++) {
		uint8_t *cut = malloc(length > 0 ? length : 1);

		assert_non_null(cut);
		memcpy(cut, sealed, length);
		assert_int_equal(
		    seal_open(&keys, "c", cut, length, &plain, &plain_length), SW_EINPUT);
		assert_null(plain);
		free(cut);
	}
	assert_int_equal(seal_open(&keys, "c", NULL, 0, &plain, &plain_length), SW_EINPUT);
	free(sealed);
}

static void
check_context(void **state)
{
	struct seal_keys keys = parse_keys("k1:" KEY_COUNTING);
	static const char *const others[] = {
	    "", "token:1:refresh", "token:2:access", "token:1:acces", "token:1:access "};
	size_t sealed_length, plain_length;
	uint8_t *sealed;
	char *plain;

	(void)state;
	assert_int_equal(
	    seal_close(&keys, "token:1:access", "secret", 6, &sealed, &sealed_length), SW_OK);
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		assert_int_equal(
		    seal_open(&keys, others[i], sealed, sealed_length, &plain, &plain_length),
		    SW_EINPUT);
		assert_null(plain);
	}
	free(sealed);
}

static void
check_other_keys(void **state)
{
	struct seal_keys old = parse_keys("old:" KEY_COUNTING);
	struct seal_keys both = parse_keys("new:" KEY_ONES "\nold:" KEY_COUNTING);
	struct seal_keys other = parse_keys("new:" KEY_ONES);
	struct seal_keys same_name = parse_keys("old:" KEY_ONES);
	char id[SEAL_KEY_ID_MAX + 1], *plain;
	size_t sealed_length, plain_length;
	uint8_t *sealed;

	(void)state;
	assert_int_equal(seal_close(&old, "c", "secret", 6, &sealed, &sealed_length), SW_OK);
	assert_int_equal(
	    seal_open(&both, "c", sealed, sealed_length, &plain, &plain_length), SW_OK);
	assert_string_equal(plain, "secret");
	secret_free_text(plain);
	assert_int_equal(
	    seal_open(&other, "c", sealed, sealed_length, &plain, &plain_length), SW_ENOTFOUND);
	assert_int_equal(
	    seal_open(&same_name, "c", sealed, sealed_length, &plain, &plain_length), SW_EINPUT);
	free(sealed);
	assert_int_equal(seal_close(&both, "c", "secret", 6, &sealed, &sealed_length), SW_OK);
	assert_int_equal(seal_key_id(sealed, sealed_length, id), SW_OK);
	assert_string_equal(id, "new");
	assert_int_equal(seal_key_id(sealed, 5, id), SW_EINPUT);
	assert_string_equal(id, "");
	free(sealed);
}

static void
check_no_key(void **state)
{
	struct seal_keys keys = {0};
	size_t length = 1;
	uint8_t *sealed = (uint8_t *)"";

	(void)state;
	assert_int_equal(seal_close(&keys, "c", "secret", 6, &sealed, &length), SW_EINTERNAL);
	assert_null(sealed);
	assert_int_equal(length, 0);
}

static void
check_nonces(void **state)
{
	struct seal_keys keys = parse_keys("k:" KEY_COUNTING);
	static uint8_t nonces[1000][NONCE_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(nonces); i++) {
		uint8_t *sealed;
		size_t length;

		assert_int_equal(seal_close(&keys, "c", "same", 4, &sealed, &length), SW_OK);
		memcpy(nonces[i], sealed + 3, NONCE_BYTES);
		free(sealed);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(nonces[i], nonces[j], NONCE_BYTES);
	}
}

/*
 * Case 16 of "The Galois/Counter Mode of Operation" (McGrew and Viega),
 * laid out as a sealed value; its associated data has no NUL and serves as
 * the context.
 */
static void
check_published_vector(void **state)
{
	static const uint8_t key[SEAL_KEY_BYTES] = {0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,
	    0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08, 0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65,
	    0x73, 0x1c, 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08};
	static const char context[] = "\xfe\xed\xfa\xce\xde\xad\xbe\xef\xfe\xed\xfa\xce\xde\xad\xbe"
				      "\xef\xab\xad\xda\xd2";
	static const uint8_t sealed[] = {1, 1, 'k', 0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad,
	    0xde, 0xca, 0xf8, 0x88, 0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07, 0xf4, 0x7f,
	    0x37, 0xa3, 0x2a, 0x84, 0x42, 0x7d, 0x64, 0x3a, 0x8c, 0xdc, 0xbf, 0xe5, 0xc0, 0xc9,
	    0x75, 0x98, 0xa2, 0xbd, 0x25, 0x55, 0xd1, 0xaa, 0x8c, 0xb0, 0x8e, 0x48, 0x59, 0x0d,
	    0xbb, 0x3d, 0xa7, 0xb0, 0x8b, 0x10, 0x56, 0x82, 0x88, 0x38, 0xc5, 0xf6, 0x1e, 0x63,
	    0x93, 0xba, 0x7a, 0x0a, 0xbc, 0xc9, 0xf6, 0x62, 0x76, 0xfc, 0x6e, 0xce, 0x0f, 0x4e,
	    0x17, 0x68, 0xcd, 0xdf, 0x88, 0x53, 0xbb, 0x2d, 0x55, 0x1b};
	static const uint8_t expected[60] = {0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5, 0xa5,
	    0x59, 0x09, 0xc5, 0xaf, 0xf5, 0x26, 0x9a, 0x86, 0xa7, 0xa9, 0x53, 0x15, 0x34, 0xf7,
	    0xda, 0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31, 0x8a, 0x72, 0x1c, 0x3c, 0x0c, 0x95, 0x95,
	    0x68, 0x09, 0x53, 0x2f, 0xcf, 0x0e, 0x24, 0x49, 0xa6, 0xb5, 0x25, 0xb1, 0x6a, 0xed,
	    0xf5, 0xaa, 0x0d, 0xe6, 0x57, 0xba, 0x63, 0x7b, 0x39};
	struct seal_keys keys = {.count = 1, .keys = {{.id = "k"}}};
	size_t length;
	char *plain;

	(void)state;
	memcpy(keys.keys[0].key, key, sizeof(key));
	assert_int_equal(seal_open(&keys, context, sealed, sizeof(sealed), &plain, &length), SW_OK);
	assert_int_equal(length, sizeof(expected));
	assert_memory_equal(plain, expected, sizeof(expected));
	secret_free(plain, length);
}

/* What seal_close() writes, read by hand as its header describes it. */
static void
check_layout(void **state)
{
	struct seal_keys keys = parse_keys("key-1:" KEY_COUNTING);
	const EVP_CIPHER *gcm = EVP_aes_256_gcm();
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *sealed, plain[6];
	const uint8_t *nonce;
	size_t length;
	int n = 0;

	(void)state;
	assert_int_equal(seal_close(&keys, "row:7", "secret", 6, &sealed, &length), SW_OK);
	assert_int_equal(length, 2 + 5 + NONCE_BYTES + 6 + TAG_BYTES);
	assert_memory_equal(sealed, "\x01\x05key-1", 7);
	nonce = sealed + 7;
	assert_int_equal(EVP_DecryptInit_ex(ctx, gcm, NULL, keys.keys[0].key, nonce), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)"row:7", 5), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, plain, &n, nonce + NONCE_BYTES, 6), 1);
	assert_memory_equal(plain, "secret", 6);
	assert_int_equal(
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, sealed + length - TAG_BYTES),
	    1);
	assert_int_equal(EVP_DecryptFinal_ex(ctx, plain, &n), 1);
	EVP_CIPHER_CTX_free(ctx);
	free(sealed);
}

static void
check_key_lists(void **state)
{
	struct seal_keys keys;
	uint8_t counting[SEAL_KEY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(counting); i++)
		counting[i] = (uint8_t)i;
	keys =
	    parse_keys("# made in June\n\n  \t\nfirst_1:" KEY_COUNTING "\n#x\nSecond-2:" KEY_ONES);
	assert_int_equal(keys.count, 2);
	assert_string_equal(keys.keys[0].id, "first_1");
	assert_memory_equal(keys.keys[0].key, counting, sizeof(counting));
	assert_string_equal(keys.keys[1].id, "Second-2");
	keys = parse_keys("abcdefghijklmnopqrstuvwxyz012345:" KEY_ONES "\n");
	assert_int_equal(strlen(keys.keys[0].id), 32);
	seal_keys_clear(&keys);
	assert_int_equal(keys.count, 0);
	seal_keys_clear(NULL);
}

static void
check_bad_key_lists(void **state)
{
	static const char *const bad[] = {"", "\n", "# nothing\n", "k", "k:", ":", ":" KEY_ONES,
	    "k " KEY_ONES, "k=" KEY_ONES, " k:" KEY_ONES, "k :" KEY_ONES, "k: " KEY_ONES,
	    "k:" KEY_ONES " ", "k:" KEY_ONES "\r\n", "k:" KEY_ONES "=", "k.1:" KEY_ONES,
	    "\xc3\xa4:" KEY_ONES, "abcdefghijklmnopqrstuvwxyz0123456:" KEY_ONES,
	    "k:" KEY_ONES "\nk:" KEY_COUNTING, "k:" KEY_ONES "\nrubbish",
	    "k:" KEY_ONES ",l:" KEY_ONES,
	    /* 31 and 33 bytes, no padding, stray bits, base64url, a blank inside */
	    "k:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
	    "k:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
	    "k:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
	    "k:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
	    "k:__________________________________________8=",
	    "k:AAECAwQFBgcICQoLDA0OD AREhMUFRYXGBkaGxwdHh8=",
	    "k: AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="};
	static const struct seal_keys zero;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct seal_keys keys;

		memset(&keys, 0xaa, sizeof(keys));
		if (seal_keys_parse(bad[i], &keys) != SW_EINPUT)
			fail_msg("accepted \"%s\"", bad[i]);
		assert_memory_equal(&keys, &zero, sizeof(keys));
	}
	assert_int_equal(seal_keys_parse(NULL, &(struct seal_keys){0}), SW_EINPUT);
}

static void
check_key_count(void **state)
{
	char text[2000] = "";
	struct seal_keys keys;

	(void)state;
	for (size_t i = 0; i <= SEAL_KEYS_MAX; i++) {
		size_t length = strlen(text);

		snprintf(text + length, sizeof(text) - length, "k%zu:%s\n", i, KEY_ONES);
		assert_int_equal(
		    seal_keys_parse(text, &keys), i < SEAL_KEYS_MAX ? SW_OK : SW_EINPUT);
		assert_int_equal(keys.count, i < SEAL_KEYS_MAX ? i + 1 : 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("what was sealed opens again, whatever its length", check_round_trip),
	    SAYS("a sealed value with any one bit changed does not open", check_tampering),
	    SAYS("a sealed value cut short anywhere does not open", check_cutting),
	    SAYS("a value sealed for one row does not open for another", check_context),
	    SAYS("the first key seals, every listed key opens, others do not", check_other_keys),
	    SAYS("without a key nothing is sealed", check_no_key),
	    SAYS("no nonce is used twice", check_nonces),
	    SAYS("a published AES-256-GCM vector opens", check_published_vector),
	    SAYS("a sealed value has the documented layout and opens with plain EVP", check_layout),
	    SAYS("key lists with comments and blank lines are read", check_key_lists),
	    SAYS("malformed key lists are refused and leave no key behind", check_bad_key_lists),
	    SAYS("at most 16 keys are taken", check_key_count),
	};

	return RUN_TESTS(tests);
}
