#ifndef SWITCHBOARD_BASE_ARENA_H
#define SWITCHBOARD_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Memory that lives as long as one request (or one job): allocate freely, clear once.  Clearing
 * does not free the first block, so requests of a usual size need no malloc().  Not for secrets: it
 * does not cleanse.
 */
struct arena_block;
struct arena {
	struct arena_block *first;
	struct arena_block *current;
	size_t used_total; /* bytes handed out since the last clear */
	size_t limit;      /* refuse beyond this many bytes; 0 = no limit */
};

/* An all-zero struct arena is ready for use too, without a limit. */
void arena_init(struct arena *arena, size_t limit);

/* Forget everything handed out; blocks behind the first are freed. */
void arena_clear(struct arena *arena);

/* Free everything.  The arena is all-zero afterwards.  NULL is fine. */
void arena_free(struct arena *arena);

/*
 * "size" bytes, zeroed, aligned for any type; NULL when memory or the limit
 * is exhausted.  Size 0 gives a valid pointer.
 */
void *arena_alloc(struct arena *arena, size_t size);

/* Copies, NUL-terminated; NULL on exhaustion.  arena_strdup(NULL) is NULL. */
char *arena_strdup(struct arena *arena, const char *text);

/* The first "length" bytes of a text, NUL-terminated; NULL on exhaustion. */
char *arena_strndup(struct arena *arena, const char *text, size_t length);

/* printf into the arena; NULL on exhaustion. */
char *
arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
