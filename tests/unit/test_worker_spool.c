/*
 * worker_spool.h: answers of the token endpoint survive until the database
 * has them.  store_token_store() is replaced by one that remembers.
 */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sbuf.h"
#include "store/token.h"
#include "worker/spool.h"

enum sw_err __wrap_store_token_store(struct db *db, struct arena *arena,
    const struct seal_keys *keys, const char *installation_id, int64_t generation,
    const struct oauth_tokens *tokens, int64_t age_s, bool *stored);
void __wrap_notify_add_page(struct notify *notify, const char *installation_id);

/* What the database was asked to store, and what it answers. */
static struct {
	int calls;
	enum sw_err answer;
	char installation_id[160];
	int64_t generation;
	char access[64];
	char refresh[64];
	int64_t age_s;
} database;

enum sw_err
__wrap_store_token_store(struct db *db, struct arena *arena, const struct seal_keys *keys,
    const char *installation_id, int64_t generation, const struct oauth_tokens *tokens,
    int64_t age_s, bool *stored)
{
	(void)db;
	(void)arena;
	(void)keys;
	database.calls++;
	snprintf(database.installation_id, sizeof(database.installation_id), "%s", installation_id);
	database.generation = generation;
	snprintf(database.access, sizeof(database.access), "%s", tokens->access_token);
	snprintf(database.refresh, sizeof(database.refresh), "%s", tokens->refresh_token);
	database.age_s = age_s;
	*stored = database.answer == SW_OK;
	return database.answer;
}

void
__wrap_notify_add_page(struct notify *notify, const char *installation_id)
{
	(void)notify;
	(void)installation_id;
}

static struct config config;
static struct worker worker = {.config = &config};
static char folder[64];

static const char *
path_of(const char *name)
{
	static char paths[2][384];
	static int next;
	char *path = paths[next = !next]; /* two at once, for rename() */

	snprintf(path, sizeof(paths[0]), "%s/spool/%s", folder, name);
	return path;
}

static int
open_all(void **state)
{
	const char *why;

	(void)state;
	memset(&database, 0, sizeof(database));
	log_open("test", LOG_ERROR);
	snprintf(folder, sizeof(folder), "/tmp/switchboard-spool-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	if (seal_keys_parse("k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", &config.seal_keys) !=
	    SW_OK)
		return -1;
	return spool_open(folder, &config.seal_keys, &worker.spool, &why) == SW_OK ? 0 : -1;
}

static int
files(bool remove_them)
{
	DIR *list = opendir(path_of("."));
	const struct dirent *item;
	int count = 0;

	while (list != NULL && (item = readdir(list)) != NULL) {
		if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
			continue;
		count++;
		if (remove_them)
			unlink(path_of(item->d_name));
	}
	if (list != NULL)
		closedir(list);
	return count;
}

static int
close_all(void **state)
{
	(void)state;
	spool_close(worker.spool);
	worker.spool = NULL;
	files(true);
	rmdir(path_of(""));
	rmdir(folder);
	seal_keys_clear(&config.seal_keys);
	return 0;
}

static void
write_answer(const char *installation_id, int64_t generation, int64_t age_s)
{
	char access[] = "the-access-token";
	char refresh[] = "the-refresh-token";
	struct oauth_tokens tokens = {
	    .access_token = access, .refresh_token = refresh, .expires_in_s = 86400};

	assert_int_equal(
	    spool_write(worker.spool, installation_id, generation, &tokens, clock_now() - age_s),
	    SW_OK);
}

/* Everything in a file. */
static size_t
read_all(const char *name, char *out, size_t size)
{
	FILE *file = fopen(path_of(name), "rb");
	size_t length;

	assert_non_null(file);
	length = fread(out, 1, size, file);
	fclose(file);
	return length;
}

static void
check_replay(void **state)
{
	(void)state;
	write_answer("home.one", 7, 90);
	assert_int_equal(files(false), 1);
	assert_int_equal(spool_replay(&worker), SW_OK);
	assert_int_equal(database.calls, 1);
	assert_string_equal(database.installation_id, "home.one");
	assert_int_equal(database.generation, 7);
	assert_string_equal(database.access, "the-access-token");
	assert_string_equal(database.refresh, "the-refresh-token");
	assert_in_range(database.age_s, 90, 95);
	assert_int_equal(files(false), 0);
}

