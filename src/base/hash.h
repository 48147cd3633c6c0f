#ifndef SWITCHBOARD_BASE_HASH_H
#define SWITCHBOARD_BASE_HASH_H

#include <stdint.h>

/*
 * FNV-1a, 32 bits (RFC 9923), for tables in memory.  Without a secret key: only for names that an
 * attacker cannot choose, or in tables whose size has a limit.
 */
uint32_t hash_text(const char *text);

#endif
