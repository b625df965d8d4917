#include "ua/call_core.h"

#include <stdlib.h>

struct calls *calls_new(struct sip_transactions *transactions)
{
    struct calls *c = calloc(1, sizeof *c);
    if (c)
        c->transactions = transactions;
    return c;
}

static void forget(struct call *call)
{
    for (unsigned i = 0; i < CALL_FORKS_MAX; i++) {
        if (call->fork[i])
            free(call->fork[i]->ack);
        free(call->fork[i]);
    }
    offer_end(&call->offer);
    reoffer_end(&call->reoffer);
    *call = (struct call){0};
}

void calls_free(struct calls *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < CALLS_MAX; i++)
        forget(&c->call[i]);
    free(c);
}

uint8_t *call_copy(struct span s)
{
    uint8_t *copy = s.len > 0 ? malloc(s.len) : NULL;
    if (copy)
        memcpy(copy, s.at, s.len);
    return copy;
}

/* --- the table --- */

struct call *call_named(struct calls *c, uint64_t id)
{
    for (size_t i = 0; id != 0 && i < CALLS_MAX; i++)
        if (c->call[i].state != CALL_FREE && c->call[i].id == id)
            return &c->call[i];
    return NULL;
}

struct call *call_open(struct calls *c, bool is_caller, uint64_t end_at)
{
    for (size_t i = 0; i < CALLS_MAX; i++) {
        struct call *call = &c->call[i];
        if (call->state != CALL_FREE)
            continue;
        *call = (struct call){
            .id = ++c->last_id,
            .state = is_caller ? CALL_CALLING : CALL_WAITING,
            .is_caller = is_caller,
            .end_at = end_at,
            .main = CALL_FORKS_MAX,
        };
        return call;
    }
    return NULL;
}

void call_tell(struct call *call, enum call_event_kind kind)
{
    call->events |= 1u << kind;
}

void call_over(struct call *call, enum call_end end, int status, enum rule rule)
{
    if (call->state == CALL_OVER)
        return;
    call->state = CALL_OVER;
    call->end = end;
    call->end_status = status;
    call->end_rule = rule;
    call->end_at = UINT64_MAX;
    offer_end(&call->offer);
    reoffer_end(&call->reoffer);
    for (unsigned i = 0; i < CALL_FORKS_MAX; i++)
        if (call->fork[i] && !fork_is_busy(call->fork[i]))
            fork_end(call->fork[i]);
    call_tell(call, CALL_ENDED);
}

void call_about(struct calls *c, const struct call *call, const struct call_request *r, const struct incoming *in)
{
    c->about = call->id;
    c->incoming = in;
    c->response = r->request->is_request ? NULL : r->request;
}

void calls_next_message(struct calls *c)
{
    c->about = 0;
    c->incoming = NULL;
    c->response = NULL;
}

struct fork *call_new_fork(struct call *call, unsigned *index)
{
    unsigned found = CALL_FORKS_MAX;
    for (unsigned i = CALL_FORKS_MAX; i-- > 0;)
        if (!call->fork[i] || (found == CALL_FORKS_MAX && call->fork[i]->state == FORK_EARLY))
            found = i;
    if (found == CALL_FORKS_MAX)
        return NULL;
    if (call->fork[found])
        free(call->fork[found]->ack);
    free(call->fork[found]);
    call->fork[found] = calloc(1, sizeof(struct fork));
    *index = found;
    return call->fork[found];
}

struct fork *call_main(const struct call *call)
{
    return call->main < CALL_FORKS_MAX ? call->fork[call->main] : NULL;
}

bool call_find_dialog(struct calls *c, const struct sip_message *request, struct call **call, unsigned *fork)
{
    for (size_t i = 0; i < CALLS_MAX; i++) {
        for (unsigned k = 0; k < CALL_FORKS_MAX; k++) {
            const struct fork *f = c->call[i].fork[k];
            if (!f || f->state == FORK_OVER || !dialog_has_request(&f->dialog, request))
                continue;
            *call = &c->call[i];
            *fork = k;
            return true;
        }
    }
    return false;
}

static bool is_busy(const struct call *call)
{
    for (unsigned i = 0; i < CALL_FORKS_MAX; i++)
        if (call->fork[i] && fork_is_busy(call->fork[i]))
            return true;
    return false;
}

size_t calls_active(const struct calls *c)
{
    size_t count = 0;
    for (size_t i = 0; i < CALLS_MAX; i++)
        count += c->call[i].state != CALL_FREE && c->call[i].state != CALL_OVER;
    return count;
}

