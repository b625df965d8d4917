/* sipseal call */
#include <errno.h>
#include <string.h>

#include "cli/answering.h"
#include "cli/call_report.h"
#include "cli/listen_sockets.h"
#include "cli/message_report.h"
#include "cli/net_agent.h"
#include "cli/net_tls.h"
#include "cli/next_hop.h"
#include "cli/outcome_report.h"
#include "cli/send_report.h"
#include "ua/agent.h"

enum {
    CALL_ARENA = 1024 * 1024,
    CALL_DURATION_MAX_S = 86400,
    CALL_FAREWELL_MS = 2000, /* how long hanging up may take once the user asks for it a second time, or it is over */
};

struct calling {
    struct send_plan plan;
    struct arena arena; /* of reports */
    struct compose_identifiers ids;
    struct net_place place;
    struct listen_sockets sockets;
    struct net_loop *loop;
    struct agent *agent;
    struct trust *no_trust; /* without a keyring, nobody is believed */
    struct identity opener;
    bool has_opener;
    struct recipient recipient;
    struct answering answering;
    struct answering_call call;
    char contact[LISTEN_URI_MAX];
    struct call_way way;
    uint32_t duration_s, refresh_s;
    uint64_t ring_end_ms, hang_up_ms, refresh_ms; /* UINT64_MAX: never */
    bool given_up;                                /* nobody answered in time */
    bool accept_unproven;
    enum rule tls;
    bool over;
    enum exit_code code;
};

static struct calls *calls_of(const struct calling *k)
{
    return agent_calls(k->agent);
}

/* The first reason stays the exit code. */
static void note_code(struct calling *k, enum exit_code code)
{
    if (k->code == EXIT_DONE)
        k->code = code;
}

/* --- getting ready --- */

static enum exit_code read_options(struct calling *k)
{
    char error[ARGUMENTS_ERROR_MAX];
    const struct arguments *a = &k->plan.cli->arguments;
    k->accept_unproven = arguments_has(a, "accept-unproven");
    k->ring_end_ms = k->hang_up_ms = k->refresh_ms = UINT64_MAX;
    if (!arguments_number(a, "duration", 1, CALL_DURATION_MAX_S, 0, &k->duration_s, error) ||
        !arguments_number(a, "refresh", 1, CALL_DURATION_MAX_S, 0, &k->refresh_s, error))
        return cli_fail(EXIT_USAGE, "%s", error);
    return EXIT_DONE;
}

/* What is sealed or signed is over 1300 bytes as a rule, and goes by TCP (RFC 3261 18.1.1). */
static enum exit_code find_place(struct calling *k)
{
    enum exit_code code = next_hop_find(k->plan.cli, k->plan.request_uri, &k->place);
    if (k->place.transport == SIP_TRANSPORT_NONE)
        k->place.transport = k->plan.protection == PROTECT_NONE ? SIP_UDP : SIP_TCP;
    return code;
}

static enum exit_code open_recipient(struct calling *k)
{
    struct keyring *keyring = &k->plan.keyring;
    k->recipient = (struct recipient){.trust = keyring->trust, .window = PROOF_WINDOW_DEFAULT};
    if (k->plan.protection == PROTECT_NONE) {
        k->recipient.trust = k->no_trust = trust_new();
        return k->no_trust ? EXIT_DONE
                           : cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    }
    keyring_know_all(keyring);
    enum exit_code code = keyring_identity(keyring, &k->plan.self, &k->opener);
    k->has_opener = code == EXIT_DONE;
    k->recipient.identity[0] = &k->opener;
    k->recipient.identity_count = 1;
    return code;
}

