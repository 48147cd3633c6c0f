/*
 * Who is alive.  What it hides: the lock files, and that a file is believed
 * only when its text is whole and of this boot.
 */
#include "worker/presence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sbuf.h"
#include "store/job.h"
#include "worker/spool.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LENGTH 36
/* A file of another boot: every lease of its worker has ended long ago. */
#define STALE_S 86400

struct presence {
	int folder;
	int file; /* locked */
	char name[sizeof(((struct worker *)0)->id)];
	char boot[BOOT_ID_LENGTH];
};

/* The kernel's boot id, or what a worker wrote of it; false when that is not whole. */
static bool
read_boot(int file, char out[static BOOT_ID_LENGTH])
{
	return file >= 0 && pread(file, out, BOOT_ID_LENGTH, 0) == BOOT_ID_LENGTH;
}

static bool
read_own_boot(char out[static BOOT_ID_LENGTH])
{
	int file = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
	bool ok = read_boot(file, out);

	if (file >= 0)
		close(file);
	return ok;
}

static int
open_folder(const char *state_dir)
{
	struct sbuf path = {0};
	int folder = -1;

	sbuf_put_text(&path, state_dir);
	sbuf_put_text(&path, "/spool/workers");
	if (!sbuf_failed(&path) && (mkdir(sbuf_text(&path), 0700) == 0 || errno == EEXIST))
		folder = open(sbuf_text(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sbuf_clear(&path);
	return folder;
}

/* Locked before anything is in it: an empty file is nobody's sign of death. */
static int
make_file(const struct presence *presence)
{
	int file = openat(presence->folder, presence->name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (file < 0)
		return -1;
	if (flock(file, LOCK_EX | LOCK_NB) == 0 &&
	    write(file, presence->boot, BOOT_ID_LENGTH) == BOOT_ID_LENGTH)
		return file;
	unlinkat(presence->folder, presence->name, 0);
	close(file);
	return -1;
}

void
presence_open(const char *state_dir, const char *worker_id, struct presence **out)
{
	struct presence *presence = calloc(1, sizeof(*presence));

	*out = NULL;
	if (presence == NULL)
		return;
	snprintf(presence->name, sizeof(presence->name), "%s", worker_id);
	presence->file = -1;
	presence->folder = open_folder(state_dir);
	if (presence->folder >= 0 && read_own_boot(presence->boot))
		presence->file = make_file(presence);
	if (presence->file >= 0) {
		*out = presence;
		return;
	}
	log_event(LOG_WARN, "worker.presence", "message", strerror(errno), (const char *)NULL);
	presence_close(presence, false);
}

void
presence_close(struct presence *presence, bool idle)
{
	if (presence == NULL)
		return;
	if (idle && presence->file >= 0)
		unlinkat(presence->folder, presence->name, 0);
	if (presence->file >= 0)
		close(presence->file);
	if (presence->folder >= 0)
		close(presence->folder);
	free(presence);
}

static void
remove_stale(const struct presence *presence, const char *name, int file)
{
	struct stat about;

	if (fstat(file, &about) == 0 && about.st_mtime < clock_now() - STALE_S)
		unlinkat(presence->folder, name, 0);
}

/* Its file, locked by us, when the worker of this name is certainly dead; else -1. */
static int
lock_dead(const struct presence *presence, const char *name)
{
	int file = openat(presence->folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	char boot[BOOT_ID_LENGTH];

	if (file < 0)
		return -1;
	if (!read_boot(file, boot) || memcmp(boot, presence->boot, BOOT_ID_LENGTH) != 0)
		remove_stale(presence, name, file);
	else if (flock(file, LOCK_EX | LOCK_NB) == 0)
		return file;
	close(file);
	return -1;
}

/* What the dead worker had claimed; before that, what it had to say. */
static enum sw_err
release(struct worker *worker, const char *name)
{
	const struct store_claims all = {true, true, true, true};
	int64_t count;
	enum sw_err err = spool_replay(worker);

	if (err == SW_OK)
		err = store_worker_release(worker->db, name, &all, true, &count);
	if (err != SW_OK)
		return err;
	log_event(
	    LOG_INFO, "worker.died", "worker", name, "claims", log_int(count), (const char *)NULL);
	if (count > 0)
		worker->has_work = true;
	return SW_OK;
}

static enum sw_err
look_at(struct worker *worker, const char *name)
{
	const struct presence *presence = worker->presence;
	enum sw_err err = SW_OK;
	int file;

	if (name[0] == '.' || strcmp(name, presence->name) == 0)
		return SW_OK;
	file = lock_dead(presence, name);
	if (file < 0)
		return SW_OK;
	err = release(worker, name);
	if (err == SW_OK)
		unlinkat(presence->folder, name, 0);
	close(file);
	return err;
}

enum sw_err
presence_release_dead(struct worker *worker)
{
	const struct dirent *item;
	enum sw_err err = SW_OK;
	int folder;
	DIR *list;

	if (worker->presence == NULL)
		return SW_OK;
	folder = openat(worker->presence->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = folder >= 0 ? fdopendir(folder) : NULL;
	if (list == NULL) {
		if (folder >= 0)
			close(folder);
		return SW_EINTERNAL;
	}
	while (err == SW_OK && (item = readdir(list)) != NULL)
		err = look_at(worker, item->d_name);
	closedir(list);
	return err;
}
