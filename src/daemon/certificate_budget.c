#include "daemon/certificate_budget.h"

enum { A_THOUSAND = 1000 };

void certificate_budget_open(struct certificate_budget *b, uint32_t rate, uint32_t burst)
{
    *b = (struct certificate_budget){.rate = rate, .burst = burst, .left = burst};
}

/* --- accounts --- */

/* The account of a peer: null when it owes nothing; the last one when there are more than can be told apart. */
static struct budget_account *find(struct budget_accounts *a, uint64_t id)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->account[i].id == id)
            return &a->account[i];
    return a->count == BUDGET_PEERS_MAX ? &a->account[BUDGET_PEERS_MAX - 1] : NULL;
}

static void owe(struct budget_accounts *a, uint64_t id, uint32_t units)
{
    struct budget_account *account = find(a, id);
    if (!account) {
        account = &a->account[a->count++];
        *account = (struct budget_account){.id = id};
    }
    account->owed += units;
    a->owed += units;
}

static void give_one(struct budget_accounts *a)
{
    if (a->turn >= a->count)
        a->turn = 0;
    struct budget_account *account = &a->account[a->turn];
    a->owed--;
    if (--account->owed == 0)
        *account = a->account[--a->count];
    else
        a->turn++;
}

/* --- the bucket --- */

/* One unit to whose turn it is: the rest has as many turns as one proven peer. */
static void give(struct certificate_budget *b)
{
    bool to_rest = b->rest.count > 0 && b->proven_turns >= b->proven.count;
    b->proven_turns = to_rest ? 0 : b->proven_turns + 1;
    give_one(to_rest ? &b->rest : &b->proven);
    b->left++;
}

static void fill(struct certificate_budget *b, uint64_t clock)
{
    uint64_t passed = clock > b->filled ? clock - b->filled : 0;
    uint64_t enough = (uint64_t)b->burst * A_THOUSAND; /* milliseconds that fill it at any rate */
    b->filled = clock > b->filled ? clock : b->filled;
    b->thousandths += (passed < enough ? passed : enough) * b->rate;
    while (b->left < b->burst && b->thousandths >= A_THOUSAND) {
        b->thousandths -= A_THOUSAND;
        give(b);
    }
    if (b->left == b->burst)
        b->thousandths = 0;
}

/* The most that can be drawn in steps of one, each of which needs `owed` below `left` before it, when each step takes
 * `step` from their difference. */
static uint32_t steps(uint64_t left, uint64_t owed, uint32_t step)
{
    return left > owed ? (uint32_t)((left - owed + step - 1) / step) : 0;
}

uint32_t certificate_budget_left(struct certificate_budget *b, struct budget_peer peer, uint64_t clock)
{
    fill(b, clock);
    const struct budget_account *account = find(peer.proven ? &b->proven : &b->rest, peer.id);
    uint64_t owed = account ? account->owed : 0;
    if (peer.proven)
        return steps(b->left, owed, 2);
    /* What the rest may still draw is what is left less what it owes; of that, the same for one of them. */
    return steps(b->left, (uint64_t)b->rest.owed + owed, 3);
}

void certificate_budget_take(struct certificate_budget *b, struct budget_peer peer, uint32_t units)
{
    if (units > b->left)
        units = b->left;
    if (units == 0)
        return;
    owe(peer.proven ? &b->proven : &b->rest, peer.id, units);
    b->left -= units;
}
