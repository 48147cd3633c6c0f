/*
 * HTML output with escaping.  Text is copied in runs of harmless bytes; what
 * HTML gives a meaning to, or forbids, is replaced.
 */
#include "formats/html.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/utf8.h"
#include "formats/url.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * Control characters other than white space (HTML Standard 13.2.3.5,
 * "control-character-in-input-stream"): C0, DEL, and C1 in two bytes.
 */
static bool
is_forbidden(const unsigned char *c, size_t length)
{
	if (length == 2)
		return c[0] == 0xc2 && c[1] < 0xa0;
	if (length != 1 || *c == '\t' || *c == '\n' || *c == '\f' || *c == '\r')
		return false;
	return *c < 0x20 || *c == 0x7f;
}

/* The replacement of the character of "length" bytes at "c"; NULL when it is written as it is. */
static const char *
find_escape(const char *c, size_t length)
{
	if (length == 0 || is_forbidden((const unsigned char *)c, length))
		return REPLACEMENT;
	switch (*c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void
html_put_text(struct sbuf *buf, const char *text)
{
	size_t left = text != NULL ? strlen(text) : 0;
	const char *run = text;

	while (left > 0) {
		size_t length = utf8_sequence(text, left);
		const char *escape = find_escape(text, length);
		size_t step = length > 0 ? length : 1;

		if (escape != NULL) {
			sbuf_put(buf, run, (size_t)(text - run));
			sbuf_put_text(buf, escape);
			run = text + step;
		}
		text += step;
		left -= step;
	}
	sbuf_put(buf, run, (size_t)(text - run));
}

void
html_put_attr(struct sbuf *buf, const char *name, const char *value)
{
	sbuf_put_char(buf, ' ');
	sbuf_put_text(buf, name);
	html_lit(buf, "=\"");
	html_put_text(buf, value);
	sbuf_put_char(buf, '"');
}

void
html_put_attr_int(struct sbuf *buf, const char *name, int64_t value)
{
	sbuf_put_char(buf, ' ');
	sbuf_put_text(buf, name);
	html_lit(buf, "=\"");
	sbuf_put_int(buf, value);
	sbuf_put_char(buf, '"');
}

void
html_put_url_component(struct sbuf *buf, const char *text)
{
	url_put_encoded(buf, text);
}

void
html_put_int(struct sbuf *buf, int64_t value)
{
	sbuf_put_int(buf, value);
}
