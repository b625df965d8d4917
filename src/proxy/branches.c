/* The branches of a request: which starts when, how long each may take, and how they are cancelled (RFC 3261 16.6 to
 * 16.10).
 *
 * What is limited beyond its transaction's own timers stands in three lists, each in the order in which its entries are
 * due, since all in one wait equally long: branches of INVITEs that ring (timer C), those that were cancelled (64*T1:
 * 9.1), and other requests that were forked, whose answer must be there before their sender has given up (RFC 4321). */
#include <stdlib.h>

#include "proxy/core.h"

enum { CANCEL_MAX_MS = 64 * SIP_T1_MS };

/* --- beginning and end --- */

/* Of the targets of one instance the first is tried, the others are spare (RFC 5626 7). */
static void note_instance(struct pass *pass, const struct target *target, size_t at)
{
    struct branch *b = &pass->branch[at];
    if (target->to[at].instance.len == 0)
        return;
    b->instance = at + 1;
    for (size_t i = 0; i < at; i++)
        if (span_equal(target->to[i].instance, target->to[at].instance)) {
            b->instance = i + 1;
            b->state = BRANCH_SPARE;
            return;
        }
}

static bool copy_if_any(struct span from, struct packet **to)
{
    return from.len == 0 || (*to = packet_copy(from)) != NULL;
}

bool branches_new(struct pass *pass, const struct target *target, size_t max)
{
    size_t count = target->count < max ? target->count : max;
    pass->branch = calloc(count ? count : 1, sizeof *pass->branch);
    if (!pass->branch)
        return false;
    pass->branch_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct target_hop *to = &target->to[i];
        struct branch *b = &pass->branch[i];
        *b = (struct branch){
            .pass = pass, .hop = to->hop, .flow = to->flow, .flow_only = to->flow_only, .q = to->q};
        note_instance(pass, target, i);
        if (!copy_if_any(to->contact, &b->contact) || !copy_if_any(to->route, &b->route) ||
            !copy_if_any(to->host, &b->host))
            return false;
    }
    return true;
}

void branches_free(struct pass *pass)
{
    for (size_t i = 0; i < pass->branch_count; i++) {
        free(pass->branch[i].contact);
        free(pass->branch[i].route);
        free(pass->branch[i].host);
    }
    free(pass->branch);
    pass->branch = NULL;
    pass->branch_count = 0;
}

bool branch_under_way(const struct branch *b)
{
    return b->state != BRANCH_LATER && b->state != BRANCH_SPARE && b->state != BRANCH_DONE;
}

bool branches_under_way(const struct pass *pass)
{
    for (size_t i = 0; i < pass->branch_count; i++)
        if (branch_under_way(&pass->branch[i]))
            return true;
    return false;
}

/* --- time --- */

static struct branch_list *list_of(struct proxy *p, const struct branch *b)
{
    if (!branch_under_way(b))
        return NULL;
    if (b->state == BRANCH_CANCELLING)
        return &p->cancelling;
    return b->pass->invite ? &p->ringing : NULL;
}

static void watch(struct proxy *p, struct branch *b)
{
    if (b->list)
        TAILQ_REMOVE(b->list, b, link);
    b->list = list_of(p, b);
    b->since = p->now.monotonic;
    if (b->list)
        TAILQ_INSERT_TAIL(b->list, b, link);
}

void branch_enter(struct proxy *p, struct branch *b, enum branch_state state)
{
    b->state = state;
    if (b->list != list_of(p, b))
        watch(p, b);
}

static uint64_t due_at(const struct branch_list *list, uint64_t limit)
{
    return TAILQ_EMPTY(list) ? UINT64_MAX : TAILQ_FIRST(list)->since + limit;
}

static uint64_t ringing_due(const struct proxy *p)
{
    return due_at(&p->ringing, (uint64_t)p->settings.limits.ringing_seconds * 1000);
}

static uint64_t cancelling_due(const struct proxy *p)
{
    return due_at(&p->cancelling, CANCEL_MAX_MS);
}

static uint64_t gathering_due(const struct proxy *p)
{
    return TAILQ_EMPTY(&p->gathering) ? UINT64_MAX : TAILQ_FIRST(&p->gathering)->arrived + PROXY_GATHER_MAX_MS;
}

