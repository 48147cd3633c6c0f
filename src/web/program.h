#ifndef SWITCHBOARD_WEB_PROGRAM_H
#define SWITCHBOARD_WEB_PROGRAM_H

#include "formats/config.h"
#include "net/client.h"
#include "db/db.h"
#include "store/notify.h"

/* What each of the three FastCGI programs holds for the life of its process (serve_main.h). */
struct program {
	struct config config;
	struct db *db;
	struct client *client; /* for outbound HTTP; NULL in a program that makes no calls */
	struct notify notify;
};

#endif
