/* webhook.fcgi: POST /, the webhooks of the platform. */
#include "base/failpoint.h"
#include "net/serve.h"
#include "web/serve_main.h"
#include "web/webhook.h"

static const struct route routes[] = {
    {REQUEST_POST, "/", ACCESS_OPEN, webhook_post},
};

static void
after(struct program *program)
{
	FAILPOINT("webhook.answered");
	webhook_after(program);
}

static const struct serve_main webhook_conf = {
    .name = "webhook",
    .config_parts = CONFIG_DATABASE | CONFIG_PUBLIC | CONFIG_API | CONFIG_KEYS | CONFIG_APP,
    .statement_timeout_ms = 3000,
    .lock_timeout_ms = DB_LOCK_TIMEOUT_MS,
    .body_limit = (size_t)1 << 20,
    .recycle_after = 50000,
    .routes = {routes, sizeof(routes) / sizeof(routes[0]), .head = false},
    .fail = webhook_fail,
    .batch = WEBHOOK_BATCH_MAX,
    .commit = webhook_commit,
    .parked = SERVE_PARKED_MAX,
    .wait = webhook_wait,
    .is_ready = webhook_is_ready,
    .after = after,
};

int
main(void)
{
	struct webhook webhook = {.keys.program = &webhook.program};
	int status = serve_main(&webhook.program, &webhook_conf);

	webhook_keys_clear(&webhook.keys);
	return status;
}
