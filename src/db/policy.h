#ifndef SWITCHBOARD_DB_POLICY_H
#define SWITCHBOARD_DB_POLICY_H

/*
 * Numbers that both the programs and the functions of sql/ need: stmt.c writes them into the
 * statements.  Those that only SQL needs are in sql/functions/policy.sql.
 */

/* A call that sends commands ends after this: before POLICY_COMMAND_CONFIRM_MS. */
#define POLICY_COMMAND_CALL_MS 8000

/*
 * A command that is not sent within this after it was requested fails; how long it is tried from
 * then on is policy_command_send().
 */
#define POLICY_COMMAND_WAIT_MS 300000

/* A command that the platform accepted and no event confirmed within this fails. */
#define POLICY_COMMAND_CONFIRM_MS 10000

/*
 * Calls about subscriptions that the platform allows for one installation in 15 minutes: creating
 * one; listing or deleting them.  The window is 5 s longer, for calls take their time on the way.
 */
#define POLICY_SUBSCRIPTION_CREATES 40
#define POLICY_SUBSCRIPTION_OTHERS 15
#define POLICY_SUBSCRIPTION_WINDOW_MS 905000

#endif
