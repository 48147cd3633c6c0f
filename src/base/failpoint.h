#ifndef SWITCHBOARD_BASE_FAILPOINT_H
#define SWITCHBOARD_BASE_FAILPOINT_H

/*
 * Places where a test kills the process as a power cut would.  Only in builds
 * configured with --enable-failpoints; elsewhere FAILPOINT() is nothing.
 *
 * SWITCHBOARD_FAILPOINTS names a folder.  A process that reaches
 * FAILPOINT("refresh.spooled") and finds a file of that name there
 * removes it and dies by SIGKILL: once, in whichever process comes first.
 */
#ifdef SWITCHBOARD_FAILPOINTS
#define FAILPOINT(name) failpoint_reach(name)
#else
#define FAILPOINT(name) ((void)0)
#endif

/* What FAILPOINT() does in a test build.  "name" is a file name of our own. */
void failpoint_reach(const char *name);

#endif
