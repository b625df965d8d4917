#include "e2m/sender_layer.h"
#include "sipseal/cms.h"

enum { HEADERS_ROOM = 16 * 1024, PART_ROOM = 1024 /* the head of a part, and its delimiter */ };

/* --- what can be asked for --- */

static enum rule check(const struct sender_draft *draft)
{
    size_t content = 0;
    if (draft->part_count == 0 || draft->part_count > SENDER_PARTS_MAX)
        return RULE_CMS_STRUCTURE;
    for (size_t i = 0; i < draft->part_count; i++) {
        const struct sender_part *part = &draft->part[i];
        if (part->reader_count > CMS_READERS_MAX)
            return RULE_CMS_LIMIT;
        if (!sender_layers_fit(part))
            return RULE_CMS_STRUCTURE;
        if (part->content.len > SENDER_CONTENT_MAX - content)
            return RULE_MIME_SIZE;
        content += part->content.len;
    }
    return RULE_OK;
}

static size_t body_room(const struct sender_draft *draft)
{
    size_t room = PART_ROOM;
    for (size_t i = 0; i < draft->part_count; i++)
        room += PART_ROOM + draft->part[i].content.len + sender_layers_room(draft, &draft->part[i]);
    return room;
}

/* --- the body --- */

/* Different readers for different parts (protocol.md 2; REQ-CONF-1, REQ-CONF-2). */
static enum rule write_parts(struct sender_work *work, struct writer *body, struct mime_head *head)
{
    const struct sender_draft *draft = work->draft;
    char boundary[MIME_BOUNDARY_LEN + 1];
    enum rule rule = sender_multipart_type(work, SPAN("multipart/mixed"), &head->content_type, boundary);
    for (size_t i = 0; rule == RULE_OK && i < draft->part_count; i++) {
        struct sender_entity entity;
        rule = sender_wrap(work, &draft->part[i], &entity);
        if (rule != RULE_OK)
            return rule;
        mime_write_delimiter(body, boundary, i == 0);
        sender_write_entity(body, &entity);
    }
    mime_write_close(body, boundary);
    return rule;
}

static enum rule write_one(struct sender_work *work, struct writer *body, struct mime_head *head)
{
    struct sender_entity entity;
    enum rule rule = sender_wrap(work, &work->draft->part[0], &entity);
    if (rule != RULE_OK)
        return rule;
    *head = entity.head;
    writer_put(body, entity.body);
    return RULE_OK;
}

/* The header lines that go with the body; mime_write_head's empty line is left to whoever composes the message. */
static void write_headers(struct writer *w, const struct sender_draft *draft, const struct mime_head *head)
{
    for (size_t i = 0; i < draft->labels.count; i++)
        label_write(w, &draft->labels.label[i]);
    writer_text(w, "MIME-Version: 1.0\r\n");
    mime_write_head(w, head);
    if (!w->full)
        w->len -= 2;
}

/* Signs and seals in working memory, and puts what is to be sent into `body` and `headers`. */
static enum rule write_message(const struct sender_draft *draft, struct arena *arena, struct writer *headers,
                               struct writer *body)
{
    struct sender_work work = {.draft = draft, .arena = arena};
    struct mime_head head = {.content_type = {0}};
    enum rule rule = draft->part_count > 1 ? write_parts(&work, body, &head) : write_one(&work, body, &head);
    if (rule != RULE_OK)
        return rule;
    write_headers(headers, draft, &head);
    return headers->full || body->full ? RULE_MIME_SIZE : RULE_OK;
}

enum rule sender_protect(const struct sender_draft *draft, struct arena *arena, struct sender_body *out)
{
    enum rule rule = check(draft);
    if (rule != RULE_OK)
        return rule;
    size_t start = arena_mark(arena);
    struct writer headers = arena_writer(arena, HEADERS_ROOM);
    struct writer body = arena_writer(arena, body_room(draft));
    if (!headers.at || !body.at) {
        arena_rewind(arena, start);
        return RULE_NO_MEMORY;
    }
    size_t work = arena_mark(arena);
    rule = write_message(draft, arena, &headers, &body);
    arena_rewind(arena, rule == RULE_OK ? work : start);
    if (rule == RULE_OK)
        *out = (struct sender_body){.headers = writer_span(&headers), .body = writer_span(&body)};
    return rule;
}
