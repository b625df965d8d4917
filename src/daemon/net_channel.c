#include "daemon/net_channel.h"

#include <stdlib.h>
#include <unistd.h>

#include "ipc/ipc.h"

struct net_datagram {
    STAILQ_ENTRY(net_datagram) link;
    size_t len;
    uint8_t bytes[];
};

void net_channel_close(struct net_channel *c)
{
    if (c->fd < 0)
        return;
    if (c->readable)
        event_free(c->readable);
    if (c->writable)
        event_free(c->writable);
    c->readable = c->writable = NULL;
    close(c->fd);
    c->fd = -1;
    while (!STAILQ_EMPTY(&c->queue)) {
        struct net_datagram *d = STAILQ_FIRST(&c->queue);
        STAILQ_REMOVE_HEAD(&c->queue, link);
        free(d);
    }
    c->queued = 0;
}

static void lose(struct net_channel *c)
{
    net_channel_close(c);
    c->lost(c);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct net_channel *c = context;
    struct span datagram[IPC_BATCH_MAX];
    size_t count;
    (void)what;
    enum channel_result result = channel_receive_many(fd, c->buffer, datagram, IPC_BATCH_MAX, &count);
    for (size_t i = 0; i < count && c->fd >= 0; i++)
        if (!c->received(c, datagram[i]))
            lose(c);
    if (result == CHANNEL_CLOSED && c->fd >= 0)
        lose(c);
    c->settled(c);
}

static void drop_first(struct net_channel *c, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct net_datagram *d = STAILQ_FIRST(&c->queue);
        STAILQ_REMOVE_HEAD(&c->queue, link);
        free(d);
        c->queued--;
    }
}

/* Sends what waits. False when the other end is gone. */
static bool send_queue(struct net_channel *c)
{
    while (!STAILQ_EMPTY(&c->queue)) {
        struct span datagram[IPC_BATCH_MAX];
        struct net_datagram *d;
        size_t count = 0, sent;
        STAILQ_FOREACH(d, &c->queue, link) {
            if (count == IPC_BATCH_MAX)
                break;
            datagram[count++] = span_of(d->bytes, d->len);
        }
        enum channel_result result = channel_send_many(c->fd, datagram, count, &sent);
        drop_first(c, sent);
        if (result == CHANNEL_AGAIN)
            return event_add(c->writable, NULL) == 0;
        if (result != CHANNEL_DONE)
            return false;
    }
    return true;
}

void net_channel_flush(struct net_channel *c)
{
    if (c->fd >= 0 && !STAILQ_EMPTY(&c->queue) && !event_pending(c->writable, EV_WRITE, NULL) && !send_queue(c))
        lose(c);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct net_channel *c = context;
    (void)fd;
    (void)what;
    if (!send_queue(c))
        lose(c);
    c->settled(c);
}

bool net_channel_open(struct net_channel *c, int fd)
{
    c->fd = fd;
    c->queued = 0;
    STAILQ_INIT(&c->queue);
    c->readable = event_new(c->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = event_new(c->base, fd, EV_WRITE, on_writable, c);
    if (c->readable && c->writable && evutil_make_socket_nonblocking(fd) == 0 && event_add(c->readable, NULL) == 0)
        return true;
    net_channel_close(c);
    return false;
}

static bool enqueue(struct net_channel *c, struct span datagram)
{
    struct net_datagram *d = c->queued < c->queue_max ? malloc(sizeof *d + datagram.len) : NULL;
    if (!d)
        return false;
    d->len = datagram.len;
    memcpy(d->bytes, datagram.at, datagram.len);
    STAILQ_INSERT_TAIL(&c->queue, d, link);
    c->queued++;
    return true;
}

void net_channel_send(struct net_channel *c, struct span datagram)
{
    if (c->fd >= 0 && !enqueue(c, datagram))
        lose(c);
}

bool net_channel_pending(const struct net_channel *c)
{
    return c->fd >= 0 && c->queued > 0;
}
