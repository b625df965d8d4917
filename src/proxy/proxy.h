/* The proxy without input or output: what arrives and the time go in, actions come out.
 *
 *     bytes → sip view → server transaction → admission → outline → policy_need_of
 *           → vault (PROXY_ASK_VAULT) → verdict → policy_decide → store (PROXY_ASK_STORE)
 *           → client transaction → bytes
 *
 * The owner ("shell") gives it what sockets and channels bring, each with the time, calls proxy_tick when
 * proxy_deadline has come, and after each of these drains proxy_next until it gives false. It never calls back but for
 * random bytes, and never asks for the time itself.
 *
 * The body is never changed: the very bytes that came go out (protocol.md 1; REQ-GEN-2, REQ-GEN-3). A message is
 * forwarded only after its archive record is durable, and never because something that should have looked at it failed.
 *
 * What it does today, and what not:
 * - Requests are forwarded statefully (RFC 3261 16, RFC 6026), to one target or to all contacts of a user: those of
 *   equal q at once as far as Max-Breadth allows (RFC 5393 5), the next q when all of them have failed. A redirection (3xx) is passed on, not followed. INVITE gets 100
 *   at once, all its other provisional responses and each 2xx are passed on; CANCEL is answered here and ends the
 *   branches, and is 481 when no such INVITE is open, since none is forwarded without state (departure from 16.10).
 * - The ACK of a 2xx is forwarded without state (16.11); it is examined like its INVITE, and never answered.
 * - INVITE, SUBSCRIBE, REFER and NOTIFY get a Record-Route where their route says so. Requests of a dialog go to the
 *   address in their Request-URI when they show by their Route that the dialog was made through this proxy.
 * - Responses are forwarded untouched but for their Via, Content-Length where a stream needs it, and 503, which becomes
 *   500 (16.7 step 6). Their bodies are not examined: the 2xx of a MESSAGE has none (RFC 3428 7).
 * - A final response to a request other than INVITE that comes after the transaction has ended is dropped, and no 408
 *   is sent (RFC 4320 4.2).
 * - OPTIONS to one of its own names is answered 200 without a body, to `policy` there with the policy object; REGISTER
 *   for own domains is taken from sources that the route allows (403 else). Where a store keeps bindings, it is answered
 *   when they are durable.
 * - maddr is not obeyed anywhere; sips and tel URIs are 416.
 * - Over TLS requests go to the next server of a route, whose name is that of the route's URI, and to a user over the
 *   connection by which the user registered. So they do over the others where the user is behind a NAT.
 *
 * Memory is bounded by the limits. Nothing here holds a key or what a vault has opened. */
#ifndef SIPSEAL_PROXY_PROXY_H
#define SIPSEAL_PROXY_PROXY_H

#include "config/config.h"
#include "ipc/ipc.h"
#include "sipseal/policy.h"
#include "sipseal/rule.h"
#include "sipseal/sip_transaction.h"

enum {
    PROXY_UDP_MAX = 1300,         /* a longer request goes by TCP (RFC 3261 18.1.1) */
    PROXY_GATHER_MAX_MS = 30000,  /* how long the branches of a forked request other than INVITE may take: its sender
                                     waits for 64*T1, which is 32 s, and not for a 408 (RFC 4320 4.2) */
    PROXY_CALL_ID_MAX = 128,      /* bytes of a Call-ID in an event; a longer one is cut */
    PROXY_METHOD_MAX = 16,
    PROXY_COMPLETIONS_MAX = 4096, /* final responses remembered while the store is away */
};

struct proxy_time {
    uint64_t monotonic; /* milliseconds, from any origin */
    int64_t wall;       /* seconds since 1970 */
};

/* From where a message came. */
struct proxy_source {
    enum sip_transport transport;
    struct sockaddr_storage address;
    socklen_t address_len;
    uint64_t flow; /* the shell's name for the UDP socket or the connection; never used again after it has closed; never
                      0 */
    bool leaving;  /* its listener is configured no more: what is under way is finished, nothing is begun */
    struct span peer; /* the domain that the other end proved by its certificate (RFC 5922 7.4); empty: none. Borrowed
                         for the call */
};

