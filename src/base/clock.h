#ifndef SWITCHBOARD_BASE_CLOCK_H
#define SWITCHBOARD_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Time.  Wall-clock instants are int64_t seconds (…_at), milliseconds
 * (…_ms) or 100 ns ticks since 1970 UTC; durations use the monotonic clock.
 */

/* Wall clock, seconds and milliseconds since 1970 UTC. */
int64_t clock_now(void);

/* The same in milliseconds. */
int64_t clock_now_ms(void);

/* Monotonic milliseconds, for durations and deadlines inside one process. */
int64_t clock_monotonic_ms(void);

/*
 * HTTP Date (RFC 9110 5.6.7, IMF-fixdate only), zone "GMT" or the platform's
 * "UTC" (which its webhooks carry).  The weekday must be one of seven names; it is
 * not compared with the date.  False and *out untouched when malformed.
 */
bool clock_parse_http_date(const char *text, int64_t *out);

/*
 * RFC 3339 instant ("2019-06-23T22:21:37Z", fractions of 1-9 digits, offset
 * Z or +hh:mm; years 1970-9999) to microseconds since 1970 UTC.  "*fraction"
 * (may be NULL): it had a fraction of a second.  False when malformed.
 */
bool clock_parse_rfc3339(const char *text, int64_t *out_us, bool *fraction);

/* "2019-06-23T22:21:37.123Z" (milliseconds) into at least 32 bytes. */
void clock_format_rfc3339_ms(int64_t at_ms, char out[static 32]);

/* The same with microseconds: "2019-06-23T22:21:37.123456Z". */
void clock_format_rfc3339_us(int64_t at_us, char out[static 32]);

#endif
