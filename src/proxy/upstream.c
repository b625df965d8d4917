/* Responses of the next hop on their way back (RFC 3261 16.7, RFC 6026 7.3). */
#include "proxy/core.h"

/* The topmost Via value of a response: the header that holds it, and what follows it there, from the comma on, or
 * nothing. Those below it are others' and need not be understood. */
static bool find_topmost_via(const struct sip_message *m, const struct sip_header **first, struct span *after)
{
    struct sip_via via;
    *first = sip_header_next(m, SIP_H_VIA, NULL);
    if (!*first)
        return false;
    struct cursor values = cursor_over((*first)->value);
    if (sip_via_take(&values, &via) != RULE_OK)
        return false;
    *after = cursor_rest(&values);
    return true;
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

/* 503 is about the hop between the next one and us: upstream it is a 500 (16.7 step 6). So is 430, of the flow to a user
 * who then cannot be reached (RFC 5626 11.5). */
int status_upstream(int status)
{
    return status == 503 ? 500 : status == 430 ? 480 : status;
}

static void edit_status(struct sip_edits *e, const struct sip_message *m)
{
    struct span line = span_part(m->head, 0, span_find_span(m->head, SPAN("\r\n")));
    if (m->status == 503)
        sip_edit_replace(e, m, line, SPAN("SIP/2.0 500 Server Internal Error"));
    else if (m->status == 430)
        sip_edit_replace(e, m, line, SPAN("SIP/2.0 480 Temporarily Unavailable"));
}

bool write_upstream(const struct pass *pass, const struct sip_message *m, struct writer *w)
{
    const struct sip_header *first;
    struct span after;
    struct sip_edits edits = {.count = 0};
    uint8_t length[40];
    struct writer length_writer = writer_over(length, sizeof length);
    if (!find_topmost_via(m, &first, &after))
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

void forward_final(struct proxy *p, struct pass *pass, const struct sip_message *m, int status, struct span bytes)
{
    enum sip_respond sent = sip_server_respond(p->transactions, p->now.monotonic, pass->server, status, bytes);
    if (sent == SIP_RESPOND_SENT)
        event_push(p, PROXY_EVENT_ANSWERED, RULE_OK, status, m, &pass->source, pass->record_id);
    else
        event_push(p, PROXY_EVENT_DROPPED, sent == SIP_RESPOND_NO_MEMORY ? RULE_NO_MEMORY : RULE_SIP_STRAY, status, m,
                   &pass->source, pass->record_id);
    if (sent == SIP_RESPOND_NO_MEMORY)
        sip_transaction_abandon(p->transactions, pass->server);
    complete(p, pass, status);
    pass_enter(p, pass, PASS_DONE);
    pass_settle(p, pass);
}

/* A response that ends nothing: 101 to 199, and 2xx to an INVITE that is answered already, from the same branch or
 * another (RFC 6026 7.1). Where the server transaction does not take it, it goes nowhere. */
static bool pass_on(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    struct writer w = writer_over(p->scratch, p->scratch_len);
    return write_upstream(pass, m, &w) && sip_server_respond(p->transactions, p->now.monotonic, pass->server, m->status,
                                                             writer_span(&w)) == SIP_RESPOND_SENT;
}

static void provisional(struct proxy *p, struct branch *b, const struct sip_message *m)
{
    if (m->status > 100 && b->pass->state == PASS_FORWARDED)
        pass_on(p, b->pass, m);
    branch_rings(p, b, m->status);
}

/* The request is answered already. */
static void late(struct proxy *p, struct branch *b, const struct sip_message *m)
{
    struct pass *pass = b->pass;
    bool again = b->state == BRANCH_DONE;
    branch_enter(p, b, BRANCH_DONE);
    if (!pass->invite || m->status >= 300)
        return;
    bool passed = pass_on(p, pass, m);
    if (again)
        p->counters.retransmissions++;
    else
        event_push(p, passed ? PROXY_EVENT_ANSWERED : PROXY_EVENT_DROPPED, passed ? RULE_OK : RULE_SIP_STRAY,
                   m->status, m, &pass->source, pass->record_id);
}

static void handle_response(struct proxy *p, struct branch *b, uint64_t id, const struct sip_message *m)
{
    if (id == b->cancel)
        return; /* what a CANCEL is answered does not matter (9.1) */
    if (m->status < 200)
        provisional(p, b, m);
    else if (b->pass->state != PASS_FORWARDED || b->state == BRANCH_DONE)
        late(p, b, m);
    else
        branch_answered(p, b, m);
}

/* Nobody is behind a response whose only Via is ours: all that this proxy sends on came from someone, but for its own
 * CANCEL. */
static bool is_for_someone(const struct proxy *p, const struct sip_message *m)
{
    const struct sip_header *first;
    struct span after;
    return via_is_ours(p, &m->via) && find_topmost_via(m, &first, &after) &&
           (after.len > 0 || sip_header_next(m, SIP_H_VIA, first) || m->method == SIP_CANCEL);
}

void response_arrived(struct proxy *p, const struct proxy_source *source, const struct sip_message *m)
{
    uint64_t id;
    void *user = NULL;
    enum sip_arrival arrival = SIP_ARRIVAL_STRAY;
    p->counters.responses++;
    if (is_for_someone(p, m))
        arrival = sip_transaction_response(p->transactions, p->now.monotonic, m, &id, &user);
    if (arrival == SIP_ARRIVAL_RETRANSMISSION)
        p->counters.retransmissions++;
    else if (arrival == SIP_ARRIVAL_RESPONSE)
        handle_response(p, user, id, m);
    else
        event_push(p, PROXY_EVENT_DROPPED, RULE_SIP_STRAY, m->status, m, source, 0);
}
