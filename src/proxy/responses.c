/* Responses: the proxy's own, and those of the next hop on their way back (RFC 3261 16.7). */
#include <stdlib.h>

#include "proxy/address.h"
#include "proxy/core.h"

struct hop reply_hop(const struct proxy_source *source, const struct sip_via *via)
{
    /* received always is the source address (18.2.2); rport the source port where the client asks for it (RFC 3581). */
    uint16_t port = via->port ? via->port : source->transport == SIP_TLS ? SIPS_PORT : SIP_PORT;
    if (source->transport == SIP_UDP && via->has_rport)
        port = address_port(&source->address);
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
static struct span own_to_tag(const struct proxy *p, const struct sip_message *m, uint8_t room[16])
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
        writer_decimal(w, PROXY_RETRY_AFTER_S);
        writer_text(w, "\r\n");
    }
}

static bool write_answer(const struct proxy *p, struct writer *w, const struct proxy_source *source,
                         const struct sip_message *m, const struct answer *answer)
{
    uint8_t tag[16], host[ADDRESS_TEXT_MAX], lines[PROXY_RESPONSE_ROOM / 2];
    struct writer host_writer = writer_over(host, sizeof host), line_writer = writer_over(lines, sizeof lines);
    address_write_host(&host_writer, &source->address);
    write_reason_headers(&line_writer, p, answer);
    const struct sip_source from = {writer_span(&host_writer), address_port(&source->address)};
    const struct sip_response response = {
        .status = answer->status,
        .to_tag = answer->status == 100 ? (struct span){0} : own_to_tag(p, m, tag),
        .headers = writer_span(&line_writer),
    };
    return !line_writer.full && sip_response_write(w, m, &from, &response);
}

void answer_stateless(struct proxy *p, const struct proxy_source *source, const struct sip_message *m,
                      const struct answer *answer)
{
    struct writer w = writer_over(p->scratch, p->scratch_len);
    if (!write_answer(p, &w, source, m, answer)) {
        event_push(p, PROXY_EVENT_DROPPED, answer->rule, 0, m, source, 0);
        return;
    }
    const struct proxy_action send = {.kind = PROXY_SEND, .flow = source->flow, .hop = reply_hop(source, &m->via)};
    action_push(p, &send, packet_copy(writer_span(&w)));
    event_push(p, PROXY_EVENT_REFUSED, answer->rule, answer->status, m, source, 0);
}

void refuse_stateless(struct proxy *p, const struct proxy_source *source, const struct sip_message *m, enum rule rule)
{
    const struct answer answer = {.status = rule_status(rule) ? rule_status(rule) : 500, .rule = rule};
    answer_stateless(p, source, m, &answer);
}

static void respond(struct proxy *p, struct pass *pass, const struct sip_message *m, const struct answer *answer)
{
    struct writer w = writer_over(p->scratch, p->scratch_len);
    if (write_answer(p, &w, &pass->source, m, answer))
        sip_server_respond(p->transactions, p->now.monotonic, pass->server, answer->status, writer_span(&w));
}

