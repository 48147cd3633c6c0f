#ifndef SWITCHBOARD_FORMATS_NUMBER_H
#define SWITCHBOARD_FORMATS_NUMBER_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * A decimal number of digits alone: no sign, no blanks, at most as many digits as "max" has.
 * 0 <= min <= max.  SW_EINPUT: empty, or something else than digits.  SW_ETOOLARGE: too many
 * digits, or not within min and max.  *out is untouched on failure.
 */
SW_MUSTCHECK enum sw_err
number_parse(const char *text, size_t length, int64_t min, int64_t max, int64_t *out);

/* The same for all of a text; NULL is like "". */
SW_MUSTCHECK enum sw_err
number_parse_text(const char *text, int64_t min, int64_t max, int64_t *out);

#endif
