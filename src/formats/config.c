/*
 * Configuration from the environment.  What it hides: defaults, secrets read from the file that
 * NAME_FILE names, the checks, and that secrets are removed from the environment once they are
 * read.
 */
#include "formats/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "base/secret.h"
#include "formats/number.h"

#define DEFAULT_API_URL "https://api.smartthings.com/v1"
#define DEFAULT_KEY_URL "https://key.smartthings.com"
#define DEFAULT_SCOPES "r:locations:* r:devices:* x:devices:*"
#define DEFAULT_STATE_DIR "./var"
#define DEFAULT_SIGN_UP "invite"
#define SEAL_KEYS "SWITCHBOARD_SEAL_KEYS"

/* Bytes.  A file with a secret is a few lines long; anything longer is the wrong file. */
#define SECRET_FILE_MAX 65536
#define VALUE_MAX 65536
#define EVENT_DAYS_DEFAULT 30
#define EVENT_DAYS_MIN 8 /* more than policy_event_late() of sql/functions/policy.sql */
#define EVENT_DAYS_MAX 3650
#define CALL_BUDGET_MAX INT64_C(999999999999999)

static enum sw_err
complain(const char *name, const char *what)
{
	fprintf(stderr, "%s: %s\n", name, what);
	return SW_EINPUT;
}

/* The value of a variable, NULL when unset or empty: both mean "not configured". */
static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

/* Copy of a variable or its default in *out; neither is an error. */
static enum sw_err
take(const char *name, const char *fallback, char **out)
{
	const char *value = variable(name);

	if (value == NULL)
		value = fallback;
	if (value == NULL)
		return complain(name, "is not set");
	if (strlen(value) > VALUE_MAX)
		return complain(name, "is too long");
	*out = strdup(value);
	return *out == NULL ? complain(name, "out of memory") : SW_OK;
}

static bool
read_all(int fd, struct sbuf *buf)
{
	char chunk[4096];
	ssize_t got;

	for (;;) {
		got = read(fd, chunk, sizeof(chunk));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		sbuf_put(buf, chunk, (size_t)got);
	}
	secret_cleanse(chunk, sizeof(chunk));
	return got == 0;
}

/* Editors end a file with a newline, which is not part of the secret. */
static void
strip_newline(char *text)
{
	size_t length = strlen(text);

	if (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	if (length > 0 && text[length - 1] == '\r')
		text[length - 1] = '\0';
}

static enum sw_err
take_file(const char *name, const char *path, char **out)
{
	struct sbuf buf;
	enum sw_err err = SW_OK;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return complain(name, strerror(errno));
	sbuf_init_secret(&buf, SECRET_FILE_MAX);
	if (!read_all(fd, &buf))
		err = complain(name, strerror(errno));
	else if (sbuf_failed(&buf))
		err = complain(name, "names a file that is too large");
	else if (strlen(sbuf_text(&buf)) != buf.length)
		err = complain(name, "names a file with NUL bytes");
	close(fd);
	if (err == SW_OK) {
		*out = strdup(sbuf_text(&buf));
		if (*out == NULL)
			err = complain(name, "out of memory");
		else
			strip_newline(*out);
	}
	if (err == SW_OK && (*out)[0] == '\0')
		err = complain(name, "names an empty file");
	sbuf_clear(&buf);
	return err;
}

/*
 * Remove a secret from the environment and from the memory that /proc/PID/environ shows, so that
 * child processes and crash reports do not get it.
 */
static void
forget(const char *name)
{
	char *value = getenv(name);

	if (value == NULL)
		return;
	secret_cleanse(value, strlen(value));
	unsetenv(name);
}

/* A secret from NAME or from the file that NAME_FILE names, not from both. */
static enum sw_err
take_secret(const char *name, char **out)
{
	char file_name[64];
	const char *path;
	enum sw_err err;

	snprintf(file_name, sizeof(file_name), "%s_FILE", name);
	path = variable(file_name);
	if (path == NULL)
		err = take(name, NULL, out);
	else if (variable(name) != NULL)
		err = complain(name, "is given twice, here and as a _FILE");
	else
		err = take_file(file_name, path, out);
	forget(name);
	return err;
}

static void
strip_slashes(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && text[length - 1] == '/')
		text[--length] = '\0';
}

