#include "cli/net_stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"

enum { STREAM_STEP = TLS_RECORD_MAX }; /* with less, poll would not see what TLS still holds */

void stream_open(struct net_stream *s, int fd, struct tls *tls, uint64_t flow, const struct net_place *peer,
                 bool connecting, uint64_t now_ms)
{
    *s = (struct net_stream){.fd = fd,
                             .flow = flow,
                             .peer = *peer,
                             .connecting = connecting,
                             .tls = tls,
                             .shaking_hands = tls != NULL,
                             .shake_waits_to_write = tls != NULL, /* who connects speaks first */
                             .active_ms = now_ms};
}

void stream_close(struct net_stream *s)
{
    if (s->tls)
        tls_end(s->tls);
    tls_free(s->tls);
    if (s->fd >= 0)
        close(s->fd);
    free(s->in);
    free(s->out);
    *s = (struct net_stream){.fd = -1};
}

/* Room for `more` bytes; false past `max` or without memory. */
static bool make_room(uint8_t **at, size_t len, size_t *cap, size_t more, size_t max)
{
    if (len + more <= *cap)
        return true;
    if (len + more > max)
        return false;
    size_t wanted = *cap ? *cap : STREAM_STEP;
    while (wanted < len + more)
        wanted *= 2;
    if (wanted > max)
        wanted = max;
    uint8_t *grown = realloc(*at, wanted);
    if (!grown)
        return false;
    *at = grown;
    *cap = wanted;
    return true;
}

/* What was handed out makes room. */
static void drop_taken(struct net_stream *s)
{
    if (s->taken == 0)
        return;
    memmove(s->in, s->in + s->taken, s->in_len - s->taken);
    s->in_len -= s->taken;
    s->taken = 0;
    s->scanned = 0;
}

short stream_waits_for(const struct net_stream *s)
{
    if (s->connecting)
        return POLLOUT;
    if (s->shaking_hands)
        return (short)(POLLIN | (s->shake_waits_to_write ? POLLOUT : 0));
    return (short)((s->closing ? 0 : POLLIN) | (s->out_len > 0 ? POLLOUT : 0));
}

static void go_on_shaking_hands(struct net_stream *s, uint64_t now_ms)
{
    enum tls_step step = tls_handshake(s->tls, cli_now(), &s->why);
    s->shaking_hands = step == TLS_WANTS_READ || step == TLS_WANTS_WRITE;
    s->shake_waits_to_write = step == TLS_WANTS_WRITE;
    s->ended = step == TLS_FAILED || step == TLS_CLOSED;
    if (step == TLS_DONE)
        stream_write(s, now_ms);
}

/* As recv: the bytes that came; 0 at the end; -1 with errno. */
static ssize_t read_some(struct net_stream *s, uint8_t *at, size_t cap)
{
    size_t got;
    if (!s->tls)
        return recv(s->fd, at, cap, 0);
    switch (tls_read(s->tls, at, cap, &got)) {
    case TLS_DONE:
        return (ssize_t)got;
    case TLS_WANTS_READ:
    case TLS_WANTS_WRITE:
        errno = EAGAIN;
        return -1;
    default:
        return 0;
    }
}

/* As send. */
static ssize_t write_some(struct net_stream *s, const uint8_t *at, size_t len)
{
    size_t sent;
    if (!s->tls)
        return send(s->fd, at, len, MSG_NOSIGNAL);
    enum tls_step step = tls_write(s->tls, span_of(at, len), &sent);
    errno = step == TLS_WANTS_READ || step == TLS_WANTS_WRITE ? EAGAIN : EPROTO;
    return step == TLS_DONE ? (ssize_t)sent : -1;
}

void stream_read(struct net_stream *s, uint64_t now_ms)
{
    if (s->shaking_hands) {
        go_on_shaking_hands(s, now_ms);
        return;
    }
    drop_taken(s);
    size_t step = s->in_len + STREAM_STEP <= STREAM_IN_MAX ? STREAM_STEP : STREAM_IN_MAX - s->in_len;
    if (step == 0 || !make_room(&s->in, s->in_len, &s->in_cap, step, STREAM_IN_MAX)) {
        s->ended = true;
        return;
    }
    ssize_t got = read_some(s, s->in + s->in_len, step);
    if (got > 0) {
        s->in_len += (size_t)got;
        s->active_ms = now_ms;
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        s->ended = true;
    }
}

static void finish_connecting(struct net_stream *s)
{
    int error = 0;
    socklen_t len = sizeof error;
    s->connecting = false;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0)
        s->ended = true;
}

void stream_write(struct net_stream *s, uint64_t now_ms)
{
    if (s->connecting)
        finish_connecting(s);
    if (!s->ended && s->shaking_hands) {
        go_on_shaking_hands(s, now_ms);
        return;
    }
    if (s->ended || s->out_len == 0)
        return;
    ssize_t put = write_some(s, s->out, s->out_len);
    if (put > 0) {
        memmove(s->out, s->out + put, s->out_len - (size_t)put);
        s->out_len -= (size_t)put;
        s->active_ms = now_ms;
    } else if (put < 0 && errno != EAGAIN && errno != EINTR) {
        s->ended = true;
    }
}

bool stream_send(struct net_stream *s, struct span bytes, uint64_t now_ms)
{
    if (s->ended || !make_room(&s->out, s->out_len, &s->out_cap, bytes.len, STREAM_OUT_MAX))
        return false;
    memcpy(s->out + s->out_len, bytes.at, bytes.len);
    s->out_len += bytes.len;
    if (!s->connecting && !s->shaking_hands)
        stream_write(s, now_ms);
    return !s->ended;
}

bool stream_next(struct net_stream *s, struct span *message, uint64_t now_ms)
{
    for (;;) {
        size_t len = 0;
        bool pong = false;
        enum rule why = RULE_OK;
        drop_taken(s);
        if (s->in_len == 0 || s->closing)
            return false;
        enum sip_frame frame =
            sip_stream_frame(span_of(s->in, s->in_len), SIP_MESSAGE_MAX, &s->scanned, &len, &pong, &why);
        if (frame == SIP_FRAME_MORE)
            return false;
        s->taken = frame == SIP_FRAME_BROKEN ? s->in_len : len;
        *message = span_of(s->in, len);
        if (frame == SIP_FRAME_KEEPALIVE) {
            if (pong)
                stream_send(s, SPAN("\r\n"), now_ms);
            continue;
        }
        s->closing = frame == SIP_FRAME_BROKEN;
        return frame == SIP_FRAME_MESSAGE || len > 0;
    }
}
