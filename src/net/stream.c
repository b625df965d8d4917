/* Bytes on one connection: framing what comes (RFC 3261 18.3), writing what waits. */
#include <stdlib.h>
#include <sys/socket.h>

#include "net/internal.h"

/* What may stand in front of a message or behind it in the buffer. */
enum { INPUT_SLACK = 4096, WRITE_AT_ONCE = 64 * 1024 };

/* --- reading --- */

static bool reserve_input(struct connection *c, size_t more)
{
    size_t max = (size_t)c->owner->settings.message_bytes + INPUT_SLACK + NET_READ_MAX;
    size_t cap = c->input_cap ? c->input_cap : NET_INPUT_FIRST;
    if (c->input_len + more > max)
        return false;
    while (cap < c->input_len + more)
        cap *= 2;
    if (cap == c->input_cap)
        return true;
    uint8_t *grown = realloc(c->input, cap);
    if (!grown)
        return false;
    c->input = grown;
    c->input_cap = cap;
    return true;
}

/* Keeps what is not yet a whole message; a connection at rest holds no buffer. */
static void keep_rest(struct connection *c, size_t taken)
{
    c->input_len -= taken;
    if (c->input_len == 0) {
        free(c->input);
        c->input = NULL;
        c->input_cap = 0;
    } else if (taken) {
        memmove(c->input, c->input + taken, c->input_len);
    }
}

static struct proxy_source source_of(const struct connection *c)
{
    return (struct proxy_source){
        .transport = c->remote.transport,
        .address = c->remote.address,
        .address_len = c->remote.address_len,
        .flow = c->flow,
        .leaving = c->accepted_by && c->accepted_by->leave_at,
        .peer = c->tls ? tls_peer(c->tls) : (struct span){0},
    };
}

/* What stands at `at` in the input. False when nothing more can be taken now. */
static bool take_frame(struct connection *c, size_t *at)
{
    struct transports *t = c->owner;
    const struct proxy_source source = source_of(c);
    struct span rest = span_of(c->input + *at, c->input_len - *at);
    size_t len = 0;
    bool pong = false;
    enum rule why = RULE_OK;
    if (rest.len == 0)
        return false;
    switch (sip_stream_frame(rest, t->settings.message_bytes, &c->scanned, &len, &pong, &why)) {
    case SIP_FRAME_MESSAGE:
        c->scanned = 0;
        *at += len;
        t->owner.message(t->owner.context, &source, span_part(rest, 0, len));
        return !c->dead && !c->closing;
    case SIP_FRAME_KEEPALIVE:
        c->scanned = 0;
        *at += len;
        if (pong)
            stream_write(c, SPAN("\r\n"), 0); /* RFC 5626 3.5.1 */
        return !c->dead;
    case SIP_FRAME_BROKEN:
        t->owner.broken(t->owner.context, &source, span_part(rest, 0, len), why);
        *at = c->input_len;
        if (!c->dead)
            stream_finish(c);
        return false;
    case SIP_FRAME_MORE:
        break;
    }
    return false;
}

static void read_input(struct connection *c)
{
    struct transports *t = c->owner;
    size_t got;
    enum transfer transfer = transfer_in(c, t->input, NET_READ_MAX, &got);
    if (transfer == TRANSFER_AGAIN)
        return;
    if (transfer == TRANSFER_ENDED || !reserve_input(c, got)) {
        connection_end(c);
        return;
    }
    connection_used(c);
    memcpy(c->input + c->input_len, t->input, got);
    c->input_len += got;
    size_t taken = 0;
    while (take_frame(c, &taken))
        continue;
    if (!c->dead)
        keep_rest(c, taken);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct connection *c = context;
    struct transports *t = c->owner;
    (void)fd;
    (void)what;
    if (c->shaking_hands)
        secure_go_on(c);
    else
        read_input(c);
    t->owner.settled(t->owner.context);
    connections_bury(t);
}

/* --- writing --- */

static void drop_written(struct connection *c, size_t written)
{
    c->output_len -= written;
    while (!STAILQ_EMPTY(&c->output)) {
        struct output *o = STAILQ_FIRST(&c->output);
        size_t left = o->len - o->sent;
        if (written < left) {
            o->sent += written;
            return;
        }
        written -= left;
        STAILQ_REMOVE_HEAD(&c->output, link);
        free(o);
    }
    c->owner->output_pending--;
}

bool stream_write_out(struct connection *c)
{
    while (!STAILQ_EMPTY(&c->output)) {
        size_t sent;
        switch (transfer_out(c, &sent)) {
        case TRANSFER_DONE:
            drop_written(c, sent);
            break;
        case TRANSFER_AGAIN:
            return event_add(c->writable, NULL) == 0;
        case TRANSFER_ENDED:
            connection_end(c);
            return false;
        }
    }
    if (c->closing)
        connection_end(c);
    return !c->dead;
}

static void write_now(struct connection *c)
{
    c->to_write = false;
    LIST_REMOVE(c, by_output);
    stream_write_out(c);
}

static bool connect_done(struct connection *c)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0)
        return false;
    c->connecting = false;
    c->owner->counters.connected++;
    connection_used(c); /* the time for what comes next begins */
    return event_add(c->readable, NULL) == 0;
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct connection *c = context;
    struct transports *t = c->owner;
    (void)fd;
    (void)what;
    if (c->connecting && !connect_done(c)) {
        connection_end(c);
    } else if (c->shaking_hands) {
        secure_go_on(c);
    } else {
        connection_used(c);
        stream_write_out(c);
    }
    t->owner.settled(t->owner.context);
    connections_bury(t);
}

static void refuse(struct connection *c, uint64_t transaction)
{
    if (transaction)
        c->owner->owner.failed(c->owner->owner.context, transaction);
}

void stream_write(struct connection *c, struct span bytes, uint64_t transaction)
{
    size_t max = (size_t)c->owner->settings.message_bytes * NET_OUTPUT_MESSAGES + INPUT_SLACK;
    bool first = STAILQ_EMPTY(&c->output);
    struct output *o = !c->dead && c->output_len + bytes.len <= max ? malloc(sizeof *o + bytes.len) : NULL;
    if (!o) {
        c->owner->counters.output_full++; /* the other end does not read, or there is no memory */
        refuse(c, transaction);
        return;
    }
    *o = (struct output){.transaction = transaction, .len = bytes.len};
    memcpy(o->bytes, bytes.at, bytes.len);
    STAILQ_INSERT_TAIL(&c->output, o, link);
    c->output_len += bytes.len;
    if (first)
        c->owner->output_pending++;
    if (c->connecting || c->shaking_hands)
        return;
    if (!c->to_write && !event_pending(c->writable, EV_WRITE, NULL)) {
        c->to_write = true;
        LIST_INSERT_HEAD(&c->owner->to_write, c, by_output);
    }
    if (c->to_write && c->output_len >= WRITE_AT_ONCE)
        write_now(c); /* more than a turn usually brings: the socket may take it */
}

void streams_flush(struct transports *t)
{
    while (!LIST_EMPTY(&t->to_write))
        write_now(LIST_FIRST(&t->to_write));
}

void stream_finish(struct connection *c)
{
    c->closing = true;
    event_del(c->readable);
    if (STAILQ_EMPTY(&c->output))
        connection_end(c);
}

bool stream_begin(struct connection *c, bool connecting)
{
    c->connecting = connecting;
    c->readable = event_new(c->owner->base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = event_new(c->owner->base, c->fd, EV_WRITE, on_writable, c);
    if (!c->readable || !c->writable)
        return false;
    return event_add(connecting ? c->writable : c->readable, NULL) == 0;
}