/* A base URL: no query, no trailing slash, https unless the host is this one. */
static enum sw_err
take_url(const char *name, const char *fallback, char **out, struct url_parts *parts)
{
	enum sw_err err = take(name, fallback, out);

	if (err != SW_OK)
		return err;
	strip_slashes(*out);
	if (url_split(*out, parts) != SW_OK)
		return complain(name, "is not an http or https URL");
	if (strchr(parts->path, '?') != NULL)
		return complain(name, "must not have a query");
	if (strcmp(parts->scheme, "https") != 0 && !url_is_loopback(parts))
		return complain(name, "must be https (plain http only to a loopback host)");
	return SW_OK;
}

static enum sw_err
load_database(struct config *config)
{
	static const char name[] = "SWITCHBOARD_DATABASE_URL";
	enum sw_err err = take_secret(name, &config->database_url);

	if (err != SW_OK)
		return err;
	if (strncmp(config->database_url, "postgresql://", 13) != 0 &&
	    strncmp(config->database_url, "postgres://", 11) != 0)
		return complain(name, "must start with postgresql://");
	return SW_OK;
}

static enum sw_err
load_public(struct config *config)
{
	static const char name[] = "SWITCHBOARD_PUBLIC_URL";
	struct url_parts parts;
	enum sw_err err = take_url(name, NULL, &config->public_url, &parts);

	if (err != SW_OK)
		return err;
	if (parts.path[0] != '\0')
		return complain(name, "must not have a path");
	config->public_is_https = strcmp(parts.scheme, "https") == 0;
	return SW_OK;
}

static enum sw_err
load_api(struct config *config)
{
	return take_url("SWITCHBOARD_API_URL", DEFAULT_API_URL, &config->api_url, &config->api);
}

static enum sw_err
load_keys(struct config *config)
{
	struct url_parts parts;

	return take_url("SWITCHBOARD_KEY_URL", DEFAULT_KEY_URL, &config->key_url, &parts);
}

static enum sw_err
load_app(struct config *config)
{
	static const char name[] = "SWITCHBOARD_APP_ID";
	enum sw_err err;

	if (variable(name) == NULL)
		return SW_OK;
	err = take(name, NULL, &config->app_id);
	if (err == SW_OK && !url_id_is_valid(config->app_id))
		err = complain(name, "is not an app id");
	return err;
}

/* Printable ASCII, with spaces or without: what RFC 6749 appendix A allows here. */
static bool
is_visible(const char *text, bool space)
{
	for (; *text != '\0'; text++) {
		if (*text < (space ? 0x20 : 0x21) || *text > 0x7e)
			return false;
	}
	return true;
}

static enum sw_err
load_client(struct config *config)
{
	enum sw_err err = take("SWITCHBOARD_CLIENT_ID", NULL, &config->client_id);

	if (err == SW_OK && !is_visible(config->client_id, false))
		err = complain("SWITCHBOARD_CLIENT_ID", "has spaces or control characters");
	if (err == SW_OK)
		err = take_secret("SWITCHBOARD_CLIENT_SECRET", &config->client_secret);
	if (err == SW_OK && !is_visible(config->client_secret, false))
		err = complain("SWITCHBOARD_CLIENT_SECRET", "has spaces or control characters");
	if (err == SW_OK)
		err = take("SWITCHBOARD_SCOPES", DEFAULT_SCOPES, &config->scopes);
	if (err == SW_OK && !is_visible(config->scopes, true))
		err = complain("SWITCHBOARD_SCOPES", "has control characters");
	return err;
}

static enum sw_err
load_seal(struct config *config)
{
	static const char name[] = SEAL_KEYS;
	const char *path = variable(SEAL_KEYS "_FILE");
	char *text = NULL;
	enum sw_err err = take_secret(name, &text);

	if (err == SW_OK && path != NULL) {
		config->seal_keys_file = strdup(path);
		if (config->seal_keys_file == NULL)
			err = complain(name, "out of memory");
	}
	if (err == SW_OK && seal_keys_parse(text, &config->seal_keys) != SW_OK)
		err = complain(name, "must be lines of id:base64(32 bytes)");
	secret_free_text(text);
	return err;
}

