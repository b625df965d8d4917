/* A user agent without sockets: what arrives and the time go in; what to send, what to show and what became of one's
 * own requests come out. Transactions are below it (sip_transaction.h), decisions beside it (incoming.h).
 *
 * The caller
 *   1. hands over each message that its sockets bring (agent_receive), and shows what that gives;
 *   2. begins requests (agent_request), and calls (agent_calls);
 *   3. calls agent_tick when agent_deadline has come, agent_flow_failed when a connection ends;
 *   4. after each of these drains agent_next. */
#ifndef SIPSEAL_UA_AGENT_H
#define SIPSEAL_UA_AGENT_H

#include "sipseal/recipient.h"
#include "sipseal/sip_response.h"
#include "sipseal/sip_transaction.h"
#include "ua/call.h"

enum { AGENT_TRANSACTIONS_MAX = 1024, AGENT_BYTES_MAX = 16 * 1024 * 1024 };

struct agent;

struct agent_settings {
    const struct recipient *recipient; /* null: an agent that only sends; it answers requests 501 */
    struct span aor;                   /* "sip:bob@far.example"; it and the recipient must outlive the agent */
    bool calls;                        /* takes and makes calls, for which it must have a recipient */
};

/* Null when there is no memory or there are no random bytes. */
struct agent *agent_new(const struct agent_settings *settings);
void agent_free(struct agent *a);

/* Its calls (call.h); null when it takes none. What happens to them comes as AGENT_CALL. */
struct calls *agent_calls(struct agent *a);

struct agent_input {
    uint64_t flow;
    bool reliable;
    struct sip_source source;
    struct span bytes;        /* one datagram, or one framed message */
    uint64_t now_ms;          /* monotonic */
    int64_t now;              /* seconds */
};

/* Reads and answers a request, or takes in a response. `*incoming` (agent's own, until the next call) is set when there
 * is a MESSAGE to show, delivered or refused, or what a call brought and was refused; else null. A datagram that is no
 * SIP is dropped. */
void agent_receive(struct agent *a, const struct agent_input *input, const struct incoming **incoming);

/* Sends a request that is written already, whose topmost Via has `branch`. */
enum rule agent_request(struct agent *a, uint64_t now_ms, uint64_t flow, bool reliable, struct span bytes,
                        struct span branch, struct span method, uint64_t *id);

uint64_t agent_deadline(const struct agent *a);
void agent_tick(struct agent *a, uint64_t now_ms);
void agent_flow_failed(struct agent *a, uint64_t flow);

enum agent_event_kind {
    AGENT_SEND,     /* `bytes` over `flow` */
    AGENT_PROGRESS, /* a provisional response to request `id` */
    AGENT_FINAL,    /* the final response to request `id` */
    AGENT_FAILED,   /* request `id` got no answer: RULE_SIP_TIMEOUT or RULE_SIP_UNREACHABLE */
    AGENT_CALL,     /* `call` */
};

struct agent_event {
    enum agent_event_kind kind;
    uint64_t flow;
    struct span bytes;
    uint64_t id;
    bool is_server; /* AGENT_SEND: of a server transaction, or a stateless response */
    uint16_t port;  /* AGENT_SEND: not 0 when a response over UDP goes to another port of the same host than the one
                       that the request came from: the client did not ask for rport (RFC 3261 18.2.2, RFC 3581 4) */
    const struct sip_message *response; /* until the next call of agent_receive */
    enum rule rule;
    struct call_event call;
};

/* The next event; false when there is none. What it points to lives until the next call. */
bool agent_next(struct agent *a, struct agent_event *event);

/* A message of this transaction could not be sent. */
void agent_send_failed(struct agent *a, const struct agent_event *event);

#endif
