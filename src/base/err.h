#ifndef SWITCHBOARD_BASE_ERR_H
#define SWITCHBOARD_BASE_ERR_H

/*
 * One list of outcomes for the whole project.  A function that can fail
 * returns one of these; results go out through its last parameters.  Each
 * code has a short name for logs and the HTTP status that a handler answers
 * with when it has nothing better to say.
 */
enum sw_err {
	SW_OK = 0,
	SW_EINPUT,       /* the caller sent something malformed: 400 */
	SW_EAUTH,        /* not signed in, or the signature is wrong: 401 */
	SW_EFORBIDDEN,   /* known, but not allowed: 403 */
	SW_ENOTFOUND,    /* it does not exist, or belongs to another user: 404 */
	SW_EMETHOD,      /* wrong HTTP method: 405 */
	SW_ECONFLICT,    /* the state forbids it: 409 */
	SW_ETOOLARGE,    /* over a limit: 413 */
	SW_EMEDIA,       /* wrong content type: 415 */
	SW_ELIMIT,       /* too many, try later: 429 */
	SW_EINVAL_GRANT, /* the platform refuses this grant for good (invalid_grant) */
	SW_EUPSTREAM,    /* the platform answered 5xx or something malformed: 502 */
	SW_ELOCKED,      /* somebody else holds a lock, nothing was done, try later: 503 */
	SW_EUNAVAILABLE, /* database or platform cannot be reached: 503 */
	SW_ETIMEOUT,     /* no answer in time: 504 */
	SW_ENOMEM,       /* memory: 500 */
	SW_EINTERNAL,    /* a bug of ours, or files or settings are broken: 500 */
	SW_ERR__MAX
};

/* The compiler complains when such a result is dropped. */
#define SW_MUSTCHECK __attribute__((warn_unused_result))

/* Short lower-case name for logs and JSON ("input", "unavailable"); never NULL. */
const char *err_name(enum sw_err err);

/* The HTTP status that goes with it, 200 for SW_OK. */
int err_http_status(enum sw_err err);

#endif
