/* The transactions of one process: what arrives goes to its machine, time fires timers, events wait to be taken. */
#include "transaction.h"

#include <stdlib.h>

enum { COUNT_MAX_DEFAULT = 100000 };

static void set_defaults(struct sip_transaction_settings *s)
{
    s->t1 = s->t1 ? s->t1 : SIP_T1_MS;
    s->t2 = s->t2 ? s->t2 : SIP_T2_MS;
    s->t4 = s->t4 ? s->t4 : SIP_T4_MS;
    s->count_max = s->count_max ? s->count_max : COUNT_MAX_DEFAULT;
    s->bytes_max = s->bytes_max ? s->bytes_max : SIP_TRANSACTION_BYTES_MAX;
}

static size_t chunks_for(size_t count_max)
{
    return count_max / SLOTS_PER_CHUNK + 2;
}

/* As many buckets as transactions, in a power of two, so that chains stay short and nothing is ever moved. */
static bool allocate(struct sip_transactions *t)
{
    size_t buckets = 16;
    while (buckets < t->settings.count_max)
        buckets *= 2;
    t->bucket_mask = buckets - 1;
    t->chunk_max = chunks_for(t->settings.count_max);
    t->chunks = calloc(t->chunk_max, sizeof *t->chunks);
    t->flows = calloc(buckets, sizeof *t->flows);
    t->buckets[TABLE_MATCH] = calloc(buckets, sizeof *t->flows);
    t->buckets[TABLE_MERGE] = t->settings.find_merged ? calloc(buckets, sizeof *t->flows) : NULL;
    return t->chunks && t->flows && t->buckets[TABLE_MATCH] &&
           (t->buckets[TABLE_MERGE] || !t->settings.find_merged);
}

/* Slots and timers are named by 32-bit numbers, and 64*T1 must fit one. */
static bool settings_are_sane(const struct sip_transaction_settings *s)
{
    return s->count_max <= UINT32_MAX / TIMERS / 2 && s->t1 <= UINT32_MAX / 256 && s->t2 <= UINT32_MAX / 256;
}

struct sip_transactions *sip_transactions_new(const struct sip_transaction_settings *settings)
{
    struct sip_transactions *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->settings = *settings;
    set_defaults(&t->settings);
    if (!settings_are_sane(&t->settings) || !allocate(t)) {
        sip_transactions_free(t);
        return NULL;
    }
    t->slots_used = 1;
    t->fail_after = SIZE_MAX;
    timers_set_up(t);
    return t;
}

/* Chunks do not move, and the number of buckets stays: with many more transactions their chains grow. */
bool sip_transactions_limit(struct sip_transactions *t, size_t count_max)
{
    struct sip_transaction_settings settings = t->settings;
    settings.count_max = count_max;
    set_defaults(&settings);
    if (!settings_are_sane(&settings))
        return false;
    size_t chunk_max = chunks_for(settings.count_max);
    if (chunk_max > t->chunk_max) {
        struct transaction **chunks = realloc(t->chunks, chunk_max * sizeof *chunks);
        if (!chunks)
            return false;
        memset(chunks + t->chunk_max, 0, (chunk_max - t->chunk_max) * sizeof *chunks);
        t->chunks = chunks;
        t->chunk_max = chunk_max;
    }
    t->settings.count_max = settings.count_max;
    return true;
}

void sip_transactions_free(struct sip_transactions *t)
{
    if (!t)
        return;
    for (uint32_t slot = 1; slot < t->slots_used; slot++)
        free(transaction_at(t, slot)->bytes);
    for (size_t i = 0; t->chunks && i < t->chunk_max; i++)
        free(t->chunks[i]);
    free(t->chunks);
    free(t->flows);
    free(t->buckets[TABLE_MATCH]);
    free(t->buckets[TABLE_MERGE]);
    bytes_wipe(t, sizeof *t);
    free(t);
}

size_t sip_transactions_count(const struct sip_transactions *t)
{
    return t->count;
}

size_t sip_transactions_bytes(const struct sip_transactions *t)
{
    return t->bytes;
}

/* --- what arrives --- */

static void advance(struct sip_transactions *t, uint64_t now)
{
    t->now = now > t->now ? now : t->now;
}

/* Remembers a request outside a dialog by what all its copies share; true when another copy was here before. */
static bool note_merged(struct sip_transactions *t, struct transaction *tx, const struct sip_message *request)
{
    if (!t->settings.find_merged || request->to.tag.len)
        return false;
    struct digest digest = match_merged(t, request);
    if (table_find(t, TABLE_MERGE, digest))
        return true;
    table_insert(t, TABLE_MERGE, tx, digest);
    return false;
}

