#ifndef SWITCHBOARD_WEB_WEBHOOK_BATCH_H
#define SWITCHBOARD_WEB_WEBHOOK_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "net/request.h"
#include "net/response.h"
#include "db/db.h"
#include "smartthings/webhook_body.h"
#include "store/event.h"

/*
 * Webhooks that are verified and wait for their commit.  Those that arrived while others were being
 * stored share one commit, so that the disk is written once for all of them.
 */
#define WEBHOOK_BATCH_MAX 32
/* A batch with this many events takes no more webhooks. */
#define WEBHOOK_BATCH_EVENTS 200

struct webhook_deferred {
	const struct request *req; /* both stay valid until the batch commit (serve.h) */
	struct response *res;
	struct webhook_body event;
	enum sw_err err;          /* set by webhook_batch_store(), like "done" */
	struct store_ingest done; /* result of the statement when SW_OK */
};

/* All zero is an empty batch. */
struct webhook_batch {
	size_t count;
	size_t events;
	struct webhook_deferred deferred[WEBHOOK_BATCH_MAX];
};

/* Must it be stored before another webhook is added? */
bool webhook_batch_is_full(const struct webhook_batch *batch);

/* Add a webhook of the type EVENT; the batch must not be full. */
void webhook_batch_add(struct webhook_batch *batch, const struct request *req,
    const struct webhook_body *event, struct response *res);

/*
 * Store all webhooks of the batch and set the result of each.  With "notify", which is for a batch
 * of one, its commit also notifies the streamer.  When they cannot be stored together (the database
 * refuses a value of one, or one waits for a lock that is held), each is stored alone, so that it
 * does not fail the others.  No statement begins later than 6 s after the first one: it blocks for
 * those and one statement timeout at most.
 */
void webhook_batch_store(struct webhook_batch *batch, struct db *db, bool notify);

#endif
