/*
 * The table behind the one list of outcomes.
 */
#include "base/err.h"

#include <stddef.h>

struct outcome {
	const char *name;
	int http_status;
};

static const struct outcome outcomes[] = {
    [SW_OK] = {"ok", 200},
    [SW_EINPUT] = {"input", 400},
    [SW_EAUTH] = {"auth", 401},
    [SW_EFORBIDDEN] = {"forbidden", 403},
    [SW_ENOTFOUND] = {"not_found", 404},
    [SW_EMETHOD] = {"method", 405},
    [SW_ECONFLICT] = {"conflict", 409},
    [SW_ETOOLARGE] = {"too_large", 413},
    [SW_EMEDIA] = {"media", 415},
    [SW_ELIMIT] = {"limit", 429},
    [SW_EINVAL_GRANT] = {"invalid_grant", 400},
    [SW_EUPSTREAM] = {"upstream", 502},
    [SW_ELOCKED] = {"locked", 503},
    [SW_EUNAVAILABLE] = {"unavailable", 503},
    [SW_ETIMEOUT] = {"timeout", 504},
    [SW_ENOMEM] = {"memory", 500},
    [SW_EINTERNAL] = {"internal", 500},
};
_Static_assert(sizeof(outcomes) / sizeof(outcomes[0]) == SW_ERR__MAX, "an outcome lacks its row");

/* A number that is not in the enum is a bug of ours: it counts as SW_EINTERNAL. */
static const struct outcome *
find_outcome(enum sw_err err)
{
	size_t index = (size_t)err;

	return &outcomes[index < SW_ERR__MAX ? index : SW_EINTERNAL];
}

const char *
err_name(enum sw_err err)
{
	return find_outcome(err)->name;
}

int
err_http_status(enum sw_err err)
{
	return find_outcome(err)->http_status;
}
