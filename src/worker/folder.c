/*
 * Files that survive a crash: written under a temporary name, fsync(), rename(), and fsync() of the
 * folder (a rename is on the disk only after that).
 */
#include "worker/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

bool
folder_make(const char *path)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

int
folder_open(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

DIR *
folder_list(int folder)
{
	/* A descriptor of its own: closedir() closes it, and its position is the first entry. */
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy >= 0 ? fdopendir(copy) : NULL;

	if (list == NULL && copy >= 0)
		close(copy);
	return list;
}

static bool
write_all(int file, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t done = write(file, data, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		data += done;
		length -= (size_t)done;
	}
	return true;
}

bool
folder_write(int folder, const char *name, const void *data, size_t length)
{
	char temporary[FOLDER_NAME_SIZE + 32];
	bool done = false;
	int file;

	snprintf(temporary, sizeof(temporary), FOLDER_TEMPORARY "%ld-%s", (long)getpid(), name);
	unlinkat(folder, temporary, 0); /* left by an earlier process with our process id */
	file =
	    openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return false;
	if (write_all(file, data, length) && fsync(file) == 0)
		done = true;
	if (close(file) != 0)
		done = false;
	if (done && renameat(folder, temporary, folder, name) == 0)
		return fsync(folder) == 0;
	unlinkat(folder, temporary, 0);
	return false;
}

bool
folder_read(int folder, const char *name, struct sbuf *out)
{
	int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char part[4096];
	ssize_t length;

	if (file < 0)
		return false;
	while ((length = read(file, part, sizeof(part))) != 0) {
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			break;
		sbuf_put(out, part, (size_t)length);
	}
	close(file);
	return length == 0 && !sbuf_failed(out);
}

void
folder_remove_old(int folder, const char *name, int64_t age_s)
{
	struct stat about;

	if (fstatat(folder, name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
	    about.st_mtime < clock_now() - age_s)
		unlinkat(folder, name, 0);
}
