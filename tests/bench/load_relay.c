#include "load_relay.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

enum {
    LOST_AFTER_MS = 700, /* of silence: more than T1 */
    SILENCES_MAX = 20,   /* until the program gives up */
    NUMBER_DIGITS = 10,
    BYTES_MAX = 4096,
    BODY_MIN = 100,
};

/* Of a request of the order; of a call, up to ANSWERED its INVITE is meant. ARRIVED: it is to stay open. */
enum state { STATE_NONE, STATE_SENT, STATE_ARRIVED, STATE_ANSWERED, STATE_DONE };

/* --- requests --- */

static struct link *caller_of(struct relay *r, uint32_t number)
{
    return &r->caller[number % r->callers];
}

static void write_head(const struct relay *r, struct writer *w, const char *method, uint32_t number, unsigned cseq)
{
    char head[512];
    int len = snprintf(head, sizeof head,
                       "%s sip:bob@far.example SIP/2.0\r\n"
                       "Via: SIP/2.0/%s %s;branch=z9hG4bK%s%010u;rport\r\n"
                       "Max-Forwards: 70\r\n"
                       "From: <sip:alice@home.example>;tag=a%010u\r\n"
                       "Call-ID: %010u@caller.home.example\r\n"
                       "CSeq: %u %s\r\n",
                       method, link_transport(r->kind), r->sent_by, method, number, number, number, cseq, method);
    NEED(len > 0 && (size_t)len < sizeof head);
    writer_put(w, span_of(head, (size_t)len));
}

/* With a body that fills it up to RELAY_REQUEST bytes. */
static void send_first(struct relay *r, uint32_t number)
{
    const struct span length = SPAN("Content-Length: 000\r\n\r\n");
    uint8_t bytes[BYTES_MAX];
    struct writer w = writer_over(bytes, sizeof bytes);
    bool call = r->order.kind == RELAY_CALLS;
    write_head(r, &w, call ? "INVITE" : "MESSAGE", number, 1);
    writer_text(&w, "To: <sip:bob@far.example>\r\n");
    if (call)
        writer_text(&w, "Contact: <sip:alice@home.example>\r\n");
    writer_text(&w, call ? "Content-Type: application/sdp\r\n" : "Content-Type: text/plain\r\n");
    NEED(w.len + length.len + BODY_MIN < RELAY_REQUEST);
    size_t body = RELAY_REQUEST - w.len - length.len;
    writer_text(&w, "Content-Length: ");
    writer_decimal(&w, body);
    writer_text(&w, "\r\n\r\n");
    writer_put(&w, span_of(r->body, body));
    NEED(!w.full && w.len == RELAY_REQUEST);
    link_put(caller_of(r, number), writer_span(&w));
}

/* Header lines of `message` with this name, each given to `write`. */
static struct span next_line(struct span *rest)
{
    size_t end = span_find_span(*rest, SPAN("\r\n"));
    struct span line = span_part(*rest, 0, end + 2);
    *rest = span_part(*rest, line.len, rest->len);
    return line;
}

/* One Record-Route line with one value becomes the Route; where there are several, the last is the next hop. */
static void write_routes(struct writer *w, struct span response)
{
    const struct span name = SPAN("Record-Route:");
    struct span lines[8], line;
    size_t count = 0;
    while ((line = next_line(&response)).len > 2)
        if (span_starts_nocase(line, name) && count < sizeof lines / sizeof *lines)
            lines[count++] = line;
    while (count-- > 0) {
        writer_text(w, "Route:");
        writer_put(w, span_part(lines[count], name.len, lines[count].len));
    }
}

static void write_to(struct writer *w, struct span response)
{
    struct span line;
    while ((line = next_line(&response)).len > 2)
        if (span_starts_nocase(line, SPAN("To:")))
            writer_put(w, line);
}

static void send_in_dialog(struct relay *r, uint32_t number, const char *method, unsigned cseq, struct span response)
{
    uint8_t bytes[BYTES_MAX];
    struct writer w = writer_over(bytes, sizeof bytes);
    write_head(r, &w, method, number, cseq);
    write_to(&w, response);
    write_routes(&w, response);
    writer_text(&w, "Content-Length: 0\r\n\r\n");
    NEED(!w.full);
    link_put(caller_of(r, number), writer_span(&w));
}

/* --- what arrives --- */

struct arrived {
    uint32_t number;
    struct span method; /* of CSeq */
    bool of_order;      /* among the requests of the present order */
    uint8_t *state;
};

static struct span value_of(struct span message, struct span name)
{
    struct span line;
    while ((line = next_line(&message)).len > 2)
        if (span_starts_nocase(line, name))
            return span_trim(span_part(line, name.len, line.len));
    DIE("a message has no %.*s", SPAN_ARGS(name));
}

