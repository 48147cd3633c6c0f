/* Text building, forms, base64 and JSON members. */
#include "text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

void
log_line(const char *level, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s simulator ", level);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void
die(const char *format, ...)
{
	va_list args;

	fputs("switchboard-simulator: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

void *
memory_get(size_t size)
{
	void *data = calloc(1, size);

	if (data == NULL)
		die("out of memory");
	return data;
}

void
text_put(struct text *text, const char *data, size_t length)
{
	if (text->length + length + 1 > text->size) {
		size_t size = (text->length + length + 1) * 2;
		char *grown = realloc(text->data, size);

		if (grown == NULL)
			die("out of memory");
		text->data = grown;
		text->size = size;
	}
	if (length > 0)
		memcpy(text->data + text->length, data, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void
text_puts(struct text *text, const char *string)
{
	text_put(text, string, strlen(string));
}

void
text_printf(struct text *text, const char *format, ...)
{
	va_list args;
	char *line = NULL;
	int length;

	va_start(args, format);
	length = vasprintf(&line, format, args);
	va_end(args);
	if (length < 0)
		die("out of memory");
	text_put(text, line, (size_t)length);
	free(line);
}

void
text_html(struct text *text, const char *string)
{
	for (; string != NULL && *string != '\0'; string++) {
		switch (*string) {
		case '&':
			text_puts(text, "&amp;");
			break;
		case '<':
			text_puts(text, "&lt;");
			break;
		case '>':
			text_puts(text, "&gt;");
			break;
		case '"':
			text_puts(text, "&quot;");
			break;
		case '\'':
			text_puts(text, "&#39;");
			break;
		default:
			text_put(text, string, 1);
		}
	}
}

void
text_hidden_field(struct text *text, const char *name, const char *value)
{
	if (value == NULL)
		return;
	text_printf(text, "<input type=\"hidden\" name=\"%s\" value=\"", name);
	text_html(text, value);
	text_puts(text, "\">\n");
}

void
text_url(struct text *text, const char *string)
{
	for (; *string != '\0'; string++) {
		unsigned char c = (unsigned char)*string;

		if (isalnum(c) || strchr("-._~", c) != NULL)
			text_put(text, string, 1);
		else
			text_printf(text, "%%%02X", c);
	}
}

void
text_clear(struct text *text)
{
	free(text->data);
	memset(text, 0, sizeof(*text));
}

char *
text_copy(const char *string)
{
	char *copy = strdup(string);

	if (copy == NULL)
		die("out of memory");
	return copy;
}

char *
text_format(const char *format, ...)
{
	va_list args;
	char *line = NULL;

	va_start(args, format);
	if (vasprintf(&line, format, args) < 0)
		die("out of memory");
	va_end(args);
	return line;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static char *
form_decode(const char *data, size_t length)
{
	char *out = memory_get(length + 1);
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		char c = data[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%' && i + 2 < length && hex_value(data[i + 1]) >= 0 &&
			   hex_value(data[i + 2]) >= 0) {
			c = (char)(hex_value(data[i + 1]) * 16 + hex_value(data[i + 2]));
			i += 2;
		}
		if (c != '\0')
			out[used++] = c;
	}
	return out;
}

char *
form_get(const char *form, const char *name, size_t index)
{
	while (form != NULL && *form != '\0') {
		size_t field = strcspn(form, "&");
		size_t key = strcspn(form, "=&");
		char *decoded = form_decode(form, key);
		bool same = strcmp(decoded, name) == 0;

		free(decoded);
		if (same && index-- == 0) {
			size_t skip = key < field ? key + 1 : key;

			return form_decode(form + skip, field - skip);
		}
		form += field;
		if (*form == '&')
			form++;
	}
	return NULL;
}

char *
base64_encode(const void *data, size_t length)
{
	char *out = memory_get((length + 2) / 3 * 4 + 1);

	EVP_EncodeBlock((unsigned char *)out, data, (int)length);
	return out;
}

char *
base64_decode(const char *string)
{
	size_t length = strlen(string);
	size_t padding = 0;
	char *out;
	int got;

	if (length == 0 || length % 4 != 0 || length > 65536)
		return NULL;
	while (padding < 2 && string[length - 1 - padding] == '=')
		padding++;
	out = memory_get(length / 4 * 3 + 1);
	got = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)string, (int)length);
	if (got < 0) {
		free(out);
		return NULL;
	}
	out[(size_t)got - padding] = '\0';
	return out;
}

const char *
json_text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value != NULL ? value : "";
}

const char *
json_text_or(const json_t *object, const char *name, const char *otherwise)
{
	const char *value = json_text(object, name);

	return *value != '\0' ? value : otherwise;
}

void
json_put(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value) != 0)
		die("out of memory (member %s)", name);
}

json_t *
json_new_text(const char *value)
{
	json_t *text = value != NULL ? json_string(value) : NULL;

	return text != NULL ? text : json_null();
}

void
json_put_text(json_t *object, const char *name, const char *value)
{
	json_put(object, name, json_new_text(value));
}

void
json_put_now(json_t *object, const char *name)
{
	char *now = time_iso(time_now_ms());

	json_put_text(object, name, now);
	free(now);
}

void
json_log_append(json_t *log, json_t *entry, size_t most)
{
	if (json_array_size(log) == most)
		json_array_remove(log, 0);
	json_array_append(log, entry);
}

bool
words_contain(const char *words, const char *word)
{
	size_t length = strlen(word);

	while (length > 0 && *words != '\0') {
		size_t each = strcspn(words, " ");

		if (each == length && memcmp(words, word, length) == 0)
			return true;
		words += each;
		words += strspn(words, " ");
	}
	return false;
}

bool
glob_matches(const char *glob, const char *string)
{
	const char *star = NULL;
	const char *retry = NULL;

	while (*string != '\0') {
		if (*glob == '*') {
			star = glob++;
			retry = string;
		} else if (*glob == *string) {
			glob++;
			string++;
		} else if (star != NULL) {
			glob = star + 1;
			string = ++retry;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}
