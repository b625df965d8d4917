/* Timers of one length make a queue: one that is started later is due later, so starting, stopping and looking for the
 * next one cost the same however many run. A timer is named by its slot and which of the slot's timers it is. */
#include "transaction.h"

static uint32_t timer_name(const struct transaction *tx, enum transaction_timer which)
{
    return tx->slot * TIMERS + (uint32_t)which;
}

static struct timer *timer_named(struct sip_transactions *t, uint32_t name)
{
    return &transaction_at(t, name / TIMERS)->timer[name % TIMERS];
}

/* The queue of timers that run for `length`; queue 0 is none. A length of 0 would never let time pass. */
static uint8_t queue_for(struct sip_transactions *t, uint32_t length)
{
    length = length ? length : 1;
    for (uint8_t i = 1; i < t->queues; i++)
        if (t->queue[i].length == length)
            return i;
    t->queue[t->queues].length = length;
    return t->queues++;
}

/* How long it takes until timer E is reset to T2 (RFC 4320 4.1): 3.5 s with the default values. */
static uint32_t time_to_t2(uint32_t t1, uint32_t t2)
{
    uint32_t at = 0;
    for (uint32_t interval = t1; interval < t2; interval *= 2)
        at += interval;
    return at;
}

/* At most 1 + RETRY_STEPS + INVITE_STEPS + 5 queues, which is within TIMER_QUEUES_MAX. Those that end a transaction
 * come first, so that nothing is sent again at the moment at which it ends. */
void timers_set_up(struct sip_transactions *t)
{
    const struct sip_transaction_settings *s = &t->settings;
    t->queues = 1;
    t->t1_64_queue = queue_for(t, 64 * s->t1);
    t->d_queue = queue_for(t, 64 * s->t1 > SIP_TIMER_D_MIN_MS ? 64 * s->t1 : SIP_TIMER_D_MIN_MS);
    t->t4_queue = queue_for(t, s->t4);
    t->trying_queue = queue_for(t, time_to_t2(s->t1, s->t2));
    t->invite_trying_queue = queue_for(t, SIP_TRYING_MS);
    for (uint32_t i = 0; i < RETRY_STEPS; i++)
        t->retry_queue[i] = queue_for(t, s->t1 << i < s->t2 ? s->t1 << i : s->t2);
    for (uint32_t i = 0; i < INVITE_STEPS; i++)
        t->invite_queue[i] = queue_for(t, s->t1 << i);
}

void timer_start(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which, uint8_t queue)
{
    struct timer_queue *q = &t->queue[queue];
    struct timer *timer = &tx->timer[which];
    timer_stop(t, tx, which);
    *timer = (struct timer){.due = t->now + q->length, .before = q->last, .queue = queue};
    if (q->last)
        timer_named(t, q->last)->after = timer_name(tx, which);
    else
        q->first = timer_name(tx, which);
    q->last = timer_name(tx, which);
}

void timer_stop(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which)
{
    struct timer *timer = &tx->timer[which];
    struct timer_queue *q = &t->queue[timer->queue];
    if (timer->queue == 0)
        return;
    if (timer->before)
        timer_named(t, timer->before)->after = timer->after;
    else
        q->first = timer->after;
    if (timer->after)
        timer_named(t, timer->after)->before = timer->before;
    else
        q->last = timer->before;
    *timer = (struct timer){0};
}

struct transaction *timer_take_due(struct sip_transactions *t, enum transaction_timer *which)
{
    for (uint8_t i = 1; i < t->queues; i++) {
        uint32_t first = t->queue[i].first;
        if (!first || timer_named(t, first)->due > t->now)
            continue;
        struct transaction *tx = transaction_at(t, first / TIMERS);
        *which = (enum transaction_timer)(first % TIMERS);
        timer_stop(t, tx, *which);
        return tx;
    }
    return NULL;
}

uint64_t sip_transactions_deadline(const struct sip_transactions *t)
{
    uint64_t deadline = UINT64_MAX;
    for (uint8_t i = 1; i < t->queues; i++) {
        uint32_t first = t->queue[i].first;
        if (!first)
            continue;
        uint32_t slot = first / TIMERS;
        uint64_t due = t->chunks[slot / SLOTS_PER_CHUNK][slot % SLOTS_PER_CHUNK].timer[first % TIMERS].due;
        if (due < deadline)
            deadline = due;
    }
    return deadline;
}
