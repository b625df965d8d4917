/* The INVITE client transaction (RFC 3261 17.1.1, RFC 6026 figure 5). */
#include "transaction.h"

#include <stdlib.h>

/* Timer A: T1, then twice as long each time, until timer B ends it. */
void invite_client_start(struct sip_transactions *t, struct transaction *tx)
{
    if (!tx->reliable && tx->retries < INVITE_STEPS)
        timer_start(t, tx, TIMER_AGAIN, t->invite_queue[tx->retries]);
}

/* The request is no longer sent; of what waits nothing leaves any more. */
static void stop_sending(struct sip_transactions *t, struct transaction *tx)
{
    timer_stop(t, tx, TIMER_AGAIN);
    timer_stop(t, tx, TIMER_END);
    tx->events &= (uint8_t)~(1u << SIP_EVENT_SEND);
}

/* A 2xx: no ACK from here. It stays for further 2xx, whatever the transport (timer M). */
static void accept(struct sip_transactions *t, struct transaction *tx)
{
    stop_sending(t, tx);
    flow_leave(t, tx);
    transaction_forget_bytes(t, tx);
    tx->state = STATE_ACCEPTED;
    timer_start(t, tx, TIMER_END, t->t1_64_queue);
}

/* The ACK takes the place of the request (17.1.1.3). Without memory there is none, and the server stops by itself. */
static void keep_ack(struct sip_transactions *t, struct transaction *tx, const struct sip_message *response)
{
    struct span ack = hop_request(span_of(tx->bytes, tx->len), "ACK", sip_header_value(response, SIP_H_TO));
    if (ack.len == 0 || !transaction_keep(t, tx, ack))
        transaction_forget_bytes(t, tx);
    free((void *)(uintptr_t)ack.at);
}

/* Any other final response: timer D absorbs its copies and answers each with the ACK; over a reliable transport there
 * are none. */
static void complete(struct sip_transactions *t, struct transaction *tx, const struct sip_message *response)
{
    stop_sending(t, tx);
    flow_leave(t, tx);
    keep_ack(t, tx, response);
    tx->state = STATE_COMPLETED;
    if (tx->bytes)
        transaction_event(t, tx, SIP_EVENT_SEND);
    if (tx->reliable)
        transaction_terminate(t, tx);
    else
        timer_start(t, tx, TIMER_END, t->d_queue);
}

static enum sip_arrival copy_arrived(struct sip_transactions *t, struct transaction *tx, int status)
{
    if (tx->state == STATE_ACCEPTED)
        return status >= 200 && status < 300 ? SIP_ARRIVAL_RESPONSE : SIP_ARRIVAL_RETRANSMISSION;
    if (status >= 300 && tx->bytes)
        transaction_event(t, tx, SIP_EVENT_SEND);
    return SIP_ARRIVAL_RETRANSMISSION;
}

void invite_client_response(struct sip_transactions *t, struct transaction *tx, const struct sip_message *response,
                            enum sip_arrival *arrival)
{
    *arrival = SIP_ARRIVAL_RESPONSE;
    if (tx->state == STATE_ACCEPTED || tx->state == STATE_COMPLETED) {
        *arrival = copy_arrived(t, tx, response->status);
    } else if (response->status >= 300) {
        complete(t, tx, response);
    } else if (response->status >= 200) {
        accept(t, tx);
    } else {
        stop_sending(t, tx); /* from here on only the user's patience ends it: timer C of a proxy */
        tx->state = STATE_PROCEEDING;
    }
}

void invite_client_timer(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which)
{
    if (which == TIMER_AGAIN) {
        tx->retries++;
        transaction_event(t, tx, SIP_EVENT_SEND);
        invite_client_start(t, tx);
    } else if (tx->state == STATE_TRYING) {
        client_give_up(t, tx, SIP_EVENT_TIMEOUT); /* timer B */
    } else {
        transaction_terminate(t, tx); /* timers D and M */
    }
}

/* An ACK that cannot be sent ends it (17.1.1.2); its final response is known already. */
void invite_client_failed(struct sip_transactions *t, struct transaction *tx)
{
    if (tx->state == STATE_COMPLETED)
        transaction_terminate(t, tx);
    else if (tx->state != STATE_ACCEPTED)
        client_give_up(t, tx, SIP_EVENT_FLOW_FAILED);
}

enum rule sip_client_cancel(struct sip_transactions *t, uint64_t now, uint64_t invite, void *user, uint64_t *id)
{
    struct transaction *tx = transaction_of(t, invite);
    struct sip_message m;
    *id = 0;
    if (!tx || tx->machine != MACHINE_INVITE_CLIENT || tx->state != STATE_PROCEEDING)
        return RULE_SIP_NO_TRANSACTION;
    if (sip_message_parse(span_of(tx->bytes, tx->len), SIP_DATAGRAM, &m) != RULE_OK)
        return RULE_INTERNAL;
    struct span bytes = hop_request(m.bytes, "CANCEL", sip_header_value(&m, SIP_H_TO));
    if (bytes.len == 0)
        return RULE_NO_MEMORY;
    const struct sip_client client = {
        .request = bytes,
        .branch = m.via.branch,
        .method = SPAN("CANCEL"),
        .flow = tx->flow,
        .reliable = tx->reliable,
        .user = user,
    };
    enum rule rule = sip_client_start(t, now, &client, id);
    free((void *)(uintptr_t)bytes.at);
    return rule;
}
