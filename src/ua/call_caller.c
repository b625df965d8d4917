/* The caller's INVITE and what it is answered (RFC 3261 13.2, 14.1, 9.1). */
#include <stdlib.h>

#include "sipseal/random.h"
#include "ua/call_core.h"

enum call_state_of_response { PROVISIONAL, ACCEPTED, REFUSED };

static enum call_state_of_response kind_of(int status)
{
    return status < 200 ? PROVISIONAL : status < 300 ? ACCEPTED : REFUSED;
}

enum rule calls_start(struct calls *c, uint64_t now, const struct call_draft *draft, uint64_t *id)
{
    const struct sip_client client = {
        .request = draft->request,
        .branch = draft->branch,
        .method = SPAN("INVITE"),
        .flow = draft->way.flow,
        .reliable = draft->way.reliable,
    };
    struct call *call = call_open(c, true, now + CALL_RINGING_MAX_MS);
    if (!call)
        return RULE_OVERLOAD;
    calls_set_contact(c, call->id, draft->contact);
    enum rule rule = sip_client_start(c->transactions, now, &client, &call->invite_id);
    *id = call->id;
    if (rule != RULE_OK)
        *call = (struct call){0};
    return rule;
}

void call_cancel(struct calls *c, struct call *call, uint64_t now)
{
    uint64_t id;
    if (call->cancel_sent || sip_client_cancel(c->transactions, now, call->invite_id, NULL, &id) != RULE_OK)
        return; /* nothing came back yet: it is sent when something does, or the INVITE times out */
    call->cancel_sent = true;
    call->end_at = now + CALL_ANSWER_MAX_MS;
}

/* --- dialogs that responses make --- */

static struct fork *fork_of(struct call *call, const struct sip_message *response, unsigned *index)
{
    for (unsigned i = 0; i < CALL_FORKS_MAX; i++) {
        if (call->fork[i] && dialog_has_response(&call->fork[i]->dialog, response)) {
            *index = i;
            return call->fork[i];
        }
    }
    return NULL;
}

static struct fork *fork_begin(struct call *call, const struct sip_message *response, unsigned *index)
{
    struct fork *f = call_new_fork(call, index);
    if (f && dialog_of_response(&f->dialog, response))
        return f;
    call->fork[*index] = f ? NULL : call->fork[*index];
    free(f);
    return NULL;
}

/* Acknowledges a 2xx, or does so again (13.2.2.4). */
static void acknowledge(struct calls *c, struct call *call, unsigned fork, const struct call_request *r)
{
    struct fork *f = call->fork[fork];
    if (f->ack && f->invite_cseq == r->request->cseq && f->has_way) {
        f->ack_to_send = true;
        return;
    }
    f->invite_cseq = r->request->cseq;
    f->ack_due = true;
    fork_pump(c, call, fork, r->now);
}

static void take_answer(struct calls *c, struct call *call, const struct call_request *r, struct arena *arena,
                        struct incoming *out, enum call_event_kind kind)
{
    incoming_open(r->terms, r->request, arena, out);
    call_about(c, call, r, out);
    call->answered = r->request->status;
    call_tell(call, kind);
}

static void provisional(struct calls *c, struct call *call, const struct call_request *r)
{
    unsigned fork;
    if (call->cancelling)
        call_cancel(c, call, r->now);
    if (r->request->status == 100 || call->state != CALL_CALLING)
        return;
    if (!fork_of(call, r->request, &fork))
        fork_begin(call, r->request, &fork);
    call->progress = r->request->status;
    call_about(c, call, r, NULL);
    call_tell(call, CALL_PROGRESS);
}

/* The first 2xx is the call, unless it was cancelled; what else answers is acknowledged and ended at once. */
static void accepted(struct calls *c, struct call *call, const struct call_request *r, struct arena *arena,
                     struct incoming *out)
{
    unsigned fork = CALL_FORKS_MAX;
    struct fork *f = fork_of(call, r->request, &fork);
    if (f && f->state != FORK_EARLY) {
        acknowledge(c, call, fork, r);
        return;
    }
    if (!f)
        f = fork_begin(call, r->request, &fork);
    if (!f || !dialog_confirm(&f->dialog, r->request))
        return; /* it repeats its 2xx until it gives up by itself */
    f->state = FORK_ANSWERED;
    acknowledge(c, call, fork, r);
    if (call->state == CALL_CALLING && !call->cancelling) {
        call->state = CALL_UP;
        call->main = fork;
        call->end_at = UINT64_MAX;
        take_answer(c, call, r, arena, out, CALL_ANSWERED);
        return;
    }
    if (call->state == CALL_CALLING) { /* the CANCEL came too late (9.1) */
        call->main = fork;
        call->end_at = UINT64_MAX;
    }
    fork_leave(c, call, fork, r->now);
}

void call_invite_response(struct calls *c, struct call *call, const struct call_request *r, struct arena *arena,
                          struct incoming *out)
{
    switch (kind_of(r->request->status)) {
    case PROVISIONAL:
        provisional(c, call, r);
        break;
    case ACCEPTED:
        accepted(c, call, r, arena, out);
        break;
    case REFUSED:
        if (call->state != CALL_CALLING)
            break;
        call_about(c, call, r, NULL);
        if (call->cancelling)
            call_over(call, call->end, r->request->status, call->end_rule);
        else
            call_over(call, CALL_END_REFUSED, r->request->status, RULE_OK);
        break;
    }
}

/* --- offering anew --- */

/* When a re-INVITE that crossed one of the other side may be tried again: whoever made the Call-ID waits 2.1 to 4 s,
 * the other 0 to 2 s, in steps of 10 ms (14.1). */
static uint32_t retry_after(const struct call *call)
{
    uint8_t random;
    if (!random_bytes(&random, sizeof random))
        random = 100;
    uint32_t steps = random % (call->is_caller ? 191 : 201);
    return (call->is_caller ? 2100 : 0) + steps * 10;
}

void call_reinvite_response(struct calls *c, struct call *call, const struct call_request *r, struct arena *arena,
                            struct incoming *out)
{
    struct fork *f = call_main(call);
    int status = r->request->status;
    bool is_copy = call->reoffer.id != r->id;
    if (!f || f->state == FORK_OVER || kind_of(status) == PROVISIONAL)
        return;
    if (kind_of(status) == ACCEPTED) {
        if (!is_copy)
            dialog_refresh_target(&f->dialog, r->request);
        acknowledge(c, call, call->main, r);
    }
    if (is_copy)
        return;
    call->reinvite_id = kind_of(status) == ACCEPTED ? r->id : 0;
    reoffer_end(&call->reoffer);
    if (call->state != CALL_UP)
        return;
    call->retry_ms = status == 491 ? retry_after(call) : 0;
    take_answer(c, call, r, arena, out, CALL_REANSWERED);
    if (status == 481 || status == 408) { /* the other side knows of no call any more (12.2.1.2) */
        call->end = CALL_END_FAILED;
        call->end_status = status;
        call->end_rule = RULE_SIP_NO_DIALOG;
        fork_leave(c, call, call->main, r->now);
    }
}
