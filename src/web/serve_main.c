/* What main() of the three FastCGI programs shares. */
#include "web/serve_main.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/serve.h"

#define AGAIN_LEAST_MS 50

/* The context of serve.h's callbacks. */
struct served {
	struct program *program;
	const struct serve_main *conf;
};

static void
on_fail(void *context, const struct request *req, enum sw_err err, struct response *res)
{
	const struct served *served = context;

	served->conf->fail(served->program, req, err, res);
}

/* So long a request that met a lock waits before the next try, growing with its age. */
static int
again_in_ms(int64_t age_ms)
{
	return AGAIN_LEAST_MS + (int)(age_ms / 4);
}

/* Is it to be tried again? */
static bool
waits_for_lock(const struct serve_main *conf, const struct request *req, struct response *res)
{
	int64_t age_ms = clock_monotonic_ms() - req->started_ms;

	if (age_ms >= conf->locked_ms)
		return false;
	log_event(LOG_INFO, "request.locked", "age_ms", log_int(age_ms), (const char *)NULL);
	response_reset(res);
	res->again_ms = again_in_ms(age_ms);
	return true;
}

static enum sw_err
on_request(void *context, const struct request *req, struct response *res)
{
	const struct served *served = context;
	struct request_context request = {.program = served->program, .req = req, .res = res};
	const char *allowed = NULL;
	enum sw_err err = route_run(&served->conf->routes, &request, &allowed);

	if (err == SW_ELOCKED && waits_for_lock(served->conf, req, res))
		return SW_OK;
	if (err != SW_EMETHOD)
		return err;
	on_fail(context, req, err, res);
	response_add_header(res, "Allow", allowed);
	return SW_OK;
}

static void
on_commit(void *context)
{
	const struct served *served = context;

	served->conf->commit(served->program);
}

static bool
on_wait(void *context, int fd, int timeout_ms)
{
	const struct served *served = context;

	return served->conf->wait(served->program, fd, timeout_ms);
}

static bool
is_ready(void *context, const void *awaited)
{
	const struct served *served = context;

	return served->conf->is_ready(served->program, awaited);
}

static int
on_idle(void *context)
{
	const struct served *served = context;

	return notify_run(&served->program->notify);
}

/* Notifications are sent after the replies, so that no reply waits for them. */
static void
on_sent(void *context)
{
	const struct served *served = context;

	if (served->conf->after != NULL)
		served->conf->after(served->program);
	serve_set_timeout(notify_run(&served->program->notify));
}

static int
serve(struct served *served)
{
	const struct serve_main *conf = served->conf;
	const struct serve_conf serve_conf = {
	    .program = conf->name,
	    .body_limit = conf->body_limit,
	    .recycle_after = conf->recycle_after,
	    .handle = on_request,
	    .fail = on_fail,
	    .batch = conf->batch,
	    .commit = conf->commit != NULL ? on_commit : NULL,
	    .parked = conf->parked,
	    .wait = conf->wait != NULL ? on_wait : NULL,
	    .is_ready = conf->is_ready != NULL ? is_ready : NULL,
	    .after = on_sent,
	    .idle = on_idle,
	    .context = served,
	};

	return serve_run(&serve_conf);
}

int
serve_main(struct program *program, const struct serve_main *conf)
{
	struct served served = {.program = program, .conf = conf};
	bool calls = (conf->config_parts & CONFIG_CLIENT) != 0;
	char application[32];
	int status = 1;

	config_load_or_exit(&program->config, conf->config_parts, conf->name);
	snprintf(application, sizeof(application), "switchboard-%s", conf->name);
	if (db_new(program->config.database_url, application, conf->statement_timeout_ms,
		conf->lock_timeout_ms, &program->db) != SW_OK) {
		status = CONFIG_EXIT_STATUS;
	} else if (!calls || client_new(&program->client) == SW_OK) {
		notify_init(&program->notify, program->db);
		if (conf->start != NULL && conf->start(program) == SW_EINPUT)
			status = CONFIG_EXIT_STATUS;
		else
			status = serve(&served);
	}
	notify_clear(&program->notify);
	client_free(program->client);
	db_free(program->db);
	config_clear(&program->config);
	return status;
}
