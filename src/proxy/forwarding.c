/* A request on its way to the next hop: edits to the head, never to the body (RFC 3261 16.6; REQ-GEN-2, REQ-GEN-3). */
#include <stdlib.h>

#include "proxy/address.h"
#include "proxy/core.h"
#include "sipseal/sip_request.h"

enum {
    BRANCH_RANDOM = 12, /* bytes */
    LOOP_DIGITS = 16,
    BRANCH_MAX = 7 + 2 * BRANCH_RANDOM + 1 + LOOP_DIGITS,
    VIA_MAX = 512, /* of one's own: a host name has 253 bytes at most */
    NUMBER_LINE_MAX = 40,
};

/* --- loops (RFC 5393 4.2) --- */

uint64_t loop_hash(const struct proxy *p, const struct sip_message *m)
{
    struct siphash h;
    uint8_t number[4];
    struct writer w = writer_over(number, sizeof number);
    writer_u32(&w, m->cseq);
    siphash_begin(&h, p->hash_key);
    siphash_add_field(&h, m->request_uri);
    siphash_add_field(&h, m->call_id);
    siphash_add_field(&h, m->from.tag);
    siphash_add_field(&h, writer_span(&w));
    for (const struct sip_header *r = sip_header_next(m, SIP_H_ROUTE, NULL); r; r = sip_header_next(m, SIP_H_ROUTE, r))
        siphash_add_field(&h, r->value);
    return siphash_end(&h).half[0];
}

static void write_loop_hash(struct writer *w, uint64_t hash)
{
    uint8_t bytes[8];
    struct writer number = writer_over(bytes, sizeof bytes);
    writer_u64(&number, hash);
    writer_hex(w, writer_span(&number));
}

bool via_is_ours(const struct proxy *p, const struct sip_via *via)
{
    if (!span_equal_nocase(via->host, p->settings.name[0]))
        return false;
    for (size_t i = 0; i < p->settings.listen_count; i++)
        if (via->port == address_port(&p->settings.listen[i].address))
            return true;
    return via->port == 0;
}

bool has_looped(const struct proxy *p, const struct sip_message *m)
{
    uint8_t digits[LOOP_DIGITS];
    struct writer w = writer_over(digits, sizeof digits);
    write_loop_hash(&w, loop_hash(p, m));
    for (const struct sip_header *h = sip_header_next(m, SIP_H_VIA, NULL); h; h = sip_header_next(m, SIP_H_VIA, h)) {
        struct cursor values = cursor_over(h->value);
        struct sip_via via;
        do {
            if (sip_via_take(&values, &via) != RULE_OK)
                break; /* someone else's Via in a form that is not understood is no loop (RFC 5393 4.2.4) */
            if (via_is_ours(p, &via) && via.branch.len == BRANCH_MAX &&
                span_equal(span_part(via.branch, BRANCH_MAX - LOOP_DIGITS, LOOP_DIGITS), writer_span(&w)))
                return true;
        } while (cursor_accept(&values, ','));
    }
    return false;
}

/* --- edits --- */

/* What the edits put into the message lives here until they are applied. */
struct texts {
    uint8_t branch[BRANCH_MAX];
    uint8_t via[VIA_MAX];
    uint8_t client_via[SIP_HEADER_LINE_MAX + ADDRESS_TEXT_MAX + NUMBER_LINE_MAX];
    uint8_t host[ADDRESS_TEXT_MAX];
    uint8_t hops[NUMBER_LINE_MAX];
    uint8_t length[NUMBER_LINE_MAX];
    uint8_t route[SIP_HEADER_LINE_MAX];
};

static struct span write_branch(struct proxy *p, const struct sip_message *m, struct texts *t)
{
    uint8_t random[BRANCH_RANDOM];
    struct writer w = writer_over(t->branch, sizeof t->branch);
    p->settings.random(p->settings.random_context, random, sizeof random);
    writer_text(&w, SIP_MAGIC_COOKIE);
    writer_hex(&w, span_of(random, sizeof random));
    writer_byte(&w, '-');
    write_loop_hash(&w, loop_hash(p, m));
    return writer_span(&w);
}

