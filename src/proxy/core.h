/* What the files of the proxy share. A `pass` is the way of one request through the proxy, from its server transaction
 * to its final response. */
#ifndef SIPSEAL_PROXY_CORE_H
#define SIPSEAL_PROXY_CORE_H

#include <sys/queue.h>

#include "proxy/location.h"
#include "proxy/proxy.h"
#include "proxy/routing.h"
#include "sip/siphash.h"
#include "sipseal/outline.h"
#include "sipseal/sip_response.h"
#include "sipseal/verdict.h"

enum {
    /* What edits may add to a message: a Via, received and rport, Max-Forwards, Content-Length, a Request-URI and, for
     * a strict router, a Route. */
    PROXY_EDIT_ROOM = 4096,
    PROXY_RESPONSE_ROOM = 4096, /* what the proxy's own response has beyond the request's head */
    PASSES_IN_BLOCK = 256,
    HASH_KEY_LEN = 16,
};

/* Bytes on the heap that belong to one owner. */
struct packet {
    size_t len;
    uint8_t bytes[];
};

/* A copy; null when there is no memory. */
struct packet *packet_copy(struct span bytes);
struct packet *packet_new(size_t len);
static inline struct span packet_span(const struct packet *packet)
{
    return packet ? span_of(packet->bytes, packet->len) : (struct span){0};
}

enum pass_state {
    PASS_FREE,
    PASS_ADMISSION, /* just arrived */
    PASS_WAITING,   /* for a vault to be free */
    PASS_EXAMINING, /* in a vault */
    PASS_ADMITTING, /* in the store */
    PASS_FORWARDED, /* for a final response */
    PASS_DONE,      /* answered, or never to be; remembered as long as a transaction lives */
};

struct pass {
    TAILQ_ENTRY(pass) link; /* WAITING, EXAMINING, ADMITTING: in the list of that state; FREE: in the free list */
    enum pass_state state;
    uint32_t index, generation;
    uint64_t since;         /* when the state began, for the states with a list */
    uint64_t server;        /* transactions; 0: ended, or not begun */
    uint64_t client;
    struct proxy_source source;
    struct packet *request; /* as it was received; until there is a final answer */
    struct packet *contact; /* takes the place of the Request-URI; null: it stays */
    struct packet *record;  /* kept while the store looks, when a replay would only be noted */
    struct hop hop;         /* where it goes */
    struct packet *host;    /* TLS: whom a connection to `hop` must lead to; null: nobody will do */
    uint64_t flow;          /* the connection that it goes over, and no other; 0: any that leads to `hop` */
    struct hop reply;       /* where its responses go: see reply_hop */
    struct packet *reply_host; /* TLS: whom a new connection to `reply` must lead to */
    bool moved_to_stream;   /* the hop was UDP, but the message is too long for a datagram */
    uint32_t vault;         /* EXAMINING */
    bool archive;           /* what can be seen is to be archived */
    bool replay_noted_only; /* no rule in force needs the signature: a replay is logged and forwarded */
    bool completion_due;    /* the store has admitted it and is owed the final status */
    int64_t record_id;
    struct ipc_replay *replay;
    size_t replay_count;
};

TAILQ_HEAD(pass_list, pass);

struct vault {
    bool ready;
    bool stuck; /* it let a job's time pass: it gets no other until it answers or is replaced */
    uint32_t jobs;
    struct pass_list list;
};

struct queued_action {
    STAILQ_ENTRY(queued_action) link;
    struct proxy_action action;
    struct packet *packet; /* holds action.bytes; may be null */
};
STAILQ_HEAD(action_list, queued_action);

struct proxy {
    struct proxy_settings settings;
    struct routing routing;
    struct proxy_time now;
    uint8_t hash_key[HASH_KEY_LEN];
    struct sip_transactions *transactions;
    struct location *location;
    uint64_t sweep_at; /* when the location service is to be swept next */
    bool stopping;

    struct pass **block; /* PASSES_IN_BLOCK passes each; they never move */
    size_t block_count;
    struct pass_list free;
    size_t open;

    struct vault vault[CONFIG_VAULTS_MAX];
    struct pass_list waiting;
    uint32_t waiting_count;
    bool store_ready;
    struct pass_list admitting;
    uint32_t admitting_count;
    uint32_t forwarded_count;
    struct action_list completions; /* for the store when it comes back */
    size_t completion_count;

    struct action_list actions;
    struct queued_action *taken; /* given out by proxy_next, to be freed */
    struct proxy_counters counters;

    /* Used by one input at a time. */
    struct sip_message message;
    struct outline_source source;
    struct message_outline outline;
    struct verdict verdict;
    uint8_t *scratch;
    size_t scratch_len;
};

