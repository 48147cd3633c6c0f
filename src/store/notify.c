/*
 * Wake-ups, collected and sent a few times a second at most.  What it hides:
 * channel names, the payload's form, and that a payload of NOTIFY ends at
 * 8000 bytes.
 */
#include "store/notify.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define PAYLOAD_MAX 7999
/* Thousands of ids; beyond it the streamer finds the rest by itself within seconds. */
#define PAGE_MAX ((size_t)256 << 10)
#define CHANNEL_PAGE "switchboard_page"
#define CHANNEL_WORK "switchboard_work"
#define ALL_SESSIONS "*"
/* Of the time at most half is in turns. */
#define TURN_SHARE 1

void
publish_init(struct publish *publish, struct db *db)
{
	memset(publish, 0, sizeof(*publish));
	publish->db = db;
	sbuf_init(&publish->page, PAGE_MAX);
}

void
publish_clear(struct publish *publish)
{
	if (publish == NULL)
		return;
	sbuf_clear(&publish->page);
	publish->sessions = false;
	publish->work = false;
}

static bool
is_listed(const char *list, const char *id, size_t length)
{
	for (const char *at = list; (at = strstr(at, id)) != NULL; at += length) {
		if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
			return true;
	}
	return false;
}

void
publish_add_page(struct publish *publish, const char *installation_id)
{
	size_t length = strlen(installation_id);

	publish->changes++;
	if (length == 0 || is_listed(sbuf_text(&publish->page), installation_id, length))
		return;
	/* All or nothing: half an id at the limit would wake nobody. */
	if (publish->page.length + length + 1 > PAGE_MAX)
		return;
	if (publish->page.length > 0)
		sbuf_put_char(&publish->page, ',');
	sbuf_put(&publish->page, installation_id, length);
}

void
publish_add_sessions(struct publish *publish)
{
	publish->sessions = true;
}

void
publish_add_work(struct publish *publish)
{
	publish->changes++;
	publish->work = true;
}

static bool
send_notice(struct publish *publish, const char *channel, const char *payload)
{
	const struct db_param params[] = {DB_TEXT(channel), DB_TEXT(payload)};
	enum sw_err err = db_exec(publish->db, STMT_WAKE, params, NULL);

	if (err != SW_OK)
		log_event(LOG_WARN, "publish.lost", "channel", channel, "err", err_name(err),
		    (const char *)NULL);
	return err == SW_OK;
}

/* How much of a list of ids fits into one payload: up to a comma, or all of it. */
static size_t
payload_length(const char *list, size_t left)
{
	size_t length = PAYLOAD_MAX;

	if (left <= PAYLOAD_MAX)
		return left;
	while (length > 0 && list[length] != ',')
		length--;
	return length;
}

static void
send_page(struct publish *publish)
{
	char payload[PAYLOAD_MAX + 1];
	const char *list = sbuf_text(&publish->page);
	size_t left = publish->page.length;

	while (left > 0) {
		size_t length = payload_length(list, left);

		memcpy(payload, list, length);
		payload[length] = '\0';
		if (length == 0 || !send_notice(publish, CHANNEL_PAGE, payload))
			return;
		if (length < left)
			length++; /* the comma */
		list += length;
		left -= length;
	}
}

/* How long this wake-up is enough for, by what it carries. */
static int
spacing_ms(const struct publish *publish)
{
	int ms = PUBLISH_SPACING_MS;

	while (ms < PUBLISH_INTERVAL_MS &&
	       ms * ms < publish->changes * PUBLISH_SPACING_MS * PUBLISH_SPACING_MS)
		ms++;
	return ms;
}

bool
publish_take_turn(struct publish *publish)
{
	int64_t now_ms = clock_monotonic_ms();

	if (publish->changes > 0 || publish->sessions || now_ms < publish->next_ms ||
	    now_ms < publish->next_turn_ms)
		return false;
	publish->turn_began_ms = now_ms;
	return true;
}

void
publish_end_turn(struct publish *publish)
{
	int64_t now_ms = clock_monotonic_ms();

	publish->next_ms = now_ms + PUBLISH_SPACING_MS;
	publish->next_turn_ms = now_ms + TURN_SHARE * (now_ms - publish->turn_began_ms);
}

int
publish_run(struct publish *publish)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t wait_ms = publish->next_ms - now_ms;

	if (publish->sessions)
		publish_add_page(publish, ALL_SESSIONS);
	publish->sessions = false;
	if (publish->page.length == 0 && !publish->work)
		return -1;
	if (wait_ms > 0)
		return (int)wait_ms;
	send_page(publish);
	if (publish->work)
		(void)send_notice(publish, CHANNEL_WORK, "");
	publish->work = false;
	sbuf_reset(&publish->page);
	publish->next_ms = now_ms + spacing_ms(publish);
	publish->changes = 0;
	return -1;
}
