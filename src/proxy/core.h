/* What the files of the proxy share.
 *
 * A `pass` is the way of one request through the proxy, from its server transaction to its final response: the response
 * context of RFC 3261 16.2. A `branch` is one target of it, with the client transaction that leads there (16.6):
 *
 *     server transaction ── pass ──┬── branch ── client transaction [── CANCEL]
 *                                  └── branch ── ...
 *
 * The pass owns its branches, all made at once when its targets are known, and keeps them until no transaction names
 * one: `user` of a server transaction is the pass, of a client transaction (a CANCEL's too) the branch. Branches of equal q
 * start together as far as Max-Breadth lets them, the next q when those have ended without success. Each branch ends once, by a final response or by
 * what counts as one (no answer: 408, no connection: 503); what ends it goes to the pass (best.c), which answers at
 * once (2xx), waits for the others, starts the next ones, or answers with the best of all (16.7). After its answer a pass is
 * PASS_DONE; of an INVITE it still passes on each 2xx as long as the server transaction takes it (RFC 6026 7.1).
 *
 * An ACK that is no transaction's has a pass for as long as it is examined; it is never answered (`ack`). */
#ifndef SIPSEAL_PROXY_CORE_H
#define SIPSEAL_PROXY_CORE_H

#include <sys/queue.h>

#include "proxy/location.h"
#include "proxy/proxy.h"
#include "proxy/routing.h"
#include "proxy/shares.h"
#include "sip/siphash.h"
#include "sipseal/label.h"
#include "sipseal/outline.h"
#include "sipseal/sip_response.h"
#include "sipseal/verdict.h"

enum {
    /* What this proxy may add to a request: Via, received and rport, Max-Forwards, Max-Breadth, Content-Length, two Record-Routes, a
     * Route, and a longer Request-URI. What comes nearer than that to what a message may have is not forwarded, so that
     * a CANCEL and an ACK can be made of what was. */
    PROXY_EDIT_BYTES = 4096,
    PROXY_EDIT_LINES = 7,
    REQUEST_BYTES_MAX = 256 * 1024 * 1024, /* of the requests that passes keep until they are answered */
    ANSWER_HEADERS_MAX = 26 * 1024, /* bytes of further header lines in a response of the proxy's own */
    REGISTRATION_ROOM = LOCATION_USER_CONTACTS_MAX * (LOCATION_URI_MAX + LOCATION_INSTANCE_MAX + 96) +
                        LOCATION_PATH_MAX, /* bytes of the header lines that tell of a user's contacts */
    PASSES_IN_BLOCK = 256,
    PASSES_FOR_ACKS = 256, /* beyond limits.transactions: a call that was answered dies without its ACK */
    HASH_KEY_LEN = 16,
    BRANCH_RANDOM = 12, /* bytes of a branch parameter that nobody can guess */
    FORMER_VIAS_MAX = 2 * CONFIG_LISTEN_MAX, /* the latest ones */
    FORMER_VIA_MS = 64 * SIP_T1_MS + SIP_T4_MS, /* Timer F, and what is still in the network */
};

