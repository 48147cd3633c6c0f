/* Counts and the log of the app's calls. */
#include "calls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define LOG_LENGTH 5000

static json_t *by_endpoint;
static json_t *log_entries;
static json_int_t total;
static json_int_t key_fetches;

static void
calls_prepare(void)
{
	if (by_endpoint == NULL)
		by_endpoint = json_object();
	if (log_entries == NULL)
		log_entries = json_array();
}

static void
count_endpoint(const struct exchange *x)
{
	char *name = text_format("%s %s", x->method, x->route->pattern);
	json_int_t before = json_integer_value(json_object_get(by_endpoint, name));

	json_put(by_endpoint, name, json_integer(before + 1));
	free(name);
}

/* A server in front of this one says how it was called, and which of its connections that was. */
static const char *
protocol_of(const struct exchange *x)
{
	const char *said = request_header(x, "X-Caller-Protocol");

	return said != NULL ? said : x->protocol;
}

/* The caller's port, or whatever is different for each of its connections. */
static json_int_t
port_of(const struct exchange *x)
{
	const char *said = request_header(x, "X-Caller-Connection");
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	if (said != NULL)
		return strtoll(said, NULL, 10);
	if (info == NULL || info->client_addr->sa_family != AF_INET)
		return 0;
	return ntohs(((const struct sockaddr_in *)(const void *)info->client_addr)->sin_port);
}

void
calls_record(const struct exchange *x, const char *fault)
{
	json_t *entry = json_object();
	bool is_secret = strstr(x->query, "token=") != NULL;

	calls_prepare();
	count_endpoint(x);
	total++;
	json_put_now(entry, "at");
	json_put_text(entry, "method", x->method);
	json_put_text(entry, "path", x->path);
	json_put_text(entry, "query", is_secret ? "" : x->query);
	json_put(entry, "status", json_integer(x->status));
	json_put_text(entry, "protocol", protocol_of(x));
	json_put(entry, "port", json_integer(port_of(x)));
	json_put(entry, "installedAppId", json_new_text(x->installed_app_id));
	if (fault != NULL)
		json_put_text(entry, "fault", fault);
	json_log_append(log_entries, entry, LOG_LENGTH);
	json_decref(entry);
}

void
calls_record_key_fetch(void)
{
	key_fetches++;
}

json_t *
calls_show(void)
{
	json_t *all = json_object();

	calls_prepare();
	json_put(all, "total", json_integer(total));
	json_put(all, "keyFetches", json_integer(key_fetches));
	json_put(all, "byEndpoint", json_deep_copy(by_endpoint));
	json_put(all, "log", json_deep_copy(log_entries));
	return all;
}

void
calls_reset(void)
{
	json_decref(by_endpoint);
	json_decref(log_entries);
	by_endpoint = NULL;
	log_entries = NULL;
	total = 0;
	key_fetches = 0;
}