/* The ACK of a final response other than 2xx has the branch of its INVITE (RFC 3261 17.1.1.3). */
static enum sip_arrival acknowledge(struct sip_transactions *t, const struct sip_message *ack)
{
    struct transaction *tx = table_find(t, TABLE_MATCH, match_server(t, ack, SPAN("INVITE")));
    return tx ? invite_server_ack(t, tx) : SIP_ARRIVAL_STATELESS;
}

enum sip_arrival sip_transaction_request(struct sip_transactions *t, uint64_t now, uint64_t flow, bool reliable,
                                         const struct sip_message *request, void *user, uint64_t *id)
{
    advance(t, now);
    *id = 0;
    if (request->method == SIP_ACK)
        return acknowledge(t, request);
    struct digest digest = match_server(t, request, request->method_text);
    struct transaction *tx = table_find(t, TABLE_MATCH, digest);
    if (tx) {
        *id = transaction_id(tx);
        if (tx->machine == MACHINE_INVITE_SERVER)
            invite_server_retransmission(t, tx);
        else
            server_retransmission(t, tx);
        return SIP_ARRIVAL_RETRANSMISSION;
    }
    tx = transaction_acquire(t);
    if (!tx)
        return SIP_ARRIVAL_FULL;
    tx->flow = flow;
    tx->reliable = reliable;
    tx->user = user;
    table_insert(t, TABLE_MATCH, tx, digest);
    if (request->method == SIP_INVITE)
        invite_server_start(t, tx);
    else
        server_start(t, tx);
    *id = transaction_id(tx);
    return note_merged(t, tx, request) ? SIP_ARRIVAL_MERGED : SIP_ARRIVAL_NEW;
}

enum sip_arrival sip_transaction_response(struct sip_transactions *t, uint64_t now, const struct sip_message *response,
                                          uint64_t *id, void **user)
{
    enum sip_arrival arrival;
    advance(t, now);
    struct digest digest = match_client(t, response->via.branch, response->cseq_method);
    struct transaction *tx = table_find(t, TABLE_MATCH, digest);
    *id = 0;
    *user = NULL;
    if (!tx)
        return SIP_ARRIVAL_STRAY;
    *id = transaction_id(tx);
    *user = tx->user;
    if (tx->machine == MACHINE_INVITE_CLIENT)
        invite_client_response(t, tx, response, &arrival);
    else
        client_response(t, tx, response->status, &arrival);
    return arrival;
}

/* --- what the caller does --- */

static struct transaction *alive(struct sip_transactions *t, uint64_t id)
{
    struct transaction *tx = transaction_of(t, id);
    return tx && tx->state != STATE_TERMINATED ? tx : NULL;
}

static struct transaction *alive_server(struct sip_transactions *t, uint64_t id)
{
    struct transaction *tx = alive(t, id);
    return tx && transaction_is_server(tx) ? tx : NULL;
}

enum sip_respond sip_server_respond(struct sip_transactions *t, uint64_t now, uint64_t id, int status,
                                    struct span response)
{
    advance(t, now);
    struct transaction *tx = alive_server(t, id);
    if (!tx)
        return SIP_RESPOND_GONE;
    return tx->machine == MACHINE_INVITE_SERVER ? invite_server_response(t, tx, status, response)
                                                : server_response(t, tx, status, response);
}

bool sip_server_move(struct sip_transactions *t, uint64_t id, uint64_t flow, bool reliable)
{
    struct transaction *tx = alive_server(t, id);
    if (!tx)
        return false;
    tx->flow = flow;
    tx->reliable = reliable;
    return true;
}

bool sip_server_cancelled_by(struct sip_transactions *t, const struct sip_message *cancel, uint64_t *id, void **user)
{
    struct transaction *tx = table_find(t, TABLE_MATCH, match_server(t, cancel, SPAN("INVITE")));
    *id = tx ? transaction_id(tx) : 0;
    *user = tx ? tx->user : NULL;
    return tx != NULL;
}

static void failed(struct sip_transactions *t, struct transaction *tx)
{
    if (tx->machine == MACHINE_INVITE_CLIENT)
        invite_client_failed(t, tx);
    else
        client_failed(t, tx);
}

void sip_transaction_send_failed(struct sip_transactions *t, uint64_t id)
{
    struct transaction *tx = alive(t, id);
    if (tx && !transaction_is_server(tx))
        failed(t, tx);
}

void sip_transactions_flow_failed(struct sip_transactions *t, uint64_t flow)
{
    uint32_t next;
    for (uint32_t slot = flow_first(t, flow); slot != NO_SLOT; slot = next) {
        struct transaction *tx = transaction_at(t, slot);
        next = tx->flow_after;
        if (tx->flow == flow)
            failed(t, tx);
    }
}

