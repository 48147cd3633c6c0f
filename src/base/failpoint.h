#ifndef SWITCHBOARD_BASE_FAILPOINT_H
#define SWITCHBOARD_BASE_FAILPOINT_H

/*
 * Points in the code where a test can kill the process, as a power cut would.  Only in builds
 * configured with --enable-failpoints; in others FAILPOINT() does nothing.
 *
 * SWITCHBOARD_FAILPOINTS names a folder.  A process that reaches FAILPOINT("refresh.spooled") and
 * finds a file of that name there removes it and sends itself SIGKILL, so each file kills one
 * process, the first that comes there.
 */
#ifdef SWITCHBOARD_FAILPOINTS
#define FAILPOINT(name) failpoint_reach(name)
#else
#define FAILPOINT(name) ((void)0)
#endif

/* What FAILPOINT() does in a test build.  "name" is a file name of our own. */
void failpoint_reach(const char *name);

#endif
