#ifndef SWITCHBOARD_WEB_WEBHOOK_BATCH_H
#define SWITCHBOARD_WEB_WEBHOOK_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include "db/db.h"
#include "base/err.h"
#include "smartthings/webhook_body.h"
#include "net/request.h"
#include "net/response.h"
#include "store/event.h"

/*
 * Webhooks that are checked and wait for their commit.  Those that came while another was being
 * stored share one: the disk and the database work once for all of them.
 */
#define WEBHOOK_BATCH_MAX 32
/* A webhook that carries many events is no longer joined by others. */
#define WEBHOOK_BATCH_EVENTS 200

struct webhook_waiting {
	const struct request *req; /* both are kept by serve.h until the answer is there */
	struct response *res;
	struct webhook_body event;
	enum sw_err err;          /* from here on webhook_batch_store()'s */
	struct store_ingest done; /* when SW_OK: what came of it */
};

/* All zero is an empty one. */
struct webhook_batch {
	size_t count;
	size_t events;
	struct webhook_waiting waiting[WEBHOOK_BATCH_MAX];
};

/* May nothing be added before it is stored? */
bool webhook_batch_is_full(const struct webhook_batch *batch);

/* Add one, of the type EVENT; it must not be full. */
void webhook_batch_add(struct webhook_batch *batch, const struct request *req,
    const struct webhook_body *event, struct response *res);

/*
 * Store all that wait, and say of each what became of it.  With "tell", which is for one that is
 * alone, its page is woken by the same commit.  When they cannot be stored together
 * (one holds what the database refuses, or waits for a lock that somebody keeps), each is tried
 * alone, so that it spoils no other.  Begins nothing later than six seconds
 * after the first try, so it blocks for those and one statement's time limit at most.
 */
void webhook_batch_store(struct webhook_batch *batch, struct db *db, bool tell);

#endif
