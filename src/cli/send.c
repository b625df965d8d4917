/* sipseal send */
#include <errno.h>
#include <string.h>

#include "cli/labels_report.h"
#include "cli/net_agent.h"
#include "cli/net_loop.h"
#include "cli/net_tls.h"
#include "cli/send_plan.h"
#include "sipseal/digest.h"
#include "ua/agent.h"
#include "ua/outcome.h"

enum { SEND_PATIENCE_MS = 3000 /* after which a word is said about waiting */ };

struct sending {
    struct send_plan plan;
    struct compose_identifiers ids;
    struct sender_body body;
    struct writer request;
    struct net_place place;
    struct net_loop *loop;
    struct agent *agent;
    uint64_t flow;
    struct outcome outcome; /* what it points to is in the plan's arena */
    enum rule failure; /* RULE_OK: there is an outcome */
    enum rule tls;     /* why there is no connection over TLS; RULE_OK: not known, or there is */
};

/* --- reports --- */

static const char *shown_type(const struct send_part *part, char *out, size_t out_len)
{
    return cli_shown(span_part(part->type, 0, span_find(part->type, ';')), out, out_len);
}

/* Of several parts, each is named. */
static void print_readers(const struct sending *s, const struct send_part *part)
{
    const struct send_plan *plan = &s->plan;
    char name[PARTY_NAME_MAX], type[128];
    if (plan->part_count > 1)
        printf("%s (%s): ", part->path ? part->path : "the text", shown_type(part, type, sizeof type));
    if (plan->protection != PROTECT_SEAL) {
        printf("%sreadable by everyone on the path%s\n", cli_colour(plan->cli, COLOUR_BAD), cli_plain(plan->cli));
        return;
    }
    printf("readable by");
    for (size_t i = 0; i < part->reader_count; i++)
        printf("%s %s (%s)", i ? "," : "", keyring_shown_name(part->reader[i], name), send_plan_role(part, i));
    printf(", and nobody else\n");
}

static void print_plan(const struct sending *s)
{
    const struct send_plan *plan = &s->plan;
    char shown[SEND_URI_MAX];
    printf("to %s\n", cli_shown(span_text(plan->recipient.name), shown, sizeof shown));
    for (size_t i = 0; i < plan->part_count; i++)
        print_readers(s, &plan->part[i]);
    if (plan->protection != PROTECT_NONE)
        printf("signed by %s\n", plan->self.name);
    for (size_t i = 0; i < plan->middle_count; i++)
        if (plan->outer && !(plan->middle[i].actions & LABEL_VIEW))
            printf("%s may verify who signed it, and read nothing\n", plan->middle[i].party.name);
    fflush(stdout);
}

static json_t *json_readers(const struct send_part *part)
{
    json_t *list = json_array();
    char name[PARTY_NAME_MAX];
    for (size_t i = 0; i < part->reader_count; i++) {
        json_t *reader = json_object();
        json_object_set_new(reader, "name", cli_json_text(span_text(keyring_shown_name(part->reader[i], name))));
        json_object_set_new(reader, "role", json_string(send_plan_role(part, i)));
        json_object_set_new(reader, "sha256", cli_json_hex(span_of(part->reader[i]->hash, CERTIFICATE_HASH_LEN)));
        json_array_append_new(list, reader);
    }
    return list;
}

static json_t *json_parts(const struct send_plan *plan)
{
    json_t *list = json_array();
    uint8_t hash[SHA256_LEN];
    for (size_t i = 0; i < plan->part_count; i++) {
        const struct send_part *part = &plan->part[i];
        json_t *out = json_object();
        json_object_set_new(out, "content_type", cli_json_text(part->type));
        json_object_set_new(out, "readers", json_readers(part));
        json_object_set_new(out, "for_recipient", json_boolean(part->for_recipient));
        if (sha256(part->content, hash))
            json_object_set_new(out, "content_sha256", cli_json_hex(span_of(hash, sizeof hash)));
        json_array_append_new(list, out);
    }
    return list;
}

static json_t *json_middles(const struct send_plan *plan)
{
    json_t *list = json_array();
    for (size_t i = 0; i < plan->middle_count; i++) {
        json_t *out = json_object();
        json_object_set_new(out, "host", json_string(plan->middle[i].party.host));
        json_object_set_new(out, "actions", label_actions_json(plan->middle[i].actions));
        json_array_append_new(list, out);
    }
    return list;
}

static json_t *json_warning(const struct sending *s)
{
    const struct warning *warning = &s->outcome.warning;
    enum rule rule = warning_rule(warning);
    json_t *out = json_object();
    json_object_set_new(out, "code", json_integer(warning->code));
    json_object_set_new(out, "agent", cli_json_text(warning->agent));
    json_object_set_new(out, "text", cli_json_text(warning->text));
    if (rule != RULE_OK)
        json_object_set_new(out, "rule", json_string(rule_name(rule)));
    return out;
}

