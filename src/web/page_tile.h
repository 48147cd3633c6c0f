#ifndef SWITCHBOARD_WEB_PAGE_TILE_H
#define SWITCHBOARD_WEB_PAGE_TILE_H

#include <stdint.h>

#include "base/sbuf.h"
#include "store/switch.h"

/*
 * One switch as a list item: a form with an explicit on or off, for a dimmer a
 * second one with its level.  "number" is unique on the page, "now_ms"
 * (milliseconds since 1970 UTC) is what "5 min ago" counts from.  switchboard.js changes these
 * elements when a switch changes: a new structure here needs one there.
 */
void page_put_tile(struct sbuf *out, const struct switch_row *row, const char *csrf, size_t number,
    int64_t now_ms);

#endif
