/* What the transaction machines stand on: slots, timers, tables and events. Each costs the same however many
 * transactions there are.
 *
 * A machine is a file (transaction_client.c, transaction_server.c) that knows its states; transaction.c decides which
 * machine is meant. */
#ifndef SIPSEAL_SIP_TRANSACTION_PRIVATE_H
#define SIPSEAL_SIP_TRANSACTION_PRIVATE_H

#include "siphash.h"
#include "sipseal/sip_transaction.h"

enum { SLOTS_PER_CHUNK = 256, RETRY_STEPS = 8, TIMER_QUEUES_MAX = 16, NO_SLOT = 0 };

enum transaction_machine { MACHINE_CLIENT, MACHINE_SERVER };

/* The names of RFC 3261 figures 6 and 8. */
enum transaction_state { STATE_TRYING, STATE_PROCEEDING, STATE_COMPLETED, STATE_TERMINATED };

/* A transaction has two timers: one that repeats (E) or reminds (RFC 4320), and one that ends its state (F, K, J). */
enum transaction_timer { TIMER_AGAIN, TIMER_END, TIMERS };

struct timer {
    uint64_t due;
    uint32_t before, after; /* other timers of the same queue */
    uint8_t queue;          /* 0: not running */
};

/* Where a transaction can be found. */
enum transaction_table { TABLE_MATCH, TABLE_MERGE, TABLES };

struct entry {
    struct digest digest;
    uint32_t next;
    bool in;
};

struct transaction {
    uint32_t slot;
    uint32_t generation;
    uint64_t flow;
    void *user;
    uint8_t *bytes; /* the request (client) or the last response (server); owned */
    uint32_t len;
    uint32_t flow_before, flow_after; /* client transactions on the same flow */
    uint32_t next_event;              /* the next one that has events, or the next free slot */
    struct entry entry[TABLES];
    struct timer timer[TIMERS];
    uint8_t machine, state;
    uint8_t events;  /* bits of enum sip_event_kind that wait */
    uint8_t retries; /* how often the request was sent again */
    bool reliable;
    bool sent;       /* `bytes` went out before: what follows is a retransmission */
    bool may_try;    /* server: a 100 is allowed now (RFC 4320 4.1) */
    bool has_events; /* it waits in the list of those with events */
    bool in_flow;
};

/* Timers of one length, in the order in which they are due. */
struct timer_queue {
    uint32_t length; /* milliseconds */
    uint32_t first, last;
};

struct sip_transactions {
    struct sip_transaction_settings settings;
    uint64_t now;
    struct transaction **chunks; /* room for `chunk_max` */
    size_t chunk_max;
    size_t slots_used, count, bytes;
    uint32_t free_slot;
    uint32_t *buckets[TABLES], *flows;
    size_t bucket_mask;
    uint32_t first_event, last_event;
    uint64_t spent; /* a client transaction over a reliable transport whose request has been sent */
    struct timer_queue queue[TIMER_QUEUES_MAX];
    uint8_t queues;
    uint8_t retry_queue[RETRY_STEPS]; /* T1, 2*T1, ... capped at T2 */
    uint8_t trying_queue, t4_queue, t1_64_queue;
    size_t fail_after; /* for tests: this many more allocations succeed */
};

/* --- slots --- */

/* A new transaction with its id; null when there is no room. */
struct transaction *transaction_acquire(struct sip_transactions *t);
/* The live or just terminated transaction of an id; null for a stale one. */
struct transaction *transaction_of(struct sip_transactions *t, uint64_t id);
struct transaction *transaction_at(struct sip_transactions *t, uint32_t slot);
uint64_t transaction_id(const struct transaction *tx);
/* Copies `bytes` in the place of those that were kept. False when there is no memory: then nothing has changed. */
bool transaction_keep(struct sip_transactions *t, struct transaction *tx, struct span bytes);
void transaction_forget_bytes(struct sip_transactions *t, struct transaction *tx);
void transaction_release(struct sip_transactions *t, struct transaction *tx);

/* --- tables --- */

void table_insert(struct sip_transactions *t, enum transaction_table which, struct transaction *tx,
                  struct digest digest);
struct transaction *table_find(struct sip_transactions *t, enum transaction_table which, struct digest digest);
void table_remove(struct sip_transactions *t, enum transaction_table which, struct transaction *tx);
void flow_join(struct sip_transactions *t, struct transaction *tx);
void flow_leave(struct sip_transactions *t, struct transaction *tx);
/* The first transaction in the bucket that holds those of `flow`; go on by `flow_after`. */
uint32_t flow_first(const struct sip_transactions *t, uint64_t flow);

/* --- timers --- */

void timers_set_up(struct sip_transactions *t);
void timer_start(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which, uint8_t queue);
void timer_stop(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which);
/* Stops and gives a timer that is due; null when none is. */
struct transaction *timer_take_due(struct sip_transactions *t, enum transaction_timer *which);

/* --- events --- */

void transaction_event(struct sip_transactions *t, struct transaction *tx, enum sip_event_kind kind);
/* Ends it: no timer runs, no message finds it, and SIP_EVENT_TERMINATED is its last event. */
void transaction_terminate(struct sip_transactions *t, struct transaction *tx);

/* --- machines --- */

void client_response(struct sip_transactions *t, struct transaction *tx, int status, enum sip_arrival *arrival);
void client_timer(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which);
void client_failed(struct sip_transactions *t, struct transaction *tx);
void server_start(struct sip_transactions *t, struct transaction *tx);
void server_retransmission(struct sip_transactions *t, struct transaction *tx);
enum sip_respond server_response(struct sip_transactions *t, struct transaction *tx, int status, struct span response);
void server_timer(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which);

/* The digest of what identifies a client transaction (RFC 3261 17.1.3). */
struct digest match_client(const struct sip_transactions *t, struct span branch, struct span method);
/* The same of a server transaction, as if the request's method were `method` (17.2.3). */
struct digest match_server(const struct sip_transactions *t, const struct sip_message *request, struct span method);
/* What copies of one request that came by different ways have in common (8.2.2.2). */
struct digest match_merged(const struct sip_transactions *t, const struct sip_message *request);

#endif
