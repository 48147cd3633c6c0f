#ifndef SIMULATOR_CALLS_H
#define SIMULATOR_CALLS_H

#include <jansson.h>

#include "http.h"

/*
 * The log of API and OAuth calls that the app made.  "fault" is NULL or the
 * fault because of which the caller got no answer.
 */
void calls_record(const struct exchange *x, const char *fault);
/* Count one request for a certificate. */
void calls_record_key_fetch(void);
/* {"total","byEndpoint","keyFetches","log":[…]}, the caller's. */
json_t *calls_show(void);
/* Forget all counts and the log. */
void calls_reset(void);

#endif
