/* Members of what the platform lists.  Hides what of them counts as missing. */
#include "smartthings/device_member.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "formats/json.h"
#include "formats/url.h"

static void
name_first(struct device_notes *notes, const char *member)
{
	if (notes->left_out + notes->odd == 0)
		snprintf(notes->member, sizeof(notes->member), "%s", member);
}

void
device_note_odd(struct device_notes *notes, const char *member)
{
	name_first(notes, member);
	notes->odd++;
}

void
device_note_left_out(struct device_notes *notes, const char *member)
{
	name_first(notes, member);
	notes->left_out++;
}

/* A string member that is not "", else NULL. */
static const char *
string_member(struct device_notes *notes, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	const char *text = json_string_value(value);

	if (text == NULL && value != NULL && !json_is_null(value))
		device_note_odd(notes, name);
	return text != NULL && text[0] != '\0' ? text : NULL;
}

const char *
device_id_member(struct device_notes *notes, const json_t *object, const char *name)
{
	const char *id = string_member(notes, object, name);

	if (id == NULL || url_id_is_valid(id))
		return id;
	device_note_odd(notes, name);
	return NULL;
}

const char *
device_text_member(struct device_notes *notes, const json_t *object, const char *name)
{
	const char *text = string_member(notes, object, name);

	return text != NULL && text[strspn(text, " \t\r\n")] != '\0' ? text : NULL;
}

bool
device_put(json_t *out, const char *name, json_t *value)
{
	return json_object_set_new_nocheck(out, name, value) == 0;
}

bool
device_put_text(json_t *out, const char *name, const char *text)
{
	return device_put(out, name, text != NULL ? json_string(text) : json_null());
}

/* PostgreSQL reads fewer offsets than RFC 3339 has. */
bool
device_put_time(struct device_notes *notes, json_t *out, const char *name, const json_t *object,
    const char *member)
{
	const char *text = string_member(notes, object, member);
	char utc[32];
	int64_t us;

	if (text == NULL)
		return device_put_text(out, name, NULL);
	if (!clock_parse_rfc3339(text, &us, NULL)) {
		device_note_odd(notes, member);
		return device_put_text(out, name, NULL);
	}
	clock_format_rfc3339_us(us, utc);
	return device_put_text(out, name, utc);
}
