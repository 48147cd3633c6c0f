#ifndef SIMULATOR_TEXT_H
#define SIMULATOR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

/*
 * Text, time and identifiers.  The simulator is a test tool: when memory runs
 * out it stops with a message instead of carrying an error code everywhere.
 * Every "char *" handed out is the caller's, free().
 */

/* A growing text, always NUL-terminated once something was put.  All zero is empty. */
struct text {
	char *data;
	size_t length;
	size_t size; /* of the allocation */
};

/* Append bytes. */
void text_put(struct text *text, const char *data, size_t length);
/* Append a string. */
void text_puts(struct text *text, const char *string);
/* Append formatted text. */
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Append with & < > " ' escaped: safe as HTML text and in a quoted attribute.  NULL is nothing. */
void text_html(struct text *text, const char *string);
/* Append a hidden input of a form, a line of its own.  A NULL value appends nothing. */
void text_hidden_field(struct text *text, const char *name, const char *value);
/* Append percent-encoded (RFC 3986 unreserved characters stay). */
void text_url(struct text *text, const char *string);
/* Free what it holds; it is empty again. */
void text_clear(struct text *text);

/* "size" bytes, zeroed; free(). */
void *memory_get(size_t size);
/* A copy; the caller's. */
char *text_copy(const char *string);
/* A text by format; the caller's. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * The value of a field of a query or form body (application/x-www-form-urlencoded),
 * decoded; the index-th of that name, from 0.  NULL: not there.
 */
char *form_get(const char *form, const char *name, size_t index);

/* Standard base64 with padding. */
char *base64_encode(const void *data, size_t length);
/* The text that was encoded; NULL unless it is well-formed and padded. */
char *base64_decode(const char *string);

/* Milliseconds UTC since the epoch. */
int64_t time_now_ms(void);
int64_t time_monotonic_ms(void);    /* for timers */
char *time_iso(int64_t ms);         /* 2026-11-23T19:30:00.123Z */
char *time_iso_seconds(int64_t ms); /* 2026-11-23T19:30:00Z */
char *time_http_utc(int64_t ms);    /* Mon, 23 Nov 2026 19:30:00 UTC, as the platform writes it */

/* A version-4 UUID. */
char *uuid_random(void);
/* Version 1: "*at_ms" (may be NULL) gets the millisecond of its clock.  Never the same twice. */
char *uuid_time(int64_t *at_ms);
/* "length" characters of A-Z a-z 0-9, unpredictable. */
char *random_word(size_t length);

/* Members of a JSON object; text members that are missing or not text are "". */
const char *json_text(const json_t *object, const char *name);
/* The same, "otherwise" for a member that is missing, not text or "". */
const char *json_text_or(const json_t *object, const char *name, const char *otherwise);
/* Set a member to a text, NULL and invalid UTF-8 to null. */
void json_put_text(json_t *object, const char *name, const char *value);
/* Set a member; value is stolen.  Stops the program when memory is out. */
void json_put(json_t *object, const char *name, json_t *value);
/* A new text; NULL and invalid UTF-8 become null. */
json_t *json_new_text(const char *value);
/* Set a member to the present time, as time_iso() writes it. */
void json_put_now(json_t *object, const char *name);
/* Append to a log of at most "most" entries; the oldest one goes first.  "entry" is not stolen. */
void json_log_append(json_t *log, json_t *entry, size_t most);

/* Is "word" one of these words, which have blanks between them?  Never true for "". */
bool words_contain(const char *words, const char *word);

/* Shell-like match: "*" is any run of characters, everything else itself. */
bool glob_matches(const char *glob, const char *string);

/* One line to stderr: level, program, then the formatted text.  Never pass a secret. */
void log_line(const char *level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same as an error, then exit 1. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
