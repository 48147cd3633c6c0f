/*
 * Ids of installations and devices in structs that outlive the answer they came with.
 */
#include "worker/id.h"

#include <string.h>

bool
id_copy(char out[static ID_SIZE], const char *id)
{
	size_t length = id != NULL ? strlen(id) : 0;

	if (length >= ID_SIZE)
		return false;
	if (length > 0)
		memcpy(out, id, length);
	out[length] = '\0';
	return true;
}
