/* Which signed messages were delivered already (protocol.md 2.1, Replay): a recipient's memory, bounded. */
#ifndef SIPSEAL_UA_REPLAY_SET_H
#define SIPSEAL_UA_REPLAY_SET_H

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

enum {
    REPLAY_SET_MAX = 4096, /* keys remembered at once */
    REPLAY_SET_KEY_LEN = 32,
};

struct replay_entry {
    uint8_t key[REPLAY_SET_KEY_LEN];
    int64_t expires; /* the last second in which the message would still be fresh */
};

struct replay_set {
    struct replay_entry *entry;
    size_t count, max;
};

/* Room for `max` keys. False when there is no memory. */
bool replay_set_open(struct replay_set *s, size_t max);
void replay_set_close(struct replay_set *s);

/* Whether all of these may be delivered: RULE_OK; RULE_REPLAY when any was spent, or stands twice among them;
 * RULE_OVERLOAD when there is no room to remember them: a memory that forgot would let a replay through. Forgets what
 * has expired at `now`. */
enum rule replay_set_check(struct replay_set *s, const struct replay_entry *entries, size_t count, int64_t now);

/* Remembers them, after replay_set_check said RULE_OK. */
void replay_set_spend(struct replay_set *s, const struct replay_entry *entries, size_t count);

#endif
