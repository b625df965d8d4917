/* sipseal send */
#include <errno.h>
#include <string.h>

#include "cli/exchange.h"
#include "cli/outcome_report.h"
#include "cli/send_policy.h"
#include "cli/send_report.h"
#include "sipseal/digest.h"

struct sending {
    struct send_plan plan;
    struct compose_identifiers ids;
    struct sender_body body;
    struct writer request;
    struct net_place place;
    struct send_policy policy;
    enum rule carried;  /* RULE_OK: the response had a policy object, */
    struct span object; /* and this is it, in the plan's arena */
    struct exchange exchange;
    struct outcome outcome; /* of a response; what it points to is in the plan's arena */
};

/* --- reports --- */

static void json_result(const struct sending *s, json_t *out)
{
    json_object_set_new(out, "delivered", json_boolean(s->exchange.response && s->outcome.kind == OUTCOME_DELIVERED));
    if (!s->exchange.response) {
        enum rule rule = s->exchange.tls != RULE_OK ? s->exchange.tls : s->exchange.failure;
        json_object_set_new(out, "rule", json_string(rule_name(rule)));
        return;
    }
    outcome_json(&s->outcome, out);
}

static void print_json(const struct sending *s)
{
    const struct send_plan *plan = &s->plan;
    char peer[NET_ADDRESS_TEXT_MAX];
    uint8_t hash[SHA256_LEN];
    json_t *out = json_object();
    send_report_json(plan, out);
    json_object_set_new(out, "call_id", json_string(s->ids.call_id));
    json_object_set_new(out, "cseq", json_integer(s->ids.cseq));
    json_object_set_new(out, "date", json_string(s->ids.date));
    json_object_set_new(out, "transport", json_string(sip_transport_word(s->place.transport)));
    json_object_set_new(out, "peer", json_string(net_place_text(&s->place, peer)));
    json_object_set_new(out, "body_bytes", json_integer((json_int_t)s->body.body.len));
    if (sha256(s->body.body, hash))
        json_object_set_new(out, "body_sha256", cli_json_hex(span_of(hash, sizeof hash)));
    if (sha256(plan->part[0].content, hash))
        json_object_set_new(out, "content_sha256", cli_json_hex(span_of(hash, sizeof hash)));
    json_result(s, out);
    send_policy_json(&s->policy, out);
    cli_print_json(out);
}

/* --- the request --- */

static bool write_request(struct sending *s, enum sip_transport transport, const char *sent_by)
{
    const struct compose_way way = {.transport = transport, .sent_by = span_text(sent_by)};
    const struct compose_draft draft = {
        .method = send_plan_method(&s->plan),
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
    if (!(s->ids.cseq ? compose_identify_again(&s->ids, now) : compose_identify(&s->ids, now)))
        return cli_fail(EXIT_REFUSED, "%s; try again", rule_sentence(RULE_NO_RANDOM));
    struct message_context context;
    compose_context(&s->ids, send_plan_method(&s->plan), span_text(s->plan.self.uri),
                    span_text(s->plan.recipient.uri), &context);
    enum exit_code code = send_plan_protect(&s->plan, &context, now, &s->body);
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
    enum exit_code code = next_hop_find(s->plan.cli, s->plan.request_uri, &s->place);
    return code == EXIT_DONE ? choose_transport(s) : code;
}

static enum exit_code exchange(struct sending *s)
{
    const struct send_plan *plan = &s->plan;
    enum exit_code code = exchange_open(&s->exchange, plan->cli, &s->place, &s->plan.arena, &plan->self);
    if (code != EXIT_DONE)
        return code;
    if (!write_request(s, s->place.transport, s->exchange.sent_by))
        return fail_compose();
    const struct exchange_request request = {
        .bytes = writer_span(&s->request),
        .branch = span_text(s->ids.branch),
        .method = send_plan_method(plan),
        .timeout_s = plan->timeout_s,
    };
    code = exchange_run(&s->exchange, &request);
    if (s->exchange.response) {
        outcome_keep(&s->plan.arena, s->exchange.response, &s->outcome);
        s->carried = policy_object_of_response(s->exchange.response, &s->plan.arena, &s->object);
    }
    return code;
}

/* --- what became of it --- */

static enum exit_code report(struct sending *s)
{
    const struct cli *cli = s->plan.cli;
    char reason[256];
    if (cli->json)
        print_json(s);
    if (!s->exchange.response)
        return exchange_fail(&s->exchange);
    if (s->outcome.kind != OUTCOME_DELIVERED && send_policy_has_reason(&s->policy))
        return send_policy_fail(&s->policy, s->outcome.status);
    if (s->outcome.kind != OUTCOME_DELIVERED)
        return outcome_fail(&s->outcome, "not delivered");
    if (!cli->json)
        printf("%sdelivered%s (%d %s)\n", cli_colour(cli, COLOUR_GOOD), cli_plain(cli), s->outcome.status,
               cli_shown(s->outcome.reason, reason, sizeof reason));
    return EXIT_DONE;
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

/* One try: protected, sent, answered. */
static enum exit_code try_once(struct sending *s)
{
    enum exit_code code = prepare(s);
    if (code != EXIT_DONE || s->plan.dry_run)
        return code;
    code = find_place(s);
    if (code != EXIT_DONE)
        return code;
    if (!s->plan.cli->json && !s->plan.cli->quiet)
        send_report_plan(&s->plan);
    exchange_close(&s->exchange);
    return exchange(s);
}

/* Whether a proxy asked for something that its user grants it, so that the plan is another one now. */
static bool is_to_be_sent_again(struct sending *s)
{
    if (!s->exchange.response || (s->outcome.status != 495 && s->outcome.status != 496) || !s->outcome.has_warning)
        return false;
    s->policy.place = s->place;
    s->policy.parties.outbound =
        arguments_value(&s->plan.cli->arguments, "proxy") ? span_text(s->place.host) : SPAN("");
    return send_policy_learn(&s->policy, &s->outcome.warning, s->carried, s->object);
}

static enum exit_code send_it(struct sending *s)
{
    enum exit_code code = send_policy_open(&s->policy, &s->plan);
    if (code != EXIT_DONE)
        return code;
    send_policy_beforehand(&s->policy);
    do
        code = try_once(s);
    while (code == EXIT_DONE && !s->plan.dry_run && is_to_be_sent_again(s));
    if (code != EXIT_DONE)
        return code;
    return s->plan.dry_run ? write_dry(s) : report(s);
}

static enum exit_code run_send(struct cli *cli)
{
    struct sending s = {.outcome = {.status = 0}};
    enum exit_code code = send_plan_make(cli, SEND_MESSAGE, &s.plan);
    if (code == EXIT_DONE)
        code = send_it(&s);
    exchange_close(&s.exchange);
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
