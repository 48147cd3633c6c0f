#ifndef SWITCHBOARD_TESTS_FUZZ_H
#define SWITCHBOARD_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

/*
 * What the fuzz targets share.  A target is one file with libFuzzer's entry
 * point: it parses the input, and then asks whether what came out keeps the
 * parser's promises.  Its arena (arena.c in this folder) gives each allocation
 * memory of its own, so that AddressSanitizer sees the first byte beyond.
 */

/* Called by libFuzzer with one input after another; always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise of the code under test: names it and aborts when it is broken. */
#define FUZZ_REQUIRE(promise) ((promise) ? (void)0 : fuzz_broken(#promise, __FILE__, __LINE__))

/* Name a broken promise on stderr, and abort. */
_Noreturn void fuzz_broken(const char *promise, const char *file, int line);

/* The bytes and a NUL in a buffer without a byte to spare; free() it. */
char *fuzz_text(const uint8_t *data, size_t size);

/*
 * Cut the next line off "*text": NUL-terminated where its line feed was, and
 * *text moved behind it (to the closing NUL after the last line).
 */
char *fuzz_line(char **text);

/* Is it UTF-8 (RFC 3629)?  Decided by encoding it again, not by src/utf8.c. */
bool fuzz_is_utf8(const char *text);

/* Characters of valid UTF-8. */
size_t fuzz_characters(const char *text);

/* Are all bytes printable ASCII? */
bool fuzz_is_printable(const char *text, size_t length);

/* 1 to 128 of [A-Za-z0-9._-] and neither "." nor "..": safe in a path. */
bool fuzz_is_id(const char *text);

/* "2027-01-01T12:00:00.123456Z", and a date that there is. */
bool fuzz_is_instant(const char *text);

/* A member that is a string for which "check" holds (any when NULL), or null. */
bool fuzz_is_text_or_null(const json_t *object, const char *name, bool (*check)(const char *));

#endif
