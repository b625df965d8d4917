#include "proxy/proxy.h"

#include <stdlib.h>

#include "proxy/address.h"
#include "proxy/core.h"

enum { SWEEP_INTERVAL_MS = 1000 };

/* --- beginning and end --- */

/* A request that is forwarded is two transactions; some have more branches, or a CANCEL. */
static size_t transactions_max(const struct limits *limits)
{
    return (size_t)limits->transactions * 3;
}

static bool make_parts(struct proxy *p)
{
    const struct limits *limits = &p->settings.limits;
    struct sip_transaction_settings transactions = {.count_max = transactions_max(limits)};
    uint8_t location_key[LOCATION_KEY_LEN];
    p->settings.random(p->settings.random_context, p->hash_key, sizeof p->hash_key);
    p->settings.random(p->settings.random_context, transactions.key, sizeof transactions.key);
    p->settings.random(p->settings.random_context, location_key, sizeof location_key);
    p->scratch_len = IPC_MESSAGE_MAX;
    p->scratch = malloc(p->scratch_len);
    p->transactions = sip_transactions_new(&transactions);
    p->shares = shares_new();
    p->location = location_new(limits->bindings, limits->bindings_per_user, location_key);
    return p->scratch && p->transactions && p->location && p->shares &&
           passes_reserve(p, limits->transactions);
}

static void take_settings(struct proxy *p, const struct proxy_settings *settings)
{
    p->settings = *settings;
    p->routing = (struct routing){settings->name,         settings->name_count, settings->listen,
                                  settings->listen_count, settings->route,      settings->route_count,
                                  settings->policy_object.len > 0};
}

void proxy_set_policy_object(struct proxy *p, struct span policy_object)
{
    p->settings.policy_object = policy_object;
}

bool proxy_reconfigure(struct proxy *p, const struct proxy_settings *settings, struct proxy_time now)
{
    const struct limits *limits = &settings->limits;
    p->now = now;
    if (!passes_reserve(p, limits->transactions) ||
        !sip_transactions_limit(p->transactions, transactions_max(limits)))
        return false;
    location_limit(p->location, limits->bindings, limits->bindings_per_user);
    branches_keep_sent(p);
    remember_vias(p);
    take_settings(p, settings);
    examine_more(p); /* there may be no vaults any more, or there is room for more jobs */
    return true;
}

struct proxy *proxy_new(const struct proxy_settings *settings, struct proxy_time now)
{
    struct proxy *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    take_settings(p, settings);
    p->now = now;
    p->sweep_at = now.monotonic + SWEEP_INTERVAL_MS;
    TAILQ_INIT(&p->free);
    TAILQ_INIT(&p->waiting);
    TAILQ_INIT(&p->admitting);
    TAILQ_INIT(&p->ringing);
    TAILQ_INIT(&p->cancelling);
    TAILQ_INIT(&p->gathering);
    for (size_t i = 0; i < IPC_VAULTS_MAX; i++)
        TAILQ_INIT(&p->vault[i].list);
    STAILQ_INIT(&p->actions);
    STAILQ_INIT(&p->completions);
    keeping_begin(p);
    if (make_parts(p))
        return p;
    proxy_free(p);
    return NULL;
}

static void free_taken(struct proxy *p)
{
    if (p->taken) {
        free(p->taken->packet);
        free(p->taken);
        p->taken = NULL;
    }
}

void proxy_free(struct proxy *p)
{
    if (!p)
        return;
    free_taken(p);
    actions_free(&p->actions);
    actions_free(&p->completions);
    keeping_free(p);
    shares_free(p->shares);
    passes_free(p);
    sip_transactions_free(p->transactions);
    location_free(p->location);
    free(p->scratch);
    free(p);
}

uint64_t hop_flow(const struct proxy *p, const struct hop *hop)
{
    uint8_t host[ADDRESS_TEXT_MAX], bytes[3];
    struct writer w = writer_over(host, sizeof host), number = writer_over(bytes, sizeof bytes);
    struct siphash h;
    address_write_host(&w, &hop->address);
    writer_u8(&number, (uint8_t)hop->transport);
    writer_u16(&number, address_port(&hop->address));
    siphash_begin(&h, p->hash_key);
    siphash_add_field(&h, writer_span(&w));
    siphash_add_field(&h, writer_span(&number));
    return siphash_end(&h).half[0];
}

/* --- what arrives --- */

/* A request that cannot be read is answered where enough of it was understood (RFC 3261 16.3 step 1); a response, and
 * an ACK, never. */
static void unreadable(struct proxy *p, const struct proxy_source *source, const struct sip_message *m, enum rule rule)
{
    if (m->is_request)
        p->counters.requests++;
    else
        p->counters.responses++;
    if (sip_message_answerable(m))
        refuse_stateless(p, source, m, rule);
    else
        event_push(p, PROXY_EVENT_DROPPED, rule, 0, m, source, 0);
}

