/* The INVITE server transaction (RFC 3261 17.2.1, RFC 6026 figure 7). */
#include "transaction.h"

/* A person may take long to answer, so no timer ends "Proceeding". */
void invite_server_start(struct sip_transactions *t, struct transaction *tx)
{
    tx->machine = MACHINE_INVITE_SERVER;
    tx->state = STATE_PROCEEDING;
    timer_start(t, tx, TIMER_AGAIN, t->invite_trying_queue);
}

/* The last provisional response, or the final one, goes out again; nothing once there is an ACK or a 2xx. */
void invite_server_retransmission(struct sip_transactions *t, struct transaction *tx)
{
    if (tx->bytes && (tx->state == STATE_PROCEEDING || tx->state == STATE_COMPLETED))
        transaction_event(t, tx, SIP_EVENT_SEND);
    else if (tx->trying)
        transaction_event(t, tx, SIP_EVENT_TRYING_DUE);
}

/* Timer I absorbs copies of the ACK; over a reliable transport there are none. */
static void confirm(struct sip_transactions *t, struct transaction *tx)
{
    timer_stop(t, tx, TIMER_AGAIN);
    tx->events &= (uint8_t)~(1u << SIP_EVENT_SEND);
    transaction_forget_bytes(t, tx);
    tx->state = STATE_CONFIRMED;
    if (tx->reliable)
        transaction_terminate(t, tx);
    else
        timer_start(t, tx, TIMER_END, t->t4_queue);
}

/* The ACK of a 2xx is the user's (RFC 6026 7.1), though it has a branch of its own as a rule; one that answers nothing
 * is absorbed. */
enum sip_arrival invite_server_ack(struct sip_transactions *t, struct transaction *tx)
{
    if (tx->state == STATE_ACCEPTED)
        return SIP_ARRIVAL_STATELESS;
    if (tx->state == STATE_COMPLETED)
        confirm(t, tx);
    return SIP_ARRIVAL_ACKNOWLEDGED;
}

/* Any number of provisional responses, then one final response; after a 2xx further ones (RFC 6026 7.1). */
static bool may_respond(const struct transaction *tx, int status)
{
    if (status < 100 || status > 699)
        return false;
    return tx->state == STATE_PROCEEDING || (tx->state == STATE_ACCEPTED && status >= 200 && status < 300);
}

/* Timer G: T1, then twice as long each time up to T2. */
static void start_timer_g(struct sip_transactions *t, struct transaction *tx)
{
    uint8_t step = tx->retries < RETRY_STEPS ? tx->retries : RETRY_STEPS - 1;
    if (!tx->reliable)
        timer_start(t, tx, TIMER_AGAIN, t->retry_queue[step]);
}

/* A 2xx lasts for timer L; any other final response until there is an ACK, and no longer than timer H. */
static void finish(struct sip_transactions *t, struct transaction *tx, int status)
{
    bool accepted = tx->state == STATE_ACCEPTED;
    tx->state = status < 300 ? STATE_ACCEPTED : STATE_COMPLETED;
    if (!accepted)
        timer_start(t, tx, TIMER_END, t->t1_64_queue);
    if (tx->state == STATE_COMPLETED)
        start_timer_g(t, tx);
}

enum sip_respond invite_server_response(struct sip_transactions *t, struct transaction *tx, int status,
                                        struct span response)
{
    if (!may_respond(tx, status))
        return SIP_RESPOND_DISCARDED;
    if (!transaction_keep(t, tx, response))
        return SIP_RESPOND_NO_MEMORY;
    timer_stop(t, tx, TIMER_AGAIN);
    tx->trying = status == 100;
    tx->events &= (uint8_t)~(1u << SIP_EVENT_TRYING_DUE);
    transaction_event(t, tx, SIP_EVENT_SEND);
    if (status >= 200)
        finish(t, tx, status);
    return SIP_RESPOND_SENT;
}

void invite_server_timer(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which)
{
    if (which == TIMER_END) {
        if (tx->state == STATE_COMPLETED)
            transaction_event(t, tx, SIP_EVENT_TIMEOUT); /* timer H: no ACK came */
        transaction_terminate(t, tx);                    /* timers H, I and L */
    } else if (tx->state == STATE_PROCEEDING) {
        transaction_event(t, tx, SIP_EVENT_TRYING_DUE);
    } else {
        tx->retries++;
        transaction_event(t, tx, SIP_EVENT_SEND);
        start_timer_g(t, tx);
    }
}
