/* Checking, accepting and executing commands. */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "loop.h"
#include "state.h"
#include "text.h"
#include "world.h"

#define COMMANDS_MAX 10
#define LOG_LENGTH 5000

/* The commands of one request, accepted and not executed yet. */
struct pending {
	char *device_id;
	json_t *entries; /* of the log */
	unsigned int generation;
};

/* A dimmer on its way to a level. */
struct ramp {
	char *device_id;
	char *component;
	int level;
	int step; /* the next one */
	unsigned int generation;
	int number;
};

/* In hundredths of the level. */
static const int ramp_steps[] = {25, 57, 100};

#define RAMP_STEPS ((int)(sizeof(ramp_steps) / sizeof(ramp_steps[0])))

static json_t *log_entries;
static json_t *ramps; /* device and component to the number of its latest ramp, which goes on */
static unsigned int generation; /* a reset raises it: older commands are dropped */

static const char *
component_of(const json_t *command)
{
	return json_text_or(command, "component", "main");
}

static bool
level_is_good(const json_t *arguments)
{
	const json_t *level = json_array_get(arguments, 0);

	return json_is_integer(level) && json_integer_value(level) >= 0 &&
	       json_integer_value(level) <= 100 && json_array_size(arguments) <= 2;
}

static bool
command_check(const json_t *device, const json_t *command, const char **why)
{
	const char *capability = json_text(command, "capability");
	const char *name = json_text(command, "command");
	const json_t *arguments = json_object_get(command, "arguments");

	*why = "commands must be objects with text members and an array of arguments";
	if (!json_is_object(command) || (arguments != NULL && !json_is_array(arguments)))
		return false;
	*why = "the device has no such component or capability";
	if (!world_has_capability(device, component_of(command), capability))
		return false;
	*why = "the capability has no such command, or its arguments are wrong";
	if (strcmp(capability, "switch") == 0)
		return (strcmp(name, "on") == 0 || strcmp(name, "off") == 0) &&
		       json_array_size(arguments) == 0;
	return strcmp(capability, "switchLevel") == 0 && strcmp(name, "setLevel") == 0 &&
	       level_is_good(arguments);
}

bool
commands_check(const json_t *device, const json_t *body, const char **why)
{
	const json_t *commands = json_object_get(body, "commands");
	size_t i;
	json_t *command;

	*why = "commands must be an array of 1 to 10 commands";
	if (!json_is_array(commands) || json_array_size(commands) == 0 ||
	    json_array_size(commands) > COMMANDS_MAX)
		return false;
	json_array_foreach((json_t *)commands, i, command)
	{
		if (!command_check(device, command, why))
			return false;
	}
	return true;
}

static json_t *
entry_new(const json_t *device, const json_t *command, const char *installed_app_id)
{
	json_t *entry = json_object();
	char *id = uuid_random();
	json_t *arguments = json_object_get(command, "arguments");

	json_put_text(entry, "id", id);
	json_put_now(entry, "at");
	json_put(entry, "installedAppId", json_new_text(installed_app_id));
	json_put_text(entry, "deviceId", json_text(device, "deviceId"));
	json_put_text(entry, "component", component_of(command));
	json_put_text(entry, "capability", json_text(command, "capability"));
	json_put_text(entry, "command", json_text(command, "command"));
	json_put(entry, "arguments", arguments != NULL ? json_incref(arguments) : json_array());
	json_put(entry, "executedAt", json_null());
	json_put(entry, "droppedAt", json_null());
	free(id);
	return entry;
}

static int
ramp_latest(const char *device_id, const char *component)
{
	return (int)json_integer_value(
	    json_object_get(json_object_get(ramps, device_id), component));
}

static void
ramp_put_latest(const char *device_id, const char *component, int number)
{
	if (ramps == NULL)
		ramps = json_object();
	if (json_object_get(ramps, device_id) == NULL)
		json_put(ramps, device_id, json_object());
	json_put(json_object_get(ramps, device_id), component, json_integer(number));
}

