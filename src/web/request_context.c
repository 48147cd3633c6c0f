/* Functions that the handlers of the page and of the API share. */
#include "web/request_context.h"

#include "formats/uuid.h"
#include "web/error_reply.h"

enum sw_err
request_context_refuse(struct request_context *context, enum sw_err err, const char *message)
{
	error_reply_put(&context->program->config, context->req, err, message, context->res);
	return SW_OK;
}

enum sw_err
request_context_path_switch(
    const struct request_context *context, const char **device, const char **component)
{
	*device = context->segments[0];
	*component = context->segments[1];
	if (*device == NULL || *component == NULL || !url_id_is_valid(*device) ||
	    !url_id_is_valid(*component))
		return SW_ENOTFOUND;
	return SW_OK;
}

enum sw_err
request_context_form_uuid(const struct request_context *context, const char *field, const char **id)
{
	uint8_t uuid[UUID_BYTES];

	*id = url_query_get(&context->form, field, NULL);
	if (*id == NULL)
		return SW_EINPUT;
	return uuid_parse(*id, uuid) ? SW_OK : SW_ENOTFOUND;
}

void
request_context_notify(struct request_context *context, const char *installation_id)
{
	notify_add_page(&context->program->notify, installation_id);
	notify_add_work(&context->program->notify);
}