static enum exit_code open_network(struct calling *k)
{
    struct cli *cli = k->plan.cli;
    struct sip_uri self;
    const struct agent_settings settings = {
        .recipient = &k->recipient, .aor = span_text(k->plan.self.uri), .calls = true};
    k->loop = net_loop_new();
    k->agent = agent_new(&settings);
    if (!k->loop || !k->agent || !arena_open(&k->arena, CALL_ARENA))
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    enum exit_code code = net_tls_prepare(k->loop, cli, &k->plan.arena, &k->plan.self, &k->place);
    if (code == EXIT_DONE)
        code = listen_open(cli, k->loop, &k->place, &k->sockets);
    if (code != EXIT_DONE)
        return code;
    if (sip_uri_parse(span_text(k->plan.self.uri), &self) != RULE_OK ||
        !listen_contact(&k->sockets, &k->place, self.user, k->contact))
        return cli_fail(EXIT_USAGE,
                        "the other side cannot reach this one; listen on an address of its kind with --listen");
    return EXIT_DONE;
}

static enum exit_code prepare(struct calling *k)
{
    struct keyring *keyring = k->plan.protection == PROTECT_NONE ? NULL : &k->plan.keyring;
    enum exit_code code = read_options(k);
    if (code == EXIT_DONE)
        code = find_place(k);
    if (code == EXIT_DONE)
        code = open_recipient(k);
    if (code == EXIT_DONE)
        code = answering_open(k->plan.cli, keyring, &k->plan.self, &k->answering);
    return code == EXIT_DONE ? open_network(k) : code;
}

/* --- the INVITE --- */

/* The host of this side's Contact is the one that its sessions name, too. */
static enum exit_code begin_call(struct calling *k)
{
    char host[NET_ADDRESS_TEXT_MAX];
    struct sip_uri contact;
    if (!compose_identify(&k->ids, cli_now()) || sip_uri_parse(span_text(k->contact), &contact) != RULE_OK)
        return cli_fail(EXIT_REFUSED, "%s; try again", rule_sentence(RULE_NO_RANDOM));
    snprintf(host, sizeof host, "%.*s", SPAN_ARGS(contact.host));
    return answering_call_begin(&k->call, 0, span_text(k->ids.call_id), host)
               ? EXIT_DONE
               : cli_fail(EXIT_REFUSED, "%s; try again", rule_sentence(RULE_NO_RANDOM));
}

static enum exit_code protect(struct calling *k, struct message_context *context, struct sender_body *body)
{
    k->plan.part[0].content = answering_offer(&k->answering, &k->call);
    if (k->plan.part[0].content.len == 0)
        return cli_fail(EXIT_USAGE, "the session description is empty; give another with --sdp");
    context->contact_uri = span_text(k->contact);
    return send_plan_protect(&k->plan, context, cli_now(), body);
}

static bool write_invite(struct calling *k, const struct sender_body *body, struct writer *w)
{
    uint8_t room[32 * 1024];
    struct writer headers = writer_over(room, sizeof room);
    const struct compose_way way = {k->place.transport, span_text(k->way.sent_by)};
    writer_text(&headers, "Contact: <");
    writer_text(&headers, k->contact);
    writer_text(&headers,
                ">\r\nAllow: " INCOMING_CALL_METHODS ", MESSAGE, OPTIONS\r\nAccept: " INCOMING_SESSION_TYPES "\r\n");
    writer_put(&headers, body->headers);
    const struct compose_draft draft = {
        .method = SPAN("INVITE"),
        .request_uri = span_text(k->plan.request_uri),
        .from_uri = span_text(k->plan.self.uri),
        .to_uri = span_text(k->plan.recipient.uri),
        .headers = writer_span(&headers),
        .body = body->body,
    };
    return !headers.full && compose_request(w, &k->ids, &way, &draft);
}

static enum exit_code connect_to(struct calling *k)
{
    uint64_t flow;
    if (!net_open(k->loop, &k->place, cli_now_ms(), &flow) ||
        !next_hop_way_over(k->loop, flow, k->place.transport, &k->way))
        return next_hop_fail(&k->place, RULE_OK, strerror(errno));
    return EXIT_DONE;
}

static enum exit_code start(struct calling *k, struct span request)
{
    const struct call_draft draft = {
        .request = request,
        .branch = span_text(k->ids.branch),
        .contact = span_text(k->contact),
        .way = k->way,
    };
    if (k->place.transport == SIP_UDP && request.len > COMPOSE_DATAGRAM_MAX)
        return cli_fail(EXIT_REFUSED, "%s; use a URI with ;transport=tcp", rule_sentence(RULE_SIP_CONGESTION));
    enum rule rule = calls_start(calls_of(k), cli_now_ms(), &draft, &k->call.id);
    k->ring_end_ms = cli_now_ms() + (uint64_t)k->plan.timeout_s * 1000;
    return rule == RULE_OK ? EXIT_DONE : cli_fail(EXIT_REFUSED, "%s; try again", rule_sentence(rule));
}

