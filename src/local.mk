# One static library for each folder of the design, lowest first.  Programs link them highest first
# (SWITCHBOARD_LIBS): what reaches up to a higher folder does not link.

noinst_LIBRARIES += src/libbase.a
src_libbase_a_SOURCES = \
	src/base/arena.c src/base/arena.h \
	src/base/ascii.h \
	src/base/clock.c src/base/clock.h \
	src/base/err.c src/base/err.h \
	src/base/failpoint.c src/base/failpoint.h \
	src/base/hash.c src/base/hash.h \
	src/base/hex.c src/base/hex.h \
	src/base/log.c src/base/log.h \
	src/base/sbuf.c src/base/sbuf.h \
	src/base/secret.c src/base/secret.h \
	src/base/utf8.c src/base/utf8.h

noinst_LIBRARIES += src/libformats.a
src_libformats_a_SOURCES = \
	src/formats/base64.c src/formats/base64.h \
	src/formats/config.c src/formats/config.h \
	src/formats/cookie.c src/formats/cookie.h \
	src/formats/cursor.c src/formats/cursor.h \
	src/formats/html.c src/formats/html.h \
	src/formats/http_token.c src/formats/http_token.h \
	src/formats/httpsig.c src/formats/httpsig.h \
	src/formats/httpsig_key.c src/formats/httpsig_key.h \
	src/formats/json.c src/formats/json.h \
	src/formats/json_span.c src/formats/json_span.h \
	src/formats/json_tolerant.c src/formats/json_tolerant.h \
	src/formats/network.c src/formats/network.h \
	src/formats/number.c src/formats/number.h \
	src/formats/seal.c src/formats/seal.h \
	src/formats/url.c src/formats/url.h \
	src/formats/url_query.c src/formats/url_query.h \
	src/formats/uuid.c src/formats/uuid.h

noinst_LIBRARIES += src/libnet.a
src_libnet_a_SOURCES = \
	src/net/client.c src/net/client.h \
	src/net/client_message.c src/net/client_message.h \
	src/net/client_pool.c src/net/client_pool.h \
	src/net/client_transfer.c src/net/client_transfer.h \
	src/net/exchange.c src/net/exchange.h \
	src/net/reply_record.c src/net/reply_record.h \
	src/net/request.c src/net/request.h \
	src/net/response.c src/net/response.h \
	src/net/serve.c src/net/serve.h \
	src/net/stop_signal.c src/net/stop_signal.h

noinst_LIBRARIES += src/libdb.a
src_libdb_a_SOURCES = \
	src/db/attempt.c src/db/attempt.h \
	src/db/connection.c src/db/connection.h \
	src/db/db.c src/db/db.h \
	src/db/policy.h \
	src/db/result.c \
	src/db/state.h \
	src/db/stmt.c src/db/stmt.h

noinst_LIBRARIES += src/libsmartthings.a
src_libsmartthings_a_SOURCES = \
	src/smartthings/api.c src/smartthings/api.h \
	src/smartthings/confirmation.c src/smartthings/confirmation.h \
	src/smartthings/device.c src/smartthings/device.h \
	src/smartthings/device_kind.c src/smartthings/device_kind.h \
	src/smartthings/device_member.c src/smartthings/device_member.h \
	src/smartthings/device_status.c src/smartthings/device_status.h \
	src/smartthings/installed_app.c src/smartthings/installed_app.h \
	src/smartthings/oauth.c src/smartthings/oauth.h \
	src/smartthings/signing_key.c src/smartthings/signing_key.h \
	src/smartthings/webhook_body.c src/smartthings/webhook_body.h \
	src/smartthings/webhook_event.c src/smartthings/webhook_event.h

noinst_LIBRARIES += src/libstore.a
src_libstore_a_SOURCES = \
	src/store/access.c src/store/access.h \
	src/store/api_call.c src/store/api_call.h \
	src/store/command.c src/store/command.h \
	src/store/confirmation.c src/store/confirmation.h \
	src/store/event.c src/store/event.h \
	src/store/health.c src/store/health.h \
	src/store/installation.c src/store/installation.h \
	src/store/invitation.c src/store/invitation.h \
	src/store/notify.c src/store/notify.h \
	src/store/query.c src/store/query.h \
	src/store/seal_canary.c src/store/seal_canary.h \
	src/store/session.c src/store/session.h \
	src/store/signing_key.c src/store/signing_key.h \
	src/store/stream.c src/store/stream.h \
	src/store/switch.c src/store/switch.h \
	src/store/sync.c src/store/sync.h \
	src/store/token.c src/store/token.h \
	src/store/work.c src/store/work.h