static void
check_sealed(void **state)
{
	char content[4096];
	struct stat about;
	size_t length;

	(void)state;
	write_answer("home", 1, 0);
	length = read_all("home.1", content, sizeof(content));
	assert_null(memmem(content, length, "the-access", 10));
	assert_null(memmem(content, length, "the-refresh", 11));
	assert_int_equal(stat(path_of("home.1"), &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
}

static void
check_away(void **state)
{
	(void)state;
	write_answer("home", 1, 0);
	database.answer = SW_EUNAVAILABLE;
	assert_int_equal(spool_replay(&worker), SW_EUNAVAILABLE);
	assert_int_equal(files(false), 1);
	database.answer = SW_OK;
	assert_int_equal(spool_replay(&worker), SW_OK);
	assert_int_equal(files(false), 0);
}

static void
check_refused(void **state)
{
	(void)state;
	write_answer("home", 1, 0);
	write_answer("attic", 1, 0);
	database.answer = SW_EINPUT;
	assert_int_equal(spool_replay(&worker), SW_OK);
	assert_int_equal(database.calls, 2);
	assert_int_equal(files(false), 2);
}

static void
check_again(void **state)
{
	(void)state;
	write_answer("home", 1, 0);
	write_answer("home", 1, 0);
	assert_int_equal(files(false), 1);
	spool_remove(worker.spool, "home", 1);
	spool_remove(worker.spool, "home", 1);
	assert_int_equal(files(false), 0);
}

static void
check_foreign(void **state)
{
	static const char *const names[] = {
	    "README", "home.", ".5", "home.x1", "home.1x", "ho me.1", "home.-1"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		close(open(path_of(names[i]), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(spool_replay(&worker), SW_OK);
	assert_int_equal(database.calls, 0);
	assert_int_equal(files(false), COUNT_OF(names));
}

static void
check_swapped(void **state)
{
	(void)state;
	/* A file of another installation, or of an earlier pair, does not open under a new name. */
	write_answer("home", 1, 0);
	assert_int_equal(rename(path_of("home.1"), path_of("attic.1")), 0);
	write_answer("home", 1, 0);
	assert_int_equal(rename(path_of("home.1"), path_of("home.2")), 0);
	log_open("test", LOG_ERROR);
	assert_int_equal(spool_replay(&worker), SW_OK);
	assert_int_equal(database.calls, 0);
	assert_int_equal(files(false), 2);
}

static void
check_part(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	(void)state;
	close(open(path_of("tmp-1-home.1"), O_CREAT | O_WRONLY, 0600));
	close(open(path_of("tmp-2-home.1"), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(utimensat(AT_FDCWD, path_of("tmp-1-home.1"), old, 0), 0);
	assert_int_equal(spool_replay(&worker), SW_OK);
	assert_int_equal(database.calls, 0);
	assert_int_equal(files(false), 1);
}

static void
check_old_key(void **state)
{
	struct seal_keys keys;

	(void)state;
	write_answer("home", 1, 0);
	close(open(path_of("attic.1"), O_CREAT | O_WRONLY, 0600)); /* no answer, no key */
	assert_int_equal(spool_count_old(worker.spool), 0);
	assert_int_equal(seal_keys_parse("k2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
					 "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
			     &keys),
	    SW_OK);
	config.seal_keys = keys;
	write_answer("home", 2, 0);
	assert_int_equal(spool_count_old(worker.spool), 1);
	assert_int_equal(spool_replay(&worker), SW_OK);
	assert_int_equal(database.calls, 2);
	assert_int_equal(spool_count_old(worker.spool), 0);
}

static void
check_no_folder(void **state)
{
	const char *why = NULL;
	struct spool *spool;

	(void)state;
	assert_int_equal(
	    spool_open("/nonexistent/folder", &config.seal_keys, &spool, &why), SW_EINPUT);
	assert_null(spool);
	assert_non_null(why);
	spool_close(NULL);
}

#define WITH_SPOOL(sentence, function)                                               \
	{                                                                            \
		.name = (sentence), .test_func = (function), .setup_func = open_all, \
		.teardown_func = close_all                                           \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_SPOOL("an answer is replayed with its age and then removed", check_replay),
	    WITH_SPOOL("nothing of it can be read on the disk", check_sealed),
	    WITH_SPOOL("it stays while the database is away", check_away),
	    WITH_SPOOL("one that the database refuses does not hold up the others", check_refused),
	    WITH_SPOOL("writing and removing it twice does no harm", check_again),
	    WITH_SPOOL("files with other names are left alone", check_foreign),
	    WITH_SPOOL("a file under another's name does not open", check_swapped),
	    WITH_SPOOL("parts of a write are removed when they are old", check_part),
	    WITH_SPOOL("what an older key sealed is counted, and replayed", check_old_key),
	    WITH_SPOOL("a folder that cannot be made is refused", check_no_folder),
	};

	return RUN_TESTS(tests);
}
