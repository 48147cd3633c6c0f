/*
 * Wake-ups, collected and sent together.  What it hides: channel names, the payload's form, and
 * that a payload of NOTIFY must be shorter than 8000 bytes.
 */
#include "store/notify.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define PAYLOAD_MAX 7999
/* Thousands of entries; the streamer's comparison every 5 s finds those that are left out. */
#define PAGE_MAX ((size_t)256 << 10)
/* Until the next try when another NOTIFY takes long to commit, which locks all others out. */
#define LOCKED_MS 20
#define CHANNEL_PAGE "switchboard_page"
#define CHANNEL_WORK "switchboard_work"

void
notify_init(struct notify *notify, struct db *db)
{
	memset(notify, 0, sizeof(*notify));
	notify->db = db;
	sbuf_init(&notify->page, PAGE_MAX);
}

void
notify_clear(struct notify *notify)
{
	if (notify == NULL)
		return;
	sbuf_clear(&notify->page);
	notify->work = false;
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

static void
add_entry(struct notify *notify, const char *entry)
{
	size_t length = strlen(entry);

	notify->changes++;
	if (length == 0 || is_listed(sbuf_text(&notify->page), entry, length))
		return;
	/* Not even a part of one that does not fit: it would name something else. */
	if (notify->page.length + length + 1 > PAGE_MAX)
		return;
	if (notify->page.length > 0)
		sbuf_put_char(&notify->page, ',');
	sbuf_put(&notify->page, entry, length);
}

void
notify_add_page(struct notify *notify, const char *installation_id)
{
	add_entry(notify, installation_id);
}

void
notify_add_user(struct notify *notify, int64_t user_id)
{
	char entry[24];

	snprintf(entry, sizeof(entry), "%c%lld", NOTIFY_USER, (long long)user_id);
	add_entry(notify, entry);
}

void
notify_add_work(struct notify *notify)
{
	notify->changes++;
	notify->work = true;
}

static enum sw_err
send_wakeup(struct notify *notify, const char *channel, const char *payload)
{
	const struct db_param params[] = {DB_TEXT(channel), DB_TEXT(payload)};
	enum sw_err err = db_exec(notify->db, STMT_WAKE, params, NULL);

	if (err != SW_OK)
		log_event(LOG_WARN, err == SW_ELOCKED ? "notify.later" : "notify.lost", "channel",
		    channel, "err", err_name(err), (const char *)NULL);
	return err;
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

static enum sw_err
send_page(struct notify *notify)
{
	char payload[PAYLOAD_MAX + 1];
	const char *list = sbuf_text(&notify->page);
	size_t left = notify->page.length;

	while (left > 0) {
		size_t length = payload_length(list, left);
		enum sw_err err;

		memcpy(payload, list, length);
		payload[length] = '\0';
		if (length == 0)
			break;
		err = send_wakeup(notify, CHANNEL_PAGE, payload);
		if (err != SW_OK)
			return err;
		if (length < left)
			length++; /* the comma */
		list += length;
		left -= length;
	}
	return SW_OK;
}

/* How long the next wake-up has to wait, by the number of changes in this one. */
static int
spacing_ms(const struct notify *notify)
{
	int ms = NOTIFY_SPACING_MS;

	while (ms < NOTIFY_INTERVAL_MS &&
	       ms * ms < notify->changes * NOTIFY_SPACING_MS * NOTIFY_SPACING_MS)
		ms++;
	return ms;
}

bool
notify_begin_inline(struct notify *notify)
{
	int64_t now_ms = clock_monotonic_ms();

	if (notify->changes > 0 || now_ms < notify->next_ms || now_ms < notify->next_inline_ms)
		return false;
	notify->inline_began_ms = now_ms;
	return true;
}

void
notify_end_inline(struct notify *notify)
{
	int64_t now_ms = clock_monotonic_ms();

	notify->next_ms = now_ms + NOTIFY_SPACING_MS;
	notify->next_inline_ms = now_ms + (now_ms - notify->inline_began_ms);
}

int
notify_run(struct notify *notify)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t wait_ms = notify->next_ms - now_ms;
	enum sw_err err;

	if (notify->page.length == 0 && !notify->work)
		return -1;
	if (wait_ms > 0)
		return (int)wait_ms;
	err = send_page(notify);
	if (err != SW_ELOCKED && notify->work)
		err = send_wakeup(notify, CHANNEL_WORK, "");
	if (err == SW_ELOCKED) { /* all is kept, and some of it is sent twice */
		notify->next_ms = clock_monotonic_ms() + LOCKED_MS;
		return LOCKED_MS;
	}
	notify->work = false;
	sbuf_reset(&notify->page);
	notify->next_ms = now_ms + spacing_ms(notify);
	notify->changes = 0;
	return -1;
}
