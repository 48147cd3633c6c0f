/*
 * config.h: defaults, checks, NAME_FILE, and that secrets leave the
 * environment.  Complaints are read from stderr.
 */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "formats/config.h"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

/* config_load() with stderr caught in "said"; the variables are name, value, …, NULL. */
static enum sw_err
load(struct config *out, unsigned parts, char *said, size_t size, const char *const *variables)
{
	FILE *caught = tmpfile();
	int saved = dup(STDERR_FILENO);
	enum sw_err err;
	size_t length;

	assert_non_null(caught);
	clearenv();
	for (size_t i = 0; variables[i] != NULL; i += 2)
		setenv(variables[i], variables[i + 1], 1);
	fflush(stderr);
	dup2(fileno(caught), STDERR_FILENO);
	err = config_load(out, parts);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(caught);
	length = fread(said, 1, size - 1, caught);
	said[length] = '\0';
	fclose(caught);
	return err;
}

#define LOAD(out, parts, said, ...) \
	load((out), (parts), (said), sizeof(said), (const char *const[]){__VA_ARGS__, NULL})

static void
write_file(char *path, const char *text)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void
check_defaults(void **state)
{
	struct config config;
	char said[512];

	(void)state;
	assert_int_equal(
	    LOAD(&config,
		CONFIG_API | CONFIG_KEYS | CONFIG_APP | CONFIG_BUDGET | CONFIG_STATE | CONFIG_DAYS,
		said, "SWITCHBOARD_APP_ID", ""),
	    SW_OK);
	assert_string_equal(config.api_url, "https://api.smartthings.com/v1");
	assert_string_equal(config.api.host, "api.smartthings.com");
	assert_string_equal(config.api.path, "/v1");
	assert_string_equal(config.key_url, "https://key.smartthings.com");
	assert_null(config.app_id);
	assert_int_equal(config.call_budget, 0);
	assert_int_equal(config.event_days, 30);
	assert_string_equal(config.state_dir, "./var");
	assert_int_equal(config.log_level, LOG_INFO);
	assert_null(config.client_secret);
	assert_string_equal(said, "");
	config_clear(&config);
	config_clear(NULL);
}

static void
check_parts(void **state)
{
	struct config config;
	char said[512];

	(void)state;
	assert_int_equal(
	    LOAD(&config, CONFIG_APP, said, "SWITCHBOARD_CLIENT_SECRET", "geheim"), SW_OK);
	assert_null(config.client_secret);
	assert_string_equal(getenv("SWITCHBOARD_CLIENT_SECRET"), "geheim");
	config_clear(&config);
}

static void
check_client(void **state)
{
	struct config config;
	char said[512];

	(void)state;
	assert_int_equal(LOAD(&config, CONFIG_CLIENT | CONFIG_SEAL | CONFIG_DATABASE, said,
			     "SWITCHBOARD_CLIENT_ID", "id", "SWITCHBOARD_CLIENT_SECRET", "geheim",
			     "SWITCHBOARD_SEAL_KEYS", "k1:" KEY "\nk0:" KEY "\n",
			     "SWITCHBOARD_DATABASE_URL", "postgresql://u:p@127.0.0.1/x"),
	    SW_OK);
	assert_string_equal(config.client_id, "id");
	assert_string_equal(config.client_secret, "geheim");
	assert_string_equal(config.scopes, "r:locations:* r:devices:* x:devices:*");
	assert_int_equal(config.seal_keys.count, 2);
	assert_string_equal(config.database_url, "postgresql://u:p@127.0.0.1/x");
	assert_null(getenv("SWITCHBOARD_CLIENT_SECRET"));
	assert_null(getenv("SWITCHBOARD_SEAL_KEYS"));
	assert_null(getenv("SWITCHBOARD_DATABASE_URL"));
	config_clear(&config);
	assert_null(config.client_secret);
}

