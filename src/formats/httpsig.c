/*
 * HTTP signatures (draft-cavage-http-signatures-03 and later) with RSA and
 * SHA-256, and the Digest header (RFC 3230): everything but the keys.
 */
#include "formats/httpsig.h"

#include <string.h>
#include <strings.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/secret.h"
#include "formats/base64.h"
#include "formats/http_token.h"

/* A stretch of the header's text. */
struct span {
	const char *at;
	size_t length;
};

enum param {
	PARAM_KEY_ID,
	PARAM_SIGNATURE,
	PARAM_HEADERS,
	PARAM_ALGORITHM,
	PARAM__MAX
};

static const char *const param_names[] = {
    [PARAM_KEY_ID] = "keyId",
    [PARAM_SIGNATURE] = "signature",
    [PARAM_HEADERS] = "headers",
    [PARAM_ALGORITHM] = "algorithm",
};
_Static_assert(sizeof(param_names) / sizeof(param_names[0]) == PARAM__MAX, "a name for each");

static const char *const required_headers[] = {"(request-target)", "digest", "date"};

static const char *
skip_space(const char *at)
{
	return at + strspn(at, " \t");
}

static bool
span_is(const struct span *span, const char *text)
{
	return strlen(text) == span->length && strncasecmp(span->at, text, span->length) == 0;
}

/* A token; false when there is none. */
static bool
scan_token(const char **at, struct span *out)
{
	out->at = *at;
	while (http_token_has(**at))
		++*at;
	out->length = (size_t)(*at - out->at);
	return out->length > 0;
}

/* What stands between quotes, with its backslashes: no value we accept has one. */
static bool
scan_quoted(const char **at, struct span *out)
{
	if (**at != '"')
		return false;
	out->at = ++*at;
	while (**at != '\0' && **at != '"') {
		if (**at == '\\' && (*at)[1] != '\0')
			++*at;
		++*at;
	}
	out->length = (size_t)(*at - out->at);
	return *(*at)++ == '"';
}

/* name="value", or the bare numbers later drafts have (created=1402170695). */
static bool
scan_param(const char **at, struct span *name, struct span *value)
{
	if (!scan_token(at, name))
		return false;
	*at = skip_space(*at);
	if (**at != '=')
		return false;
	*at = skip_space(*at + 1);
	return **at == '"' ? scan_quoted(at, value) : scan_token(at, value);
}

/* Remember the value of a name we know; false when it was there before. */
static bool
put_param(const struct span *name, const struct span *value, struct span found[PARAM__MAX])
{
	for (size_t i = 0; i < PARAM__MAX; i++) {
		if (!span_is(name, param_names[i]))
			continue;
		if (found[i].at != NULL || value->at[-1] != '"')
			return false;
		found[i] = *value;
	}
	return true;
}

static bool
scan_params(const char *at, struct span found[PARAM__MAX])
{
	struct span name, value;

	for (;;) {
		if (!scan_param(&at, &name, &value) || !put_param(&name, &value, found))
			return false;
		at = skip_space(at);
		if (*at == '\0')
			return true;
		if (*at != ',')
			return false;
		at = skip_space(at + 1);
	}
}

static bool
take_key_id(const struct span *value, struct httpsig *out)
{
	if (value->length == 0 || value->length > HTTPSIG_KEY_ID_MAX)
		return false;
	memcpy(out->key_id, value->at, value->length);
	out->key_id[value->length] = '\0';
	return true;
}

static bool
take_signature(const struct span *value, struct httpsig *out)
{
	return value->length > 0 &&
	       base64_decode(value->at, value->length, out->signature, sizeof(out->signature),
		   &out->signature_length) == SW_OK &&
	       out->signature_length > 0;
}

static bool
has_header(const struct httpsig *sig, const char *name)
{
	for (size_t i = 0; i < sig->header_count; i++) {
		if (strcmp(sig->headers[i], name) == 0)
			return true;
	}
	return false;
}

/* A header's name, put in lower case, or "(request-target)". */
static bool
copy_header_name(const char *at, size_t length, char out[static 64])
{
	const struct span name = {at, length};

	if (length == 0 || length >= 64)
		return false;
	if (span_is(&name, required_headers[0])) {
		memcpy(out, required_headers[0], length + 1);
		return true;
	}
	for (size_t i = 0; i < length; i++) {
		if (!http_token_has(at[i]))
			return false;
		out[i] = ascii_lower(at[i]);
	}
	out[length] = '\0';
	return true;
}