static void json_result(const struct sending *s, json_t *out)
{
    json_object_set_new(out, "delivered", json_boolean(s->failure == RULE_OK && s->outcome.kind == OUTCOME_DELIVERED));
    if (s->failure != RULE_OK) {
        json_object_set_new(out, "rule", json_string(rule_name(s->tls != RULE_OK ? s->tls : s->failure)));
        return;
    }
    json_object_set_new(out, "status", json_integer(s->outcome.status));
    json_object_set_new(out, "reason", cli_json_text(s->outcome.reason));
    if (s->outcome.has_warning)
        json_object_set_new(out, "warning", json_warning(s));
    if (s->outcome.next[0])
        json_object_set_new(out, "next", json_string(s->outcome.next));
}

static void print_json(const struct sending *s)
{
    static const char *const protections[] = {
        [PROTECT_SEAL] = "sealed", [PROTECT_SIGN] = "signed", [PROTECT_CLEAR] = "clear-signed",
        [PROTECT_NONE] = "plain"};
    const struct send_plan *plan = &s->plan;
    char peer[NET_ADDRESS_TEXT_MAX];
    uint8_t hash[SHA256_LEN];
    json_t *out = json_object();
    json_object_set_new(out, "from", json_string(plan->self.uri));
    json_object_set_new(out, "to", cli_json_text(span_text(plan->recipient.uri)));
    json_object_set_new(out, "call_id", json_string(s->ids.call_id));
    json_object_set_new(out, "cseq", json_integer(s->ids.cseq));
    json_object_set_new(out, "date", json_string(s->ids.date));
    json_object_set_new(out, "protection", json_string(protections[plan->protection]));
    json_object_set_new(out, "readers", json_readers(&plan->part[0]));
    json_object_set_new(out, "parts", json_parts(plan));
    json_object_set_new(out, "middles", json_middles(plan));
    json_object_set_new(out, "transport", json_string(sip_transport_word(s->place.transport)));
    json_object_set_new(out, "peer", json_string(net_place_text(&s->place, peer)));
    json_object_set_new(out, "body_bytes", json_integer((json_int_t)s->body.body.len));
    if (sha256(s->body.body, hash))
        json_object_set_new(out, "body_sha256", cli_json_hex(span_of(hash, sizeof hash)));
    if (sha256(plan->part[0].content, hash))
        json_object_set_new(out, "content_sha256", cli_json_hex(span_of(hash, sizeof hash)));
    json_result(s, out);
    cli_print_json(out);
}

/* --- the request --- */

static bool write_request(struct sending *s, enum sip_transport transport, const char *sent_by)
{
    const struct compose_way way = {.transport = transport, .sent_by = span_text(sent_by)};
    const struct compose_draft draft = {
        .method = SPAN("MESSAGE"),
        .request_uri = span_text(s->plan.request_uri),
        .from_uri = span_text(s->plan.self.uri),
        .to_uri = span_text(s->plan.recipient.uri),
        .headers = s->body.headers,
        .body = s->body.body,
    };
    s->request.len = 0;
    s->request.full = false;
    return compose_request(&s->request, &s->ids, &way, &draft);
}

static enum exit_code fail_compose(void)
{
    return cli_fail(EXIT_REFUSED, "the request cannot be written; check the addresses, and send less at once");
}

static enum exit_code prepare(struct sending *s)
{
    int64_t now = cli_now();
    if (!compose_identify(&s->ids, now))
        return cli_fail(EXIT_REFUSED, "%s; try again", rule_sentence(RULE_NO_RANDOM));
    enum exit_code code = send_plan_protect(&s->plan, &s->ids, now, &s->body);
    if (code != EXIT_DONE)
        return code;
    s->request = arena_writer(&s->plan.arena, SIP_MESSAGE_MAX);
    return s->request.full ? fail_compose() : EXIT_DONE;
}

/* A request over 1300 bytes goes over TCP only (RFC 3261 18.1.1, RFC 3428 8): that the path after the outbound proxy is
 * safe for it too is the proxy's to see to. */
static enum exit_code choose_transport(struct sending *s)
{
    char longest[NET_ADDRESS_TEXT_MAX];
    memset(longest, '0', 47);
    longest[47] = 0;
    if (!write_request(s, SIP_UDP, longest))
        return fail_compose();
    bool large = s->request.len > COMPOSE_DATAGRAM_MAX;
    if (s->place.transport == SIP_UDP && large)
        return cli_fail(EXIT_REFUSED, "%s; use a URI with ;transport=tcp", rule_sentence(RULE_SIP_CONGESTION));
    if (s->place.transport == SIP_TRANSPORT_NONE)
        s->place.transport = large ? SIP_TCP : SIP_UDP;
    return EXIT_DONE;
}

