/* The INVITE that comes, and this side's answers to what is offered (RFC 3261 13.3, 14.2, 9.2; RFC 3311 5.2). */
#include <stdio.h>
#include <stdlib.h>

#include "ua/call_core.h"

enum { ANSWER_HEADERS_ROOM = 24 * 1024 };

void offer_end(struct offer *offer)
{
    free(offer->request);
    free(offer->answer);
    *offer = (struct offer){.again_at = UINT64_MAX, .end_at = UINT64_MAX};
}

bool offer_begin(struct call *call, unsigned fork, bool again, const struct call_request *r)
{
    struct offer *o = &call->offer;
    offer_end(o);
    o->request = call_copy(r->request->bytes);
    if (!o->request)
        return false;
    o->request_len = r->request->bytes.len;
    o->id = r->id;
    o->method = r->request->method;
    o->cseq = r->request->cseq;
    o->again = again;
    o->fork = fork;
    o->source_port = r->source->port;
    snprintf(o->source_host, sizeof o->source_host, "%.*s", SPAN_ARGS(r->source->address));
    return true;
}

/* --- answers --- */

/* The request, read again; it was read once. */
static const struct sip_message *request_of(struct calls *c, const struct offer *o)
{
    enum rule rule = sip_message_parse(span_of(o->request, o->request_len), SIP_DATAGRAM, &c->parsed);
    return rule == RULE_OK ? &c->parsed : NULL;
}

/* What makes or refreshes a dialog has a Contact and the Record-Routes (12.1.1); a 2xx says what may come (20.5). */
static struct span write_answer(struct calls *c, const struct call *call, const struct call_answer *answer)
{
    uint8_t header_room[ANSWER_HEADERS_ROOM];
    const struct offer *o = &call->offer;
    struct writer headers = writer_over(header_room, sizeof header_room), w = writer_over(c->room, sizeof c->room);
    const struct sip_message *request = request_of(c, o);
    const struct sip_source source = {span_text(o->source_host), o->source_port};
    bool dialog = answer->status < 300;
    if (dialog)
        call_write_contact(&headers, call);
    if (dialog && answer->status >= 200)
        writer_text(&headers, "Allow: " INCOMING_CALL_METHODS ", MESSAGE, OPTIONS\r\n");
    writer_put(&headers, answer->headers);
    const struct sip_response response = {
        .status = answer->status,
        .to_tag = call->fork[o->fork]->dialog.local_tag,
        .headers = writer_span(&headers),
        .body = answer->body,
        .record_route = dialog,
    };
    bool written = !headers.full && request && sip_response_write(&w, request, &source, &response);
    return written ? writer_span(&w) : (struct span){0};
}

static bool send_again(struct calls *c, const struct call *call, uint64_t now)
{
    const struct offer *o = &call->offer;
    return sip_server_respond(c->transactions, now, o->id, o->status, span_of(o->answer, o->answer_len)) ==
           SIP_RESPOND_SENT;
}

/* A provisional response is repeated now and then, a 2xx to an INVITE until its ACK comes. */
static void answered(struct call *call, int status, uint64_t now)
{
    struct offer *o = &call->offer;
    bool invite = o->method == SIP_INVITE;
    if (status < 200) {
        o->again_at = now + CALL_RING_AGAIN_MS;
        return;
    }
    if (status < 300 && invite) {
        o->answered = true;
        o->interval = SIP_T1_MS;
        o->again_at = now + o->interval;
        o->end_at = now + CALL_ANSWER_MAX_MS;
    }
    if (status < 300 && !o->again) {
        call->state = CALL_UP;
        call->end_at = UINT64_MAX;
        call->fork[o->fork]->state = FORK_ANSWERED;
        call->fork[o->fork]->dialog.confirmed = true;
    }
    if (!o->answered)
        offer_end(o);
}

bool calls_respond(struct calls *c, uint64_t now, uint64_t id, const struct call_answer *answer)
{
    struct call *call = call_named(c, id);
    struct offer *o = call ? &call->offer : NULL;
    bool may = o && o->id != 0 && !o->answered && answer->status > 100;
    if (!may || (answer->status < 200 && (o->method != SIP_INVITE || o->again)))
        return false;
    struct span bytes = write_answer(c, call, answer);
    uint8_t *copy = call_copy(bytes);
    if (!copy)
        return false;
    free(o->answer);
    o->answer = copy;
    o->answer_len = bytes.len;
    o->status = answer->status;
    if (!send_again(c, call, now))
        return false;
    bool refused = answer->status >= 300 && !o->again;
    answered(call, answer->status, now);
    if (refused)
        call_over(call, CALL_END_REFUSED, answer->status, RULE_OK);
    return true;
}

bool calls_answer_context(const struct calls *c, uint64_t id, int status, struct message_context *context)
{
    const struct call *call = call_named((struct calls *)(uintptr_t)c, id);
    if (!call || call->offer.id == 0)
        return false;
    const struct dialog *d = &call->fork[call->offer.fork]->dialog;
    *context = (struct message_context){
        .is_response = true,
        .status = (uint32_t)status,
        .from_uri = d->local_uri,
        .from_tag = d->local_tag,
        .call_id = d->call_id,
        .cseq = call->offer.cseq,
        .method = span_text(sip_method_name(call->offer.method)),
        .contact_uri = span_of(call->contact, call->contact_len),
    };
    return true;
}