noinst_LIBRARIES += src/libweb.a
src_libweb_a_SOURCES = \
	src/web/api.h \
	src/web/api_health.c \
	src/web/api_history.c \
	src/web/api_switches.c \
	src/web/command_input.c src/web/command_input.h \
	src/web/error_reply.c src/web/error_reply.h \
	src/web/invitation_cookie.c src/web/invitation_cookie.h \
	src/web/keycache.c src/web/keycache.h \
	src/web/oauth_callback.c src/web/oauth_callback.h \
	src/web/oauth_choose.c src/web/oauth_choose.h \
	src/web/oauth_keys.c src/web/oauth_keys.h \
	src/web/oauth_owner.c src/web/oauth_owner.h \
	src/web/oauth_page.c src/web/oauth_page.h \
	src/web/oauth_start.c src/web/oauth_start.h \
	src/web/page.h \
	src/web/page_forms.c \
	src/web/page_invitations.c src/web/page_invitations.h \
	src/web/page_join.c \
	src/web/page_layout.c src/web/page_layout.h \
	src/web/page_sessions.c \
	src/web/page_switches.c \
	src/web/page_tile.c src/web/page_tile.h \
	src/web/program.h \
	src/web/request_context.c src/web/request_context.h \
	src/web/route.c src/web/route.h \
	src/web/serve_main.c src/web/serve_main.h \
	src/web/user_agent.c src/web/user_agent.h \
	src/web/webhook.c src/web/webhook.h \
	src/web/webhook_batch.c src/web/webhook_batch.h \
	src/web/webhook_fetch.c src/web/webhook_fetch.h \
	src/web/webhook_key.c src/web/webhook_key.h \
	src/web/webhook_verify.c src/web/webhook_verify.h

# The event streamer: server-sent events by sequence.
bin_PROGRAMS += switchboard-events
switchboard_events_SOURCES = \
	src/stream/feed.c src/stream/feed.h \
	src/stream/format.c src/stream/format.h \
	src/stream/main.c \
	src/stream/server.c src/stream/server.h \
	src/stream/session.c src/stream/session.h \
	src/stream/session_index.c src/stream/session_index.h \
	src/stream/stream.c src/stream/stream.h
switchboard_events_LDADD = $(SWITCHBOARD_LIBS)

# The worker: everything that talks to the platform outside a request.
bin_PROGRAMS += switchboard-worker
switchboard_worker_SOURCES = \
	src/worker/calls.c src/worker/calls.h \
	src/worker/command_body.c src/worker/command_body.h \
	src/worker/commands.c src/worker/commands.h \
	src/worker/confirm.c src/worker/confirm.h \
	src/worker/context.h \
	src/worker/folder.c src/worker/folder.h \
	src/worker/id.c src/worker/id.h \
	src/worker/job.c src/worker/job.h \
	src/worker/key_check.c src/worker/key_check.h \
	src/worker/limits.c src/worker/limits.h \
	src/worker/liveness.c src/worker/liveness.h \
	src/worker/loop.c src/worker/loop.h \
	src/worker/main.c \
	src/worker/queue.c src/worker/queue.h \
	src/worker/refresh.c src/worker/refresh.h \
	src/worker/replay.c src/worker/replay.h \
	src/worker/retry.c src/worker/retry.h \
	src/worker/seal.c src/worker/seal.h \
	src/worker/spool.c src/worker/spool.h \
	src/worker/subscription_set.c src/worker/subscription_set.h \
	src/worker/subscriptions.c src/worker/subscriptions.h \
	src/worker/sync.c src/worker/sync.h \
	src/worker/sync_status.c src/worker/sync_status.h \
	src/worker/token_state.c src/worker/token_state.h \
	src/worker/uninstall.c src/worker/uninstall.h \
	src/worker/usage.c src/worker/usage.h
switchboard_worker_LDADD = $(SWITCHBOARD_LIBS)

# The page names its style and script by what is in them: browsers may keep them for good.
STATIC_VERSIONED = $(srcdir)/nginx/static/switchboard.css $(srcdir)/nginx/static/switchboard.js \
	$(srcdir)/nginx/static/fallback.js \
	$(srcdir)/nginx/static/favicon.svg $(srcdir)/nginx/static/manifest.webmanifest
nodist_src_libweb_a_SOURCES = src/web/static_version.h
CLEANFILES += src/web/static_version.h
src/web/page_layout.$(OBJEXT): src/web/static_version.h
src/web/static_version.h: $(STATIC_VERSIONED)
	$(AM_V_GEN)$(MKDIR_P) src/web && \
	version=`cat $(STATIC_VERSIONED) | sha256sum | cut -c 1-12` && \
	printf '#define STATIC_VERSION "%s"\n' "$$version" >$@.tmp && mv $@.tmp $@