/* Names separated by one space each (draft 2.1.6). */
static bool
take_headers(const struct span *value, struct httpsig *out)
{
	const char *at = value->at, *end = value->at + value->length;

	while (at <= end) {
		const char *stop = memchr(at, ' ', (size_t)(end - at));
		char *name;

		if (out->header_count == HTTPSIG_HEADERS_MAX)
			return false;
		if (stop == NULL)
			stop = end;
		name = out->headers[out->header_count];
		if (!copy_header_name(at, (size_t)(stop - at), name) || has_header(out, name))
			return false;
		out->header_count++;
		at = stop + 1;
	}
	for (size_t i = 0; i < sizeof(required_headers) / sizeof(required_headers[0]); i++) {
		if (!has_header(out, required_headers[i]))
			return false;
	}
	return true;
}

/* The algorithm is decided by the key; a message that claims another one is refused. */
static bool
algorithm_is_allowed(const struct span *value)
{
	return value->at == NULL || span_is(value, "rsa-sha256") || span_is(value, "hs2019");
}

static bool
take_params(const char *authorization, struct httpsig *out)
{
	struct span found[PARAM__MAX] = {{NULL, 0}};
	const char *at = skip_space(authorization);
	struct span scheme;

	if (!scan_token(&at, &scheme) || !span_is(&scheme, "Signature"))
		return false;
	if (*at != ' ' && *at != '\t')
		return false;
	if (!scan_params(skip_space(at), found))
		return false;
	if (found[PARAM_KEY_ID].at == NULL || found[PARAM_SIGNATURE].at == NULL ||
	    found[PARAM_HEADERS].at == NULL)
		return false;
	return algorithm_is_allowed(&found[PARAM_ALGORITHM]) &&
	       take_key_id(&found[PARAM_KEY_ID], out) &&
	       take_signature(&found[PARAM_SIGNATURE], out) &&
	       take_headers(&found[PARAM_HEADERS], out);
}

enum sw_err
httpsig_parse(const char *authorization, struct httpsig *out)
{
	memset(out, 0, sizeof(*out));
	if (authorization != NULL && take_params(authorization, out))
		return SW_OK;
	memset(out, 0, sizeof(*out));
	return SW_EAUTH;
}

/* The base64 text after the algorithm's name; NULL for another algorithm. */
static const char *
digest_value(const char *digest)
{
	static const char *const names[] = {"SHA-256=", "SHA256="};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t length = strlen(names[i]);

		if (strncasecmp(digest, names[i], length) == 0)
			return digest + length;
	}
	return NULL;
}

enum sw_err
httpsig_check_digest(const char *digest, const void *body, size_t length)
{
	uint8_t given[SECRET_SHA256_BYTES], real[SECRET_SHA256_BYTES];
	const char *value = digest != NULL ? digest_value(digest) : NULL;
	size_t given_length;

	if (value == NULL ||
	    base64_decode(value, strlen(value), given, sizeof(given), &given_length) != SW_OK)
		return SW_EAUTH;
	secret_sha256(body, length, real);
	return secret_equal(given, given_length, real, sizeof(real)) ? SW_OK : SW_EAUTH;
}

enum sw_err
httpsig_check_date(const char *date, int64_t now)
{
	int64_t at;

	if (date == NULL || !clock_parse_http_date(date, &at))
		return SW_EAUTH;
	if (at < now - HTTPSIG_DATE_SKEW_S || at > now + HTTPSIG_DATE_SKEW_S)
		return SW_EAUTH;
	return SW_OK;
}

static void
put_lower(struct sbuf *out, const char *text)
{
	for (; *text != '\0'; text++)
		sbuf_put_char(out, ascii_lower(*text));
}

static bool
has_line_break(const char *text)
{
	return strpbrk(text, "\r\n") != NULL;
}

static bool
put_header_line(struct sbuf *out, const char *name, httpsig_header_fn *header, void *context)
{
	const char *value = header(context, name);

	if (value == NULL || has_line_break(value))
		return false;
	sbuf_put_text(out, name);
	sbuf_put(out, ": ", 2);
	sbuf_put_text(out, value);
	return true;
}

enum sw_err
httpsig_build_string(const struct httpsig *sig, const char *method, const char *target,
    httpsig_header_fn *header, void *context, struct sbuf *out)
{
	sbuf_reset(out);
	if (has_line_break(method) || has_line_break(target))
		return SW_EAUTH;
	for (size_t i = 0; i < sig->header_count; i++) {
		if (i > 0)
			sbuf_put_char(out, '\n');
		if (strcmp(sig->headers[i], "(request-target)") == 0) {
			sbuf_put_text(out, "(request-target): ");
			put_lower(out, method);
			sbuf_put_char(out, ' ');
			sbuf_put_text(out, target);
		} else if (!put_header_line(out, sig->headers[i], header, context)) {
			return SW_EAUTH;
		}
	}
	return sbuf_failed(out) ? SW_ENOMEM : SW_OK;
}
