/* The table of connections: by flow, by the other end, and in the order of their last use. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "net/internal.h"
#include "proxy/address.h"
#include "sip/siphash.h"

enum { BUCKETS_MAX = 1 << 16, SWEEP_INTERVAL_S = 1, SECOND_MS = 1000 };

uint64_t net_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_MS + (uint64_t)now.tv_nsec / 1000000;
}

/* --- finding --- */

static struct connection_bucket *bucket_of_flow(const struct transports *t, uint64_t flow)
{
    return &t->flows[flow & (t->bucket_count - 1)];
}

static struct connection_bucket *bucket_of_hop(const struct transports *t, const struct hop *hop)
{
    uint8_t text[ADDRESS_TEXT_MAX + 4];
    struct writer w = writer_over(text, sizeof text);
    struct siphash h;
    address_write_host(&w, &hop->address);
    writer_u16(&w, address_port(&hop->address));
    siphash_begin(&h, t->settings.key);
    siphash_add(&h, writer_span(&w));
    return &t->hops[siphash_end(&h).half[0] & (t->bucket_count - 1)];
}

struct connection *connection_of_flow(const struct transports *t, uint64_t flow)
{
    struct connection *c;
    LIST_FOREACH(c, bucket_of_flow(t, flow), by_flow)
        if (c->flow == flow)
            return c;
    return NULL;
}

/* One that is being closed takes no new messages. RFC 5923 8: who opened a TLS connection to us is sent requests over
 * it only as the host that it has proven to be. */
struct connection *connection_of_hop(const struct transports *t, const struct hop *hop, struct span host)
{
    struct connection *c;
    LIST_FOREACH(c, bucket_of_hop(t, hop), by_hop)
        if (!c->closing && hop_equal(&c->remote, hop) && (!c->tls || tls_leads_to(c->tls, host)))
            return c;
    return NULL;
}

/* --- coming and going --- */

void connection_used(struct connection *c)
{
    struct transports *t = c->owner;
    c->used_at = net_now_ms();
    TAILQ_REMOVE(&t->used, c, by_use);
    TAILQ_INSERT_TAIL(&t->used, c, by_use);
}

static uint64_t silent_for_ms(const struct connection *c)
{
    return net_now_ms() - c->used_at;
}

/* Whether there is room for one more; the one silent for longest makes it, when it has been silent long enough. */
static bool make_room(struct transports *t)
{
    if (t->connection_count < t->settings.connections)
        return true;
    struct connection *oldest = TAILQ_FIRST(&t->used);
    if (!oldest || silent_for_ms(oldest) < NET_EVICT_AFTER_S * SECOND_MS)
        return false;
    connection_end(oldest);
    return true;
}

struct connection *connection_new(struct transports *t, int fd, const struct hop *remote,
                                  const struct listener *listener)
{
    struct connection *c = make_room(t) ? calloc(1, sizeof *c) : NULL;
    if (!c) {
        t->counters.refused++;
        close(fd);
        return NULL;
    }
    c->owner = t;
    c->flow = t->next_flow++;
    c->remote = *remote;
    c->accepted_by = listener;
    c->fd = fd;
    c->used_at = net_now_ms();
    STAILQ_INIT(&c->output);
    LIST_INSERT_HEAD(bucket_of_flow(t, c->flow), c, by_flow);
    LIST_INSERT_HEAD(bucket_of_hop(t, remote), c, by_hop);
    TAILQ_INSERT_TAIL(&t->used, c, by_use);
    t->connection_count++;
    return c;
}

static void fail_output(struct connection *c)
{
    struct transports *t = c->owner;
    if (!STAILQ_EMPTY(&c->output))
        t->output_pending--;
    while (!STAILQ_EMPTY(&c->output)) {
        struct output *o = STAILQ_FIRST(&c->output);
        STAILQ_REMOVE_HEAD(&c->output, link);
        if (o->transaction)
            t->owner.failed(t->owner.context, o->transaction);
        free(o);
    }
}

