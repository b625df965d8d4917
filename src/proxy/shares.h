/* Fair shares of cryptography: who waits for a vault, and whose turn it is (protocol.md 8).
 *
 * Each peer has a line of its own. Lines are served in turn by cost (deficit round robin: Shreedhar and Varghese,
 * 1996), so that a peer with large messages gets no more than one with small ones. Peers that proved nothing have
 * lines by source address, which anybody can make as many of as he likes: together they have one turn, and a quarter
 * of what a known peer gets in it. What one leaves, the others use; a lone line gets everything.
 *
 * Room is shared as turns are: a line takes a new message as long as fewer wait in it than twice what is still free,
 * the lines of the unknown together too. So a full line refuses its own peer's messages alone, and whoever floods
 * leaves a third to the next one. A line exists while something waits in it: there are never more lines than messages.
 *
 * A message costs the same few steps, however much waits: its line is passed over 16 times at most before it is
 * served. Nothing here knows a message, a clock or a socket. */
#ifndef SIPSEAL_PROXY_SHARES_H
#define SIPSEAL_PROXY_SHARES_H

#include <sys/queue.h>

#include "sip/siphash.h"
#include "sipseal/rule.h"
#include "sipseal/sip_message.h"

enum {
    SHARES_COST_FIXED = 32 * 1024, /* what a message costs whatever its size, in bytes: an estimate */
    SHARES_QUANTUM = SHARES_COST_FIXED + 8 * 1024, /* of a turn: one ordinary message; the largest waits four turns */
    SHARES_UNKNOWN_PART = 4, /* a turn of all unknown peers is so many times smaller */
    SHARES_ROOM_TIMES = 2,   /* a line may be so many times longer than what is free */
};

/* Who sent it. */
struct share_peer {
    struct digest id; /* keyed, so that nobody can choose to be in another's line */
    bool known;       /* who it is was proven, or its address may not be forged and is one that may register */
};

struct share_line;

/* One that waits; part of what its owner keeps of the message. */
struct share_item {
    TAILQ_ENTRY(share_item) link;
    struct share_line *line; /* null: it waits in none */
    uint32_t cost;
};

struct shares;

/* Null when there is no memory. */
struct shares *shares_new(void);
/* Items that still wait stay their owners'. Null may be freed. */
void shares_free(struct shares *s);

/* Lines up a message of `bytes` bytes when `room` more may wait in all. RULE_OVERLOAD when the peer's line is full,
 * RULE_NO_MEMORY. */
enum rule shares_add(struct shares *s, struct share_peer peer, struct share_item *item, size_t bytes, size_t room);
/* Takes out the one whose turn it is; null when none waits. */
struct share_item *shares_next(struct shares *s);
/* Takes out one that waits no more; nothing happens when it waits in no line. */
void shares_remove(struct shares *s, struct share_item *item);

size_t shares_count(const struct shares *s);
/* Lines that there are now. */
size_t shares_lines(const struct shares *s);

#endif