void answer_pass(struct proxy *p, struct pass *pass, const struct sip_message *m, const struct answer *answer)
{
    bool refused = answer->rule != RULE_OK;
    respond(p, pass, m, answer);
    event_push(p, refused ? PROXY_EVENT_REFUSED : PROXY_EVENT_SERVED, answer->rule, answer->status, m, &pass->source,
               pass->record_id);
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

void answer_trying(struct proxy *p, struct pass *pass)
{
    const struct answer answer = {.status = 100};
    if (pass->state != PASS_DONE && pass_read(p, pass, &p->message))
        respond(p, pass, &p->message, &answer);
}

/* --- those of the next hop --- */

/* The Via values of a response; false when one cannot be read. `first` is the header that holds the topmost, and
 * `after` what follows it there: from the comma on, or empty. */
static bool count_vias(const struct sip_message *m, size_t *count, const struct sip_header **first, struct span *after)
{
    *count = 0;
    *first = NULL;
    for (const struct sip_header *h = sip_header_next(m, SIP_H_VIA, NULL); h; h = sip_header_next(m, SIP_H_VIA, h)) {
        struct cursor values = cursor_over(h->value);
        do {
            struct sip_via via;
            if (sip_via_take(&values, &via) != RULE_OK)
                return false;
            if (++*count == 1) {
                *first = h;
                *after = cursor_rest(&values);
            }
        } while (cursor_accept(&values, ','));
    }
    return *first != NULL;
}

/* Takes the topmost Via away: its header line, or the value alone where others stand on the same line. */
static void remove_topmost_via(struct sip_edits *e, const struct sip_message *m, const struct sip_header *first,
                               struct span after)
{
    if (after.len == 0) {
        sip_edit_replace(e, m, first->line, (struct span){0});
        return;
    }
    struct span rest = span_trim(span_part(after, 1, after.len));
    sip_edit_replace(e, m, span_of(first->value.at, (size_t)(rest.at - first->value.at)), (struct span){0});
}

/* 503 is about the hop between the next one and us: upstream it is a 500 (16.7 step 6). */
static int status_upstream(const struct sip_message *m)
{
    return m->status == 503 ? 500 : m->status;
}

static void edit_status(struct sip_edits *e, const struct sip_message *m)
{
    struct span line = span_part(m->head, 0, span_find_span(m->head, SPAN("\r\n")));
    if (m->status == 503)
        sip_edit_replace(e, m, line, SPAN("SIP/2.0 500 Server Internal Error"));
}

static bool write_forwarded(const struct pass *pass, const struct sip_message *m, struct writer *w)
{
    size_t vias;
    const struct sip_header *first;
    struct span after;
    struct sip_edits edits = {.count = 0};
    uint8_t length[40];
    struct writer length_writer = writer_over(length, sizeof length);
    if (!count_vias(m, &vias, &first, &after))
        return false;
    edit_status(&edits, m);
    remove_topmost_via(&edits, m, first, after);
    if (pass->source.transport != SIP_UDP && sip_header_count(m, SIP_H_CONTENT_LENGTH) == 0) {
        writer_text(&length_writer, "Content-Length: ");
        writer_decimal(&length_writer, m->body.len);
        writer_text(&length_writer, "\r\n");
        struct span end = span_part(m->head, m->head.len - 2, 2);
        sip_edit_insert(&edits, m, end, writer_span(&length_writer));
    }
    return sip_edits_apply(&edits, m, w);
}

static void forward_response(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    struct writer w = writer_over(p->scratch, p->scratch_len);
    int status = status_upstream(m);
    if (!write_forwarded(pass, m, &w)) {
        refuse_later(p, pass, RULE_INTERNAL);
        return;
    }
    enum sip_respond sent =
        sip_server_respond(p->transactions, p->now.monotonic, pass->server, status, writer_span(&w));
    if (sent == SIP_RESPOND_SENT)
        event_push(p, PROXY_EVENT_ANSWERED, RULE_OK, status, m, &pass->source, pass->record_id);
    else
        event_push(p, PROXY_EVENT_DROPPED, RULE_SIP_STRAY, m->status, m, &pass->source, pass->record_id);
    complete(p, pass, m->status);
    pass_enter(p, pass, PASS_DONE);
    pass_settle(p, pass);
}

void response_arrived(struct proxy *p, const struct proxy_source *source, const struct sip_message *m)
{
    size_t vias;
    const struct sip_header *first;
    struct span after;
    uint64_t id;
    void *user = NULL;
    p->counters.responses++;
    /* Nobody is behind a response whose only Via is ours: all that this proxy sends on came from someone. */
    if (!via_is_ours(p, &m->via) || !count_vias(m, &vias, &first, &after) || vias < 2) {
        event_push(p, PROXY_EVENT_DROPPED, RULE_SIP_STRAY, m->status, m, source, 0);
        return;
    }
    enum sip_arrival arrival = sip_transaction_response(p->transactions, p->now.monotonic, m, &id, &user);
    if (arrival == SIP_ARRIVAL_RETRANSMISSION) {
        p->counters.retransmissions++;
        return;
    }
    if (arrival != SIP_ARRIVAL_RESPONSE) {
        event_push(p, PROXY_EVENT_DROPPED, RULE_SIP_STRAY, m->status, m, source, 0);
        return;
    }
    struct pass *pass = user;
    if (pass->state == PASS_FORWARDED && m->status >= 200)
        forward_response(p, pass, m);
}
