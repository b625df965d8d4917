#include "ua/agent.h"

#include <stdlib.h>

#include "sipseal/random.h"
#include "ua/compose.h"

enum { RESPONSE_MAX = 64 * 1024, SIP_PORT_DEFAULT = 5060 };

struct agent {
    struct agent_settings settings;
    struct sip_transactions *transactions;
    struct replay_set replay;
    struct calls *calls; /* null: none are taken */
    struct arena arena;
    uint64_t now_ms; /* as it was told last */
    struct sip_message message;
    struct incoming incoming;
    struct agent_event response_event; /* what the last message was to one's own request */
    bool has_response;
    uint8_t stateless[RESPONSE_MAX]; /* a response that no transaction keeps */
    size_t stateless_len;
    uint64_t stateless_flow;
    uint16_t stateless_port;
    uint8_t room[RESPONSE_MAX];
};

static bool open_parts(struct agent *a)
{
    struct sip_transaction_settings settings = {
        .count_max = AGENT_TRANSACTIONS_MAX,
        .bytes_max = AGENT_BYTES_MAX,
        .find_merged = true,
    };
    if (!random_bytes(settings.key, sizeof settings.key))
        return false;
    a->transactions = sip_transactions_new(&settings);
    if (a->settings.calls && a->transactions)
        a->calls = calls_new(a->transactions);
    return a->transactions && !a->settings.calls == !a->calls && replay_set_open(&a->replay, REPLAY_SET_MAX) &&
           arena_open(&a->arena, INCOMING_ARENA);
}

struct agent *agent_new(const struct agent_settings *settings)
{
    struct agent *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->settings = *settings;
    if (open_parts(a))
        return a;
    agent_free(a);
    return NULL;
}

static void forget_incoming(struct agent *a)
{
    incoming_clear(&a->incoming);
    arena_reset(&a->arena);
}

void agent_free(struct agent *a)
{
    if (!a)
        return;
    if (a->arena.at)
        forget_incoming(a);
    calls_free(a->calls);
    sip_transactions_free(a->transactions);
    replay_set_close(&a->replay);
    arena_close(&a->arena);
    free(a);
}

struct calls *agent_calls(struct agent *a)
{
    return a->calls;
}

/* --- requests that arrive --- */

/* Writes the response that was decided; false when there is none. */
static bool write_response(struct agent *a, const struct agent_input *input, struct writer *w)
{
    char tag[COMPOSE_TOKEN_LEN + 1];
    if (a->incoming.status == 0 || !compose_token(tag))
        return false;
    const struct sip_response response = {
        .status = a->incoming.status,
        .to_tag = span_text(tag),
        .headers = a->incoming.headers,
    };
    return sip_response_write(w, &a->message, &input->source, &response);
}

static void respond(struct agent *a, const struct agent_input *input, uint64_t id)
{
    struct writer w = writer_over(a->room, sizeof a->room);
    if (write_response(a, input, &w))
        sip_server_respond(a->transactions, input->now_ms, id, a->incoming.status, writer_span(&w));
}

/* The port that a response over UDP goes to when it is not the source port; else 0. */
static uint16_t response_port(const struct agent *a, const struct agent_input *input)
{
    const struct sip_via *via = &a->message.via;
    uint16_t port = via->port ? via->port : SIP_PORT_DEFAULT;
    return input->reliable || via->has_rport || port == input->source.port ? 0 : port;
}

static void respond_stateless(struct agent *a, const struct agent_input *input)
{
    struct writer w = writer_over(a->stateless, sizeof a->stateless);
    a->stateless_len = write_response(a, input, &w) ? w.len : 0;
    a->stateless_flow = input->flow;
    a->stateless_port = response_port(a, input);
}

static struct incoming_terms terms_of(struct agent *a, const struct agent_input *input, bool merged)
{
    return (struct incoming_terms){
        .recipient = a->settings.recipient,
        .aor = a->settings.aor,
        .replay = &a->replay,
        .now = input->now,
        .merged = merged,
        .calls = a->calls != NULL,
    };
}

