#include "net/transports.h"

#include <stdlib.h>
#include <unistd.h>

#include "net/internal.h"

struct transports *transports_new(struct event_base *base, const struct transports_settings *settings,
                                  const struct transports_owner *owner)
{
    struct transports *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->base = base;
    t->settings = *settings;
    t->owner = *owner;
    t->udp = udp_batch_new();
    t->input = malloc(NET_READ_MAX);
    if (t->udp && t->input && connections_open(t))
        return t;
    transports_free(t);
    return NULL;
}

static void close_listener(struct listener *l)
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

void transports_free(struct transports *t)
{
    if (!t)
        return;
    connections_close(t);
    for (size_t i = 0; i < t->listener_count; i++)
        close_listener(&t->listener[i]);
    udp_batch_free(t->udp);
    tls_context_release(t->tls);
    free(t->input);
    free(t);
}

bool transports_listen(struct transports *t, const struct hop *hop, int fd)
{
    if (t->listener_count == NET_LISTEN_MAX || evutil_make_socket_nonblocking(fd) != 0)
        return false;
    struct listener *l = &t->listener[t->listener_count++];
    *l = (struct listener){.owner = t, .hop = *hop, .fd = fd};
    if (hop->transport == SIP_UDP)
        return udp_listen(l);
    return (hop->transport == SIP_TCP || hop->transport == SIP_TLS) && tcp_listen(l);
}

void transports_set_tls(struct transports *t, struct tls_context *context, enum tls_clients clients)
{
    struct tls_context *old = t->tls;
    t->tls = context ? tls_context_hold(context) : NULL;
    t->tls_clients = clients;
    tls_context_release(old);
}

void transports_send(struct transports *t, uint64_t flow, const struct hop *hop, struct span host, struct span bytes,
                     uint64_t transaction)
{
    size_t listener = flow >= 1 && flow <= t->listener_count ? (size_t)flow - 1 : t->listener_count;
    if (hop->transport == SIP_TCP || hop->transport == SIP_TLS)
        tcp_send(t, flow, hop, host, bytes, transaction);
    else if (listener < t->listener_count && t->listener[listener].hop.transport == SIP_UDP)
        udp_send(t, listener, hop, bytes, transaction);
    else if (transaction)
        t->owner.failed(t->owner.context, transaction);
}

void transports_flush(struct transports *t)
{
    udp_flush(t);
}

void transports_stop(struct transports *t)
{
    t->stopped = true;
    for (size_t i = 0; i < t->listener_count; i++)
        if (t->listener[i].hop.transport != SIP_UDP)
            close_listener(&t->listener[i]);
}

bool transports_pending(const struct transports *t)
{
    return t->output_pending > 0;
}

void transports_count(const struct transports *t, struct transports_counters *out)
{
    *out = t->counters;
    out->connections = t->connection_count;
}
