/* Faults that tests ask for, and the platform's published rate limits. */
#include "faults.h"

#include <stdlib.h>
#include <string.h>

#include "state.h"
#include "text.h"

struct planned_fault {
	struct planned_fault *next;
	char *method; /* NULL: any */
	char *path;   /* with "*" a glob, else a part of the path; NULL: any */
	json_int_t count;
	struct fault fault;
};

static struct planned_fault *planned_faults; /* oldest first */

static const char *const action_names[] = {
    [FAULT_STATUS] = "status",
    [FAULT_HANG] = "hang",
    [FAULT_SLOW] = "slow",
    [FAULT_CUT] = "cut",
};

static enum fault_action
action_find(const char *name)
{
	for (int i = FAULT_STATUS; i <= FAULT_CUT; i++) {
		if (strcmp(name, action_names[i]) == 0)
			return (enum fault_action)i;
	}
	return FAULT_NONE;
}

static json_int_t
number_or(const json_t *object, const char *name, json_int_t otherwise)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static char *
text_or_null(const json_t *object, const char *name)
{
	const char *value = json_text(object, name);

	return *value != '\0' ? text_copy(value) : NULL;
}

bool
faults_add(const json_t *wanted, const char **why)
{
	struct fault fault = {
	    .action = action_find(json_text(wanted, "action")),
	    .status = (int)number_or(wanted, "status", 500),
	    .retry_after = (int)number_or(wanted, "retryAfter", -1),
	    .delay_ms = number_or(wanted, "delayMs", -1),
	    .after_effect = json_is_true(json_object_get(wanted, "afterEffect")),
	};
	json_int_t count = number_or(wanted, "count", 1);
	struct planned_fault **end = &planned_faults;
	struct planned_fault *planned;

	*why = "action must be status, hang, slow or cut";
	if (fault.action == FAULT_NONE)
		return false;
	if (fault.delay_ms == -1)
		fault.delay_ms = fault.action == FAULT_SLOW ? 1000 : 0;
	*why = "status, count or delayMs out of range";
	if (fault.status < 200 || fault.status > 599 || count < 1 || fault.delay_ms < 0)
		return false;
	planned = memory_get(sizeof(*planned));
	planned->method = text_or_null(wanted, "method");
	planned->path = text_or_null(wanted, "path");
	planned->count = count;
	planned->fault = fault;
	while (*end != NULL)
		end = &(*end)->next;
	*end = planned;
	return true;
}

static void
planned_fault_free(struct planned_fault *planned)
{
	free(planned->method);
	free(planned->path);
	free(planned);
}

void
faults_clear(void)
{
	while (planned_faults != NULL) {
		struct planned_fault *planned = planned_faults;

		planned_faults = planned->next;
		planned_fault_free(planned);
	}
}

json_t *
faults_show(void)
{
	json_t *list = json_array();

	for (const struct planned_fault *planned = planned_faults; planned != NULL;
	     planned = planned->next) {
		json_t *item = json_object();

		json_put(item, "method", json_new_text(planned->method));
		json_put(item, "path", json_new_text(planned->path));
		json_put_text(item, "action", action_names[planned->fault.action]);
		json_put(item, "left", json_integer(planned->count));
		json_array_append_new(list, item);
	}
	return list;
}

static bool
planned_fault_matches(const struct planned_fault *planned, const char *method, const char *path)
{
	if (planned->method != NULL && strcmp(planned->method, method) != 0)
		return false;
	if (planned->path == NULL)
		return true;
	if (strchr(planned->path, '*') != NULL)
		return glob_matches(planned->path, path);
	return strstr(path, planned->path) != NULL;
}

void
faults_draw(const char *method, const char *path, struct fault *out)
{
	for (struct planned_fault **place = &planned_faults; *place != NULL;
	     place = &(*place)->next) {
		struct planned_fault *planned = *place;

		if (!planned_fault_matches(planned, method, path))
			continue;
		*out = planned->fault;
		if (--planned->count == 0) {
			*place = planned->next;
			planned_fault_free(planned);
		}
		return;
	}
}

struct limit {
	const char *name;
	int calls;
	int64_t window_ms;
};

static const struct limit limits[] = {
    [LIMIT_NONE] = {"none", 0, 0},
    [LIMIT_SUBSCRIPTION_CREATE] = {"subscription-create", 40, 900000},
    [LIMIT_SUBSCRIPTION_OTHER] = {"subscription-other", 15, 900000},
    [LIMIT_ROOMS] = {"rooms", 50, 3600000},
    [LIMIT_INSTALLED_APPS] = {"installed-apps", 60, 60000},
    [LIMIT_LOCATIONS] = {"locations", 100, 60000},
    [LIMIT_DEVICE] = {"device", 12, 60000},
};

_Static_assert(sizeof(limits) / sizeof(limits[0]) == LIMIT__MAX, "a limit for each class");

static json_t *buckets; /* "class owner" -> {"startedAt", "used"}; not worth saving */

void
limits_clear(void)
{
	json_decref(buckets);
	buckets = NULL;
}

static json_t *
bucket_of(const struct limit *limit, const char *owner, int64_t now)
{
	char *name = text_format("%s %s", limit->name, owner);
	json_t *bucket;

	if (buckets == NULL)
		buckets = json_object();
	bucket = json_object_get(buckets, name);
	if (bucket == NULL || number_or(bucket, "startedAt", 0) + limit->window_ms <= now) {
		bucket = json_object();
		json_put(bucket, "startedAt", json_integer(now));
		json_put(bucket, "used", json_integer(0));
		json_put(buckets, name, bucket);
	}
	free(name);
	return bucket;
}

static void
header_number(struct exchange *x, const char *name, int64_t number)
{
	char *text = text_format("%lld", (long long)number);

	answer_header(x, name, text);
	free(text);
}

bool
limit_take(struct exchange *x, enum limit_class class, const char *owner)
{
	const struct limit *limit = &limits[class];
	int64_t now = time_monotonic_ms();
	json_int_t used;
	int64_t reset;
	json_t *bucket;

	if (class == LIMIT_NONE || !setting_is_on("rateLimits"))
		return true;
	bucket = bucket_of(limit, owner, now);
	used = number_or(bucket, "used", 0) + 1;
	reset = number_or(bucket, "startedAt", now) + limit->window_ms - now;
	header_number(x, "X-RateLimit-Limit", limit->calls);
	header_number(x, "X-RateLimit-Remaining", used < limit->calls ? limit->calls - used : 0);
	header_number(x, "X-RateLimit-Reset", reset);
	if (used <= limit->calls) {
		json_put(bucket, "used", json_integer(used));
		return true;
	}
	answer_error(x, 429, "too many requests, retry in %lld millis", (long long)reset);
	header_number(x, "Retry-After", (reset + 999) / 1000);
	return false;
}
