#ifndef SWITCHBOARD_WEB_API_H
#define SWITCHBOARD_WEB_API_H

#include "web/request_context.h"

/*
 * The JSON API (design.md "HTTP surface").  Sessions and CSRF tokens are checked before these run;
 * errors they return become {"error":{"code","message"}}.  All answer 503 when the database cannot
 * be reached.
 */

/* GET /api/switches: 200. */
SW_MUSTCHECK enum sw_err api_list_switches(struct request_context *context);

/*
 * POST /api/switches/{deviceId}/{component}: 202 {"commandId"}.  415 not JSON; 400 not one of the
 * commands, or a level for a switch that has none; 404 not theirs; 409 the location must be linked
 * again first.
 */
SW_MUSTCHECK enum sw_err api_post_switch(struct request_context *context);

/*
 * POST /api/switches: 202 {"commandIds"}, empty when every switch is in that state already.  415,
 * 400 as above; 404 no such room or location of theirs.
 */
SW_MUSTCHECK enum sw_err api_post_many(struct request_context *context);

/*
 * GET /api/history?deviceId&component&hours: 200, oldest first.  400 without deviceId, or hours
 * not 1 to 168; 404 not theirs.
 */
SW_MUSTCHECK enum sw_err api_history(struct request_context *context);

/*
 * GET /healthz: 200, or 503 when the database does not answer or the partitions of event are late.
 * "status" is "degraded", with 200, without a worker, without a seal key that tokens need
 * ("sealKeys"), and while the platform refuses every refresh ("client", "hint").  Always SW_OK.
 */
SW_MUSTCHECK enum sw_err api_healthz(struct request_context *context);

/* GET /metrics: 200, Prometheus text format 0.0.4.  nginx answers it to requests from this host
 * only. */
SW_MUSTCHECK enum sw_err api_metrics(struct request_context *context);

#endif
