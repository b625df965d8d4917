/* SIP transactions (RFC 3261 17, RFC 4320, RFC 6026), without input or output of their own: requests, responses and time
 * go in, events come out, and the caller does the sending.
 *
 * One `sip_transactions` holds all client and server transactions of one process or user agent. The caller
 *   1. gives it what arrives (sip_transaction_request, sip_transaction_response) and is told at once what it is;
 *   2. starts client transactions (sip_client_start) and answers server transactions (sip_server_respond);
 *   3. calls sip_transactions_tick when sip_transactions_deadline has come;
 *   4. after each of these drains sip_transaction_next until it gives false, and acts on the events.
 * It never calls back. Events wait inside the transactions themselves, so no queue can overflow; of several responses
 * given to one transaction without a drain between them only the last is sent.
 *
 * A transaction is named by an id that is never used again: a stale id does nothing. `user` belongs to the caller: it
 * comes back with every event, and with SIP_EVENT_TERMINATED for the last time.
 *
 * An INVITE client transaction sends the ACK of a final response other than 2xx, an INVITE server transaction absorbs
 * it. A 2xx to INVITE, each copy of it and its ACK are the user's: both machines stay for 64*T1 to let them pass
 * (RFC 6026). How long an INVITE may go unanswered after a provisional response is the user's to limit. */
#ifndef SIPSEAL_SIP_TRANSACTION_H
#define SIPSEAL_SIP_TRANSACTION_H

#include "sipseal/bytes.h"
#include "sipseal/rule.h"
#include "sipseal/sip_message.h"

enum {
    SIP_T1_MS = 500,  /* round-trip time estimate (RFC 3261 17.1.1.1) */
    SIP_T2_MS = 4000, /* the longest interval between retransmissions of a non-INVITE request */
    SIP_T4_MS = 5000, /* how long a message may stay in the network */
    SIP_TRYING_MS = 200,        /* an INVITE is answered, with 100 at least, within this time (17.2.1) */
    SIP_TIMER_D_MIN_MS = 32000, /* timer D whatever T1 is (17.1.1.2) */
    SIP_TRANSACTION_KEY_LEN = 16,
    SIP_TRANSACTION_BYTES_MAX = 256 * 1024 * 1024, /* of messages kept for retransmission */
};

/* "z9hG4bK": a branch that begins with it is unique (RFC 3261 8.1.1.7). */
#define SIP_MAGIC_COOKIE "z9hG4bK"

struct sip_transaction_settings {
    uint32_t t1, t2, t4; /* milliseconds; 0: the values above */
    size_t count_max;    /* transactions open at once; 0: 100,000 */
    size_t bytes_max;    /* of messages kept for retransmission, above which no transaction is begun; 0: as above */
    bool find_merged;    /* for a user agent: tell merged requests (RFC 3261 8.2.2.2); a proxy must not (16.3) */
    /* Random and secret: strangers choose branches, and must not choose which of them collide. */
    uint8_t key[SIP_TRANSACTION_KEY_LEN];
};

struct sip_transactions;

/* Null when there is no memory. */
struct sip_transactions *sip_transactions_new(const struct sip_transaction_settings *settings);
/* Ends everything without events. Null may be freed. */
void sip_transactions_free(struct sip_transactions *t);

size_t sip_transactions_count(const struct sip_transactions *t);
size_t sip_transactions_bytes(const struct sip_transactions *t); /* of messages kept */

/* Another `count_max`, as in the settings. Those that are open stay, also when there are more. False, with nothing
 * changed, when there is no memory or the number is none that sip_transactions_new would take. */
bool sip_transactions_limit(struct sip_transactions *t, size_t count_max);

/* --- what arrives --- */

enum sip_arrival {
    SIP_ARRIVAL_NEW,            /* a new request: `*id` is its server transaction. Answer it. */
    SIP_ARRIVAL_MERGED,         /* the same, but another transaction brought this request before: answer it with 482 */
    SIP_ARRIVAL_RETRANSMISSION, /* absorbed; the last response is sent again where there is one */
    SIP_ARRIVAL_ACKNOWLEDGED,   /* an ACK that a server transaction has absorbed */
    SIP_ARRIVAL_STATELESS,      /* an ACK that is no transaction's: of a 2xx, as a rule */
    SIP_ARRIVAL_FULL,           /* a new request for which there is no room: answer 503 statelessly */
    SIP_ARRIVAL_RESPONSE,       /* a response for the client transaction `*id`: act on it. Each 2xx to INVITE is one */
    SIP_ARRIVAL_STRAY,          /* a response for no client transaction: never forwarded (RFC 4320 4.2, RFC 6026 7.3) */
};

/* A request that was read whole. Makes the server transaction for a new one. `flow` is where responses go: the
 * caller's name for a connection or a peer's address; `reliable` is its transport (TCP, TLS). Nothing of the message is
 * kept. `now` is monotonic, in milliseconds. */
enum sip_arrival sip_transaction_request(struct sip_transactions *t, uint64_t now, uint64_t flow, bool reliable,
                                         const struct sip_message *request, void *user, uint64_t *id);

/* A response that was read whole; `*user` is that of its client transaction. Whether the sent-by of its topmost Via is
 * one's own is the caller's to check (RFC 3261 18.1.2). */
enum sip_arrival sip_transaction_response(struct sip_transactions *t, uint64_t now, const struct sip_message *response,
                                          uint64_t *id, void **user);

/* --- client transactions --- */

