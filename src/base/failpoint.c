/* Kills the process at a point that a test chose; nothing in other builds calls it. */
#include "base/failpoint.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void
failpoint_reach(const char *name)
{
	const char *folder = getenv("SWITCHBOARD_FAILPOINTS");
	char path[512];
	int length;

	if (folder == NULL)
		return;
	length = snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (length > 0 && (size_t)length < sizeof(path) && unlink(path) == 0)
		kill(getpid(), SIGKILL);
}
