/*
 * log.h, seen from the other end of stderr: a pipe in packet mode, where each
 * read gives exactly what one write put in.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"

static int pipe_read = -1;
static int saved_stderr = -1;

static int
redirect_stderr(void **state)
{
	int ends[2];

	(void)state;
	if (pipe2(ends, O_DIRECT | O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	pipe_read = ends[0];
	log_open("tester", LOG_INFO);
	log_set_request("");
	return 0;
}

static int
restore_stderr(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_read);
	return 0;
}

/* The next line as one write made it; "" when there is none. */
static const char *
next_line(void)
{
	static char line[8192];
	ssize_t length = read(pipe_read, line, sizeof(line) - 1);

	line[length > 0 ? length : 0] = '\0';
	return line;
}

static void
check_layout(void **state)
{
	(void)state;
	log_event(LOG_INFO, "webhook.applied", "installation", log_int(12), "ms", "3", NULL);
	assert_string_equal(
	    next_line(), "level=info program=tester event=webhook.applied installation=12 ms=3\n");
	log_event(LOG_ERROR, "start", NULL);
	assert_string_equal(next_line(), "level=error program=tester event=start\n");
	assert_string_equal(next_line(), "");
}

static void
check_request(void **state)
{
	char longer[100];

	(void)state;
	log_set_request("7f3a_B-9\n x=\"\xc3\xa4");
	log_event(LOG_WARN, "page", "path", "/", NULL);
	assert_string_equal(
	    next_line(), "level=warn program=tester event=page request=7f3a_B-9x path=/\n");
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	log_set_request(longer);
	log_event(LOG_INFO, "page", NULL);
	assert_int_equal(
	    strlen(next_line()), strlen("level=info program=tester event=page request=\n") + 64);
	log_set_request(NULL);
	log_event(LOG_INFO, "page", NULL);
	assert_string_equal(next_line(), "level=info program=tester event=page\n");
}

static void
check_escaping(void **state)
{
	(void)state;
	log_event(LOG_INFO, "e", "v", "a\nlevel=error b", "t", "\t\r\\\"", NULL);
	assert_string_equal(next_line(), "level=info program=tester event=e "
					 "v=\"a\\nlevel=error b\" t=\"\\t\\r\\\\\\\"\"\n");
	log_event(LOG_INFO, "e", "v", "\x1b[31m\x7f", "u", "\xc3\xa9", "empty", "", NULL);
	assert_string_equal(next_line(), "level=info program=tester event=e "
					 "v=\"\\x1b[31m\\x7f\" u=\"\\xc3\\xa9\" empty=\"\"\n");
}

static void
check_null_value(void **state)
{
	const char *nothing = NULL;

	(void)state;
	log_event(LOG_INFO, "e", "a", nothing, "b", "2", "c", nothing, NULL);
	assert_string_equal(next_line(), "level=info program=tester event=e b=2\n");
}

static void
check_levels(void **state)
{
	(void)state;
	log_event(LOG_DEBUG, "quiet", NULL);
	assert_string_equal(next_line(), "");
	assert_false(log_enabled(LOG_DEBUG));
	assert_true(log_enabled(LOG_INFO));
	log_open("tester", LOG_ERROR);
	log_event(LOG_WARN, "quiet", NULL);
	assert_string_equal(next_line(), "");
	log_open("tester", LOG_DEBUG);
	log_event(LOG_DEBUG, "loud", NULL);
	assert_string_equal(next_line(), "level=debug program=tester event=loud\n");
}

static void
check_level_names(void **state)
{
	static const char *const bad[] = {"", "INFO", "infos", "inf", "warning", "0", " info"};
	enum log_level level = LOG_DEBUG;

	(void)state;
	assert_true(log_level_parse("error", &level) && level == LOG_ERROR);
	assert_true(log_level_parse("warn", &level) && level == LOG_WARN);
	assert_true(log_level_parse("debug", &level) && level == LOG_DEBUG);
	assert_true(log_level_parse("info", &level) && level == LOG_INFO);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(log_level_parse(bad[i], &level));
	assert_false(log_level_parse(NULL, &level));
	assert_int_equal(level, LOG_INFO);
}

static void
check_long_value(void **state)
{
	char value[2000];

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_event(LOG_INFO, "e", "v", value, "after", "1", NULL);
	assert_int_equal(
	    strlen(next_line()), strlen("level=info program=tester event=e v= after=1\n") + 512);
}

/* Every count of filling bytes, so that each way to run out of room comes up. */
static void
check_long_line(void **state)
{
	char control[600], filler[513];

	(void)state;
	memset(control, 1, sizeof(control) - 1);
	control[sizeof(control) - 1] = '\0';
	for (size_t fill = 0; fill < sizeof(filler); fill++) {
		const char *line;
		size_t length;

		memset(filler, 'f', fill);
		filler[fill] = '\0';
		log_event(LOG_INFO, "e", "f", filler, "a", control, "b", control, "c", control, "d",
		    "", "g", "x", NULL);
		line = next_line();
		length = strlen(line);
		assert_in_range(length, 1000, 4096);
		assert_ptr_equal(strchr(line, '\n'), line + length - 1);
		assert_int_equal(line[length - 2] == '\\', 0);
	}
}

static void
check_errno(void **state)
{
	(void)state;
	errno = ENOENT;
	log_event(LOG_INFO, "e", NULL);
	assert_int_equal(errno, ENOENT);
	for (int i = 0; i < 5000; i++) {
		errno = EPERM;
		log_event(LOG_INFO, "flood", NULL);
		assert_int_equal(errno, EPERM);
	}
}

static void
check_numbers(void **state)
{
	(void)state;
	log_event(LOG_INFO, "e", "a", log_int(0), "b", log_int(-4), "c", log_int(INT64_MIN), "d",
	    log_int(INT64_MAX), "e", log_int(5), "f", log_int(6), "g", log_int(7), "h", log_int(8),
	    "i", log_int(9), NULL);
	assert_string_equal(next_line(),
	    "level=info program=tester event=e a=0 b=-4 c=-9223372036854775808 "
	    "d=9223372036854775807 e=5 f=6 g=7 h=8 i=9\n");
}

#define SAYS_LOG(sentence, function)                                                        \
	{                                                                                   \
		.name = (sentence), .test_func = (function), .setup_func = redirect_stderr, \
		.teardown_func = restore_stderr                                             \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SAYS_LOG("an event is one logfmt line in one write", check_layout),
	    SAYS_LOG("lines carry the request id, stripped to harmless characters", check_request),
	    SAYS_LOG("a value cannot start a line or control a terminal", check_escaping),
	    SAYS_LOG("a pair without a value is left out", check_null_value),
	    SAYS_LOG("nothing below the level is written", check_levels),
	    SAYS("level names are read exactly", check_level_names),
	    SAYS_LOG("a long value is cut at 512 bytes", check_long_value),
	    SAYS_LOG("a long line stays one line of at most 4096 bytes", check_long_line),
	    SAYS_LOG("errno survives, also when stderr takes no more", check_errno),
	    SAYS_LOG("a line takes any count of numbers, each with its own text", check_numbers),
	};

	return RUN_TESTS(tests);
}