static enum exit_code find_place(struct sending *s)
{
    const char *proxy = arguments_value(&s->plan.cli->arguments, "proxy"), *problem;
    const char *uri = proxy ? proxy : s->plan.request_uri;
    if (!net_place_of_uri(span_text(uri), &s->place, &problem))
        return cli_fail(proxy ? EXIT_USAGE : EXIT_NETWORK, "%s %s; give the next hop with --proxy sip:ADDRESS:PORT",
                        uri, problem);
    return choose_transport(s);
}

static enum exit_code fail_network(const struct sending *s, const char *problem)
{
    char peer[NET_ADDRESS_TEXT_MAX];
    return cli_fail(EXIT_NETWORK, "%s (%s): %s; see whether the server is running there",
                    net_place_text(&s->place, peer), sip_transport_word(s->place.transport), problem);
}

static enum exit_code fail_tls(const struct sending *s)
{
    char peer[NET_ADDRESS_TEXT_MAX];
    return cli_fail(EXIT_NETWORK, "%s at %s (tls): %s [%s]; nothing was sent; see docs/rules.md, or ask its operator",
                    s->place.host, net_place_text(&s->place, peer), rule_sentence(s->tls), rule_name(s->tls));
}

static enum exit_code connect_and_start(struct sending *s)
{
    struct net_place local;
    char sent_by[NET_ADDRESS_TEXT_MAX];
    uint64_t id, now_ms = cli_now_ms();
    const struct agent_settings settings = {.aor = span_text(s->plan.self.uri)};

    s->loop = net_loop_new();
    s->agent = agent_new(&settings);
    if (!s->loop || !s->agent)
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    enum exit_code code = net_tls_prepare(s->loop, s->plan.cli, &s->plan.arena, &s->plan.self, &s->place);
    if (code != EXIT_DONE)
        return code;
    if (!net_open(s->loop, &s->place, now_ms, &s->flow) || !net_local(s->loop, s->flow, &local))
        return fail_network(s, strerror(errno));
    if (!write_request(s, s->place.transport, net_place_text(&local, sent_by)))
        return fail_compose();
    enum rule rule = agent_request(s->agent, now_ms, s->flow, s->place.transport != SIP_UDP, writer_span(&s->request),
                                   span_text(s->ids.branch), SPAN("MESSAGE"), &id);
    return rule == RULE_OK ? EXIT_DONE : cli_fail(EXIT_REFUSED, "%s; try again", rule_sentence(rule));
}

/* --- waiting for the answer --- */

/* The response's bytes go with the next message: what is shown later is kept. */
static void keep_outcome(struct sending *s, const struct sip_message *response)
{
    struct arena *arena = &s->plan.arena;
    s->outcome = outcome_of(response);
    s->outcome.reason = arena_copy(arena, s->outcome.reason, NULL);
    s->outcome.warning.agent = arena_copy(arena, s->outcome.warning.agent, NULL);
    s->outcome.warning.text = arena_copy(arena, s->outcome.warning.text, NULL);
}

/* Acts on what the agent wants; true when the request is over. */
static bool drain(struct sending *s)
{
    struct agent_event event;
    while (agent_next(s->agent, &event)) {
        switch (event.kind) {
        case AGENT_SEND:
            if (!net_send(s->loop, event.flow, event.bytes, cli_now_ms()))
                agent_send_failed(s->agent, &event);
            break;
        case AGENT_PROGRESS:
            cli_detail(s->plan.cli, "the next hop is working on it");
            break;
        case AGENT_FINAL:
            keep_outcome(s, event.response);
            return true;
        case AGENT_FAILED:
            s->failure = event.rule;
            return true;
        case AGENT_CALL: /* this agent takes none */
            break;
        }
    }
    return false;
}

/* False when the user ended it. */
static bool wait_once(struct sending *s, uint64_t until_ms)
{
    struct net_event event;
    uint64_t deadline = agent_deadline(s->agent);
    net_wait(s->loop, deadline < until_ms ? deadline : until_ms, &event);
    if (event.kind == NET_MESSAGE) {
        net_give_agent(s->agent, &event); /* a MESSAGE for this user is not for a sender to show */
    } else if (event.kind == NET_CLOSED) {
        s->tls = event.why;
        agent_flow_failed(s->agent, event.flow);
    }
    agent_tick(s->agent, cli_now_ms());
    return event.kind != NET_SIGNAL && event.kind != NET_FAILED;
}

