/* The signed copy of a message's headers: read, written, compared with the message. */
#include "sipseal/sipfrag.h"

#include "sealed_for.h"
#include "sipseal/clock.h"

enum {
    SIPFRAG_HEADERS_MAX = 32,
    STATUS_LINE_MAX = 256, /* bytes, with its CRLF */
};

/* --- reading --- */

/* "SIP/2.0 200 OK" and its CRLF, when the copy is one of a response. */
static bool take_status_line(struct span *text, struct message_context *context)
{
    uint32_t status = 0;
    if (!span_starts(*text, SPAN("SIP/2.0 ")))
        return true; /* no status line: a request's copy */
    struct span searched = span_part(*text, 0, STATUS_LINE_MAX);
    struct span line = span_part(searched, 0, span_find_span(searched, SPAN("\r\n")));
    if (line.len == searched.len)
        return false;
    if (line.len < 12 || line.at[11] != ' ' || !span_decimal(span_part(line, 8, 3), 699, &status) || status < 100)
        return false;
    if (span_find(line, '\r') < line.len || span_find(line, '\n') < line.len || span_find(line, '\0') < line.len)
        return false;
    context->is_response = true;
    context->status = status;
    *text = span_part(*text, line.len + 2, text->len);
    return true;
}

static bool first(bool *seen)
{
    bool was = *seen;
    *seen = true;
    return !was;
}

static bool read_address(struct span value, struct span *uri, struct span *tag)
{
    struct sip_address address;
    if (sip_address_parse(value, &address) != RULE_OK || address.uri.len == 0)
        return false;
    *uri = address.uri;
    if (tag)
        *tag = address.tag;
    return true;
}

static enum rule read_sealed_for(struct sipfrag *frag, struct span value)
{
    if (!first(&frag->has_sealed_for))
        return RULE_CONTEXT_SYNTAX;
    return sealed_for_parse(value, &frag->sealed_for);
}

static bool read_header(struct sipfrag *frag, enum sip_header_id id, struct span value)
{
    struct message_context *c = &frag->context;
    switch (id) {
    case SIP_H_FROM:
        return first(&frag->has_from) && read_address(value, &c->from_uri, &c->from_tag);
    case SIP_H_TO:
        return first(&frag->has_to) && read_address(value, &c->to_uri, &c->to_tag);
    case SIP_H_CONTACT:
        return first(&frag->has_contact) && read_address(value, &c->contact_uri, NULL);
    case SIP_H_CALL_ID:
        c->call_id = value;
        return first(&frag->has_call_id) && value.len > 0;
    case SIP_H_CSEQ:
        return first(&frag->has_cseq) && sip_cseq_parse(value, &c->cseq, &c->method) == RULE_OK;
    case SIP_H_DATE:
        c->date = value;
        return first(&frag->has_date) && clock_parse_date(value, &frag->date);
    default:
        return true; /* RFC 3893 2: other headers may stand in it; nothing is bound by them here */
    }
}

enum rule sipfrag_parse(struct span text, struct sipfrag *frag)
{
    struct sip_header headers[SIPFRAG_HEADERS_MAX];
    size_t count;
    struct span rest = {0};
    *frag = (struct sipfrag){0};
    if (!take_status_line(&text, &frag->context))
        return RULE_CONTEXT_SYNTAX;
    if (sip_headers_parse(text, headers, SIPFRAG_HEADERS_MAX, &count, &rest) != RULE_OK || rest.len > 0)
        return RULE_CONTEXT_SYNTAX;
    for (size_t i = 0; i < count; i++) {
        enum rule rule = RULE_OK;
        if (headers[i].id == SIP_H_SEALED_FOR)
            rule = read_sealed_for(frag, headers[i].value);
        else if (!read_header(frag, headers[i].id, headers[i].value))
            rule = RULE_CONTEXT_SYNTAX;
        if (rule != RULE_OK)
            return rule;
    }
    if (frag->context.is_response && frag->has_to)
        return RULE_CONTEXT_SYNTAX; /* RFC 3893 6: To MUST NOT be included */
    return labels_of(headers, count, &frag->labels) == RULE_OK ? RULE_OK : RULE_CONTEXT_SYNTAX;
}

/* --- writing --- */

