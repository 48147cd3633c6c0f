/*
 * The text form of a cursor: a list of installations and sequence numbers.  Browsers send it back,
 * so it is parsed as strictly as any other input.
 */
#include "formats/cursor.h"

#include <string.h>

#include "formats/number.h"
#include "formats/url.h"

#define SEQ_MAX INT64_C(999999999999999999)

static enum sw_err
parse_entry(struct arena *arena, const char *text, size_t length, struct cursor_entry *out)
{
	const char *colon = memchr(text, ':', length);
	size_t id_length;

	if (colon == NULL)
		return SW_EINPUT;
	id_length = (size_t)(colon - text);
	if (number_parse(colon + 1, length - id_length - 1, 0, SEQ_MAX, &out->seq) != SW_OK)
		return SW_EINPUT;
	out->installation_id = arena_strndup(arena, text, id_length);
	if (out->installation_id == NULL)
		return SW_ENOMEM;
	return url_id_is_valid(out->installation_id) ? SW_OK : SW_EINPUT;
}

enum sw_err
cursor_parse(struct arena *arena, const char *text, struct cursor_entry **out, size_t *count)
{
	struct cursor_entry *entries;
	size_t used = 0;

	*out = NULL;
	*count = 0;
	if (*text == '\0')
		return SW_OK;
	entries = arena_alloc(arena, CURSOR_MAX * sizeof(*entries));
	if (entries == NULL)
		return SW_ENOMEM;
	for (const char *part = text;; part++) {
		size_t length = strcspn(part, ",");
		enum sw_err err;

		if (used == CURSOR_MAX)
			return SW_EINPUT;
		err = parse_entry(arena, part, length, &entries[used++]);
		if (err != SW_OK)
			return err;
		part += length;
		if (*part == '\0')
			break;
	}
	*out = entries;
	*count = used;
	return SW_OK;
}

void
cursor_put(struct sbuf *buf, const char *installation_id, int64_t seq)
{
	if (buf->length > 0)
		sbuf_put_char(buf, ',');
	sbuf_put_text(buf, installation_id);
	sbuf_put_char(buf, ':');
	sbuf_put_int(buf, seq);
}
