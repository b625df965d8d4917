#include "cli/net_agent.h"

#include "cli/command.h"

const struct incoming *net_give_agent(struct agent *agent, const struct net_event *event)
{
    char host[NET_ADDRESS_TEXT_MAX];
    const struct incoming *incoming = NULL;
    const struct agent_input input = {
        .flow = event->flow,
        .reliable = event->reliable,
        .source = {.address = span_text(net_host_text(&event->peer, host)), .port = net_port(&event->peer)},
        .bytes = event->bytes,
        .now_ms = cli_now_ms(),
        .now = cli_now(),
    };
    agent_receive(agent, &input, &incoming);
    return incoming;
}
