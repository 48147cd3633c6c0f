#ifndef SWITCHBOARD_WEB_OAUTH_KEYS_H
#define SWITCHBOARD_WEB_OAUTH_KEYS_H

#include "base/arena.h"
#include "base/err.h"
#include "web/program.h"

/*
 * Are our SWITCHBOARD_SEAL_KEYS those that the tokens in the database are sealed with?  SW_EINPUT:
 * one of them is another key than that of the same id (one line on stderr names it): no link may be
 * stored.  Other errors of store_canary_check(): that is not known.  One round trip.
 */
SW_MUSTCHECK enum sw_err oauth_keys_check(struct program *program, struct arena *arena);

/* serve_main.h: the same before the first request. */
SW_MUSTCHECK enum sw_err oauth_keys_start(struct program *program);

#endif
