/*
 * Names in User-Agent headers.  Most browsers also name others (Edge says "Chrome" and "Safari"),
 * so the first match counts: the order of the tables matters.
 */
#include "web/user_agent.h"

#include <stddef.h>
#include <string.h>

#include "base/utf8.h"

struct product {
	const char *text;
	const char *name;
};

static const struct product browsers[] = {
    {"Edg/", "Edge"},
    {"EdgA/", "Edge"},
    {"EdgiOS/", "Edge"},
    {"OPR/", "Opera"},
    {"Vivaldi/", "Vivaldi"},
    {"SamsungBrowser/", "Samsung Internet"},
    {"FxiOS/", "Firefox"},
    {"Firefox/", "Firefox"},
    {"CriOS/", "Chrome"},
    {"Chrome/", "Chrome"},
    {"Safari/", "Safari"},
    {"curl/", "curl"},
    {NULL, NULL},
};

static const struct product systems[] = {
    {"iPhone", "iPhone"},
    {"iPad", "iPad"},
    {"Android", "Android"},
    {"CrOS", "ChromeOS"},
    {"Windows", "Windows"},
    {"Macintosh", "Mac"},
    {"Linux", "Linux"},
    {NULL, NULL},
};

static const char *
find(const struct product *products, const char *agent)
{
	if (agent == NULL)
		return NULL;
	while (products->text != NULL && strstr(agent, products->text) == NULL)
		products++;
	return products->name;
}

const char *
user_agent_of(const struct request *req)
{
	const char *agent = request_header(req, "HTTP_USER_AGENT", NULL);

	return agent != NULL && utf8_is_valid(agent, strlen(agent)) ? agent : NULL;
}

const char *
user_agent_browser(const char *agent)
{
	return find(browsers, agent);
}

const char *
user_agent_system(const char *agent)
{
	return find(systems, agent);
}
