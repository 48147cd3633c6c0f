#ifndef SWITCHBOARD_WEB_WEBHOOK_BATCH_H
#define SWITCHBOARD_WEB_WEBHOOK_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "formats/url.h"
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
/* Installations whose locked rows are remembered. */
#define WEBHOOK_LOCKED_MAX 16
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
	/* Of batches before: installations whose rows were locked, "" where there is none. */
	char locked[WEBHOOK_LOCKED_MAX][URL_ID_MAX + 1];
	size_t next_locked; /* the place that is used next */
};

/* Must it be stored before another webhook is added? */
bool webhook_batch_is_full(const struct webhook_batch *batch);

/* Add a webhook of the type EVENT; the batch must not be full. */
void webhook_batch_add(struct webhook_batch *batch, const struct request *req,
    const struct webhook_body *event, struct response *res);

/* Ready for the next ones; what is known of locked rows stays. */
void webhook_batch_clear(struct webhook_batch *batch);

/*
 * Store all webhooks of the batch and set the result of each; their order may change.  With
 * "notify", which is for a batch of one, its commit also notifies the streamer.
 *
 * Those whose installation's row is locked get SW_ELOCKED, nothing of them was stored, and the
 * others are stored without them.  The lock costs the others one lock_timeout in the first batch
 * that meets it, and one round trip in those after it.
 *
 * When they cannot be stored together for another reason (the database refuses a value of one, or
 * another row is locked), each is stored alone, so that it does not fail the others.  No statement
 * begins later than 6 s after the first one: it blocks for those and one statement timeout at most.
 */
void webhook_batch_store(struct webhook_batch *batch, struct db *db, bool notify);

#endif
