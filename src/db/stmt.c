/*
 * The text of every SQL statement.  Most are calls of functions in
 * sql/functions; the others read one table or view.
 */
#include "db/stmt.h"

#include <assert.h>
#include <stddef.h>

#include "db/policy.h"

/* Numbers of policy.h as text of a statement. */
#define DIGITS(number) #number
#define NUMBER(number) DIGITS(number)
#define CALL_MS NUMBER(POLICY_COMMAND_CALL_MS)
#define WAIT_MS NUMBER(POLICY_COMMAND_WAIT_MS)
#define CONFIRM_MS NUMBER(POLICY_COMMAND_CONFIRM_MS)
#define CREATES NUMBER(POLICY_SUBSCRIPTION_CREATES)
#define OTHERS NUMBER(POLICY_SUBSCRIPTION_OTHERS)
#define WINDOW_MS NUMBER(POLICY_SUBSCRIPTION_WINDOW_MS)

static const struct stmt statements[] = {
    /* the connection itself */
    [STMT_LISTEN_PAGE] = {"listen_page", "LISTEN switchboard_page", 0, .unprepared = true},
    [STMT_LISTEN_WORK] = {"listen_work", "LISTEN switchboard_work", 0, .unprepared = true},
    [STMT_WAKE] = {"wake", "SELECT wake($1, $2)", 2, .repeatable = true},

    /* signing in (store/session) */
    [STMT_OAUTH_STATE_PUT] = {"oauth_state_put", "SELECT oauth_state_put($1, $2)", .params = 2},
    [STMT_OAUTH_STATE_TAKE] = {"oauth_state_take", "SELECT oauth_state_take($1, $2)", .params = 2},
    [STMT_SESSION_LOAD] = {"session_load", "SELECT user_id, renewed FROM session_load($1)", 1,
	.repeatable = true},
    [STMT_SESSION_END] = {"session_end", "SELECT session_end($1)", 1, .repeatable = true},
    [STMT_SESSION_LIST] = {"session_list",
	"SELECT public_id, user_agent, created_at, seen_at, is_this FROM session_list($1, $2)", 2,
	.repeatable = true},
    [STMT_SESSION_END_ONE] = {"session_end_one", "SELECT session_end_one($1, $2)", .params = 2},
    [STMT_SESSION_END_OTHERS] = {"session_end_others", "SELECT session_end_others($1, $2)", 2,
	.repeatable = true},
    [STMT_SESSION_REACH] = {"session_reach",
	"SELECT session_hash, installation_id, user_id FROM session_reach($1)", 1,
	.repeatable = true},
    [STMT_SESSION_SEEN] = {"session_seen", "SELECT session_seen($1)", 1, .repeatable = true},

    /* who may come in (store/invitation) */
    [STMT_INVITATION_MAY_MAKE] = {"invitation_may_make", "SELECT invitation_may_make($1)", 1,
	.repeatable = true},
    [STMT_INVITATION_MAKE] = {"invitation_make", "SELECT invitation_make($1, $2)", .params = 2},
    [STMT_INVITATION_LIST] = {"invitation_list",
	"SELECT public_id, created_ms, coalesce(used_ms, -1) FROM invitation_list($1)", 1,
	.repeatable = true},
    [STMT_INVITATION_WITHDRAW] = {"invitation_withdraw", "SELECT invitation_withdraw($1, $2)",
	.params = 2},
    [STMT_INVITATION_IS_OPEN] = {"invitation_is_open", "SELECT invitation_is_open($1)", 1,
	.repeatable = true},

    /* installations (store/installation) */
    [STMT_INSTALLATION_LINK] = {"installation_link",
	"SELECT user_id, outcome, here, location, owner FROM installation_link_owner($1, $2, $3, "
	"$4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
	.params = 13},
    [STMT_ACCESS_OFFER_TAKE] = {"access_offer_take",
	"SELECT installation_id, user_id FROM access_offer_take($1, $2, $3, $4, $5)", .params = 5},
    [STMT_INSTALLATION_DISCONNECT] = {"installation_disconnect",
	"SELECT installation_disconnect($1, $2)", 2, .repeatable = true},
    [STMT_INSTALLATION_LIST] = {"installation_list",
	"SELECT i.installation_id, i.location_name, i.status, i.sync_state, i.sync_found, "
	"i.sync_error, i.seq, i.synced_at IS NOT NULL, a.role = 'owner' FROM access a "
	"JOIN installation i ON i.installation_id = a.installation_id WHERE a.user_id = $1 "
	"AND i.status <> 'removed' ORDER BY i.location_name NULLS LAST, i.installation_id",
	1, .repeatable = true},
    [STMT_INSTALLATION_SET_OWNER] = {"installation_set_owner",
	"SELECT installation_set_owner($1, $2)", 2, .repeatable = true},
    [STMT_INSTALLATION_SET_LOCATION] = {"installation_set_location",
	"SELECT installation_set_location($1, $2)", 2, .repeatable = true},
    [STMT_INSTALLATION_UNINSTALLED] = {"installation_uninstalled",
	"SELECT installation_uninstalled($1, $2)", .params = 2},

    /* webhooks (store/event, store/signing_key, store/confirmation) */
    [STMT_EVENT_INGEST] = {"event_ingest",
	"SELECT known, stored, page, work, removed FROM event_ingest($1, $2, $3)", 3,
	.repeatable = true},
    [STMT_EVENT_LOCKED] = {"event_locked", "SELECT event_locked($1)", 1, .repeatable = true},
    [STMT_LOCK_TIMEOUT_SHORT] = {"lock_timeout_short", "SET lock_timeout = '100ms'", 0,
	.unprepared = true},
    [STMT_LOCK_TIMEOUT_RESET] = {"lock_timeout_reset", "RESET lock_timeout", 0, .unprepared = true},
    [STMT_EVENT_PARTITION_MAKE] = {"event_partition_make", "SELECT event_partition_make()", 0,
	.repeatable = true},
    [STMT_EVENT_PARTITION_OLD] = {"event_partition_old",
	"SELECT name, pending, own FROM event_partition_old($1)", 1, .repeatable = true},
    [STMT_EVENT_PARTITION_DETACH] = {"event_partition_detach",
	"ALTER TABLE event DETACH PARTITION $1 CONCURRENTLY", 1, .unprepared = true,
	.names_table = true},
    [STMT_EVENT_PARTITION_FINALIZE] = {"event_partition_finalize",
	"ALTER TABLE event DETACH PARTITION $1 FINALIZE", 1, .unprepared = true,
	.names_table = true},
    [STMT_EVENT_PARTITION_DETACH_LOCKED] = {"event_partition_detach_locked",
	"SELECT event_partition_detach($1)", 1, .repeatable = true},
    [STMT_EVENT_PARTITION_DROP] = {"event_partition_drop", "SELECT event_partition_drop()", 0,
	.repeatable = true},
    [STMT_EVENT_STRAY_PRUNE] = {"event_stray_prune",
	"SELECT event_stray_prune($1), installation_forget($1)", 1, .repeatable = true},
    [STMT_SIGNING_KEY_FIND] = {"signing_key_find",
	"SELECT action, certificate, age_s FROM signing_key_find($1, $2)", .params = 2},
    [STMT_SIGNING_KEY_PUT] = {"signing_key_put", "SELECT signing_key_put($1, $2, $3, $4)", 4,
	.repeatable = true},
    [STMT_SIGNING_KEY_FORGET] = {"signing_key_forget", "SELECT signing_key_forget($1)", 1,
	.repeatable = true},
    [STMT_CONFIRMATION_PUT] = {"confirmation_put", "SELECT confirmation_put($1, $2, $3)", 3,
	.repeatable = true},
    [STMT_CONFIRMATION_URL] = {"confirmation_url", "SELECT confirmation_url($1)", 1,
	.repeatable = true},
    [STMT_CONFIRMATION_FINISH] = {"confirmation_finish", "SELECT confirmation_finish($1, $2, $3)",
	.params = 3},

    /* the page (store/switch, store/stream, store/command, store/health) */
    /* Unordered: store_switch_list() sorts for a third of what it costs the server.  Half a
     * microsecond is added before the rest is cut off, as date_part() is not exact. */
    [STMT_SWITCH_LIST] = {"switch_list",
	"SELECT s.device_id, s.component, s.label, s.room, s.state, s.level, s.has_level, "
	"s.online, (s.device_id, s.component) IN (SELECT c.device_id, c.component "
	"FROM command_pending c WHERE c.installation_id = $1), "
	"(s.device_id, s.component) IN (SELECT c.device_id, c.component "
	"FROM command_pending c WHERE c.installation_id = $1 AND c.waiting), "
	"floor(date_part('epoch', s.updated_at) * 1000 + 0.0005)::bigint, s.seq, "
	"s.device_name, s.position, s.kind FROM switch_page s WHERE s.installation_id = $1",
	1, .repeatable = true},
    [STMT_PAGE_CHANGES] = {"page_changes",
	"SELECT installation_id, seq, kind, device_id, component, label, room, "
	"location, state, level, online, pending, waiting, updated_at, has_level, code, "
	"command_id, detail, found, structure, switch_kind FROM page_changes($1, $2)",
	2, .repeatable = true},
    [STMT_SWITCH_HISTORY] = {"switch_history",
	"SELECT at, attribute, value FROM switch_history($1, $2, $3, $4)", 4, .repeatable = true},
    [STMT_SWITCH_IS_OF] = {"switch_is_of", "SELECT switch_is_of($1, $2, $3)", 3,
	.repeatable = true},
    [STMT_LOCATION_IS_OF] = {"location_is_of", "SELECT location_is_of($1, $2, $3)", 3,
	.repeatable = true},
    [STMT_COMMAND_REQUEST] = {"command_request",
	"SELECT command_id, installation_id, outcome FROM command_request($1, $2, $3, "
	"$4, $5, " WAIT_MS ")",
	.params = 5},
    [STMT_COMMAND_REQUEST_MANY] = {"command_request_many",
	"SELECT command_id, installation_id FROM command_request_many($1, $2, $3, $4, " WAIT_MS ")",
	.params = 4},
    [STMT_HEALTH] = {"health",
	"SELECT schema, workers, event_days_ahead, workers_lacking_key, client_refused FROM "
	"health()",
	0, .repeatable = true},
    [STMT_METRICS] = {"metrics", "SELECT name, label, value FROM metrics()", 0, .repeatable = true},

    /* the worker (store/work, store/api_call, store/token, store/sync, store/command) */
    [STMT_WORKER_SEEN] = {"worker_seen", "SELECT worker_seen($1, $2, $3)", 3, .repeatable = true},
    [STMT_CATCH_UP_SOME] = {"catch_up_some", "SELECT catch_up_some(500)", 0, .repeatable = true},
    [STMT_WORKER_RELEASE] = {"worker_release",
	"SELECT worker_release($1, $2, $3, $4, $5, $6, " CALL_MS ")", 6, .repeatable = true},
    [STMT_WORK_NEXT_MS] = {"work_next_ms", "SELECT work_next_ms(ARRAY[$1, $2, $3]::boolean[], $4)",
	4, .repeatable = true},
    [STMT_WORK_CLAIM] = {"work_claim",
	"SELECT installation_id, kind, subject, claim, generation, attempts, age_s "
	"FROM work_claim($1, $2, $3)",
	.params = 3},
    [STMT_WORK_KEEP] = {"work_keep", "SELECT work_keep($1, $2, $3)", 3, .repeatable = true},
    [STMT_WORK_PUT] = {"work_put", "SELECT work_put($1, $2, $3, make_interval(secs => $4))", 4,
	.repeatable = true},
    [STMT_WORK_DONE] = {"work_done", "SELECT work_done($1, $2, $3, $4)", 4, .repeatable = true},
    [STMT_WORK_FAILED] = {"work_failed", "SELECT work_failed($1, $2, $3, $4, $5)", .params = 5},
    [STMT_WORK_WAIT_FOR_TOKEN] = {"work_wait_for_token", "SELECT work_wait_for_token($1, $2, $3)",
	3, .repeatable = true},
    [STMT_PAUSE_PUT] = {"pause_put", "SELECT pause_put($1, $2, $3, $4)", 4, .repeatable = true},
    [STMT_PACE_TAKE] = {"pace_take",
	"SELECT pace_take($1, $2, CASE $2 WHEN 'subscription_create' THEN " CREATES " ELSE " OTHERS
	" END, " WINDOW_MS ")",
	.params = 2},
    [STMT_TOKEN_LOAD] = {"token_load",
	"SELECT generation, access_sealed, expires_in_s FROM token_load($1)", 1,
	.repeatable = true},
    [STMT_TOKEN_TO_REFRESH] = {"token_to_refresh",
	"SELECT generation, refresh_sealed, failures FROM token_to_refresh($1)", 1,
	.repeatable = true},
    [STMT_TOKEN_STORE] = {"token_store", "SELECT token_store($1, $2, $3, $4, $5, $6, $7, $8)",
	.params = 8},
    [STMT_TOKEN_SPOOLED] = {"token_spooled", "SELECT position, newer FROM token_spooled($1, $2)", 2,
	.repeatable = true},
    [STMT_TOKEN_REFUSED] = {"token_refused", "SELECT token_refused($1, $2, $3, $4)", 4,
	.repeatable = true},
    [STMT_TOKEN_FAILED] = {"token_failed", "SELECT token_failed($1, $2, $3, $4)", .params = 4},
    [STMT_TOKEN_DEAD] = {"token_dead", "SELECT token_dead($1, $2, $3)", .params = 3},
    [STMT_TOKEN_REFRESH_REFUSED] = {"token_refresh_refused",
	"SELECT token_refresh_refused($1, $2, $3, $4)", .params = 4},
    [STMT_TOKEN_SEAL_DUE] = {"token_seal_due", "SELECT token_seal_due($1)", 1, .repeatable = true},
    [STMT_TOKEN_SEAL_NEXT] = {"token_seal_next",
	"SELECT installation_id, generation, seal_key_id, access_sealed, refresh_sealed, marked "
	"FROM token_seal_next($1, $2, $3)",
	3, .repeatable = true},
    [STMT_TOKEN_RESEAL] = {"token_reseal", "SELECT token_reseal($1, $2, $3, $4, $5, $6)", 6,
	.repeatable = true},
    [STMT_TOKEN_UNOPENED] = {"token_unopened", "SELECT token_unopened($1, $2, $3)", 3,
	.repeatable = true},
    [STMT_SEAL_CANARY_CHECK] = {"seal_canary_check",
	"SELECT key_id, sealed, used, unseen_s, elsewhere FROM seal_canary_check($1, $2)", 2,
	.repeatable = true},
    [STMT_SEAL_CANARY_SAMPLE] = {"seal_canary_sample",
	"SELECT installation_id, access_sealed FROM seal_canary_sample($1)", 1, .repeatable = true},
    [STMT_SEAL_CANARY_PUT] = {"seal_canary_put", "SELECT seal_canary_put($1, $2)", 2,
	.repeatable = true},
    [STMT_SEAL_CANARY_SEEN] = {"seal_canary_seen", "SELECT seal_canary_seen($1, $2, $3)", 3,
	.repeatable = true},
    [STMT_SYNC_PLAN] = {"sync_plan",
	"SELECT location_id, want_location, want_rooms, started_at, subscribing FROM sync_plan($1)",
	1, .repeatable = true},
    [STMT_SYNC_PROGRESS] = {"sync_progress", "SELECT sync_progress($1, $2, $3, $4)", 4,
	.repeatable = true},
    [STMT_SYNC_APPLY] = {"sync_apply", "SELECT sync_apply($1, $2, $3, $4, $5, $6)", 6,
	.repeatable = true},
    [STMT_SYNC_AGAIN] = {"sync_again", "SELECT sync_again($1, $2, $3)", 3, .repeatable = true},
    [STMT_SUBSCRIPTION_REPLACE] = {"subscription_replace", "SELECT subscription_replace($1, $2)", 2,
	.repeatable = true},
    [STMT_COMMAND_CLAIM] = {"command_claim",
	"SELECT installation_id, command_id, device_id, component, command, level, attempts, "
	"left_ms "
	"FROM command_claim($1, $2, $3, $4)",
	.params = 4},
    [STMT_COMMAND_ACCEPTED] = {"command_accepted", "SELECT command_accepted($1, $2)", 2,
	.repeatable = true},
    [STMT_COMMAND_FAILED] = {"command_failed", "SELECT command_failed($1, $2, $3)", 3,
	.repeatable = true},
    [STMT_COMMAND_RETRY] = {"command_retry", "SELECT command_retry($1, $2, $3, $4)", 4,
	.repeatable = true},
    [STMT_COMMAND_OVERDUE] = {"command_overdue",
	"SELECT installation_id, array_agg(command_id ORDER BY error), "
	"array_agg(error ORDER BY error) FROM command_overdue(" CONFIRM_MS
	") GROUP BY installation_id",
	0, .repeatable = true},
    [STMT_COMMAND_FAIL_OVERDUE] = {"command_fail_overdue",
	"SELECT command_fail_overdue($1, $2, $3)", 3, .repeatable = true},
    [STMT_COMMAND_PRUNE] = {"command_prune", "SELECT command_prune()", 0, .repeatable = true},
    [STMT_API_CALL_COUNT] = {"api_call_count", "SELECT api_call_count($1, $2, $3)", .params = 3},
    [STMT_API_CALL_COUNT_MANY] = {"api_call_count_many", "SELECT api_call_count_many($1, $2, $3)",
	.params = 3},
    [STMT_API_CALL_PRUNE] = {"api_call_prune", "SELECT api_call_prune()", 0, .repeatable = true},
    [STMT_API_CALLS_THIS_MONTH] = {"api_calls_this_month", "SELECT api_calls_this_month()", 0,
	.repeatable = true},
    [STMT_API_CALL_BUDGET] = {"api_call_budget",
	"SELECT used, paced, installations FROM api_call_budget($1)", 1, .repeatable = true},
    [STMT_API_CALL_USED] = {"api_call_used", "SELECT api_call_used($1)", 1, .repeatable = true},
};
_Static_assert(sizeof(statements) / sizeof(statements[0]) == STMT__MAX, "a text for every id");

const struct stmt *
stmt_get(enum stmt_id id)
{
	assert(id >= 0 && id < STMT__MAX);
	return &statements[id];
}