uint64_t branches_deadline(const struct proxy *p)
{
    uint64_t deadline = ringing_due(p) < cancelling_due(p) ? ringing_due(p) : cancelling_due(p);
    return gathering_due(p) < deadline ? gathering_due(p) : deadline;
}

/* --- starting --- */

static struct branch *spare_of(const struct branch *b)
{
    struct pass *pass = b->pass;
    for (size_t i = 0; b->instance && i < pass->branch_count; i++)
        if (pass->branch[i].state == BRANCH_SPARE && pass->branch[i].instance == b->instance)
            return &pass->branch[i];
    return NULL;
}

static void start(struct proxy *p, struct branch *b, const struct sip_message *m)
{
    enum rule rule = branch_send(p, b, m);
    for (struct branch *next; rule != RULE_OK && (next = spare_of(b)); b = next) {
        branch_enter(p, b, BRANCH_DONE);
        next->breadth = b->breadth;
        rule = branch_send(p, next, m);
    }
    branch_enter(p, b, rule == RULE_OK ? BRANCH_CALLING : BRANCH_DONE);
    if (rule == RULE_OK)
        p->counters.forwarded++;
    else
        best_note_rule(b->pass, rule);
}

bool branch_replace(struct proxy *p, struct branch *b)
{
    struct branch *spare = b->pass->state == PASS_FORWARDED ? spare_of(b) : NULL;
    if (!spare)
        return false;
    branch_enter(p, b, BRANCH_DONE);
    spare->breadth = b->breadth;
    if (pass_read(p, b->pass, &p->message)) {
        start(p, spare, &p->message);
        branches_go_on(p, b->pass);
    }
    return true;
}

/* Lower q waits until none of higher q is under way. */
struct branch *branches_next(const struct pass *pass)
{
    struct branch *end = pass->branch + pass->branch_count, *next = pass->branch;
    while (next < end && next->state != BRANCH_LATER)
        next++;
    for (const struct branch *b = pass->branch; b < next; b++)
        if (branch_under_way(b) && next < end && b->q != next->q)
            return NULL;
    return next < end && breadth_left(pass) > 0 ? next : NULL;
}

void branches_start(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    struct branch *b;
    while ((b = branches_next(pass)) != NULL) {
        b->breadth = breadth_for(pass, b);
        start(p, b, m);
    }
}

static void forward_ack(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    pass->branch[0].breadth = pass->breadth;
    enum rule rule = send_stateless(p, &pass->branch[0], m);
    if (rule != RULE_OK) {
        refuse_pass(p, pass, m, rule);
        return;
    }
    p->counters.forwarded++;
    pass->completion_due = false; /* its copies are honest ones: its signatures are never spent */
    pass_enter(p, pass, PASS_DONE);
    pass_settle(p, pass);
}

static void count_held(struct proxy *p, const struct pass *pass)
{
    static const uint64_t bound[PROXY_HELD_BUCKETS] = PROXY_HELD_MS;
    uint64_t held = p->now.monotonic - pass->arrived;
    size_t i = 0;
    while (i < PROXY_HELD_BUCKETS && held > bound[i])
        i++;
    p->counters.held[i]++;
    p->counters.held_ms += held;
}

void forward(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    count_held(p, pass);
    if (pass->ack) {
        forward_ack(p, pass, m);
        return;
    }
    enum rule rule = pass_keep_request(p, pass, m);
    if (rule != RULE_OK) {
        refuse_pass(p, pass, m, rule);
        return;
    }
    pass_enter(p, pass, PASS_FORWARDED);
    branches_start(p, pass, m);
    if (!branches_under_way(pass))
        best_answer(p, pass, m);
}

static void keep_sent(struct proxy *p, const struct pass *pass)
{
    for (size_t i = 0; i < pass->branch_count; i++) {
        const struct branch *b = &pass->branch[i];
        struct span bytes;
        if (b->client && branch_under_way(b) && !pass->invite && branch_write_again(p, b, &bytes))
            sip_client_keep(p->transactions, b->client, bytes);
    }
}

void branches_keep_sent(struct proxy *p)
{
    for (size_t i = 0; i < p->block_count; i++)
        for (size_t j = 0; j < PASSES_IN_BLOCK; j++)
            keep_sent(p, &p->block[i][j]);
}

/* --- cancelling --- */

