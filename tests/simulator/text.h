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
	size_t size;
};

void text_put(struct text *text, const char *data, size_t length);
void text_puts(struct text *text, const char *string);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Append with & < > " ' escaped: safe as HTML text and in a quoted attribute.  NULL is nothing. */
void text_html(struct text *text, const char *string);
/* Append percent-encoded (RFC 3986 unreserved characters stay). */
void text_url(struct text *text, const char *string);
void text_clear(struct text *text);

void *memory_get(size_t size); /* zeroed */
char *text_copy(const char *string);
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * The value of a field of a query or form body (application/x-www-form-urlencoded),
 * decoded; the index-th of that name, from 0.  NULL: not there.
 */
char *form_get(const char *form, const char *name, size_t index);

/* Standard base64.  Decoding answers NULL for anything else than well-formed, padded text. */
char *base64_encode(const void *data, size_t length);
char *base64_decode(const char *string);

int64_t time_now_ms(void);          /* UTC, since the epoch */
int64_t time_monotonic_ms(void);    /* for timers */
char *time_iso(int64_t ms);         /* 2026-11-23T19:30:00.123Z */
char *time_iso_seconds(int64_t ms); /* 2026-11-23T19:30:00Z */
char *time_http_utc(int64_t ms);    /* Mon, 23 Nov 2026 19:30:00 UTC, as the platform writes it */

char *uuid_random(void); /* version 4 */
/* Version 1: "*at_ms" (may be NULL) gets the millisecond of its clock.  Never the same twice. */
char *uuid_time(int64_t *at_ms);
/* "length" characters of A-Z a-z 0-9, unpredictable. */
char *random_word(size_t length);

/* Members of a JSON object; text members that are missing or not text are "". */
const char *json_text(const json_t *object, const char *name);
void json_put_text(json_t *object, const char *name, const char *value);
/* Set a member; value is stolen.  Stops the program when memory is out. */
void json_put(json_t *object, const char *name, json_t *value);
json_t *json_new_text(const char *value); /* NULL and invalid UTF-8 become null */

/* Shell-like match: "*" is any run of characters, everything else itself. */
bool glob_matches(const char *glob, const char *string);

/* One line to stderr: level, event, then printf text.  Never pass a secret. */
void say(const char *level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
