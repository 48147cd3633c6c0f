/* CONFIRMATION requests to the targets of apps. */
#include "confirmation.h"

#include <stdlib.h>
#include <string.h>

#include "delivery.h"
#include "http.h"
#include "loop.h"
#include "state.h"
#include "text.h"

#define RETRY_MS 2000

static uint64_t timer; /* one for all apps */

static void
send_one(const json_t *app)
{
	const char *app_id = json_text(app, "appId");
	char *url = text_format("%s/v1/apps/%s/confirm-registration?token=%s", http_base(), app_id,
	    json_text(app, "confirmationToken"));
	json_t *body = json_pack("{s:s, s:{s:s, s:s}}", "messageType", "CONFIRMATION",
	    "confirmationData", "appId", app_id, "confirmationUrl", url);
	char *text = json_dumps(body, JSON_COMPACT);

	if (text == NULL)
		die("out of memory (confirmation)");
	delivery_post(app_id, "CONFIRMATION", text);
	free(text);
	json_decref(body);
	free(url);
}

static void
send_all(void *unused)
{
	bool waiting = false;
	const char *id;
	json_t *app;

	(void)unused;
	timer = 0;
	json_object_foreach(state_section("apps"), id, app)
	{
		if (strcmp(json_text(app, "targetStatus"), "CONFIRMED") == 0)
			continue;
		if (!delivery_is_posting(id, "CONFIRMATION"))
			send_one(app);
		waiting = true;
	}
	if (waiting)
		timer = loop_after(RETRY_MS, send_all, NULL);
}

void
confirmation_ask(void)
{
	loop_cancel(timer);
	timer = loop_after(0, send_all, NULL);
}
