/*
 * worker/spool.h, worker/replay.h: answers of the token endpoint stay on the disk until the next
 * one. store_token_store() is replaced by one that records its arguments, store_token_spooled() by
 * one that gives every answer the same state.
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
#include "worker/replay.h"
#include "worker/spool.h"

enum sw_err __wrap_store_token_store(struct db *db, struct arena *arena,
    const struct seal_keys *keys, const char *installation_id, int64_t generation,
    const struct oauth_tokens *tokens, int64_t age_s, bool *stored);
enum sw_err __wrap_store_token_spooled(struct db *db, struct store_spooled *answers, size_t count);
void __wrap_notify_add_page(struct notify *notify, const char *installation_id);

/* The arguments of store_token_store(), and what it and store_token_spooled() are to return. */
static struct {
	int comparisons;
	size_t compared;
	int state;
	int calls;
	enum sw_err answer;
	bool refuse;        /* a newer pair is there */
	const char *locked; /* the installation whose row is locked */
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
	*stored = false;
	if (database.locked != NULL && strcmp(installation_id, database.locked) == 0)
		return SW_ELOCKED;
	*stored = database.answer == SW_OK && !database.refuse;
	return database.answer;
}

enum sw_err
__wrap_store_token_spooled(struct db *db, struct store_spooled *answers, size_t count)
{
	(void)db;
	database.comparisons++;
	database.compared += count;
	for (size_t i = 0; i < count; i++)
		answers[i].state = database.state;
	return database.answer == SW_EUNAVAILABLE ? SW_EUNAVAILABLE : SW_OK;
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
	database.state = STORE_SPOOLED_NEWER;
	log_open("test", LOG_ERROR);
	if (replay_new(&worker.replay) != SW_OK)
		return -1;
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
	replay_free(worker.replay);
	worker.replay = NULL;
	spool_close(worker.spool);
	worker.spool = NULL;
	arena_free(&worker.scratch);
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
	write_answer("lakeside.one", 7, 90);
	assert_int_equal(files(false), 1);
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(database.calls, 1);
	assert_string_equal(database.installation_id, "lakeside.one");
	assert_int_equal(database.generation, 7);
	assert_string_equal(database.access, "the-access-token");
	assert_string_equal(database.refresh, "the-refresh-token");
	assert_in_range(database.age_s, 90, 95);
	assert_int_equal(files(false), 1);
	assert_false(worker.replay_due);
}

static void
check_stored(void **state)
{
	(void)state;
	write_answer("lakeside", 7, 90);
	database.state = STORE_SPOOLED_STORED;
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(database.calls, 0);
	assert_int_equal(files(false), 1);
}

static void
check_older(void **state)
{
	(void)state;
	write_answer("lakeside", 7, 90);
	database.state = STORE_SPOOLED_OLDER;
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(database.calls, 0);
	assert_int_equal(files(false), 0);
}

/* The comparison said newer, but a link came before it could be stored. */
static void
check_overtaken(void **state)
{
	(void)state;
	write_answer("lakeside", 7, 90);
	database.refuse = true;
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(database.calls, 1);
	database.state = STORE_SPOOLED_OLDER;
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(files(false), 0);
}

static void
check_many(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "home-%d.1", i);
		close(open(path_of(name), O_CREAT | O_WRONLY, 0600));
	}
	database.state = STORE_SPOOLED_STORED;
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(database.compared, 600);
	assert_int_equal(database.comparisons, 3);
	assert_int_equal(files(false), 600);
}

static void
check_erased(void **state)
{
	(void)state;
	write_answer("lakeside", 7, 0);
	write_answer("lakeside", 9, 0);
	write_answer("lakeside.one", 7, 0);
	spool_remove_all(worker.spool, "lakeside");
	assert_int_equal(files(false), 1);
	assert_int_equal(access(path_of("lakeside.one.7"), F_OK), 0);
}