static enum exit_code invite(struct calling *k)
{
    struct message_context context;
    struct sender_body body;
    enum exit_code code = begin_call(k);
    if (code == EXIT_DONE) {
        compose_context(&k->ids, SPAN("INVITE"), span_text(k->plan.self.uri), span_text(k->plan.recipient.uri),
                        &context);
        code = protect(k, &context, &body);
    }
    if (code == EXIT_DONE)
        code = connect_to(k);
    if (code != EXIT_DONE)
        return code;
    struct writer w = arena_writer(&k->plan.arena, SIP_MESSAGE_MAX);
    if (!write_invite(k, &body, &w))
        return cli_fail(EXIT_REFUSED, "the request cannot be written; check the addresses, and send less at once");
    return start(k, writer_span(&w));
}

static void print_plan(const struct calling *k)
{
    const struct cli *cli = k->plan.cli;
    char peer[NET_ADDRESS_TEXT_MAX];
    if (!cli->json) {
        if (!cli->quiet)
            send_report_plan(&k->plan);
        return;
    }
    json_t *out = json_object();
    json_object_set_new(out, "event", json_string("calling"));
    json_object_set_new(out, "call_id", json_string(k->ids.call_id));
    send_report_json(&k->plan, out);
    json_object_set_new(out, "contact", json_string(k->contact));
    json_object_set_new(out, "transport", json_string(sip_transport_word(k->place.transport)));
    json_object_set_new(out, "peer", json_string(net_place_text(&k->place, peer)));
    cli_print_json(out);
}

/* --- what happens --- */

static void show(struct calling *k, const struct call_event *event, const struct net_event *from, const char *kind)
{
    const struct message_report r = {
        .cli = k->plan.cli,
        .keyring = &k->plan.keyring,
        .self = k->has_opener ? k->opener.certificate : NULL,
        .event = from,
        .incoming = event->incoming,
        .kind = kind,
        .now = cli_now(),
        .arena = &k->arena,
    };
    if (event->incoming)
        message_report(&r);
}

/* Whoever seals an offer wants an answer that nobody else reads, by whoever was called; else the call is none. */
static bool judge(struct calling *k, const struct call_event *event)
{
    enum protection how = k->plan.protection;
    enum rule rule = answer_judge(event->incoming, how != PROTECT_NONE && !k->accept_unproven,
                                  how == PROTECT_SEAL && !k->accept_unproven);
    if (rule == RULE_OK)
        return true;
    note_code(k, cli_fail(EXIT_UNVERIFIED, "the answer does not hold: %s [%s]; the call is ended%s",
                          rule_sentence(rule), rule_name(rule),
                          event->incoming->broken == RULE_OK ? " (--accept-unproven lets it go on)" : ""));
    calls_end(calls_of(k), cli_now_ms(), k->call.id);
    return false;
}

static void answered(struct calling *k, const struct call_event *event, const struct net_event *from)
{
    uint64_t now = cli_now_ms();
    k->ring_end_ms = UINT64_MAX;
    k->call.up_ms = now;
    show(k, event, from, "answer");
    if (!judge(k, event))
        return;
    if (k->duration_s)
        k->hang_up_ms = now + (uint64_t)k->duration_s * 1000;
    if (k->refresh_s)
        k->refresh_ms = now + (uint64_t)k->refresh_s * 1000;
    if (!k->duration_s)
        cli_note(k->plan.cli, "the call is up; Ctrl-C hangs up");
}

static void reanswered(struct calling *k, const struct call_event *event, const struct net_event *from)
{
    bool accepted = event->status < 300;
    call_report(k->plan.cli, k->call.call_id, event, 0);
    if (accepted && event->incoming)
        show(k, event, from, "answer");
    if (accepted && event->incoming && !judge(k, event))
        return;
    k->refresh_ms = cli_now_ms() + (event->retry_ms ? event->retry_ms : (uint64_t)k->refresh_s * 1000);
}

