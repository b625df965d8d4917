/* How much work for certificates never seen before a vault does, and for whom (protocol.md 8): a bucket of units that
 * fills at a steady rate up to a burst. A unit is one certificate to be parsed, or one chain to be proven.
 *
 * Who draws owes. A peer may draw as long as it owes less than is left in the bucket: one who floods leaves half of the
 * burst to the others, and then goes on at the steady rate; each newcomer may draw half of what is left, and waits for
 * nobody who owes more. What flows in is given to those who owe in turn, one unit each. Peers that proved nothing are
 * together one peer, and inside it the same holds for each of them. Nothing counts but the calls and their times. */
#ifndef SIPSEAL_DAEMON_CERTIFICATE_BUDGET_H
#define SIPSEAL_DAEMON_CERTIFICATE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUDGET_PEERS_MAX = 256 }; /* who owe at once, of each kind; those beyond share one account */

struct budget_peer {
    uint64_t id;
    bool proven; /* by its certificate */
};

struct budget_accounts {
    struct budget_account {
        uint64_t id;
        uint32_t owed; /* more than 0 */
    } account[BUDGET_PEERS_MAX];
    size_t count, turn; /* whose turn it is to be given */
    uint32_t owed;      /* by all */
};

struct certificate_budget {
    uint32_t rate, burst; /* units a second; units */
    uint32_t left;        /* what is owed and what is left is the burst */
    uint64_t filled;      /* when, in milliseconds */
    uint64_t thousandths; /* of a unit, that flowed in and are not given yet */
    struct budget_accounts proven, rest;
    size_t proven_turns; /* given to proven peers since the rest was given one */
};

void certificate_budget_open(struct certificate_budget *b, uint32_t rate, uint32_t burst);

/* How many units the peer may draw now; `clock` is monotonic, in milliseconds. */
uint32_t certificate_budget_left(struct certificate_budget *b, struct budget_peer peer, uint64_t clock);
/* The peer has drawn so many: at most what it was told last. */
void certificate_budget_take(struct certificate_budget *b, struct budget_peer peer, uint32_t units);

#endif
