-- Least privilege: each program gets what it needs.  Only the worker reads
-- tokens; oauth writes them through installation_link() and reads none.
SET LOCAL search_path = switchboard;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA switchboard FROM PUBLIC;
REVOKE ALL ON SCHEMA switchboard FROM PUBLIC;
GRANT USAGE ON SCHEMA switchboard TO switchboard_oauth, switchboard_webhook, switchboard_dashboard,
	switchboard_events, switchboard_worker, switchboard_reader;

GRANT EXECUTE ON FUNCTION wake TO switchboard_oauth, switchboard_webhook, switchboard_dashboard, switchboard_worker;

GRANT EXECUTE ON FUNCTION oauth_state_put, oauth_state_take, session_load, installation_link, api_call_count
	TO switchboard_oauth;

GRANT EXECUTE ON FUNCTION event_ingest, signing_key_claim, signing_key_put, confirmation_put TO switchboard_webhook;

GRANT EXECUTE ON FUNCTION session_load, session_end, session_list, session_end_one, session_end_others, command_request, command_request_many, installation_disconnect,
	switch_history, switch_is_of, place_is_of, health, metrics, api_calls_this_month TO switchboard_dashboard;
GRANT SELECT ON installation, switch_page, room, schema_migration TO switchboard_dashboard;

GRANT EXECUTE ON FUNCTION page_changes, session_reach, session_seen TO switchboard_events;
GRANT SELECT (installation_id, seq) ON installation TO switchboard_events;

GRANT SELECT, INSERT, UPDATE, DELETE ON installation, user_account, session, token, subscription, room, device,
	switch, command, job, pause, call_pace, api_call, confirmation, worker TO switchboard_worker;
GRANT SELECT ON event, schema_migration TO switchboard_worker;
GRANT EXECUTE ON FUNCTION stamp_compare, stamp_tick, job_put, installation_erase, command_confirm, event_apply,
	event_keep_partitions, token_refresh_time, installation_set_owner, api_call_count, command_claim,
	command_accepted, command_failed, command_retry, command_expire, worker_seen, worker_release, survivor_delay, pause_put, pace_take,
	job_claim, job_reconcile, job_keep, job_done, job_failed,
	work_next_ms, token_load, token_claim, token_store, token_refused, token_failed, token_dead,
	token_seal_due, token_seal_next, token_reseal, token_unopened, sync_progress,
	sync_plan, installation_set_location, sync_switches, sync_apply, sync_lacks_rooms, subscription_replace, confirmation_claim, confirmation_finish, api_calls_this_month
	TO switchboard_worker;

GRANT SELECT ON installations, token_health, switch_states, subscriptions, recent_events, command_latency, api_usage,
	schema_migration TO switchboard_reader;