static void reoffered(struct calling *k, const struct call_event *event, const struct net_event *from)
{
    const struct call_answer refusal = {.status = 488};
    show(k, event, from, "offer");
    enum rule rule = answering_take(&k->answering, &k->call, event->incoming);
    if (rule == RULE_OK) {
        answering_respond(&k->answering, calls_of(k), &k->call);
        return;
    }
    cli_note(k->plan.cli, "a new offer cannot be answered as it was made: %s [%s]", rule_sentence(rule),
             rule_name(rule));
    calls_respond(calls_of(k), cli_now_ms(), k->call.id, &refusal);
}

static void way(struct calling *k, const struct call_event *event)
{
    struct call_way way;
    bool found = next_hop_way(k->loop, event->uri, &k->place, k->way.flow, &way);
    calls_way(calls_of(k), cli_now_ms(), event->id, event->fork, found ? &way : NULL);
}

static void ended(struct calling *k, const struct call_event *event)
{
    struct outcome outcome;
    uint64_t seconds = k->call.up_ms ? (cli_now_ms() - k->call.up_ms) / 1000 : 0;
    k->over = true;
    call_report(k->plan.cli, k->call.call_id, event, seconds);
    if (event->end == CALL_END_REFUSED && event->response) {
        outcome_keep(&k->arena, event->response, &outcome);
        note_code(k, outcome_fail(&outcome, "not answered"));
    } else if (event->end == CALL_END_FAILED) {
        note_code(k, event->rule == RULE_SIP_UNREACHABLE
                         ? next_hop_fail(&k->place, k->tls, "it cannot be reached")
                         : cli_fail(EXIT_NETWORK, "%s [%s]; call again later", rule_sentence(event->rule),
                                    rule_name(event->rule)));
    } else if (!k->call.up_ms) {
        note_code(k, cli_fail(EXIT_NETWORK, "the call was not answered%s; call again later",
                              k->given_up ? " in time" : " before it was ended"));
    }
}

static void call_event(struct calling *k, const struct call_event *event, const struct net_event *from)
{
    if (event->kind == CALL_WAY)
        way(k, event);
    if (event->id != k->call.id)
        return;
    switch (event->kind) {
    case CALL_PROGRESS:
        call_report(k->plan.cli, k->call.call_id, event, 0);
        break;
    case CALL_ANSWERED:
        answered(k, event, from);
        break;
    case CALL_REANSWERED:
        reanswered(k, event, from);
        break;
    case CALL_REOFFERED:
        reoffered(k, event, from);
        break;
    case CALL_ENDED:
        ended(k, event);
        break;
    default:
        break;
    }
}

/* This side called, and is called by nobody meanwhile. */
static void refuse_others(struct calling *k, const struct call_event *event)
{
    const struct call_answer busy = {.status = 486};
    if (event->kind == CALL_OFFERED)
        calls_respond(calls_of(k), cli_now_ms(), event->id, &busy);
}

static void drain(struct calling *k, const struct net_event *from)
{
    struct agent_event event;
    while (agent_next(k->agent, &event)) {
        if (event.kind == AGENT_CALL) {
            refuse_others(k, &event.call);
            call_event(k, &event.call, from);
        } else if (event.kind == AGENT_SEND) {
            uint64_t flow = event.port ? net_flow_at_port(k->loop, event.flow, event.port) : event.flow;
            if (!net_send(k->loop, flow, event.bytes, cli_now_ms()))
                agent_send_failed(k->agent, &event);
        }
    }
}

/* --- time --- */

