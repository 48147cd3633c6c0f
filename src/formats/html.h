#ifndef SWITCHBOARD_FORMATS_HTML_H
#define SWITCHBOARD_FORMATS_HTML_H

#include <stdint.h>
#include "base/sbuf.h"

/*
 * The only way HTML is written: literals as they are, everything else escaped for the text,
 * attribute or URL that it is part of.  Bytes that are not valid UTF-8, and control characters that
 * HTML forbids, are written as U+FFFD.
 */

/* A string literal, as it is; anything but a literal does not compile. */
#define html_lit(buf, literal) sbuf_put((buf), "" literal "", sizeof(literal) - 1)

/* Text between tags: & < > " ' escaped.  NULL writes nothing. */
void html_put_text(struct sbuf *buf, const char *text);

/* ` name="value"` with a leading space; the value escaped (NULL: empty), "name" our own literal. */
void html_put_attr(struct sbuf *buf, const char *name, const char *value);

/* ` name="n"`. */
void html_put_attr_int(struct sbuf *buf, const char *name, int64_t value);

/* A query or path component, percent-encoded (and so safe in any attribute). */
void html_put_url_component(struct sbuf *buf, const char *text);

/* A decimal number. */
void html_put_int(struct sbuf *buf, int64_t value);

#endif