void offer_refuse(struct calls *c, struct call *call, uint64_t now, int status)
{
    const struct call_answer answer = {.status = status};
    struct span bytes = write_answer(c, call, &answer);
    if (bytes.len > 0)
        sip_server_respond(c->transactions, now, call->offer.id, status, bytes);
    offer_end(&call->offer);
}

void calls_trying(struct calls *c, uint64_t now, uint64_t id)
{
    for (size_t i = 0; i < CALLS_MAX; i++) {
        const struct offer *o = &c->call[i].offer;
        if (c->call[i].state == CALL_FREE || o->id != id || o->status != 0)
            continue;
        struct writer w = writer_over(c->room, sizeof c->room);
        const struct sip_message *request = request_of(c, o);
        const struct sip_source source = {span_text(o->source_host), o->source_port};
        const struct sip_response response = {.status = 100};
        if (request && sip_response_write(&w, request, &source, &response))
            sip_server_respond(c->transactions, now, id, 100, writer_span(&w));
    }
}

/* --- what comes --- */

static bool begin(struct call *call, const struct call_request *r)
{
    char tag[COMPOSE_TOKEN_LEN + 1];
    unsigned fork;
    struct fork *f = call_new_fork(call, &fork);
    if (!f || !compose_token(tag) || !dialog_of_request(&f->dialog, r->request, span_text(tag)))
        return false;
    call->main = fork;
    return offer_begin(call, fork, false, r);
}

/* Without a Contact there is no dialog (12.1.1). */
static bool has_contact(const struct sip_message *m)
{
    return sip_header_value(m, SIP_H_CONTACT).len > 0;
}

static void forget_call(struct call *call)
{
    for (unsigned i = 0; i < CALL_FORKS_MAX; i++)
        free(call->fork[i]);
    offer_end(&call->offer);
    *call = (struct call){0};
}

void call_invited(struct calls *c, const struct call_request *r, struct arena *arena, struct incoming *out)
{
    if (!incoming_offer(r->terms, r->request, false, arena, out))
        return;
    if (!has_contact(r->request)) {
        incoming_clear(out);
        incoming_answer(r->terms, r->request, 400, RULE_SIP_HEADER_MISSING, out);
        return;
    }
    struct call *call = call_open(c, false, r->now + CALL_RINGING_MAX_MS);
    if (call && begin(call, r)) {
        call_about(c, call, r, out);
        call_tell(call, CALL_OFFERED);
        return;
    }
    if (call)
        forget_call(call);
    incoming_clear(out);
    incoming_answer(r->terms, r->request, 503, RULE_OVERLOAD, out);
}

/* A CANCEL ends what has no final response yet; whatever it finds, it is answered 200 when it finds something (9.2). */
void call_cancelled(struct calls *c, const struct call_request *r, struct incoming *out)
{
    uint64_t invite;
    void *user;
    if (!sip_server_cancelled_by(c->transactions, r->request, &invite, &user)) {
        incoming_answer(r->terms, r->request, 481, RULE_SIP_NO_TRANSACTION, out);
        return;
    }
    for (size_t i = 0; i < CALLS_MAX; i++) {
        struct call *call = &c->call[i];
        if (call->state == CALL_FREE || call->offer.id != invite || call->offer.answered)
            continue;
        offer_refuse(c, call, r->now, 487);
        if (call->state == CALL_WAITING)
            call_over(call, CALL_END_OTHER, 487, RULE_SIP_CANCELLED);
    }
    incoming_answer(r->terms, r->request, 200, RULE_OK, out);
}

/* The ACK of a 2xx (13.3.1.4). Where the INVITE offered nothing, it brings the answer. */
void calls_ack(struct calls *c, const struct call_request *r, struct arena *arena, struct incoming *out)
{
    struct call *call;
    unsigned fork;
    if (!call_find_dialog(c, r->request, &call, &fork) || call->offer.id == 0 || !call->offer.answered ||
        call->offer.fork != fork || call->offer.cseq != r->request->cseq)
        return;
    bool first = !call->offer.again;
    offer_end(&call->offer);
    if (call->state == CALL_LEAVING) {
        fork_leave(c, call, fork, r->now);
        return;
    }
    if (r->request->body.len > 0)
        incoming_open(r->terms, r->request, arena, out);
    call_about(c, call, r, r->request->body.len > 0 ? out : NULL);
    if (first || r->request->body.len > 0)
        call_tell(call, CALL_CONFIRMED);
}

void offer_tick(struct calls *c, struct call *call, uint64_t now)
{
    struct offer *o = &call->offer;
    if (o->end_at <= now) { /* no ACK came: the call is ended by BYE (13.3.1.4) */
        unsigned fork = o->fork;
        offer_end(o);
        if (call->state != CALL_LEAVING) {
            call->end = CALL_END_FAILED;
            call->end_rule = RULE_SIP_TIMEOUT;
        }
        fork_leave(c, call, fork, now);
        return;
    }
    if (o->again_at > now)
        return;
    send_again(c, call, now);
    if (o->answered && o->interval * 2 <= SIP_T2_MS)
        o->interval *= 2;
    o->again_at = now + (o->answered ? o->interval : CALL_RING_AGAIN_MS);
}
