#ifndef SWITCHBOARD_WORKER_FOLDER_H
#define SWITCHBOARD_WORKER_FOLDER_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/sbuf.h"

/*
 * Small files in a folder of our own, named relative to the folder's descriptor.  What fails sets
 * errno.
 */

/* Files whose names start like this are being written, or were when their process died. */
#define FOLDER_TEMPORARY "tmp-"
/* The bytes of a name, its NUL included, that folder_write() can put its own prefix before. */
#define FOLDER_NAME_SIZE 224

/* Make a folder with mode 0700; true also when it is there. */
bool folder_make(const char *path);

/* A descriptor of a folder, the caller's to close(); -1 when it cannot be opened. */
int folder_open(const char *path);

/* The folder's entries from the first; closedir() the list.  NULL when it cannot be read. */
DIR *folder_list(int folder);

/*
 * Write a file, mode 0600, in place of one of the same name.  True: it is whole and on the disk,
 * and a crash does not lose it.  False: a file of that name is as it was before, except when only
 * the last fsync() failed.  Blocks for two fsync().
 */
bool folder_write(int folder, const char *name, const void *data, size_t length);

/* Append a whole file to "out"; false when it cannot be read or "out" is full. */
bool folder_read(int folder, const char *name, struct sbuf *out);

/* Remove a file that was last changed more than "age_s" seconds ago; a younger one stays. */
void folder_remove_old(int folder, const char *name, int64_t age_s);

#endif