static struct arrived identify(const struct relay *r, struct span message)
{
    struct arrived a = {.method = value_of(message, SPAN("CSeq:"))};
    NEED(span_decimal(span_part(value_of(message, SPAN("Call-ID:")), 0, NUMBER_DIGITS), UINT32_MAX, &a.number));
    a.method = span_part(a.method, 2, a.method.len);
    a.of_order = a.number - r->first < r->order.count;
    a.state = a.of_order ? &r->state[a.number - r->first] : NULL;
    return a;
}

static void finish(struct relay *r, const struct arrived *a)
{
    *a->state = STATE_DONE;
    r->done++;
}

static void caller_receives(void *context, struct span message)
{
    struct relay *r = context;
    bool provisional = span_starts(message, SPAN("SIP/2.0 1"));
    if (provisional && r->order.kind != RELAY_OPEN)
        return;
    struct arrived a = identify(r, message);
    if (!a.of_order)
        return; /* to what was begun before the present order */
    if (provisional) {
        if (*a.state == STATE_ARRIVED)
            finish(r, &a);
        return;
    }
    if (!span_starts(message, SPAN("SIP/2.0 200 ")))
        DIE("%.*s was answered:\n%.*s", SPAN_ARGS(a.method), SPAN_ARGS(message));
    if (r->order.kind == RELAY_MESSAGES && *a.state != STATE_DONE) {
        finish(r, &a);
    } else if (span_equal(a.method, SPAN("INVITE")) && *a.state < STATE_ANSWERED) {
        *a.state = STATE_ANSWERED;
        send_in_dialog(r, a.number, "ACK", 1, message);
        send_in_dialog(r, a.number, "BYE", 2, message);
    } else if (span_equal(a.method, SPAN("BYE")) && *a.state == STATE_ANSWERED) {
        finish(r, &a);
    }
}

