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

/*
 * ASCII that stands for itself, a bit for each character: white space and 0x20 to 0x7e without
 * the five of find_escape().  A lookup, as most of what is written is such characters.
 */
static bool
is_plain(unsigned char c)
{
	static const uint64_t plain[4] = {
	    (UINT64_C(0xffffffff) << 32 | 1 << '\t' | 1 << '\n' | 1 << '\f' | 1 << '\r') &
		~(UINT64_C(1) << '"' | UINT64_C(1) << '&' | UINT64_C(1) << '\'' |
		    UINT64_C(1) << '<' | UINT64_C(1) << '>'),
	    ~(UINT64_C(1) << (0x7f - 64)),
	};

	return (plain[c >> 6] >> (c & 63) & 1) != 0;
}

void
html_put_text(struct sbuf *buf, const char *text)
{
	const char *run = text;

	if (text == NULL)
		return;
	for (;;) {
		const char *escape;
		size_t length;

		while (is_plain((unsigned char)*text))
			text++;
		if (*text == '\0')
			break;
		length = utf8_sequence(text, strnlen(text, 4));
		escape = find_escape(text, length);
		if (escape != NULL) {
			sbuf_put(buf, run, (size_t)(text - run));
			sbuf_put_text(buf, escape);
			run = text + (length > 0 ? length : 1);
		}
		text += length > 0 ? length : 1;
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
