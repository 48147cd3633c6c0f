#ifndef SWITCHBOARD_WEB_DASHBOARD_H
#define SWITCHBOARD_WEB_DASHBOARD_H

#include <stdbool.h>
#include <stdint.h>
#include "formats/config.h"
#include "db/db.h"
#include "base/err.h"
#include "web/page_cache.h"
#include "store/notify.h"
#include "net/request.h"
#include "net/response.h"
#include "store/session_cookie.h"

/*
 * What the page and API handlers of dashboard.fcgi share.  A handler fills
 * visit->res and returns SW_OK, or returns the error that the visitor then
 * gets as a page or as JSON, whichever they came for.
 */
struct dashboard {
	struct config config;
	struct db *db;
	struct publish publish;
	struct page_cache pages;
	int64_t calls_month;   /* API calls of this month, as last read */
	int64_t calls_read_ms; /* monotonic; 0 = never */
};

struct visit {
	struct dashboard *app;
	const struct request *req;
	struct response *res;
	/* Filled in when the route asks for a session (and for GET /, when there is one). */
	struct session session;
	bool signed_in;
	/* The form, parsed, for routes that take one. */
	struct url_query form;
	/* The path's variable segments, percent-decoded once; NULL when that is not possible. */
	const char *segments[2];
};

/*
 * Answer with an error and a message of its own: a page or JSON like the
 * standard ones.  Returns SW_OK, so that a handler can end with it.
 */
SW_MUSTCHECK enum sw_err
dashboard_refuse(struct visit *visit, enum sw_err err, const char *message);

/*
 * The device and component that the path names.  SW_ENOTFOUND when one of them cannot be an id,
 * so that nobody's is told from nonsense.
 */
SW_MUSTCHECK enum sw_err
dashboard_path_switch(const struct visit *visit, const char **device, const char **component);

/* A command was taken or a location goes: once the reply is sent, wake the streamer and the worker.
 */
void dashboard_wake(struct visit *visit, const char *installation_id);

#endif
