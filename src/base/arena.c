/*
 * Memory in blocks, handed out in order and freed all at once.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A page or a usual webhook fits in the first block, which is never freed. */
#define BLOCK_BYTES ((size_t)64 * 1024)

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

void
arena_init(struct arena *arena, size_t limit)
{
	*arena = (struct arena){.limit = limit};
}

static void
free_blocks(struct arena_block *block)
{
	while (block != NULL) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
}

void
arena_clear(struct arena *arena)
{
	if (arena->first != NULL) {
		free_blocks(arena->first->next);
		arena->first->next = NULL;
		arena->first->used = 0;
	}
	arena->current = arena->first;
	arena->used_total = 0;
}

void
arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	free_blocks(arena->first);
	*arena = (struct arena){0};
}

/* A new last block with room for "size" bytes; false when memory is exhausted. */
static bool
add_block(struct arena *arena, size_t size)
{
	size_t data_size = size > BLOCK_BYTES ? size : BLOCK_BYTES;
	struct arena_block *block;

	if (data_size > SIZE_MAX - sizeof(*block))
		return false;
	block = malloc(sizeof(*block) + data_size);
	if (block == NULL)
		return false;
	block->next = NULL;
	block->size = data_size;
	block->used = 0;
	if (arena->current != NULL)
		arena->current->next = block;
	else
		arena->first = block;
	arena->current = block;
	return true;
}

/* The bytes an allocation really takes; 0 when that overflows. */
static size_t
round_up(size_t size)
{
	size_t mask = alignof(max_align_t) - 1;

	if (size == 0)
		size = 1;
	return size > SIZE_MAX - mask ? 0 : (size + mask) & ~mask;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->current;
	size_t need = round_up(size);
	void *data;

	if (need == 0 || need > SIZE_MAX - arena->used_total)
		return NULL;
	if (arena->limit != 0 && arena->used_total + need > arena->limit)
		return NULL;
	if (block == NULL || need > block->size - block->used) {
		if (!add_block(arena, need))
			return NULL;
		block = arena->current;
	}
	data = block->data + block->used;
	block->used += need;
	arena->used_total += need;
	return memset(data, 0, need);
}

char *
arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy;

	if (length == SIZE_MAX)
		return NULL;
	copy = arena_alloc(arena, length + 1);
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
	char *text = NULL;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length >= 0)
		text = arena_alloc(arena, (size_t)length + 1);
	if (text != NULL) {
		va_start(args, format);
		vsnprintf(text, (size_t)length + 1, format, args);
		va_end(args);
	}
	return text;
}
