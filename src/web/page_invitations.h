#ifndef SWITCHBOARD_WEB_PAGE_INVITATIONS_H
#define SWITCHBOARD_WEB_PAGE_INVITATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sbuf.h"
#include "store/invitation.h"
#include "web/request_context.h"

/* The section of a page where its person makes, sees and withdraws invitations. */
struct page_invitations {
	bool is_shown; /* people come in by invitation here, and this person may invite */
	struct store_invitation *list;
	size_t count;
};

/* Before the page begins: two round trips at most, errors of store/invitation.h. */
SW_MUSTCHECK enum sw_err
page_load_invitations(struct request_context *context, struct page_invitations *out);

/* The section; nothing when it is not shown. */
void page_put_invitations(
    struct sbuf *out, const struct page_invitations *invitations, const char *csrf, int64_t now_ms);

#endif
