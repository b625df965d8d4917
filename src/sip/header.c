/* Header fields: lines, names and values (RFC 3261 7.3). */
#include "field.h"
#include "lex.h"

struct header_name {
    enum sip_header_id id;
    struct span name;
};

/* Every known name, long and compact (RFC 3261 20), in order of length. */
static const struct header_name header_names[] = {
    {SIP_H_CALL_ID, SPAN_INIT("i")},
    {SIP_H_CONTACT, SPAN_INIT("m")},
    {SIP_H_CONTENT_ENCODING, SPAN_INIT("e")},
    {SIP_H_CONTENT_LENGTH, SPAN_INIT("l")},
    {SIP_H_CONTENT_TYPE, SPAN_INIT("c")},
    {SIP_H_FROM, SPAN_INIT("f")},
    {SIP_H_SUBJECT, SPAN_INIT("s")},
    {SIP_H_SUPPORTED, SPAN_INIT("k")},
    {SIP_H_TO, SPAN_INIT("t")},
    {SIP_H_VIA, SPAN_INIT("v")},
    {SIP_H_TO, SPAN_INIT("to")},
    {SIP_H_VIA, SPAN_INIT("via")},
    {SIP_H_FROM, SPAN_INIT("from")},
    {SIP_H_CSEQ, SPAN_INIT("cseq")},
    {SIP_H_DATE, SPAN_INIT("date")},
    {SIP_H_ROUTE, SPAN_INIT("route")},
    {SIP_H_CALL_ID, SPAN_INIT("call-id")},
    {SIP_H_CONTACT, SPAN_INIT("contact")},
    {SIP_H_REQUIRE, SPAN_INIT("require")},
    {SIP_H_EXPIRES, SPAN_INIT("expires")},
    {SIP_H_WARNING, SPAN_INIT("warning")},
    {SIP_H_SUBJECT, SPAN_INIT("subject")},
    {SIP_H_SUPPORTED, SPAN_INIT("supported")},
    {SIP_H_TIMESTAMP, SPAN_INIT("timestamp")},
    {SIP_H_CONTENT_ID, SPAN_INIT("content-id")},
    {SIP_H_SEALED_FOR, SPAN_INIT("sealed-for")},
    {SIP_H_UNSUPPORTED, SPAN_INIT("unsupported")},
    {SIP_H_RETRY_AFTER, SPAN_INIT("retry-after")},
    {SIP_H_MAX_BREADTH, SPAN_INIT("max-breadth")},
    {SIP_H_MAX_FORWARDS, SPAN_INIT("max-forwards")},
    {SIP_H_CONTENT_TYPE, SPAN_INIT("content-type")},
    {SIP_H_RECORD_ROUTE, SPAN_INIT("record-route")},
    {SIP_H_MIME_VERSION, SPAN_INIT("mime-version")},
    {SIP_H_PROXY_REQUIRE, SPAN_INIT("proxy-require")},
    {SIP_H_AUTHORIZATION, SPAN_INIT("authorization")},
    {SIP_H_CONTENT_LENGTH, SPAN_INIT("content-length")},
    {SIP_H_CONTENT_ENCODING, SPAN_INIT("content-encoding")},
    {SIP_H_WWW_AUTHENTICATE, SPAN_INIT("www-authenticate")},
    {SIP_H_PROXY_INSPECT_BODY, SPAN_INIT("proxy-inspect-body")},
    {SIP_H_PROXY_AUTHENTICATE, SPAN_INIT("proxy-authenticate")},
    {SIP_H_CONTENT_DISPOSITION, SPAN_INIT("content-disposition")},
    {SIP_H_PROXY_AUTHORIZATION, SPAN_INIT("proxy-authorization")},
    {SIP_H_PROXY_INSPECT_BODY, SPAN_INIT("proxy-required-body")},
    {SIP_H_CONTENT_TRANSFER_ENCODING, SPAN_INIT("content-transfer-encoding")},
};

enum { HEADER_NAMES = sizeof header_names / sizeof header_names[0], HEADER_NAME_MAX = 25 };

/* Where names of each length begin in the table; the last entry ends it. */
static const uint8_t names_of_length[HEADER_NAME_MAX + 2] = {
    0,  0,  10, 11, 12, 15, 16, 16, 22, 22, 24, 26, 29, 33, 35,
    36, 36, 38, 38, 40, 43, 43, 43, 43, 43, 43, HEADER_NAMES,
};

enum sip_header_id sip_header_id_of(struct span name)
{
    if (name.len == 0 || name.len > HEADER_NAME_MAX)
        return SIP_H_OTHER;
    uint8_t first = lex_lower(name.at[0]);
    for (size_t i = names_of_length[name.len]; i < names_of_length[name.len + 1]; i++)
        if (header_names[i].name.at[0] == first && span_equal_nocase(header_names[i].name, name))
            return header_names[i].id;
    return SIP_H_OTHER;
}

