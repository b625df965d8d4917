/* Reads a whole message in one pass (RFC 3261 7, 18.3, 25.1). */
#include "field.h"
#include "lex.h"

/* The reading of one message. The first fault is what is reported; where it does not make the rest unreadable, reading
 * goes on, so that a request can be answered. */
struct reading {
    struct sip_message *m;
    enum rule fault;
    uint64_t seen; /* header ids that have stood */
};

static void note(struct reading *r, enum rule fault)
{
    if (r->fault == RULE_OK)
        r->fault = fault;
}

/* --- start line --- */

/* SIP-Version = "SIP" "/" 1*DIGIT "." 1*DIGIT */
static enum rule check_version(struct span text)
{
    struct cursor c = cursor_over(text);
    struct span name;
    if (!cursor_take(&c, 4, &name) || !span_equal_nocase(name, SPAN("SIP/")))
        return RULE_SIP_SYNTAX;
    struct span major = lex_run(&c, LEX_DIGIT);
    bool dot = cursor_accept(&c, '.');
    struct span minor = lex_run(&c, LEX_DIGIT);
    if (major.len == 0 || !dot || minor.len == 0 || !cursor_done(&c))
        return RULE_SIP_SYNTAX;
    return span_equal(major, SPAN("2")) && span_equal(minor, SPAN("0")) ? RULE_OK : RULE_SIP_VERSION;
}

/* Method SP Request-URI SP SIP-Version. False when it is so broken that it may not be SIP at all. */
static bool read_request_line(struct reading *r, struct span line)
{
    struct sip_message *m = r->m;
    struct sip_uri uri;
    struct cursor c = cursor_over(line);
    m->method_text = lex_run(&c, LEX_TOKEN);
    m->method = sip_method_of(m->method_text);
    if (m->method_text.len == 0 || !cursor_accept(&c, ' '))
        return false;
    struct span rest = cursor_rest(&c);
    if (span_trim(rest).len != rest.len) /* white space at either end (RFC 4475 3.1.2.9, 3.1.2.10) */
        note(r, RULE_SIP_SYNTAX);
    rest = span_trim(rest);
    size_t at = rest.len;
    while (at > 0 && rest.at[at - 1] != ' ')
        at--;
    struct span version = span_part(rest, at, rest.len);
    if (at < 2 || !span_starts_nocase(version, SPAN("SIP/")))
        return false;
    m->is_request = true;
    m->request_uri = span_part(rest, 0, at - 1);
    enum rule rule = check_version(version);
    if (rule != RULE_OK)
        note(r, rule);
    /* Headers are not allowed in a Request-URI (RFC 3261 19.1.1) and never become real ones (RFC 4475 3.1.2.11). */
    if (sip_uri_parse(m->request_uri, &uri) != RULE_OK || uri.headers.at)
        note(r, RULE_SIP_URI);
    return true;
}

/* Reason-Phrase = *( reserved / unreserved / escaped / UTF8-NONASCII / UTF8-CONT / SP / HTAB ); what is more than a
 * control character is let pass. */
static bool is_reason(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((text.at[i] < 0x20 && text.at[i] != '\t') || text.at[i] == 0x7f)
            return false;
    return true;
}

/* SIP-Version SP Status-Code SP Reason-Phrase */
static bool read_status_line(struct reading *r, struct span line)
{
    struct cursor c = cursor_over(line);
    struct span version, digits;
    uint32_t status;
    if (!cursor_take(&c, span_find(line, ' '), &version) || !cursor_accept(&c, ' '))
        return false;
    enum rule rule = check_version(version);
    if (rule != RULE_OK)
        note(r, rule);
    digits = lex_run(&c, LEX_DIGIT);
    if (digits.len != 3 || !span_decimal(digits, 699, &status) || status < 100 || !cursor_accept(&c, ' '))
        return false;
    r->m->status = (int)status;
    r->m->reason = cursor_rest(&c);
    return is_reason(r->m->reason);
}

static bool read_start_line(struct reading *r, struct span line)
{
    line.len -= 2; /* CRLF */
    bool read = span_starts_nocase(line, SPAN("SIP/")) ? read_status_line(r, line) : read_request_line(r, line);
    if (!read)
        note(r, RULE_SIP_SYNTAX);
    return read;
}

/* --- headers that every message has --- */

enum rule sip_cseq_parse(struct span value, uint32_t *number, struct span *method)
{
    struct cursor c = cursor_over(value);
    if (!span_decimal(lex_run(&c, LEX_DIGIT), INT32_MAX, number))
        return RULE_SIP_CSEQ;
    const uint8_t *before = c.at;
    lex_space(&c);
    if (c.at == before)
        return RULE_SIP_CSEQ;
    *method = lex_run(&c, LEX_TOKEN);
    return method->len && cursor_done(&c) ? RULE_OK : RULE_SIP_CSEQ;
}

/* callid = word [ "@" word ] */
static enum rule read_call_id(struct sip_message *m, struct span value)
{
    struct cursor c = cursor_over(value);
    bool good = lex_run(&c, LEX_WORD).len > 0 && (!cursor_accept(&c, '@') || lex_run(&c, LEX_WORD).len > 0);
    m->call_id = value;
    return good && cursor_done(&c) ? RULE_OK : RULE_SIP_SYNTAX;
}

static enum rule read_cseq(struct sip_message *m, struct span value)
{
    enum rule rule = sip_cseq_parse(value, &m->cseq, &m->cseq_method);
    if (rule != RULE_OK)
        return rule;
    if (m->is_request)
        return span_equal(m->cseq_method, m->method_text) ? RULE_OK : RULE_SIP_CSEQ;
    m->method_text = m->cseq_method;
    m->method = sip_method_of(m->cseq_method);
    return RULE_OK;
}

