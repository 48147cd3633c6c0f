#ifndef SWITCHBOARD_WEB_COMMAND_INPUT_H
#define SWITCHBOARD_WEB_COMMAND_INPUT_H

#include <stdint.h>

#include "base/err.h"
#include "store/command.h"

/* The command of a form or of a JSON body. */

/* Said with SW_ECONFLICT of store_command_request(). */
#define COMMAND_INPUT_NEEDS_LINK \
	"This location must be linked again before its switches can be used."

/* A command for many switches: "on" or "off", SW_EINPUT for any other word and for NULL. */
SW_MUSTCHECK enum sw_err command_input_read_on_off(const char *word, enum command_kind *out);

/*
 * A whole command; "level" counts for setLevel only, -1 stands for none.  SW_EINPUT: another word
 * than "on", "off" and "setLevel", NULL too, or setLevel without a level of 0 to 100.
 */
SW_MUSTCHECK enum sw_err
command_input_read(const char *word, int64_t level, struct command_request *out);

#endif