/* Before a provisional response there is nothing to cancel yet (9.1). What cannot be cancelled for want of room ends by
 * its time. */
static void cancel(struct proxy *p, struct branch *b)
{
    if (b->state == BRANCH_LATER || b->state == BRANCH_SPARE) {
        b->state = BRANCH_DONE;
    } else if (b->state == BRANCH_CALLING) {
        b->cancel_due = true;
    } else if (b->state == BRANCH_PROCEEDING) {
        sip_client_cancel(p->transactions, p->now.monotonic, b->client, b, &b->cancel);
        branch_enter(p, b, BRANCH_CANCELLING);
    }
}

void branches_cancel(struct proxy *p, struct pass *pass)
{
    for (size_t i = 0; i < pass->branch_count; i++)
        if (pass->invite || pass->branch[i].state == BRANCH_LATER || pass->branch[i].state == BRANCH_SPARE)
            cancel(p, &pass->branch[i]);
}

void pass_cancel(struct proxy *p, struct pass *pass)
{
    if (pass->state == PASS_DONE)
        return;
    pass->cancelled = true;
    if (pass->state == PASS_WAITING || pass->state == PASS_LOADING)
        refuse_later(p, pass, RULE_SIP_CANCELLED);
    else
        branches_cancel(p, pass); /* of a request that is being examined: none of them starts */
}

/* --- what becomes of a branch --- */

void branch_rings(struct proxy *p, struct branch *b, int status)
{
    if (b->state == BRANCH_CALLING)
        branch_enter(p, b, BRANCH_PROCEEDING);
    if (b->cancel_due && b->state == BRANCH_PROCEEDING)
        cancel(p, b);
    else if (b->state == BRANCH_PROCEEDING && b->pass->invite && status > 100)
        watch(p, b);
}

/* A request that was too long for a datagram, to a server that takes no connection: by a datagram after all, as 18.1.1
 * has it for servers of RFC 2543, but never a MESSAGE (protocol.md 4, Sizes). */
static bool move_back(struct proxy *p, struct branch *b)
{
    if (!b->moved_to_stream || b->moved_back || b->state != BRANCH_CALLING || b->cancel_due)
        return false;
    if (b->pass->state != PASS_FORWARDED || !pass_read(p, b->pass, &p->message))
        return false;
    if (p->message.method == SIP_MESSAGE)
        return false;
    b->moved_back = true;
    b->hop.transport = SIP_UDP;
    return branch_send(p, b, &p->message) == RULE_OK;
}

void branch_failed(struct proxy *p, struct branch *b)
{
    bool too_long = b->moved_to_stream && !b->moved_back;
    if (move_back(p, b) || branch_replace(p, b))
        return;
    enum rule rule = b->flow_only ? RULE_SIP_FLOW_GONE : RULE_SIP_UNREACHABLE;
    branch_without_answer(p, b, too_long ? RULE_SIP_CONGESTION : rule);
}

/* Timer C ends what rings by a CANCEL, and what never rang as if it had been answered 408 (16.8). */
static void too_late(struct proxy *p, struct branch *b)
{
    if (b->state == BRANCH_PROCEEDING && b->pass->invite) {
        cancel(p, b);
        return;
    }
    sip_transaction_abandon(p->transactions, b->client);
    branch_without_answer(p, b, RULE_SIP_TIMEOUT);
}

/* What other branches have not answered until now comes too late for the sender. */
static void gather(struct proxy *p, struct pass *pass)
{
    branches_cancel(p, pass);
    for (size_t i = 0; i < pass->branch_count; i++) {
        struct branch *b = &pass->branch[i];
        if (!branch_under_way(b))
            continue;
        sip_transaction_abandon(p->transactions, b->client);
        branch_enter(p, b, BRANCH_DONE);
        best_note_rule(pass, RULE_SIP_TIMEOUT);
    }
    if (pass_read(p, pass, &p->message))
        best_answer(p, pass, &p->message);
}

void branches_tick(struct proxy *p)
{
    while (p->now.monotonic >= ringing_due(p))
        too_late(p, TAILQ_FIRST(&p->ringing));
    while (p->now.monotonic >= cancelling_due(p))
        too_late(p, TAILQ_FIRST(&p->cancelling));
    while (p->now.monotonic >= gathering_due(p))
        gather(p, TAILQ_FIRST(&p->gathering));
}
