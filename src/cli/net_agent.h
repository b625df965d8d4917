/* From the sockets of the command line to the user agent behind it. */
#ifndef SIPSEAL_CLI_NET_AGENT_H
#define SIPSEAL_CLI_NET_AGENT_H

#include "cli/net_loop.h"
#include "ua/agent.h"

/* Gives the message of a NET_MESSAGE to the agent, with where it came from and the time. What arrived for the user, as
 * agent_receive tells it; null when nothing did. */
const struct incoming *net_give_agent(struct agent *agent, const struct net_event *event);

#endif