bool calls_busy(const struct calls *c)
{
    for (size_t i = 0; i < CALLS_MAX; i++)
        if (c->call[i].state == CALL_OVER && is_busy(&c->call[i]))
            return true;
    return calls_active(c) > 0;
}

void calls_set_contact(struct calls *c, uint64_t id, struct span contact)
{
    struct call *call = call_named(c, id);
    if (!call || contact.len > sizeof call->contact)
        return;
    if (contact.len > 0)
        memcpy(call->contact, contact.at, contact.len);
    call->contact_len = contact.len;
}

/* --- what arrives --- */

bool calls_want(const struct sip_message *request)
{
    switch (request->method) {
    case SIP_INVITE:
    case SIP_CANCEL:
    case SIP_BYE:
    case SIP_UPDATE:
    case SIP_INFO:
    case SIP_PRACK:
        return true;
    default:
        return request->to.tag.len > 0;
    }
}

void calls_request(struct calls *c, const struct call_request *r, struct arena *arena, struct incoming *out)
{
    const struct sip_message *m = r->request;
    struct call *call;
    unsigned fork;
    if (m->method == SIP_CANCEL)
        call_cancelled(c, r, out);
    else if (m->to.tag.len > 0 && call_find_dialog(c, m, &call, &fork))
        call_dialog_request(c, call, fork, r, arena, out);
    else if (m->method == SIP_INVITE && m->to.tag.len == 0)
        call_invited(c, r, arena, out);
    else
        incoming_answer(r->terms, m, 481, RULE_SIP_NO_DIALOG, out);
}

bool calls_response(struct calls *c, const struct call_request *r, struct arena *arena, struct incoming *out)
{
    for (size_t i = 0; i < CALLS_MAX; i++) {
        struct call *call = &c->call[i];
        if (call->state == CALL_FREE)
            continue;
        if (call->invite_id == r->id) {
            call_invite_response(c, call, r, arena, out);
            return true;
        }
        if (call->reoffer.id == r->id || call->reinvite_id == r->id) {
            call_reinvite_response(c, call, r, arena, out);
            return true;
        }
        for (unsigned k = 0; k < CALL_FORKS_MAX; k++)
            if (call->fork[k] && call->fork[k]->bye_id == r->id)
                return r->request->status < 200 || calls_failed(c, r->now, r->id, RULE_OK);
    }
    return false;
}

/* An INVITE that got no answer; one that was cancelled ends as it was to. */
static void invite_failed(struct call *call, enum rule rule)
{
    call->invite_id = 0;
    if (call->state != CALL_CALLING)
        return;
    if (call->cancelling)
        call_over(call, call->end, 0, call->end_rule);
    else
        call_over(call, CALL_END_FAILED, 0, rule);
}

/* A BYE is answered, or will never be: the dialog is over either way (15.1.1). */
static void bye_ended(struct call *call, unsigned fork)
{
    fork_end(call->fork[fork]);
    if (call->main == fork)
        call_over(call, call->end, 0, call->end_rule);
}

bool calls_failed(struct calls *c, uint64_t now, uint64_t id, enum rule rule)
{
    for (size_t i = 0; i < CALLS_MAX; i++) {
        struct call *call = &c->call[i];
        if (call->state == CALL_FREE)
            continue;
        if (call->invite_id == id) {
            invite_failed(call, rule);
            return true;
        }
        if (call->reoffer.id == id) { /* nobody is there any more (12.2.1.2) */
            reoffer_end(&call->reoffer);
            call->end = CALL_END_FAILED;
            call->end_rule = rule;
            fork_leave(c, call, call->main, now);
            return true;
        }
        for (unsigned k = 0; k < CALL_FORKS_MAX; k++) {
            if (call->fork[k] && call->fork[k]->bye_id == id) {
                bye_ended(call, k);
                return true;
            }
        }
    }
    return false;
}

void calls_transaction_gone(struct calls *c, uint64_t id)
{
    for (size_t i = 0; i < CALLS_MAX; i++)
        if (c->call[i].state != CALL_FREE && c->call[i].invite_id == id)
            c->call[i].invite_id = 0;
}

void calls_flow_failed(struct calls *c, uint64_t flow)
{
    for (size_t i = 0; i < CALLS_MAX; i++)
        for (unsigned k = 0; k < CALL_FORKS_MAX; k++)
            if (c->call[i].fork[k] && c->call[i].fork[k]->way.flow == flow)
                c->call[i].fork[k]->has_way = false;
}

/* --- the user's end of it --- */

