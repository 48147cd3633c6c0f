/*
 * The signature header: what is accepted keeps the rules of httpsig.h, says
 * the same when it is written again, and makes a signing string whose lines
 * are the named headers and nothing else.
 *
 * First line: the Authorization header.  Second: the Digest header, used for
 * the other headers and the target too.  The rest: the body.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "formats/base64.h"
#include "formats/httpsig.h"
#include "base/sbuf.h"
#include "base/secret.h"

static size_t
count_header(const struct httpsig *sig, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < sig->header_count; i++)
		count += strcmp(sig->headers[i], name) == 0;
	return count;
}

static void
require_headers(const struct httpsig *sig)
{
	FUZZ_REQUIRE(sig->header_count <= HTTPSIG_HEADERS_MAX);
	FUZZ_REQUIRE(count_header(sig, "(request-target)") == 1);
	FUZZ_REQUIRE(count_header(sig, "digest") == 1 && count_header(sig, "date") == 1);
	for (size_t i = 0; i < sig->header_count; i++) {
		const char *name = sig->headers[i];

		FUZZ_REQUIRE(name[0] != '\0' && memchr(name, '\0', 64) != NULL);
		FUZZ_REQUIRE(fuzz_is_printable(name, strlen(name)));
		FUZZ_REQUIRE(strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ :;,\"=") == NULL);
		FUZZ_REQUIRE(count_header(sig, name) == 1);
	}
}

/* The header in its plainest form. */
static void
put_header(struct sbuf *buf, const struct httpsig *sig)
{
	char signature[BASE64_ENCODED_SIZE(HTTPSIG_SIGNATURE_MAX)];

	base64_encode(sig->signature, sig->signature_length, signature);
	sbuf_printf(
	    buf, "Signature keyId=\"%s\",signature=\"%s\",headers=\"", sig->key_id, signature);
	for (size_t i = 0; i < sig->header_count; i++) {
		sbuf_put_text(buf, i > 0 ? " " : "");
		sbuf_put_text(buf, sig->headers[i]);
	}
	sbuf_put_text(buf, "\",algorithm=\"rsa-sha256\"");
}

static void
require_round_trip(const struct httpsig *sig)
{
	struct httpsig again;
	struct sbuf buf = {0};

	put_header(&buf, sig);
	FUZZ_REQUIRE(!sbuf_failed(&buf) && httpsig_parse(buf.data, &again) == SW_OK);
	FUZZ_REQUIRE(memcmp(&again, sig, sizeof(again)) == 0);
	sbuf_clear(&buf);
}

/* "context" is the value of all headers; host is missing. */
static const char *
find_header(void *context, const char *name)
{
	return strcmp(name, "host") == 0 ? NULL : context;
}

static void
require_lines(const struct httpsig *sig, char *text, const char *value)
{
	for (size_t i = 0; i < sig->header_count; i++) {
		const char *line = fuzz_line(&text), *name = sig->headers[i];

		FUZZ_REQUIRE(strncmp(line, name, strlen(name)) == 0);
		line += strlen(name);
		FUZZ_REQUIRE(strncmp(line, ": ", 2) == 0);
		if (strcmp(name, "(request-target)") == 0)
			FUZZ_REQUIRE(
			    strncmp(line, ": post ", 7) == 0 && strcmp(line + 7, value) == 0);
		else
			FUZZ_REQUIRE(strcmp(line + 2, value) == 0);
	}
	FUZZ_REQUIRE(*text == '\0');
}

static void
try_signing_string(const struct httpsig *sig, char *value)
{
	struct sbuf buf = {0};
	enum sw_err err = httpsig_build_string(sig, "POST", value, find_header, value, &buf);
	bool refused = strpbrk(value, "\r\n") != NULL || count_header(sig, "host") > 0;

	FUZZ_REQUIRE(err == (refused ? SW_EAUTH : SW_OK));
	if (err == SW_OK) {
		FUZZ_REQUIRE(strlen(buf.data) == buf.length);
		require_lines(sig, buf.data, value);
	}
	sbuf_clear(&buf);
}

/* Only the digest of this very body will do. */
static void
try_digest(const char *digest, const uint8_t *body, size_t length)
{
	char expect[8 + BASE64_ENCODED_SIZE(SECRET_SHA256_BYTES)] = "SHA-256=";
	uint8_t hash[SECRET_SHA256_BYTES];
	bool right;

	secret_sha256(body, length, hash);
	base64_encode(hash, sizeof(hash), expect + 8);
	right = (strncasecmp(digest, "SHA-256=", 8) == 0 && strcmp(digest + 8, expect + 8) == 0) ||
		(strncasecmp(digest, "SHA256=", 7) == 0 && strcmp(digest + 7, expect + 8) == 0);
	FUZZ_REQUIRE(httpsig_check_digest(digest, body, length) == (right ? SW_OK : SW_EAUTH));
	FUZZ_REQUIRE(httpsig_check_digest(expect, body, length) == SW_OK);
	FUZZ_REQUIRE(httpsig_check_digest(expect + 8, body, length) == SW_EAUTH);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct httpsig nothing;
	char *text = fuzz_text(data, size), *rest = text;
	char *header = strdup(fuzz_line(&rest)), *value = strdup(fuzz_line(&rest));
	struct httpsig sig;
	enum sw_err err;

	if (header == NULL || value == NULL)
		abort();
	err = httpsig_parse(header, &sig);
	FUZZ_REQUIRE(err == SW_OK || err == SW_EAUTH);
	if (err == SW_OK) {
		FUZZ_REQUIRE(sig.key_id[0] != '\0' && strlen(sig.key_id) <= HTTPSIG_KEY_ID_MAX);
		FUZZ_REQUIRE(
		    sig.signature_length > 0 && sig.signature_length <= HTTPSIG_SIGNATURE_MAX);
		require_headers(&sig);
		require_round_trip(&sig);
		try_signing_string(&sig, value);
	} else {
		FUZZ_REQUIRE(memcmp(&sig, &nothing, sizeof(sig)) == 0);
	}
	try_digest(value, (const uint8_t *)rest, (size_t)(text + size - rest));
	free(value);
	free(header);
	free(text);
	return 0;
}