void connection_end(struct connection *c)
{
    struct transports *t = c->owner;
    if (c->dead)
        return;
    c->dead = true;
    LIST_REMOVE(c, by_flow);
    LIST_REMOVE(c, by_hop);
    if (c->to_write)
        LIST_REMOVE(c, by_output);
    TAILQ_REMOVE(&t->used, c, by_use);
    TAILQ_INSERT_TAIL(&t->dead, c, by_use);
    t->connection_count--;
    if (c->readable)
        event_free(c->readable);
    if (c->writable)
        event_free(c->writable);
    c->readable = c->writable = NULL;
    if (c->tls)
        tls_end(c->tls);
    close(c->fd);
    fail_output(c);
    t->owner.closed(t->owner.context, &c->remote);
}

void connections_bury(struct transports *t)
{
    while (!TAILQ_EMPTY(&t->dead)) {
        struct connection *c = TAILQ_FIRST(&t->dead);
        TAILQ_REMOVE(&t->dead, c, by_use);
        tls_free(c->tls); /* whoever was told of its peer may still look at it */
        free(c->input);
        free(c);
    }
}

void connections_finish(struct transports *t, const struct listener *listener)
{
    struct connection *c = TAILQ_FIRST(&t->used), *next;
    for (; c; c = next) {
        next = TAILQ_NEXT(c, by_use);
        if (c->accepted_by != listener)
            continue;
        c->accepted_by = NULL;
        stream_finish(c);
    }
}

/* --- time --- */

static uint64_t allowed_silence_ms(const struct connection *c)
{
    uint64_t idle = (uint64_t)c->owner->settings.idle_seconds * SECOND_MS;
    bool opening = c->connecting || c->shaking_hands;
    uint64_t limit = opening ? NET_CONNECT_MAX_S * SECOND_MS : c->closing ? NET_LINGER_MAX_S * SECOND_MS : idle;
    return limit < idle ? limit : idle;
}

/* Once a second: those that are silent for too long. Connecting and closing ones have shorter limits and may stand
 * anywhere in the list, so all of it is looked at. */
static void on_sweep(evutil_socket_t fd, short what, void *context)
{
    struct transports *t = context;
    struct connection *c = TAILQ_FIRST(&t->used), *next;
    (void)fd;
    (void)what;
    for (; c; c = next) {
        next = TAILQ_NEXT(c, by_use);
        if (silent_for_ms(c) <= allowed_silence_ms(c))
            continue;
        if (c->shaking_hands)
            secure_timed_out(c);
        else
            connection_end(c);
    }
    listeners_sweep(t);
    t->owner.settled(t->owner.context);
    connections_bury(t);
}

bool connections_open(struct transports *t)
{
    const struct timeval interval = {.tv_sec = SWEEP_INTERVAL_S};
    TAILQ_INIT(&t->used);
    TAILQ_INIT(&t->dead);
    t->next_flow = (uint64_t)1 << NET_FIRST_CONNECTION_FLOW_BIT;
    t->bucket_count = 64;
    while (t->bucket_count < t->settings.connections && t->bucket_count < BUCKETS_MAX)
        t->bucket_count *= 2;
    t->flows = calloc(t->bucket_count, sizeof *t->flows);
    t->hops = calloc(t->bucket_count, sizeof *t->hops);
    t->sweep = event_new(t->base, -1, EV_PERSIST, on_sweep, t);
    return t->flows && t->hops && t->sweep && event_add(t->sweep, &interval) == 0;
}

void connections_close(struct transports *t)
{
    while (t->flows && t->hops && !TAILQ_EMPTY(&t->used))
        connection_end(TAILQ_FIRST(&t->used));
    connections_bury(t);
    if (t->sweep)
        event_free(t->sweep);
    free(t->flows);
    free(t->hops);
}