void sip_transaction_abandon(struct sip_transactions *t, uint64_t id)
{
    struct transaction *tx = alive(t, id);
    if (!tx)
        return;
    tx->events = 0;
    transaction_terminate(t, tx);
}

bool sip_transaction_set_user(struct sip_transactions *t, uint64_t id, void *user)
{
    struct transaction *tx = transaction_of(t, id);
    if (tx)
        tx->user = user;
    return tx != NULL;
}

/* --- time and events --- */

static void fire(struct sip_transactions *t, struct transaction *tx, enum transaction_timer which)
{
    switch (tx->machine) {
    case MACHINE_CLIENT:
        client_timer(t, tx, which);
        break;
    case MACHINE_SERVER:
        server_timer(t, tx, which);
        break;
    case MACHINE_INVITE_CLIENT:
        invite_client_timer(t, tx, which);
        break;
    case MACHINE_INVITE_SERVER:
        invite_server_timer(t, tx, which);
        break;
    }
}

void sip_transactions_tick(struct sip_transactions *t, uint64_t now)
{
    enum transaction_timer which;
    struct transaction *tx;
    advance(t, now);
    while ((tx = timer_take_due(t, &which)) != NULL)
        fire(t, tx, which);
}

void transaction_event(struct sip_transactions *t, struct transaction *tx, enum sip_event_kind kind)
{
    tx->events |= (uint8_t)(1u << kind);
    if (tx->has_events)
        return;
    tx->has_events = true;
    tx->next_event = NO_SLOT;
    if (t->last_event != NO_SLOT)
        transaction_at(t, t->last_event)->next_event = tx->slot;
    else
        t->first_event = tx->slot;
    t->last_event = tx->slot;
}

void transaction_terminate(struct sip_transactions *t, struct transaction *tx)
{
    timer_stop(t, tx, TIMER_AGAIN);
    timer_stop(t, tx, TIMER_END);
    table_remove(t, TABLE_MATCH, tx);
    table_remove(t, TABLE_MERGE, tx);
    flow_leave(t, tx);
    tx->state = STATE_TERMINATED;
    transaction_event(t, tx, SIP_EVENT_TERMINATED);
}

static void leave_events(struct sip_transactions *t, struct transaction *tx)
{
    t->first_event = tx->next_event;
    if (t->first_event == NO_SLOT)
        t->last_event = NO_SLOT;
    tx->has_events = false;
}

/* A request that went out over a reliable transport is never sent again, or its user writes it anew. An INVITE is kept,
 * since its ACK or CANCEL is made of it. A 2xx to it, and any 100, is kept no longer than it takes to send it. */
static void forget_spent(struct sip_transactions *t)
{
    struct transaction *tx = transaction_of(t, t->spent);
    if (tx)
        transaction_forget_bytes(t, tx);
    t->spent = 0;
}

static bool is_spent(const struct transaction *tx)
{
    switch (tx->machine) {
    case MACHINE_CLIENT:
        return tx->reliable || tx->written_again;
    case MACHINE_INVITE_SERVER:
        return tx->state == STATE_ACCEPTED || tx->trying;
    case MACHINE_SERVER:
        return tx->trying;
    default:
        return false;
    }
}

static void fill(struct sip_transactions *t, struct transaction *tx, struct sip_event *event)
{
    *event = (struct sip_event){
        .kind = event->kind,
        .id = transaction_id(tx),
        .user = tx->user,
        .is_server = transaction_is_server(tx),
        .flow = tx->flow,
        .reliable = tx->reliable,
    };
    if (event->kind != SIP_EVENT_SEND)
        return;
    event->bytes = span_of(tx->bytes, tx->len);
    event->again = tx->sent;
    tx->sent = true;
    if (is_spent(tx))
        t->spent = transaction_id(tx);
}

bool sip_transaction_next(struct sip_transactions *t, struct sip_event *event)
{
    forget_spent(t);
    while (t->first_event != NO_SLOT) {
        struct transaction *tx = transaction_at(t, t->first_event);
        unsigned kind = 0;
        while (kind <= SIP_EVENT_TERMINATED && !(tx->events >> kind & 1))
            kind++;
        if (kind > SIP_EVENT_TERMINATED) { /* what it had was taken back */
            leave_events(t, tx);
            continue;
        }
        tx->events &= (uint8_t)~(1u << kind);
        event->kind = (enum sip_event_kind)kind;
        fill(t, tx, event);
        if (tx->events == 0)
            leave_events(t, tx);
        if (event->kind == SIP_EVENT_TERMINATED)
            transaction_release(t, tx);
        return true;
    }
    return false;
}
