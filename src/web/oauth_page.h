#ifndef SWITCHBOARD_WEB_OAUTH_PAGE_H
#define SWITCHBOARD_WEB_OAUTH_PAGE_H

#include "base/err.h"
#include "formats/config.h"
#include "net/request.h"
#include "net/response.h"
#include "web/program.h"

/*
 * The pages of oauth.fcgi: each says what went wrong and what to do, with a
 * link that starts over.
 */
enum oauth_page {
	OAUTH_PAGE_STATE,      /* 400: not started in this browser, too old, or used */
	OAUTH_PAGE_DENIED,     /* 403: the person declined */
	OAUTH_PAGE_FULL,       /* 502: max_installs_exceeded */
	OAUTH_PAGE_SCOPE,      /* 502: invalid_scope */
	OAUTH_PAGE_NO_CLIENT,  /* 502: unauthorized_client, invalid_client, invalid_request */
	OAUTH_PAGE_BUSY,       /* 502: server_error, temporarily_unavailable */
	OAUTH_PAGE_REFUSED,    /* 502: the platform reports another error */
	OAUTH_PAGE_NO_CODE,    /* 400: no code, or several */
	OAUTH_PAGE_CODE,       /* 400: the platform refuses the code */
	OAUTH_PAGE_CLIENT,     /* 502: the platform refuses our client id or secret */
	OAUTH_PAGE_PLATFORM,   /* 502: its answer cannot be used */
	OAUTH_PAGE_AWAY,       /* 503: the platform cannot be reached, or is overloaded */
	OAUTH_PAGE_TIMEOUT,    /* 504: no answer in time */
	OAUTH_PAGE_NOBODY,     /* 502: the platform does not say whose location it is */
	OAUTH_PAGE_UNINVITED,  /* 403: may not sign up; uninstalled again at the platform */
	OAUTH_PAGE_INSTALLED,  /* 403: the same, but uninstalling failed */
	OAUTH_PAGE_OTHERS,     /* 403: the same, of a location that others have linked */
	OAUTH_PAGE_CHOICE,     /* 400: nothing was asked of this browser, or not any more */
	OAUTH_PAGE_NOT_STORED, /* 503: the database cannot be reached */
	OAUTH_PAGE_METHOD,     /* 405 */
	OAUTH_PAGE_NOT_FOUND,  /* 404 */
	OAUTH_PAGE_INTERNAL,   /* 500 */
	OAUTH_PAGE__MAX
};

/* Write the page; "detail" is the platform's own words, shown escaped and cut to 200 characters;
 * NULL for none. */
void oauth_page_put(
    struct response *res, const struct config *config, enum oauth_page page, const char *detail);

/* serve_main.h: the page for a request that ended with an error. */
void oauth_page_fail(const struct program *program, const struct request *req, enum sw_err err,
    struct response *res);

#endif