/* A pass with what its request says of where it comes from and where answers go; null when there is no room. */
static struct pass *begin_pass(struct proxy *p, const struct proxy_source *source, const struct sip_message *m)
{
    struct pass *pass = pass_new(p, m->method == SIP_ACK);
    if (!pass)
        return NULL;
    pass->invite = m->method == SIP_INVITE;
    pass->ack = m->method == SIP_ACK;
    pass->source = *source;
    pass->peer = examine_peer(p, source);
    pass->reply_port = reply_port(source, &m->via);
    return pass;
}

/* `m` is read anew where the request is put back into another form, which lasts until the pass has been admitted. */
static void admit_as_loose(struct proxy *p, struct pass *pass, struct sip_message *m)
{
    struct span received = m->bytes;
    struct packet *loose = undo_strict_routing(p, m);
    enum sip_framing framing = pass->source.transport == SIP_UDP ? SIP_DATAGRAM : SIP_STREAM;
    if (loose && sip_message_parse(packet_span(loose), framing, m) == RULE_OK)
        admit(p, pass, m);
    else if (sip_message_parse(received, framing, m) == RULE_OK)
        refuse_pass(p, pass, m, RULE_SIP_HEADERS);
    free(loose);
}

static void run_pass(struct proxy *p, struct pass *pass, struct sip_message *m)
{
    if (is_of_strict_router(p, m))
        admit_as_loose(p, pass, m);
    else
        admit(p, pass, m);
    pass->source.peer = (struct span){0}; /* it was borrowed */
}

/* What ends a request must not wait for room that only its end makes (16.10). */
static bool cancelled_without_pass(struct proxy *p, const struct proxy_source *source, const struct sip_message *m)
{
    const struct answer answer = {.status = 200};
    uint64_t id;
    void *invite;
    if (m->method != SIP_CANCEL || !sip_server_cancelled_by(p->transactions, m, &id, &invite) || !invite)
        return false;
    answer_stateless(p, source, m, &answer);
    pass_cancel(p, invite);
    return true;
}

static void refuse_for_room(struct proxy *p, const struct proxy_source *source, const struct sip_message *m)
{
    p->counters.transactions_full++;
    if (!cancelled_without_pass(p, source, m))
        refuse_stateless(p, source, m, RULE_OVERLOAD);
}

static void transaction_began(struct proxy *p, const struct proxy_source *source, struct sip_message *m,
                              uint64_t id)
{
    struct pass *pass = begin_pass(p, source, m);
    if (!pass) {
        sip_transaction_abandon(p->transactions, id);
        refuse_for_room(p, source, m);
        return;
    }
    pass->server = id;
    if (source->transport == SIP_TLS)
        pass->reply_host = packet_copy(m->via.host); /* without it, nobody is connected to */
    sip_transaction_set_user(p->transactions, id, pass);
    run_pass(p, pass, m);
}

/* An ACK that no transaction has absorbed. One of a response that was given without a transaction ends here: its To tag
 * is ours (8.2.7). */
static void ack_arrived(struct proxy *p, const struct proxy_source *source, struct sip_message *m)
{
    uint8_t tag[16];
    if (span_equal(m->to.tag, own_to_tag(p, m, tag)))
        return;
    struct pass *pass = begin_pass(p, source, m);
    if (pass)
        run_pass(p, pass, m);
    else
        event_push(p, PROXY_EVENT_DROPPED, RULE_OVERLOAD, 0, m, source, 0);
}

static void request_arrived(struct proxy *p, const struct proxy_source *source, struct sip_message *m)
{
    uint64_t id;
    p->counters.requests++;
    bool reliable = source->transport != SIP_UDP;
    switch (sip_transaction_request(p->transactions, p->now.monotonic, source->flow, reliable, m, NULL, &id)) {
    case SIP_ARRIVAL_NEW:
    case SIP_ARRIVAL_MERGED:
        transaction_began(p, source, m, id);
        break;
    case SIP_ARRIVAL_RETRANSMISSION:
        p->counters.retransmissions++;
        break;
    case SIP_ARRIVAL_FULL:
        refuse_for_room(p, source, m);
        break;
    case SIP_ARRIVAL_STATELESS:
        ack_arrived(p, source, m);
        break;
    default: /* an ACK that ends at its server transaction */
        break;
    }
}

void proxy_received(struct proxy *p, const struct proxy_source *source, struct span bytes, struct proxy_time now)
{
    struct sip_message *m = &p->message;
    p->now = now;
    enum rule rule = sip_message_parse(bytes, source->transport == SIP_UDP ? SIP_DATAGRAM : SIP_STREAM, m);
    if (bytes.len > p->settings.limits.message_bytes)
        rule = RULE_SIP_SIZE;
    if (rule != RULE_OK)
        unreadable(p, source, m, rule);
    else if (m->is_request)
        request_arrived(p, source, m);
    else
        response_arrived(p, source, m);
}

