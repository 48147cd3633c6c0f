/*
 * Log lines in logfmt.  A line is built in a fixed buffer, so that logging works when memory is
 * exhausted, and is written by one write(2) of at most PIPE_BUF bytes, so that lines of several
 * processes on one pipe do not mix.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/hex.h"

#define LINE_MAX_BYTES 4096
#define VALUE_MAX_BYTES 512
#define REQUEST_MAX_BYTES 64
#define LINE_END_BYTES 2 /* a closing quote and the newline always fit */

struct line {
	char text[LINE_MAX_BYTES];
	size_t length;
};

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};
_Static_assert(
    sizeof(level_names) / sizeof(level_names[0]) == LOG_LEVEL__MAX, "a level lacks its name");

static const char *current_program;
static enum log_level current_level = LOG_INFO;
static char current_request[REQUEST_MAX_BYTES + 1];

/* All of it or nothing, so that an escape is never cut in two. */
static bool
line_put(struct line *line, const char *text, size_t length)
{
	if (line->length + length > sizeof(line->text) - LINE_END_BYTES)
		return false;
	memcpy(line->text + line->length, text, length);
	line->length += length;
	return true;
}

/*
 * Only printable ASCII is written as it is: text that a stranger sent must not start a new line or
 * control the terminal that shows the log.
 */
static bool
line_put_escaped(struct line *line, unsigned char c)
{
	char escape[4] = "\\x";

	switch (c) {
	case '\n':
		return line_put(line, "\\n", 2);
	case '\r':
		return line_put(line, "\\r", 2);
	case '\t':
		return line_put(line, "\\t", 2);
	case '"':
		return line_put(line, "\\\"", 2);
	case '\\':
		return line_put(line, "\\\\", 2);
	default:
		if (c >= 0x20 && c < 0x7f)
			return line_put(line, (const char *)&c, 1);
		hex_put_byte(c, hex_lower, escape + 2);
		return line_put(line, escape, sizeof(escape));
	}
}

static bool
needs_quotes(const char *value, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c <= 0x20 || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return true;
	}
	return length == 0;
}

static void
line_put_value(struct line *line, const char *value)
{
	size_t length = strnlen(value, VALUE_MAX_BYTES);

	if (!needs_quotes(value, length)) {
		(void)line_put(line, value, length);
		return;
	}
	if (!line_put(line, "\"", 1))
		return;
	for (size_t i = 0; i < length; i++) {
		if (!line_put_escaped(line, (unsigned char)value[i]))
			break;
	}
	line->text[line->length++] = '"'; /* LINE_END_BYTES keeps room for it */
}

/* A pair that does not even fit with its key is left out whole. */
static void
line_put_pair(struct line *line, const char *key, const char *value)
{
	size_t start = line->length;
	bool fits = start == 0 || line_put(line, " ", 1);

	fits = fits && line_put(line, key, strlen(key)) && line_put(line, "=", 1);
	if (fits)
		line_put_value(line, value);
	else
		line->length = start;
}

void
log_open(const char *program, enum log_level level)
{
	current_program = program;
	current_level = level;
}

bool
log_level_parse(const char *text, enum log_level *out)
{
	for (int level = 0; text != NULL && level < LOG_LEVEL__MAX; level++) {
		if (strcmp(text, level_names[level]) == 0) {
			*out = (enum log_level)level;
			return true;
		}
	}
	return false;
}

bool
log_enabled(enum log_level level)
{
	return level <= current_level;
}

static bool
is_request_id_char(char c)
{
	return ascii_is_alnum(c) || c == '_' || c == '-';
}

void
log_set_request(const char *request_id)
{
	size_t length = 0;

	for (; request_id != NULL && *request_id != '\0' && length < REQUEST_MAX_BYTES;
	     request_id++) {
		if (is_request_id_char(*request_id))
			current_request[length++] = *request_id;
	}
	current_request[length] = '\0';
}

/* When stderr is closed or full the line is lost: only an interruption is worth another try. */
static void
line_write(const struct line *line)
{
	while (write(STDERR_FILENO, line->text, line->length) < 0 && errno == EINTR)
		continue;
}

void
log_event(enum log_level level, const char *event, ...)
{
	struct line line; /* its text is as long as its length says */
	int saved_errno = errno;
	const char *key;
	va_list args;

	if (!log_enabled(level))
		return;
	line.length = 0;
	line_put_pair(&line, "level", level_names[level]);
	if (current_program != NULL)
		line_put_pair(&line, "program", current_program);
	line_put_pair(&line, "event", event);
	if (current_request[0] != '\0')
		line_put_pair(&line, "request", current_request);
	va_start(args, event);
	while ((key = va_arg(args, const char *)) != NULL) {
		const char *value = va_arg(args, const char *);

		if (value != NULL)
			line_put_pair(&line, key, value);
	}
	va_end(args);
	line.text[line.length++] = '\n';
	line_write(&line);
	errno = saved_errno;
}

const char *
log_format_int(char out[static LOG_INT_SIZE], long long value)
{
	snprintf(out, LOG_INT_SIZE, "%lld", value);
	return out;
}
