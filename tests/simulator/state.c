/*
 * The state document and its file.  The file is written by a thread of its
 * own: fsync can take seconds on a busy disk, and answers must not wait for it.  That
 * thread shares nothing but the text to write.
 */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop.h"
#include "text.h"

#define SAVE_DELAY_MS 100

static json_t *document;
static char *file_path;
static void (*before_save)(void);
static uint64_t save_timer;

static pthread_t writer;
static pthread_mutex_t writer_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t writer_wake = PTHREAD_COND_INITIALIZER;
static char *writer_text; /* the newest text to write, NULL when there is none */
static bool writer_stop;

static bool
write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t got = write(fd, data, length);

		if (got < 0 && errno != EINTR)
			return false;
		if (got > 0) {
			data += got;
			length -= (size_t)got;
		}
	}
	return true;
}

/* A rename survives a power loss only when its folder was synced too. */
static void
sync_folder(void)
{
	char *copy = text_copy(file_path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(copy);
}

static void
write_file(const char *data)
{
	char *temporary = text_format("%s.new", file_path);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool good =
	    fd >= 0 && fchmod(fd, 0600) == 0 && write_all(fd, data, strlen(data)) && fsync(fd) == 0;

	if (fd >= 0 && close(fd) != 0)
		good = false;
	if (good && rename(temporary, file_path) == 0)
		sync_folder();
	else
		log_line("error", "cannot write %s: %s", file_path, strerror(errno));
	free(temporary);
}

static void *
writer_main(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&writer_lock);
	for (;;) {
		char *data;

		while (writer_text == NULL && !writer_stop)
			pthread_cond_wait(&writer_wake, &writer_lock);
		data = writer_text;
		writer_text = NULL;
		if (data == NULL)
			break;
		pthread_mutex_unlock(&writer_lock);
		write_file(data);
		free(data);
		pthread_mutex_lock(&writer_lock);
	}
	pthread_mutex_unlock(&writer_lock);
	return NULL;
}

static void
save(void *unused)
{
	char *data;

	(void)unused;
	save_timer = 0;
	if (before_save != NULL)
		before_save();
	data = json_dumps(document, JSON_COMPACT);
	if (data == NULL)
		die("out of memory (state)");
	pthread_mutex_lock(&writer_lock);
	free(writer_text);
	writer_text = data;
	pthread_cond_signal(&writer_wake);
	pthread_mutex_unlock(&writer_lock);
}

void
state_changed(void)
{
	if (save_timer == 0)
		save_timer = loop_after(SAVE_DELAY_MS, save, NULL);
}

void
state_before_save(void (*fn)(void))
{
	before_save = fn;
}

void
state_open(const char *path)
{
	json_error_t error;
	int failed;

	file_path = text_copy(path);
	document = access(path, F_OK) == 0 ? json_load_file(path, 0, &error) : json_object();
	if (!json_is_object(document))
		die("state file %s is damaged (line %d: %s)", path, error.line, error.text);
	failed = pthread_create(&writer, NULL, writer_main, NULL);
	if (failed != 0)
		die("cannot start a thread: %s", strerror(failed));
	json_put(document, "version", json_integer(1));
	state_changed();
}

void
state_close(void)
{
	save(NULL);
	pthread_mutex_lock(&writer_lock);
	writer_stop = true;
	pthread_cond_signal(&writer_wake);
	pthread_mutex_unlock(&writer_lock);
	pthread_join(writer, NULL);
	json_decref(document);
	free(file_path);
}

json_t *
state_section(const char *name)
{
	json_t *section = json_object_get(document, name);

	if (!json_is_object(section)) {
		section = json_object();
		json_put(document, name, section);
	}
	return section;
}

void
state_clear(const char *name)
{
	json_object_clear(state_section(name));
	state_changed();
}
