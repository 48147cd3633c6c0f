/* Subscriptions of an installed app. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "routes.h"
#include "state.h"
#include "world.h"

#define SUBSCRIPTIONS_MAX 40

struct source {
	const char *name;
	const char *member; /* the member that holds the details of that source */
	const char *scope;  /* what the token must have */
};

static const struct source sources[] = {
    {"DEVICE", "device", "r:devices:*"},
    {"CAPABILITY", "capability", "r:devices:*"},
    {"MODE", "mode", "r:locations:*"},
    {"DEVICE_LIFECYCLE", "deviceLifecycle", "r:devices:*"},
    {"DEVICE_HEALTH", "deviceHealth", "r:devices:*"},
    {"HUB_HEALTH", "hubHealth", "r:hubs:*"},
    {"SCENE_LIFECYCLE", "sceneLifecycle", "r:scenes:*"},
    {"SECURITY_ARM_STATE", "securityArmState", "r:locations:*"},
};

static const struct source *
source_find(const char *name)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (strcmp(sources[i].name, name) == 0)
			return &sources[i];
	}
	return NULL;
}

/* Two subscriptions are the same when their details are equal, names aside. */
static bool
is_duplicate(const json_t *one, const json_t *other, const char *member)
{
	json_t *left = json_copy(json_object_get(one, member));
	json_t *right = json_copy(json_object_get(other, member));
	bool same;

	json_object_del(left, "subscriptionName");
	json_object_del(right, "subscriptionName");
	same = strcmp(json_text(one, "sourceType"), json_text(other, "sourceType")) == 0 &&
	       json_equal(left, right);
	json_decref(left);
	json_decref(right);
	return same;
}

static void
put_default(json_t *detail, const char *name, json_t *value)
{
	if (json_object_get(detail, name) == NULL)
		json_put(detail, name, value);
	else
		json_decref(value);
}

/* A new subscription from the body, defaults filled in. */
static json_t *
subscription_new(const struct exchange *x, const struct source *source)
{
	json_t *subscription = json_object();
	json_t *detail = json_deep_copy(json_object_get(x->json, source->member));
	char *id = uuid_random();

	if (strcmp(source->name, "DEVICE") == 0 || strcmp(source->name, "CAPABILITY") == 0) {
		put_default(detail, "attribute", json_string("*"));
		put_default(detail, "value", json_string("*"));
		put_default(detail, "stateChangeOnly", json_true());
		if (strcmp(source->name, "DEVICE") == 0)
			put_default(detail, "componentId", json_string("main"));
	}
	put_default(detail, "subscriptionName", json_string(id));
	json_put_text(subscription, "id", id);
	json_put_text(subscription, "installedAppId", x->ids[0]);
	json_put_text(subscription, "sourceType", source->name);
	json_put(subscription, source->member, detail);
	free(id);
	return subscription;
}

/* Whether the subscription names a device or the location of the installed app.  false: answered.
 */
static bool
detail_is_good(struct exchange *x, const struct source *source, const json_t *installed)
{
	const json_t *detail = json_object_get(x->json, source->member);
	const char *location = json_text(installed, "locationId");

	if (!json_is_object(detail)) {
		answer_error(x, 422, "the member %s is missing", source->member);
		return false;
	}
	if (strcmp(source->name, "DEVICE") == 0) {
		const json_t *device = world_device(json_text(detail, "deviceId"));

		if (strcmp(json_text(device, "locationId"), location) == 0)
			return true;
	} else if (strcmp(json_text(detail, "locationId"), location) == 0) {
		if (strcmp(source->name, "CAPABILITY") != 0 ||
		    *json_text(detail, "capability") != '\0')
			return true;
	}
	answer_error(x, 422, "the subscription does not name a thing of this location");
	return false;
}

static void
subscription_add(struct exchange *x, const struct source *source, json_t *installed)
{
	json_t *list = json_object_get(installed, "subscriptions");
	json_t *made = subscription_new(x, source);
	size_t i;
	json_t *other;

	json_array_foreach(list, i, other)
	{
		if (is_duplicate(made, other, source->member)) {
			json_decref(made);
			answer_error(x, 409, "the subscription exists already");
			return;
		}
	}
	json_array_append(list, made);
	state_changed();
	answer_json(x, 200, made);
}

static void
subscription_create(struct exchange *x)
{
	json_t *installed = installed_app_or_answer(x);
	const struct source *source = source_find(json_text(x->json, "sourceType"));

	if (installed == NULL)
		return;
	if (source == NULL) {
		answer_error(x, 422, "sourceType is missing or unknown");
		return;
	}
	if (!route_scope_or_answer(x, source->scope) || !detail_is_good(x, source, installed))
		return;
	if (json_array_size(json_object_get(installed, "subscriptions")) >= SUBSCRIPTIONS_MAX)
		answer_error(
		    x, 422, "an installed app may have %d subscriptions", SUBSCRIPTIONS_MAX);
	else
		subscription_add(x, source, installed);
}

static void
subscriptions_list(struct exchange *x)
{
	const json_t *installed = installed_app_or_answer(x);

	if (installed != NULL)
		answer_list(x, json_copy(json_object_get(installed, "subscriptions")));
}

static size_t
subscription_index(const json_t *list, const char *id)
{
	size_t i;
	json_t *subscription;

	json_array_foreach((json_t *)list, i, subscription)
	{
		if (strcmp(json_text(subscription, "id"), id) == 0)
			return i;
	}
	return SIZE_MAX;
}

static void
subscription_show(struct exchange *x)
{
	const json_t *list = json_object_get(installed_app_or_answer(x), "subscriptions");
	size_t index;

	if (list == NULL)
		return;
	index = subscription_index(list, x->ids[1]);
	if (index == SIZE_MAX)
		answer_error(x, 404, "no such subscription");
	else
		answer_json(x, 200, json_incref(json_array_get(list, index)));
}

static void
subscription_delete(struct exchange *x)
{
	json_t *list = json_object_get(installed_app_or_answer(x), "subscriptions");
	size_t index;

	if (list == NULL)
		return;
	index = subscription_index(list, x->ids[1]);
	if (index == SIZE_MAX) {
		answer_error(x, 404, "no such subscription");
		return;
	}
	json_array_remove(list, index);
	state_changed();
	answer_json(x, 200, json_pack("{s:i}", "count", 1));
}

static void
subscriptions_delete_all(struct exchange *x)
{
	json_t *list = json_object_get(installed_app_or_answer(x), "subscriptions");
	int count = (int)json_array_size(list);

	if (list == NULL)
		return;
	json_array_clear(list);
	state_changed();
	answer_json(x, 200, json_pack("{s:i}", "count", count));
}

#define ALL "/installedapps/{id}/subscriptions"
#define ONE "/installedapps/{id}/subscriptions/{id}"

const struct route subscription_routes[] = {
    {"GET", ALL, subscriptions_list, ROUTE_API, "", LIMIT_SUBSCRIPTION_OTHER},
    {"POST", ALL, subscription_create, ROUTE_API, "", LIMIT_SUBSCRIPTION_CREATE},
    {"DELETE", ALL, subscriptions_delete_all, ROUTE_API, "", LIMIT_SUBSCRIPTION_OTHER},
    {"GET", ONE, subscription_show, ROUTE_API, "", LIMIT_SUBSCRIPTION_OTHER},
    {"DELETE", ONE, subscription_delete, ROUTE_API, "", LIMIT_SUBSCRIPTION_OTHER},
    {0},
};
