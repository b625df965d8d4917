/* The sockets that are listened on: they come with the configuration, and leave with it. */
#include <stdlib.h>
#include <unistd.h>

#include "net/internal.h"

enum { SECOND_MS = 1000 };

static struct listener *listener_numbered(const struct transports *t, uint32_t number)
{
    struct listener *l;
    TAILQ_FOREACH(l, &t->listeners, link)
        if (l->number == number)
            return l;
    return NULL;
}

const struct listener *listener_of_flow(const struct transports *t, uint64_t flow)
{
    const struct listener *l = flow >= 1 && flow <= UINT32_MAX ? listener_numbered(t, (uint32_t)(flow - 1)) : NULL;
    return l && l->hop.transport == SIP_UDP ? l : NULL;
}

bool transports_listen(struct transports *t, uint32_t number, const struct hop *hop, int fd)
{
    if (listener_numbered(t, number) || evutil_make_socket_nonblocking(fd) != 0)
        return false;
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return false;
    *l = (struct listener){.owner = t, .number = number, .hop = *hop, .fd = fd};
    TAILQ_INSERT_TAIL(&t->listeners, l, link);
    if (hop->transport == SIP_UDP ? udp_listen(l) : tcp_listen(l))
        return true;
    l->fd = -1; /* it stays the caller's */
    listener_close(l);
    return false;
}

uint64_t transports_flow_of(uint32_t number)
{
    return (uint64_t)number + 1;
}

bool transports_listens(const struct transports *t, uint32_t number)
{
    return listener_numbered(t, number) != NULL;
}

/* --- leaving --- */

static void stop_accepting(struct listener *l)
{
    if (l->event)
        event_free(l->event);
    if (l->resume)
        event_free(l->resume);
    if (l->fd >= 0)
        close(l->fd);
    l->event = l->resume = NULL;
    l->fd = -1;
}

void listener_close(struct listener *l)
{
    udp_flush(l->owner); /* it may hold datagrams of this socket */
    stop_accepting(l);
    connections_finish(l->owner, l);
    TAILQ_REMOVE(&l->owner->listeners, l, link);
    free(l);
}

void transports_leave(struct transports *t, uint32_t number)
{
    struct listener *l = listener_numbered(t, number);
    if (!l || l->leave_at)
        return;
    l->leave_at = net_now_ms() + NET_LEAVE_S * SECOND_MS;
    if (l->hop.transport != SIP_UDP)
        stop_accepting(l);
}

void listeners_sweep(struct transports *t)
{
    struct listener *l = TAILQ_FIRST(&t->listeners), *next;
    for (; l; l = next) {
        next = TAILQ_NEXT(l, link);
        if (l->leave_at && net_now_ms() >= l->leave_at)
            listener_close(l);
    }
}

void transports_stop(struct transports *t)
{
    struct listener *l;
    t->stopped = true;
    TAILQ_FOREACH(l, &t->listeners, link)
        if (l->hop.transport != SIP_UDP)
            stop_accepting(l);
}
