/*
 * What happens when memory runs out: the lower layers.
 */
#include "unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "formats/cookie.h"
#include "failing.h"
#include "formats/html.h"
#include "base/sbuf.h"
#include "base/secret.h"
#include "formats/seal.h"
#include "formats/url.h"
#include "formats/url_query.h"

static enum sw_err
use_arena(void *context)
{
	struct arena arena = {0};
	enum sw_err err = SW_OK;

	(void)context;
	if (arena_alloc(&arena, 40000) == NULL || arena_alloc(&arena, 40000) == NULL ||
	    arena_alloc(&arena, 200000) == NULL || arena_printf(&arena, "%70000d", 1) == NULL)
		err = SW_ENOMEM;
	/* An arena that refused once serves again when there is memory. */
	arena_clear(&arena);
	failing_stop();
	if (strcmp(arena_strdup(&arena, "again"), "again") != 0)
		err = SW_EINTERNAL;
	arena_free(&arena);
	return err;
}

static enum sw_err
fill(struct sbuf *buf)
{
	enum sw_err err = SW_OK;

	for (int i = 0; i < 3000; i++) {
		size_t before = buf->length;
		bool failed_before = sbuf_failed(buf);

		sbuf_printf(buf, "%d,", i);
		if (failed_before && (!sbuf_failed(buf) || buf->length != before))
			err = SW_EINTERNAL;
	}
	html_put_text(buf, "<&>");
	html_put_attr(buf, "a", "\"");
	url_put_encoded(buf, "a b");
	cookie_put(buf, "n", "v", 1, true);
	if (sbuf_failed(buf))
		err = err == SW_OK ? SW_ENOMEM : err;
	else if (strncmp(sbuf_text(buf), "0,1,2,", 6) != 0)
		err = SW_EINTERNAL;
	return err;
}

static enum sw_err
use_sbuf(void *context)
{
	struct sbuf buf;
	enum sw_err err;

	(void)context;
	sbuf_init(&buf, 0);
	err = fill(&buf);
	sbuf_clear(&buf);
	return err;
}

static enum sw_err
use_secret_sbuf(void *context)
{
	struct sbuf buf;
	enum sw_err err;

	(void)context;
	sbuf_init_secret(&buf, 0);
	err = fill(&buf);
	sbuf_clear(&buf);
	return err;
}

static enum sw_err
use_detach(void *context)
{
	struct sbuf empty = {0}, full = {0};
	char *nothing, *something;
	enum sw_err err;

	(void)context;
	sbuf_put_text(&full, "text");
	nothing = sbuf_detach(&empty);
	something = sbuf_detach(&full);
	err = nothing != NULL && something != NULL ? SW_OK : SW_ENOMEM;
	free(nothing);
	free(something);
	return err;
}

/* Long enough that its copy needs a block of its own beside the one of the pairs. */
static enum sw_err
use_query(void *context)
{
	static char text[80000];
	struct arena arena = {0};
	struct url_query query;
	enum sw_err err;

	(void)context;
	memset(text, 'x', sizeof(text));
	memcpy(text, "a=1&b=", 6);
	err = url_query_parse(&arena, text, sizeof(text), &query);
	if (err == SW_OK && query.count != 2)
		err = SW_EINTERNAL;
	if (err != SW_OK && (query.count != 0 || query.pairs != NULL))
		err = SW_EINTERNAL;
	arena_free(&arena);
	return err;
}

static enum sw_err
use_seal(void *context)
{
	struct seal_keys keys = {.count = 1, .keys = {{.id = "k"}}};
	size_t sealed_length, plain_length;
	uint8_t *sealed;
	enum sw_err err;
	char *plain;

	(void)context;
	err = seal_close(&keys, "c", "secret", 6, &sealed, &sealed_length);
	if (err != SW_OK)
		return sealed == NULL && sealed_length == 0 ? err : SW_EINTERNAL;
	err = seal_open(&keys, "c", sealed, sealed_length, &plain, &plain_length);
	if (err != SW_OK && plain != NULL)
		err = SW_EINTERNAL;
	secret_free(plain, plain_length);
	free(sealed);
	return err;
}

static void
check_arena(void **state)
{
	(void)state;
	assert_true(failing_run(use_arena, NULL, SW_OK, false) >= 3);
}

static void
check_sbuf(void **state)
{
	(void)state;
	assert_true(failing_run(use_sbuf, NULL, SW_OK, false) >= 5);
	assert_true(failing_run(use_secret_sbuf, NULL, SW_OK, false) >= 5);
}

static void
check_detach(void **state)
{
	(void)state;
	assert_true(failing_run(use_detach, NULL, SW_OK, false) >= 2);
}

static void
check_query(void **state)
{
	(void)state;
	assert_true(failing_run(use_query, NULL, SW_OK, false) >= 2);
}

static void
check_seal(void **state)
{
	(void)state;
	assert_true(failing_run(use_seal, NULL, SW_OK, false) >= 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS("an arena without memory says so, leaks nothing and recovers", check_arena),
	    SAYS("a buffer without memory fails for good and leaks nothing", check_sbuf),
	    SAYS("a failed buffer is detached as NULL", check_detach),
	    SAYS("parsing a query without memory says so and leaks nothing", check_query),
	    SAYS("sealing and opening without memory say so and leak nothing", check_seal),
	};

	return RUN_TESTS(tests);
}
