#include "net/transports.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "net/internal.h"
#include "proxy/address.h"

struct transports *transports_new(struct event_base *base, const struct transports_settings *settings,
                                  const struct transports_owner *owner)
{
    struct transports *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->base = base;
    t->settings = *settings;
    TAILQ_INIT(&t->listeners);
    t->owner = *owner;
    t->udp = udp_batch_new();
    t->input = malloc(NET_READ_MAX);
    t->record = malloc(TLS_RECORD_MAX);
    if (t->udp && t->input && t->record && connections_open(t))
        return t;
    transports_free(t);
    return NULL;
}

void transports_free(struct transports *t)
{
    if (!t)
        return;
    connections_close(t);
    while (!TAILQ_EMPTY(&t->listeners))
        listener_close(TAILQ_FIRST(&t->listeners));
    udp_batch_free(t->udp);
    tls_context_release(t->tls);
    free(t->input);
    free(t->record);
    free(t);
}

void transports_limit(struct transports *t, const struct transports_settings *settings)
{
    t->settings.message_bytes = settings->message_bytes;
    t->settings.connections = settings->connections;
    t->settings.idle_seconds = settings->idle_seconds;
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
    const struct listener *listener = hop->transport == SIP_UDP ? listener_of_flow(t, flow) : NULL;
    if (hop->transport == SIP_TCP || hop->transport == SIP_TLS)
        tcp_send(t, flow, hop, host, bytes, transaction);
    else if (listener)
        udp_send(t, listener, hop, bytes, transaction);
    else if (transaction)
        t->owner.failed(t->owner.context, transaction);
}

void transports_send_over(struct transports *t, uint64_t flow, struct span bytes, uint64_t transaction)
{
    struct connection *c = flow ? connection_of_flow(t, flow) : NULL;
    if (c && !c->closing)
        stream_write(c, bytes, transaction);
    else if (transaction)
        t->owner.failed(t->owner.context, transaction);
}

bool transports_local(const struct transports *t, uint64_t flow, const struct hop *hop, struct span host,
                      struct hop *local)
{
    const struct listener *listener = hop->transport == SIP_UDP ? listener_of_flow(t, flow) : NULL;
    struct hop found = {.transport = hop->transport, .address_len = sizeof found.address};
    if (hop->transport == SIP_UDP) {
        if (listener)
            *local = listener->hop;
        return listener != NULL;
    }
    const struct connection *c = flow ? connection_of_flow(t, flow) : NULL;
    if (!c)
        c = connection_of_hop(t, hop, host);
    if (!c || c->fd < 0 || getsockname(c->fd, (struct sockaddr *)&found.address, &found.address_len) != 0)
        return false;
    address_unmap(&found.address, &found.address_len);
    *local = found;
    return true;
}

void transports_flush(struct transports *t)
{
    udp_flush(t);
    streams_flush(t);
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
