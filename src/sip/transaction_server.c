/* The non-INVITE server transaction (RFC 3261 17.2.2, figure 8; RFC 4320). */
#include "transaction.h"

/* After 64*T1 the client has given up, so a transaction that was not answered until then never is (RFC 4320 4.2). */
void server_start(struct sip_transactions *t, struct transaction *tx)
{
    tx->machine = MACHINE_SERVER;
    tx->state = STATE_TRYING;
    tx->may_try = tx->reliable;
    timer_start(t, tx, TIMER_AGAIN, t->trying_queue);
    timer_start(t, tx, TIMER_END, t->t1_64_queue);
}

/* In "Trying" there is nothing to send; later the last response goes out again. */
void server_retransmission(struct sip_transactions *t, struct transaction *tx)
{
    if (tx->bytes)
        transaction_event(t, tx, SIP_EVENT_SEND);
    else if (tx->trying)
        transaction_event(t, tx, SIP_EVENT_TRYING_DUE);
}

/* To a request other than INVITE no 1xx but 100, that not early over an unreliable transport, and no 408 (RFC 4320 4.1,
 * 4.2); nothing after a final response (RFC 3261 17.2.2). */
static bool may_respond(const struct transaction *tx, int status)
{
    if (tx->state == STATE_COMPLETED || status < 100 || status > 699 || status == 408)
        return false;
    return status >= 200 || (status == 100 && tx->may_try);
}

/* Timer J. With find_merged the transaction stays over a reliable transport too, or a copy of the request that came by
 * another way would find it gone (8.2.2.2). */
static void complete(struct sip_transactions *t, struct transaction *tx)
{
    tx->state = STATE_COMPLETED;
    if (tx->reliable && !t->settings.find_merged)
        transaction_terminate(t, tx);
    else
        timer_start(t, tx, TIMER_END, t->t1_64_queue);
}

enum sip_respond server_response(struct sip_transactions *t, struct transaction *tx, int status, struct span response)
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
        complete(t, tx);
    else
        tx->state = STATE_PROCEEDING;
    return SIP_RESPOND_SENT;
}

void server_timer(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which)
{
    if (which == TIMER_AGAIN) {
        tx->may_try = true;
        transaction_event(t, tx, SIP_EVENT_TRYING_DUE);
        return;
    }
    if (tx->state != STATE_COMPLETED)
        transaction_event(t, tx, SIP_EVENT_TIMEOUT);
    transaction_terminate(t, tx);
}