/* Our Via, and Max-Forwards where the request has none (16.6 steps 3 and 8). `rport` asks for the response to come back
 * to the port that the request leaves from (RFC 3581). */
static void edit_own_via(struct proxy *p, const struct pass *pass, struct sip_edits *e, const struct sip_message *m,
                         struct texts *t, struct span branch)
{
    struct writer w = writer_over(t->via, sizeof t->via);
    size_t local = routing_local(&p->routing, &pass->hop);
    writer_text(&w, "Via: SIP/2.0/");
    writer_text(&w, sip_transport_name(pass->hop.transport));
    writer_byte(&w, ' ');
    writer_put(&w, p->settings.name[0]);
    if (local < p->settings.listen_count) {
        writer_byte(&w, ':');
        writer_decimal(&w, address_port(&p->settings.listen[local].address));
    }
    writer_text(&w, ";branch=");
    writer_put(&w, branch);
    writer_text(&w, ";rport\r\n");
    if (!m->has_max_forwards) {
        writer_text(&w, "Max-Forwards: ");
        writer_decimal(&w, SIP_MAX_FORWARDS);
        writer_text(&w, "\r\n");
    }
    e->full |= w.full;
    sip_edit_insert(e, m, sip_header_next(m, SIP_H_VIA, NULL)->line, writer_span(&w));
}

static void edit_max_forwards(struct sip_edits *e, const struct sip_message *m, struct texts *t)
{
    struct writer w = writer_over(t->hops, sizeof t->hops);
    if (!m->has_max_forwards)
        return;
    writer_decimal(&w, m->max_forwards - 1);
    sip_edit_replace(e, m, sip_header_value(m, SIP_H_MAX_FORWARDS), writer_span(&w));
}

/* received and rport in the Via of who sent it to us (18.2.1, RFC 3581 4). */
static void edit_client_via(const struct pass *pass, struct sip_edits *e, const struct sip_message *m, struct texts *t)
{
    struct writer host = writer_over(t->host, sizeof t->host);
    struct writer w = writer_over(t->client_via, sizeof t->client_via);
    address_write_host(&host, &pass->source.address);
    const struct sip_source source = {writer_span(&host), address_port(&pass->source.address)};
    sip_via_write_source(&w, &m->via, &source);
    e->full |= w.full;
    if (!span_equal(writer_span(&w), m->via.text))
        sip_edit_replace(e, m, m->via.text, writer_span(&w));
}

/* Takes the first `count` values of the Route headers away. */
static void edit_routes(struct sip_edits *e, const struct sip_message *m, size_t count)
{
    for (const struct sip_header *h = sip_header_next(m, SIP_H_ROUTE, NULL); h && count > 0;
         h = sip_header_next(m, SIP_H_ROUTE, h)) {
        struct cursor values = cursor_over(h->value);
        struct sip_address address;
        bool more = true;
        for (; count > 0 && more; count--)
            more = sip_address_take(&values, &address) == RULE_OK && cursor_accept(&values, ',');
        struct span rest = span_trim(cursor_rest(&values));
        if (!more)
            sip_edit_replace(e, m, h->line, (struct span){0});
        else
            sip_edit_replace(e, m, span_of(h->value.at, (size_t)(rest.at - h->value.at)), (struct span){0});
    }
}

/* The place of the empty line that ends the head. */
static struct span head_end(const struct sip_message *m)
{
    return span_part(m->head, m->head.len - 2, 2);
}

/* A strict router finds its own address in the Request-URI, and the Request-URI as the last Route (16.6 step 6). */
static void edit_strict_route(struct sip_edits *e, const struct sip_message *m, const struct route_set *routes,
                              struct texts *t)
{
    struct writer w = writer_over(t->route, sizeof t->route);
    writer_text(&w, "Route: <");
    writer_put(&w, m->request_uri);
    writer_text(&w, ">\r\n");
    e->full |= w.full;
    sip_edit_replace(e, m, m->request_uri, routes->next.uri);
    sip_edit_insert(e, m, head_end(m), writer_span(&w));
}

