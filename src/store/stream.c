/*
 * Reads of the event streamer.  What it hides: column numbers, and that one statement reads for
 * many installations.
 */
#include "store/stream.h"

#include <assert.h>
#include <string.h>

#include "base/hex.h"
#include "base/clock.h"
#include "base/sbuf.h"
#include "formats/json.h"
#include "store/query.h"

/* Columns of STMT_PAGE_CHANGES. */
enum {
	COL_INSTALLATION,
	COL_SEQ,
	COL_KIND,
	COL_DEVICE,
	COL_COMPONENT,
	COL_LABEL,
	COL_ROOM,
	COL_LOCATION,
	COL_STATE,
	COL_LEVEL,
	COL_ONLINE,
	COL_PENDING,
	COL_WAITING,
	COL_UPDATED_AT,
	COL_HAS_LEVEL,
	COL_CODE,
	COL_COMMAND_ID,
	COL_DETAIL,
	COL_FOUND,
	COL_STRUCTURE,
	COL_SWITCH_KIND,
};

static const char *const kinds[] = {
    [PAGE_CHANGE_SWITCH] = "switch",
    [PAGE_CHANGE_COMMAND] = "command",
    [PAGE_CHANGE_SYNC] = "sync",
    [PAGE_CHANGE_INSTALLATION] = "installation",
    [PAGE_CHANGE_MARK] = "mark",
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == PAGE_CHANGE__MAX, "a name for every kind");

static enum page_change_kind
kind_from_text(const char *text)
{
	for (int kind = 0; kind < PAGE_CHANGE__MAX; kind++) {
		if (strcmp(text, kinds[kind]) == 0)
			return (enum page_change_kind)kind;
	}
	return PAGE_CHANGE_MARK;
}

enum sw_err
store_page_changes(struct db *db, const char *const *installations, const int64_t *cursors,
    size_t count, struct page_changes *out)
{
	struct sbuf ids = {0}, numbers = {0};
	enum sw_err err = SW_ENOMEM;

	assert(count <= PAGE_CHANGES_MAX);
	*out = (struct page_changes){0};
	for (size_t i = 0; i < count; i++) {
		store_array_put(&ids, installations[i]);
		store_array_put_int(&numbers, cursors[i]);
	}
	store_array_end(&ids);
	store_array_end(&numbers);
	if (!sbuf_failed(&ids) && !sbuf_failed(&numbers)) {
		struct db_param params[] = {DB_TEXT(sbuf_text(&ids)), DB_TEXT(sbuf_text(&numbers))};

		err = db_exec(db, STMT_PAGE_CHANGES, params, &out->result);
	}
	if (err == SW_OK)
		out->count = db_result_rows(out->result);
	sbuf_clear(&ids);
	sbuf_clear(&numbers);
	return err;
}

/* RFC 3339 as milliseconds; -1 for NULL. */
static int64_t
parse_ms(const char *text)
{
	int64_t us;

	return clock_parse_rfc3339(text, &us, NULL) ? us / 1000 : -1;
}

void
page_changes_get(const struct page_changes *changes, int i, struct page_change *out)
{
	const struct db_result *result = changes->result;

	*out = (struct page_change){
	    .kind = kind_from_text(db_result_text(result, i, COL_KIND)),
	    .row =
		{
		    .installation_id = db_result_text(result, i, COL_INSTALLATION),
		    .device_id = db_result_text(result, i, COL_DEVICE),
		    .component = db_result_text(result, i, COL_COMPONENT),
		    .label = db_result_text_or_null(result, i, COL_LABEL),
		    .kind = db_result_text_or_null(result, i, COL_SWITCH_KIND),
		    .room = db_result_text_or_null(result, i, COL_ROOM),
		    .location = db_result_text_or_null(result, i, COL_LOCATION),
		    .state = db_result_text_or_null(result, i, COL_STATE),
		    .level = db_result_is_null(result, i, COL_LEVEL)
				 ? -1
				 : (int)db_result_int(result, i, COL_LEVEL),
		    .has_level = db_result_bool(result, i, COL_HAS_LEVEL),
		    .online = db_result_bool(result, i, COL_ONLINE),
		    .pending = db_result_bool(result, i, COL_PENDING),
		    .waiting = db_result_bool(result, i, COL_WAITING),
		    .updated_at_ms = parse_ms(db_result_text_or_null(result, i, COL_UPDATED_AT)),
		    .seq = db_result_int(result, i, COL_SEQ),
		},
	    .code = db_result_text_or_null(result, i, COL_CODE),
	    .command = db_result_text_or_null(result, i, COL_DETAIL),
	    .command_id = db_result_text_or_null(result, i, COL_COMMAND_ID),
	    .found = db_result_int(result, i, COL_FOUND),
	    .structure = db_result_bool(result, i, COL_STRUCTURE),
	};
}