struct proxy_settings { /* borrowed until the next proxy_reconfigure or proxy_free */
    const struct span *name;
    size_t name_count; /* at least one; the first is what it calls itself */
    const struct hop *listen; /* with real ports */
    const uint64_t *listen_flow; /* the shell's flow of each that is a UDP socket */
    size_t listen_count;
    const struct route *route;
    size_t route_count;
    const struct policy *policy;
    struct span policy_object; /* what 495 and 496 carry, and OPTIONS to sip:policy@ one of the names is answered with: a
                                  signed policy object (protocol.md 6), which nobody here looks into; empty: none */
    struct limits limits;
    uint32_t vaults; /* how many work at once; their numbers are below IPC_VAULTS_MAX. 0: no keys are configured, and
                        nothing can be opened */
    bool archive;    /* an archive is configured */
    bool keep_bindings; /* the store keeps who is registered; else it is forgotten when the proxy ends */
    int64_t window;  /* seconds that a signed Date may differ from now */
    void (*random)(void *context, uint8_t *out, size_t len); /* never fails: the shell ends when it cannot */
    void *random_context;
};

struct proxy;

/* Null when there is no memory. Vaults and store count as absent until they are said to be ready. */
struct proxy *proxy_new(const struct proxy_settings *settings, struct proxy_time now);
void proxy_free(struct proxy *p);

/* Goes on with other settings, at once and as a whole; `random` stays. What is under way is judged by the settings that
 * are there when it comes to it, goes where it was to go when it arrived, and stays when there is more of it than the
 * limits allow now. Vaults that are there stay: see proxy_vault_retire. False, with nothing changed, when there is no
 * memory. */
bool proxy_reconfigure(struct proxy *p, const struct proxy_settings *settings, struct proxy_time now);

/* The same for the policy object alone, which was renewed. */
void proxy_set_policy_object(struct proxy *p, struct span policy_object);

/* --- inputs --- */

/* One datagram, or one message that was framed on a stream. */
void proxy_received(struct proxy *p, const struct proxy_source *source, struct span bytes, struct proxy_time now);
/* What stands at the front of a stream that cannot be framed on, for `why`: it is answered if it can be. The shell
 * closes the connection after what proxy_next gives. */
void proxy_unreadable(struct proxy *p, const struct proxy_source *source, struct span bytes, enum rule why,
                      struct proxy_time now);

/* The transaction's message of PROXY_SEND could not be sent: no connection, or the connection closed before it was
 * written whole. 0 is passed over. */
void proxy_send_failed(struct proxy *p, uint64_t transaction, struct proxy_time now);
/* A connection that requests may have been sent over has closed; `hop` is its other end. Requests without an answer
 * fail. Responses that are still to go over the flow fall back to the address in their Via. */
void proxy_connection_closed(struct proxy *p, const struct hop *hop, struct proxy_time now);

void proxy_vault_ready(struct proxy *p, uint32_t vault, struct proxy_time now);
void proxy_examined(struct proxy *p, uint32_t vault, uint64_t job, const struct ipc_examined *answer,
                    struct proxy_time now);
/* The vault gets nothing new. What it has, it answers; then it is idle, and may be closed by the shell. */
void proxy_vault_retire(struct proxy *p, uint32_t vault, struct proxy_time now);
bool proxy_vault_idle(const struct proxy *p, uint32_t vault);
/* Every job that the vault had is answered 500 and never tried again. */
void proxy_vault_lost(struct proxy *p, uint32_t vault, struct proxy_time now);

void proxy_store_ready(struct proxy *p, struct proxy_time now);
void proxy_admitted(struct proxy *p, uint64_t job, const struct ipc_admitted *answer, struct proxy_time now);
/* What became of a REGISTER that the store was asked to keep: RULE_OK, or that it could not. */
void proxy_bound(struct proxy *p, uint64_t job, enum rule rule, struct proxy_time now);
/* Some of the bindings that the store keeps, as it was asked. */
void proxy_bindings(struct proxy *p, const struct ipc_bindings *page, struct proxy_time now);
/* Whether all of them are there. */
bool proxy_bindings_loaded(const struct proxy *p);
/* Every message that waited for the store is answered 500, every REGISTER 503. */
void proxy_store_lost(struct proxy *p, struct proxy_time now);

/* From now on new requests are answered 503. */
void proxy_stop(struct proxy *p, struct proxy_time now);
/* Whether no request waits for anything any more: a proxy that was stopped may end. */
bool proxy_idle(const struct proxy *p);

/* When proxy_tick is to be called next, on the monotonic clock; UINT64_MAX when no timer runs. */
uint64_t proxy_deadline(const struct proxy *p);
void proxy_tick(struct proxy *p, struct proxy_time now);

