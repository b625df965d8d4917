/* A request on its way to the next hop: edits to the head, never to the body (RFC 3261 16.6; REQ-GEN-2, REQ-GEN-3). */
#include <stdlib.h>

#include "proxy/address.h"
#include "proxy/core.h"
#include "sipseal/sip_request.h"

enum {
    LOOP_DIGITS = 16,
    BRANCH_MAX = 7 + 2 * BRANCH_RANDOM + 1 + LOOP_DIGITS,
    RECORD_ROUTE_MAX = 1024, /* of one's own, twice */
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

static bool via_was_ours(const struct proxy *p, const struct sip_via *via)
{
    for (size_t i = 0; i < FORMER_VIAS_MAX; i++) {
        const struct former_via *f = &p->former_via[i];
        if (p->now.monotonic < f->until && (via->port == f->port || via->port == 0) &&
            span_equal_nocase(via->host, span_of(f->host, f->host_len)))
            return true;
    }
    return false;
}

bool via_is_ours(const struct proxy *p, const struct sip_via *via)
{
    if (!span_equal_nocase(via->host, p->settings.name[0]))
        return via_was_ours(p, via);
    for (size_t i = 0; i < p->settings.listen_count; i++)
        if (via->port == address_port(&p->settings.listen[i].address))
            return true;
    return via->port == 0 || via_was_ours(p, via);
}

void remember_vias(struct proxy *p)
{
    struct span name = p->settings.name[0];
    for (size_t i = 0; name.len <= LABEL_HOST_MAX && i < p->settings.listen_count; i++) {
        struct former_via *f = &p->former_via[p->former_via_next++ % FORMER_VIAS_MAX];
        memcpy(f->host, name.at, name.len);
        f->host_len = name.len;
        f->port = address_port(&p->settings.listen[i].address);
        f->until = p->now.monotonic + FORMER_VIA_MS;
    }
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
    uint8_t breadth[NUMBER_LINE_MAX];
    uint8_t length[NUMBER_LINE_MAX];
    uint8_t route[SIP_HEADER_LINE_MAX];
    uint8_t record_route[RECORD_ROUTE_MAX];
};

/* A branch has BRANCH_RANDOM bytes that nobody can guess, and the hash that tells a loop. */
static struct span write_branch(const struct proxy *p, const struct sip_message *m, const uint8_t *bytes,
                                struct texts *t)
{
    struct writer w = writer_over(t->branch, sizeof t->branch);
    writer_text(&w, SIP_MAGIC_COOKIE);
    writer_hex(&w, span_of(bytes, BRANCH_RANDOM));
    writer_byte(&w, '-');
    write_loop_hash(&w, loop_hash(p, m));
    return writer_span(&w);
}

size_t branch_local(const struct proxy *p, const struct branch *b)
{
    for (size_t i = 0; b->hop.transport == SIP_UDP && b->flow && i < p->settings.listen_count; i++)
        if (p->settings.listen_flow[i] == b->flow)
            return i;
    return routing_local(&p->routing, &b->hop);
}

/* Our Via, and Max-Forwards and Max-Breadth where the request has none (16.6 steps 3 and 8, RFC 5393 5.3.3). `rport`
 * asks for the response to come back
 * to the port that the request leaves from (RFC 3581). */
static void edit_own_via(struct proxy *p, const struct branch *b, struct sip_edits *e, const struct sip_message *m,
                         struct texts *t, struct span branch)
{
    struct writer w = writer_over(t->via, sizeof t->via);
    size_t local = branch_local(p, b);
    writer_text(&w, "Via: SIP/2.0/");
    writer_text(&w, sip_transport_name(b->hop.transport));
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
    if (sip_header_count(m, SIP_H_MAX_BREADTH) == 0) {
        writer_text(&w, "Max-Breadth: ");
        writer_decimal(&w, b->breadth);
        writer_text(&w, "\r\n");
    }
    e->full |= w.full;
    sip_edit_insert(e, m, sip_header_next(m, SIP_H_VIA, NULL)->line, writer_span(&w));
}

/* Before the Record-Route headers of those before us (16.6 step 4). */
static void edit_record_route(const struct proxy *p, const struct branch *b, struct sip_edits *e,
                              const struct sip_message *m, struct texts *t)
{
    struct writer w = writer_over(t->record_route, sizeof t->record_route);
    const struct sip_header *before = sip_header_next(m, SIP_H_RECORD_ROUTE, NULL);
    write_record_route(p, &w, b, m);
    e->full |= w.full;
    sip_edit_insert(e, m, (before ? before : sip_header_next(m, SIP_H_VIA, NULL))->line, writer_span(&w));
}

static void edit_max_forwards(struct sip_edits *e, const struct sip_message *m, struct texts *t)
{
    struct writer w = writer_over(t->hops, sizeof t->hops);
    if (!m->has_max_forwards)
        return;
    writer_decimal(&w, m->max_forwards - 1);
    sip_edit_replace(e, m, sip_header_value(m, SIP_H_MAX_FORWARDS), writer_span(&w));
}

static void edit_max_breadth(const struct branch *b, struct sip_edits *e, const struct sip_message *m, struct texts *t)
{
    struct writer w = writer_over(t->breadth, sizeof t->breadth);
    struct span value = sip_header_value(m, SIP_H_MAX_BREADTH);
    writer_decimal(&w, b->breadth);
    if (value.len > 0 && !span_equal(value, writer_span(&w)))
        sip_edit_replace(e, m, value, writer_span(&w));
}

/* received and rport in the Via of who sent it to us (18.2.1, RFC 3581 4). */
static void edit_client_via(const struct branch *b, struct sip_edits *e, const struct sip_message *m, struct texts *t)
{
    struct writer host = writer_over(t->host, sizeof t->host);
    struct writer w = writer_over(t->client_via, sizeof t->client_via);
    address_write_host(&host, &b->pass->source.address);
    const struct sip_source source = {writer_span(&host), address_port(&b->pass->source.address)};
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

/* The path by which the contact was registered (RFC 3327 5.4); the request has no Route of its own any more. */
static void edit_path(const struct branch *b, struct sip_edits *e, const struct sip_message *m, struct texts *t)
{
    struct writer w = writer_over(t->route, sizeof t->route);
    writer_text(&w, "Route: ");
    writer_put(&w, packet_span(b->route));
    writer_text(&w, "\r\n");
    e->full |= w.full;
    sip_edit_insert(e, m, head_end(m), writer_span(&w));
}

static void edit_target(struct proxy *p, const struct branch *b, struct sip_edits *e, const struct sip_message *m,
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
    else if (b->contact)
        sip_edit_replace(e, m, m->request_uri, packet_span(b->contact));
    if (b->route)
        edit_path(b, e, m, t);
}

/* A datagram may do without; a stream may not (18.3). */
static void edit_content_length(const struct branch *b, struct sip_edits *e, const struct sip_message *m,
                                struct texts *t)
{
    if (b->hop.transport == SIP_UDP || sip_header_count(m, SIP_H_CONTENT_LENGTH) > 0)
        return;
    struct writer w = writer_over(t->length, sizeof t->length);
    writer_text(&w, "Content-Length: ");
    writer_decimal(&w, m->body.len);
    writer_text(&w, "\r\n");
    sip_edit_insert(e, m, head_end(m), writer_span(&w));
}

/* The message as it leaves, in the proxy's scratch bytes. */
static bool compose(struct proxy *p, const struct branch *b, const struct sip_message *m, struct span branch,
                    struct texts *t, struct span *out)
{
    struct sip_edits edits = {.count = 0};
    struct writer w = writer_over(p->scratch, p->scratch_len);
    edit_target(p, b, &edits, m, t);
    edit_own_via(p, b, &edits, m, t, branch);
    edit_record_route(p, b, &edits, m, t);
    edit_client_via(b, &edits, m, t);
    edit_max_forwards(&edits, m, t);
    edit_max_breadth(b, &edits, m, t);
    edit_content_length(b, &edits, m, t);
    bool composed = !edits.full && sip_edits_apply(&edits, m, &w);
    *out = writer_span(&w);
    return composed;
}

/* --- sending --- */

/* Finds the socket that it leaves from; breaks a rule when the hop cannot be reached from here at all. */
static enum rule find_flow(const struct proxy *p, struct branch *b)
{
    if (b->hop.transport != SIP_UDP && b->flow_only)
        return b->flow ? RULE_OK : RULE_SIP_FLOW_GONE; /* it is gone since it was kept */
    if (b->hop.transport == SIP_TLS) /* without a host it would lead to nobody in particular */
        return b->host ? RULE_OK : RULE_SIP_UNREACHABLE;
    if (b->hop.transport == SIP_TCP) {
        b->flow = b->moved_to_stream ? 0 : b->flow;
        return RULE_OK;
    }
    size_t local = b->hop.transport == SIP_UDP ? branch_local(p, b) : p->settings.listen_count;
    if (local == p->settings.listen_count)
        return RULE_SIP_UNREACHABLE; /* there is no socket of this address family */
    b->flow = p->settings.listen_flow[local];
    return RULE_OK;
}

/* What is too long for a datagram goes to the same address by TCP (18.1.1). To a user behind a NAT no connection can be
 * opened: it goes by a datagram, as it would after that had failed, but never a MESSAGE (protocol.md 4, Sizes). */
static enum rule compose_to_size(struct proxy *p, struct branch *b, const struct sip_message *m, struct span branch,
                                 struct texts *t, struct span *out)
{
    if (!compose(p, b, m, branch, t, out))
        return RULE_INTERNAL;
    bool too_long = b->hop.transport == SIP_UDP && out->len > PROXY_UDP_MAX && !b->moved_back;
    if (too_long && b->flow_only && m->method == SIP_MESSAGE)
        return RULE_SIP_CONGESTION;
    if (too_long && !b->flow_only) {
        b->hop.transport = SIP_TCP;
        b->moved_to_stream = true;
        if (!compose(p, b, m, branch, t, out))
            return RULE_INTERNAL;
    }
    return find_flow(p, b);
}

enum rule branch_send(struct proxy *p, struct branch *b, const struct sip_message *m)
{
    struct texts texts;
    struct span bytes;
    uint64_t id;
    p->settings.random(p->settings.random_context, b->random, sizeof b->random);
    struct span branch = write_branch(p, m, b->random, &texts);
    enum rule rule = compose_to_size(p, b, m, branch, &texts, &bytes);
    if (rule != RULE_OK)
        return rule;
    const struct sip_client client = {
        .request = bytes,
        .branch = branch,
        .method = m->method_text,
        .flow = hop_flow(p, &b->hop),
        .reliable = b->hop.transport != SIP_UDP,
        .written_again = true,
        .user = b,
    };
    rule = sip_client_start(p->transactions, p->now.monotonic, &client, &id);
    if (rule == RULE_OK)
        b->client = id;
    return rule;
}

bool branch_write_again(struct proxy *p, const struct branch *b, struct span *bytes)
{
    struct texts texts;
    struct sip_message *m = &p->message;
    enum sip_framing framing = b->pass->source.transport == SIP_UDP ? SIP_DATAGRAM : SIP_STREAM;
    return b->pass->request && sip_message_parse(packet_span(b->pass->request), framing, m) == RULE_OK &&
           compose(p, b, m, write_branch(p, m, b->random, &texts), &texts, bytes);
}

/* The same for each copy of the request, and known to nobody before (16.11). */
static void stateless_bytes(const struct proxy *p, const struct sip_message *m, uint8_t bytes[BRANCH_RANDOM])
{
    struct siphash h;
    uint8_t room[16];
    struct writer w = writer_over(room, sizeof room);
    siphash_begin(&h, p->hash_key);
    siphash_add_field(&h, SPAN("stateless"));
    siphash_add_field(&h, m->via.text);
    siphash_add_field(&h, m->call_id);
    siphash_add_field(&h, m->to.tag);
    siphash_add_field(&h, m->from.tag);
    struct digest digest = siphash_end(&h);
    writer_u64(&w, digest.half[0]);
    writer_u64(&w, digest.half[1]);
    memcpy(bytes, room, BRANCH_RANDOM);
}

enum rule send_stateless(struct proxy *p, struct branch *b, const struct sip_message *m)
{
    struct texts texts;
    struct span bytes;
    uint8_t hash[BRANCH_RANDOM];
    stateless_bytes(p, m, hash);
    enum rule rule = compose_to_size(p, b, m, write_branch(p, m, hash, &texts), &texts, &bytes);
    if (rule != RULE_OK)
        return rule;
    const struct proxy_action send = {
        .kind = PROXY_SEND, .request = true, .hop = b->hop, .host = packet_span(b->host), .flow = b->flow,
        .flow_only = b->flow_only && b->hop.transport != SIP_UDP};
    return action_push_sending(p, &send, bytes) ? RULE_OK : RULE_NO_MEMORY;
}
