/*
 * Names in User-Agent headers.  Nearly every browser names some others too, so
 * the first match counts and the order of the tables is the whole secret.
 */
#include "web/user_agent.h"

#include <stddef.h>
#include <string.h>

struct mark {
	const char *text;
	const char *name;
};

static const struct mark browsers[] = {
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

static const struct mark systems[] = {
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
find(const struct mark *marks, const char *agent)
{
	if (agent == NULL)
		return NULL;
	while (marks->text != NULL && strstr(agent, marks->text) == NULL)
		marks++;
	return marks->name;
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
