#ifndef SWITCHBOARD_WEB_PAGE_LAYOUT_H
#define SWITCHBOARD_WEB_PAGE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "formats/config.h"
#include "formats/html.h"
#include "net/response.h"

/* What every page has around its <main>. */

struct page {
	const char *title;
	const char *csrf;   /* of the signed-in session; NULL: the page has no forms */
	const char *cursor; /* where live updates begin; NULL: a page without them */
	int refresh_s;      /* without JavaScript, reload after this long; 0 = never */
	const char *next;   /* address of ours where the browser goes on at once; NULL: nowhere */
};

/* Status and headers of a page, and everything up to and with <main>.  "res" may hold nothing but
 * cookies. */
void
page_begin(struct response *res, const struct config *config, int status, const struct page *page);

/* </main> and the rest.  API "calls" of this month are shown when not -1, with their "budget" when
 * not 0. */
void page_end(struct response *res, int64_t calls, int64_t budget);

/* A whole page that says what went wrong and what to do. */
void page_put_error(
    const struct config *config, enum sw_err err, const char *message, struct response *res);

/* The hidden field "csrf" that every form needs. */
void page_put_csrf(struct sbuf *out, const char *csrf);

/* A <time> that says how long ago "at_ms" (milliseconds since 1970 UTC) was; empty for -1, which
 * means that it is not known. */
void page_put_time(struct sbuf *out, int64_t at_ms, int64_t now_ms);

#endif
