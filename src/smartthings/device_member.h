#ifndef SWITCHBOARD_SMARTTHINGS_DEVICE_MEMBER_H
#define SWITCHBOARD_SMARTTHINGS_DEVICE_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

/*
 * Members of what the platform lists, read one by one: an odd value counts as missing, is counted,
 * and costs nothing else.
 */

#define DEVICE_MEMBER_MAX 64

/* What could not be used.  All zero at first; it adds up over the pages of a list. */
struct device_notes {
	size_t left_out;                /* devices or rooms that could not be read at all */
	size_t odd;                     /* single values that count as missing */
	char member[DEVICE_MEMBER_MAX]; /* where the first of both was, for a log; "" without one */
};

/* Count an odd value. */
void device_note_odd(struct device_notes *notes, const char *member);

/* Count a device that is left out. */
void device_note_left_out(struct device_notes *notes, const char *member);

/* A member that is an id, else NULL; "" and null are not odd.  Borrowed from the object. */
const char *device_id_member(struct device_notes *notes, const json_t *object, const char *name);

/* The same for a text that is not only white space. */
const char *device_text_member(struct device_notes *notes, const json_t *object, const char *name);

/* Set a member; "value" is taken over.  False when memory ran out, now or when it was made. */
bool device_put(json_t *out, const char *name, json_t *value);

/* Set a member to a text, or to null when it is NULL. */
bool device_put_text(json_t *out, const char *name, const char *text);

/* Set a member to the instant in object's "member" in UTC with microseconds, else to null. */
bool device_put_time(struct device_notes *notes, json_t *out, const char *name,
    const json_t *object, const char *member);

#endif