static void
check_file(void **state)
{
	char path[] = "/tmp/switchboard-config-XXXXXX";
	struct config config;
	char said[512];

	(void)state;
	write_file(path, "from file\\\n");
	assert_int_equal(LOAD(&config, CONFIG_CLIENT, said, "SWITCHBOARD_CLIENT_ID", "id",
			     "SWITCHBOARD_CLIENT_SECRET_FILE", path),
	    SW_EINPUT); /* a space is not the secret's */
	assert_non_null(strstr(said, "SWITCHBOARD_CLIENT_SECRET: has spaces"));
	unlink(path);

	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	write_file(path, "geheim\r\n");
	assert_int_equal(LOAD(&config, CONFIG_CLIENT, said, "SWITCHBOARD_CLIENT_ID", "id",
			     "SWITCHBOARD_CLIENT_SECRET_FILE", path),
	    SW_OK);
	assert_string_equal(config.client_secret, "geheim");
	config_clear(&config);

	assert_int_equal(
	    LOAD(&config, CONFIG_CLIENT, said, "SWITCHBOARD_CLIENT_ID", "id",
		"SWITCHBOARD_CLIENT_SECRET_FILE", path, "SWITCHBOARD_CLIENT_SECRET", "geheim"),
	    SW_EINPUT);
	assert_non_null(strstr(said, "SWITCHBOARD_CLIENT_SECRET: is given twice"));
	assert_null(strstr(said, "geheim"));
	unlink(path);
	assert_int_equal(LOAD(&config, CONFIG_CLIENT, said, "SWITCHBOARD_CLIENT_ID", "id",
			     "SWITCHBOARD_CLIENT_SECRET_FILE", path),
	    SW_EINPUT);
	assert_non_null(strstr(said, "SWITCHBOARD_CLIENT_SECRET_FILE: No such file"));
}

static void
check_odd_files(void **state)
{
	char path[] = "/tmp/switchboard-config-XXXXXX";
	struct config config;
	char said[512];
	FILE *file;

	(void)state;
	write_file(path, "\n");
	assert_int_equal(
	    LOAD(&config, CONFIG_SEAL, said, "SWITCHBOARD_SEAL_KEYS_FILE", path), SW_EINPUT);
	assert_string_equal(said, "SWITCHBOARD_SEAL_KEYS_FILE: names an empty file\n");
	file = fopen(path, "w");
	fwrite("k:\0x", 1, 4, file);
	fclose(file);
	assert_int_equal(
	    LOAD(&config, CONFIG_SEAL, said, "SWITCHBOARD_SEAL_KEYS_FILE", path), SW_EINPUT);
	assert_non_null(strstr(said, "NUL bytes"));
	assert_int_equal(truncate(path, 100000), 0);
	assert_int_equal(
	    LOAD(&config, CONFIG_SEAL, said, "SWITCHBOARD_SEAL_KEYS_FILE", path), SW_EINPUT);
	assert_non_null(strstr(said, "too large"));
	unlink(path);
	assert_int_equal(
	    LOAD(&config, CONFIG_SEAL, said, "SWITCHBOARD_SEAL_KEYS_FILE", "/tmp"), SW_EINPUT);
	assert_non_null(strstr(said, "SWITCHBOARD_SEAL_KEYS_FILE: "));
}

static void
check_slashes(void **state)
{
	struct config config;
	char said[512];

	(void)state;
	assert_int_equal(LOAD(&config, CONFIG_PUBLIC | CONFIG_API, said, "SWITCHBOARD_PUBLIC_URL",
			     "https://switchboard.example/", "SWITCHBOARD_API_URL",
			     "http://127.0.0.1:9000/v1//"),
	    SW_OK);
	assert_string_equal(config.public_url, "https://switchboard.example");
	assert_true(config.public_is_https);
	assert_string_equal(config.api_url, "http://127.0.0.1:9000/v1");
	assert_int_equal(config.api.port, 9000);
	assert_string_equal(config.api.path, "/v1");
	config_clear(&config);
}

