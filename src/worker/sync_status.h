#ifndef SWITCHBOARD_WORKER_SYNC_STATUS_H
#define SWITCHBOARD_WORKER_SYNC_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "base/err.h"
#include "smartthings/device_member.h"
#include "worker/calls.h"

/*
 * Status of devices that a list left out (platform.md "Device lists"): what to read, one device
 * after the other, each once.  No I/O.  All zero at first.
 */
struct sync_status {
	json_t *devices;  /* whose status is to be read */
	size_t first;     /* index of the one that is read first */
	size_t asked;     /* so many were read, with or without success */
	size_t failed;    /* of them without */
	int in_a_row;     /* the last so many for a reason that is not the device's */
	bool stopped;     /* no more are read in this sync */
	int64_t delay_ms; /* with stopped: when it is worth to try again; -1: not before the next
			     sync */
};

/* Release the devices; an all-zero struct is fine. */
void sync_status_clear(struct sync_status *status);

/* Take the elements of a list of device_parse_page() from an index on.  False: out of memory. */
SW_MUSTCHECK bool sync_status_add(struct sync_status *status, json_t *devices, size_t from);

/* The id of the device to read next (borrowed); NULL when there are no more. */
const char *sync_status_next(const struct sync_status *status);

/*
 * Take the answer for sync_status_next().  A device whose status does not come, or cannot be read,
 * keeps what is known of it.  After a 429, a 403 or three failures of the platform in a row no more
 * are read.  SW_EAUTH and SW_ENOMEM: nothing was taken.
 */
SW_MUSTCHECK enum sw_err sync_status_take(
    struct sync_status *status, const struct call_answer *answer, struct device_notes *notes);

/* Remove from the list the devices of which no switch is left. */
void sync_status_drop_empty(json_t *devices);

#endif
