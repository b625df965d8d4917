/* Passes: taken from blocks that grow up to the configured number, and named by job numbers that are never used again.
 */
#include <stdlib.h>

#include "proxy/core.h"

static bool add_block(struct proxy *p)
{
    size_t max = (p->settings.limits.transactions + PASSES_IN_BLOCK - 1) / PASSES_IN_BLOCK;
    if (p->block_count >= max)
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

struct pass *pass_new(struct proxy *p)
{
    if (p->open >= p->settings.limits.transactions || (TAILQ_EMPTY(&p->free) && !add_block(p)))
        return NULL;
    struct pass *pass = TAILQ_FIRST(&p->free);
    TAILQ_REMOVE(&p->free, pass, link);
    *pass = (struct pass){.index = pass->index, .generation = pass->generation + 1, .state = PASS_ADMISSION};
    p->open++;
    return pass;
}

static void drop_memory(struct pass *pass)
{
    free(pass->request);
    free(pass->contact);
    free(pass->record);
    free(pass->replay);
    pass->request = pass->contact = pass->record = NULL;
    pass->replay = NULL;
    pass->replay_count = 0;
}

/* Kept as long as its transactions have something to send. */
static void drop_hosts(struct pass *pass)
{
    free(pass->host);
    free(pass->reply_host);
    pass->host = pass->reply_host = NULL;
}

void pass_settle(struct proxy *p, struct pass *pass)
{
    if (pass->state != PASS_DONE)
        return;
    drop_memory(pass);
    if (pass->server || pass->client)
        return;
    drop_hosts(pass);
    pass->state = PASS_FREE;
    TAILQ_INSERT_HEAD(&p->free, pass, link);
    p->open--;
}

void passes_free(struct proxy *p)
{
    for (size_t i = 0; i < p->block_count; i++) {
        for (size_t j = 0; j < PASSES_IN_BLOCK; j++) {
            drop_memory(&p->block[i][j]);
            drop_hosts(&p->block[i][j]);
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

static void leave(struct proxy *p, struct pass *pass)
{
    switch (pass->state) {
    case PASS_WAITING:
        TAILQ_REMOVE(&p->waiting, pass, link);
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
    case PASS_FORWARDED:
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
    case PASS_FORWARDED:
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
    sip_transaction_abandon(p->transactions, pass->client);
    pass_settle(p, pass);
    return false;
}