static enum rule read_via(struct sip_message *m, struct span value)
{
    struct cursor c = cursor_over(value);
    return sip_via_take(&c, &m->via);
}

static enum rule read_max_forwards(struct sip_message *m, struct span value)
{
    m->has_max_forwards = span_decimal(value, 255, &m->max_forwards);
    return m->has_max_forwards ? RULE_OK : RULE_SIP_SYNTAX;
}

/* The first header of each kind is taken apart. */
static enum rule read_known(struct sip_message *m, const struct sip_header *header)
{
    switch (header->id) {
    case SIP_H_VIA:
        return read_via(m, header->value);
    case SIP_H_FROM:
        return sip_address_parse(header->value, &m->from);
    case SIP_H_TO:
        return sip_address_parse(header->value, &m->to);
    case SIP_H_CALL_ID:
        return read_call_id(m, header->value);
    case SIP_H_CSEQ:
        return read_cseq(m, header->value);
    case SIP_H_MAX_FORWARDS:
        return read_max_forwards(m, header->value);
    default:
        return RULE_OK;
    }
}

static bool seen(const struct reading *r, enum sip_header_id id)
{
    return r->seen >> id & 1;
}

static void read_field(struct reading *r, struct span field)
{
    struct sip_message *m = r->m;
    struct sip_header *header = &m->headers[m->header_count];
    if (!field_split(field, header)) {
        note(r, RULE_SIP_SYNTAX);
        return;
    }
    m->header_count++;
    if (!seen(r, header->id)) {
        enum rule rule = read_known(m, header);
        if (rule != RULE_OK)
            note(r, rule);
    } else if (field_is_single(header->id)) {
        note(r, RULE_SIP_HEADER_TWICE);
    }
    r->seen |= UINT64_C(1) << header->id;
}

/* Reads fields up to and with the empty line. False when there is none that can be found. */
static bool read_fields(struct reading *r, struct cursor *c, bool cut)
{
    struct span field;
    enum field_found found;
    while ((found = field_take(c, &field)) == FIELD_TAKEN) {
        if (field.len > SIP_HEADER_LINE_MAX || r->m->header_count == SIP_HEADERS_MAX) {
            note(r, RULE_SIP_HEADERS);
            return false;
        }
        read_field(r, field);
    }
    if (found != FIELD_END)
        note(r, cut && found != FIELD_STRAY ? RULE_SIP_HEADERS : RULE_SIP_SYNTAX);
    return found == FIELD_END;
}

static void check_required(struct reading *r)
{
    static const enum sip_header_id required[] = {SIP_H_VIA, SIP_H_FROM, SIP_H_TO, SIP_H_CALL_ID, SIP_H_CSEQ};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if (!seen(r, required[i]))
            note(r, RULE_SIP_HEADER_MISSING);
}

/* --- body --- */

static void read_body(struct reading *r, struct span rest, enum sip_framing framing)
{
    struct sip_message *m = r->m;
    uint32_t length = 0;
    m->body = rest;
    if (!seen(r, SIP_H_CONTENT_LENGTH)) {
        if (framing == SIP_STREAM)
            note(r, RULE_SIP_CONTENT_LENGTH);
        return;
    }
    if (!span_decimal(sip_header_value(m, SIP_H_CONTENT_LENGTH), UINT32_MAX, &length) || length > rest.len ||
        (framing == SIP_STREAM && length != rest.len)) {
        note(r, RULE_SIP_CONTENT_LENGTH);
        return;
    }
    m->body = span_part(rest, 0, length); /* octets past it are noise (RFC 3261 18.3) */
    m->bytes = span_part(m->bytes, 0, m->head.len + length);
}

/* Everything but the array of headers, of which only the first `header_count` are ever looked at. */
static void clear(struct sip_message *m)
{
    memset(m, 0, offsetof(struct sip_message, headers));
    memset(&m->header_count, 0, sizeof *m - offsetof(struct sip_message, header_count));
}

enum rule sip_message_parse(struct span bytes, enum sip_framing framing, struct sip_message *m)
{
    struct reading r = {.m = m, .fault = RULE_OK};
    struct cursor c = cursor_over(span_part(bytes, 0, SIP_HEAD_MAX));
    bool cut = bytes.len > SIP_HEAD_MAX;
    struct span line;
    clear(m);
    m->bytes = bytes;
    m->head = cursor_rest(&c);
    if (bytes.len > SIP_MESSAGE_MAX)
        note(&r, RULE_SIP_SIZE);
    enum field_found found = field_take_line(&c, &line);
    if (found != FIELD_TAKEN) {
        note(&r, cut && found == FIELD_UNENDED ? RULE_SIP_HEADERS : RULE_SIP_SYNTAX);
        return r.fault;
    }
    if (!read_start_line(&r, line) || !read_fields(&r, &c, cut))
        return r.fault;
    m->head = span_part(bytes, 0, (size_t)(c.at - bytes.at));
    check_required(&r);
    read_body(&r, span_part(bytes, m->head.len, bytes.len), framing);
    return r.fault;
}

bool sip_message_answerable(const struct sip_message *m)
{
    static const enum sip_header_id needed[] = {SIP_H_VIA, SIP_H_FROM, SIP_H_TO, SIP_H_CALL_ID, SIP_H_CSEQ};
    if (!m->is_request || m->method == SIP_ACK || m->via.host.len == 0)
        return false;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!sip_header_next(m, needed[i], NULL))
            return false;
    return true;
}