/* What a Via of one's own says that was written before the configuration changed. */
struct former_via {
    uint8_t host[LABEL_HOST_MAX];
    size_t host_len;
    uint16_t port;
    uint64_t until; /* no response to it is expected after this, in milliseconds */
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

struct pass;
TAILQ_HEAD(branch_list, branch);

enum branch_state {
    BRANCH_LATER,      /* its turn has not come (serial forking) */
    BRANCH_SPARE,      /* another flow of an instance that is tried already: its turn comes when that one fails */
    BRANCH_CALLING,    /* sent; nothing has come back */
    BRANCH_PROCEEDING, /* a provisional response has */
    BRANCH_CANCELLING, /* an INVITE whose CANCEL was sent, and that waits for its final response */
    BRANCH_DONE,       /* it has a final response, or counts as having one */
};

struct branch {
    TAILQ_ENTRY(branch) link;
    struct branch_list *list; /* where its time is watched; null: by its transaction alone */
    uint64_t since;           /* it stands there */
    struct pass *pass;
    enum branch_state state;
    uint64_t client, cancel; /* transactions; 0: ended, or not begun */
    uint8_t random[BRANCH_RANDOM]; /* of its branch parameter */
    struct hop hop;          /* where it goes */
    struct packet *host;     /* TLS: whom a connection to `hop` must lead to; null: nobody will do */
    uint64_t flow;           /* the UDP socket from which it goes there, or the connection over which; 0: any stream that
                                leads to `hop` */
    bool flow_only;          /* that flow and no other */
    size_t instance;         /* the same number in branches to one instance (RFC 5626 7); 0: none */
    struct packet *contact;  /* takes the place of the Request-URI; null: it stays */
    struct packet *route;    /* to be the Route (RFC 3327 5.4); null: none */
    unsigned q;
    uint32_t breadth;     /* what it has of the pass's; see breadth.c */
    bool moved_to_stream; /* the hop was UDP, but the message is too long for a datagram */
    bool moved_back;      /* there was no connection, so it went by UDP after all (18.1.1) */
    bool cancel_due;      /* CANCEL follows the first provisional response (9.1) */
};

/* The best answer of the branches so far (16.7 step 6). */
struct best {
    int status; /* 0: none yet */
    enum rule rule;            /* of an answer that a branch only counts as having; RULE_OK: of a response */
    struct packet *response;   /* as it is to go upstream */
    struct packet *challenges; /* header lines of other 401 and 407 (step 7) */
};

enum pass_state {
    PASS_FREE,
    PASS_ADMISSION, /* just arrived */
    PASS_WAITING,   /* for a vault to be free */
    PASS_EXAMINING, /* in a vault */
    PASS_ADMITTING, /* in the store */
    PASS_LOADING,   /* until it is known who is registered */
    PASS_REGISTERING, /* a REGISTER, until the store has kept it, or another one for the same user */
    PASS_FORWARDED, /* its branches are under way */
    PASS_DONE,      /* answered, or never to be; remembered as long as a transaction lives */
};

struct pass {
    TAILQ_ENTRY(pass) link; /* WAITING to REGISTERING: in the list of that state; FREE: in the free list;
                               FORWARDED, forked and no INVITE: among those that gather answers */
    enum pass_state state;
    uint32_t index, generation;
    uint64_t arrived;       /* when it came */
    uint64_t since;         /* when the state began, for the states with a list */
    uint64_t server;        /* transaction; 0: ended, or an ACK */
    bool invite, ack;
    bool cancelled;         /* its CANCEL has come */
    bool record_route;      /* this proxy stays on the way of the dialog */
    struct branch *branch;
    size_t branch_count;
    uint32_t breadth; /* the Incoming Max-Breadth (RFC 5393 5.3.2) */
    struct best best;
    struct proxy_source source; /* its peer is there only while the request arrives */
    struct share_peer peer;     /* whose share of the vaults it takes */
    struct share_item share;    /* WAITING: in the line of its peer */
    struct packet *request; /* as it was received; until there is a final answer, and no branch may send it again */
    struct packet *record;  /* kept while the store looks, when a replay would only be noted */
    uint16_t reply_port;    /* where its responses go: see reply_hop */
    struct packet *reply_host; /* TLS: whom a new connection to `reply` must lead to */
    uint32_t vault;         /* EXAMINING */
    bool archive;           /* what can be seen is to be archived */
    bool replay_noted_only; /* no rule in force needs the signature: a replay is logged and forwarded */
    bool completion_due;    /* the store has admitted it and is owed the final status */
    struct plan *plan;      /* REGISTERING: what the store was asked to keep; null: another one's turn has come */
    uint64_t user;          /* REGISTERING: the hash of whom it is for */
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

/* What there is between the location service and the store that keeps it (keeping.c). */
struct keeping {
    struct pass_list loading, registering; /* the longest first */
    uint32_t loading_count, registering_count;
    bool loaded;    /* all that was kept is in the location service */
    bool asked;     /* for what is kept, and not answered yet */
    uint64_t ask_at; /* it could not be read: when to ask again */
    struct packet *loaded_up_to; /* the last user of those who are in the location service; null: none */
    struct action_list doubts;   /* users of whom it is not known what the store keeps; for when it is back */
};

struct proxy {
    struct proxy_settings settings;
    struct routing routing;
    struct proxy_time now;
    uint8_t hash_key[HASH_KEY_LEN];
    struct sip_transactions *transactions;
    struct location *location;
    struct former_via former_via[FORMER_VIAS_MAX];
    size_t former_via_next; /* which of them is written next */
    uint64_t sweep_at; /* when the location service is to be swept next */
    bool stopping;

