/* Passes: taken from blocks that grow up to the configured number, and named by job numbers that are never used again.
 */
#include <stdlib.h>

#include "proxy/core.h"

bool passes_reserve(struct proxy *p, uint32_t count)
{
    size_t max = ((size_t)count + PASSES_FOR_ACKS + PASSES_IN_BLOCK - 1) / PASSES_IN_BLOCK;
    if (max <= p->block_max)
        return true;
    struct pass **block = realloc(p->block, max * sizeof *block);
    if (!block)
        return false;
    p->block = block;
    p->block_max = max;
    return true;
}

static bool add_block(struct proxy *p)
{
    if (p->block_count >= p->block_max)
        return false;
    struct pass *block = calloc(PASSES_IN_BLOCK, sizeof *block);
    if (!block)
        return false;
    for (size_t i = 0; i < PASSES_IN_BLOCK; i++) {
        block[i].index = (uint32_t)(p->block_count * PASSES_IN_BLOCK + i);
        TAILQ_INSERT_TAIL(&p->free, &block[i], link);
    }
    p->block[p->block_count++] = block;
    return true;
}

struct pass *pass_new(struct proxy *p, bool ack)
{
    size_t max = (size_t)p->settings.limits.transactions + (ack ? PASSES_FOR_ACKS : 0);
    if (p->open >= max || (TAILQ_EMPTY(&p->free) && !add_block(p)))
        return NULL;
    struct pass *pass = TAILQ_FIRST(&p->free);
    TAILQ_REMOVE(&p->free, pass, link);
    *pass = (struct pass){.index = pass->index, .generation = pass->generation + 1, .state = PASS_ADMISSION,
                          .arrived = p->now.monotonic};
    p->open++;
    return pass;
}

enum rule pass_keep_request(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    if (pass->request)
        return RULE_OK;
    if (p->request_bytes + m->bytes.len > REQUEST_BYTES_MAX) {
        p->counters.memory_full++;
        return RULE_OVERLOAD;
    }
    pass->request = packet_copy(m->bytes);
    if (!pass->request)
        return RULE_NO_MEMORY;
    p->request_bytes += m->bytes.len;
    return RULE_OK;
}

/* Whether a branch goes on though another one's answer was given: what it sends again is written from the request. */
static bool may_send_again(const struct pass *pass)
{
    for (size_t i = 0; i < pass->branch_count; i++)
        if (pass->branch[i].client && branch_under_way(&pass->branch[i]))
            return !pass->invite;
    return false;
}

static void drop_request(struct proxy *p, struct pass *pass)
{
    p->request_bytes -= packet_span(pass->request).len;
    free(pass->request);
    pass->request = NULL;
}

static void drop_memory(struct pass *pass)
{
    free(pass->record);
    free(pass->replay);
    best_free(&pass->best);
    pass->record = NULL;
    pass->replay = NULL;
    pass->replay_count = 0;
}

static bool is_named(const struct pass *pass)
{
    for (size_t i = 0; i < pass->branch_count; i++)
        if (pass->branch[i].client || pass->branch[i].cancel)
            return true;
    return pass->server != 0;
}

/* Kept as long as its server transaction has something to send. */
static void drop_reply_host(struct pass *pass)
{
    free(pass->reply_host);
    pass->reply_host = NULL;
}

void pass_settle(struct proxy *p, struct pass *pass)
{
    if (pass->state != PASS_DONE)
        return;
    drop_memory(pass);
    if (!may_send_again(pass))
        drop_request(p, pass);
    if (is_named(pass))
        return;
    for (size_t i = 0; i < pass->branch_count; i++)
        branch_enter(p, &pass->branch[i], BRANCH_DONE);
    branches_free(pass);
    drop_reply_host(pass);
    pass->state = PASS_FREE;
    TAILQ_INSERT_HEAD(&p->free, pass, link);
    p->open--;
}

void passes_free(struct proxy *p)
{
    for (size_t i = 0; i < p->block_count; i++) {
        for (size_t j = 0; j < PASSES_IN_BLOCK; j++) {
            drop_memory(&p->block[i][j]);
            drop_request(p, &p->block[i][j]);
            branches_free(&p->block[i][j]);
            drop_reply_host(&p->block[i][j]);
        }
        free(p->block[i]);
    }
    free(p->block);
}

