#include "daemon/store_page.h"

#include <stdlib.h>

bool store_page_open(struct store_page *page)
{
    *page = (struct store_page){.bytes = writer_over(malloc(STORE_PAGE_BYTES_MAX), STORE_PAGE_BYTES_MAX)};
    return page->bytes.at != NULL;
}

void store_page_close(struct store_page *page)
{
    free(page->bytes.at);
    *page = (struct store_page){0};
}

static struct span keep(struct writer *w, struct span bytes)
{
    size_t from = w->len;
    writer_put(w, bytes);
    return span_of(w->at + from, bytes.len);
}

/* A row that net would not take is left out: it would end the channel. */
static bool is_sound(const struct binding_row *row)
{
    return row->aor.len > 0 && row->aor.len <= IPC_AOR_MAX && span_find(row->aor, '\0') == row->aor.len &&
           row->expires >= 0 && row->record.len <= IPC_BINDING_MAX;
}

static bool visit(void *context, const struct binding_row *row)
{
    struct store_page *page = context;
    struct ipc_bindings *b = &page->bindings;
    if (!is_sound(row))
        return true;
    if (b->count == IPC_PAGE_MAX || page->bytes.len + row->aor.len + row->record.len > page->bytes.cap) {
        b->last = false;
        return false;
    }
    b->binding[b->count].aor = keep(&page->bytes, row->aor);
    b->binding[b->count].record = keep(&page->bytes, row->record);
    b->binding[b->count++].expires = row->expires;
    return true;
}

/* The last user may have more: he comes with the next page, unless he is alone on this one. */
static void leave_out_last_user(struct ipc_bindings *b)
{
    size_t count = b->count;
    while (count > 0 && span_equal(b->binding[count - 1].aor, b->binding[b->count - 1].aor))
        count--;
    b->count = count > 0 ? count : b->count;
}

void store_page_read(struct store_page *page, struct store_db *store, const struct ipc_load *load)
{
    struct ipc_bindings *b = &page->bindings;
    page->bytes.len = b->count = 0;
    b->last = true;
    b->rule = bindings_db_each(store, load->after, load->now, visit, page);
    if (b->rule != RULE_OK)
        b->count = 0;
    else if (!b->last)
        leave_out_last_user(b);
}