void proxy_unreadable(struct proxy *p, const struct proxy_source *source, struct span bytes, enum rule why,
                      struct proxy_time now)
{
    p->now = now;
    sip_message_parse(bytes, SIP_STREAM, &p->message);
    unreadable(p, source, &p->message, why);
}

void proxy_send_failed(struct proxy *p, uint64_t transaction, struct proxy_time now)
{
    p->now = now;
    if (transaction)
        sip_transaction_send_failed(p->transactions, transaction);
}

void proxy_connection_closed(struct proxy *p, const struct hop *hop, struct proxy_time now)
{
    p->now = now;
    sip_transactions_flow_failed(p->transactions, hop_flow(p, hop));
}

/* --- time --- */

void proxy_stop(struct proxy *p, struct proxy_time now)
{
    p->now = now;
    p->stopping = true;
}

bool proxy_idle(const struct proxy *p)
{
    uint32_t jobs = p->waiting_count + p->admitting_count + p->forwarded_count + p->keeping.loading_count +
                    p->keeping.registering_count;
    for (uint32_t i = 0; i < IPC_VAULTS_MAX; i++)
        jobs += p->vault[i].jobs;
    return jobs == 0 && STAILQ_EMPTY(&p->actions);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t proxy_deadline(const struct proxy *p)
{
    uint64_t deadline = earlier(sip_transactions_deadline(p->transactions), examine_deadline(p));
    if (location_count(p->location) > 0)
        deadline = earlier(deadline, p->sweep_at);
    deadline = earlier(deadline, earlier(branches_deadline(p), admitting_deadline(p)));
    return earlier(deadline, keeping_deadline(p));
}

void proxy_tick(struct proxy *p, struct proxy_time now)
{
    p->now = now;
    sip_transactions_tick(p->transactions, now.monotonic);
    examine_tick(p);
    admitting_tick(p);
    branches_tick(p);
    keeping_tick(p);
    if (now.monotonic >= p->sweep_at) {
        location_sweep(p->location, now.monotonic);
        p->sweep_at = now.monotonic + SWEEP_INTERVAL_MS;
    }
}

/* --- what goes out --- */

static void send_action(const struct sip_event *e, struct proxy_action *action)
{
    *action = (struct proxy_action){.kind = PROXY_SEND, .bytes = e->bytes, .transaction = e->id};
    if (e->is_server) {
        const struct pass *pass = e->user;
        action->flow = pass->source.flow;
        action->hop = reply_hop(&pass->source, pass->reply_port);
        action->host = packet_span(pass->reply_host);
        return;
    }
    const struct branch *b = e->user;
    action->request = true;
    action->hop = b->hop;
    action->host = packet_span(b->host);
    action->flow = b->flow;
    action->flow_only = b->flow_only && b->hop.transport != SIP_UDP;
}

static void handle_server_event(struct proxy *p, struct pass *pass, const struct sip_event *e)
{
    if (e->kind == SIP_EVENT_TRYING_DUE)
        answer_trying(p, pass);
    if (e->kind != SIP_EVENT_TERMINATED)
        return;
    pass->server = 0;
    pass_settle(p, pass);
}

/* A CANCEL that is not answered changes nothing. */
static void handle_client_event(struct proxy *p, struct branch *b, const struct sip_event *e)
{
    if (e->kind == SIP_EVENT_TIMEOUT && e->id == b->client)
        branch_without_answer(p, b, RULE_SIP_TIMEOUT);
    if (e->kind == SIP_EVENT_FLOW_FAILED && e->id == b->client)
        branch_failed(p, b);
    if (e->kind != SIP_EVENT_TERMINATED)
        return;
    if (e->id == b->client)
        b->client = 0;
    if (e->id == b->cancel)
        b->cancel = 0;
    pass_settle(p, b->pass);
}

static void handle_event(struct proxy *p, const struct sip_event *e)
{
    if (!e->user)
        return; /* a server transaction that was abandoned at once */
    if (e->is_server)
        handle_server_event(p, e->user, e);
    else
        handle_client_event(p, e->user, e);
}

bool proxy_next(struct proxy *p, struct proxy_action *action)
{
    struct sip_event event;
    free_taken(p);
    while (STAILQ_EMPTY(&p->actions)) {
        if (!sip_transaction_next(p->transactions, &event))
            return false;
        if (event.kind != SIP_EVENT_SEND) {
            handle_event(p, &event);
        } else if (event.bytes.len > 0 || branch_write_again(p, event.user, &event.bytes)) {
            send_action(&event, action);
            return true;
        }
    }
    p->taken = STAILQ_FIRST(&p->actions);
    STAILQ_REMOVE_HEAD(&p->actions, link);
    *action = p->taken->action;
    return true;
}

void proxy_count(const struct proxy *p, struct proxy_counters *out)
{
    *out = p->counters;
    out->open = p->open;
    out->waiting = shares_count(p->shares);
    out->lines = shares_lines(p->shares);
    out->bindings = location_count(p->location);
}
