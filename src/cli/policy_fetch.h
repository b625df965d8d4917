/* Asks a proxy for its policy object: OPTIONS to sip:policy@HOST (protocol.md 6). */
#ifndef SIPSEAL_CLI_POLICY_FETCH_H
#define SIPSEAL_CLI_POLICY_FETCH_H

#include "cli/net_address.h"
#include "cli/net_tls.h"
#include "sipseal/arena.h"

struct policy_fetch {
    const struct cli *cli;
    struct arena *arena;          /* what comes back lies in it */
    const struct party *self;     /* who asks; null: nobody who says */
    const struct net_place *place; /* where the question goes; over TCP where it says UDP, by which no object comes */
    struct span host;             /* the proxy that is asked */
    uint32_t timeout_s;
};

/* Asks, and waits for the answer. `*broken` is RULE_OK with the object in `*der`, or RULE_POLICY_OBJECT_ABSENT or _SYNTAX
 * when the answer has none; anything but EXIT_DONE was not answered, and says why. */
enum exit_code policy_fetch(const struct policy_fetch *fetch, enum rule *broken, struct span *der);

#endif
