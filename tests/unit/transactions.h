/* Messages and transactions for tests of the transaction machines, and their events as words. */
#ifndef SIPSEAL_TESTS_TRANSACTIONS_H
#define SIPSEAL_TESTS_TRANSACTIONS_H

#include "test.h"

#include "sip/transaction.h"
#include "sipseal/sip_transaction.h"

#define FLOW 7
#define NO_USER NULL

struct message {
    char text[1024];
    struct sip_message m;
};

/* What differs from one request to the next; null takes the usual. */
struct request_parts {
    const char *method, *uri, *via, *from, *to, *call_id, *cseq;
};

/* Transactions with a key that is always the same. */
struct sip_transactions *open_with(struct sip_transaction_settings settings);
struct sip_transactions *open_default(void); /* for 64 of them */

const struct sip_message *request_of(struct message *message, struct request_parts p);
const struct sip_message *response_of(struct message *message, int status, const char *branch, const char *method);

/* All events that wait, as "send timeout end ". */
const char *drain(struct sip_transactions *t);

#endif
