#ifndef SWITCHBOARD_BASE_SBUF_H
#define SWITCHBOARD_BASE_SBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A growing byte buffer with a sticky failure: once memory or the limit ran out, every later put
 * does nothing and sbuf_failed() stays true, so a writer tests once at the end.  data is
 * NUL-terminated whenever it is not NULL.  With "secret" set, memory is cleansed before it is
 * freed.
 */
struct sbuf {
	char *data;
	size_t length;
	size_t capacity;
	size_t limit; /* most bytes it may hold; 0 = 64 MB */
	bool failed;
	bool secret;
};

/* An all-zero struct is an empty buffer. */
void sbuf_init(struct sbuf *buf, size_t limit);

/* The same for secrets: memory is cleansed before it is freed. */
void sbuf_init_secret(struct sbuf *buf, size_t limit);

/* Release (cleanse when secret); all-zero afterwards except limit and secret. */
void sbuf_clear(struct sbuf *buf);

/* Empty it and clear the failure, without giving its memory up. */
void sbuf_reset(struct sbuf *buf);

/* Did memory or the limit run out in any put since the last reset? */
bool sbuf_failed(const struct sbuf *buf);

/* The text so far, never NULL ("" when empty); valid until the next put. */
const char *sbuf_text(const struct sbuf *buf);

/* What sbuf_put() does when there is no room for "length" bytes and the NUL yet. */
void sbuf_put_growing(struct sbuf *buf, const void *data, size_t length);

/* Append bytes.  Inline, so that a literal is copied without a call: pages are made of them. */
static inline void
sbuf_put(struct sbuf *buf, const void *data, size_t length)
{
	if (buf->failed || length >= buf->capacity - buf->length) {
		sbuf_put_growing(buf, data, length);
		return;
	}
	if (length > 0)
		memcpy(buf->data + buf->length, data, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
}

/* Append a string without its NUL. */
void sbuf_put_text(struct sbuf *buf, const char *text);

/* Append one byte. */
void sbuf_put_char(struct sbuf *buf, char c);

/* Append a decimal number. */
void sbuf_put_int(struct sbuf *buf, int64_t value);

/* Append as printf(3) would.  The format is a literal, never data. */
void sbuf_printf(struct sbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text as malloc'd memory of the caller's; NULL when failed.  The sbuf is empty afterwards. */
char *sbuf_detach(struct sbuf *buf);

#endif
