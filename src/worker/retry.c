/*
 * When to try again, for calls to the platform and for statements.
 */
#include "worker/retry.h"

#include "base/secret.h"

int64_t
retry_delay_ms(const struct backoff *backoff, int64_t failures, int64_t required_ms)
{
	int64_t delay_ms = backoff->first_ms;
	uint32_t random;

	if (required_ms >= 0)
		return required_ms;
	while (failures-- > 0 && delay_ms < backoff->most_ms)
		delay_ms *= 2;
	if (delay_ms > backoff->most_ms)
		delay_ms = backoff->most_ms;
	if (secret_random(&random, sizeof(random)) != SW_OK)
		return delay_ms;
	return delay_ms - delay_ms / 8 + (int64_t)(random % (uint64_t)(delay_ms / 4 + 1));
}

int
retry_earlier(int a_ms, int64_t b_ms)
{
	return a_ms < 0 || b_ms < a_ms ? (int)b_ms : a_ms;
}

bool
retry_may_help(enum sw_err err)
{
	return err == SW_EUNAVAILABLE || err == SW_ETIMEOUT || err == SW_ECONFLICT ||
	       err == SW_ELOCKED;
}
