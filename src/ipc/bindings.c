/* Who is registered: net asks the store to keep it, and to give it back. */
#include "ipc/fields.h"
#include "ipc/ipc.h"

static bool read_aor(struct cursor *c, struct span *aor)
{
    return field_text(c, IPC_AOR_MAX, false, aor);
}

static bool read_record(struct cursor *c, struct ipc_binding *binding)
{
    return field_seconds(c, &binding->expires) && field_bytes(c, IPC_BINDING_MAX, &binding->record);
}

void ipc_write_bind(struct writer *w, uint64_t job, const struct ipc_bind *bind)
{
    ipc_begin(w, IPC_BIND, job);
    writer_i64(w, bind->now);
    writer_block(w, bind->aor);
    field_write_count(w, bind->count);
    for (size_t i = 0; i < bind->count; i++) {
        writer_i64(w, bind->binding[i].expires);
        writer_block(w, bind->binding[i].record);
    }
    ipc_end(w);
}

enum rule ipc_read_bind(struct cursor *fields, struct ipc_bind *bind)
{
    bool read = field_seconds(fields, &bind->now) && read_aor(fields, &bind->aor) &&
                field_count(fields, IPC_USER_BINDINGS_MAX, &bind->count);
    for (size_t i = 0; read && i < bind->count; i++) {
        bind->binding[i].aor = bind->aor;
        read = read_record(fields, &bind->binding[i]);
    }
    return fields_end(read, fields);
}

void ipc_write_bound(struct writer *w, uint64_t job, enum rule rule)
{
    ipc_begin(w, IPC_BOUND, job);
    writer_u16(w, (uint16_t)rule);
    ipc_end(w);
}

enum rule ipc_read_bound(struct cursor *fields, enum rule *rule)
{
    uint16_t number = RULE_COUNT;
    bool read = cursor_u16(fields, &number) && number < RULE_COUNT;
    *rule = read ? (enum rule)number : RULE_STORE_GONE;
    return fields_end(read, fields);
}

void ipc_write_load(struct writer *w, const struct ipc_load *load)
{
    ipc_begin(w, IPC_LOAD, 0);
    writer_i64(w, load->now);
    writer_block(w, load->after);
    ipc_end(w);
}

enum rule ipc_read_load(struct cursor *fields, struct ipc_load *load)
{
    bool read = field_seconds(fields, &load->now) && field_text(fields, IPC_AOR_MAX, true, &load->after);
    return fields_end(read, fields);
}

void ipc_write_bindings(struct writer *w, const struct ipc_bindings *page)
{
    ipc_begin(w, IPC_BINDINGS, 0);
    writer_u16(w, (uint16_t)page->rule);
    field_write_bool(w, page->last);
    field_write_count(w, page->count);
    for (size_t i = 0; i < page->count; i++) {
        writer_block(w, page->binding[i].aor);
        writer_i64(w, page->binding[i].expires);
        writer_block(w, page->binding[i].record);
    }
    ipc_end(w);
}

enum rule ipc_read_bindings(struct cursor *fields, struct ipc_bindings *page)
{
    uint16_t rule = RULE_COUNT;
    bool read = cursor_u16(fields, &rule) && rule < RULE_COUNT && field_bool(fields, &page->last) &&
                field_count(fields, IPC_PAGE_MAX, &page->count);
    page->rule = read ? (enum rule)rule : RULE_STORE_GONE;
    for (size_t i = 0; read && i < page->count; i++)
        read = read_aor(fields, &page->binding[i].aor) && read_record(fields, &page->binding[i]);
    return fields_end(read, fields);
}
