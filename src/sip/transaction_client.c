/* The non-INVITE client transaction (RFC 3261 17.1.2, figure 6). */
#include "transaction.h"

/* Timer E: T1, then twice as long each time up to T2; T2 once a provisional response has come. */
static void start_timer_e(struct sip_transactions *t, struct transaction *tx)
{
    uint8_t step = tx->state == STATE_PROCEEDING || tx->retries >= RETRY_STEPS ? RETRY_STEPS - 1 : tx->retries;
    if (!tx->reliable)
        timer_start(t, tx, TIMER_AGAIN, t->retry_queue[step]);
}

static enum rule check_client(const struct sip_client *client)
{
    struct span cookie = SPAN(SIP_MAGIC_COOKIE);
    if (client->branch.len <= cookie.len || !span_starts(client->branch, cookie) || client->method.len == 0)
        return RULE_INTERNAL;
    return sip_method_of(client->method) == SIP_ACK ? RULE_SIP_METHOD : RULE_OK;
}

enum rule sip_client_start(struct sip_transactions *t, uint64_t now, const struct sip_client *client, uint64_t *id)
{
    t->now = now > t->now ? now : t->now;
    *id = 0;
    enum rule rule = check_client(client);
    if (rule != RULE_OK)
        return rule;
    struct digest digest = match_client(t, client->branch, client->method);
    if (table_find(t, TABLE_MATCH, digest))
        return RULE_INTERNAL;
    struct transaction *tx = transaction_acquire(t);
    if (!tx)
        return RULE_OVERLOAD;
    if (!transaction_keep(t, tx, client->request)) {
        transaction_release(t, tx);
        return RULE_NO_MEMORY;
    }
    bool invite = sip_method_of(client->method) == SIP_INVITE;
    tx->machine = invite ? MACHINE_INVITE_CLIENT : MACHINE_CLIENT;
    tx->state = STATE_TRYING;
    tx->flow = client->flow;
    tx->reliable = client->reliable;
    tx->written_again = client->written_again && !invite;
    tx->user = client->user;
    table_insert(t, TABLE_MATCH, tx, digest);
    flow_join(t, tx);
    timer_start(t, tx, TIMER_END, t->t1_64_queue); /* timer B, timer F */
    if (invite)
        invite_client_start(t, tx);
    else
        start_timer_e(t, tx);
    transaction_event(t, tx, SIP_EVENT_SEND);
    *id = transaction_id(tx);
    return RULE_OK;
}

bool sip_client_keep(struct sip_transactions *t, uint64_t id, struct span request)
{
    struct transaction *tx = transaction_of(t, id);
    if (!tx || tx->machine != MACHINE_CLIENT || !tx->written_again || tx->reliable || tx->state >= STATE_COMPLETED)
        return true;
    if (!transaction_keep(t, tx, request)) {
        timer_stop(t, tx, TIMER_AGAIN);
        return false;
    }
    tx->sent = true;
    tx->written_again = false;
    return true;
}

/* A final response: the request is no longer needed. Over an unreliable transport copies of the response are absorbed
 * for T4 (timer K); over a reliable one there are none. */
static void complete(struct sip_transactions *t, struct transaction *tx)
{
    timer_stop(t, tx, TIMER_AGAIN);
    flow_leave(t, tx);
    tx->state = STATE_COMPLETED;
    tx->events &= (uint8_t)~(1u << SIP_EVENT_SEND);
    transaction_forget_bytes(t, tx);
    if (tx->reliable)
        transaction_terminate(t, tx);
    else
        timer_start(t, tx, TIMER_END, t->t4_queue);
}

void client_response(struct sip_transactions *t, struct transaction *tx, int status, enum sip_arrival *arrival)
{
    if (tx->state == STATE_COMPLETED) {
        *arrival = SIP_ARRIVAL_RETRANSMISSION;
        return;
    }
    *arrival = SIP_ARRIVAL_RESPONSE;
    if (status >= 200)
        complete(t, tx);
    else
        tx->state = STATE_PROCEEDING;
}

void client_give_up(struct sip_transactions *t, struct transaction *tx, enum sip_event_kind why)
{
    tx->events &= (uint8_t)~(1u << SIP_EVENT_SEND);
    transaction_event(t, tx, why);
    transaction_terminate(t, tx);
}

void client_timer(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which)
{
    if (which == TIMER_AGAIN) {
        tx->retries++;
        transaction_event(t, tx, SIP_EVENT_SEND);
        start_timer_e(t, tx);
    } else if (tx->state == STATE_COMPLETED) {
        transaction_terminate(t, tx); /* timer K */
    } else {
        client_give_up(t, tx, SIP_EVENT_TIMEOUT); /* timer F */
    }
}

void client_failed(struct sip_transactions *t, struct transaction *tx)
{
    if (tx->state != STATE_COMPLETED)
        client_give_up(t, tx, SIP_EVENT_FLOW_FAILED);
}
