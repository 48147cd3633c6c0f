/*
 * Inputs that are JSON are changed as JSON half of the time: a value replaced
 * by one that is known to hurt, or by another value of the same text, dropped,
 * repeated or wrapped.  Changes byte by byte alone rarely get past the syntax.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_MAX 512

/* A value and where it is: a member of an object, or an element of an array. */
struct place {
	json_t *parent;
	const char *name; /* NULL in an array */
	size_t index;
	json_t *value;
};

struct places {
	size_t count;
	struct place list[PLACES_MAX];
};

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

static const char *const values[] = {"null", "true", "false", "0", "-1", "100", "101", "99.5",
    "1e308", "-0.0", "4.9e-324", "9223372036854775807", "\"\"", "\" \"", "\".\"", "\"..\"",
    "\"../x\"", "\"a/b\"", "\"on\"", "\"off\"", "\"main\"", "\"d1\"", "\"<\\u007f\\\"\\\\/&'\"",
    "\"\\u00e4\\ud83d\\udca1\"", "\"\\r\\n\"", "\"0a5f5ae6-7b1c-11f1-9f5b-0242ac110002\"",
    "\"0a5f5ae6-7b1c-41f1-9f5b-0242ac110002\"", "\"2026-07-08T18:36:50Z\"",
    "\"2026-07-08T18:36:50.123456789+14:00\"", "\"9999-12-31T23:59:59.999Z\"", "\"DEVICE_EVENT\"",
    "\"DEVICE_HEALTH_EVENT\"", "\"MODE_EVENT\"", "\"EVENT\"", "\"bearer\"", "\"invalid_grant\"",
    "[]", "{}", "[[[[[[[[]]]]]]]]", "{\"a\":{\"a\":{\"a\":null}}}"};

/* A small generator: the same seed makes the same change. */
static unsigned int
next(unsigned int *seed, size_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (unsigned int)((*seed >> 8) % below);
}

static void
add_place(struct places *places, json_t *parent, const char *name, size_t index, json_t *value)
{
	if (places->count < PLACES_MAX)
		places->list[places->count++] = (struct place){parent, name, index, value};
}

static void
add_children(struct places *places, json_t *parent)
{
	const char *name;
	json_t *value;
	size_t i;

	json_object_foreach(parent, name, value)
	{
		add_place(places, parent, name, 0, value);
	}
	json_array_foreach(parent, i, value)
	{
		add_place(places, parent, NULL, i, value);
	}
}

/* All places in the text, level by level, as far as there is room. */
static void
find_places(struct places *places, json_t *root)
{
	places->count = 0;
	add_children(places, root);
	for (size_t i = 0; i < places->count; i++)
		add_children(places, places->list[i].value);
}

/* "value" is taken over. */
static void
put_value(const struct place *place, json_t *value)
{
	if (place->name != NULL)
		json_object_set_new_nocheck(place->parent, place->name, value);
	else
		json_array_set_new(place->parent, place->index, value);
}

static void
drop_value(const struct place *place)
{
	if (place->name != NULL)
		json_object_del(place->parent, place->name);
	else
		json_array_remove(place->parent, place->index);
}

/* Once more, behind itself or under another name. */
static void
repeat_value(const struct place *place, const struct place *other)
{
	json_t *copy = json_deep_copy(place->value);

	if (place->name == NULL)
		json_array_insert_new(place->parent, place->index, copy);
	else
		json_object_set_new_nocheck(
		    place->parent, other->name != NULL ? other->name : "other", copy);
}

/* A long text, around the limits of 128, 256 and 16 K. */
static json_t *
long_text(unsigned int *seed)
{
	static const size_t lengths[] = {128, 129, 256, 257, 8192, 8193, 16382, 16383};
	size_t length = lengths[next(seed, sizeof(lengths) / sizeof(lengths[0]))];
	char *text = malloc(length + 1);
	json_t *value;

	if (text == NULL)
		abort();
	memset(text, 'a', length);
	text[length] = '\0';
	value = json_string(text);
	free(text);
	return value;
}

static void
change(const struct places *places, unsigned int *seed)
{
	const struct place *place = &places->list[next(seed, places->count)];
	const struct place *other = &places->list[next(seed, places->count)];
	size_t value = next(seed, sizeof(values) / sizeof(values[0]));

	switch (next(seed, 8)) {
	case 0:
		drop_value(place);
		break;
	case 1:
		repeat_value(place, other);
		break;
	case 2:
		put_value(place, json_deep_copy(other->value));
		break;
	case 3:
		put_value(place, json_pack("[O]", place->value));
		break;
	case 4:
		put_value(place, long_text(seed));
		break;
	default:
		put_value(place, json_loads(values[value], JSON_DECODE_ANY, NULL));
		break;
	}
}

/* The changed text's size; 0 when it is no JSON or does not fit. */
static size_t
mutate_json(uint8_t *data, size_t size, size_t max_size, unsigned int *seed)
{
	static struct places places;
	json_t *root = json_loadb((const char *)data, size, 0, NULL);
	size_t length = 0;

	find_places(&places, root);
	if (places.count > 0) {
		change(&places, seed);
		length = json_dumpb(root, (char *)data, max_size, JSON_COMPACT);
	}
	json_decref(root);
	return length <= max_size ? length : 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	size_t length = 0;

	if (next(&seed, 2) == 0)
		length = mutate_json(data, size, max_size, &seed);
	return length > 0 ? length : LLVMFuzzerMutate(data, size, max_size);
}
