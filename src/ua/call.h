/* Calls (RFC 3261 13 to 15): INVITE, its answers, ACK, CANCEL, BYE, and what comes inside a dialog. Without I/O: the
 * agent (agent.h) gives it messages and time, and whoever has the user and the sockets drains calls_next.
 *
 * Whose call it is decides what happens: calls_start begins one, calls_respond answers one, calls_end ends either. A
 * call has one dialog for each phone that rang, of which the first that answers is the call; every other one that
 * answers is acknowledged and ended at once (13.2.2.4). Requests in a dialog need a way to their next hop, which only
 * the sockets know: CALL_WAY asks for it, calls_way gives it.
 *
 * A call is named by an id that is never used again. Memory is bounded by the limits below. */
#ifndef SIPSEAL_UA_CALL_H
#define SIPSEAL_UA_CALL_H

#include "sipseal/sip_response.h"
#include "sipseal/sip_transaction.h"
#include "ua/dialog.h"
#include "ua/incoming.h"

enum {
    CALLS_MAX = 32,               /* at once; one more INVITE is answered 503 */
    CALL_FORKS_MAX = 8,           /* dialogs of one call: phones that ring */
    CALL_RINGING_MAX_MS = 180000, /* how long a call may go unanswered, either way; then it is cancelled, or 480 */
    CALL_RING_AGAIN_MS = 60000,   /* a provisional response is repeated, so that no proxy gives up (13.3.1.1) */
    CALL_ANSWER_MAX_MS = 64 * SIP_T1_MS, /* a 2xx is repeated until its ACK comes, at most so long (13.3.1.4); and how
                                            long a CANCEL may stay without effect (9.1) */
    CALL_SENT_BY_MAX = 80,
};

/* How requests reach a next hop. */
struct call_way {
    uint64_t flow;
    bool reliable;
    enum sip_transport transport;
    char sent_by[CALL_SENT_BY_MAX]; /* for Via */
};

struct calls;

/* `transactions` outlives it. Null when there is no memory. */
struct calls *calls_new(struct sip_transactions *transactions);
void calls_free(struct calls *c); /* null is allowed */

/* Calls that are not over, and work for such as are: the ACK and BYE of a second phone. */
size_t calls_active(const struct calls *c);
bool calls_busy(const struct calls *c);

/* --- from the user --- */

/* Begins a call by an INVITE that is written already and whose topmost Via has `branch`; `contact` is that of the
 * INVITE. RULE_OVERLOAD; else as sip_client_start. */
struct call_draft {
    struct span request, branch, contact;
    struct call_way way;
};
enum rule calls_start(struct calls *c, uint64_t now, const struct call_draft *draft, uint64_t *id);

/* Which contact this side has in a call that was offered: before the first calls_respond. */
void calls_set_contact(struct calls *c, uint64_t id, struct span contact);

/* Answers what was offered (CALL_OFFERED, CALL_REOFFERED): 101 to 199 any number of times, then once a final response.
 * `headers` are those of the body, and others. False when nothing is offered, or it cannot be written. */
struct call_answer {
    int status;
    struct span headers, body;
};
bool calls_respond(struct calls *c, uint64_t now, uint64_t id, const struct call_answer *answer);

/* What a signature over that answer binds, but its Date: From is still that of To, with this side's tag (protocol.md
 * 2.1). False when nothing is offered. Spans live as long as the offer. */
bool calls_answer_context(const struct calls *c, uint64_t id, int status, struct message_context *context);

/* Offers a session anew in a call that is up (14.1). The context is for the signature over the body, which is written
 * between the two; nothing else may be done with the call in between. False when the call is not up, or something is
 * being offered already. */
bool calls_reoffer_context(const struct calls *c, uint64_t id, struct message_context *context);
bool calls_reoffer(struct calls *c, uint64_t now, uint64_t id, struct span headers, struct span body);

/* Ends a call in the way that its state asks for: CANCEL, a refusal (480), BYE. CALL_ENDED follows. */
void calls_end(struct calls *c, uint64_t now, uint64_t id);