uint64_t pass_job(const struct pass *pass)
{
    return (uint64_t)pass->generation << 32 | pass->index;
}

struct pass *pass_of_job(struct proxy *p, uint64_t job, enum pass_state state)
{
    uint32_t index = (uint32_t)job;
    if (index / PASSES_IN_BLOCK >= p->block_count)
        return NULL;
    struct pass *pass = &p->block[index / PASSES_IN_BLOCK][index % PASSES_IN_BLOCK];
    return pass->generation == job >> 32 && pass->state == state ? pass : NULL;
}

/* Whether it has to answer before its sender gives up, whatever its branches do. */
static bool gathers(const struct pass *pass)
{
    return !pass->invite && pass->branch_count > 1;
}

/* Those that arrived first are due first, however long each was examined. */
static void gather_in_time(struct proxy *p, struct pass *pass)
{
    struct pass *before = TAILQ_LAST(&p->gathering, pass_list);
    while (before && before->arrived > pass->arrived)
        before = TAILQ_PREV(before, pass_list, link);
    if (before)
        TAILQ_INSERT_AFTER(&p->gathering, before, pass, link);
    else
        TAILQ_INSERT_HEAD(&p->gathering, pass, link);
}

static void leave(struct proxy *p, struct pass *pass)
{
    switch (pass->state) {
    case PASS_WAITING:
        TAILQ_REMOVE(&p->waiting, pass, link);
        shares_remove(p->shares, &pass->share);
        p->waiting_count--;
        break;
    case PASS_EXAMINING:
        TAILQ_REMOVE(&p->vault[pass->vault].list, pass, link);
        p->vault[pass->vault].jobs--;
        break;
    case PASS_ADMITTING:
        TAILQ_REMOVE(&p->admitting, pass, link);
        p->admitting_count--;
        break;
    case PASS_LOADING:
        TAILQ_REMOVE(&p->keeping.loading, pass, link);
        p->keeping.loading_count--;
        break;
    case PASS_REGISTERING:
        TAILQ_REMOVE(&p->keeping.registering, pass, link);
        p->keeping.registering_count--;
        break;
    case PASS_FORWARDED:
        if (gathers(pass))
            TAILQ_REMOVE(&p->gathering, pass, link);
        p->forwarded_count--;
        break;
    default:
        break;
    }
}

void pass_enter(struct proxy *p, struct pass *pass, enum pass_state state)
{
    leave(p, pass);
    pass->state = state;
    pass->since = p->now.monotonic;
    switch (state) {
    case PASS_WAITING:
        TAILQ_INSERT_TAIL(&p->waiting, pass, link);
        p->waiting_count++;
        break;
    case PASS_EXAMINING:
        TAILQ_INSERT_TAIL(&p->vault[pass->vault].list, pass, link);
        p->vault[pass->vault].jobs++;
        break;
    case PASS_ADMITTING:
        TAILQ_INSERT_TAIL(&p->admitting, pass, link);
        p->admitting_count++;
        break;
    case PASS_LOADING:
        TAILQ_INSERT_TAIL(&p->keeping.loading, pass, link);
        p->keeping.loading_count++;
        break;
    case PASS_REGISTERING:
        TAILQ_INSERT_TAIL(&p->keeping.registering, pass, link);
        p->keeping.registering_count++;
        break;
    case PASS_FORWARDED:
        if (gathers(pass))
            gather_in_time(p, pass);
        p->forwarded_count++;
        break;
    default:
        break;
    }
}

bool pass_read(struct proxy *p, struct pass *pass, struct sip_message *m)
{
    enum sip_framing framing = pass->source.transport == SIP_UDP ? SIP_DATAGRAM : SIP_STREAM;
    if (pass->request && sip_message_parse(packet_span(pass->request), framing, m) == RULE_OK)
        return true;
    pass_enter(p, pass, PASS_DONE); /* it was read before: this cannot be */
    sip_transaction_abandon(p->transactions, pass->server);
    for (size_t i = 0; i < pass->branch_count; i++)
        sip_transaction_abandon(p->transactions, pass->branch[i].client);
    pass_settle(p, pass);
    return false;
}
