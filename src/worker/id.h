#ifndef SWITCHBOARD_WORKER_ID_H
#define SWITCHBOARD_WORKER_ID_H

#include <stdbool.h>

/* The longest id that url_id_is_valid() accepts, and its NUL. */
#define ID_SIZE 129

/* Copy an id of the platform; NULL gives "".  False, and "out" untouched, when it is too long. */
bool id_copy(char out[static ID_SIZE], const char *id);

#endif
