/*
 * What happens when memory runs out: the parsers.  A good message that met a
 * full memory must never pass for a malformed one, or it would be refused for
 * good instead of sent again.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "base/arena.h"
#include "cases.h"
#include "smartthings/device.h"
#include "smartthings/device_status.h"
#include "smartthings/webhook_body.h"
#include "failing.h"
#include "formats/httpsig_key.h"
#include "formats/json.h"
#include "smartthings/oauth.h"

#define NOW INT64_C(1798804800)

struct input {
	char *text;
	size_t length;
};

/* Is OpenSSL's memory among what fails?  Only reading a key answers for it. */
static bool openssl_fails;

void *__real_malloc(size_t size);
void *__real_realloc(void *data, size_t size);
void __real_free(void *data);

static void *
openssl_malloc(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return openssl_fails ? malloc(size) : __real_malloc(size);
}

static void *
openssl_realloc(void *data, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return openssl_fails ? realloc(data, size) : __real_realloc(data, size);
}

static void
openssl_free(void *data, const char *file, int line)
{
	(void)file, (void)line;
	if (openssl_fails)
		free(data);
	else
		__real_free(data);
}

static enum sw_err
use_load(void *context)
{
	const struct input *in = context;
	struct sbuf buf = {0};
	enum sw_err err;
	json_t *json;

	err = jsonx_load(in->text, in->length, &json);
	if (err == SW_OK) {
		jsonx_put(&buf, json);
		jsonx_put_string(&buf, "a/b");
		if (sbuf_failed(&buf))
			err = SW_ENOMEM;
	}
	json_decref(json);
	sbuf_clear(&buf);
	return err;
}

static enum sw_err
use_event(void *context)
{
	const struct input *in = context;
	struct webhook_body request;
	struct arena arena = {0};
	enum sw_err err = webhook_body_parse(&arena, in->text, in->length, NOW * 1000, &request);

	arena_free(&arena);
	return err;
}

static enum sw_err
use_page(void *context)
{
	const struct input *in = context;
	json_t *devices = json_array();
	struct arena arena = {0};
	struct device_notes notes = {0};
	struct device_page page;
	enum sw_err err = SW_ENOMEM;

	if (devices != NULL)
		err = device_parse_page(&arena, in->text, in->length, devices, &notes, &page);
	json_decref(devices);
	arena_free(&arena);
	return err;
}

/* The text is a status, of the one device of a page. */
static enum sw_err
use_status(void *context)
{
	static const char page[] = "{\"items\":[{\"deviceId\":\"d\",\"components\":[{\"id\":"
				   "\"main\",\"capabilities\":[{\"id\":\"switch\"}]}]}]}";
	const struct input *in = context;
	json_t *devices = json_array();
	struct arena arena = {0};
	struct device_notes notes = {0};
	struct device_page read;
	enum sw_err err = SW_ENOMEM;

	if (devices != NULL)
		err = device_parse_page(&arena, page, sizeof(page) - 1, devices, &notes, &read);
	if (err == SW_OK)
		err = device_parse_status(in->text, in->length, json_array_get(devices, 0), &notes);
	json_decref(devices);
	arena_free(&arena);
	return err;
}

static enum sw_err
use_rooms(void *context)
{
	const struct input *in = context;
	json_t *rooms = json_array();
	struct arena arena = {0};
	struct device_notes notes = {0};
	const char *next;
	enum sw_err err = SW_ENOMEM;

	if (rooms != NULL)
		err = device_parse_rooms(&arena, in->text, in->length, rooms, &notes, &next);
	json_decref(rooms);
	arena_free(&arena);
	return err;
}

/* The spool's way too: out as text and in again. */
static enum sw_err
use_reply(void *context)
{
	const struct input *in = context;
	struct oauth_tokens tokens, again = {0};
	struct sbuf buf;
	enum sw_err err = oauth_parse_reply(200, in->text, in->length, &tokens);

	sbuf_init_secret(&buf, 0);
	if (err == SW_OK) {
		oauth_tokens_put(&buf, &tokens);
		err = sbuf_failed(&buf)
			  ? SW_ENOMEM
			  : oauth_parse_reply(200, sbuf_text(&buf), buf.length, &again);
	} else if (tokens.access_token != NULL || tokens.refresh_token != NULL) {
		err = SW_EINTERNAL;
	}
	oauth_tokens_clear(&tokens);
	oauth_tokens_clear(&again);
	sbuf_clear(&buf);
	return err;
}

static const char *
any_header(void *context, const char *name)
{
	(void)context, (void)name;
	return "a value that is long enough to make the buffer grow more than once, said again: "
	       "a value that is long enough to make the buffer grow more than once";
}

static enum sw_err
use_string(void *context)
{
	const struct input *in = context;
	struct sbuf buf = {0};
	struct httpsig sig;
	enum sw_err err = httpsig_parse(in->text, &sig);

	if (err == SW_OK)
		err = httpsig_build_string(&sig, "POST", "/", any_header, NULL, &buf);
	sbuf_clear(&buf);
	return err;
}