static void
ramp_step(void *context)
{
	struct ramp *ramp = context;
	json_t *device = world_device(ramp->device_id);

	if (device != NULL && ramp->generation == generation &&
	    ramp->number == ramp_latest(ramp->device_id, ramp->component)) {
		events_begin();
		world_level(device, ramp->component, ramp->level * ramp_steps[ramp->step++] / 100);
		events_end();
		if (ramp->step < RAMP_STEPS) {
			loop_after(setting_number("rampMs"), ramp_step, ramp);
			return;
		}
	}
	free(ramp->component);
	free(ramp->device_id);
	free(ramp);
}

static void
ramp_start(json_t *device, const char *component, int level)
{
	struct ramp *ramp = memory_get(sizeof(*ramp));

	ramp->device_id = text_copy(json_text(device, "deviceId"));
	ramp->component = text_copy(component);
	ramp->level = level;
	ramp->step = 0;
	ramp->generation = generation;
	ramp->number = ramp_latest(ramp->device_id, component) + 1;
	ramp_put_latest(ramp->device_id, component, ramp->number);
	world_switch(device, component, true);
	loop_after(setting_number("rampMs"), ramp_step, ramp);
}

static void
command_execute(json_t *device, json_t *entry)
{
	const char *component = json_text(entry, "component");
	const char *command = json_text(entry, "command");
	int level = (int)json_integer_value(json_array_get(json_object_get(entry, "arguments"), 0));

	json_put_now(entry, "executedAt");
	if (strcmp(command, "setLevel") == 0 && level > 0 && setting_number("rampMs") > 0)
		ramp_start(device, component, level);
	else if (strcmp(command, "setLevel") == 0)
		world_level(device, component, level);
	else
		world_switch(device, component, strcmp(command, "on") == 0);
}

/* The device may have been removed or gone offline since the commands were accepted. */
static void
execute_all(void *context)
{
	struct pending *pending = context;
	json_t *device = world_device(pending->device_id);
	const json_t *health = json_object_get(device, "healthState");
	size_t i;
	json_t *entry;

	if (device != NULL && pending->generation == generation &&
	    (strcmp(json_text(health, "state"), "OFFLINE") != 0 ||
		setting_is_on("offlineAnswers"))) {
		events_begin();
		json_array_foreach(pending->entries, i, entry) command_execute(device, entry);
		events_end();
	} else {
		json_array_foreach(pending->entries, i, entry) json_put_now(entry, "droppedAt");
	}
	json_decref(pending->entries);
	free(pending->device_id);
	free(pending);
}

json_t *
commands_accept(const json_t *device, const json_t *body, const char *installed_app_id)
{
	struct pending *pending = memory_get(sizeof(*pending));
	json_t *results = json_array();
	size_t i;
	json_t *command;

	pending->device_id = text_copy(json_text(device, "deviceId"));
	pending->entries = json_array();
	pending->generation = generation;
	if (log_entries == NULL)
		log_entries = json_array();
	json_array_foreach(json_object_get(body, "commands"), i, command)
	{
		json_t *entry = entry_new(device, command, installed_app_id);

		json_log_append(log_entries, entry, LOG_LENGTH);
		json_array_append_new(results,
		    json_pack("{s:s, s:s}", "id", json_text(entry, "id"), "status", "ACCEPTED"));
		json_array_append_new(pending->entries, entry);
	}
	loop_after(setting_number("commandDelayMs"), execute_all, pending);
	return json_pack("{s:o}", "results", results);
}

json_t *
commands_show(void)
{
	if (log_entries == NULL)
		log_entries = json_array();
	return json_pack(
	    "{s:i, s:O}", "total", (int)json_array_size(log_entries), "commands", log_entries);
}

void
commands_reset(void)
{
	json_decref(log_entries);
	log_entries = NULL;
	generation++;
}