/* --- actions.c --- */

/* Takes the packet, also when it fails for want of memory (what is lost then is sent again by its sender, or counts as
 * not done). */
void action_push(struct proxy *p, const struct proxy_action *action, struct packet *packet);
/* Notes an event about a message; `m` may be null. */
void event_push(struct proxy *p, enum proxy_event_kind kind, enum rule rule, int status, const struct sip_message *m,
                const struct proxy_source *source, int64_t record_id);
void event_push_lost(struct proxy *p, const struct sip_message *m, const struct proxy_source *source);
void actions_free(struct action_list *list);

/* --- passes.c --- */

struct pass *pass_new(struct proxy *p); /* null when there is no memory */
/* Gives it back once no transaction and no list holds it. */
void pass_settle(struct proxy *p, struct pass *pass);
void passes_free(struct proxy *p);
uint64_t pass_job(const struct pass *pass);
/* The pass that a job's number names, if it is still in that state; else null. */
struct pass *pass_of_job(struct proxy *p, uint64_t job, enum pass_state state);
/* Leaves the list of its state for another state. */
void pass_enter(struct proxy *p, struct pass *pass, enum pass_state state);
/* Reads its request again. False, with the pass ended, when that is not possible. */
bool pass_read(struct proxy *p, struct pass *pass, struct sip_message *m);

/* --- responses.c --- */

/* A response of the proxy's own. */
struct answer {
    int status;
    enum rule rule;      /* RULE_OK, or why it refuses: written as Warning */
    struct span headers; /* further header lines */
};
/* Answers a request that has no transaction. */
void answer_stateless(struct proxy *p, const struct proxy_source *source, const struct sip_message *m,
                      const struct answer *answer);
void refuse_stateless(struct proxy *p, const struct proxy_source *source, const struct sip_message *m, enum rule rule);
/* Answers a request by its server transaction and ends its pass. `m` is the request. */
void answer_pass(struct proxy *p, struct pass *pass, const struct sip_message *m, const struct answer *answer);
void refuse_pass(struct proxy *p, struct pass *pass, const struct sip_message *m, enum rule rule);
void refuse_pass_with(struct proxy *p, struct pass *pass, const struct sip_message *m, enum rule rule, int status);
/* The same for a request that has to be read again. */
void refuse_later(struct proxy *p, struct pass *pass, enum rule rule);
/* The 100 that RFC 4320 4.1 asks for. */
void answer_trying(struct proxy *p, struct pass *pass);
/* Where responses to a request go over UDP, and over a stream when the connection that it came by is closed. */
struct hop reply_hop(const struct proxy_source *source, const struct sip_via *via);

/* --- the way of a request, in this order --- */

/* admission.c: looks at a request that has just got its server transaction. */
void admit(struct proxy *p, struct pass *pass, const struct sip_message *m);
/* registrar.c */
void register_contacts(struct proxy *p, struct pass *pass, const struct sip_message *m, const struct route *route);
/* examine.c: asks a vault where there is need, and decides at once where there is none. */
void examine(struct proxy *p, struct pass *pass, const struct sip_message *m);
void examine_more(struct proxy *p);
void examine_tick(struct proxy *p);
uint64_t examine_deadline(const struct proxy *p);
/* decide.c: from the verdict to refusal, store, or forwarding. `record` may be empty. */
void decide(struct proxy *p, struct pass *pass, const struct sip_message *m, const struct message_outline *outline,
            const struct verdict *verdict, struct span record);
/* Tells the store what became of the message. */
void complete(struct proxy *p, struct pass *pass, int status);
void admitting_tick(struct proxy *p);
uint64_t admitting_deadline(const struct proxy *p);
/* forwarding.c */
void forward(struct proxy *p, struct pass *pass, const struct sip_message *m);
/* Why the next hop of this pass cannot take it. */
enum rule forward_failure(const struct pass *pass);
/* What a branch remembers of a request, so that a loop is told from a spiral (RFC 5393 4.2). */
uint64_t loop_hash(const struct proxy *p, const struct sip_message *m);
bool has_looped(const struct proxy *p, const struct sip_message *m);
/* Whether a Via is one that this proxy has written. */
bool via_is_ours(const struct proxy *p, const struct sip_via *via);

/* responses.c: a final response of the next hop. */
void response_arrived(struct proxy *p, const struct proxy_source *source, const struct sip_message *m);

/* proxy.c: the name of a hop as transactions know it. */
uint64_t hop_flow(const struct proxy *p, const struct hop *hop);

#endif
