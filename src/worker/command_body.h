#ifndef SWITCHBOARD_WORKER_COMMAND_BODY_H
#define SWITCHBOARD_WORKER_COMMAND_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/sbuf.h"
#include "store/command.h"

/*
 * The JSON of POST /devices/{id}/commands (platform.md "REST calls used").  No I/O.
 */

/* The request for "count" commands of one device.  SW_ENOMEM. */
SW_MUSTCHECK enum sw_err
command_put_body(struct sbuf *out, const struct store_command *commands, size_t count);

/*
 * Read the answer 200, which has a status for each command in the order of the request:
 * refused[i] is true when that of command i is FAILED.  A command without a status, or any command
 * of an answer that is not JSON, counts as accepted: if it was not, no event confirms it.
 */
void command_read_results(const char *body, size_t length, bool *refused, size_t count);

#endif
