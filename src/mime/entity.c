/* One entity: its head taken apart, its body decoded. */
#include "param.h"
#include "sipseal/mime.h"
#include "type.h"

static bool set_type(struct mime_entity *e, struct span value)
{
    struct cursor c = cursor_over(value);
    if (!mime_take_type(&c, &e->type))
        return false;
    e->type_params = cursor_rest(&c);
    return mime_params_valid(e->type_params);
}

static bool set_disposition(struct mime_entity *e, struct span value)
{
    struct cursor c = cursor_over(value);
    if (!mime_take_token(&c, &e->disposition))
        return false;
    mime_skip_space(&c);
    e->disposition_params = cursor_rest(&c);
    return mime_params_valid(e->disposition_params);
}

static enum mime_transfer_encoding encoding_of(struct span value)
{
    static const struct {
        struct span name;
        enum mime_transfer_encoding encoding;
    } known[] = {
        {SPAN_INIT("binary"), MIME_BINARY},
        {SPAN_INIT("base64"), MIME_BASE64},
        {SPAN_INIT("7bit"), MIME_7BIT},
        {SPAN_INIT("8bit"), MIME_8BIT},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (span_equal_nocase(value, known[i].name))
            return known[i].encoding;
    return MIME_ENCODING_OTHER;
}

/* None of these but Content-Encoding stands twice: whoever parsed the headers has refused that. */
static bool set_header(struct mime_entity *e, enum sip_header_id id, struct span value)
{
    switch (id) {
    case SIP_H_CONTENT_TYPE:
        return set_type(e, value);
    case SIP_H_CONTENT_TRANSFER_ENCODING:
        e->encoding = encoding_of(value);
        return true;
    case SIP_H_CONTENT_ID:
        e->content_id = mime_bare_content_id(value);
        return true;
    case SIP_H_CONTENT_DISPOSITION:
        return set_disposition(e, value);
    case SIP_H_CONTENT_ENCODING:
        e->content_encoded = e->content_encoded || !span_equal_nocase(value, SPAN("identity"));
        return true;
    default:
        return true;
    }
}

/* SIP's compact names do not exist in MIME heads (RFC 2045): "c:" there is a header that nobody knows. */
static bool set_headers(struct mime_entity *e, const struct sip_header *headers, size_t count, bool in_sip)
{
    for (size_t i = 0; i < count; i++) {
        bool compact = headers[i].name.len == 1;
        if ((in_sip || !compact) && !set_header(e, headers[i].id, headers[i].value))
            return false;
    }
    e->kind = mime_kind_of(e->type, e->type_params);
    return true;
}

/* Finds the empty line within MIME_HEAD_MAX bytes. RFC 2046 5.1.1 lets a part end with its head; then the body is
 * empty. */
static enum rule split(struct span bytes, struct span *head, struct span *body)
{
    if (span_starts(bytes, SPAN("\r\n"))) {
        *head = span_part(bytes, 0, 0);
        *body = span_part(bytes, 2, bytes.len);
        return RULE_OK;
    }
    struct span searched = span_part(bytes, 0, MIME_HEAD_MAX);
    size_t end = span_find_span(searched, SPAN("\r\n\r\n"));
    if (end < searched.len) {
        *head = span_part(bytes, 0, end + 2);
        *body = span_part(bytes, end + 4, bytes.len);
        return RULE_OK;
    }
    *head = bytes;
    *body = span_part(bytes, bytes.len, 0);
    return bytes.len > MIME_HEAD_MAX ? RULE_MIME_HEADERS : RULE_OK;
}

enum rule mime_entity_parse(struct span bytes, struct mime_entity *entity)
{
    struct span head;
    struct sip_header headers[MIME_HEADERS_MAX];
    size_t count = 0;
    *entity = (struct mime_entity){.bytes = bytes};
    enum rule rule = split(bytes, &head, &entity->body);
    if (rule != RULE_OK)
        return rule;
    if (span_find(head, '\0') < head.len)
        return RULE_MIME_SYNTAX; /* SIP allows it as a quoted-pair, MIME nowhere */
    rule = head.len ? sip_headers_parse(head, headers, MIME_HEADERS_MAX, &count, NULL) : RULE_OK;
    if (rule != RULE_OK)
        return rule == RULE_SIP_HEADERS ? RULE_MIME_HEADERS : RULE_MIME_SYNTAX;
    return set_headers(entity, headers, count, false) ? RULE_OK : RULE_MIME_SYNTAX;
}

enum rule mime_entity_of_message(const struct sip_message *m, struct mime_entity *entity)
{
    *entity = (struct mime_entity){0};
    if (m->body.len == 0)
        return RULE_OK;
    entity->body = m->body;
    if (!set_headers(entity, m->headers, m->header_count, true))
        return RULE_MIME_SYNTAX;
    return entity->type.len ? RULE_OK : RULE_MIME_SYNTAX; /* RFC 3261 20.15: a body must have a Content-Type */
}

static struct span without_pair(struct span s, uint8_t open, uint8_t close)
{
    bool paired = s.len >= 2 && s.at[0] == open && s.at[s.len - 1] == close;
    return paired ? span_trim(span_part(s, 1, s.len - 2)) : s;
}

struct span mime_bare_content_id(struct span value)
{
    value = without_pair(span_trim(value), '"', '"');
    return without_pair(value, '<', '>');
}

bool mime_handling_optional(const struct mime_entity *entity)
{
    struct span handling;
    return mime_param(entity->disposition_params, "handling", &handling) &&
           span_equal_nocase(handling, SPAN("optional"));
}

static enum rule decode_base64(struct span text, struct arena *arena, struct span *content)
{
    size_t mark = arena_mark(arena), len = 0;
    uint8_t *room = arena_take(arena, text.len / 4 * 3 + 3);
    if (!room)
        return RULE_NO_MEMORY;
    if (!base64_decode(text, room, &len)) {
        arena_rewind(arena, mark);
        return RULE_MIME_SYNTAX;
    }
    *content = span_of(room, len);
    return RULE_OK;
}

enum rule mime_decode(const struct mime_entity *entity, struct arena *arena, struct span *content)
{
    switch (entity->encoding) {
    case MIME_BINARY:
    case MIME_7BIT:
    case MIME_8BIT:
        *content = entity->body;
        return RULE_OK;
    case MIME_BASE64:
        return decode_base64(entity->body, arena, content);
    case MIME_ENCODING_OTHER:
        break;
    }
    return RULE_MIME_TRANSFER_ENCODING;
}
