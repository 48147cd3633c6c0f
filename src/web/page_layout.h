#ifndef SWITCHBOARD_WEB_PAGE_LAYOUT_H
#define SWITCHBOARD_WEB_PAGE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include "formats/config.h"
#include "base/err.h"
#include "formats/html.h"
#include "net/response.h"

/* What every page has around its <main>. */

struct page {
	const char *title;
	const char *csrf;   /* of who is signed in; NULL: nobody, or of no matter */
	const char *cursor; /* where live updates begin; NULL: a page that does not change */
	int refresh_s;      /* reload without JavaScript after so long; 0 = never */
};

/* Status and headers of a page; "res" may hold nothing but cookies. */
void page_begin_headers(struct response *res, const struct config *config, int status);

/* The same, and everything up to and with <main>. */
void
page_begin(struct response *res, const struct config *config, int status, const struct page *page);

/* </main> and the rest; "calls" (API calls of the month) and its "budget" (0 = none) are said when
 * calls >= 0. */
void page_end(struct response *res, int64_t calls, int64_t budget);

/* A whole page that says what went wrong and what to do. */
void page_put_error(
    const struct config *config, enum sw_err err, const char *message, struct response *res);

/* The hidden field of every form. */
void page_put_csrf(struct sbuf *out, const char *csrf);

/* A <time> that says how long ago "at_ms" (milliseconds since 1970 UTC) was; empty for -1, which
 * means that it is not known. */
void page_put_time(struct sbuf *out, int64_t at_ms, int64_t now_ms);

#endif
