#include "cli/exchange.h"

#include <errno.h>
#include <string.h>

#include "cli/net_agent.h"
#include "cli/net_tls.h"

enum { PATIENCE_MS = 3000 /* after which a word is said about waiting */ };

enum exit_code exchange_open(struct exchange *e, const struct cli *cli, const struct net_place *place,
                             struct arena *arena, const struct party *self)
{
    struct net_place local;
    const struct agent_settings settings = {.aor = span_text(self->uri)};
    *e = (struct exchange){.cli = cli, .place = place, .loop = net_loop_new(), .agent = agent_new(&settings)};
    if (!e->loop || !e->agent)
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    enum exit_code code = net_tls_prepare(e->loop, cli, arena, self, place);
    if (code != EXIT_DONE)
        return code;
    if (!net_open(e->loop, place, cli_now_ms(), &e->flow) || !net_local(e->loop, e->flow, &local))
        return next_hop_fail(place, RULE_OK, strerror(errno));
    net_place_text(&local, e->sent_by);
    return EXIT_DONE;
}

void exchange_close(struct exchange *e)
{
    agent_free(e->agent);
    net_loop_free(e->loop);
}

/* Acts on what the agent wants; true when the request is over. */
static bool drain(struct exchange *e)
{
    struct agent_event event;
    while (agent_next(e->agent, &event)) {
        switch (event.kind) {
        case AGENT_SEND:
            if (!net_send(e->loop, event.flow, event.bytes, cli_now_ms()))
                agent_send_failed(e->agent, &event);
            break;
        case AGENT_PROGRESS:
            cli_detail(e->cli, "the next hop is working on it");
            break;
        case AGENT_FINAL:
            e->response = event.response;
            return true;
        case AGENT_FAILED:
            e->failure = event.rule;
            return true;
        case AGENT_CALL: /* this agent takes none */
            break;
        }
    }
    return false;
}

/* False when the user ended it. */
static bool wait_once(struct exchange *e, uint64_t until_ms)
{
    struct net_event event;
    uint64_t deadline = agent_deadline(e->agent);
    net_wait(e->loop, deadline < until_ms ? deadline : until_ms, &event);
    if (event.kind == NET_MESSAGE) {
        net_give_agent(e->agent, &event); /* a MESSAGE for this user is not for a sender to show */
    } else if (event.kind == NET_CLOSED) {
        e->tls = event.why;
        agent_flow_failed(e->agent, event.flow);
    }
    agent_tick(e->agent, cli_now_ms());
    return event.kind != NET_SIGNAL && event.kind != NET_FAILED;
}

static enum exit_code wait_for_answer(struct exchange *e, uint32_t timeout_s)
{
    uint64_t start = cli_now_ms(), end = start + (uint64_t)timeout_s * 1000, word = start + PATIENCE_MS;
    while (!drain(e)) {
        uint64_t now = cli_now_ms();
        if (now >= end) {
            e->failure = RULE_SIP_TIMEOUT;
            break;
        }
        if (now >= word) {
            cli_note(e->cli, "waiting for the answer (at most %u s)", (unsigned)timeout_s);
            word = UINT64_MAX;
        }
        if (!wait_once(e, word < end ? word : end))
            return cli_fail(EXIT_NETWORK, "stopped before the answer came; whether it was delivered is not known");
    }
    return EXIT_DONE;
}

enum exit_code exchange_run(struct exchange *e, const struct exchange_request *request)
{
    uint64_t id;
    e->response = NULL;
    e->failure = RULE_OK;
    enum rule rule = agent_request(e->agent, cli_now_ms(), e->flow, e->place->transport != SIP_UDP, request->bytes,
                                   request->branch, request->method, &id);
    return rule == RULE_OK ? wait_for_answer(e, request->timeout_s)
                           : cli_fail(EXIT_REFUSED, "%s; try again", rule_sentence(rule));
}

enum exit_code exchange_fail(const struct exchange *e)
{
    return next_hop_fail(e->place, e->tls,
                         e->failure == RULE_SIP_TIMEOUT ? "there was no answer in time" : "it cannot be reached");
}
