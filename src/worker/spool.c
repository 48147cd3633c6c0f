/*
 * The spool of refreshed tokens.  What it hides: the file format (a sealed
 * text of the second it was got, a line feed and the JSON of
 * oauth_tokens_put()) and how a file is made to survive a crash.
 */
#include "worker/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sbuf.h"
#include "store/token.h"
#include "formats/url.h"

#define NAME_SIZE 256
#define FILE_MAX ((size_t)256 << 10)
#define STALE_S 600
#define PREFIX "tmp-" /* of a file that is being written; an answer's name has no such start */

struct spool {
	int folder;
	const struct seal_keys *keys;
};

/* What a file's name says. */
struct entry {
	char name[NAME_SIZE];
	char installation_id[NAME_SIZE];
	int64_t generation;
};

static bool
make_folder(const char *path)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

enum sw_err
spool_open(
    const char *state_dir, const struct seal_keys *keys, struct spool **out, const char **why)
{
	struct sbuf path = {0};
	enum sw_err err = SW_EINPUT;

	*out = NULL;
	sbuf_put_text(&path, state_dir);
	sbuf_put_text(&path, "/spool");
	*why = "out of memory";
	if (sbuf_failed(&path) || (*out = calloc(1, sizeof(**out))) == NULL) {
		err = SW_ENOMEM;
		goto out;
	}
	(*out)->keys = keys;
	(*out)->folder = -1;
	*why = "its folder spool cannot be made";
	if (!make_folder(state_dir) || !make_folder(sbuf_text(&path)))
		goto out;
	*why = "its folder spool cannot be written to";
	(*out)->folder = open(sbuf_text(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if ((*out)->folder >= 0 && faccessat((*out)->folder, ".", W_OK | X_OK, AT_EACCESS) == 0)
		err = SW_OK;
out:
	if (err != SW_OK) {
		spool_close(*out);
		*out = NULL;
	}
	sbuf_clear(&path);
	return err;
}

void
spool_close(struct spool *spool)
{
	if (spool == NULL)
		return;
	if (spool->folder >= 0)
		close(spool->folder);
	free(spool);
}

static bool
write_all(int file, const uint8_t *data, size_t length)
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

/* Whole and on the disk under its name, or not there at all. */
static bool
put_file(const struct spool *spool, const char *name, const uint8_t *data, size_t length)
{
	char part[NAME_SIZE + 32];
	bool done = false;
	int file;

	snprintf(part, sizeof(part), PREFIX "%ld-%s", (long)getpid(), name);
	unlinkat(spool->folder, part, 0); /* of an earlier process with our number */
	file =
	    openat(spool->folder, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return false;
	if (write_all(file, data, length) && fsync(file) == 0)
		done = true;
	if (close(file) != 0)
		done = false;
	if (done && renameat(spool->folder, part, spool->folder, name) == 0)
		return fsync(spool->folder) == 0;
	unlinkat(spool->folder, part, 0);
	return false;
}

static bool
make_name(char out[static NAME_SIZE], const char *installation_id, int64_t generation)
{
	int length = snprintf(out, NAME_SIZE, "%s.%" PRId64, installation_id, generation);

	return length > 0 && length < NAME_SIZE - 32;
}

static void
make_context(struct sbuf *out, const char *installation_id, int64_t generation)
{
	sbuf_printf(out, "spool:%s:%" PRId64, installation_id, generation);
}

static enum sw_err
seal_answer(const struct spool *spool, const char *installation_id, int64_t generation,
    const struct oauth_tokens *tokens, int64_t obtained_at, uint8_t **sealed, size_t *length)
{
	struct sbuf context = {0};
	struct sbuf plain;
	enum sw_err err = SW_ENOMEM;

	sbuf_init_secret(&plain, 0);
	sbuf_put_int(&plain, obtained_at);
	sbuf_put_char(&plain, '\n');
	oauth_tokens_put(&plain, tokens);
	make_context(&context, installation_id, generation);
	if (!sbuf_failed(&plain) && !sbuf_failed(&context))
		err = seal_close(
		    spool->keys, sbuf_text(&context), plain.data, plain.length, sealed, length);
	sbuf_clear(&plain);
	sbuf_clear(&context);
	return err;
}

enum sw_err
spool_write(struct spool *spool, const char *installation_id, int64_t generation,
    const struct oauth_tokens *tokens, int64_t obtained_at)
{
	char name[NAME_SIZE];
	uint8_t *sealed = NULL;
	size_t length = 0;
	enum sw_err err;

	if (!make_name(name, installation_id, generation))
		return SW_EINTERNAL;
	err =
	    seal_answer(spool, installation_id, generation, tokens, obtained_at, &sealed, &length);
	if (err == SW_OK && !put_file(spool, name, sealed, length)) {
		log_event(LOG_ERROR, "spool.write", "installation", installation_id, "message",
		    strerror(errno), (const char *)NULL);
		err = SW_EUNAVAILABLE;
	}
	free(sealed);
	return err;
}

void
spool_remove(struct spool *spool, const char *installation_id, int64_t generation)
{
	char name[NAME_SIZE];

	/* Left behind it does no harm: a newer pair is in the database. */
	if (make_name(name, installation_id, generation))
		unlinkat(spool->folder, name, 0);
}

/* "<installation>.<generation>"; false for anything else. */
static bool
read_name(const char *name, struct entry *out)
{
	const char *dot = strrchr(name, '.');
	char *end;

	if (dot == NULL || strlen(name) >= NAME_SIZE || dot[1] < '0' || dot[1] > '9')
		return false;
	snprintf(out->name, sizeof(out->name), "%s", name);
	snprintf(
	    out->installation_id, sizeof(out->installation_id), "%.*s", (int)(dot - name), name);
	errno = 0;
	out->generation = (int64_t)strtoimax(dot + 1, &end, 10);
	return *end == '\0' && errno == 0 && url_id_is_valid(out->installation_id);
}

/* The file's bytes into "out"; false when it cannot be read or is too large. */
static bool
read_file(const struct spool *spool, const char *name, struct sbuf *out)
{
	int file = openat(spool->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
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

/* Undo seal_answer(). */
static enum sw_err
open_answer(const struct spool *spool, const struct entry *entry, const struct sbuf *sealed,
    struct oauth_tokens *tokens, int64_t *obtained_at)
{
	struct sbuf context = {0};
	char *plain = NULL;
	size_t length = 0;
	char *end;
	enum sw_err err = SW_ENOMEM;

	make_context(&context, entry->installation_id, entry->generation);
	if (!sbuf_failed(&context))
		err = seal_open(spool->keys, sbuf_text(&context), (const uint8_t *)sealed->data,
		    sealed->length, &plain, &length);
	if (err == SW_OK) {
		*obtained_at = (int64_t)strtoimax(plain, &end, 10);
		err = *end == '\n' ? oauth_parse_reply(
					 200, end + 1, length - (size_t)(end + 1 - plain), tokens)
				   : SW_EINPUT;
	}
	secret_free(plain, length);
	sbuf_clear(&context);
	return err;
}

static enum sw_err
store_answer(struct worker *worker, const struct entry *entry, const struct oauth_tokens *tokens,
    int64_t obtained_at)
{
	int64_t age_s = clock_now() - obtained_at;
	bool stored;
	enum sw_err err =
	    store_token_store(worker->db, &worker->scratch, &worker->config->seal_keys,
		entry->installation_id, entry->generation, tokens, age_s > 0 ? age_s : 0, &stored);

	if (err == SW_EINPUT || err == SW_EFORBIDDEN || err == SW_EINTERNAL) {
		/* One that the database will never take must not hold up all other work. */
		log_event(LOG_ERROR, "spool.unstored", "installation", entry->installation_id,
		    "file", entry->name, "err", err_name(err), (const char *)NULL);
		return SW_OK;
	}
	if (err != SW_OK)
		return err;
	log_event(LOG_INFO, "spool.replayed", "installation", entry->installation_id, "stored",
	    stored ? "yes" : "no", "age_s", log_int(age_s), (const char *)NULL);
	if (stored)
		notify_add_page(&worker->notify, entry->installation_id);
	spool_remove(worker->spool, entry->installation_id, entry->generation);
	return SW_OK;
}

static enum sw_err
replay(struct worker *worker, const struct entry *entry)
{
	struct oauth_tokens tokens = {0};
	struct sbuf sealed;
	int64_t obtained_at = 0;
	enum sw_err err = SW_EINPUT;

	sbuf_init(&sealed, FILE_MAX);
	if (read_file(worker->spool, entry->name, &sealed))
		err = open_answer(worker->spool, entry, &sealed, &tokens, &obtained_at);
	sbuf_clear(&sealed);
	if (err == SW_OK) {
		err = store_answer(worker, entry, &tokens, obtained_at);
	} else if (err != SW_ENOMEM) {
		/* Another worker may just have removed it; else somebody must look. */
		if (faccessat(worker->spool->folder, entry->name, F_OK, 0) == 0)
			log_event(LOG_ERROR, "spool.unreadable", "installation",
			    entry->installation_id, "file", entry->name, (const char *)NULL);
		err = SW_OK;
	}
	oauth_tokens_clear(&tokens);
	return err;
}

/* A file that was being written when its process died holds nothing whole. */
static void
remove_stale(const struct spool *spool, const char *name)
{
	struct stat about;

	if (fstatat(spool->folder, name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
	    about.st_mtime < clock_now() - STALE_S)
		unlinkat(spool->folder, name, 0);
}

static DIR *
open_list(const struct spool *spool)
{
	int folder = openat(spool->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = folder >= 0 ? fdopendir(folder) : NULL;

	if (list == NULL && folder >= 0)
		close(folder);
	return list;
}

enum sw_err
spool_replay(struct worker *worker)
{
	DIR *list = open_list(worker->spool);
	const struct dirent *item;
	enum sw_err err = SW_OK;

	if (list == NULL) {
		log_event(LOG_ERROR, "spool.read", "message", strerror(errno), (const char *)NULL);
		return SW_EINTERNAL;
	}
	while (err == SW_OK && (item = readdir(list)) != NULL) {
		struct entry entry;

		if (strncmp(item->d_name, PREFIX, sizeof(PREFIX) - 1) == 0)
			remove_stale(worker->spool, item->d_name);
		else if (read_name(item->d_name, &entry))
			err = replay(worker, &entry);
	}
	closedir(list);
	return err;
}

static bool
is_old(const struct spool *spool, const char *name)
{
	char id[SECRET_KEY_ID_MAX + 1];
	struct sbuf sealed;
	bool old;

	sbuf_init(&sealed, FILE_MAX);
	old = read_file(spool, name, &sealed) &&
	      seal_key_id((const uint8_t *)sealed.data, sealed.length, id) == SW_OK &&
	      strcmp(id, spool->keys->keys[0].id) != 0;
	sbuf_clear(&sealed);
	return old;
}

size_t
spool_count_old(const struct spool *spool)
{
	DIR *list = open_list(spool);
	const struct dirent *item;
	size_t count = 0;

	while (list != NULL && (item = readdir(list)) != NULL) {
		struct entry entry;

		if (read_name(item->d_name, &entry) && is_old(spool, item->d_name))
			count++;
	}
	if (list != NULL)
		closedir(list);
	return count;
}
