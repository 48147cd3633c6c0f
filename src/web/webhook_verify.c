/*
 * Verifying the signature of a webhook.  What it hides: how the name of a signed header becomes the
 * name of a FastCGI parameter.
 */
#include "web/webhook_verify.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/sbuf.h"
#include "smartthings/signing_key.h"
#include "web/webhook_key.h"

#define PARAM_NAME_MAX 80

/*
 * The FastCGI name of a header (RFC 3875 4.1.18).  False for a name with an underscore, which
 * would read as another header's, or one that is too long.
 */
static bool
param_name(const char *header, char out[static PARAM_NAME_MAX])
{
	int length;

	if (strcmp(header, "content-type") == 0 || strcmp(header, "content-length") == 0)
		length = snprintf(out, PARAM_NAME_MAX, "%s", header);
	else
		length = snprintf(out, PARAM_NAME_MAX, "HTTP_%s", header);
	if (length < 0 || length >= PARAM_NAME_MAX || strchr(header, '_') != NULL)
		return false;
	for (char *c = out; *c != '\0'; c++) {
		if (*c == '-')
			*c = '_';
		else if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	}
	return true;
}

/* A header sent twice counts as missing: which one was signed would be a guess. */
static const char *
signed_header(void *context, const char *name)
{
	char param[PARAM_NAME_MAX];

	return param_name(name, param) ? request_header(context, param, NULL) : NULL;
}

/* The checks that need no key; "*why" names the one that failed. */
static enum sw_err
check_headers(const struct request *req, int64_t now, struct httpsig *signature, const char **why)
{
	enum sw_err err;

	*why = "authorization";
	err = httpsig_parse(request_header(req, "HTTP_AUTHORIZATION", NULL), signature);
	if (err == SW_OK && !signing_key_id_is_valid(signature->key_id)) {
		signature->key_id[0] = '\0'; /* not for the log: it may be any text */
		err = SW_EAUTH;
	}
	if (err != SW_OK)
		return err;
	*why = "digest";
	err = httpsig_check_digest(
	    request_header(req, "HTTP_DIGEST", NULL), req->body, req->body_length);
	if (err != SW_OK)
		return err;
	*why = "date";
	return httpsig_check_date(request_header(req, "HTTP_DATE", NULL), now);
}

static enum sw_err
check_signature(
    const struct request *req, const struct httpsig *signature, const struct httpsig_key *key)
{
	struct request copy = *req; /* the callback's context is not const */
	struct sbuf text = {0};
	enum sw_err err;

	err = httpsig_build_string(
	    signature, req->method_text, req->uri, signed_header, &copy, &text);
	if (err == SW_OK)
		err = httpsig_verify(key, signature, sbuf_text(&text), text.length);
	sbuf_clear(&text);
	return err;
}

enum sw_err
webhook_verify(
    struct webhook_keys *keys, const struct request *req, int64_t now, const void **awaited)
{
	struct webhook_key key;
	struct httpsig signature;
	const char *why;
	enum sw_err err;

	*awaited = NULL;
	err = check_headers(req, now, &signature, &why);
	if (err == SW_OK) {
		why = "key";
		err = webhook_find_key(keys, req, signature.key_id, now, &key, awaited);
		if (*awaited != NULL)
			return err;
	}
	if (err == SW_OK) {
		why = "signature";
		err = check_signature(req, &signature, key.key);
	}
	if (err == SW_OK)
		webhook_keep_key(keys, req->arena, &key);
	if (err != SW_OK)
		log_event(LOG_WARN, "webhook.unverified", "why", why, "key",
		    signature.key_id[0] != '\0' ? signature.key_id : NULL, "err", err_name(err),
		    (const char *)NULL);
	return err;
}