static bool is_copied(struct span line)
{
    static const struct span names[] = {SPAN_INIT("Via:"),  SPAN_INIT("Record-Route:"), SPAN_INIT("From:"),
                                        SPAN_INIT("Call-ID:"), SPAN_INIT("CSeq:")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (span_starts_nocase(line, names[i]))
            return true;
    return false;
}

static void answer(struct relay *r, struct span request)
{
    uint8_t bytes[BYTES_MAX];
    struct writer w = writer_over(bytes, sizeof bytes);
    struct span line;
    bool invite = span_starts(request, SPAN("INVITE "));
    writer_text(&w, "SIP/2.0 200 OK\r\n");
    while ((line = next_line(&request)).len > 2) {
        if (is_copied(line)) {
            writer_put(&w, line);
        } else if (span_starts_nocase(line, SPAN("To:"))) {
            writer_put(&w, span_part(line, 0, line.len - 2));
            writer_text(&w, span_find_span(line, SPAN(";tag=")) < line.len ? "\r\n" : ";tag=b1\r\n");
        }
    }
    if (invite)
        writer_text(&w, "Contact: <sip:bob@far.example>\r\n");
    writer_text(&w, "Content-Length: 0\r\n\r\n");
    NEED(!w.full);
    link_put(r->answering, writer_span(&w));
}

static void check_body(const struct relay *r, struct span request)
{
    const struct span end = SPAN("\r\n\r\n");
    struct span body = span_part(request, span_find_span(request, end) + end.len, request.len);
    if (body.len < BODY_MIN || body.len > sizeof r->body || memcmp(body.at, r->body, body.len) != 0)
        DIE("a body was changed on its way");
}

static void callee_receives(void *context, struct span message)
{
    struct relay *r = context;
    struct arrived a = identify(r, message);
    if (!a.of_order)
        return; /* what is left open comes again and again */
    if (span_starts(message, SPAN("ACK "))) {
        r->acknowledged++;
        return;
    }
    if (!span_starts(message, SPAN("BYE ")))
        check_body(r, message);
    if (r->order.kind != RELAY_OPEN) {
        answer(r, message);
    } else if (*a.state == STATE_SENT) {
        *a.state = STATE_ARRIVED;
        r->arrived++;
    }
}

/* --- the ends --- */

static void begin(struct relay *r, struct link *l, int fd, bool callee)
{
    l->receive = callee ? callee_receives : caller_receives;
    l->context = r;
    link_begin(l, r->kind, fd, callee ? r->server_tls : r->client_tls, callee);
}

void relay_listen(struct relay *r, enum link_kind kind, const char *certificate, const char *key)
{
    r->kind = kind;
    for (size_t i = 0; i < sizeof r->body; i++)
        r->body[i] = (char)('a' + i % 26);
    r->listener = link_socket(kind);
    r->port = link_port(r->listener);
    if (kind != LINK_UDP)
        NEED(listen(r->listener, RELAY_CALLERS) == 0);
    if (kind == LINK_TLS) {
        r->client_tls = link_client_tls();
        r->server_tls = link_server_tls(certificate, key);
    }
}

/* Over UDP both ends know the proxy by its one address. */
void relay_connect(struct relay *r, int port)
{
    r->callers = r->kind == LINK_UDP ? 1 : RELAY_CALLERS;
    for (size_t i = 0; i < r->callers; i++) {
        int fd = link_socket(r->kind);
        link_connect(fd, port);
        begin(r, &r->caller[i], fd, false);
    }
    snprintf(r->sent_by, sizeof r->sent_by, "127.0.0.1:%d", link_port(r->caller[0].fd));
    if (r->kind == LINK_UDP) {
        link_connect(r->listener, port);
        begin(r, &r->callee[r->callees++], r->listener, true);
    }
}

void relay_close(struct relay *r)
{
    for (size_t i = 0; i < r->callers; i++)
        link_end(&r->caller[i]);
    for (size_t i = 0; i < r->callees; i++)
        link_end(&r->callee[i]);
    if (r->kind != LINK_UDP)
        close(r->listener);
    SSL_CTX_free(r->client_tls);
    SSL_CTX_free(r->server_tls);
}

/* --- the loop --- */

static void put_poll(struct pollfd *wait, struct link *l)
{
    *wait = (struct pollfd){.fd = l->fd, .events = POLLIN};
    if (link_flush(l))
        wait->events |= POLLOUT;
}

/* What the proxy could not take from its socket is gone; only the first request of a dialog is ever sent again. */
static void send_again(struct relay *r)
{
    for (size_t i = 0; i < r->begun; i++)
        if (r->state[i] == STATE_SENT) {
            send_first(r, r->first + (uint32_t)i);
            r->resent++;
        }
}

static struct timespec until(double at, double now)
{
    double left = at > now ? at - now : 0;
    return (struct timespec){.tv_sec = (time_t)left, .tv_nsec = (long)((left - (double)(time_t)left) * 1e9)};
}

/* Waits for something to arrive, at most until `at`; false when that has come first. */
static bool step(struct relay *r, double at)
{
    struct pollfd wait[RELAY_CALLERS + RELAY_CALLEES_MAX + 1];
    size_t count = 0, callees = r->callees;
    for (size_t i = 0; i < r->callers; i++)
        put_poll(&wait[count++], &r->caller[i]);
    for (size_t i = 0; i < callees; i++)
        put_poll(&wait[count++], &r->callee[i]);
    if (r->kind != LINK_UDP)
        wait[count++] = (struct pollfd){.fd = r->listener, .events = POLLIN};
    const struct timespec limit = until(at, measure_clock(CLOCK_MONOTONIC));
    if (ppoll(wait, (nfds_t)count, &limit, NULL) <= 0)
        return false;
    for (size_t i = 0; i < r->callers; i++)
        if (wait[i].revents & ~POLLOUT)
            link_read(&r->caller[i]);
    for (size_t i = 0; i < callees; i++)
        if (wait[r->callers + i].revents & ~POLLOUT) {
            r->answering = &r->callee[i];
            link_read(r->answering);
        }
    if (r->kind != LINK_UDP && wait[count - 1].revents) {
        NEED(callees < RELAY_CALLEES_MAX);
        begin(r, &r->callee[r->callees++], accept(r->listener, NULL, NULL), true);
    }
    return true;
}

/* What counts against the window. */
static size_t unfinished(const struct relay *r)
{
    return r->begun - (r->order.kind == RELAY_OPEN ? r->arrived : r->done);
}

/* Begins what is due; gives the time at which the next one is. */
static double begin_due(struct relay *r, double began, double now)
{
    const struct relay_order *o = &r->order;
    double next = now + LOST_AFTER_MS / 1000.0;
    while (r->begun < o->count && unfinished(r) < o->window) {
        double due = o->rate > 0 ? began + (double)r->begun / o->rate : now;
        if (due > now)
            return due < next ? due : next;
        r->state[r->begun] = STATE_SENT;
        send_first(r, r->first + (uint32_t)r->begun++);
    }
    return next;
}

void relay_run(struct relay *r, const struct relay_order *order)
{
    r->first += (uint32_t)r->order.count;
    r->order = *order;
    r->begun = r->arrived = r->done = r->resent = r->acknowledged = 0;
    r->state = calloc(order->count, 1);
    NEED(r->state && order->window > 0);
    double began = measure_clock(CLOCK_MONOTONIC), heard = began;
    for (int silences = 0; r->done < order->count;) {
        double now = measure_clock(CLOCK_MONOTONIC), next = begin_due(r, began, now);
        if (step(r, next)) {
            heard = now;
            silences = 0;
        } else if (now - heard > LOST_AFTER_MS / 1000.0) {
            if (++silences > SILENCES_MAX)
                DIE("silence: %zu begun, %zu done", r->begun, r->done);
            send_again(r);
            heard = now;
        }
    }
    if (order->kind == RELAY_CALLS && r->acknowledged < order->count)
        DIE("%zu of %zu ACKs have arrived", r->acknowledged, order->count);
    free(r->state);
    r->state = NULL;
}
