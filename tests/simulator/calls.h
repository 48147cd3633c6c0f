#ifndef SIMULATOR_CALLS_H
#define SIMULATOR_CALLS_H

#include <jansson.h>

#include "http.h"

/*
 * The log of API and OAuth calls that the app made.  "fault" is NULL or what
 * kept the answer from the caller.
 */
void calls_note(const struct exchange *x, const char *fault);
void calls_note_key_fetch(void);
/* {"total","byEndpoint","keyFetches","log":[…]}, the caller's. */
json_t *calls_show(void);
void calls_reset(void);

#endif