bool field_is_single(enum sip_header_id id)
{
    switch (id) {
    case SIP_H_FROM:
    case SIP_H_TO:
    case SIP_H_CALL_ID:
    case SIP_H_CSEQ:
    case SIP_H_MAX_FORWARDS:
    case SIP_H_EXPIRES:
    case SIP_H_DATE:
    case SIP_H_RETRY_AFTER:
    case SIP_H_TIMESTAMP:
    case SIP_H_SUBJECT:
    case SIP_H_MIME_VERSION:
    case SIP_H_CONTENT_TYPE:
    case SIP_H_CONTENT_LENGTH:
    case SIP_H_CONTENT_DISPOSITION:
    case SIP_H_CONTENT_TRANSFER_ENCODING:
    case SIP_H_CONTENT_ID:
        return true;
    default:
        return false;
    }
}

bool field_is_one_line(struct span value)
{
    return span_find(value, '\r') == value.len && span_find(value, '\n') == value.len &&
           span_find(value, '\0') == value.len;
}

enum field_found field_take_line(struct cursor *c, struct span *line)
{
    struct span rest = cursor_rest(c);
    if (rest.len == 0)
        return FIELD_NONE;
    size_t end = span_find(rest, '\n');
    if (end == rest.len)
        return span_find(rest, '\r') + 1 < rest.len ? FIELD_STRAY : FIELD_UNENDED;
    if (end == 0 || span_find(span_part(rest, 0, end), '\r') != end - 1)
        return FIELD_STRAY;
    cursor_take(c, end + 1, line);
    return end == 1 ? FIELD_END : FIELD_TAKEN;
}

enum field_found field_take(struct cursor *c, struct span *field)
{
    struct span more;
    enum field_found found = field_take_line(c, field);
    while (found == FIELD_TAKEN && (cursor_peek(c) == ' ' || cursor_peek(c) == '\t')) {
        found = field_take_line(c, &more);
        if (found == FIELD_TAKEN)
            field->len += more.len;
    }
    return found;
}

/* A NUL is allowed nowhere but as a quoted-pair in a quoted-string (RFC 4475 3.1.1.2); elsewhere it would end the value
 * for some readers and not for others. */
static bool nuls_are_quoted(struct span value)
{
    bool quoted = false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '\0')
            return false;
        if (value.at[i] == '"')
            quoted = !quoted;
        else if (quoted && value.at[i] == '\\')
            i++;
    }
    return true;
}

bool field_split(struct span field, struct sip_header *header)
{
    struct cursor c = cursor_over(field);
    header->name = lex_run(&c, LEX_TOKEN);
    header->line = field;
    /* HCOLON = *( SP / HTAB ) ":" SWS */
    while (cursor_accept(&c, ' ') || cursor_accept(&c, '\t'))
        continue;
    if (header->name.len == 0 || !cursor_accept(&c, ':'))
        return false;
    header->value = span_trim(cursor_rest(&c));
    header->id = sip_header_id_of(header->name);
    return span_find(header->value, 0) == header->value.len || nuls_are_quoted(header->value);
}

enum rule sip_headers_parse(struct span bytes, struct sip_header *headers, size_t max, size_t *count,
                            struct span *rest)
{
    struct cursor c = cursor_over(bytes);
    struct span field;
    enum field_found found;
    uint64_t seen = 0;
    *count = 0;
    while ((found = field_take(&c, &field)) == FIELD_TAKEN) {
        if (*count == max || field.len > SIP_HEADER_LINE_MAX)
            return RULE_SIP_HEADERS;
        struct sip_header *header = &headers[*count];
        if (!field_split(field, header))
            return RULE_SIP_SYNTAX;
        if (field_is_single(header->id) && seen >> header->id & 1)
            return RULE_SIP_HEADER_TWICE;
        seen |= UINT64_C(1) << header->id;
        ++*count;
    }
    if (rest)
        *rest = cursor_rest(&c);
    return found == FIELD_END || found == FIELD_NONE ? RULE_OK : RULE_SIP_SYNTAX;
}

const struct sip_header *sip_header_next(const struct sip_message *m, enum sip_header_id id,
                                         const struct sip_header *from)
{
    for (size_t i = from ? (size_t)(from - m->headers) + 1 : 0; i < m->header_count; i++)
        if (m->headers[i].id == id)
            return &m->headers[i];
    return NULL;
}

struct span sip_header_value(const struct sip_message *m, enum sip_header_id id)
{
    const struct sip_header *header = sip_header_next(m, id, NULL);
    return header ? header->value : (struct span){0};
}

size_t sip_header_count(const struct sip_message *m, enum sip_header_id id)
{
    size_t count = 0;
    for (size_t i = 0; i < m->header_count; i++)
        count += m->headers[i].id == id;
    return count;
}
