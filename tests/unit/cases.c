/*
 * Tests made of folders.
 */
#include "cases.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *
join_path(const char *folder, const char *name)
{
	size_t size = strlen(folder) + strlen(name) + 2;
	char *path = malloc(size);

	if (path == NULL)
		abort();
	snprintf(path, size, "%s/%s", folder, name);
	return path;
}

static int
is_folder(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strchr(entry->d_name, '.') == NULL;
}

/* One test per folder; name and path live until the program ends. */
static size_t
add_cases(const char *folder, CMUnitTestFunction on_case, struct CMUnitTest *tests,
    struct dirent **entries, size_t count)
{
	size_t added = 0;

	for (size_t i = 0; i < count; i++) {
		char *path = join_path(folder, entries[i]->d_name);
		struct stat status;

		if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
			tests[added++] = (struct CMUnitTest){.name = entries[i]->d_name,
			    .test_func = on_case,
			    .initial_state = path};
		else
			free(path);
	}
	return added;
}

static char *
module_path(const char *module)
{
	const char *data = getenv("SWITCHBOARD_TEST_DATA");

	return join_path(data != NULL ? data : "tests/data", module);
}

int
cases_run(
    const char *module, const struct CMUnitTest *fixed, size_t count, CMUnitTestFunction on_case)
{
	char *folder = module_path(module);
	struct dirent **entries = NULL;
	int found = scandir(folder, &entries, is_folder, alphasort), failed;
	struct CMUnitTest *tests;
	size_t added;

	if (found <= 0) {
		printf("Bail out! no test cases in %s\n", folder);
		free(folder);
		return 1;
	}
	tests = calloc(count + (size_t)found, sizeof(*tests));
	if (tests == NULL)
		abort();
	memcpy(tests, fixed, count * sizeof(*tests));
	added = add_cases(folder, on_case, tests + count, entries, (size_t)found);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = _cmocka_run_group_tests(module, tests, count + added, NULL, NULL);
	for (size_t i = 0; i < added; i++)
		free(tests[count + i].initial_state);
	for (int i = 0; i < found; i++)
		free(entries[i]);
	free(entries);
	free(tests);
	free(folder);
	return failed;
}

char *
case_read(const char *folder, const char *file, size_t *length)
{
	char *path = join_path(folder, file), *text = NULL;
	FILE *in = fopen(path, "rb");
	struct stat status;

	free(path);
	if (in == NULL)
		return NULL;
	assert_int_equal(fstat(fileno(in), &status), 0);
	text = calloc(1, (size_t)status.st_size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)status.st_size, in), status.st_size);
	fclose(in);
	if (length != NULL)
		*length = (size_t)status.st_size;
	return text;
}

char *
case_read_line(const char *folder, const char *file)
{
	char *text = case_read(folder, file, NULL);

	if (text == NULL)
		fail_msg("%s has no file %s", folder, file);
	text[strcspn(text, "\r\n")] = '\0';
	return text;
}

char *
case_open(const char *module, const char *name, const char *file, size_t *length)
{
	char *parent = module_path(module), *folder = join_path(parent, name);
	char *text = case_read(folder, file, length);

	if (text == NULL)
		fail_msg("%s has no file %s", folder, file);
	free(folder);
	free(parent);
	return text;
}