static struct call_request call_request_of(const struct agent *a, const struct agent_input *input,
                                           const struct incoming_terms *terms, uint64_t id)
{
    return (struct call_request){
        .terms = terms,
        .request = &a->message,
        .source = &input->source,
        .now = input->now_ms,
        .flow = input->flow,
        .reliable = input->reliable,
        .id = id,
    };
}

static void decide(struct agent *a, const struct agent_input *input, uint64_t id, bool merged)
{
    const struct incoming_terms terms = terms_of(a, input, merged);
    const struct call_request request = call_request_of(a, input, &terms, id);
    if (a->calls && calls_want(&a->message))
        calls_request(a->calls, &request, &a->arena, &a->incoming);
    else if (a->settings.recipient)
        incoming_decide(&terms, &a->message, &a->arena, &a->incoming);
    else
        incoming_refuse(RULE_SIP_METHOD, &a->incoming);
}

static void take_ack(struct agent *a, const struct agent_input *input)
{
    const struct incoming_terms terms = terms_of(a, input, false);
    const struct call_request request = call_request_of(a, input, &terms, 0);
    if (a->calls)
        calls_ack(a->calls, &request, &a->arena, &a->incoming);
}

static void receive_request(struct agent *a, const struct agent_input *input)
{
    uint64_t id;
    void *port = (void *)(uintptr_t)response_port(a, input); /* remembered with the transaction */
    enum sip_arrival arrival = sip_transaction_request(a->transactions, input->now_ms, input->flow, input->reliable,
                                                       &a->message, port, &id);
    switch (arrival) {
    case SIP_ARRIVAL_NEW:
    case SIP_ARRIVAL_MERGED:
        decide(a, input, id, arrival == SIP_ARRIVAL_MERGED);
        respond(a, input, id);
        break;
    case SIP_ARRIVAL_STATELESS:
        take_ack(a, input);
        break;
    case SIP_ARRIVAL_FULL:
        incoming_refuse(RULE_OVERLOAD, &a->incoming);
        respond_stateless(a, input);
        break;
    default:
        break;
    }
}

static void receive_response(struct agent *a, const struct agent_input *input)
{
    uint64_t id;
    void *user;
    if (sip_transaction_response(a->transactions, input->now_ms, &a->message, &id, &user) != SIP_ARRIVAL_RESPONSE)
        return;
    const struct incoming_terms terms = terms_of(a, input, false);
    const struct call_request response = call_request_of(a, input, &terms, id);
    if (a->calls && calls_response(a->calls, &response, &a->arena, &a->incoming))
        return;
    a->response_event = (struct agent_event){
        .kind = a->message.status < 200 ? AGENT_PROGRESS : AGENT_FINAL,
        .id = id,
        .response = &a->message,
    };
    a->has_response = true;
}

/* A request that is not well-formed is answered when enough of it was understood (RFC 3261 8.2, 21.4.1). */
static void receive_broken(struct agent *a, const struct agent_input *input, enum rule rule)
{
    if (!sip_message_answerable(&a->message) || a->message.method == SIP_ACK)
        return;
    incoming_refuse(rule, &a->incoming);
    respond_stateless(a, input);
}

void agent_receive(struct agent *a, const struct agent_input *input, const struct incoming **incoming)
{
    *incoming = NULL;
    a->now_ms = input->now_ms;
    if (a->calls)
        calls_next_message(a->calls);
    forget_incoming(a);
    enum rule rule = sip_message_parse(input->bytes, input->reliable ? SIP_STREAM : SIP_DATAGRAM, &a->message);
    if (rule != RULE_OK)
        receive_broken(a, input, rule);
    else if (a->message.is_request)
        receive_request(a, input);
    else
        receive_response(a, input);
    if (a->incoming.is_message || (a->incoming.is_offer && a->incoming.broken != RULE_OK && a->message.is_request))
        *incoming = &a->incoming;
}

/* --- one's own requests --- */

enum rule agent_request(struct agent *a, uint64_t now_ms, uint64_t flow, bool reliable, struct span bytes,
                        struct span branch, struct span method, uint64_t *id)
{
    const struct sip_client client = {
        .request = bytes,
        .branch = branch,
        .method = method,
        .flow = flow,
        .reliable = reliable,
    };
    return sip_client_start(a->transactions, now_ms, &client, id);
}

