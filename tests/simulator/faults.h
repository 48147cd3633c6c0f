#ifndef SIMULATOR_FAULTS_H
#define SIMULATOR_FAULTS_H

#include <stdbool.h>
#include <jansson.h>

#include "http.h"

/*
 * Add the fault described by the body of POST /control/faults.  False and
 * *why (static text) when the body is wrong.
 */
bool faults_add(const json_t *wanted, const char **why);
/* Forget all faults. */
void faults_clear(void);
/* The faults that are left, as a list; the caller's. */
json_t *faults_show(void);
/* The fault for this call, and one less of it; FAULT_NONE when none fits. */
void faults_draw(const char *method, const char *path, struct fault *out);

/*
 * Take one call out of the bucket of class and owner (installed app or
 * device).  Adds the X-RateLimit headers; false: over the limit, 429 is
 * answered.  Always true while the setting rateLimits is off.
 */
bool limit_take(struct exchange *x, enum limit_class class, const char *owner);
/* Forget all calls that were counted for the limits. */
void limits_clear(void);

#endif
