/*
 * A hash of text for tables in memory.
 */
#include "base/hash.h"

#define FNV_OFFSET_BASIS UINT32_C(2166136261)
#define FNV_PRIME UINT32_C(16777619)

uint32_t
hash_text(const char *text)
{
	uint32_t hash = FNV_OFFSET_BASIS;

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * FNV_PRIME;
	return hash;
}