void
page_changes_free(struct page_changes *changes)
{
	db_result_free(changes->result);
	*changes = (struct page_changes){0};
}

enum sw_err
page_notice_read(const char *installation_id, const char *json, struct page_notice *out)
{
	const json_t *row;
	enum sw_err err;

	*out = (struct page_notice){0};
	err = jsonx_load(json, strlen(json), &out->json);
	if (err != SW_OK)
		return err;
	row = out->json;
	out->change = (struct page_change){
	    .kind = PAGE_CHANGE_SWITCH,
	    .row =
		{
		    .installation_id = installation_id,
		    .device_id = jsonx_string(row, "device_id"),
		    .component = jsonx_string(row, "component"),
		    .label = jsonx_string(row, "label"),
		    .kind = jsonx_string(row, "switch_kind"),
		    .room = jsonx_string(row, "room"),
		    .location = jsonx_string(row, "location"),
		    .state = jsonx_string(row, "state"),
		    .level = (int)jsonx_int(row, "level", -1),
		    .has_level = json_is_true(json_object_get(row, "has_level")),
		    .online = json_is_true(json_object_get(row, "online")),
		    .pending = json_is_true(json_object_get(row, "pending")),
		    .waiting = json_is_true(json_object_get(row, "waiting")),
		    .updated_at_ms = parse_ms(jsonx_string(row, "updated_at")),
		    .seq = jsonx_int(row, "seq", 0),
		},
	};
	if (out->change.row.seq > 0 && out->change.row.device_id != NULL &&
	    out->change.row.component != NULL)
		return SW_OK;
	page_notice_free(out);
	return SW_EINPUT;
}

void
page_notice_free(struct page_notice *notice)
{
	json_decref(notice->json);
	*notice = (struct page_notice){0};
}

/* As PostgreSQL prints and reads bytea. */
#define HASH_TEXT_SIZE (2 + 2 * SECRET_SHA256_BYTES + 1)

static void
format_hash(const uint8_t *hash, char out[static HASH_TEXT_SIZE])
{
	out[0] = '\\';
	out[1] = 'x';
	hex_encode(hash, SECRET_SHA256_BYTES, out + 2);
}

/* A statement whose one parameter is an array of hashes. */
static enum sw_err
exec_hashes(struct db *db, enum stmt_id id, const uint8_t (*hashes)[SECRET_SHA256_BYTES],
    size_t count, struct db_result **out)
{
	struct sbuf array = {0};
	enum sw_err err = SW_ENOMEM;

	assert(count <= SESSION_REACH_MAX);
	for (size_t i = 0; i < count; i++) {
		char text[HASH_TEXT_SIZE];

		format_hash(hashes[i], text);
		store_array_put(&array, text);
	}
	store_array_end(&array);
	if (!sbuf_failed(&array)) {
		struct db_param params[] = {DB_TEXT(sbuf_text(&array))};

		err = db_exec(db, id, params, out);
	}
	sbuf_clear(&array);
	return err;
}

enum sw_err
store_session_reach(struct db *db, const uint8_t (*hashes)[SECRET_SHA256_BYTES], size_t count,
    struct session_reach *out)
{
	enum sw_err err;

	*out = (struct session_reach){0};
	err = exec_hashes(db, STMT_SESSION_REACH, hashes, count, &out->result);
	if (err == SW_OK)
		out->count = db_result_rows(out->result);
	return err;
}

/* Index of the first row that is not before "text"; hex digits sort as the bytes do. */
static int
lower_bound(const struct session_reach *reach, const char *text)
{
	int low = 0, high = reach->count;

	while (low < high) {
		int middle = low + (high - low) / 2;

		if (strcmp(db_result_text(reach->result, middle, 0), text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int
session_reach_find(
    const struct session_reach *reach, const uint8_t hash[static SECRET_SHA256_BYTES], int *first)
{
	char text[HASH_TEXT_SIZE];
	int end;

	format_hash(hash, text);
	*first = lower_bound(reach, text);
	for (end = *first; end < reach->count; end++) {
		if (strcmp(db_result_text(reach->result, end, 0), text) != 0)
			break;
	}
	return end - *first;
}

int64_t
session_reach_user(const struct session_reach *reach, int row)
{
	return db_result_int(reach->result, row, 2);
}

const char *
session_reach_installation(const struct session_reach *reach, int row)
{
	return db_result_text(reach->result, row, 1);
}

void
session_reach_free(struct session_reach *reach)
{
	db_result_free(reach->result);
	*reach = (struct session_reach){0};
}

enum sw_err
store_session_seen(struct db *db, const uint8_t (*hashes)[SECRET_SHA256_BYTES], size_t count)
{
	return exec_hashes(db, STMT_SESSION_SEEN, hashes, count, NULL);
}
