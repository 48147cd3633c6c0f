/* switchboard-simulator: the simulated platform of the demo and the tests. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps.h"
#include "confirmation.h"
#include "delivery.h"
#include "faults.h"
#include "http.h"
#include "loop.h"
#include "signing.h"
#include "state.h"
#include "text.h"
#include "world.h"

#define SECRET_MAX 4096

struct options {
	const char *port;
	const char *url;
	const char *state;
	const char *target;
	const char *app_id;
	const char *client_id;
	const char *redirect_uri;
};

static const char usage[] =
    "usage: switchboard-simulator --port N --state FILE --target URL --app-id ID\n"
    "           --client-id ID --redirect-uri URL [--url URL]\n"
    "The client secret is in SIMULATOR_CLIENT_SECRET, or in the file that\n"
    "SIMULATOR_CLIENT_SECRET_FILE names.\n";

static void
options_read(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
	    {"port", required_argument, NULL, 'p'},
	    {"url", required_argument, NULL, 'u'},
	    {"state", required_argument, NULL, 's'},
	    {"target", required_argument, NULL, 't'},
	    {"app-id", required_argument, NULL, 'a'},
	    {"client-id", required_argument, NULL, 'c'},
	    {"redirect-uri", required_argument, NULL, 'r'},
	    {"help", no_argument, NULL, 'h'},
	    {0},
	};
	const char **places[] = {['p'] = &options->port,
	    ['u'] = &options->url,
	    ['s'] = &options->state,
	    ['t'] = &options->target,
	    ['a'] = &options->app_id,
	    ['c'] = &options->client_id,
	    ['r'] = &options->redirect_uri};
	int letter;

	while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (letter == 'h') {
			fputs(usage, stdout);
			exit(0);
		}
		if (letter == '?') {
			fputs(usage, stderr);
			exit(2);
		}
		*places[letter] = optarg;
	}
	if (optind < argc || options->port == NULL || options->state == NULL ||
	    options->target == NULL || options->app_id == NULL || options->client_id == NULL ||
	    options->redirect_uri == NULL) {
		fputs(usage, stderr);
		exit(2);
	}
}

static int
port_read(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || port < 1 || port > 65535)
		die("--port must be 1 to 65535");
	return (int)port;
}

static char *
secret_from_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *secret = memory_get(SECRET_MAX);

	if (file == NULL || fgets(secret, SECRET_MAX, file) == NULL)
		die("cannot read SIMULATOR_CLIENT_SECRET_FILE");
	fclose(file);
	secret[strcspn(secret, "\r\n")] = '\0';
	return secret;
}

static char *
secret_read(void)
{
	const char *value = getenv("SIMULATOR_CLIENT_SECRET");
	const char *path = getenv("SIMULATOR_CLIENT_SECRET_FILE");
	char *secret;

	if (path != NULL && *path != '\0')
		secret = secret_from_file(path);
	else
		secret = text_copy(value != NULL ? value : "");
	if (*secret == '\0')
		die("SIMULATOR_CLIENT_SECRET is not set");
	return secret;
}

int
main(int argc, char **argv)
{
	struct options options = {0};
	char *secret;

	options_read(&options, argc, argv);
	secret = secret_read();
	loop_open();
	http_open(port_read(options.port), options.url);
	state_open(options.state);
	if (json_object_size(state_section("accounts")) == 0)
		world_make_default();
	signing_open();
	delivery_open();
	apps_set_own(
	    options.app_id, options.client_id, secret, options.redirect_uri, options.target);
	free(secret);
	confirmation_ask();
	log_line("info", "event=ready url=%s", http_base());
	loop_run();
	log_line("info", "event=stop");
	state_close();
	delivery_close();
	signing_close();
	http_close();
	faults_clear();
	limits_clear();
	loop_close();
	return 0;
}
