#ifndef SWITCHBOARD_WEB_USER_AGENT_H
#define SWITCHBOARD_WEB_USER_AGENT_H

#include "net/request.h"

/*
 * The usual name of the program behind a User-Agent header (RFC 9110 10.1.5).  For display only:
 * the header can be anything.
 */

/* The header of a request; NULL when there is none, or it is not UTF-8, which the database needs.
 */
const char *user_agent_of(const struct request *req);

/* "Firefox", "Chrome", ...; NULL when it is not in the table.  "agent" may be NULL. */
const char *user_agent_browser(const char *agent);

/* "Windows", "iPhone", ...; NULL as above. */
const char *user_agent_system(const char *agent);

#endif