static enum sw_err
load_events(struct config *config)
{
	static const char name[] = "SWITCHBOARD_EVENTS_SOCKET";
	enum sw_err err = take(name, NULL, &config->events_socket);

	if (err == SW_OK &&
	    strlen(config->events_socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		err = complain(name, "is too long for a socket");
	return err;
}

static enum sw_err
load_budget(struct config *config)
{
	static const char name[] = "SWITCHBOARD_CALL_BUDGET";
	const char *value = variable(name);

	if (value == NULL)
		return SW_OK;
	if (number_parse_text(value, 0, CALL_BUDGET_MAX, &config->call_budget) != SW_OK)
		return complain(name, "must be a number of calls a month, 0 for no limit");
	return SW_OK;
}

static enum sw_err
load_event_days(struct config *config)
{
	static const char name[] = "SWITCHBOARD_EVENT_DAYS";
	const char *value = variable(name);

	config->event_days = EVENT_DAYS_DEFAULT;
	if (value != NULL &&
	    number_parse_text(value, EVENT_DAYS_MIN, EVENT_DAYS_MAX, &config->event_days) != SW_OK)
		return complain(name, "must be a number of days from 8 to 3650");
	return SW_OK;
}

static enum sw_err
load_state(struct config *config)
{
	return take("SWITCHBOARD_STATE_DIR", DEFAULT_STATE_DIR, &config->state_dir);
}

static enum sw_err
load_sign_up(struct config *config)
{
	static const char name[] = "SWITCHBOARD_SIGN_UP";
	enum sw_err err = take(name, DEFAULT_SIGN_UP, &config->sign_up);

	if (err == SW_OK && strcmp(config->sign_up, "open") != 0 &&
	    strcmp(config->sign_up, "invite") != 0 && strcmp(config->sign_up, "closed") != 0)
		err = complain(name, "must be open, invite or closed");
	return err;
}

static enum sw_err
load_log_level(struct config *config)
{
	static const char name[] = "SWITCHBOARD_LOG_LEVEL";
	const char *value = variable(name);

	config->log_level = LOG_INFO;
	if (value != NULL && !log_level_parse(value, &config->log_level))
		return complain(name, "must be error, warn, info or debug");
	return SW_OK;
}

static const struct {
	enum config_part part;
	enum sw_err (*load)(struct config *config);
} parts_table[] = {
    {CONFIG_DATABASE, load_database},
    {CONFIG_PUBLIC, load_public},
    {CONFIG_API, load_api},
    {CONFIG_KEYS, load_keys},
    {CONFIG_APP, load_app},
    {CONFIG_CLIENT, load_client},
    {CONFIG_SEAL, load_seal},
    {CONFIG_EVENTS, load_events},
    {CONFIG_BUDGET, load_budget},
    {CONFIG_STATE, load_state},
    {CONFIG_SIGN_UP, load_sign_up},
    {CONFIG_DAYS, load_event_days},
};

enum sw_err
config_load(struct config *out, unsigned parts)
{
	enum sw_err err;

	memset(out, 0, sizeof(*out));
	err = load_log_level(out);
	for (size_t i = 0; err == SW_OK && i < sizeof(parts_table) / sizeof(parts_table[0]); i++) {
		if ((parts & parts_table[i].part) != 0)
			err = parts_table[i].load(out);
	}
	if (err != SW_OK)
		config_clear(out);
	return err;
}

void
config_load_or_exit(struct config *out, unsigned parts, const char *program)
{
	if (config_load(out, parts) != SW_OK)
		exit(CONFIG_EXIT_STATUS);
	log_open(program, out->log_level);
}

void
config_complain_seal_key(const struct config *config, const char *key_id)
{
	const char *file = config->seal_keys_file;

	fprintf(stderr,
	    SEAL_KEYS "%s%s%s: key %s is not the one that sealed what is in the database under "
		      "this id: put that one back, or give this one another id\n",
	    file != NULL ? "_FILE (" : "", file != NULL ? file : "", file != NULL ? ")" : "",
	    key_id);
}

void
config_clear(struct config *config)
{
	if (config == NULL)
		return;
	secret_free_text(config->database_url);
	free(config->public_url);
	free(config->api_url);
	free(config->key_url);
	free(config->app_id);
	free(config->client_id);
	secret_free_text(config->client_secret);
	free(config->scopes);
	seal_keys_clear(&config->seal_keys);
	free(config->seal_keys_file);
	free(config->events_socket);
	free(config->state_dir);
	free(config->sign_up);
	memset(config, 0, sizeof(*config));
}