static void
check_refusals(void **state)
{
	static const struct {
		unsigned part;
		const char *name, *value, *said;
	} cases[] = {
	    {CONFIG_DATABASE, "SWITCHBOARD_DATABASE_URL", "", "is not set"},
	    {CONFIG_DATABASE, "SWITCHBOARD_DATABASE_URL", "host=/tmp", "postgresql://"},
	    {CONFIG_PUBLIC, "SWITCHBOARD_PUBLIC_URL", "", "is not set"},
	    {CONFIG_PUBLIC, "SWITCHBOARD_PUBLIC_URL", "http://home.example", "https"},
	    {CONFIG_PUBLIC, "SWITCHBOARD_PUBLIC_URL", "https://switchboard.example/a", "path"},
	    {CONFIG_API, "SWITCHBOARD_API_URL", "http://10.0.0.1/v1", "https"},
	    {CONFIG_API, "SWITCHBOARD_API_URL", "ftp://127.0.0.1/", "URL"},
	    {CONFIG_API, "SWITCHBOARD_API_URL", "https://a.example/v1?x=1", "query"},
	    {CONFIG_API, "SWITCHBOARD_API_URL", "https://u:p@a.example/v1", "URL"},
	    {CONFIG_KEYS, "SWITCHBOARD_KEY_URL", "key.example", "URL"},
	    {CONFIG_APP, "SWITCHBOARD_APP_ID", "a/b", "app id"},
	    {CONFIG_CLIENT, "SWITCHBOARD_CLIENT_ID", "", "is not set"},
	    {CONFIG_CLIENT, "SWITCHBOARD_CLIENT_ID", "a b", "spaces"},
	    {CONFIG_SEAL, "SWITCHBOARD_SEAL_KEYS", "", "is not set"},
	    {CONFIG_SEAL, "SWITCHBOARD_SEAL_KEYS", "k1:short", "id:base64"},
	    {CONFIG_EVENTS, "SWITCHBOARD_EVENTS_SOCKET", "", "is not set"},
	    {CONFIG_BUDGET, "SWITCHBOARD_CALL_BUDGET", "-1", "number"},
	    {CONFIG_BUDGET, "SWITCHBOARD_CALL_BUDGET", "10k", "number"},
	    {CONFIG_BUDGET, "SWITCHBOARD_CALL_BUDGET", "9999999999999999", "number"},
	    {CONFIG_SIGN_UP, "SWITCHBOARD_SIGN_UP", "friends", "open, invite or closed"},
	    {CONFIG_DAYS, "SWITCHBOARD_EVENT_DAYS", "7", "from 8"},
	    {CONFIG_DAYS, "SWITCHBOARD_EVENT_DAYS", "month", "number"},
	    {0, "SWITCHBOARD_LOG_LEVEL", "loud", "error, warn, info or debug"},
	};
	struct config config;
	struct config empty = {0};
	char said[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(
		    LOAD(&config, cases[i].part, said, cases[i].name, cases[i].value), SW_EINPUT);
		assert_ptr_equal(strstr(said, cases[i].name), said);
		assert_non_null(strstr(said, cases[i].said));
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
		assert_memory_equal(&config, &empty, sizeof(config));
	}
}

static void
check_secret_kept(void **state)
{
	struct config config;
	char said[512];

	(void)state;
	assert_int_equal(
	    LOAD(&config, CONFIG_SEAL, said, "SWITCHBOARD_SEAL_KEYS", "k1:geheim"), SW_EINPUT);
	assert_null(strstr(said, "geheim"));
	assert_int_equal(LOAD(&config, CONFIG_DATABASE, said, "SWITCHBOARD_DATABASE_URL",
			     "mysql://u:geheim@h/d"),
	    SW_EINPUT);
	assert_null(strstr(said, "geheim"));
}

static void
check_socket_length(void **state)
{
	struct config config;
	char said[512];
	char path[121];

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(
	    LOAD(&config, CONFIG_EVENTS, said, "SWITCHBOARD_EVENTS_SOCKET", path), SW_EINPUT);
	assert_non_null(strstr(said, "too long"));
	path[107] = '\0';
	assert_int_equal(
	    LOAD(&config, CONFIG_EVENTS, said, "SWITCHBOARD_EVENTS_SOCKET", path), SW_OK);
	config_clear(&config);
}

static void
check_exit(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		struct config config;

		clearenv();
		close(STDERR_FILENO);
		config_load_or_exit(&config, CONFIG_CLIENT, "test");
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), CONFIG_EXIT_STATUS);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("what is not set has the documented default", check_defaults),
	    SAYS("a part that was not named is not read", check_parts),
	    SAYS("secrets are read and leave the environment", check_client),
	    SAYS("a secret comes from a file, or from the variable, not both", check_file),
	    SAYS("empty, binary and huge secret files are refused", check_odd_files),
	    SAYS("trailing slashes of base URLs are removed", check_slashes),
	    SAYS("a wrong value is one line that begins with its name", check_refusals),
	    SAYS("an error message never shows a secret", check_secret_kept),
	    SAYS("a socket path must fit the kernel's limit", check_socket_length),
	    SAYS("a program with a wrong configuration exits with 78", check_exit),
	};

	return RUN_TESTS(tests);
}
