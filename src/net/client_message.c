/*
 * Replies may hold tokens, so their memory is cleansed.
 */
#include "net/client_message.h"

#include <string.h>

void
client_reply_clear(struct client_reply *reply)
{
	if (reply == NULL)
		return;
	reply->body.secret = true;
	sbuf_clear(&reply->body);
	memset(reply, 0, sizeof(*reply));
}
