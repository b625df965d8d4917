/* One request of one's own and its final response, over the network. */
#ifndef SIPSEAL_CLI_EXCHANGE_H
#define SIPSEAL_CLI_EXCHANGE_H

#include "cli/net_loop.h"
#include "cli/next_hop.h"
#include "sipseal/arena.h"
#include "ua/agent.h"
#include "ua/party.h"

struct exchange {
    const struct cli *cli;
    const struct net_place *place; /* the next hop */
    struct net_loop *loop;
    struct agent *agent;
    uint64_t flow;
    char sent_by[NET_ADDRESS_TEXT_MAX]; /* for Via */
    const struct sip_message *response; /* the final one, until the next request or the end; null: there is none */
    enum rule failure;                  /* then: why */
    enum rule tls;                      /* why there is no connection over TLS; RULE_OK: not known, or there is */
};

/* Connects to the place, or takes a socket for it. `arena` is for keys for TLS; it is wiped. Says what is wrong; to be
 * closed whatever comes back. */
enum exit_code exchange_open(struct exchange *e, const struct cli *cli, const struct net_place *place,
                             struct arena *arena, const struct party *self);
void exchange_close(struct exchange *e);

/* Sends the request, whose topmost Via has `branch` and `sent_by`, and waits for its final response: at most so long.
 * EXIT_DONE also when there is none: `failure` then says why. Else says what is wrong, or that the user ended it. */
struct exchange_request {
    struct span bytes, branch, method;
    uint32_t timeout_s;
};
enum exit_code exchange_run(struct exchange *e, const struct exchange_request *request);

/* Says why there is no response: EXIT_NETWORK. */
enum exit_code exchange_fail(const struct exchange *e);

#endif
