# The library shared by all programs: one module is one .c and one .h, lowest layer first.
noinst_LIBRARIES += src/libswitchboard.a
src_libswitchboard_a_SOURCES = \
	src/err.c src/err.h \
	src/failpoint.c src/failpoint.h \
	src/utf8.c src/utf8.h \
	src/log.c src/log.h \
	src/arena.c src/arena.h \
	src/sbuf.c src/sbuf.h \
	src/secret.c src/secret.h \
	src/clock.c src/clock.h \
	src/base64.c src/base64.h \
	src/url.c src/url.h \
	src/cookie.c src/cookie.h \
	src/html.c src/html.h \
	src/user_agent.c src/user_agent.h \
	src/jsonx.c src/jsonx.h \
	src/httpsig.c src/httpsig.h \
	src/httpsig_key.c src/httpsig_key.h \
	src/oauth.c src/oauth.h \
	src/uuid.c src/uuid.h \
	src/event.c src/event.h \
	src/confirmation.c src/confirmation.h \
	src/device.c src/device.h \
	src/config.c src/config.h \
	src/request.c src/request.h \
	src/response.c src/response.h \
	src/serve.c src/serve.h \
	src/serve_exchange.c src/serve_exchange.h \
	src/client.c src/client.h \
	src/client_pool.c \
	src/client_transfer.c src/client_transfer.h \
	src/db.c src/db.h \
	src/db_conn.c src/db_conn.h \
	src/db_result.c \
	src/stmt.c src/stmt.h \
	src/store_session.c src/store_session.h \
	src/store_installation.c src/store_installation.h \
	src/store_token.c src/store_token.h \
	src/store_seal.c src/store_seal.h \
	src/store_event.c src/store_event.h \
	src/store_command.c src/store_command.h \
	src/store_job.c src/store_job.h \
	src/store_limit.c src/store_limit.h \
	src/store_device.c src/store_device.h \
	src/store_key.c src/store_key.h \
	src/store_stats.c src/store_stats.h \
	src/store_health.c src/store_health.h \
	src/platform.c src/platform.h \
	src/keycache.c src/keycache.h \
	src/session.c src/session.h \
	src/publish.c src/publish.h \
	src/cursor.c src/cursor.h \
	src/switch_json.c src/switch_json.h \
	src/store_stream.c src/store_stream.h \
	src/store_sync.c src/store_sync.h \
	src/store_send.c src/store_send.h

bin_PROGRAMS += switchboard-events switchboard-worker

# The event streamer: server-sent events by sequence.
switchboard_events_SOURCES = \
	src/events.c \
	src/events_format.c src/events_format.h \
	src/events_http.c src/events_http.h \
	src/events_hub.c src/events_hub.h \
	src/events_session.c src/events_session.h \
	src/events_socket.c src/events_socket.h \
	src/events_shards.c src/events_shards.h \
	src/events_stream.c src/events_stream.h
switchboard_events_LDADD = $(SWITCHBOARD_LIBS)

# The worker: everything that talks to the platform outside a request.
switchboard_worker_SOURCES = \
	src/worker.c src/worker.h \
	src/worker_calls.c src/worker_calls.h \
	src/worker_commands.c src/worker_commands.h \
	src/worker_confirm.c src/worker_confirm.h \
	src/worker_jobs.c src/worker_jobs.h \
	src/worker_limits.c src/worker_limits.h \
	src/worker_presence.c src/worker_presence.h \
	src/worker_refresh.c src/worker_refresh.h \
	src/worker_seal.c src/worker_seal.h \
	src/worker_spool.c src/worker_spool.h \
	src/worker_subscriptions.c src/worker_subscriptions.h \
	src/worker_sync.c src/worker_sync.h \
	src/worker_uninstall.c src/worker_uninstall.h
switchboard_worker_LDADD = $(SWITCHBOARD_LIBS)
