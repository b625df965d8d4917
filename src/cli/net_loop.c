#include "cli/net_loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/net_stream.h"

enum { DATAGRAM_MAX = 65536, LISTEN_BACKLOG = 64, POLL_MAX = 1 + NET_SOCKETS_MAX + NET_CONNECTIONS_MAX };

struct net_socket {
    int fd;
    struct net_place local;
    bool connected; /* a UDP socket of one's own for one peer */
};

struct net_peer {
    uint64_t flow;
    size_t socket;
    struct net_place place;
};

struct net_loop {
    int signals;
    struct tls_context *tls; /* null: none */
    struct net_socket socket[NET_SOCKETS_MAX];
    size_t socket_count;
    struct net_stream stream[NET_CONNECTIONS_MAX];
    struct net_peer peer[NET_PEERS_MAX]; /* a ring */
    size_t peer_next;
    uint64_t last_flow;
    size_t turn; /* the connection that is looked at first: none starves the others */
    struct pollfd polled[POLL_MAX];
    struct net_stream *polled_stream[POLL_MAX];
    size_t polled_count;
    uint8_t datagram[DATAGRAM_MAX];
};

static int take_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

struct net_loop *net_loop_new(void)
{
    struct net_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    for (size_t i = 0; i < NET_CONNECTIONS_MAX; i++)
        loop->stream[i].fd = -1;
    loop->signals = take_signals();
    if (loop->signals >= 0)
        return loop;
    free(loop);
    return NULL;
}

void net_loop_free(struct net_loop *loop)
{
    if (!loop)
        return;
    for (size_t i = 0; i < NET_CONNECTIONS_MAX; i++)
        stream_close(&loop->stream[i]);
    for (size_t i = 0; i < loop->socket_count; i++)
        close(loop->socket[i].fd);
    close(loop->signals);
    tls_context_release(loop->tls);
    free(loop);
}

void net_use_tls(struct net_loop *loop, struct tls_context *context)
{
    tls_context_release(loop->tls);
    loop->tls = context;
}

/* --- opening --- */

