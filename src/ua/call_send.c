/* What this side sends in a dialog: ACK, BYE, re-INVITE. */
#include <stdlib.h>

#include "ua/call_core.h"

enum { CONTACT_ROOM = DIALOG_URI_MAX + 32 };

void call_write_contact(struct writer *w, const struct call *call)
{
    writer_text(w, "Contact: ");
    compose_address(w, span_of(call->contact, call->contact_len), "");
    writer_text(w, "\r\n");
}

void reoffer_end(struct reoffer *reoffer)
{
    free(reoffer->headers);
    free(reoffer->body);
    *reoffer = (struct reoffer){0};
}

void fork_end(struct fork *f)
{
    f->state = FORK_OVER;
    f->ack_due = f->bye_due = f->ack_to_send = f->way_wanted = false;
    f->bye_id = 0;
}

bool fork_is_busy(const struct fork *f)
{
    return f->ack_due || f->ack_to_send || f->bye_due || f->bye_id != 0;
}

/* --- writing --- */

/* Writes a request into the room of all calls; empty when it cannot be written. */
static struct span write_request(struct calls *c, const struct fork *f, const struct dialog_draft *draft)
{
    struct writer w = writer_over(c->room, sizeof c->room);
    const struct compose_way way = {.transport = f->way.transport, .sent_by = span_text(f->way.sent_by)};
    return dialog_write(&f->dialog, &w, &way, draft) ? writer_span(&w) : (struct span){0};
}

/* Begins its client transaction; 0 when that fails. */
static uint64_t start(struct calls *c, struct fork *f, uint64_t now, struct dialog_draft *draft)
{
    char branch[COMPOSE_BRANCH_LEN + 1];
    uint64_t id;
    if (!compose_branch(branch))
        return 0;
    draft->branch = span_text(branch);
    const struct sip_client client = {
        .request = write_request(c, f, draft),
        .branch = draft->branch,
        .method = draft->method,
        .flow = f->way.flow,
        .reliable = f->way.reliable,
    };
    /* Over 1300 bytes a request may not go by UDP (18.1.1). */
    bool fits = client.request.len > 0 && (f->way.reliable || client.request.len <= COMPOSE_DATAGRAM_MAX);
    return fits && sip_client_start(c->transactions, now, &client, &id) == RULE_OK ? id : 0;
}

/* The ACK of a 2xx is a request of its own, in the dialog, with the CSeq number of the INVITE (13.2.2.4). */
static void send_ack(struct calls *c, struct fork *f)
{
    char branch[COMPOSE_BRANCH_LEN + 1];
    f->ack_due = false;
    if (!compose_branch(branch))
        return;
    const struct dialog_draft draft = {.method = SPAN("ACK"), .cseq = f->invite_cseq, .branch = span_text(branch)};
    struct span bytes = write_request(c, f, &draft);
    free(f->ack);
    f->ack = call_copy(bytes);
    f->ack_len = f->ack ? bytes.len : 0;
    f->ack_to_send = f->ack != NULL;
}

static void send_bye(struct calls *c, struct call *call, unsigned fork, uint64_t now)
{
    struct fork *f = call->fork[fork];
    struct dialog_draft draft = {.method = SPAN("BYE"), .cseq = ++f->dialog.local_cseq};
    f->bye_due = false;
    f->bye_id = start(c, f, now, &draft);
    if (f->bye_id != 0)
        return;
    fork_end(f);
    if (call->main == fork)
        call_over(call, CALL_END_FAILED, 0, RULE_SIP_UNREACHABLE);
}

static void send_reinvite(struct calls *c, struct call *call, struct fork *f, uint64_t now)
{
    struct reoffer *o = &call->reoffer;
    struct dialog_draft draft = {
        .method = SPAN("INVITE"),
        .cseq = o->cseq,
        .headers = span_of(o->headers, o->headers_len),
        .body = span_of(o->body, o->body_len),
    };
    o->due = false;
    f->dialog.local_cseq = o->cseq;
    o->id = start(c, f, now, &draft);
    if (o->id != 0)
        return;
    reoffer_end(o);
    call->answered = 513;
    call_tell(call, CALL_REANSWERED);
}

/* --- what is due --- */

void fork_pump(struct calls *c, struct call *call, unsigned fork, uint64_t now)
{
    struct fork *f = call->fork[fork];
    bool reinvites = call->reoffer.due && call->main == fork;
    if (!f || (!f->ack_due && !f->bye_due && !reinvites))
        return;
    if (!f->has_way) {
        f->way_wanted = !f->way_asked;
        return;
    }
    if (f->ack_due)
        send_ack(c, f);
    if (reinvites)
        send_reinvite(c, call, f, now);
    if (f->bye_due)
        send_bye(c, call, fork, now);
}

/* Whoever is called must not send BYE before the ACK came, or will not come any more (15). */
void fork_leave(struct calls *c, struct call *call, unsigned fork, uint64_t now)
{
    struct fork *f = call->fork[fork];
    if (call->main == fork && call->state != CALL_OVER)
        call->state = CALL_LEAVING;
    f->state = FORK_LEAVING;
    if (call->offer.id && call->offer.answered && call->offer.fork == fork)
        return;
    f->bye_due = true;
    fork_pump(c, call, fork, now);
}

static void unreachable(struct call *call, unsigned fork)
{
    fork_end(call->fork[fork]);
    if (call->main == fork)
        call_over(call, CALL_END_FAILED, 0, RULE_SIP_UNREACHABLE);
}

void calls_way(struct calls *c, uint64_t now, uint64_t id, unsigned fork, const struct call_way *way)
{
    struct call *call = call_named(c, id);
    if (!call || fork >= CALL_FORKS_MAX || !call->fork[fork] || !call->fork[fork]->way_asked)
        return;
    struct fork *f = call->fork[fork];
    f->way_asked = false;
    if (!way) {
        unreachable(call, fork);
        return;
    }
    f->way = *way;
    f->has_way = true;
    fork_pump(c, call, fork, now);
}

/* --- offering anew --- */

static bool may_reoffer(const struct call *call)
{
    return call && call->state == CALL_UP && !call->reoffer.due && call->reoffer.id == 0 && call->offer.id == 0;
}

bool calls_reoffer_context(const struct calls *c, uint64_t id, struct message_context *context)
{
    const struct call *call = call_named((struct calls *)(uintptr_t)c, id);
    if (!may_reoffer(call))
        return false;
    const struct dialog *d = &call_main(call)->dialog;
    *context = dialog_context(d, SPAN("INVITE"), d->local_cseq + 1);
    context->contact_uri = span_of(call->contact, call->contact_len);
    return true;
}

bool calls_reoffer(struct calls *c, uint64_t now, uint64_t id, struct span headers, struct span body)
{
    struct call *call = call_named(c, id);
    if (!may_reoffer(call))
        return false;
    struct writer w = writer_over(c->room, CONTACT_ROOM + headers.len);
    struct reoffer *o = &call->reoffer;
    if (headers.len > sizeof c->room - CONTACT_ROOM)
        return false;
    call_write_contact(&w, call);
    writer_put(&w, headers);
    *o = (struct reoffer){
        .due = true,
        .cseq = call_main(call)->dialog.local_cseq + 1,
        .headers = call_copy(writer_span(&w)),
        .headers_len = w.len,
        .body = call_copy(body),
        .body_len = body.len,
    };
    if (!o->headers || (body.len > 0 && !o->body)) {
        reoffer_end(o);
        return false;
    }
    fork_pump(c, call, call->main, now);
    return true;
}