/* --- outputs --- */

/* What is worth a line in the log. Never content, never credentials. */
enum proxy_event_kind {
    PROXY_EVENT_ANSWERED,   /* a final response from the next hop was forwarded */
    PROXY_EVENT_SERVED,     /* the proxy itself answered with a 2xx */
    PROXY_EVENT_REFUSED,    /* the proxy answered with an error, for `rule` */
    PROXY_EVENT_DROPPED,    /* a message was not answered and not forwarded, for `rule` */
    PROXY_EVENT_MONITORED,  /* a policy rule in monitor mode would have refused the request, for `rule` */
    PROXY_EVENT_UNANSWERED, /* the next hop did not answer in time; nothing is sent back (RFC 4320 4.2) */
    PROXY_EVENT_JOB_LOST,   /* a vault ended, or said nothing, while it had this message */
    PROXY_EVENT_COUNT
};

struct proxy_event {
    enum proxy_event_kind kind;
    enum rule rule;
    int status; /* 0: none */
    char method[PROXY_METHOD_MAX + 1];
    char call_id[PROXY_CALL_ID_MAX + 1]; /* as a stranger wrote it */
    struct sockaddr_storage source;
    enum sip_transport transport;
    int64_t record_id; /* of the archive; 0: none */
    uint64_t body;     /* PROXY_EVENT_JOB_LOST: FNV-1a of the body, to find it again */
};

enum proxy_action_kind {
    PROXY_SEND,      /* send `bytes` */
    PROXY_ASK_VAULT, /* send the datagram `bytes` to vault number `vault` */
    PROXY_ASK_STORE, /* send the datagram `bytes` to the store */
    PROXY_LOG,       /* note `event` */
};

struct proxy_action {
    enum proxy_action_kind kind;
    struct span bytes;    /* valid until the next call of any function of this header */
    uint64_t transaction; /* PROXY_SEND: to be named in proxy_send_failed; 0: nobody wants to know */
    uint64_t flow;        /* PROXY_SEND: over this socket or connection; 0, or a closed connection: any to `hop` */
    bool flow_only;       /* PROXY_SEND: not to `hop` when the flow is closed: then it has failed */
    struct hop hop;       /* PROXY_SEND: the peer's address (UDP), or where to connect to (TCP, TLS) */
    struct span host; /* PROXY_SEND over TLS: whom the other end must prove to be, unless `flow` is open; empty: nobody
                         will do. As long as `bytes` */
    bool request;         /* PROXY_SEND */
    uint32_t vault;
    struct proxy_event event;
};

/* The next thing to do; false when there is nothing more. */
bool proxy_next(struct proxy *p, struct proxy_action *action);

/* --- counters --- */

/*  X(name) */
#define PROXY_COUNTERS(X)                                                                                              \
    X(requests) X(responses) X(retransmissions) /* received */                                                         \
    X(forwarded)                                /* requests sent on, without retransmissions */                       \
    X(examined) X(admitted)                     /* answers of vaults and store */                                     \
    X(waited) X(lines_full) X(waited_too_long)  /* for a vault: in line, refused since the line was full, in vain */  \
    X(store_full)                               /* refused at limits.store_jobs */                                    \
    X(transactions_full)                        /* refused at limits.transactions */                                  \
    X(memory_full)                              /* refused at REQUEST_BYTES_MAX */                                    \
    X(completions_lost)                                                                                                \
    X(kept) X(restored) X(restored_not)         /* registrations; bindings taken back from the store, left out */

/* How long requests that were forwarded have been here before, with their examination: in milliseconds, up to and with
 * each of these; the last counter is that of the others. */
#define PROXY_HELD_MS {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000}
enum { PROXY_HELD_BUCKETS = 13 };

struct proxy_counters {
#define PROXY_COUNTER(name) uint64_t name;
    PROXY_COUNTERS(PROXY_COUNTER)
#undef PROXY_COUNTER
    uint64_t event[PROXY_EVENT_COUNT];
    uint64_t rule[RULE_COUNT]; /* of the events */
    uint64_t held[PROXY_HELD_BUCKETS + 1], held_ms; /* their sum */
    size_t open;               /* messages in work or remembered for retransmissions */
    size_t waiting, lines;     /* for a vault; of how many peers */
    size_t bindings;
};
void proxy_count(const struct proxy *p, struct proxy_counters *out);

#endif
