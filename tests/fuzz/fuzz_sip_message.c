/* Any bytes as a SIP message. What is found lies where it was found; what was accepted reads the same once more; the
 * answer to an accepted request can be read itself, and belongs to it. */
#include <stdlib.h>

#include "sipseal/sip_message.h"
#include "sipseal/sip_response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool lies_in(struct span inner, struct span outer)
{
    return inner.len == 0 || span_within(inner, outer);
}

static void look_at_places(const struct sip_message *m, struct span bytes)
{
    require(m->header_count <= SIP_HEADERS_MAX);
    for (size_t i = 0; i < m->header_count; i++) {
        const struct sip_header *h = &m->headers[i];
        require(span_within(h->line, bytes) && span_within(h->name, h->line) && lies_in(h->value, h->line));
        require(i == 0 || h->line.at >= m->headers[i - 1].line.at + m->headers[i - 1].line.len);
    }
    require(lies_in(m->body, bytes) && lies_in(m->request_uri, bytes) && lies_in(m->reason, bytes));
    require(lies_in(m->via.text, bytes) && lies_in(m->via.branch, m->via.text) && lies_in(m->via.host, bytes));
    require(lies_in(m->from.uri, bytes) && lies_in(m->to.tag, bytes) && lies_in(m->call_id, bytes));
}

static void look_at_accepted(const struct sip_message *m)
{
    static struct sip_message again;
    static uint8_t copy[SIP_MESSAGE_MAX];
    struct writer w = writer_over(copy, sizeof copy);
    struct sip_edits none = {.count = 0};
    require(m->head.len + m->body.len == m->bytes.len);
    require(sip_edits_apply(&none, m, &w) && span_equal(writer_span(&w), m->bytes));
    require(sip_message_parse(writer_span(&w), SIP_DATAGRAM, &again) == RULE_OK);
    require(again.header_count == m->header_count && again.status == m->status && span_equal(again.body, m->body));
}

/* An answer may pass a limit that its request kept. */
static bool is_limit(enum rule rule)
{
    return rule == RULE_SIP_HEADERS || rule == RULE_SIP_SIZE;
}

static void answer(const struct sip_message *m, bool accepted)
{
    static struct sip_message answered;
    static uint8_t bytes[2 * SIP_MESSAGE_MAX];
    const struct sip_source source = {SPAN("192.0.2.9"), 4242};
    const struct sip_response response = {.status = 400, .to_tag = SPAN("fuzz"), .record_route = true};
    struct writer w = writer_over(bytes, sizeof bytes);
    require(sip_response_write(&w, m, &source, &response));
    if (!accepted)
        return;
    enum rule rule = sip_message_parse(writer_span(&w), SIP_STREAM, &answered);
    require(rule == RULE_OK || is_limit(rule));
    if (rule != RULE_OK)
        return;
    require(answered.status == 400 && answered.cseq == m->cseq && span_equal(answered.method_text, m->method_text));
    require(span_equal(answered.call_id, m->call_id) && span_equal(answered.via.branch, m->via.branch));
    require(span_equal(answered.to.tag, m->to.tag.len ? m->to.tag : SPAN("fuzz")));
    require(!m->via.has_rport || answered.via.rport == 4242);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sip_message m;
    struct span bytes = span_of(data, size);
    enum rule stream = sip_message_parse(bytes, SIP_STREAM, &m);
    look_at_places(&m, bytes);
    enum rule rule = sip_message_parse(bytes, SIP_DATAGRAM, &m);
    look_at_places(&m, bytes);
    require(rule == RULE_OK || stream != RULE_OK); /* a stream is read no less strictly */
    if (rule == RULE_OK)
        look_at_accepted(&m);
    if (sip_message_answerable(&m))
        answer(&m, rule == RULE_OK);
    return 0;
}
