/* Slots of transactions, and the tables in which they are found. */
#include "transaction.h"

#include <stdlib.h>

static bool may_allocate(struct sip_transactions *t)
{
    if (t->fail_after == 0)
        return false;
    if (t->fail_after != SIZE_MAX)
        t->fail_after--;
    return true;
}

struct transaction *transaction_at(struct sip_transactions *t, uint32_t slot)
{
    return &t->chunks[slot / SLOTS_PER_CHUNK][slot % SLOTS_PER_CHUNK];
}

uint64_t transaction_id(const struct transaction *tx)
{
    return (uint64_t)tx->generation << 32 | tx->slot;
}

struct transaction *transaction_of(struct sip_transactions *t, uint64_t id)
{
    uint32_t slot = (uint32_t)id;
    if (slot == NO_SLOT || slot >= t->slots_used)
        return NULL;
    struct transaction *tx = transaction_at(t, slot);
    return tx->generation == id >> 32 ? tx : NULL;
}

/* Slots are made in chunks that never move; slot 0 is nobody's. */
static bool add_slot(struct sip_transactions *t)
{
    size_t chunk = t->slots_used / SLOTS_PER_CHUNK;
    if (!t->chunks[chunk]) {
        t->chunks[chunk] = may_allocate(t) ? calloc(SLOTS_PER_CHUNK, sizeof(struct transaction)) : NULL;
        if (!t->chunks[chunk])
            return false;
    }
    t->free_slot = (uint32_t)t->slots_used++;
    transaction_at(t, t->free_slot)->slot = t->free_slot;
    return true;
}

struct transaction *transaction_acquire(struct sip_transactions *t)
{
    if (t->count >= t->settings.count_max || t->bytes > t->settings.bytes_max)
        return NULL;
    if (t->free_slot == NO_SLOT && !add_slot(t))
        return NULL;
    struct transaction *tx = transaction_at(t, t->free_slot);
    uint32_t slot = t->free_slot, generation = tx->generation + 1;
    t->free_slot = tx->next_event;
    t->count++;
    *tx = (struct transaction){.slot = slot, .generation = generation};
    return tx;
}

/* The generation grows here and in transaction_acquire, so that the id of a free slot is stale too. */
void transaction_release(struct sip_transactions *t, struct transaction *tx)
{
    transaction_forget_bytes(t, tx);
    tx->generation++;
    tx->next_event = t->free_slot;
    t->free_slot = tx->slot;
    t->count--;
}

bool transaction_keep(struct sip_transactions *t, struct transaction *tx, struct span bytes)
{
    if (bytes.len > UINT32_MAX)
        return false;
    uint8_t *copy = may_allocate(t) ? malloc(bytes.len ? bytes.len : 1) : NULL;
    if (!copy)
        return false;
    if (bytes.len)
        memcpy(copy, bytes.at, bytes.len);
    transaction_forget_bytes(t, tx);
    tx->bytes = copy;
    tx->len = (uint32_t)bytes.len;
    tx->sent = false;
    t->bytes += bytes.len;
    if (t->spent == transaction_id(tx))
        t->spent = 0; /* what was sent is gone already */
    return true;
}

void transaction_forget_bytes(struct sip_transactions *t, struct transaction *tx)
{
    t->bytes -= tx->len;
    free(tx->bytes);
    tx->bytes = NULL;
    tx->len = 0;
}

static uint32_t *bucket_of(struct sip_transactions *t, enum transaction_table which, struct digest digest)
{
    return &t->buckets[which][digest.half[0] & t->bucket_mask];
}

void table_insert(struct sip_transactions *t, enum transaction_table which, struct transaction *tx,
                  struct digest digest)
{
    uint32_t *bucket = bucket_of(t, which, digest);
    tx->entry[which] = (struct entry){.digest = digest, .next = *bucket, .in = true};
    *bucket = tx->slot;
}

struct transaction *table_find(struct sip_transactions *t, enum transaction_table which, struct digest digest)
{
    for (uint32_t slot = *bucket_of(t, which, digest); slot != NO_SLOT;) {
        struct transaction *tx = transaction_at(t, slot);
        if (digest_equal(tx->entry[which].digest, digest))
            return tx;
        slot = tx->entry[which].next;
    }
    return NULL;
}

void table_remove(struct sip_transactions *t, enum transaction_table which, struct transaction *tx)
{
    struct entry *entry = &tx->entry[which];
    if (!entry->in)
        return;
    uint32_t *link = bucket_of(t, which, entry->digest);
    while (*link != tx->slot)
        link = &transaction_at(t, *link)->entry[which].next;
    *link = entry->next;
    entry->in = false;
}

/* Flows are the caller's names, no stranger's, so a multiplication spreads them well enough (Knuth 6.4). */
static uint32_t *flow_bucket(const struct sip_transactions *t, uint64_t flow)
{
    return &t->flows[(flow * UINT64_C(0x9e3779b97f4a7c15) >> 32) & t->bucket_mask];
}

uint32_t flow_first(const struct sip_transactions *t, uint64_t flow)
{
    return *flow_bucket(t, flow);
}

void flow_join(struct sip_transactions *t, struct transaction *tx)
{
    uint32_t *bucket = flow_bucket(t, tx->flow);
    tx->flow_before = NO_SLOT;
    tx->flow_after = *bucket;
    tx->in_flow = true;
    if (*bucket != NO_SLOT)
        transaction_at(t, *bucket)->flow_before = tx->slot;
    *bucket = tx->slot;
}

void flow_leave(struct sip_transactions *t, struct transaction *tx)
{
    if (!tx->in_flow)
        return;
    if (tx->flow_before != NO_SLOT)
        transaction_at(t, tx->flow_before)->flow_after = tx->flow_after;
    else
        *flow_bucket(t, tx->flow) = tx->flow_after;
    if (tx->flow_after != NO_SLOT)
        transaction_at(t, tx->flow_after)->flow_before = tx->flow_before;
    tx->in_flow = false;
}
