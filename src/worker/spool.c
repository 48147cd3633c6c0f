/*
 * The spool of refreshed tokens.  A file is a sealed text: the second the answer came (UTC, since
 * the epoch), a line feed and the JSON of oauth_tokens_put().  Its name is part of what is sealed,
 * so that a file under another name does not open.
 */
#include "worker/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sbuf.h"
#include "base/secret.h"
#include "formats/seal.h"
#include "formats/url.h"
#include "store/token.h"
#include "worker/folder.h"
#include "worker/retry.h"

/* A file of ours is a few kilobytes: a token has at most OAUTH_TOKEN_MAX bytes. */
#define FILE_MAX ((size_t)256 << 10)
/* Writing a file takes milliseconds: what is unfinished after this belongs to a dead process. */
#define UNFINISHED_S 600

struct spool {
	int folder;
	const struct seal_keys *keys;
};

/* What a file's name says. */
struct entry {
	char name[FOLDER_NAME_SIZE];
	char installation_id[FOLDER_NAME_SIZE];
	int64_t generation;
};

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
	if (!folder_make(state_dir) || !folder_make(sbuf_text(&path)))
		goto out;
	*why = "its folder spool cannot be written to";
	(*out)->folder = folder_open(sbuf_text(&path));
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
make_name(char out[static FOLDER_NAME_SIZE], const char *installation_id, int64_t generation)
{
	int length = snprintf(out, FOLDER_NAME_SIZE, "%s.%" PRId64, installation_id, generation);

	return length > 0 && length < FOLDER_NAME_SIZE;
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
	char name[FOLDER_NAME_SIZE];
	uint8_t *sealed = NULL;
	size_t length = 0;
	enum sw_err err;

	if (!make_name(name, installation_id, generation))
		return SW_EINTERNAL;
	err =
	    seal_answer(spool, installation_id, generation, tokens, obtained_at, &sealed, &length);
	if (err == SW_OK && !folder_write(spool->folder, name, sealed, length)) {
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
	char name[FOLDER_NAME_SIZE];

	/* When it cannot be removed, a replay finds a newer pair in the database and removes it. */
	if (make_name(name, installation_id, generation))
		unlinkat(spool->folder, name, 0);
}

/* "<installation>.<generation>"; false for anything else. */
static bool
read_name(const char *name, struct entry *out)
{
	const char *dot = strrchr(name, '.');
	char *end;

	if (dot == NULL || strlen(name) >= FOLDER_NAME_SIZE || dot[1] < '0' || dot[1] > '9')
		return false;
	snprintf(out->name, sizeof(out->name), "%s", name);
	snprintf(
	    out->installation_id, sizeof(out->installation_id), "%.*s", (int)(dot - name), name);
	errno = 0;
	out->generation = (int64_t)strtoimax(dot + 1, &end, 10);
	return *end == '\0' && errno == 0 && url_id_is_valid(out->installation_id);
}

/* The reverse of seal_answer(). */
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
		/* The database refuses it for good; all other work waits for the replay to end. */
		log_event(LOG_ERROR, "spool.refused", "installation", entry->installation_id,
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

static bool
is_there(const struct spool *spool, const char *name)
{
	return faccessat(spool->folder, name, F_OK, 0) == 0;
}

static enum sw_err
replay(struct worker *worker, const struct entry *entry)
{
	struct oauth_tokens tokens = {0};
	struct sbuf sealed;
	int64_t obtained_at = 0;
	enum sw_err err = SW_EINPUT;

	sbuf_init(&sealed, FILE_MAX);
	if (folder_read(worker->spool->folder, entry->name, &sealed))
		err = open_answer(worker->spool, entry, &sealed, &tokens, &obtained_at);
	sbuf_clear(&sealed);
	if (err == SW_OK) {
		err = store_answer(worker, entry, &tokens, obtained_at);
	} else if (err != SW_ENOMEM) {
		/* A file that another worker has just removed is no error. */
		if (is_there(worker->spool, entry->name))
			log_event(LOG_ERROR, "spool.unreadable", "installation",
			    entry->installation_id, "file", entry->name, (const char *)NULL);
		err = SW_OK;
	}
	oauth_tokens_clear(&tokens);
	return err;
}

enum sw_err
spool_store(struct worker *worker, const char *installation_id, int64_t generation, bool *found)
{
	struct entry entry = {.generation = generation};
	enum sw_err err;

	*found = false;
	if (!make_name(entry.name, installation_id, generation) ||
	    !is_there(worker->spool, entry.name))
		return SW_OK;
	snprintf(entry.installation_id, sizeof(entry.installation_id), "%s", installation_id);
	err = replay(worker, &entry);
	*found = err != SW_OK || !is_there(worker->spool, entry.name);
	return err;
}

/* An answer that cannot be stored now keeps no other waiting. */
static bool
is_passed_by(enum sw_err err)
{
	return retry_may_help(err) && err != SW_EUNAVAILABLE;
}

enum sw_err
spool_replay(struct worker *worker)
{
	DIR *list = folder_list(worker->spool->folder);
	const struct dirent *item;
	bool any_left = false;
	enum sw_err err = SW_OK;

	if (list == NULL) {
		log_event(LOG_ERROR, "spool.read", "message", strerror(errno), (const char *)NULL);
		return SW_EINTERNAL;
	}
	while (err == SW_OK && (item = readdir(list)) != NULL) {
		struct entry entry;

		if (strncmp(item->d_name, FOLDER_TEMPORARY, strlen(FOLDER_TEMPORARY)) == 0)
			folder_remove_old(worker->spool->folder, item->d_name, UNFINISHED_S);
		else if (read_name(item->d_name, &entry))
			err = replay(worker, &entry);
		if (is_passed_by(err)) {
			any_left = true;
			err = SW_OK;
		}
	}
	closedir(list);
	return err == SW_OK && any_left ? SW_ELOCKED : err;
}

/* Is it sealed with another key than the first? */
static bool
is_old(const struct spool *spool, const char *name)
{
	char id[SEAL_KEY_ID_MAX + 1];
	struct sbuf sealed;
	bool old;

	sbuf_init(&sealed, FILE_MAX);
	old = folder_read(spool->folder, name, &sealed) &&
	      seal_key_id((const uint8_t *)sealed.data, sealed.length, id) == SW_OK &&
	      strcmp(id, spool->keys->keys[0].id) != 0;
	sbuf_clear(&sealed);
	return old;
}

size_t
spool_count_old(const struct spool *spool)
{
	DIR *list = folder_list(spool->folder);
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
