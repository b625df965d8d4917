#include "proxy/shares.h"

#include <stdlib.h>

enum { BUCKETS = 4096 };

TAILQ_HEAD(share_items, share_item);

struct share_line {
    struct share_peer peer;
    LIST_ENTRY(share_line) same_bucket;
    TAILQ_ENTRY(share_line) turn; /* among the known, or among the unknown */
    struct share_items items;
    size_t count;
    uint64_t credit; /* what it may still be served of its turn */
};
LIST_HEAD(share_bucket, share_line);
TAILQ_HEAD(share_turns, share_line);

struct shares {
    struct share_bucket bucket[BUCKETS];
    struct share_turns turns;   /* known peers, and `unknown` while any of those waits */
    struct share_turns strangers;
    struct share_line unknown;  /* stands for all of the strangers' lines, and has no items itself */
    size_t count, lines;
};

struct shares *shares_new(void)
{
    struct shares *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    TAILQ_INIT(&s->turns);
    TAILQ_INIT(&s->strangers);
    return s;
}

static void drop_lines(struct share_turns *turns, const struct share_line *kept)
{
    while (!TAILQ_EMPTY(turns)) {
        struct share_line *line = TAILQ_FIRST(turns);
        TAILQ_REMOVE(turns, line, turn);
        if (line != kept)
            free(line);
    }
}

void shares_free(struct shares *s)
{
    if (!s)
        return;
    drop_lines(&s->turns, &s->unknown);
    drop_lines(&s->strangers, NULL);
    free(s);
}

size_t shares_count(const struct shares *s)
{
    return s->count;
}

size_t shares_lines(const struct shares *s)
{
    return s->lines;
}

/* --- lines --- */

static struct share_bucket *bucket_of(struct shares *s, struct share_peer peer)
{
    return &s->bucket[peer.id.half[0] % BUCKETS];
}

static struct share_line *find(struct shares *s, struct share_peer peer)
{
    struct share_line *line;
    LIST_FOREACH(line, bucket_of(s, peer), same_bucket)
        if (digest_equal(line->peer.id, peer.id) && line->peer.known == peer.known)
            return line;
    return NULL;
}

static uint64_t quantum_of(const struct shares *s, const struct share_line *line)
{
    return line == &s->unknown ? SHARES_QUANTUM / SHARES_UNKNOWN_PART : SHARES_QUANTUM;
}

static void begin_turns(struct shares *s, struct share_turns *turns, struct share_line *line)
{
    line->credit = quantum_of(s, line);
    TAILQ_INSERT_TAIL(turns, line, turn);
}

static struct share_line *open_line(struct shares *s, struct share_peer peer)
{
    struct share_line *line = calloc(1, sizeof *line);
    if (!line)
        return NULL;
    line->peer = peer;
    TAILQ_INIT(&line->items);
    LIST_INSERT_HEAD(bucket_of(s, peer), line, same_bucket);
    if (!peer.known && TAILQ_EMPTY(&s->strangers))
        begin_turns(s, &s->turns, &s->unknown);
    begin_turns(s, peer.known ? &s->turns : &s->strangers, line);
    s->lines++;
    return line;
}

static void close_line(struct shares *s, struct share_line *line)
{
    bool known = line->peer.known;
    LIST_REMOVE(line, same_bucket);
    TAILQ_REMOVE(known ? &s->turns : &s->strangers, line, turn);
    free(line);
    s->lines--;
    if (!known && TAILQ_EMPTY(&s->strangers))
        TAILQ_REMOVE(&s->turns, &s->unknown, turn);
}

/* --- room --- */

static bool is_full(const struct shares *s, const struct share_line *line, struct share_peer peer, size_t room)
{
    uint64_t most = (uint64_t)room * SHARES_ROOM_TIMES, waits = line ? line->count : 0;
    if (!peer.known) /* all of them fit into what one known peer may take, and each of them into what they leave */
        waits += s->unknown.count;
    return room == 0 || waits >= most;
}

enum rule shares_add(struct shares *s, struct share_peer peer, struct share_item *item, size_t bytes, size_t room)
{
    struct share_line *line = find(s, peer);
    item->line = NULL;
    if (is_full(s, line, peer, room))
        return RULE_OVERLOAD;
    if (!line && !(line = open_line(s, peer)))
        return RULE_NO_MEMORY;
    item->cost = SHARES_COST_FIXED + (uint32_t)(bytes < SIP_MESSAGE_MAX ? bytes : SIP_MESSAGE_MAX);
    item->line = line;
    TAILQ_INSERT_TAIL(&line->items, item, link);
    line->count++;
    s->count++;
    if (!peer.known)
        s->unknown.count++;
    return RULE_OK;
}

void shares_remove(struct shares *s, struct share_item *item)
{
    struct share_line *line = item->line;
    if (!line)
        return;
    item->line = NULL;
    TAILQ_REMOVE(&line->items, item, link);
    s->count--;
    if (!line->peer.known)
        s->unknown.count--;
    if (--line->count == 0)
        close_line(s, line);
}

/* --- turns --- */

/* Its turn is over; what it could not be served it may have in the next. */
static void end_turn(struct shares *s, struct share_turns *turns, struct share_line *line)
{
    line->credit += quantum_of(s, line);
    TAILQ_REMOVE(turns, line, turn);
    TAILQ_INSERT_TAIL(turns, line, turn);
}

static struct share_item *first_of(const struct share_line *line)
{
    return TAILQ_FIRST(&line->items);
}

static struct share_line *next_stranger(struct shares *s)
{
    struct share_line *line;
    while (line = TAILQ_FIRST(&s->strangers), line->credit < first_of(line)->cost)
        end_turn(s, &s->strangers, line);
    return line;
}

struct share_item *shares_next(struct shares *s)
{
    struct share_line *turn;
    while ((turn = TAILQ_FIRST(&s->turns))) {
        struct share_line *line = turn == &s->unknown ? next_stranger(s) : turn;
        struct share_item *item = first_of(line);
        if (turn->credit < item->cost) {
            end_turn(s, &s->turns, turn);
            continue;
        }
        turn->credit -= item->cost;
        if (line != turn)
            line->credit -= item->cost;
        shares_remove(s, item);
        return item;
    }
    return NULL;
}
