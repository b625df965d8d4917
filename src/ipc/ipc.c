#include "ipc/ipc.h"

#include "ipc/fields.h"

enum { IPC_VERSION = 1, IPC_LENGTH_AT = 4 };

void ipc_begin(struct writer *w, enum ipc_kind kind, uint64_t job)
{
    if (w->len != 0)
        w->full = true; /* one datagram is one message */
    writer_u16(w, (uint16_t)kind);
    writer_u16(w, IPC_VERSION);
    writer_u32(w, 0); /* the length, by ipc_end */
    writer_u64(w, job);
}

bool ipc_end(struct writer *w)
{
    if (w->full || w->len < IPC_HEADER_LEN || w->len > IPC_MESSAGE_MAX) {
        w->full = true;
        return false;
    }
    struct writer length = writer_over(w->at + IPC_LENGTH_AT, sizeof(uint32_t));
    writer_u32(&length, (uint32_t)(w->len - IPC_HEADER_LEN));
    return true;
}

enum rule ipc_read_header(struct span datagram, struct ipc_header *header, struct cursor *fields)
{
    struct cursor c = cursor_over(datagram);
    if (datagram.len > IPC_MESSAGE_MAX || !cursor_u16(&c, &header->kind) || !cursor_u16(&c, &header->version) ||
        !cursor_u32(&c, &header->length) || !cursor_u64(&c, &header->job))
        return RULE_IPC;
    if (header->version != IPC_VERSION || header->kind < IPC_SETUP_ANCHOR || header->kind > IPC_KIND_LAST ||
        header->length != cursor_left(&c))
        return RULE_IPC;
    *fields = c;
    return RULE_OK;
}

void ipc_write_bare(struct writer *w, enum ipc_kind kind)
{
    ipc_begin(w, kind, 0);
    ipc_end(w);
}

enum rule ipc_read_bare(const struct cursor *fields)
{
    return fields_end(true, fields);
}
