/* What the transaction machines stand on: slots, timers, tables and events. Each costs the same however many
 * transactions there are.
 *
 * A machine is a file (transaction_client.c, transaction_server.c, and the same for INVITE) that knows its states;
 * transaction.c decides which machine is meant. */
#ifndef SIPSEAL_SIP_TRANSACTION_PRIVATE_H
#define SIPSEAL_SIP_TRANSACTION_PRIVATE_H

#include "siphash.h"
#include "sipseal/sip_transaction.h"

enum { SLOTS_PER_CHUNK = 256, RETRY_STEPS = 8, INVITE_STEPS = 7, TIMER_QUEUES_MAX = 24, NO_SLOT = 0 };

enum transaction_machine { MACHINE_CLIENT, MACHINE_SERVER, MACHINE_INVITE_CLIENT, MACHINE_INVITE_SERVER };

/* The names of RFC 3261 figures 6 and 8, and RFC 6026 figures 5 and 7; an INVITE client's "Calling" is STATE_TRYING. */
enum transaction_state {
    STATE_TRYING,
    STATE_PROCEEDING,
    STATE_COMPLETED,
    STATE_CONFIRMED, /* INVITE server: the ACK is here */
    STATE_ACCEPTED,  /* INVITE: a 2xx came or went */
    STATE_TERMINATED,
};

/* A transaction has two timers: one that repeats (A, E, G) or reminds (RFC 4320; 100 to an INVITE), and one that ends
 * its state (B, D, F, H to M). */
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
    bool written_again; /* client: `bytes` are needed once, its user writes them anew */
    bool trying;        /* server: the last response was a 100, which is needed once too */
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
    uint64_t spent; /* a transaction whose `bytes` have been sent, and are not needed again */
    struct timer_queue queue[TIMER_QUEUES_MAX];
    uint8_t queues;
    uint8_t retry_queue[RETRY_STEPS];   /* T1, 2*T1, ... capped at T2 */
    uint8_t invite_queue[INVITE_STEPS]; /* T1, 2*T1, ... without a cap */
    uint8_t trying_queue, invite_trying_queue, t4_queue, t1_64_queue, d_queue;
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

static inline bool transaction_is_server(const struct transaction *tx)
{
    return tx->machine == MACHINE_SERVER || tx->machine == MACHINE_INVITE_SERVER;
}

void client_response(struct sip_transactions *t, struct transaction *tx, int status, enum sip_arrival *arrival);
void client_timer(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which);
void client_failed(struct sip_transactions *t, struct transaction *tx);
/* Ends a client transaction that has no final response, for `why`; what waits to be sent is not sent any more. */
void client_give_up(struct sip_transactions *t, struct transaction *tx, enum sip_event_kind why);
void invite_client_start(struct sip_transactions *t, struct transaction *tx);
void invite_client_response(struct sip_transactions *t, struct transaction *tx, const struct sip_message *response,
                            enum sip_arrival *arrival);
void invite_client_timer(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which);
void invite_client_failed(struct sip_transactions *t, struct transaction *tx);
void server_start(struct sip_transactions *t, struct transaction *tx);
void server_retransmission(struct sip_transactions *t, struct transaction *tx);
enum sip_respond server_response(struct sip_transactions *t, struct transaction *tx, int status, struct span response);
void server_timer(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which);
void invite_server_start(struct sip_transactions *t, struct transaction *tx);
void invite_server_retransmission(struct sip_transactions *t, struct transaction *tx);
enum sip_arrival invite_server_ack(struct sip_transactions *t, struct transaction *tx);
enum sip_respond invite_server_response(struct sip_transactions *t, struct transaction *tx, int status,
                                        struct span response);
void invite_server_timer(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which);

/* transaction_hop.c: a request that is made of an INVITE that was sent, for the next hop alone: its ACK of a final
 * response other than 2xx (RFC 3261 17.1.1.3), its CANCEL (9.1). `to` is the value of To. The bytes are malloc'ed;
 * empty when there is no memory or the INVITE cannot be read. */
struct span hop_request(struct span invite, const char *method, struct span to);

/* The digest of what identifies a client transaction (RFC 3261 17.1.3). */
struct digest match_client(const struct sip_transactions *t, struct span branch, struct span method);
/* The same of a server transaction, as if the request's method were `method` (17.2.3). */
struct digest match_server(const struct sip_transactions *t, const struct sip_message *request, struct span method);
/* What copies of one request that came by different ways have in common (8.2.2.2). */
struct digest match_merged(const struct sip_transactions *t, const struct sip_message *request);

#endif