static void edit_target(struct proxy *p, const struct pass *pass, struct sip_edits *e, const struct sip_message *m,
                        struct texts *t)
{
    struct route_set routes;
    if (routing_route_set(&p->routing, m, &routes) != RULE_OK) {
        e->full = true; /* it was read at admission */
        return;
    }
    bool strict = routes.has_next && !routes.loose;
    edit_routes(e, m, routes.own + (strict ? 1 : 0));
    if (strict)
        edit_strict_route(e, m, &routes, t);
    else if (pass->contact)
        sip_edit_replace(e, m, m->request_uri, packet_span(pass->contact));
}

/* A datagram may do without; a stream may not (18.3). */
static void edit_content_length(const struct pass *pass, struct sip_edits *e, const struct sip_message *m,
                                struct texts *t)
{
    if (pass->hop.transport == SIP_UDP || sip_header_count(m, SIP_H_CONTENT_LENGTH) > 0)
        return;
    struct writer w = writer_over(t->length, sizeof t->length);
    writer_text(&w, "Content-Length: ");
    writer_decimal(&w, m->body.len);
    writer_text(&w, "\r\n");
    sip_edit_insert(e, m, head_end(m), writer_span(&w));
}

/* The message as it leaves, in the proxy's scratch bytes. */
static bool compose(struct proxy *p, const struct pass *pass, const struct sip_message *m, struct span branch,
                    struct texts *t, struct span *out)
{
    struct sip_edits edits = {.count = 0};
    struct writer w = writer_over(p->scratch, p->scratch_len);
    edit_target(p, pass, &edits, m, t);
    edit_own_via(p, pass, &edits, m, t, branch);
    edit_client_via(pass, &edits, m, t);
    edit_max_forwards(&edits, m, t);
    edit_content_length(pass, &edits, m, t);
    bool composed = !edits.full && sip_edits_apply(&edits, m, &w);
    *out = writer_span(&w);
    return composed;
}

/* --- sending --- */

enum rule forward_failure(const struct pass *pass)
{
    return pass->moved_to_stream ? RULE_SIP_CONGESTION : RULE_SIP_UNREACHABLE;
}

static enum rule start(struct proxy *p, struct pass *pass, const struct sip_message *m, struct texts *t)
{
    struct span branch = write_branch(p, m, t), bytes;
    if (!compose(p, pass, m, branch, t, &bytes))
        return RULE_INTERNAL;
    if (pass->hop.transport == SIP_UDP && bytes.len > PROXY_UDP_MAX) {
        /* Too long for a datagram: to the same address by TCP (18.1.1), and never back (protocol.md 4, Sizes). */
        pass->hop.transport = SIP_TCP;
        pass->moved_to_stream = true;
        if (!compose(p, pass, m, branch, t, &bytes))
            return RULE_INTERNAL;
    }
    if (pass->hop.transport == SIP_UDP && routing_local(&p->routing, &pass->hop) == p->routing.listen_count)
        return RULE_SIP_UNREACHABLE; /* there is no socket of this address family */
    if (pass->hop.transport == SIP_TLS && !pass->host && pass->flow == 0)
        return RULE_SIP_UNREACHABLE; /* it would lead to nobody in particular */
    if (pass->hop.transport != SIP_UDP && pass->hop.transport != SIP_TCP && pass->hop.transport != SIP_TLS)
        return RULE_SIP_UNREACHABLE;
    const struct sip_client client = {
        .request = bytes,
        .branch = branch,
        .method = m->method_text,
        .flow = hop_flow(p, &pass->hop),
        .reliable = pass->hop.transport != SIP_UDP,
        .user = pass,
    };
    return sip_client_start(p->transactions, p->now.monotonic, &client, &pass->client);
}

void forward(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    struct texts texts;
    enum rule rule = start(p, pass, m, &texts);
    if (rule != RULE_OK) {
        pass->client = 0;
        refuse_pass(p, pass, m, rule);
        return;
    }
    pass_enter(p, pass, PASS_FORWARDED);
    if (!pass->request)
        pass->request = packet_copy(m->bytes);
    p->counters.forwarded++;
}