static void
check_sealed(void **state)
{
	char content[4096];
	struct stat about;
	size_t length;

	(void)state;
	write_answer("lakeside", 1, 0);
	length = read_all("lakeside.1", content, sizeof(content));
	assert_null(memmem(content, length, "the-access", 10));
	assert_null(memmem(content, length, "the-refresh", 11));
	assert_int_equal(stat(path_of("lakeside.1"), &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
}

static void
check_unreachable(void **state)
{
	(void)state;
	write_answer("lakeside", 1, 0);
	database.answer = SW_EUNAVAILABLE;
	assert_int_equal(replay_all(&worker), SW_EUNAVAILABLE);
	assert_int_equal(files(false), 1);
	assert_true(worker.replay_due);
	database.answer = SW_OK;
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(database.calls, 1);
	assert_string_equal(database.installation_id, "lakeside");
}

static void
check_refused(void **state)
{
	(void)state;
	write_answer("lakeside", 1, 0);
	write_answer("attic", 1, 0);
	database.answer = SW_EINPUT;
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(database.calls, 2);
	assert_int_equal(files(false), 2);
}

static void
check_locked(void **state)
{
	(void)state;
	write_answer("attic", 1, 0);
	write_answer("lakeside", 1, 0);
	write_answer("orchard", 1, 0);
	database.locked = "lakeside";
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(database.calls, 3);
	assert_int_equal(files(false), 3);
	assert_true(replay_sweep(&worker) < 10000); /* sooner than after a sweep that stored all */
}

static void
check_one(void **state)
{
	bool found = true;

	(void)state;
	assert_int_equal(replay_one(&worker, "lakeside", 1, &found), SW_OK);
	assert_false(found);
	write_answer("lakeside", 1, 0);
	assert_int_equal(replay_one(&worker, "lakeside", 2, &found), SW_OK);
	assert_false(found);
	assert_int_equal(database.calls, 0);
	database.locked = "lakeside";
	assert_int_equal(replay_one(&worker, "lakeside", 1, &found), SW_ELOCKED);
	assert_true(found);
	database.locked = NULL;
	assert_int_equal(replay_one(&worker, "lakeside", 1, &found), SW_OK);
	assert_true(found);
	assert_int_equal(database.generation, 1);
	close(open(path_of("orchard.1"), O_CREAT | O_WRONLY, 0600)); /* no key opens it */
	assert_int_equal(replay_one(&worker, "orchard", 1, &found), SW_OK);
	assert_false(found);
}

static void
check_again(void **state)
{
	(void)state;
	write_answer("lakeside", 1, 0);
	write_answer("lakeside", 1, 0);
	assert_int_equal(files(false), 1);
	spool_remove(worker.spool, "lakeside", 1);
	spool_remove(worker.spool, "lakeside", 1);
	assert_int_equal(files(false), 0);
}

static void
check_foreign(void **state)
{
	static const char *const names[] = {"README", "lakeside.", ".5", "lakeside.x1",
	    "lakeside.1x", "lake side.1", "lakeside.-1"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		close(open(path_of(names[i]), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(database.calls, 0);
	assert_int_equal(files(false), COUNT_OF(names));
}

static void
check_swapped(void **state)
{
	(void)state;
	/* A file of another installation, or of an earlier pair, does not open under a new name. */
	write_answer("lakeside", 1, 0);
	assert_int_equal(rename(path_of("lakeside.1"), path_of("attic.1")), 0);
	write_answer("lakeside", 1, 0);
	assert_int_equal(rename(path_of("lakeside.1"), path_of("lakeside.2")), 0);
	log_open("test", LOG_ERROR);
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(database.calls, 0);
	assert_int_equal(files(false), 2);
}

static void
check_unfinished(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	(void)state;
	close(open(path_of("tmp-1-lakeside.1"), O_CREAT | O_WRONLY, 0600));
	close(open(path_of("tmp-2-lakeside.1"), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(utimensat(AT_FDCWD, path_of("tmp-1-lakeside.1"), old, 0), 0);
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(database.calls, 0);
	assert_int_equal(files(false), 1);
}

/* Sweep once, and count what is left under an older key. */
static size_t
sweep(void)
{
	size_t count;

	replay_free(worker.replay);
	assert_int_equal(replay_new(&worker.replay), SW_OK);
	assert_false(replay_count_old(worker.replay, &count));
	while (!replay_count_old(worker.replay, &count))
		usleep((useconds_t)replay_sweep(&worker) * 1000);
	return count;
}

static void
set_keys(const char *text)
{
	assert_int_equal(seal_keys_parse(text, &config.seal_keys), SW_OK);
}

#define KEY_1 "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_2 "k2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static void
check_old_key(void **state)
{
	(void)state;
	write_answer("lakeside", 1, 0);
	set_keys(KEY_2 "\n" KEY_1);
	write_answer("attic", 2, 0);
	database.state = STORE_SPOOLED_STORED;
	assert_int_equal(sweep(), 0);
	assert_int_equal(files(false), 2);
	set_keys(KEY_2);
	database.state = STORE_SPOOLED_NEWER;
	assert_int_equal(replay_all(&worker), SW_OK);
	assert_int_equal(database.calls, 2);
}

static void
check_no_key(void **state)
{
	(void)state;
	write_answer("lakeside", 1, 0);
	set_keys(KEY_2);
	assert_int_equal(sweep(), 1);
	assert_int_equal(files(false), 1);
	assert_int_equal(database.calls, 0);
	database.state = STORE_SPOOLED_STORED;
	assert_int_equal(sweep(), 0);
	assert_int_equal(files(false), 0);
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
	    WITH_SPOOL("an answer is replayed with its age, and stays", check_replay),
	    WITH_SPOOL("an answer that is stored stays", check_stored),
	    WITH_SPOOL("an answer that is older than the stored pair is removed", check_older),
	    WITH_SPOOL("an answer that another link overtakes is removed", check_overtaken),
	    WITH_SPOOL("600 answers are compared with three statements", check_many),
	    WITH_SPOOL("the answers of an erased installation are removed", check_erased),
	    WITH_SPOOL("an answer cannot be read on the disk", check_sealed),
	    WITH_SPOOL("an answer stays while the database cannot be reached", check_unreachable),
	    WITH_SPOOL(
		"an answer that the database refuses does not delay the others", check_refused),
	    WITH_SPOOL("an answer whose row is locked does not delay the others", check_locked),
	    WITH_SPOOL("an answer that is there is stored before the token is sent", check_one),
	    WITH_SPOOL("an answer may be written and removed twice", check_again),
	    WITH_SPOOL("files with other names are neither read nor removed", check_foreign),
	    WITH_SPOOL("a file that was renamed does not open", check_swapped),
	    WITH_SPOOL("unfinished files are removed when they are old", check_unfinished),
	    WITH_SPOOL("an answer under an older key is sealed anew", check_old_key),
	    WITH_SPOOL("an answer that no key opens is kept only while it is needed", check_no_key),
	    WITH_SPOOL("a folder that cannot be made is refused", check_no_folder),
	};

	return RUN_TESTS(tests);
}
