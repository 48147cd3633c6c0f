#ifndef SWITCHBOARD_WEB_USER_AGENT_H
#define SWITCHBOARD_WEB_USER_AGENT_H

/*
 * What a person calls the program behind a User-Agent header (RFC 9110 10.1.5).  A guess for
 * orientation, never for a decision: everybody can send what they like.
 */

/* "Firefox", "Chrome", ...; NULL when it is none of those known here.  "agent" may be NULL. */
const char *user_agent_browser(const char *agent);

/* "Windows", "iPhone", ...; NULL as above. */
const char *user_agent_system(const char *agent);

#endif
