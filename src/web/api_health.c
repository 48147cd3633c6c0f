/* GET /healthz for supervisors and load balancers, GET /metrics for Prometheus. */
#include "web/api.h"

#include <string.h>

#include "store/health.h"

/* They are made 14 days ahead: fewer days of partitions mean that nobody could for long. */
#define EVENT_DAYS_LEAST 2

static const char client_hint[] = "SmartThings refuses the refresh of every location: check "
				  "SWITCHBOARD_CLIENT_ID and SWITCHBOARD_CLIENT_SECRET.";

enum sw_err
api_healthz(struct request_context *context)
{
	struct health health;
	enum sw_err err = store_health(context->program->db, &health);
	bool unreachable = err == SW_EUNAVAILABLE || err == SW_ETIMEOUT;
	bool working = err == SW_OK && health.workers > 0;
	bool late = err == SW_OK && health.event_days_ahead < EVENT_DAYS_LEAST;
	bool missing = err == SW_OK && health.workers_lacking_key > 0;
	bool refused = err == SW_OK && health.client_refused;
	bool well = err == SW_OK && !late;

	response_put_json(context->res, well ? 200 : 503,
	    json_pack("{s:s,s:s,s:o,s:s,s:s,s:s*,s:s*,s:s*}", "status",
		working && well && !missing && !refused ? "ok" : "degraded", "database",
		unreachable ? "away" : "ok", "schema",
		err == SW_OK ? json_integer(health.schema) : json_null(), "worker",
		working ? "ok" : "none", "partitions", late ? "late" : "ok", "sealKeys",
		missing ? "missing" : NULL, "client", refused ? "refused" : NULL, "hint",
		refused ? client_hint : NULL));
	if (!well)
		response_add_header(context->res, "Retry-After", "5");
	return SW_OK;
}

/* Help texts of the database's figures, and the label that its rows differ in. */
static const struct description {
	const char *name;
	const char *label;
	const char *help;
} descriptions[] = {
    {"installations", "status", "Linked locations by status."},
    {"sessions", NULL, "Signed-in browsers."},
    {"switches", NULL, "Switches shown, one per component."},
    {"commands_open", NULL, "Commands without a result yet."},
    {"commands_failed_1h", NULL, "Commands that failed in the last hour."},
    {"jobs", "kind", "Work of the queue that is due, by kind."},
    {"tokens_failing", NULL, "Tokens whose last refresh failed."},
    {"api_calls_month", NULL, "Calls to the platform since the month began (UTC)."},
    {"workers", NULL, "Workers seen in the last 30 seconds."},
    {"workers_lacking_key", NULL, "Of these, workers without a seal key that tokens need."},
};

static const struct description *
describe(const char *name)
{
	static const struct description other = {"", "label", "A figure of the database."};

	for (size_t i = 0; i < sizeof(descriptions) / sizeof(descriptions[0]); i++) {
		if (strcmp(descriptions[i].name, name) == 0)
			return &descriptions[i];
	}
	return &other;
}

/* A label's value: backslash, quote and newline escaped (exposition format 0.0.4). */
static void
put_label_value(struct sbuf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n') {
			sbuf_put_text(out, "\\n");
			continue;
		}
		if (*text == '\\' || *text == '"')
			sbuf_put_char(out, '\\');
		sbuf_put_char(out, *text);
	}
}

static void
put_head(struct sbuf *out, const char *name, const char *help)
{
	sbuf_printf(
	    out, "# HELP switchboard_%s %s\n# TYPE switchboard_%s gauge\n", name, help, name);
}

static void
put_metric(struct sbuf *out, const struct metric *metric, bool first)
{
	const struct description *description = describe(metric->name);

	if (first)
		put_head(out, metric->name, description->help);
	sbuf_printf(out, "switchboard_%s", metric->name);
	if (metric->label[0] != '\0') {
		sbuf_printf(
		    out, "{%s=\"", description->label != NULL ? description->label : "label");
		put_label_value(out, metric->label);
		sbuf_put_text(out, "\"}");
	}
	sbuf_printf(out, " %s\n", metric->value);
}

enum sw_err
api_metrics(struct request_context *context)
{
	struct sbuf *out = &context->res->body;
	struct metric_list list;
	enum sw_err err = store_metrics(context->program->db, context->req->arena, &list);

	response_add_header(
	    context->res, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	response_add_header(context->res, "Cache-Control", "no-store");
	put_head(out, "up", "1 when the database answers.");
	sbuf_printf(out, "switchboard_up %d\n", err == SW_OK);
	put_head(out, "call_budget", "Calls to the platform allowed in a month, 0 = no limit.");
	sbuf_put_text(out, "switchboard_call_budget ");
	sbuf_put_int(out, context->program->config.call_budget);
	sbuf_put_char(out, '\n');
	for (size_t i = 0; err == SW_OK && i < list.count; i++)
		put_metric(out, &list.metrics[i],
		    i == 0 || strcmp(list.metrics[i].name, list.metrics[i - 1].name) != 0);
	return SW_OK;
}
