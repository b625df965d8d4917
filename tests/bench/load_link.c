#include "load_link.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"
#include "sipseal/sip_message.h"

enum { BACKLOG = 64, SOCKET_BUFFER = 4 * 1024 * 1024 };

enum link_kind link_kind_of(const char *name)
{
    static const char *const names[] = {"udp", "tcp", "tls"};
    for (int i = LINK_UDP; name && i <= LINK_TLS; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum link_kind)i;
    DIE("--transport wants udp, tcp or tls");
}

const char *link_transport(enum link_kind kind)
{
    static const char *const names[] = {"UDP", "TCP", "TLS"};
    return names[kind];
}

/* --- TLS --- */

SSL_CTX *link_client_tls(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    NEED(context);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    return context;
}

SSL_CTX *link_server_tls(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    NEED(context && SSL_CTX_use_certificate_chain_file(context, certificate) == 1);
    NEED(SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1);
    return context;
}

/* --- sockets --- */

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int link_socket(enum link_kind kind)
{
    struct sockaddr_in address = loopback(0);
    const int size = SOCKET_BUFFER;
    int fd = socket(AF_INET, (kind == LINK_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    NEED(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    if (kind == LINK_UDP && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size); /* without root, as much as is allowed */
    return fd;
}

int link_port(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    NEED(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    return ntohs(address.sin_port);
}

void link_connect(int fd, int port)
{
    struct sockaddr_in address = loopback(port);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        DIE("port %d of loopback cannot be reached: %s", port, strerror(errno));
}

void link_begin(struct link *l, enum link_kind kind, int fd, SSL_CTX *tls, bool accepts)
{
    const int on = 1;
    l->kind = kind;
    l->fd = fd;
    l->in = malloc(LINK_BUFFER);
    l->out = malloc(LINK_BUFFER);
    NEED(l->in && l->out);
    if (kind != LINK_UDP)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (tls) {
        l->tls = SSL_new(tls);
        NEED(l->tls && SSL_set_fd(l->tls, fd) == 1);
        NEED((accepts ? SSL_accept(l->tls) : SSL_connect(l->tls)) == 1);
        SSL_set_mode(l->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    NEED(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
}

void link_end(struct link *l)
{
    SSL_free(l->tls);
    close(l->fd);
    free(l->in);
    free(l->out);
    *l = (struct link){0};
}

/* --- writing --- */

void link_put(struct link *l, struct span message)
{
    if (l->out_len + message.len > LINK_BUFFER || (l->kind == LINK_UDP && l->out_count == LINK_BATCH))
        link_flush(l);
    if (l->out_len + message.len > LINK_BUFFER)
        DIE("the proxy reads too slowly");
    if (l->kind == LINK_UDP)
        l->datagram[l->out_count++] = message.len;
    memcpy(l->out + l->out_len, message.at, message.len);
    l->out_len += message.len;
}

/* What a socket does not take is lost, and sent again like anything that gets lost. */
static void flush_datagrams(struct link *l)
{
    struct mmsghdr header[LINK_BATCH] = {0};
    struct iovec piece[LINK_BATCH];
    size_t at = 0, done = 0;
    for (size_t i = 0; i < l->out_count; i++) {
        piece[i] = (struct iovec){l->out + at, l->datagram[i]};
        header[i].msg_hdr = (struct msghdr){.msg_iov = &piece[i], .msg_iovlen = 1};
        at += l->datagram[i];
    }
    while (done < l->out_count) {
        int sent = sendmmsg(l->fd, header + done, (unsigned)(l->out_count - done), 0);
        if (sent <= 0)
            break;
        done += (size_t)sent;
    }
    l->out_len = l->out_count = 0;
}

static ssize_t write_some(struct link *l)
{
    if (!l->tls)
        return send(l->fd, l->out, l->out_len, MSG_NOSIGNAL);
    size_t sent;
    int result = SSL_write_ex(l->tls, l->out, l->out_len, &sent);
    if (result == 1)
        return (ssize_t)sent;
    errno = SSL_get_error(l->tls, result) == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
    return -1;
}

bool link_flush(struct link *l)
{
    if (l->kind == LINK_UDP && l->out_count > 0)
        flush_datagrams(l);
    while (l->out_len > 0) {
        ssize_t n = write_some(l);
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0)
            DIE("sending: %s", strerror(errno));
        l->out_len -= (size_t)n;
        memmove(l->out, l->out + n, l->out_len);
    }
    return false;
}

/* --- reading --- */

static void read_datagrams(struct link *l)
{
    struct mmsghdr header[LINK_BATCH] = {0};
    struct iovec piece[LINK_BATCH];
    for (size_t i = 0; i < LINK_BATCH; i++) {
        piece[i] = (struct iovec){l->in + i * LINK_DATAGRAM_MAX, LINK_DATAGRAM_MAX};
        header[i].msg_hdr = (struct msghdr){.msg_iov = &piece[i], .msg_iovlen = 1};
    }
    int got = recvmmsg(l->fd, header, LINK_BATCH, 0, NULL);
    for (int i = 0; i < got; i++)
        l->receive(l->context, span_of(piece[i].iov_base, header[i].msg_len));
}

static ssize_t read_some(struct link *l)
{
    if (!l->tls)
        return recv(l->fd, l->in + l->in_len, LINK_BUFFER - l->in_len, 0);
    size_t got;
    int result = SSL_read_ex(l->tls, l->in + l->in_len, LINK_BUFFER - l->in_len, &got);
    if (result == 1)
        return (ssize_t)got;
    errno = SSL_get_error(l->tls, result) == SSL_ERROR_WANT_READ ? EAGAIN : EIO;
    return -1;
}

static void hand_over(struct link *l)
{
    size_t at = 0;
    for (;;) {
        size_t len = 0;
        bool pong;
        enum rule why;
        struct span rest = span_of(l->in + at, l->in_len - at);
        if (rest.len == 0)
            break;
        if (sip_stream_frame(rest, SIP_MESSAGE_MAX, &l->scanned, &len, &pong, &why) != SIP_FRAME_MESSAGE)
            break;
        l->receive(l->context, span_part(rest, 0, len));
        l->scanned = 0;
        at += len;
    }
    l->in_len -= at;
    memmove(l->in, l->in + at, l->in_len);
}

void link_read(struct link *l)
{
    if (l->kind == LINK_UDP) {
        read_datagrams(l);
        return;
    }
    do {
        ssize_t n = read_some(l);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0)
            DIE("the proxy closed a connection");
        l->in_len += (size_t)n;
        hand_over(l);
    } while (l->tls && SSL_has_pending(l->tls));
}
