#ifndef SWITCHBOARD_WEB_PROGRAM_H
#define SWITCHBOARD_WEB_PROGRAM_H

#include "db/db.h"
#include "formats/config.h"
#include "net/client.h"
#include "store/notify.h"

/* What each of the three FastCGI programs has for the life of its process (serve_main.h). */
struct program {
	struct config config;
	struct db *db;
	struct client *client; /* NULL in a program that calls nobody */
	struct notify notify;
};

#endif