uint64_t agent_deadline(const struct agent *a)
{
    uint64_t deadline = sip_transactions_deadline(a->transactions);
    uint64_t of_calls = a->calls ? calls_deadline(a->calls) : UINT64_MAX;
    return deadline < of_calls ? deadline : of_calls;
}

void agent_tick(struct agent *a, uint64_t now_ms)
{
    a->now_ms = now_ms;
    sip_transactions_tick(a->transactions, now_ms);
    if (a->calls)
        calls_tick(a->calls, now_ms);
}

void agent_flow_failed(struct agent *a, uint64_t flow)
{
    sip_transactions_flow_failed(a->transactions, flow);
    if (a->calls)
        calls_flow_failed(a->calls, flow);
}

/* --- what comes out --- */

static bool take_stateless(struct agent *a, struct agent_event *event)
{
    if (a->stateless_len == 0)
        return false;
    *event = (struct agent_event){
        .kind = AGENT_SEND,
        .flow = a->stateless_flow,
        .bytes = span_of(a->stateless, a->stateless_len),
        .is_server = true,
        .port = a->stateless_port,
    };
    a->stateless_len = 0;
    return true;
}

/* Whether a client transaction that ended without an answer was a call's. */
static bool call_failed(struct agent *a, const struct sip_event *from)
{
    enum rule rule = from->kind == SIP_EVENT_TIMEOUT ? RULE_SIP_TIMEOUT : RULE_SIP_UNREACHABLE;
    return a->calls && !from->is_server && calls_failed(a->calls, a->now_ms, from->id, rule);
}

/* What matters of a transaction's event to a user agent: false for the others. */
static bool translate(struct agent *a, const struct sip_event *from, struct agent_event *event)
{
    *event = (struct agent_event){.id = from->id, .flow = from->flow, .is_server = from->is_server};
    switch (from->kind) {
    case SIP_EVENT_SEND:
        event->kind = AGENT_SEND;
        event->bytes = from->bytes;
        event->port = from->is_server ? (uint16_t)(uintptr_t)from->user : 0;
        return true;
    case SIP_EVENT_TIMEOUT:
    case SIP_EVENT_FLOW_FAILED:
        event->kind = AGENT_FAILED;
        event->rule = from->kind == SIP_EVENT_TIMEOUT ? RULE_SIP_TIMEOUT : RULE_SIP_UNREACHABLE;
        return !from->is_server && !call_failed(a, from);
    case SIP_EVENT_TRYING_DUE:
        if (a->calls)
            calls_trying(a->calls, a->now_ms, from->id);
        return false;
    case SIP_EVENT_TERMINATED:
        if (a->calls)
            calls_transaction_gone(a->calls, from->id);
        return false;
    }
    return false;
}

static bool take_response(struct agent *a, struct agent_event *event)
{
    if (!a->has_response)
        return false;
    a->has_response = false;
    *event = a->response_event;
    return true;
}

static bool take_call(struct agent *a, struct agent_event *event)
{
    struct call_event call;
    if (!a->calls || !calls_next(a->calls, &call))
        return false;
    *event = (struct agent_event){.kind = AGENT_CALL, .call = call};
    return true;
}

static bool take_call_ack(struct agent *a, struct agent_event *event)
{
    *event = (struct agent_event){.kind = AGENT_SEND};
    return a->calls && calls_next_ack(a->calls, &event->flow, &event->bytes);
}

bool agent_next(struct agent *a, struct agent_event *event)
{
    struct sip_event from;
    if (take_stateless(a, event) || take_response(a, event) || take_call_ack(a, event))
        return true;
    while (sip_transaction_next(a->transactions, &from))
        if (translate(a, &from, event))
            return true;
    return take_call(a, event);
}

void agent_send_failed(struct agent *a, const struct agent_event *event)
{
    if (event->id)
        sip_transaction_send_failed(a->transactions, event->id);
}