void calls_end(struct calls *c, uint64_t now, uint64_t id)
{
    struct call *call = call_named(c, id);
    if (!call || call->state == CALL_OVER || call->state == CALL_LEAVING || call->cancelling)
        return;
    call->end = CALL_END_SELF;
    if (call->state == CALL_WAITING) {
        offer_refuse(c, call, now, 480);
        call_over(call, CALL_END_SELF, 480, RULE_OK);
    } else if (call->state == CALL_CALLING) {
        call->cancelling = true;
        call_cancel(c, call, now);
    } else {
        fork_leave(c, call, call->main, now);
    }
}

/* --- time --- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t calls_deadline(const struct calls *c)
{
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < CALLS_MAX; i++) {
        const struct call *call = &c->call[i];
        if (call->state == CALL_FREE)
            continue;
        deadline = earlier(deadline, call->end_at);
        if (call->offer.id)
            deadline = earlier(deadline, earlier(call->offer.again_at, call->offer.end_at));
    }
    return deadline;
}

/* Nobody answered in all that time: it is cancelled, or refused. A CANCEL that had no effect ends it (9.1). */
static void patience_ends(struct calls *c, struct call *call, uint64_t now)
{
    call->end_at = UINT64_MAX;
    if (call->state == CALL_WAITING) {
        offer_refuse(c, call, now, 480);
        call_over(call, CALL_END_FAILED, 480, RULE_SIP_TIMEOUT);
    } else if (call->state == CALL_CALLING && call->cancelling) {
        sip_transaction_abandon(c->transactions, call->invite_id);
        call_over(call, call->end, 0, call->end_rule);
    } else if (call->state == CALL_CALLING) {
        call->end = CALL_END_FAILED;
        call->end_rule = RULE_SIP_TIMEOUT;
        call->cancelling = true;
        call_cancel(c, call, now);
    }
}

void calls_tick(struct calls *c, uint64_t now)
{
    for (size_t i = 0; i < CALLS_MAX; i++) {
        struct call *call = &c->call[i];
        if (call->state == CALL_FREE)
            continue;
        if (call->end_at <= now)
            patience_ends(c, call, now);
        if (call->offer.id)
            offer_tick(c, call, now);
    }
}

/* --- what comes out --- */

static bool take_bit(struct call *call, enum call_event_kind kind)
{
    bool waits = call->events & 1u << kind;
    call->events &= ~(1u << kind);
    return waits;
}

bool calls_next_ack(struct calls *c, uint64_t *flow, struct span *bytes)
{
    for (size_t i = 0; i < CALLS_MAX; i++) {
        for (unsigned k = 0; k < CALL_FORKS_MAX; k++) {
            struct fork *f = c->call[i].fork[k];
            if (!f || !f->ack_to_send)
                continue;
            f->ack_to_send = false;
            *flow = f->way.flow;
            *bytes = span_of(f->ack, f->ack_len);
            return true;
        }
    }
    return false;
}

/* A fork that wants a way to its next hop. */
static bool next_way(struct call *call, struct call_event *event)
{
    for (unsigned i = 0; i < CALL_FORKS_MAX; i++) {
        struct fork *f = call->fork[i];
        if (f && f->way_wanted) {
            f->way_wanted = false;
            f->way_asked = true;
            *event = (struct call_event){.kind = CALL_WAY, .fork = i, .uri = dialog_next_hop(&f->dialog)};
            return true;
        }
    }
    return false;
}

static bool next_of_call(struct calls *c, struct call *call, struct call_event *event)
{
    if (next_way(call, event)) {
        event->id = call->id;
        return true;
    }
    for (enum call_event_kind kind = CALL_PROGRESS; kind <= CALL_ENDED; kind++) {
        if (!take_bit(call, kind))
            continue;
        bool shown = c->about == call->id;
        *event = (struct call_event){
            .kind = kind,
            .id = call->id,
            .status = kind == CALL_PROGRESS ? call->progress
                      : kind == CALL_ENDED  ? call->end_status
                                            : call->answered,
            .retry_ms = call->retry_ms,
            .end = call->end,
            .rule = call->end_rule,
            .response = shown ? c->response : NULL,
            .incoming = shown ? c->incoming : NULL,
        };
        return true;
    }
    return false;
}

bool calls_next(struct calls *c, struct call_event *event)
{
    for (size_t i = 0; i < CALLS_MAX; i++) {
        struct call *call = &c->call[i];
        if (call->state == CALL_FREE)
            continue;
        if (next_of_call(c, call, event))
            return true;
        if (call->state == CALL_OVER && call->invite_id == 0 && !is_busy(call))
            forget(call);
    }
    return false;
}
