/*
 * Detects dead workers: each holds flock() on its file.
 */
#include "worker/liveness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sbuf.h"
#include "worker/folder.h"
#include "worker/replay.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LENGTH 36
/* A file of another boot is removed after a day: every lease of its worker has ended by then. */
#define OTHER_BOOT_S 86400

struct liveness {
	int folder;
	int file; /* locked */
	char name[sizeof(((struct worker *)0)->id)];
	char boot_id[BOOT_ID_LENGTH];
};

/* The boot id at the start of the kernel's file or of a worker's; false when it is not whole. */
static bool
read_boot_id(int file, char out[static BOOT_ID_LENGTH])
{
	return file >= 0 && pread(file, out, BOOT_ID_LENGTH, 0) == BOOT_ID_LENGTH;
}

static bool
read_own_boot_id(char out[static BOOT_ID_LENGTH])
{
	int file = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
	bool ok = read_boot_id(file, out);

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
	if (!sbuf_failed(&path) && folder_make(sbuf_text(&path)))
		folder = folder_open(sbuf_text(&path));
	sbuf_clear(&path);
	return folder;
}

/* The boot id is written after the lock is held: others ignore a file without one. */
static int
make_file(const struct liveness *liveness)
{
	int file = openat(liveness->folder, liveness->name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (file < 0)
		return -1;
	if (flock(file, LOCK_EX | LOCK_NB) == 0 &&
	    write(file, liveness->boot_id, BOOT_ID_LENGTH) == BOOT_ID_LENGTH)
		return file;
	unlinkat(liveness->folder, liveness->name, 0);
	close(file);
	return -1;
}

void
liveness_open(const char *state_dir, const char *worker_id, struct liveness **out)
{
	struct liveness *liveness = calloc(1, sizeof(*liveness));

	*out = NULL;
	if (liveness == NULL)
		return;
	snprintf(liveness->name, sizeof(liveness->name), "%s", worker_id);
	liveness->file = -1;
	liveness->folder = open_folder(state_dir);
	if (liveness->folder >= 0 && read_own_boot_id(liveness->boot_id))
		liveness->file = make_file(liveness);
	if (liveness->file >= 0) {
		*out = liveness;
		return;
	}
	log_event(LOG_WARN, "worker.liveness", "message", strerror(errno), (const char *)NULL);
	liveness_close(liveness, false);
}

void
liveness_close(struct liveness *liveness, bool idle)
{
	if (liveness == NULL)
		return;
	if (idle && liveness->file >= 0)
		unlinkat(liveness->folder, liveness->name, 0);
	if (liveness->file >= 0)
		close(liveness->file);
	if (liveness->folder >= 0)
		close(liveness->folder);
	free(liveness);
}

/* The file of a dead worker, locked by us; -1 when the worker runs or that is not known. */
static int
lock_dead(const struct liveness *liveness, const char *name)
{
	int file = openat(liveness->folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	char boot_id[BOOT_ID_LENGTH];

	if (file < 0)
		return -1;
	if (!read_boot_id(file, boot_id) || memcmp(boot_id, liveness->boot_id, BOOT_ID_LENGTH) != 0)
		folder_remove_old(liveness->folder, name, OTHER_BOOT_S);
	else if (flock(file, LOCK_EX | LOCK_NB) == 0)
		return file;
	close(file);
	return -1;
}

/* Store the answers that the dead worker spooled, then release its claims. */
static enum sw_err
release(struct worker *worker, const char *worker_id)
{
	const struct store_claims all = {true, true, true, true};
	int64_t count;
	enum sw_err err = replay_all(worker);

	if (err == SW_OK)
		err = store_worker_release(worker->db, worker_id, &all, true, &count);
	if (err != SW_OK)
		return err;
	log_event(LOG_INFO, "worker.died", "worker", worker_id, "claims", log_int(count),
	    (const char *)NULL);
	if (count > 0)
		worker->has_work = true;
	return SW_OK;
}

static enum sw_err
check_file(struct worker *worker, const char *name)
{
	const struct liveness *liveness = worker->liveness;
	enum sw_err err = SW_OK;
	int file;

	if (name[0] == '.' || strcmp(name, liveness->name) == 0)
		return SW_OK;
	file = lock_dead(liveness, name);
	if (file < 0)
		return SW_OK;
	err = release(worker, name);
	if (err == SW_OK)
		unlinkat(liveness->folder, name, 0);
	close(file);
	return err;
}

enum sw_err
liveness_release_dead(struct worker *worker)
{
	const struct dirent *item;
	enum sw_err err = SW_OK;
	enum sw_err first_err = SW_OK;
	DIR *list;

	if (worker->liveness == NULL)
		return SW_OK;
	list = folder_list(worker->liveness->folder);
	if (list == NULL)
		return SW_EINTERNAL;
	while (err != SW_EUNAVAILABLE && (item = readdir(list)) != NULL) {
		err = check_file(worker, item->d_name);
		if (first_err == SW_OK)
			first_err = err;
	}
	closedir(list);
	return first_err;
}
