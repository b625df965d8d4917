/* The next hop of one's own requests: which it is, how it is reached, what to say when it is not. */
#ifndef SIPSEAL_CLI_NEXT_HOP_H
#define SIPSEAL_CLI_NEXT_HOP_H

#include "cli/command.h"
#include "cli/net_loop.h"
#include "ua/call.h"

/* The place that --proxy names, else the `uri` itself. Says what is wrong. */
enum exit_code next_hop_find(const struct cli *cli, const char *uri, struct net_place *place);

/* Says that it was not reached: `tls` is why there is no connection over TLS, else RULE_OK and `problem` says it. */
enum exit_code next_hop_fail(const struct net_place *place, enum rule tls, const char *problem);

/* The way to a next hop in a call: over `flow`, when that is open, leads to `place` (may be null), and the URI leads
 * there too or to a name that cannot be found; else over a new one. False when there is none. */
bool next_hop_way(struct net_loop *loop, struct span uri, const struct net_place *place, uint64_t flow,
                  struct call_way *way);

/* The same for a flow that is open. */
bool next_hop_way_over(const struct net_loop *loop, uint64_t flow, enum sip_transport transport, struct call_way *way);

#endif
