/*
 * arena.h with one malloc() for each allocation, in place of src/arena.c: the
 * real one hands out parts of a block, where an overrun of a few bytes goes unseen.
 */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The memory handed out follows without padding that the sanitizer would allow. */
struct arena_block {
	struct arena_block *next;
	size_t size;
	_Alignas(16) unsigned char data[];
};

void
arena_init(struct arena *arena, size_t limit)
{
	*arena = (struct arena){.limit = limit};
}

void
arena_clear(struct arena *arena)
{
	while (arena->first != NULL) {
		struct arena_block *next = arena->first->next;

		free(arena->first);
		arena->first = next;
	}
	arena->used_total = 0;
}

void
arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	arena_clear(arena);
	*arena = (struct arena){0};
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block;

	if (size > SIZE_MAX / 2 || (arena->limit != 0 && arena->used_total + size > arena->limit))
		return NULL;
	block = calloc(1, sizeof(*block) + size);
	if (block == NULL)
		return NULL;
	block->size = size;
	block->next = arena->first;
	arena->first = block;
	arena->used_total += size;
	return block->data;
}

char *
arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy = length < SIZE_MAX ? arena_alloc(arena, length + 1) : NULL;

	if (copy != NULL && length > 0)
		memcpy(copy, text, length);
	return copy;
}

char *
arena_strdup(struct arena *arena, const char *text)
{
	return text != NULL ? arena_strndup(arena, text, strlen(text)) : NULL;
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
	char *text = NULL, *copy;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		return NULL;
	copy = arena_strndup(arena, text, (size_t)length);
	free(text);
	return copy;
}
