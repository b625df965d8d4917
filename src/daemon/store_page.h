/* A page of the bindings that are kept, to be read by net when it begins. */
#ifndef SIPSEAL_DAEMON_STORE_PAGE_H
#define SIPSEAL_DAEMON_STORE_PAGE_H

#include "ipc/ipc.h"
#include "service/store_db.h"

enum { STORE_PAGE_BYTES_MAX = 192 * 1024 /* of names and records; with what comes on top it is one message */ };

struct store_page {
    struct ipc_bindings bindings; /* spans point into `bytes` */
    struct writer bytes;
};

/* False when there is no memory. */
bool store_page_open(struct store_page *page);
void store_page_close(struct store_page *page);

/* What was asked for: all of a user or nothing, as many users as there is room for, and whether there are more. Of a user
 * with more than there is room for at all, the first ones. */
void store_page_read(struct store_page *page, struct store_db *store, const struct ipc_load *load);

#endif
