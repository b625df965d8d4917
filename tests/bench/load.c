#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"
#include "sipseal/sip_message.h"
#include "sipseal/sip_response.h"

enum { MESSAGE_MAX = 128 * 1024, SILENCE_MS = 10000, BACKLOG = 8 };

/* --- connections --- */

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    NEED(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    return ntohs(address.sin_port);
}

static void add_peer(struct load *l, int fd, bool is_sender)
{
    const int on = 1;
    NEED(fd >= 0 && l->peer_count < LOAD_PEERS_MAX);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct load_peer *p = &l->peer[l->peer_count++];
    *p = (struct load_peer){
        .fd = fd, .is_sender = is_sender, .in = malloc(LOAD_BUFFER), .out = malloc(LOAD_BUFFER)};
    NEED(p->in && p->out);
}

void load_listen(struct load *l)
{
    struct sockaddr_in address = loopback(0);
    *l = (struct load){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    NEED(l->listener >= 0 && bind(l->listener, (struct sockaddr *)&address, sizeof address) == 0);
    NEED(listen(l->listener, BACKLOG) == 0);
    l->port = port_of(l->listener);
}

void load_connect(struct load *l, int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        DIE("port %d of loopback cannot be reached: %s", port, strerror(errno));
    snprintf(l->sent_by, sizeof l->sent_by, "127.0.0.1:%d", port_of(fd));
    add_peer(l, fd, true);
}

void load_close(struct load *l)
{
    for (size_t i = 0; i < l->peer_count; i++) {
        close(l->peer[i].fd);
        free(l->peer[i].in);
        free(l->peer[i].out);
    }
    close(l->listener);
}

static void put(struct load_peer *p, struct span bytes)
{
    if (p->out_len + bytes.len > LOAD_BUFFER)
        DIE("the proxy reads too slowly");
    memcpy(p->out + p->out_len, bytes.at, bytes.len);
    p->out_len += bytes.len;
}

static void flush(struct load_peer *p)
{
    ssize_t n = p->out_len ? send(p->fd, p->out, p->out_len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        DIE("sending: %s", strerror(errno));
    if (n <= 0)
        return;
    p->out_len -= (size_t)n;
    memmove(p->out, p->out + n, p->out_len);
}

/* --- messages --- */

/* The far side. The body must be that of one of the messages; which one, the Call-ID says ("bench<number>@..."). */
static void answer(struct load *l, struct load_peer *p, struct span bytes, const struct span *messages, size_t count)
{
    static struct sip_message request, original;
    uint8_t room[4096];
    struct writer w = writer_over(room, sizeof room);
    enum rule rule = sip_message_parse(bytes, SIP_STREAM, &request);
    if (rule != RULE_OK || !request.is_request)
        DIE("what was forwarded cannot be read");
    NEED(sip_message_parse(messages[0], SIP_STREAM, &original) == RULE_OK);
    unsigned long first = strtoul((const char *)original.call_id.at + 5, NULL, 10);
    unsigned long number = strtoul((const char *)request.call_id.at + 5, NULL, 10);
    NEED(number >= first && number - first < count);
    struct span sent = messages[number - first];
    NEED(request.body.len > 0 && request.body.len < sent.len);
    if (memcmp(sent.at + sent.len - request.body.len, request.body.at, request.body.len) != 0)
        DIE("a body was changed on its way");
    const struct sip_response ok = {.status = 200, .to_tag = SPAN("b1")};
    NEED(sip_response_write(&w, &request, &(struct sip_source){0}, &ok));
    put(p, writer_span(&w));
    l->received++;
}

static void take(struct load *l, struct load_peer *p, struct span bytes, const struct span *messages, size_t count)
{
    if (!p->is_sender) {
        answer(l, p, bytes, messages, count);
    } else if (span_starts(bytes, SPAN("SIP/2.0 200 "))) {
        l->answered++;
    } else if (!span_starts(bytes, SPAN("SIP/2.0 100 "))) {
        struct span line = span_part(bytes, 0, span_find(bytes, '\r'));
        DIE("a message was answered: %.*s", SPAN_ARGS(line));
    }
}

static void read_peer(struct load *l, struct load_peer *p, const struct span *messages, size_t count)
{
    ssize_t n = recv(p->fd, p->in + p->in_len, LOAD_BUFFER - p->in_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        DIE("the proxy closed a connection");
    p->in_len += (size_t)n;
    size_t at = 0;
    for (;;) {
        size_t len = 0;
        bool pong;
        enum rule why;
        struct span rest = span_of(p->in + at, p->in_len - at);
        if (rest.len == 0 || sip_stream_frame(rest, MESSAGE_MAX, &p->scanned, &len, &pong, &why) != SIP_FRAME_MESSAGE)
            break;
        take(l, p, span_part(rest, 0, len), messages, count);
        p->scanned = 0;
        at += len;
    }
    p->in_len -= at;
    memmove(p->in, p->in + at, p->in_len);
}

/* --- the loop --- */

static void step(struct load *l, const struct span *messages, size_t count)
{
    struct pollfd wait[LOAD_PEERS_MAX + 1] = {{.fd = l->listener, .events = POLLIN}};
    size_t peers = l->peer_count;
    for (size_t i = 0; i < peers; i++)
        wait[i + 1] = (struct pollfd){
            .fd = l->peer[i].fd, .events = (short)(POLLIN | (l->peer[i].out_len ? POLLOUT : 0))};
    int ready = poll(wait, (nfds_t)peers + 1, SILENCE_MS);
    if (ready == 0)
        DIE("silence: %zu sent, %zu forwarded, %zu answered", l->sent, l->received, l->answered);
    if (wait[0].revents)
        add_peer(l, accept4(l->listener, NULL, NULL, SOCK_CLOEXEC), false);
    for (size_t i = 0; i < peers; i++)
        if (wait[i + 1].revents & (POLLIN | POLLHUP | POLLERR))
            read_peer(l, &l->peer[i], messages, count);
}

void load_run(struct load *l, const struct span *messages, size_t count, size_t window)
{
    struct load_peer *sender = &l->peer[0];
    NEED(l->peer_count > 0 && sender->is_sender && window > 0);
    l->sent = l->answered = l->received = 0;
    while (l->answered < count) {
        while (l->sent < count && l->sent - l->answered < window)
            put(sender, messages[l->sent++]);
        for (size_t i = 0; i < l->peer_count; i++)
            flush(&l->peer[i]);
        step(l, messages, count);
    }
    NEED(l->received == count);
}
