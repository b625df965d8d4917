/* UDP in batches: what has arrived is taken with recvmmsg, what is to go is gathered and given to sendmmsg. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/internal.h"
#include "proxy/address.h"

enum {
    RECEIVE_BATCH = 32,
    RECEIVE_ROUNDS = 4, /* batches taken in one turn of the event loop */
    DATAGRAM_MAX = 65536,
    DATAGRAM_ROOM = DATAGRAM_MAX + 1088, /* no power of two, else the first bytes of all would take turns in the same few
                                            lines of the cache */
    SEND_BATCH = 64,
    SEND_BYTES = 512 * 1024,
};

struct outgoing {
    const struct listener *listener;
    struct sockaddr_storage address;
    socklen_t address_len;
    size_t at, len; /* in `send` */
    uint64_t transaction;
};

struct udp_batch {
    struct mmsghdr header[RECEIVE_BATCH];
    struct iovec piece[RECEIVE_BATCH];
    struct sockaddr_storage from[RECEIVE_BATCH];
    uint8_t *receive; /* RECEIVE_BATCH times DATAGRAM_ROOM bytes */

    struct outgoing out[SEND_BATCH];
    size_t out_count, send_len;
    uint8_t *send; /* SEND_BYTES */
};

struct udp_batch *udp_batch_new(void)
{
    struct udp_batch *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->receive = malloc((size_t)RECEIVE_BATCH * DATAGRAM_ROOM);
    b->send = malloc(SEND_BYTES);
    if (b->receive && b->send)
        return b;
    udp_batch_free(b);
    return NULL;
}

void udp_batch_free(struct udp_batch *b)
{
    if (!b)
        return;
    free(b->receive);
    free(b->send);
    free(b);
}

/* --- receiving --- */

static int receive(struct udp_batch *b, int fd)
{
    for (size_t i = 0; i < RECEIVE_BATCH; i++) {
        b->piece[i] = (struct iovec){b->receive + i * DATAGRAM_ROOM, DATAGRAM_MAX};
        b->header[i].msg_hdr = (struct msghdr){
            .msg_name = &b->from[i], .msg_namelen = sizeof b->from[i], .msg_iov = &b->piece[i], .msg_iovlen = 1};
    }
    return recvmmsg(fd, b->header, RECEIVE_BATCH, MSG_DONTWAIT, NULL);
}

static void hand_over(struct listener *l, const struct udp_batch *b, size_t i)
{
    struct transports *t = l->owner;
    struct span bytes = span_of(b->piece[i].iov_base, b->header[i].msg_len);
    if (span_trim(bytes).len == 0)
        return; /* a keep-alive (RFC 5626 3.5.1) */
    struct proxy_source source = {
        .transport = SIP_UDP,
        .address = b->from[i],
        .address_len = b->header[i].msg_hdr.msg_namelen,
        .flow = transports_flow_of(l->number),
        .leaving = l->leave_at != 0,
    };
    address_unmap(&source.address, &source.address_len);
    t->counters.datagrams_in++;
    t->owner.message(t->owner.context, &source, bytes);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct listener *l = context;
    struct udp_batch *b = l->owner->udp;
    int got = RECEIVE_BATCH;
    (void)what;
    for (int round = 0; round < RECEIVE_ROUNDS && got == RECEIVE_BATCH; round++) {
        got = receive(b, fd);
        for (int i = 0; i < got; i++)
            hand_over(l, b, (size_t)i);
    }
    l->owner->owner.settled(l->owner->owner.context);
}

bool udp_listen(struct listener *l)
{
    l->event = event_new(l->owner->base, l->fd, EV_READ | EV_PERSIST, on_readable, l);
    return l->event && event_add(l->event, NULL) == 0;
}

/* --- sending --- */

static void fail(struct transports *t, uint64_t transaction)
{
    if (transaction)
        t->owner.failed(t->owner.context, transaction);
}

/* Sends `count` datagrams of one socket, from `first` on. One that the system refuses is told of and passed over; when
 * the socket's buffer is full the rest is lost, as on any network: what matters is sent again. */
static void send_run(struct transports *t, size_t first, size_t count)
{
    struct udp_batch *b = t->udp;
    struct mmsghdr header[SEND_BATCH];
    struct iovec piece[SEND_BATCH];
    int fd = b->out[first].listener->fd;
    for (size_t i = 0; i < count; i++) {
        struct outgoing *o = &b->out[first + i];
        piece[i] = (struct iovec){b->send + o->at, o->len};
        header[i].msg_hdr = (struct msghdr){
            .msg_name = &o->address, .msg_namelen = o->address_len, .msg_iov = &piece[i], .msg_iovlen = 1};
    }
    for (size_t done = 0; done < count;) {
        int sent = sendmmsg(fd, header + done, (unsigned)(count - done), MSG_DONTWAIT);
        if (sent > 0) {
            t->counters.datagrams_out += (uint64_t)sent;
            done += (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
            t->counters.datagrams_lost += count - done;
            return;
        } else if (errno != EINTR) {
            fail(t, b->out[first + done].transaction);
            done++;
        }
    }
}

void udp_flush(struct transports *t)
{
    struct udp_batch *b = t->udp;
    size_t count = b->out_count;
    for (size_t first = 0; first < count;) {
        size_t next = first + 1;
        while (next < count && b->out[next].listener == b->out[first].listener)
            next++;
        send_run(t, first, next - first);
        first = next;
    }
    b->out_count = b->send_len = 0;
}

void udp_send(struct transports *t, const struct listener *listener, const struct hop *hop, struct span bytes,
              uint64_t transaction)
{
    struct udp_batch *b = t->udp;
    if (bytes.len == 0 || bytes.len > DATAGRAM_MAX) {
        fail(t, transaction);
        return;
    }
    if (b->out_count == SEND_BATCH || b->send_len + bytes.len > SEND_BYTES)
        udp_flush(t);
    memcpy(b->send + b->send_len, bytes.at, bytes.len);
    b->out[b->out_count++] = (struct outgoing){listener,  hop->address, hop->address_len, b->send_len,
                                               bytes.len, transaction};
    b->send_len += bytes.len;
}