static enum sw_err
use_key(void *context)
{
	const struct input *in = context;
	struct httpsig_key *key;
	enum sw_err err = httpsig_key_read(in->text, in->length, NOW, NULL, &key);

	if ((err == SW_OK) != (key != NULL))
		err = SW_EINTERNAL;
	httpsig_key_free(key);
	return err;
}

/* Returns how many allocations were made to fail. */
static long
starve(failing_job_fn *job, const char *module, const char *name, const char *file,
    enum sw_err expected)
{
	struct input in;
	long failed;

	in.text = case_open(module, name, file, &in.length);
	failed = failing_run(job, &in, expected, expected != SW_OK);
	free(in.text);
	return failed;
}

static void
check_json(void **state)
{
	(void)state;
	assert_true(
	    starve(use_load, "webhook_body", "device-event-hostile-text", "body.json", SW_OK) > 20);
	assert_true(
	    starve(use_load, "webhook_body", "device-event-array-value", "body.json", SW_OK) > 20);
	starve(use_load, "webhook_body", "odd-duplicate-member", "body.json", SW_EINPUT);
}

static void
check_events(void **state)
{
	(void)state;
	assert_true(starve(use_event, "webhook_body", "several-events", "body.json", SW_OK) > 50);
	starve(use_event, "webhook_body", "device-event-object-value", "body.json", SW_OK);
	starve(use_event, "webhook_body", "device-event-hostile-text", "body.json", SW_OK);
	starve(use_event, "webhook_body", "value-of-16-kb-is-kept", "body.json", SW_OK);
	starve(use_event, "webhook_body", "value-over-16-kb-is-dropped", "body.json", SW_OK);
	starve(use_event, "webhook_body", "unknown-type", "body.json", SW_OK);
	starve(use_event, "webhook_body", "confirmation", "body.json", SW_OK);
	starve(use_event, "webhook_body", "ping", "body.json", SW_OK);
	starve(use_event, "webhook_body", "other-message", "body.json", SW_OK);
	starve(use_event, "webhook_body", "odd-second-event-only", "body.json", SW_OK);
	starve(use_event, "webhook_body", "odd-duplicate-member", "body.json", SW_OK);
	starve(use_event, "webhook_body", "bad-not-json", "body.json", SW_EINPUT);
}

static void
check_devices(void **state)
{
	(void)state;
	assert_true(starve(use_page, "device", "power-strip", "page.json", SW_OK) > 50);
	starve(use_page, "device", "next-page", "page.json", SW_OK);
	starve(use_page, "device", "several", "page.json", SW_OK);
	starve(use_page, "device", "bad-no-items", "page.json", SW_EUPSTREAM);
	starve(use_page, "device", "phantom-capabilities", "page.json", SW_OK);
	starve(use_page, "device", "odd-components", "page.json", SW_OK);
	assert_true(starve(use_page, "device", "odd-doubled-members", "page.json", SW_OK) > 100);
	starve(use_page, "device", "odd-nul-and-surrogates", "page.json", SW_OK);
	starve(use_page, "device", "bad-next-doubled", "page.json", SW_EUPSTREAM);
	assert_true(starve(use_status, "device", "status-read", "status.json", SW_OK) > 20);
	starve(use_status, "device", "status-read-odd", "status.json", SW_OK);
	assert_true(starve(use_rooms, "device", "rooms", "rooms.json", SW_OK) > 20);
	starve(use_rooms, "device", "rooms-bad-no-items", "rooms.json", SW_EUPSTREAM);
}

static void
check_replies(void **state)
{
	(void)state;
	assert_true(starve(use_reply, "oauth", "tokens-newer-app", "body", SW_OK) > 20);
	starve(use_reply, "oauth", "tokens-like-jwt", "body", SW_OK);
	starve(use_reply, "oauth", "access-token-missing", "body", SW_EUPSTREAM);
}

static void
check_strings(void **state)
{
	(void)state;
	assert_true(starve(use_string, "httpsig", "platform-form", "authorization", SW_OK) >= 2);
}

static void
check_keys(void **state)
{
	char *pem;
	size_t length;
	struct input in;

	(void)state;
	/* What OpenSSL keeps for the life of the process is not what we look for. */
	pem = case_open("httpsig", "platform-form", "certificate.pem", &length);
	in = (struct input){pem, length};
	assert_int_equal(use_key(&in), SW_OK);
	openssl_fails = true;
	assert_true(failing_run(use_key, &in, SW_OK, false) > 20);
	openssl_fails = false;
	free(pem);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("JSON without memory is not taken for malformed", check_json),
	    SAYS("webhook bodies without memory say so and leak nothing", check_events),
	    SAYS("device lists without memory say so and leak nothing", check_devices),
	    SAYS("token replies without memory say so and leak nothing", check_replies),
	    SAYS("a signing string without memory says so and leaks nothing", check_strings),
	    SAYS("a certificate without memory is not taken for a bad one", check_keys),
	};

	if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1)
		return 99;
	json_set_alloc_funcs(malloc, free);
	return RUN_TESTS(tests);
}
