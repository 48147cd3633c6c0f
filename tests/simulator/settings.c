/* The settings of the control API, with their defaults and limits. */
#include "state.h"

#include <string.h>

#include "text.h"

struct setting {
	const char *name;
	json_type type;  /* JSON_INTEGER, JSON_TRUE for booleans, JSON_STRING for choices */
	int64_t initial; /* of a boolean: 1 for true */
	int64_t lowest;
	int64_t highest;
	const char *choices; /* space-separated, the first is the default */
};

static const struct setting settings[] = {
    {.name = "accessTokenSeconds", .type = JSON_INTEGER, .initial = 86399, .highest = 31536000},
    {.name = "refreshTokenSeconds", .type = JSON_INTEGER, .initial = 2592000, .highest = 31536000},
    {.name = "codeSeconds", .type = JSON_INTEGER, .initial = 120, .highest = 86400},
    {.name = "tokenLength", .type = JSON_INTEGER, .initial = 36, .lowest = 36, .highest = 8000},
    {.name = "commandDelayMs", .type = JSON_INTEGER, .initial = 80, .highest = 600000},
    {.name = "rampMs", .type = JSON_INTEGER, .initial = 0, .highest = 60000},
    {.name = "pageSize", .type = JSON_INTEGER, .initial = 200, .lowest = 1, .highest = 1000},
    {.name = "installLimit", .type = JSON_INTEGER, .initial = 500, .highest = 1000000},
    {.name = "rateLimits", .type = JSON_TRUE},
    {.name = "strict", .type = JSON_TRUE, .initial = 1},
    {.name = "bareLists", .type = JSON_TRUE},
    {.name = "bareLinks", .type = JSON_TRUE},
    {.name = "omitOwner", .type = JSON_TRUE},
    {.name = "systemOwner", .type = JSON_TRUE},
    {.name = "duplicate", .type = JSON_TRUE},
    {.name = "reorder", .type = JSON_TRUE},
    {.name = "batch", .type = JSON_TRUE},
    {.name = "hold", .type = JSON_TRUE},
    {.name = "oddEvents", .type = JSON_TRUE},
    {.name = "numberTimes", .type = JSON_TRUE},
    {.name = "offlineAnswers", .type = JSON_TRUE},
    {.name = "consentError",
	.type = JSON_STRING,
	.choices = "ok max_installs_exceeded invalid_scope unauthorized_client "
		   "invalid_request temporarily_unavailable server_error something_else"},
    {.name = "clientRefused", .type = JSON_TRUE},
    {.name = "deadRefresh", .type = JSON_STRING, .choices = "ok html empty other"},
    {.name = "keyServer",
	.type = JSON_STRING,
	.choices = "ok hang error missing huge html expired other"},
};

#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

static const struct setting *
setting_find(const char *name)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	}
	return NULL;
}

int64_t
setting_number(const char *name)
{
	const json_t *value = json_object_get(state_section("settings"), name);
	const struct setting *setting = setting_find(name);

	if (json_is_integer(value))
		return json_integer_value(value);
	return setting != NULL ? setting->initial : 0;
}

bool
setting_is_on(const char *name)
{
	const json_t *value = json_object_get(state_section("settings"), name);
	const struct setting *setting = setting_find(name);

	if (json_is_boolean(value))
		return json_is_true(value);
	return setting != NULL && setting->initial != 0;
}

const char *
setting_text(const char *name)
{
	const char *value = json_text(state_section("settings"), name);

	return *value != '\0' ? value : "ok";
}

json_t *
settings_show(void)
{
	json_t *all = json_object();

	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const char *name = settings[i].name;

		if (settings[i].type == JSON_INTEGER)
			json_put(all, name, json_integer(setting_number(name)));
		else if (settings[i].type == JSON_TRUE)
			json_put(all, name, json_boolean(setting_is_on(name)));
		else
			json_put_text(all, name, setting_text(name));
	}
	return all;
}

static bool
setting_accepts(const struct setting *setting, const json_t *value)
{
	if (setting->type == JSON_INTEGER)
		return json_is_integer(value) && json_integer_value(value) >= setting->lowest &&
		       json_integer_value(value) <= setting->highest;
	if (setting->type == JSON_TRUE)
		return json_is_boolean(value);
	return json_is_string(value) && words_contain(setting->choices, json_string_value(value));
}

bool
settings_take(const json_t *wanted, const char **why)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)wanted, name, value)
	{
		const struct setting *setting = setting_find(name);

		*why = setting == NULL ? "unknown setting" : setting->name;
		if (setting == NULL || !setting_accepts(setting, value))
			return false;
	}
	json_object_update(state_section("settings"), (json_t *)wanted);
	state_changed();
	return true;
}