struct sip_client {
    struct span request;    /* the bytes to send, one whole message; copied */
    struct span branch;     /* of their topmost Via, with the magic cookie; unique, and not to be guessed */
    struct span method;     /* of CSeq */
    uint64_t flow;          /* where it goes */
    bool reliable;          /* the transport retransmits by itself */
    bool written_again;     /* the user writes the same bytes anew whenever they are to be sent again: then their
                               SIP_EVENT_SEND has none. Not for INVITE, whose ACK and CANCEL are made of it */
    void *user;
};

/* Begins a client transaction; SIP_EVENT_SEND follows. RULE_OVERLOAD when there is no room, RULE_NO_MEMORY,
 * RULE_SIP_METHOD for ACK, RULE_INTERNAL when the branch is in use. */
enum rule sip_client_start(struct sip_transactions *t, uint64_t now, const struct sip_client *client, uint64_t *id);

/* A request that is `written_again`, and was sent, is kept from now on as it was: its user can no longer write the same.
 * False when there is no memory: then it is sent no more. A stale id, or one that needs no request, does nothing. */
bool sip_client_keep(struct sip_transactions *t, uint64_t id, struct span request);

/* Begins the client transaction of the CANCEL of an INVITE that was sent (RFC 3261 9.1), over its flow.
 * RULE_SIP_NO_TRANSACTION when it has no provisional response yet (then it must wait for one) or a final one already;
 * else as sip_client_start. */
enum rule sip_client_cancel(struct sip_transactions *t, uint64_t now, uint64_t invite, void *user, uint64_t *id);

/* --- server transactions --- */

enum sip_respond {
    SIP_RESPOND_SENT,      /* SIP_EVENT_SEND follows */
    SIP_RESPOND_DISCARDED, /* may not be sent: a second final response (RFC 3261 17.2.2) but a 2xx after a 2xx to INVITE
                              (RFC 6026 7.1); to a request other than INVITE a 1xx but 100, a 100 over UDP before
                              SIP_EVENT_TRYING_DUE, a 408 (RFC 4320 4.1, 4.2) */
    SIP_RESPOND_GONE,      /* the transaction has ended: a late response is not sent (RFC 4320 4.2) */
    SIP_RESPOND_NO_MEMORY,
};

/* Answers with `response`, whose status code is `status`; its bytes are copied, and kept for retransmission unless they
 * are a 2xx to INVITE, which its user sends again (RFC 3261 13.3.1.4) or forwards again, or a 100, for which
 * SIP_EVENT_TRYING_DUE asks again. */
enum sip_respond sip_server_respond(struct sip_transactions *t, uint64_t now, uint64_t id, int status,
                                    struct span response);

/* Sends responses of this transaction over another flow from now on: the connection of the request is gone, and
 * another one to the address in its Via was opened (RFC 3261 18.2.2). False for a stale id. */
bool sip_server_move(struct sip_transactions *t, uint64_t id, uint64_t flow, bool reliable);

/* The server transaction that a CANCEL means (RFC 3261 9.2): same branch and sent-by, method INVITE. */
bool sip_server_cancelled_by(struct sip_transactions *t, const struct sip_message *cancel, uint64_t *id, void **user);

/* --- both --- */

/* The message of this transaction could not be sent (RFC 3261 17.1.4, 17.2.4). A client transaction ends with
 * SIP_EVENT_FLOW_FAILED; a server transaction goes on, so that the client's retransmission can fetch the response. */
void sip_transaction_send_failed(struct sip_transactions *t, uint64_t id);

/* The connection is closed: every client transaction on it that has no final response yet ends with
 * SIP_EVENT_FLOW_FAILED. The cost is that of the transactions on this flow. */
void sip_transactions_flow_failed(struct sip_transactions *t, uint64_t flow);

/* Ends a transaction at once; of its events only SIP_EVENT_TERMINATED follows. A request or response that has been
 * taken for sending but not drained is not sent. */
void sip_transaction_abandon(struct sip_transactions *t, uint64_t id);

/* Sets what comes back as `user`. False for a stale id. */
bool sip_transaction_set_user(struct sip_transactions *t, uint64_t id, void *user);

/* --- time and events --- */

/* When sip_transactions_tick is to be called next; UINT64_MAX when no timer runs. */
uint64_t sip_transactions_deadline(const struct sip_transactions *t);

/* Fires every timer that is due. A `now` before an earlier one counts as that earlier one. */
void sip_transactions_tick(struct sip_transactions *t, uint64_t now);

enum sip_event_kind {
    SIP_EVENT_SEND,        /* send `bytes` over `flow` */
    SIP_EVENT_TRYING_DUE,  /* server: nothing was answered for so long that a 100 must be sent now (RFC 4320 4.1, RFC
                              3261 17.2.1), or the request came again after a 100 */
    SIP_EVENT_TIMEOUT,     /* client: no final response came (timer F), or none at all (timer B). Server: no final
                              response was given in time, so none will be sent (RFC 4320 4.2), or no ACK came (timer
                              H). The transaction has ended. */
    SIP_EVENT_FLOW_FAILED, /* client: the transport failed. The transaction has ended. */
    SIP_EVENT_TERMINATED,  /* the id is no longer valid; the last event of each transaction */
};

struct sip_event {
    enum sip_event_kind kind;
    uint64_t id;
    void *user;
    bool is_server;
    uint64_t flow;
    bool reliable;
    bool again;        /* SIP_EVENT_SEND: a retransmission */
    struct span bytes; /* SIP_EVENT_SEND: valid until the next call of any function above or of sip_transaction_next.
                          Empty: what is `written_again` */
};

/* The next event; false when there is none. */
bool sip_transaction_next(struct sip_transactions *t, struct sip_event *event);

#endif
