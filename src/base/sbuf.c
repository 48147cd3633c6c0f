/*
 * The growing buffer.  capacity counts the byte of the closing NUL, limit and
 * length do not.
 */
#include "base/sbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define DEFAULT_LIMIT ((size_t)64 * 1024 * 1024)
#define FIRST_CAPACITY ((size_t)256)

void
sbuf_init(struct sbuf *buf, size_t limit)
{
	*buf = (struct sbuf){.limit = limit};
}

void
sbuf_init_secret(struct sbuf *buf, size_t limit)
{
	*buf = (struct sbuf){.limit = limit, .secret = true};
}

/* The whole capacity is cleansed: behind the length there may be text from before a reset. */
static void
release(const struct sbuf *buf)
{
	if (buf->secret)
		secret_cleanse(buf->data, buf->capacity);
	free(buf->data);
}

void
sbuf_clear(struct sbuf *buf)
{
	release(buf);
	*buf = (struct sbuf){.limit = buf->limit, .secret = buf->secret};
}

void
sbuf_reset(struct sbuf *buf)
{
	if (buf->secret)
		secret_cleanse(buf->data, buf->capacity);
	if (buf->data != NULL)
		buf->data[0] = '\0';
	buf->length = 0;
	buf->failed = false;
}

bool
sbuf_failed(const struct sbuf *buf)
{
	return buf->failed;
}

const char *
sbuf_text(const struct sbuf *buf)
{
	return buf->data != NULL ? buf->data : "";
}

/* realloc() may leave a copy in freed memory, so a secret is copied and the old copy cleansed. */
static char *
resize(const struct sbuf *buf, size_t capacity)
{
	char *data;

	if (!buf->secret)
		return realloc(buf->data, capacity);
	data = malloc(capacity);
	if (data != NULL) {
		if (buf->length > 0)
			memcpy(data, buf->data, buf->length);
		release(buf);
	}
	return data;
}

/* More memory for "more" bytes and the NUL; when there is none, the buffer has failed: false. */
static bool
grow(struct sbuf *buf, size_t more)
{
	size_t limit = buf->limit != 0 ? buf->limit : DEFAULT_LIMIT;
	size_t capacity = buf->capacity != 0 ? buf->capacity : FIRST_CAPACITY;
	char *data;

	if (limit >= SIZE_MAX / 2 || buf->length > limit || more > limit - buf->length) {
		buf->failed = true;
		return false;
	}
	while (capacity <= buf->length + more)
		capacity *= 2;
	/* Never beyond the limit, so that reserve() need not look at it. */
	if (capacity > limit + 1)
		capacity = limit + 1;
	data = resize(buf, capacity);
	if (data == NULL) {
		buf->failed = true;
		return false;
	}
	buf->data = data;
	buf->data[buf->length] = '\0';
	buf->capacity = capacity;
	return true;
}

/* Is there room for "more" bytes and the NUL?  Most of the time there is. */
static bool
reserve(struct sbuf *buf, size_t more)
{
	if (buf->failed)
		return false;
	return more < buf->capacity - buf->length || grow(buf, more);
}

void
sbuf_put_growing(struct sbuf *buf, const void *data, size_t length)
{
	if (length > 0 && reserve(buf, length))
		sbuf_put(buf, data, length);
}

void
sbuf_put_text(struct sbuf *buf, const char *text)
{
	if (text != NULL)
		sbuf_put(buf, text, strlen(text));
}

void
sbuf_put_char(struct sbuf *buf, char c)
{
	sbuf_put(buf, &c, 1);
}

void
sbuf_put_int(struct sbuf *buf, int64_t value)
{
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char text[24];
	char *start = text + sizeof(text);

	do {
		*--start = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (value < 0)
		*--start = '-';
	sbuf_put(buf, start, (size_t)(text + sizeof(text) - start));
}

/* The length of the formatted text, which is written as far as it fits; negative on failure. */
__attribute__((format(printf, 2, 0))) static int
print_at_end(const struct sbuf *buf, const char *format, va_list args)
{
	size_t room = buf->data != NULL ? buf->capacity - buf->length : 0;

	return vsnprintf(room > 0 ? buf->data + buf->length : NULL, room, format, args);
}

void
sbuf_printf(struct sbuf *buf, const char *format, ...)
{
	size_t capacity = buf->capacity;
	va_list args;
	int length;

	if (buf->failed)
		return;
	va_start(args, format);
	length = print_at_end(buf, format, args);
	va_end(args);
	if (length < 0)
		buf->failed = true;
	if (length < 0 || !reserve(buf, (size_t)length)) {
		if (buf->data != NULL)
			buf->data[buf->length] = '\0';
		return;
	}
	if (buf->capacity != capacity) {
		va_start(args, format);
		print_at_end(buf, format, args);
		va_end(args);
	}
	buf->length += (size_t)length;
}

char *
sbuf_detach(struct sbuf *buf)
{
	char *data = NULL;

	if (reserve(buf, 0)) {
		data = buf->data;
		buf->data = NULL;
		buf->capacity = 0;
	}
	sbuf_clear(buf);
	return data;
}
