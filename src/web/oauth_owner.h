#ifndef SWITCHBOARD_WEB_OAUTH_OWNER_H
#define SWITCHBOARD_WEB_OAUTH_OWNER_H

#include "base/err.h"
#include "smartthings/oauth.h"
#include "web/program.h"

/*
 * Whose installation is it?  When the token reply did not name the owner, the installed app is
 * read with the fresh token (GET /installedapps/{id}), twice if need be; 3 s each.
 * SW_OK: tokens->owner_account_id is there.  SW_EINPUT: the platform names no person.
 * SW_ETIMEOUT, SW_ELIMIT, SW_EUNAVAILABLE; SW_EUPSTREAM for any other answer; SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err oauth_find_owner(struct program *program, struct oauth_tokens *tokens);

/*
 * Uninstall it at the platform with the fresh token (DELETE /installedapps/{id}), tried twice, 3 s
 * each; for an owner who may not sign up.  SW_OK also when it is gone already; errors of
 * platform_classify().
 */
SW_MUSTCHECK enum sw_err
oauth_uninstall(struct program *program, const struct oauth_tokens *tokens);

#endif