    struct pass **block; /* PASSES_IN_BLOCK passes each; they never move */
    size_t block_count, block_max;
    struct pass_list free;
    size_t open;
    size_t request_bytes; /* of the requests that passes keep */

    struct vault vault[IPC_VAULTS_MAX];
    struct pass_list waiting; /* the longest first; whose turn it is, `shares` says */
    struct shares *shares;
    uint32_t waiting_count;
    bool store_ready;
    struct pass_list admitting;
    uint32_t admitting_count;
    struct keeping keeping;
    uint32_t forwarded_count;
    struct branch_list ringing, cancelling; /* see branches.c */
    struct pass_list gathering;
    struct action_list completions; /* for the store when it comes back */
    size_t completion_count;

    struct action_list actions;
    struct queued_action *taken; /* given out by proxy_next, to be freed */
    struct proxy_counters counters;

    /* Used by one input at a time. */
    struct sip_message message, other;
    struct outline_source source;
    struct message_outline outline;
    struct verdict verdict;
    uint8_t *scratch;
    size_t scratch_len;
};

/* How long the vaults and the store may take for one message. */
static inline uint64_t examine_max_ms(const struct proxy *p)
{
    return p->settings.limits.examine_seconds * UINT64_C(1000);
}

/* --- actions.c --- */

/* Takes the packet, also when it fails for want of memory (what is lost then is sent again by its sender, or counts as
 * not done). */
void action_push(struct proxy *p, const struct proxy_action *action, struct packet *packet);
/* The same for bytes to send and the name of their host, which are copied. False when there is no memory. */
bool action_push_sending(struct proxy *p, const struct proxy_action *action, struct span bytes);
/* Notes an event about a message; `m` may be null. */
void event_push(struct proxy *p, enum proxy_event_kind kind, enum rule rule, int status, const struct sip_message *m,
                const struct proxy_source *source, int64_t record_id);
void event_push_lost(struct proxy *p, const struct sip_message *m, const struct proxy_source *source);
void actions_free(struct action_list *list);

/* --- passes.c --- */

struct pass *pass_new(struct proxy *p, bool ack); /* null when there is no room or no memory */
/* Room for so many; what is there stays. False, with nothing changed, when there is no memory. */
bool passes_reserve(struct proxy *p, uint32_t count);
/* Gives it back once no transaction and no list holds it. */
void pass_settle(struct proxy *p, struct pass *pass);
void passes_free(struct proxy *p);
uint64_t pass_job(const struct pass *pass);
/* The pass that a job's number names, if it is still in that state; else null. */
struct pass *pass_of_job(struct proxy *p, uint64_t job, enum pass_state state);
/* Leaves the list of its state for another state. */
void pass_enter(struct proxy *p, struct pass *pass, enum pass_state state);
/* Keeps the request, if it does not yet. RULE_OVERLOAD, RULE_NO_MEMORY. */
enum rule pass_keep_request(struct proxy *p, struct pass *pass, const struct sip_message *m);
/* Reads its request again. False, with the pass ended, when that is not possible. */
bool pass_read(struct proxy *p, struct pass *pass, struct sip_message *m);

/* --- responses.c --- */

/* A response of the proxy's own. */
struct answer {
    int status;
    enum rule rule;      /* RULE_OK, or why it refuses: written as Warning */
    struct span headers; /* further header lines */
    bool policy;         /* it carries the policy object, where it may: see policy_answers.c */
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
/* The 100 of an INVITE, at once (RFC 3261 16.2). */
void answer_trying_now(struct proxy *p, struct pass *pass, const struct sip_message *m);
/* The To tag of the proxy's own responses to this request, and to no other. */
struct span own_to_tag(const struct proxy *p, const struct sip_message *m, uint8_t room[16]);
/* Where responses to a request go over UDP, and over a stream when the connection that it came by is closed. */
struct hop reply_hop(const struct proxy_source *source, uint16_t port);
/* The port: received always is the source address (18.2.2), rport the source port where the client asks for it (RFC
 * 3581). */
uint16_t reply_port(const struct proxy_source *source, const struct sip_via *via);

/* --- the way of a request, in this order --- */

/* policy_answers.c: the policy object, told to whoever needs it (protocol.md 5, 6). */
/* Whether this answer carries it to somebody who is there. */
bool policy_goes_along(const struct proxy *p, const struct proxy_source *source, const struct answer *answer);
void write_policy_headers(struct writer *w);
/* Answers a request to sip:policy@ one of the names. */
void serve_policy(struct proxy *p, struct pass *pass, const struct sip_message *m);

/* admission.c: looks at a request that has just got its server transaction. */
/* Whether it comes from an address that may register users: who registers for an own domain is one of its users. */
bool is_own_user(const struct proxy *p, const struct proxy_source *source);
void admit(struct proxy *p, struct pass *pass, const struct sip_message *m);
/* Refuses what asks, in Require or Proxy-Require (`id`), for an extension: there is none. False when it asks for none. */
bool refuse_extensions(struct proxy *p, struct pass *pass, const struct sip_message *m, enum sip_header_id id);
/* strict_router.c */
bool is_of_strict_router(const struct proxy *p, const struct sip_message *m);
/* The request as a loose router would have sent it; null when there is no room for it. */
struct packet *undo_strict_routing(struct proxy *p, const struct sip_message *m);
/* registrar.c */
void register_contacts(struct proxy *p, struct pass *pass, const struct sip_message *m, const struct route *route);
/* The same for one that may register: it waited until all bindings were there, or for another one's end. */
void register_admitted(struct proxy *p, struct pass *pass, const struct sip_message *m);
/* What it asked for is so. */
void register_done(struct proxy *p, struct pass *pass, const struct sip_message *m);
/* keeping.c: bindings that the store keeps. */
void keeping_begin(struct proxy *p);
void keeping_free(struct proxy *p);
/* Whether who is registered is not known yet. */
bool keeping_loads(const struct proxy *p);
/* The request waits until that is known, and is admitted anew then: a REGISTER by register_admitted. */
void keeping_wait(struct proxy *p, struct pass *pass, const struct sip_message *m);
/* The REGISTER waits until those for the same user that came before have come to their end. */
void keeping_queue(struct proxy *p, struct pass *pass, const struct sip_message *m, struct span aor);
/* Asks the store to keep what is planned; register_done when it has, RULE_BINDING_STORE when it cannot. */
void keeping_ask(struct proxy *p, struct pass *pass, const struct sip_message *m, struct plan *plan);
void keeping_store_ready(struct proxy *p);
void keeping_store_lost(struct proxy *p);
void keeping_tick(struct proxy *p);
uint64_t keeping_deadline(const struct proxy *p);
/* examine.c: asks a vault where there is need, and decides at once where there is none. */
/* Whose share of the vaults a message takes that comes from there. */
struct share_peer examine_peer(const struct proxy *p, const struct proxy_source *source);
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
/* branches.c: the request goes to its first targets. */
void forward(struct proxy *p, struct pass *pass, const struct sip_message *m);
/* One branch for each target. False when there is no memory. */
bool branches_new(struct pass *pass, const struct target *target, size_t max);
void branches_free(struct pass *pass);
bool branches_under_way(const struct pass *pass);
/* The one whose turn has come and which Max-Breadth lets begin; null when there is none. */
struct branch *branches_next(const struct pass *pass);
/* Starts those whose turn it is. `m` is the request. */
void branches_start(struct proxy *p, struct pass *pass, const struct sip_message *m);
bool branch_under_way(const struct branch *b);
void branch_enter(struct proxy *p, struct branch *b, enum branch_state state);
/* Nobody wants an answer of this pass's branches any more: those of an INVITE are cancelled (16.10), and no other
 * starts. */
void branches_cancel(struct proxy *p, struct pass *pass);
/* A provisional response came; 101 to 199 let it ring on (timer C: 16.7 step 2). */
void branch_rings(struct proxy *p, struct branch *b, int status);
/* Another flow of the same instance takes its place (RFC 5626 7), or what comes of that. False, with nothing changed, when
 * there is none. */
bool branch_replace(struct proxy *p, struct branch *b);
/* Its transport failed. */
void branch_failed(struct proxy *p, struct branch *b);
/* The CANCEL of this pass came. */
void pass_cancel(struct proxy *p, struct pass *pass);
void branches_tick(struct proxy *p);
uint64_t branches_deadline(const struct proxy *p);

/* breadth.c */
/* Reads Max-Breadth, which becomes that of the pass. RULE_SIP_SYNTAX, RULE_SIP_HEADER_TWICE. */
enum rule breadth_take(const struct proxy *p, struct pass *pass, const struct sip_message *m);
/* What of it is in no branch. */
uint32_t breadth_left(const struct pass *pass);
/* What of it goes to a branch that begins now; 0: it has to wait until another one ends. */
uint32_t breadth_for(const struct pass *pass, const struct branch *b);

/* best.c: what the ends of branches lead to. */
/* It has no final response and counts as having one, for `rule`. */
void branch_without_answer(struct proxy *p, struct branch *b, enum rule rule);
/* A final response came. */
void branch_answered(struct proxy *p, struct branch *b, const struct sip_message *m);
/* A branch has ended without a 2xx: the next ones start, or the pass answers. */
void branches_go_on(struct proxy *p, struct pass *pass);
/* Notes why a branch could not be started; the pass goes on. */
void best_note_rule(struct pass *pass, enum rule rule);
void best_free(struct best *best);
/* Answers with the best there is. `m` is the request. */
void best_answer(struct proxy *p, struct pass *pass, const struct sip_message *m);

/* forwarding.c */
/* Sends the request of a branch by a client transaction. RULE_SIP_UNREACHABLE, RULE_OVERLOAD, ... */
enum rule branch_send(struct proxy *p, struct branch *b, const struct sip_message *m);
/* Writes again what it has sent, byte for byte, into the proxy's scratch bytes: a request other than INVITE is kept once,
 * as it came, and not as it left. False when that cannot be. */
bool branch_write_again(struct proxy *p, const struct branch *b, struct span *bytes);
/* Before other settings are taken, by which nobody could write the same: what may be sent again is kept as it left. */
void branches_keep_sent(struct proxy *p);
/* Sends an ACK on without a transaction (16.11). */
enum rule send_stateless(struct proxy *p, struct branch *b, const struct sip_message *m);
/* The listening socket of a branch: that of its flow, else one that can reach its hop; `listen_count` when there is none. */
size_t branch_local(const struct proxy *p, const struct branch *b);
/* What a branch remembers of a request, so that a loop is told from a spiral (RFC 5393 4.2). */
uint64_t loop_hash(const struct proxy *p, const struct sip_message *m);
bool has_looped(const struct proxy *p, const struct sip_message *m);
/* Whether a Via is one that this proxy has written. */
bool via_is_ours(const struct proxy *p, const struct sip_via *via);
/* Before other settings are taken: responses to what was sent under these are still expected. */
void remember_vias(struct proxy *p);

/* record_route.c */
/* The Record-Route headers that keep this proxy on the way of the dialog, if it is to stay there: one, or two where
 * transport or address family change here (RFC 5658). */
void write_record_route(const struct proxy *p, struct writer *w, const struct branch *b, const struct sip_message *m);
/* What a Record-Route of this proxy says of the dialog, so that nobody else can claim to be in it. */
struct span dialog_token(const struct proxy *p, struct span call_id, uint8_t room[16]);

/* upstream.c: responses of the next hop. */
void response_arrived(struct proxy *p, const struct proxy_source *source, const struct sip_message *m);
/* The response as it goes upstream: without the topmost Via (16.7 steps 3 and 9). False when it does not fit. */
bool write_upstream(const struct pass *pass, const struct sip_message *m, struct writer *w);
int status_upstream(int status);
/* Hands a final response to the server transaction and ends the pass. */
void forward_final(struct proxy *p, struct pass *pass, const struct sip_message *m, int status, struct span bytes);

/* proxy.c: the name of a hop as transactions know it. */
uint64_t hop_flow(const struct proxy *p, const struct hop *hop);

#endif
