#ifndef SWITCHBOARD_WEB_WEBHOOK_H
#define SWITCHBOARD_WEB_WEBHOOK_H

#include "base/err.h"
#include "web/request_context.h"
#include "web/webhook_batch.h"
#include "web/webhook_key.h"

/* What webhook.fcgi holds for the life of its process. */
struct webhook {
	struct program program; /* first: serve_main.h and the handler share its address */
	struct webhook_keys keys;
	struct webhook_batch batch;
	int64_t partitions_at_ms; /* monotonic: when to look for missing partitions again */
};

/*
 * POST /: 200 once its events are stored, and for duplicates, unknown types, events that are stored
 * without being understood (each with a line in the log: index and member) and unknown
 * installations; 400 signed but not JSON, or no webhook at all, or a confirmation URL that is not
 * the platform's; 401 not signed by the platform; 413, 415; 503 with Retry-After when database or
 * key server cannot be reached, or somebody else has the installation's row locked for 4 s: nothing
 * was stored.  Never sets a cookie.
 */
SW_MUSTCHECK enum sw_err webhook_post(struct request_context *context);

/* serve_main.h: an error as JSON. */
void webhook_fail(const struct program *program, const struct request *req, enum sw_err err,
    struct response *res);

/*
 * serve_main.h: once an hour, after a reply was sent, make the partitions of event that are
 * missing, so that they are there without a worker too.  Blocks for little more than 100 ms.
 */
void webhook_after(struct program *program);

/* serve_main.h: store the webhooks whose replies are deferred, and fill in the replies. */
void webhook_commit(struct program *program);

/* serve_main.h: go on with the fetches of signing keys that parked webhooks wait for. */
bool webhook_wait(struct program *program, int fd, int timeout_ms);

/* serve_main.h: is the fetch that a parked webhook waits for over? */
bool webhook_is_ready(struct program *program, const void *awaited);

#endif