static void offer_anew(struct calling *k)
{
    struct message_context context;
    struct sender_body body;
    char date_text[CLOCK_DATE_LEN];
    size_t mark = arena_mark(&k->plan.arena);
    k->refresh_ms = UINT64_MAX;
    struct writer date = writer_over(date_text, sizeof date_text);
    clock_write_date(&date, cli_now());
    if (!calls_reoffer_context(calls_of(k), k->call.id, &context))
        return;
    context.date = writer_span(&date);
    if (protect(k, &context, &body) == EXIT_DONE) {
        struct writer headers = arena_writer(&k->plan.arena, body.headers.len + 64);
        writer_text(&headers, "Date: ");
        writer_put(&headers, context.date);
        writer_text(&headers, "\r\n");
        writer_put(&headers, body.headers);
        calls_reoffer(calls_of(k), cli_now_ms(), k->call.id, writer_span(&headers), body.body);
    }
    arena_rewind(&k->plan.arena, mark);
}

static void look_at_clock(struct calling *k)
{
    uint64_t now = cli_now_ms();
    if (now >= k->ring_end_ms) {
        k->ring_end_ms = UINT64_MAX;
        k->given_up = true;
        calls_end(calls_of(k), now, k->call.id);
    }
    if (now >= k->hang_up_ms) {
        k->hang_up_ms = UINT64_MAX;
        calls_end(calls_of(k), now, k->call.id);
    }
    if (now >= k->refresh_ms)
        offer_anew(k);
}

static uint64_t next_deadline(const struct calling *k, uint64_t until_ms)
{
    const uint64_t times[] = {agent_deadline(k->agent), k->ring_end_ms, k->hang_up_ms, k->refresh_ms};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        until_ms = times[i] < until_ms ? times[i] : until_ms;
    return until_ms;
}

/* False when the user asks to end it. */
static bool step(struct calling *k, uint64_t until_ms)
{
    struct net_event event;
    net_wait(k->loop, next_deadline(k, until_ms), &event);
    if (event.kind == NET_MESSAGE) {
        net_give_agent(k->agent, &event); /* a MESSAGE is not for a caller to show */
    } else if (event.kind == NET_CLOSED) {
        if (event.flow == k->way.flow)
            k->tls = event.why;
        agent_flow_failed(k->agent, event.flow);
    }
    look_at_clock(k);
    agent_tick(k->agent, cli_now_ms());
    drain(k, &event);
    return event.kind != NET_SIGNAL && event.kind != NET_FAILED;
}

/* Until it is over. Asked to end, it hangs up; asked again, it goes. */
static void stay(struct calling *k)
{
    bool asked = false;
    uint64_t end = UINT64_MAX;
    const struct net_event nothing = {.kind = NET_TIME};
    drain(k, &nothing);
    while ((!k->over || calls_busy(calls_of(k))) && cli_now_ms() < end) {
        if (k->over && end == UINT64_MAX)
            end = cli_now_ms() + CALL_FAREWELL_MS; /* for what else is to be said, to a second phone */
        if (step(k, end))
            continue;
        if (asked)
            break;
        asked = true;
        calls_end(calls_of(k), cli_now_ms(), k->call.id);
        drain(k, &nothing);
    }
    if (!k->over)
        note_code(k, cli_fail(EXIT_NETWORK, "stopped before the call was ended; the other side may still be in it"));
}

/* --- beginning and end --- */

static void close_all(struct calling *k)
{
    agent_free(k->agent);
    net_loop_free(k->loop);
    if (k->has_opener)
        identity_clear(&k->opener);
    answering_call_end(&k->call);
    answering_close(&k->answering);
    trust_free(k->no_trust);
    send_plan_close(&k->plan);
    arena_close(&k->arena);
}

static enum exit_code run_call(struct cli *cli)
{
    struct calling k = {.code = EXIT_DONE};
    enum exit_code code = send_plan_make(cli, SEND_CALL, &k.plan);
    if (code == EXIT_DONE)
        code = prepare(&k);
    if (code == EXIT_DONE)
        code = invite(&k);
    if (code == EXIT_DONE) {
        print_plan(&k);
        stay(&k);
        code = k.code;
    }
    close_all(&k);
    return code;
}

const struct command command_call = {
    .words = "call",
    .operands = "RECIPIENT",
    .about = "calls a user, with a session that only its readers can see",
    .operands_min = 1,
    .operands_max = 1,
    .options = call_options,
    .option_count = CALL_OPTION_COUNT,
    .run = run_call,
};
