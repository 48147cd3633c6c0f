/*
 * The cookie of an accepted invitation.
 */
#include "web/invitation_cookie.h"

#include <string.h>

#include "formats/base64.h"
#include "formats/cookie.h"
#include "store/session.h"

#define LIFE_S 3600
#define CODE_LENGTH (SESSION_TOKEN_SIZE - 1)

static const char *
cookie_name(const struct config *config)
{
	return config->public_is_https ? "__Host-invitation" : "invitation";
}

static void
put_cookie(struct response *res, const struct config *config, const char *code, int64_t life_s)
{
	struct sbuf value;

	sbuf_init_secret(&value, 0);
	cookie_put(&value, cookie_name(config), code, life_s, config->public_is_https);
	response_add_header(res, "Set-Cookie", sbuf_failed(&value) ? NULL : sbuf_text(&value));
	sbuf_clear(&value);
}

bool
invitation_hash_code(const char *code, uint8_t hash[static SECRET_SHA256_BYTES])
{
	if (code == NULL || strlen(code) != CODE_LENGTH || !base64url_is_text(code, CODE_LENGTH))
		return false;
	secret_sha256(code, CODE_LENGTH, hash);
	return true;
}

void
invitation_put_cookie(struct response *res, const struct config *config, const char *code)
{
	put_cookie(res, config, code, LIFE_S);
}

bool
invitation_read_cookie(const struct config *config, const struct request *req,
    uint8_t hash[static SECRET_SHA256_BYTES])
{
	char code[SESSION_TOKEN_SIZE];
	bool found = cookie_get(request_header(req, "HTTP_COOKIE", NULL), cookie_name(config), code,
			 sizeof(code)) == SW_OK &&
		     invitation_hash_code(code, hash);

	secret_cleanse(code, sizeof(code));
	return found;
}

void
invitation_drop_cookie(struct response *res, const struct config *config, const struct request *req)
{
	char code[SESSION_TOKEN_SIZE];

	if (cookie_get(request_header(req, "HTTP_COOKIE", NULL), cookie_name(config), code,
		sizeof(code)) != SW_ENOTFOUND)
		put_cookie(res, config, "", 0);
	secret_cleanse(code, sizeof(code));
}
