#ifndef SWITCHBOARD_FORMATS_CONFIG_H
#define SWITCHBOARD_FORMATS_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/log.h"
#include "formats/seal.h"
#include "formats/url.h"

/*
 * Configuration from the environment, read once at start.  Each program names the parts it needs
 * and reads no others: a webhook process never holds the client secret.  Every secret may be given
 * as NAME_FILE, the path of a file with it.
 */
enum config_part {
	CONFIG_DATABASE = 1 << 0, /* SWITCHBOARD_DATABASE_URL */
	CONFIG_PUBLIC = 1 << 1,   /* SWITCHBOARD_PUBLIC_URL */
	CONFIG_API = 1 << 2,      /* SWITCHBOARD_API_URL */
	CONFIG_KEYS = 1 << 3,     /* SWITCHBOARD_KEY_URL */
	CONFIG_APP = 1 << 4,      /* SWITCHBOARD_APP_ID (may stay empty) */
	CONFIG_CLIENT = 1 << 5,   /* SWITCHBOARD_CLIENT_ID, _CLIENT_SECRET, _SCOPES */
	CONFIG_SEAL = 1 << 6,     /* SWITCHBOARD_SEAL_KEYS */
	CONFIG_EVENTS = 1 << 7,   /* SWITCHBOARD_EVENTS_SOCKET */
	CONFIG_BUDGET = 1 << 8,   /* SWITCHBOARD_CALL_BUDGET */
	CONFIG_STATE = 1 << 9,    /* SWITCHBOARD_STATE_DIR: spool of the worker */
	CONFIG_SIGN_UP = 1 << 10, /* SWITCHBOARD_SIGN_UP */
	CONFIG_DAYS = 1 << 11,    /* SWITCHBOARD_EVENT_DAYS */
};

struct config {
	char *database_url;
	char *public_url; /* without a trailing slash */
	bool public_is_https;
	char *api_url;        /* without a trailing slash */
	struct url_parts api; /* its parts; path points into api_url */
	char *key_url;        /* without a trailing slash */
	char *app_id;         /* NULL when not configured */
	char *client_id;
	char *client_secret;
	char *scopes;
	struct seal_keys seal_keys;
	char *seal_keys_file; /* where they came from; NULL: not from a file */
	char *events_socket;
	int64_t call_budget; /* API calls a month, 0 = none */
	int64_t event_days;  /* how long events are kept */
	char *state_dir;
	char *sign_up;            /* who may come in: open, invite or closed */
	enum log_level log_level; /* SWITCHBOARD_LOG_LEVEL [info], always read */
};

/* Exit status for a wrong configuration, EX_CONFIG of sysexits.h. */
#define CONFIG_EXIT_STATUS 78

/*
 * Read and check the named parts (bits of enum config_part).  The first
 * wrong or missing value is one line on stderr that names the variable and
 * what is wrong with it, never its value when it is a secret.  Plain http:// for API, key or
 * public URL is refused unless the host is loopback.  SW_EINPUT then, and
 * *out is cleared.  Defaults as in the README; the secret variables are
 * removed from the environment after reading.
 */
SW_MUSTCHECK enum sw_err config_load(struct config *out, unsigned parts);

/* config_load() and log_open(); exits with CONFIG_EXIT_STATUS when wrong.  For main() only. */
void config_load_or_exit(struct config *out, unsigned parts, const char *program);

/*
 * One line on stderr: the seal key of this id is another one than the key of the same id that
 * sealed what is in the database.  It names the variable, and the file that it came from.
 */
void config_complain_seal_key(const struct config *config, const char *key_id);

/* Cleanse and free. */
void config_clear(struct config *config);

#endif