static void write_address(struct writer *w, const char *name, struct span uri, struct span tag)
{
    if (uri.len == 0)
        return;
    writer_text(w, name);
    writer_text(w, ": <");
    writer_put(w, uri);
    writer_byte(w, '>');
    if (tag.len) {
        writer_text(w, ";tag=");
        writer_put(w, tag);
    }
    writer_text(w, "\r\n");
}

static void write_line(struct writer *w, const char *name, struct span value)
{
    if (value.len == 0)
        return;
    writer_text(w, name);
    writer_text(w, ": ");
    writer_put(w, value);
    writer_text(w, "\r\n");
}

static void write_status_line(struct writer *w, uint32_t status)
{
    writer_text(w, "SIP/2.0 ");
    writer_decimal(w, status);
    writer_byte(w, ' ');
    writer_text(w, sip_reason_phrase((int)status));
    writer_text(w, "\r\n");
}

void sipfrag_write(struct writer *w, const struct message_context *context, const struct labels *labels,
                   const struct sealed_for *sealed_for)
{
    const struct span none = {0};
    if (context->is_response)
        write_status_line(w, context->status);
    write_address(w, "From", context->from_uri, context->from_tag);
    if (!context->is_response) /* RFC 3893 6 */
        write_address(w, "To", context->to_uri, context->to_tag);
    write_line(w, "Call-ID", context->call_id);
    writer_text(w, "CSeq: ");
    writer_decimal(w, context->cseq);
    writer_byte(w, ' ');
    writer_put(w, context->method);
    writer_text(w, "\r\n");
    write_line(w, "Date", context->date);
    write_address(w, "Contact", context->contact_uri, none);
    for (size_t i = 0; labels && i < labels->count; i++)
        label_write(w, &labels->label[i]);
    if (sealed_for)
        sealed_for_write(w, sealed_for);
}

/* --- comparing --- */

/* URIs of any scheme (an emergency call goes to urn:service:sos) are the same when their bytes are; SIP URIs also when
 * they are the same address-of-record (protocol.md 2.1, rule 3). */
static bool same_address(struct span a, struct span b)
{
    return span_equal(a, b) || sip_same_aor(a, b);
}

/* RFC 3323 4.1.1.3 */
static bool is_anonymous(struct span uri)
{
    return sip_same_aor(uri, SPAN("sip:anonymous@anonymous.invalid"));
}

static bool same_transaction(const struct message_context *copy, const struct message_context *message)
{
    return span_equal(copy->call_id, message->call_id) && copy->cseq == message->cseq &&
           span_equal(copy->method, message->method);
}

static enum rule check_request(const struct sipfrag *frag, const struct message_context *message)
{
    const struct message_context *copy = &frag->context;
    if (!frag->has_to || (message->contact_uri.len > 0 && !frag->has_contact))
        return RULE_CONTEXT_ABSENT;
    bool same = same_transaction(copy, message) && same_address(copy->to_uri, message->to_uri) &&
                span_equal(copy->to_tag, message->to_tag) && span_equal(copy->from_tag, message->from_tag) &&
                (is_anonymous(message->from_uri) || same_address(copy->from_uri, message->from_uri));
    return same ? RULE_OK : RULE_CONTEXT_MISMATCH;
}

/* Who the responder is, is judged elsewhere (it may be another than To); its tag says which of several responders it is
 * (protocol.md 2.4). */
static enum rule check_response(const struct sipfrag *frag, const struct message_context *message)
{
    const struct message_context *copy = &frag->context;
    bool same = same_transaction(copy, message) && copy->status == message->status &&
                span_equal(copy->from_tag, message->to_tag);
    return same ? RULE_OK : RULE_CONTEXT_MISMATCH;
}

enum rule sipfrag_check(const struct sipfrag *frag, const struct message_context *context)
{
    if (!frag->has_from || !frag->has_call_id || !frag->has_cseq || !frag->has_date)
        return RULE_CONTEXT_ABSENT;
    if (context->is_response && !frag->context.is_response)
        return RULE_CONTEXT_ABSENT; /* no status line */
    if (frag->context.is_response != context->is_response)
        return RULE_CONTEXT_MISMATCH;
    return context->is_response ? check_response(frag, context) : check_request(frag, context);
}
