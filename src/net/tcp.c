/* TCP, and TLS over it: accepting connections, and opening them. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/internal.h"
#include "proxy/address.h"

enum { RESUME_MS = 100 };

/* --- accepting --- */

/* The system has no descriptor left: trying again at once would only burn time. */
static void pause_accepting(struct listener *l)
{
    const struct timeval later = {.tv_usec = RESUME_MS * 1000};
    event_del(l->event);
    event_add(l->resume, &later);
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
    struct listener *l = context;
    (void)fd;
    (void)what;
    if (!l->owner->stopped && !l->leave_at)
        event_add(l->event, NULL);
}

static void set_options(int fd)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* A new connection of ours: its TLS if it is to have any, then its events. */
static bool begin(struct connection *c, struct tls *tls, bool connecting)
{
    c->tls = tls;
    c->shaking_hands = tls != NULL;
    if ((c->remote.transport == SIP_TLS && !tls) || !stream_begin(c, connecting)) {
        connection_end(c);
        return false;
    }
    return true;
}

static bool accept_one(struct listener *l)
{
    struct transports *t = l->owner;
    struct hop remote = {.transport = l->hop.transport, .address_len = sizeof remote.address};
    int fd = accept4(l->fd, (struct sockaddr *)&remote.address, &remote.address_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(l);
        return errno == EINTR || errno == ECONNABORTED;
    }
    address_unmap(&remote.address, &remote.address_len);
    set_options(fd);
    struct connection *c = connection_new(t, fd, &remote, l);
    if (!c)
        return true;
    t->counters.accepted++;
    begin(c, remote.transport == SIP_TLS && t->tls ? tls_accept(t->tls, t->tls_clients, fd) : NULL, false);
    return true;
}

static void on_acceptable(evutil_socket_t fd, short what, void *context)
{
    struct listener *l = context;
    (void)fd;
    (void)what;
    for (int i = 0; i < NET_ACCEPT_BATCH && accept_one(l); i++)
        continue;
    l->owner->owner.settled(l->owner->owner.context);
    connections_bury(l->owner);
}

bool tcp_listen(struct listener *l)
{
    l->event = event_new(l->owner->base, l->fd, EV_READ | EV_PERSIST, on_acceptable, l);
    l->resume = event_new(l->owner->base, -1, 0, on_resume, l);
    return l->event && l->resume && event_add(l->event, NULL) == 0;
}

/* --- connecting --- */

/* Leaves from an address that is listened on, so that the other end sees whom it knows. Where that fails the system
 * chooses. */
static void bind_local(const struct transports *t, int fd, const struct hop *hop)
{
    const struct listener *l;
    TAILQ_FOREACH(l, &t->listeners, link) {
        const struct hop *own = &l->hop;
        if (l->leave_at || own->transport != hop->transport || own->address.ss_family != hop->address.ss_family ||
            address_is_wildcard(&own->address))
            continue;
        struct sockaddr_storage local = own->address;
        if (local.ss_family == AF_INET6)
            ((struct sockaddr_in6 *)(void *)&local)->sin6_port = 0;
        else
            ((struct sockaddr_in *)(void *)&local)->sin_port = 0;
        if (bind(fd, (const struct sockaddr *)&local, own->address_len) == 0)
            return;
    }
}

static struct connection *connect_to(struct transports *t, const struct hop *hop, struct span host)
{
    if (hop->transport == SIP_TLS && (!t->tls || host.len == 0))
        return NULL;
    int fd = socket(hop->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    set_options(fd);
    bind_local(t, fd, hop);
    if (connect(fd, (const struct sockaddr *)&hop->address, hop->address_len) != 0 && errno != EINPROGRESS) {
        close(fd);
        return NULL;
    }
    struct connection *c = connection_new(t, fd, hop, NULL);
    if (!c || !begin(c, hop->transport == SIP_TLS ? tls_connect(t->tls, host, fd) : NULL, true))
        return NULL;
    return c;
}

void tcp_send(struct transports *t, uint64_t flow, const struct hop *hop, struct span host, struct span bytes,
              uint64_t transaction)
{
    struct connection *c = flow ? connection_of_flow(t, flow) : NULL;
    if (!c)
        c = connection_of_hop(t, hop, host);
    if (!c)
        c = connect_to(t, hop, host);
    if (c)
        stream_write(c, bytes, transaction);
    else if (transaction)
        t->owner.failed(t->owner.context, transaction);
}