static enum exit_code wait_for_answer(struct sending *s)
{
    uint64_t start = cli_now_ms(), end = start + (uint64_t)s->plan.timeout_s * 1000;
    uint64_t word = start + SEND_PATIENCE_MS;
    while (!drain(s)) {
        uint64_t now = cli_now_ms();
        if (now >= end) {
            s->failure = RULE_SIP_TIMEOUT;
            break;
        }
        if (now >= word) {
            cli_note(s->plan.cli, "waiting for the answer (at most %u s)", (unsigned)s->plan.timeout_s);
            word = UINT64_MAX;
        }
        if (!wait_once(s, word < end ? word : end))
            return cli_fail(EXIT_NETWORK, "stopped before the answer came; whether it was delivered is not known");
    }
    return EXIT_DONE;
}

/* --- what became of it --- */

static enum exit_code code_of(enum outcome_kind kind)
{
    switch (kind) {
    case OUTCOME_DELIVERED:
        return EXIT_DONE;
    case OUTCOME_REFUSED:
        return EXIT_REFUSED;
    case OUTCOME_UNREADABLE:
        return EXIT_UNREADABLE;
    case OUTCOME_NETWORK:
        break;
    }
    return EXIT_NETWORK;
}

static enum exit_code report(struct sending *s)
{
    const struct cli *cli = s->plan.cli;
    char reason[256], agent[256], text[512];
    if (cli->json)
        print_json(s);
    if (s->failure != RULE_OK && s->tls != RULE_OK)
        return fail_tls(s);
    if (s->failure == RULE_SIP_TIMEOUT)
        return fail_network(s, "there was no answer in time");
    if (s->failure != RULE_OK)
        return fail_network(s, "it cannot be reached");
    cli_shown(s->outcome.reason, reason, sizeof reason);
    if (s->outcome.kind == OUTCOME_DELIVERED) {
        if (!cli->json)
            printf("%sdelivered%s (%d %s)\n", cli_colour(cli, COLOUR_GOOD), cli_plain(cli), s->outcome.status, reason);
        return EXIT_DONE;
    }
    if (!s->outcome.has_warning)
        return cli_fail(code_of(s->outcome.kind), "not delivered: %d %s; %s", s->outcome.status, reason,
                        s->outcome.next);
    enum rule rule = warning_rule(&s->outcome.warning);
    return cli_fail(code_of(s->outcome.kind), "not delivered: %d %s: %s says: %s%s%s%s; %s", s->outcome.status, reason,
                    cli_shown(s->outcome.warning.agent, agent, sizeof agent),
                    cli_shown(s->outcome.warning.text, text, sizeof text), rule != RULE_OK ? " [" : "",
                    rule != RULE_OK ? rule_name(rule) : "", rule != RULE_OK ? "]" : "", s->outcome.next);
}

static enum exit_code write_dry(struct sending *s)
{
    const char *proxy = arguments_value(&s->plan.cli->arguments, "proxy");
    struct sip_uri uri;
    enum sip_transport transport = SIP_TCP;
    if (proxy && sip_uri_parse(span_text(proxy), &uri) == RULE_OK && sip_uri_transport(&uri) == SIP_UDP)
        transport = SIP_UDP;
    if (!write_request(s, transport, "sipseal.invalid"))
        return fail_compose();
    if (fwrite(s->request.at, 1, s->request.len, stdout) != s->request.len)
        return cli_fail(EXIT_REFUSED, "standard output: %s; see where it goes", strerror(errno));
    return EXIT_DONE;
}

static enum exit_code send_it(struct sending *s)
{
    enum exit_code code = prepare(s);
    if (code != EXIT_DONE || s->plan.dry_run)
        return code != EXIT_DONE ? code : write_dry(s);
    code = find_place(s);
    if (code != EXIT_DONE)
        return code;
    if (!s->plan.cli->json && !s->plan.cli->quiet)
        print_plan(s);
    code = connect_and_start(s);
    if (code == EXIT_DONE)
        code = wait_for_answer(s);
    return code == EXIT_DONE ? report(s) : code;
}

static enum exit_code run_send(struct cli *cli)
{
    struct sending s = {.failure = RULE_OK};
    enum exit_code code = send_plan_make(cli, &s.plan);
    if (code == EXIT_DONE)
        code = send_it(&s);
    agent_free(s.agent);
    net_loop_free(s.loop);
    send_plan_close(&s.plan);
    return code;
}

const struct command command_send = {
    .words = "send",
    .operands = "RECIPIENT [TEXT | -]",
    .about = "sends a text that only its readers can open",
    .operands_min = 1,
    .operands_max = 2,
    .options = send_options,
    .option_count = SEND_OPTION_COUNT,
    .run = run_send,
};
