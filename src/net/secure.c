/* TLS on a connection: its handshake; and the one place where bytes go through TLS or straight to the socket. */
#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "net/internal.h"

enum { WRITE_PIECES = 64 };

/* --- the handshake --- */

static enum tls_failure failure_of(enum rule why)
{
    switch (why) {
    case RULE_CERT_SYNTAX:
    case RULE_CERT_UNTRUSTED:
    case RULE_CERT_EXPIRED:
    case RULE_CERT_REVOKED:
    case RULE_CERT_REVOCATION_UNKNOWN:
    case RULE_CERT_USAGE:
    case RULE_CERT_KEY:
        return TLS_FAILED_CERTIFICATE;
    case RULE_TLS_NO_CERTIFICATE:
        return TLS_FAILED_ABSENT;
    case RULE_TLS_NAME:
        return TLS_FAILED_NAME;
    case RULE_TLS_TIMEOUT:
        return TLS_FAILED_TIME;
    default:
        return TLS_FAILED_PROTOCOL;
    }
}

static void fail(struct connection *c, enum rule why)
{
    struct transports *t = c->owner;
    t->counters.tls_failed[failure_of(why)]++;
    t->owner.handshake_failed(t->owner.context, &c->remote, tls_host(c->tls), why);
    connection_end(c);
}

void secure_timed_out(struct connection *c)
{
    fail(c, RULE_TLS_TIMEOUT);
}

static void finish(struct connection *c)
{
    struct transports *t = c->owner;
    c->shaking_hands = false;
    t->counters.tls_handshakes++;
    t->counters.tls_resumed += tls_resumed(c->tls);
    connection_used(c);
    stream_write_out(c);
}

/* What arrives while it lasts is no traffic: who is slow gets no more time by being slow. */
void secure_go_on(struct connection *c)
{
    enum rule why;
    switch (tls_handshake(c->tls, (int64_t)time(NULL), &why)) {
    case TLS_DONE:
        finish(c);
        break;
    case TLS_WANTS_READ:
        break; /* it is always waited for */
    case TLS_WANTS_WRITE:
        if (event_add(c->writable, NULL) != 0)
            connection_end(c);
        break;
    case TLS_CLOSED:
    case TLS_FAILED:
        fail(c, why);
        break;
    }
}

/* --- bytes --- */

static enum transfer transfer_of(enum tls_step step)
{
    if (step == TLS_DONE)
        return TRANSFER_DONE;
    return step == TLS_WANTS_READ || step == TLS_WANTS_WRITE ? TRANSFER_AGAIN : TRANSFER_ENDED;
}

static enum transfer transfer_of_error(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TRANSFER_AGAIN : TRANSFER_ENDED;
}

enum transfer transfer_in(struct connection *c, uint8_t *at, size_t cap, size_t *got)
{
    if (c->tls)
        return transfer_of(tls_read(c->tls, at, cap, got));
    ssize_t n = recv(c->fd, at, cap, 0);
    *got = n > 0 ? (size_t)n : 0;
    if (n < 0)
        return transfer_of_error();
    return n > 0 ? TRANSFER_DONE : TRANSFER_ENDED;
}

static enum transfer send_pieces(struct connection *c, size_t *sent)
{
    struct iovec piece[WRITE_PIECES];
    struct output *o;
    size_t count = 0;
    STAILQ_FOREACH(o, &c->output, link)
    {
        if (count == WRITE_PIECES)
            break;
        piece[count++] = (struct iovec){o->bytes + o->sent, o->len - o->sent};
    }
    const struct msghdr message = {.msg_iov = piece, .msg_iovlen = count};
    ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    *sent = n > 0 ? (size_t)n : 0;
    return n >= 0 ? TRANSFER_DONE : transfer_of_error();
}

/* What waits goes into one record as far as it fits. What is offered again begins with the same bytes. */
static struct span gather_record(struct connection *c)
{
    const struct output *o = STAILQ_FIRST(&c->output);
    struct writer w = writer_over(c->owner->record, TLS_RECORD_MAX);
    if (!STAILQ_NEXT(o, link) || o->len - o->sent >= TLS_RECORD_MAX)
        return span_of(o->bytes + o->sent, o->len - o->sent);
    for (; o && !w.full; o = STAILQ_NEXT(o, link))
        writer_put(&w, span_of(o->bytes + o->sent, o->len - o->sent));
    return writer_span(&w);
}

enum transfer transfer_out(struct connection *c, size_t *sent)
{
    if (c->tls)
        return transfer_of(tls_write(c->tls, gather_record(c), sent));
    return send_pieces(c, sent);
}