static int new_socket(const struct net_place *place)
{
    int kind = place->transport == SIP_UDP ? SOCK_DGRAM : SOCK_STREAM;
    return socket(place->address.ss_family, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static bool keep_socket(struct net_loop *loop, int fd, bool connected, const struct net_place *place)
{
    struct net_socket *s = &loop->socket[loop->socket_count];
    *s = (struct net_socket){.fd = fd, .local = {.transport = place->transport}, .connected = connected};
    s->local.len = sizeof s->local.address;
    if (getsockname(fd, (struct sockaddr *)&s->local.address, &s->local.len) != 0)
        return false;
    loop->socket_count++;
    return true;
}

static bool bind_and_listen(int fd, const struct net_place *place)
{
    const int on = 1;
    bool tcp = place->transport == SIP_TCP;
    /* An address of IPv6 is of IPv6 alone: which socket an IPv4 peer reaches is then no question. */
    if (place->address.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
        return false;
    if (tcp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return false;
    if (bind(fd, (const struct sockaddr *)&place->address, place->len) != 0)
        return false;
    return !tcp || listen(fd, LISTEN_BACKLOG) == 0;
}

static void close_keeping_errno(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
}

bool net_listen(struct net_loop *loop, const struct net_place *place, struct net_place *bound)
{
    if (loop->socket_count == NET_SOCKETS_MAX) {
        errno = EMFILE;
        return false;
    }
    int fd = new_socket(place);
    if (fd < 0)
        return false;
    if (!bind_and_listen(fd, place) || !keep_socket(loop, fd, false, place)) {
        close_keeping_errno(fd);
        return false;
    }
    *bound = loop->socket[loop->socket_count - 1].local;
    return true;
}

void net_unlisten(struct net_loop *loop)
{
    if (loop->socket_count > 0)
        close(loop->socket[--loop->socket_count].fd);
}

static uint64_t remember_peer(struct net_loop *loop, size_t socket, const struct net_place *place)
{
    for (size_t i = 0; i < NET_PEERS_MAX; i++)
        if (loop->peer[i].flow && loop->peer[i].socket == socket && net_same_address(&loop->peer[i].place, place))
            return loop->peer[i].flow;
    struct net_peer *peer = &loop->peer[loop->peer_next];
    loop->peer_next = (loop->peer_next + 1) % NET_PEERS_MAX;
    *peer = (struct net_peer){.flow = ++loop->last_flow, .socket = socket, .place = *place};
    return peer->flow;
}

static bool open_datagrams(struct net_loop *loop, const struct net_place *place, uint64_t *flow)
{
    for (size_t i = 0; i < loop->socket_count; i++) {
        const struct net_socket *s = &loop->socket[i];
        if (s->local.transport == SIP_UDP && !s->connected && s->local.address.ss_family == place->address.ss_family) {
            *flow = remember_peer(loop, i, place);
            return true;
        }
    }
    if (loop->socket_count == NET_SOCKETS_MAX) {
        errno = EMFILE;
        return false;
    }
    int fd = new_socket(place);
    if (fd < 0)
        return false;
    /* Connected, so that the system tells when nobody is there. */
    if (connect(fd, (const struct sockaddr *)&place->address, place->len) != 0 ||
        !keep_socket(loop, fd, true, place)) {
        close_keeping_errno(fd);
        return false;
    }
    *flow = remember_peer(loop, loop->socket_count - 1, place);
    return true;
}

/* A free place for a connection; that which was idle longest gives way. Its flow, if any, is told as gone by sending
 * failing: it had nothing under way that mattered more than a new one. */
static struct net_stream *free_stream(struct net_loop *loop)
{
    struct net_stream *idle = &loop->stream[0];
    for (size_t i = 0; i < NET_CONNECTIONS_MAX; i++) {
        struct net_stream *s = &loop->stream[i];
        if (s->fd < 0)
            return s;
        if (s->active_ms < idle->active_ms)
            idle = s;
    }
    stream_close(idle);
    return idle;
}

/* The TLS of a connection that needs it; false with errno when there can be none. */
static bool secure(const struct net_loop *loop, const struct net_place *place, int fd, struct tls **tls)
{
    *tls = NULL;
    if (place->transport != SIP_TLS)
        return true;
    *tls = loop->tls ? tls_connect(loop->tls, span_text(place->host), fd) : NULL;
    if (!*tls)
        errno = EPROTO;
    return *tls != NULL;
}

static bool open_stream(struct net_loop *loop, const struct net_place *place, uint64_t now_ms, uint64_t *flow)
{
    struct tls *tls;
    int fd = new_socket(place);
    if (fd < 0)
        return false;
    int result = connect(fd, (const struct sockaddr *)&place->address, place->len);
    if ((result != 0 && errno != EINPROGRESS) || !secure(loop, place, fd, &tls)) {
        close_keeping_errno(fd);
        return false;
    }
    *flow = ++loop->last_flow;
    stream_open(free_stream(loop), fd, tls, *flow, place, result != 0, now_ms);
    return true;
}

bool net_open(struct net_loop *loop, const struct net_place *place, uint64_t now_ms, uint64_t *flow)
{
    return place->transport == SIP_UDP ? open_datagrams(loop, place, flow) : open_stream(loop, place, now_ms, flow);
}

/* --- flows --- */

static struct net_stream *find_stream(const struct net_loop *loop, uint64_t flow)
{
    for (size_t i = 0; i < NET_CONNECTIONS_MAX; i++)
        if (loop->stream[i].fd >= 0 && loop->stream[i].flow == flow)
            return &((struct net_loop *)(uintptr_t)loop)->stream[i];
    return NULL;
}

static const struct net_peer *find_peer(const struct net_loop *loop, uint64_t flow)
{
    for (size_t i = 0; i < NET_PEERS_MAX; i++)
        if (loop->peer[i].flow == flow)
            return &loop->peer[i];
    return NULL;
}

bool net_local(const struct net_loop *loop, uint64_t flow, struct net_place *local)
{
    const struct net_stream *s = find_stream(loop, flow);
    const struct net_peer *peer = s ? NULL : find_peer(loop, flow);
    if (s) {
        *local = (struct net_place){.transport = s->peer.transport, .len = sizeof local->address};
        return getsockname(s->fd, (struct sockaddr *)&local->address, &local->len) == 0;
    }
    if (!peer)
        return false;
    *local = loop->socket[peer->socket].local;
    if (!net_is_wildcard(local))
        return true;
    uint16_t port = net_port(local);
    if (!net_facing(&peer->place, local))
        return false;
    net_set_port(local, port);
    return true;
}

uint64_t net_flow_at_port(struct net_loop *loop, uint64_t flow, uint16_t port)
{
    const struct net_peer *peer = find_peer(loop, flow);
    if (!peer)
        return flow;
    struct net_place place = peer->place;
    net_set_port(&place, port);
    return remember_peer(loop, peer->socket, &place);
}

static bool send_datagram(struct net_loop *loop, const struct net_peer *peer, struct span bytes)
{
    const struct net_socket *s = &loop->socket[peer->socket];
    const struct sockaddr *to = s->connected ? NULL : (const struct sockaddr *)&peer->place.address;
    return sendto(s->fd, bytes.at, bytes.len, MSG_NOSIGNAL, to, s->connected ? 0 : peer->place.len) ==
               (ssize_t)bytes.len ||
           errno == EAGAIN; /* as good as lost on the way: it is sent again */
}

bool net_send(struct net_loop *loop, uint64_t flow, struct span bytes, uint64_t now_ms)
{
    struct net_stream *s = find_stream(loop, flow);
    if (s)
        return stream_send(s, bytes, now_ms);
    const struct net_peer *peer = find_peer(loop, flow);
    return peer && send_datagram(loop, peer, bytes);
}

/* --- waiting --- */

static void accept_one(struct net_loop *loop, const struct net_socket *listener, uint64_t now_ms)
{
    struct net_place peer = {.transport = SIP_TCP, .len = sizeof peer.address};
    int fd = accept4(listener->fd, (struct sockaddr *)&peer.address, &peer.len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        stream_open(free_stream(loop), fd, NULL, ++loop->last_flow, &peer, false, now_ms);
}

/* What comes before the first letter of a message is a keep-alive or noise (RFC 3261 7.5, RFC 5626). */
static bool is_keepalive(struct span bytes)
{
    return span_trim(bytes).len == 0;
}

static bool receive_datagram(struct net_loop *loop, size_t socket, struct net_event *event)
{
    const struct net_socket *s = &loop->socket[socket];
    struct net_place peer = {.transport = SIP_UDP, .len = sizeof peer.address};
    struct sockaddr *from = (struct sockaddr *)&peer.address;
    ssize_t got = recvfrom(s->fd, loop->datagram, sizeof loop->datagram, 0, from, &peer.len);
    if (got < 0 && s->connected && errno != EAGAIN && errno != EINTR) {
        for (size_t i = 0; i < NET_PEERS_MAX; i++)
            if (loop->peer[i].flow && loop->peer[i].socket == socket)
                *event = (struct net_event){.kind = NET_CLOSED, .flow = loop->peer[i].flow};
        return event->kind == NET_CLOSED;
    }
    if (got <= 0 || is_keepalive(span_of(loop->datagram, (size_t)got)))
        return false;
    *event = (struct net_event){
        .kind = NET_MESSAGE,
        .flow = remember_peer(loop, socket, &peer),
        .peer = peer,
        .bytes = span_of(loop->datagram, (size_t)got),
    };
    return true;
}

/* When patience with a connection ends: with one that shakes hands, or that has brought a part of a message. */
static uint64_t patience_ends(const struct net_stream *s)
{
    if (s->fd >= 0 && s->shaking_hands)
        return s->active_ms + NET_HANDSHAKE_MS;
    return s->fd >= 0 && s->in_len > 0 ? s->active_ms + NET_PARTIAL_MS : UINT64_MAX;
}

/* A whole message that some connection has already brought, or a connection that is over. */
static bool next_of_streams(struct net_loop *loop, uint64_t now_ms, struct net_event *event)
{
    for (size_t i = 0; i < NET_CONNECTIONS_MAX; i++) {
        size_t at = (loop->turn + i) % NET_CONNECTIONS_MAX;
        struct net_stream *s = &loop->stream[at];
        if (s->fd < 0)
            continue;
        *event = (struct net_event){.kind = NET_MESSAGE, .flow = s->flow, .reliable = true, .peer = s->peer};
        if (stream_next(s, &event->bytes, now_ms)) {
            loop->turn = at + 1;
            return true;
        }
        bool stuck = now_ms > patience_ends(s);
        if (stuck && s->shaking_hands)
            s->why = RULE_TLS_TIMEOUT;
        if (s->ended || stuck || (s->closing && s->out_len == 0)) {
            event->kind = NET_CLOSED;
            event->why = s->why;
            stream_close(s);
            return true;
        }
    }
    return false;
}

static void poll_add(struct net_loop *loop, int fd, short events, struct net_stream *stream)
{
    loop->polled[loop->polled_count] = (struct pollfd){.fd = fd, .events = events};
    loop->polled_stream[loop->polled_count++] = stream;
}

static void poll_prepare(struct net_loop *loop)
{
    loop->polled_count = 0;
    poll_add(loop, loop->signals, POLLIN, NULL);
    for (size_t i = 0; i < loop->socket_count; i++)
        poll_add(loop, loop->socket[i].fd, POLLIN, NULL);
    for (size_t i = 0; i < NET_CONNECTIONS_MAX; i++) {
        struct net_stream *s = &loop->stream[i];
        if (s->fd >= 0)
            poll_add(loop, s->fd, stream_waits_for(s), s);
    }
}

/* Serves what poll found; true when that gave an event. */
static bool serve_polled(struct net_loop *loop, uint64_t now_ms, struct net_event *event)
{
    struct signalfd_siginfo info;
    if (loop->polled[0].revents && read(loop->signals, &info, sizeof info) > 0) {
        *event = (struct net_event){.kind = NET_SIGNAL};
        return true;
    }
    for (size_t i = 1 + loop->socket_count; i < loop->polled_count; i++) {
        struct net_stream *s = loop->polled_stream[i];
        if (loop->polled[i].revents & (POLLOUT | POLLERR | POLLHUP))
            stream_write(s, now_ms);
        if (!s->ended && !s->connecting && loop->polled[i].revents & (POLLIN | POLLERR | POLLHUP))
            stream_read(s, now_ms);
    }
    for (size_t i = 0; i < loop->socket_count; i++) {
        if (!loop->polled[1 + i].revents)
            continue;
        if (loop->socket[i].local.transport == SIP_TCP)
            accept_one(loop, &loop->socket[i], now_ms);
        else if (receive_datagram(loop, i, event))
            return true;
    }
    return false;
}

/* How long poll may sleep: a message that takes too long to arrive is looked at, too. */
static int sleep_ms(const struct net_loop *loop, uint64_t now_ms, uint64_t deadline_ms)
{
    for (size_t i = 0; i < NET_CONNECTIONS_MAX; i++) {
        uint64_t end = patience_ends(&loop->stream[i]);
        if (end < deadline_ms && end < UINT64_MAX)
            deadline_ms = end + 1;
    }
    if (deadline_ms == UINT64_MAX)
        return -1;
    if (deadline_ms <= now_ms)
        return 0;
    return deadline_ms - now_ms > 60000 ? 60000 : (int)(deadline_ms - now_ms);
}

void net_wait(struct net_loop *loop, uint64_t deadline_ms, struct net_event *event)
{
    for (;;) {
        uint64_t now_ms = cli_now_ms();
        *event = (struct net_event){.kind = NET_TIME};
        if (next_of_streams(loop, now_ms, event))
            return;
        poll_prepare(loop);
        int ready = poll(loop->polled, loop->polled_count, sleep_ms(loop, now_ms, deadline_ms));
        if (ready < 0 && errno != EINTR) {
            event->kind = NET_FAILED;
            return;
        }
        now_ms = cli_now_ms();
        *event = (struct net_event){.kind = NET_TIME};
        if (ready > 0 && serve_polled(loop, now_ms, event))
            return;
        if (now_ms >= deadline_ms)
            return;
    }
}
