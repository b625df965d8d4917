/* The examination of one message: net asks a vault. */
#include "ipc/fields.h"
#include "ipc/ipc.h"

enum { STATUS_MIN = 100, STATUS_MAX = 699 };

/* --- the context --- */

static void write_context(struct writer *w, const struct message_context *m)
{
    field_write_bool(w, m->is_response);
    writer_u32(w, m->status);
    writer_u32(w, m->cseq);
    const struct span text[] = {m->request_uri, m->from_uri, m->from_tag, m->to_uri,      m->to_tag,
                                m->call_id,     m->method,   m->date,     m->contact_uri};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        writer_block(w, text[i]);
}

static bool read_context(struct cursor *c, struct message_context *m)
{
    if (!field_bool(c, &m->is_response) || !cursor_u32(c, &m->status) || !cursor_u32(c, &m->cseq))
        return false;
    if (m->is_response ? m->status < STATUS_MIN || m->status > STATUS_MAX : m->status != 0)
        return false;
    struct span *const text[] = {&m->request_uri, &m->from_uri, &m->from_tag, &m->to_uri,     &m->to_tag,
                                 &m->call_id,     &m->method,   &m->date,     &m->contact_uri};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        if (!field_bytes(c, SIP_HEADER_LINE_MAX, text[i]))
            return false;
    return true;
}

/* --- the labels as they stand --- */

static void write_labels(struct writer *w, const struct outline_source *source)
{
    field_write_count(w, source->label_count);
    for (size_t i = 0; i < source->label_count; i++)
        writer_block(w, source->label_value[i]);
}

static bool read_labels(struct cursor *c, struct outline_source *source)
{
    if (!field_count(c, LABELS_MAX, &source->label_count))
        return false;
    for (size_t i = 0; i < source->label_count; i++)
        if (!field_bytes(c, SIP_HEADER_LINE_MAX, &source->label_value[i]))
            return false;
    return true;
}

/* --- the body; its head is among the SIP headers, so that `bytes` is empty --- */

static void write_body(struct writer *w, const struct mime_entity *body)
{
    writer_u8(w, (uint8_t)body->kind);
    writer_u8(w, (uint8_t)body->encoding);
    field_write_bool(w, body->content_encoded);
    const struct span head[] = {body->type, body->type_params, body->content_id, body->disposition,
                                body->disposition_params};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        writer_block(w, head[i]);
    writer_block(w, body->body);
}

static bool read_body(struct cursor *c, struct mime_entity *body)
{
    unsigned kind, encoding;
    if (!field_enum(c, MIME_SIPFRAG, &kind) || !field_enum(c, MIME_ENCODING_OTHER, &encoding) ||
        !field_bool(c, &body->content_encoded))
        return false;
    body->kind = (enum mime_kind)kind;
    body->encoding = (enum mime_transfer_encoding)encoding;
    struct span *const head[] = {&body->type, &body->type_params, &body->content_id, &body->disposition,
                                 &body->disposition_params};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        if (!field_bytes(c, SIP_HEADER_LINE_MAX, head[i]))
            return false;
    return field_bytes(c, SIP_MESSAGE_MAX, &body->body);
}

/* --- the question --- */

void ipc_write_examine(struct writer *w, uint64_t job, const struct ipc_examine *ask)
{
    ipc_begin(w, IPC_EXAMINE, job);
    writer_i64(w, ask->now);
    writer_u64(w, ask->clock);
    writer_u64(w, ask->peer);
    field_write_bool(w, ask->proven);
    field_write_bool(w, ask->archive);
    write_context(w, &ask->source.context);
    write_labels(w, &ask->source);
    write_body(w, &ask->source.body);
    ipc_end(w);
}

enum rule ipc_read_examine(struct cursor *fields, struct ipc_examine *ask)
{
    *ask = (struct ipc_examine){0};
    bool read = field_seconds(fields, &ask->now) && cursor_u64(fields, &ask->clock) &&
                cursor_u64(fields, &ask->peer) && field_bool(fields, &ask->proven) &&
                field_bool(fields, &ask->archive) &&
                read_context(fields, &ask->source.context) && read_labels(fields, &ask->source) &&
                read_body(fields, &ask->source.body);
    return fields_end(read, fields);
}

/* --- the answer --- */

void ipc_write_examined(struct writer *w, uint64_t job, const struct ipc_examined *answer)
{
    ipc_begin(w, IPC_EXAMINED, job);
    verdict_write(w, &answer->verdict);
    writer_block(w, answer->record);
    ipc_end(w);
}

enum rule ipc_read_examined(struct cursor *fields, struct ipc_examined *answer)
{
    bool read = verdict_read(fields, &answer->verdict) && field_bytes(fields, IPC_RECORD_MAX, &answer->record);
    return fields_end(read, fields);
}
