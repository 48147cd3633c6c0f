#ifndef SIMULATOR_COMMANDS_H
#define SIMULATOR_COMMANDS_H

#include <stdbool.h>
#include <jansson.h>

/*
 * Commands to devices.  commands_check: is this body of POST
 * /devices/{id}/commands good for the device?  false and *why (static text).
 * commands_accept: takes a checked body; the device executes it after the
 * setting commandDelayMs; answers {"results":[…]}, the caller's.  "installed_app_id"
 * is for the log.
 */
bool commands_check(const json_t *device, const json_t *body, const char **why);
json_t *commands_accept(const json_t *device, const json_t *body, const char *installed_app_id);
/* Every accepted command, oldest first; the caller's. */
json_t *commands_show(void);
/* Forget the log; what was accepted is dropped. */
void commands_reset(void);

#endif
