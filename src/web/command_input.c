/* Which commands there are, for forms and for JSON. */
#include "web/command_input.h"

#include <string.h>

static enum sw_err
read_kind(const char *word, enum command_kind *out)
{
	for (int kind = 0; word != NULL && kind < COMMAND_KIND__MAX; kind++) {
		if (strcmp(word, command_kind_text((enum command_kind)kind)) == 0) {
			*out = (enum command_kind)kind;
			return SW_OK;
		}
	}
	return SW_EINPUT;
}

enum sw_err
command_input_read_on_off(const char *word, enum command_kind *out)
{
	enum sw_err err = read_kind(word, out);

	return err == SW_OK && *out == COMMAND_SET_LEVEL ? SW_EINPUT : err;
}

enum sw_err
command_input_read(const char *word, int64_t level, struct command_request *out)
{
	enum sw_err err;

	*out = (struct command_request){0};
	err = read_kind(word, &out->kind);
	if (err != SW_OK || out->kind != COMMAND_SET_LEVEL)
		return err;
	if (level < 0 || level > 100)
		return SW_EINPUT;
	out->level = (int)level;
	return SW_OK;
}
