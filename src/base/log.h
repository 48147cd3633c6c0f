#ifndef SWITCHBOARD_BASE_LOG_H
#define SWITCHBOARD_BASE_LOG_H

#include <stdbool.h>

/*
 * One logfmt line per event on stderr:
 *   level=info program=webhook event=webhook.applied request=… installation=… ms=3
 * The process is single-threaded, so the settings are process-wide.  Secrets
 * (tokens, codes, cookies, the client secret) are never passed in here.
 */
enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
	LOG_LEVEL__MAX
};

/* "program" is borrowed for the life of the process. */
void log_open(const char *program, enum log_level level);

/* Parse "error", "warn", "info" or "debug"; false and *out untouched otherwise. */
bool log_level_parse(const char *text, enum log_level *out);

/* Is this level written?  Test it before preparing expensive arguments. */
bool log_enabled(enum log_level level);

/*
 * The nginx request id (or "" outside a request) that later lines carry.
 * Copied, cut at 64 characters, anything but [0-9A-Za-z_-] dropped.
 */
void log_set_request(const char *request_id);

/*
 * Write one line with one write(2).  "event" is a fixed name ("token.refresh").  After it come
 * pairs of key and value, both const char *, ended by a NULL key; a NULL
 * value skips its pair.  Values are quoted and escaped when they need it,
 * and cut at 512 bytes.  Never fails; errno is preserved.
 *   log_event(LOG_WARN, "api.call", "installation", id, "err", err_name(e), "ms", log_int(ms),
 *       NULL);
 */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

/* Decimal text of a number into "out", and "out". */
#define LOG_INT_SIZE 24
const char *log_format_int(char out[static LOG_INT_SIZE], long long value);

/*
 * The same as a value for log_event(), in a buffer of its own that lives until the end of the
 * enclosing block.
 */
#define log_int(value) log_format_int((char[LOG_INT_SIZE]){0}, (value))

#endif
