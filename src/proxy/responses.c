/* The proxy's own responses. */
#include <stdlib.h>

#include "proxy/address.h"
#include "proxy/core.h"

uint16_t reply_port(const struct proxy_source *source, const struct sip_via *via)
{
    if (source->transport == SIP_UDP && via->has_rport)
        return address_port(&source->address);
    return via->port ? via->port : source->transport == SIP_TLS ? SIPS_PORT : SIP_PORT;
}

struct hop reply_hop(const struct proxy_source *source, uint16_t port)
{
    struct hop hop = {.transport = source->transport, .address = source->address, .address_len = source->address_len};
    if (hop.address.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&hop.address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)&hop.address)->sin_port = htons(port);
    return hop;
}

/* --- the proxy's own --- */

/* The same for every copy of a request, so that a stateless answer is the same too (8.2.7), and known to nobody before.
 */
struct span own_to_tag(const struct proxy *p, const struct sip_message *m, uint8_t room[16])
{
    struct siphash h;
    uint8_t number[8];
    siphash_begin(&h, p->hash_key);
    siphash_add_field(&h, m->call_id);
    siphash_add_field(&h, m->from.tag);
    siphash_add_field(&h, m->via.branch);
    struct writer w = writer_over(number, sizeof number);
    writer_u32(&w, m->cseq);
    siphash_add_field(&h, writer_span(&w));
    w = writer_over(number, sizeof number);
    writer_u64(&w, siphash_end(&h).half[0]);
    struct writer tag = writer_over(room, 16);
    writer_hex(&tag, writer_span(&w));
    return writer_span(&tag);
}

/* Warning 399 with the sentence of the rule (protocol.md 5), and Retry-After of a 503. */
static void write_reason_headers(struct writer *w, const struct proxy *p, const struct answer *answer)
{
    writer_put(w, answer->headers);
    if (answer->rule != RULE_OK) {
        writer_text(w, "Warning: ");
        policy_write_warning(w, p->settings.name[0], answer->rule);
        writer_text(w, "\r\n");
    }
    if (answer->status == 503) {
        writer_text(w, "Retry-After: ");
        writer_decimal(w, p->settings.limits.retry_after_seconds);
        writer_text(w, "\r\n");
    }
}

/* With or without the policy object. */
static bool write_answer_with(const struct proxy *p, struct writer *w, const struct proxy_source *source,
                              const struct sip_message *m, const struct answer *answer, bool policy)
{
    uint8_t tag[16], host[ADDRESS_TEXT_MAX], lines[ANSWER_HEADERS_MAX];
    struct writer host_writer = writer_over(host, sizeof host), line_writer = writer_over(lines, sizeof lines);
    address_write_host(&host_writer, &source->address);
    write_reason_headers(&line_writer, p, answer);
    if (policy)
        write_policy_headers(&line_writer);
    const struct sip_source from = {writer_span(&host_writer), address_port(&source->address)};
    const struct sip_response response = {
        .status = answer->status,
        .to_tag = answer->status == 100 ? (struct span){0} : own_to_tag(p, m, tag),
        .headers = writer_span(&line_writer),
        .body = policy ? p->settings.policy_object : SPAN(""),
    };
    return !line_writer.full && sip_response_write(w, m, &from, &response);
}

/* protocol.md 5: over UDP without the object where the response would be over 1300 bytes. */
static bool write_answer(const struct proxy *p, struct writer *w, const struct proxy_source *source,
                         const struct sip_message *m, const struct answer *answer)
{
    const size_t before = w->len;
    if (policy_goes_along(p, source, answer) && write_answer_with(p, w, source, m, answer, true) &&
        (source->transport != SIP_UDP || w->len - before <= PROXY_UDP_MAX))
        return true;
    w->len = before;
    w->full = false;
    return write_answer_with(p, w, source, m, answer, false);
}

void answer_stateless(struct proxy *p, const struct proxy_source *source, const struct sip_message *m,
                      const struct answer *answer)
{
    struct writer w = writer_over(p->scratch, p->scratch_len);
    if (!write_answer(p, &w, source, m, answer)) {
        event_push(p, PROXY_EVENT_DROPPED, answer->rule, 0, m, source, 0);
        return;
    }
    const struct proxy_action send = {.kind = PROXY_SEND, .flow = source->flow,
                                      .hop = reply_hop(source, reply_port(source, &m->via))};
    action_push(p, &send, packet_copy(writer_span(&w)));
    event_push(p, answer->rule != RULE_OK ? PROXY_EVENT_REFUSED : PROXY_EVENT_SERVED, answer->rule, answer->status, m,
               source, 0);
}

void refuse_stateless(struct proxy *p, const struct proxy_source *source, const struct sip_message *m, enum rule rule)
{
    const struct answer answer = {.status = rule_status(rule) ? rule_status(rule) : 500, .rule = rule};
    answer_stateless(p, source, m, &answer);
}

/* False: there was no room for it. */
static bool respond(struct proxy *p, struct pass *pass, const struct sip_message *m, const struct answer *answer)
{
    struct writer w = writer_over(p->scratch, p->scratch_len);
    return write_answer(p, &w, &pass->source, m, answer) &&
           sip_server_respond(p->transactions, p->now.monotonic, pass->server, answer->status, writer_span(&w)) !=
               SIP_RESPOND_NO_MEMORY;
}

/* A transaction without an answer would stay: that of an INVITE has no timer of its own. */
static void respond_at_last(struct proxy *p, struct pass *pass, const struct sip_message *m,
                            const struct answer *answer)
{
    const struct answer bare = {.status = 500};
    if (!respond(p, pass, m, answer) && !respond(p, pass, m, &bare))
        sip_transaction_abandon(p->transactions, pass->server);
}

void answer_pass(struct proxy *p, struct pass *pass, const struct sip_message *m, const struct answer *answer)
{
    enum proxy_event_kind event = answer->rule != RULE_OK ? PROXY_EVENT_REFUSED : PROXY_EVENT_SERVED;
    respond_at_last(p, pass, m, answer);
    event_push(p, pass->ack ? PROXY_EVENT_DROPPED : event, answer->rule, pass->ack ? 0 : answer->status, m,
               &pass->source, pass->record_id);
    complete(p, pass, answer->status);
    pass_enter(p, pass, PASS_DONE);
    pass_settle(p, pass);
}

void refuse_pass_with(struct proxy *p, struct pass *pass, const struct sip_message *m, enum rule rule, int status)
{
    const struct answer answer = {.status = status ? status : 500, .rule = rule};
    answer_pass(p, pass, m, &answer);
}

void refuse_pass(struct proxy *p, struct pass *pass, const struct sip_message *m, enum rule rule)
{
    refuse_pass_with(p, pass, m, rule, rule_status(rule));
}

void refuse_later(struct proxy *p, struct pass *pass, enum rule rule)
{
    if (pass_read(p, pass, &p->message))
        refuse_pass(p, pass, &p->message, rule);
}

void answer_trying_now(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    const struct answer answer = {.status = 100};
    respond(p, pass, m, &answer);
}

void answer_trying(struct proxy *p, struct pass *pass)
{
    if (pass->state != PASS_DONE && pass_read(p, pass, &p->message))
        answer_trying_now(p, pass, &p->message);
}