/* The way that CALL_WAY asked for; null: there is none. */
void calls_way(struct calls *c, uint64_t now, uint64_t id, unsigned fork, const struct call_way *way);

/* --- from the agent --- */

struct call_request {
    const struct incoming_terms *terms;
    const struct sip_message *request;
    const struct sip_source *source;
    uint64_t now;
    uint64_t flow;
    bool reliable;
    uint64_t id; /* of its server transaction */
};

/* Whether a request is one of calls: of their methods, or in a dialog. */
bool calls_want(const struct sip_message *request);
/* Takes one in. `out->status` is what is to be answered now; 0: it is, or will be, answered from here. */
void calls_request(struct calls *c, const struct call_request *r, struct arena *arena, struct incoming *out);
/* Another message begins: what events pointed to goes. */
void calls_next_message(struct calls *c);
/* An ACK that is no transaction's. */
void calls_ack(struct calls *c, const struct call_request *r, struct arena *arena, struct incoming *out);
/* A response for client transaction `id`; false when that is none of a call. */
bool calls_response(struct calls *c, const struct call_request *r, struct arena *arena, struct incoming *out);
/* A 100 is due for server transaction `id` (17.2.1). */
void calls_trying(struct calls *c, uint64_t now, uint64_t id);
/* A client transaction ended without a response (RULE_SIP_TIMEOUT, RULE_SIP_UNREACHABLE); false when it is none of a
 * call. */
bool calls_failed(struct calls *c, uint64_t now, uint64_t id, enum rule rule);
/* A transaction is gone. */
void calls_transaction_gone(struct calls *c, uint64_t id);
/* A flow is gone: ways over it are asked for anew. */
void calls_flow_failed(struct calls *c, uint64_t flow);

uint64_t calls_deadline(const struct calls *c);
void calls_tick(struct calls *c, uint64_t now);

/* --- what comes out --- */

enum call_event_kind {
    CALL_WAY,        /* calls_way wants to know how `uri` is reached */
    CALL_PROGRESS,   /* caller: a provisional response above 100, `status` */
    CALL_ANSWERED,   /* caller: the first 2xx. `incoming` is its body, opened and verified, or why it could not be */
    CALL_OFFERED,    /* called: an INVITE, whose body is in `incoming`: calls_set_contact, calls_respond */
    CALL_REOFFERED,  /* either: the other side offers a session anew: calls_respond */
    CALL_CONFIRMED,  /* called: the ACK has come; `incoming` when it had a body */
    CALL_REANSWERED, /* what calls_reoffer offered was answered: 2xx with `incoming`, or `status`; where that is 491, it
                        may be offered again in `retry_ms` (14.1) */
    CALL_ENDED,      /* the call is over, and its id with it */
};

enum call_end {
    CALL_END_SELF,    /* by this side: BYE or CANCEL */
    CALL_END_OTHER,   /* by the other side: BYE, or CANCEL of what was not answered */
    CALL_END_REFUSED, /* `status`; `response` when it is the other side's */
    CALL_END_FAILED,  /* `rule`: no answer, unreachable, no ACK, not to be reached any more */
};

struct call_event {
    enum call_event_kind kind;
    uint64_t id;
    unsigned fork;   /* CALL_WAY */
    struct span uri; /* CALL_WAY */
    int status;
    uint32_t retry_ms;
    enum call_end end;
    enum rule rule;
    const struct sip_message *response; /* until the next message is given to the agent; may be null */
    const struct incoming *incoming;    /* until then, too; may be null */
};

/* The next ACK that is to be sent, before whatever transactions send: over TCP a BYE must not overtake it. The bytes
 * live until the next call of any function here. False when there is none. */
bool calls_next_ack(struct calls *c, uint64_t *flow, struct span *bytes);

/* The next event; false when there is none. */
bool calls_next(struct calls *c, struct call_event *event);

#endif
