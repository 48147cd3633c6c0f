/* Dying at a chosen place, once. */
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
