/*
 * The files of the spool.  A file is a sealed text: the second the answer came (UTC, since
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

#include "base/log.h"
#include "base/sbuf.h"
#include "base/secret.h"
#include "formats/url.h"
#include "worker/folder.h"

/* A file of ours is a few kilobytes: a token has at most OAUTH_TOKEN_MAX bytes. */
#define FILE_MAX ((size_t)256 << 10)
/* Writing a file takes milliseconds: what is unfinished after this belongs to a dead process. */
#define UNFINISHED_S 600

struct spool {
	int folder;
	const struct seal_keys *keys;
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

bool
spool_find(const struct spool *spool, const char *installation_id, int64_t generation,
    struct spool_file *out)
{
	out->generation = generation;
	snprintf(out->installation_id, sizeof(out->installation_id), "%s", installation_id);
	return make_name(out->name, installation_id, generation) &&
	       faccessat(spool->folder, out->name, F_OK, 0) == 0;
}

static void
make_context(struct sbuf *out, const char *installation_id, int64_t generation)
{
	sbuf_printf(out, "spool:%s:%" PRId64, installation_id, generation);
}

static enum sw_err
seal_text(const struct spool *spool, const char *installation_id, int64_t generation,
    const char *plain, size_t plain_length, uint8_t **sealed, size_t *length)
{
	struct sbuf context = {0};
	enum sw_err err = SW_ENOMEM;

	make_context(&context, installation_id, generation);
	if (!sbuf_failed(&context))
		err = seal_close(
		    spool->keys, sbuf_text(&context), plain, plain_length, sealed, length);
	sbuf_clear(&context);
	return err;
}

static enum sw_err
seal_answer(const struct spool *spool, const char *installation_id, int64_t generation,
    const struct oauth_tokens *tokens, int64_t obtained_at, uint8_t **sealed, size_t *length)
{
	struct sbuf plain;
	enum sw_err err = SW_ENOMEM;

	sbuf_init_secret(&plain, 0);
	sbuf_put_int(&plain, obtained_at);
	sbuf_put_char(&plain, '\n');
	oauth_tokens_put(&plain, tokens);
	if (!sbuf_failed(&plain))
		err = seal_text(
		    spool, installation_id, generation, plain.data, plain.length, sealed, length);
	sbuf_clear(&plain);
	return err;
}

static enum sw_err
write_file(struct spool *spool, const char *installation_id, const char *name,
    const uint8_t *sealed, size_t length)
{
	if (folder_write(spool->folder, name, sealed, length))
		return SW_OK;
	log_event(LOG_ERROR, "spool.write", "installation", installation_id, "message",
	    strerror(errno), (const char *)NULL);
	return SW_EUNAVAILABLE;
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
	if (err == SW_OK)
		err = write_file(spool, installation_id, name, sealed, length);
	free(sealed);
	return err;
}

void
spool_remove(struct spool *spool, const char *installation_id, int64_t generation)
{
	char name[FOLDER_NAME_SIZE];

	/* When it cannot be removed, a later comparison with the database removes it. */
	if (make_name(name, installation_id, generation))
		unlinkat(spool->folder, name, 0);
}

/* "<installation>.<generation>"; false for anything else. */
static bool
read_name(const char *name, struct spool_file *out)
{
	const char *dot = strrchr(name, '.');
	size_t length = strlen(name);
	char *end;

	if (dot == NULL || length >= FOLDER_NAME_SIZE || dot[1] < '0' || dot[1] > '9')
		return false;
	memcpy(out->name, name, length + 1);
	memcpy(out->installation_id, name, (size_t)(dot - name));
	out->installation_id[dot - name] = '\0';
	errno = 0;
	out->generation = (int64_t)strtoimax(dot + 1, &end, 10);
	return *end == '\0' && errno == 0 && url_id_is_valid(out->installation_id);
}

void
spool_remove_all(struct spool *spool, const char *installation_id)
{
	DIR *list = folder_list(spool->folder);
	struct spool_file file;

	while (list != NULL && spool_next(spool, list, &file)) {
		if (strcmp(file.installation_id, installation_id) == 0)
			unlinkat(spool->folder, file.name, 0);
	}
	if (list != NULL)
		closedir(list);
}

DIR *
spool_list(const struct spool *spool)
{
	DIR *list = folder_list(spool->folder);

	if (list == NULL)
		log_event(LOG_ERROR, "spool.read", "message", strerror(errno), (const char *)NULL);
	return list;
}

bool
spool_next(const struct spool *spool, DIR *list, struct spool_file *out)
{
	const struct dirent *item;

	while ((item = readdir(list)) != NULL) {
		if (strncmp(item->d_name, FOLDER_TEMPORARY, strlen(FOLDER_TEMPORARY)) == 0)
			folder_remove_old(spool->folder, item->d_name, UNFINISHED_S);
		else if (read_name(item->d_name, out))
			return true;
	}
	return false;
}

/* A whole file; SW_ENOTFOUND: there is none, SW_EINPUT: it is too large, SW_EUNAVAILABLE (logged).
 */
static enum sw_err
read_file(const struct spool *spool, const struct spool_file *file, struct sbuf *out)
{
	sbuf_init(out, FILE_MAX);
	errno = 0;
	if (folder_read(spool->folder, file->name, out))
		return SW_OK;
	if (errno == ENOENT)
		return SW_ENOTFOUND;
	if (sbuf_failed(out))
		return SW_EINPUT;
	log_event(LOG_ERROR, "spool.read", "installation", file->installation_id, "message",
	    strerror(errno), (const char *)NULL);
	return SW_EUNAVAILABLE;
}

/* The plain text of a file, the caller's to secret_free(). */
static enum sw_err
open_file(const struct spool *spool, const struct spool_file *file, const struct sbuf *sealed,
    char **plain, size_t *length)
{
	struct sbuf context = {0};
	enum sw_err err = SW_ENOMEM;

	*plain = NULL;
	*length = 0;
	make_context(&context, file->installation_id, file->generation);
	if (!sbuf_failed(&context))
		err = seal_open(spool->keys, sbuf_text(&context), (const uint8_t *)sealed->data,
		    sealed->length, plain, length);
	sbuf_clear(&context);
	return err == SW_ENOTFOUND ? SW_EFORBIDDEN : err;
}

enum sw_err
spool_read(const struct spool *spool, const struct spool_file *file, struct oauth_tokens *tokens,
    int64_t *obtained_at)
{
	struct sbuf sealed;
	char *plain = NULL, *end;
	size_t length = 0;
	enum sw_err err = read_file(spool, file, &sealed);

	if (err == SW_OK)
		err = open_file(spool, file, &sealed, &plain, &length);
	if (err == SW_OK) {
		*obtained_at = (int64_t)strtoimax(plain, &end, 10);
		err = *end == '\n' ? oauth_parse_reply(
					 200, end + 1, length - (size_t)(end + 1 - plain), tokens)
				   : SW_EINPUT;
	}
	secret_free(plain, length);
	sbuf_clear(&sealed);
	return err;
}

/* Put the same text, sealed under the first key, in place of a file. */
static enum sw_err
replace_file(struct spool *spool, const struct spool_file *file, const char *plain, size_t length)
{
	uint8_t *sealed = NULL;
	size_t sealed_length = 0;
	enum sw_err err = seal_text(
	    spool, file->installation_id, file->generation, plain, length, &sealed, &sealed_length);

	if (err == SW_OK)
		err = write_file(spool, file->installation_id, file->name, sealed, sealed_length);
	free(sealed);
	return err;
}

enum sw_err
spool_reseal(struct spool *spool, const struct spool_file *file)
{
	char id[SEAL_KEY_ID_MAX + 1];
	struct sbuf sealed;
	char *plain = NULL;
	size_t length = 0;
	enum sw_err err = read_file(spool, file, &sealed);

	if (err == SW_OK)
		err = seal_key_id((const uint8_t *)sealed.data, sealed.length, id);
	if (err == SW_OK && strcmp(id, spool->keys->keys[0].id) != 0) {
		err = open_file(spool, file, &sealed, &plain, &length);
		if (err == SW_OK)
			err = replace_file(spool, file, plain, length);
	}
	secret_free(plain, length);
	sbuf_clear(&sealed);
	return err == SW_ENOTFOUND ? SW_OK : err;
}
