/*
 * Outbound HTTP, one request at a time.  What it hides: one libcurl handle for all requests, reset
 * after each so that only its connections remain.
 */
#include "net/client.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "net/client_transfer.h"

struct client {
	CURL *easy;
};

enum sw_err
client_new(struct client **out)
{
	struct client *client;

	*out = NULL;
	client = calloc(1, sizeof(*client));
	if (client == NULL)
		return SW_ENOMEM;
	if (!transfer_open_library()) {
		free(client);
		return SW_EINTERNAL;
	}
	client->easy = curl_easy_init();
	if (client->easy == NULL) {
		curl_global_cleanup();
		free(client);
		return SW_ENOMEM;
	}
	*out = client;
	return SW_OK;
}

void
client_free(struct client *client)
{
	if (client == NULL)
		return;
	curl_easy_cleanup(client->easy);
	curl_global_cleanup();
	free(client);
}

/* False when out of memory. */
static bool
drop_connections(struct client *client)
{
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		return false;
	curl_easy_cleanup(client->easy);
	client->easy = easy;
	return true;
}

enum sw_err
client_disconnect(struct client *client)
{
	return drop_connections(client) ? SW_OK : SW_ENOMEM;
}

enum sw_err
client_perform(
    struct client *client, const struct client_request *request, struct client_reply *reply)
{
	struct transfer transfer = {.easy = client->easy, .reply = reply};
	enum sw_err err;

	transfer_init_reply(reply, 0);
	err = transfer_prepare(&transfer, request, request->body);
	if (err == SW_OK)
		err = transfer_finish(&transfer, curl_easy_perform(client->easy));
	/* Until the reset the handle points to the headers that are freed next. */
	curl_easy_reset(client->easy);
	transfer_free_headers(transfer.headers);
	/* After a timeout the connections may be dead, and libcurl would use them again. */
	if (err == SW_ETIMEOUT)
		(void)drop_connections(client);
	return err;
}
