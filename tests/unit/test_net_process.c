/* sipseald-net with real sockets; this program is its parent, its vault, its store and its peers. */
#include "test.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "child.h"

enum { PEER_BYTES = 256 * 1024 };

static const char *program; /* set by main alone */

/* A peer's socket, and what was read from it. */
struct peer {
    int fd;
    uint16_t port;
    char *bytes; /* PEER_BYTES, always ended by a NUL */
    size_t len;
};

struct fixture {
    struct child net;
    uint16_t udp, tcp; /* of net on 127.0.0.1 */
    uint16_t udp6;     /* on ::1 */
    struct limits limits;
    uint64_t vaults; /* bit n: number n is one to ask */
    uint32_t listener_count;
    struct peer peer[8];
    size_t peer_count;
    int channel[4];
    size_t channel_count;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->limits = (struct limits)LIMITS_DEFAULT;
    f->limits.message_bytes = 20000;
    f->limits.transactions = 1000;
    f->limits.connections = 20;
    f->limits.jobs_per_vault = f->limits.store_jobs = 8;
    f->limits.bindings = 10;
    f->limits.bindings_per_user = 2;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    child_clear(&f->net);
    for (size_t i = 0; i < f->peer_count; i++) {
        close(f->peer[i].fd);
        free(f->peer[i].bytes);
    }
    for (size_t i = 0; i < f->channel_count; i++)
        if (f->channel[i] >= 0)
            close(f->channel[i]);
    free(f);
    return 0;
}

/* --- sockets --- */

static struct sockaddr_storage loopback(int family, uint16_t port, socklen_t *len)
{
    struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    *len = family == AF_INET ? sizeof v4 : sizeof v6;
    memcpy(&address, family == AF_INET ? (const void *)&v4 : (const void *)&v6, *len);
    return address;
}

static int bound(int family, int type, uint16_t *port)
{
    socklen_t len;
    struct sockaddr_storage address = loopback(family, 0, &len);
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    struct sockaddr_in v4; /* the port stands at the same place in both */
    memcpy(&v4, &address, sizeof v4);
    *port = ntohs(v4.sin_port);
    return fd;
}

static struct peer *new_peer(struct fixture *f, int fd, uint16_t port)
{
    assert_true(f->peer_count < sizeof f->peer / sizeof *f->peer);
    struct peer *p = &f->peer[f->peer_count++];
    *p = (struct peer){.fd = fd, .port = port, .bytes = calloc(1, PEER_BYTES)};
    assert_non_null(p->bytes);
    return p;
}

static struct peer *udp_peer(struct fixture *f, int family)
{
    uint16_t port;
    int fd = bound(family, SOCK_DGRAM, &port);
    return new_peer(f, fd, port);
}

/* A connection with a receive buffer of that many bytes; 0: as large as the system makes it. */
static struct peer *tcp_client_with(struct fixture *f, int buffer)
{
    socklen_t len;
    struct sockaddr_storage address = loopback(AF_INET, f->tcp, &len);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (buffer)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, len), 0);
    return new_peer(f, fd, 0);
}

static struct peer *tcp_client(struct fixture *f)
{
    return tcp_client_with(f, 0);
}

static struct peer *tcp_listener(struct fixture *f)
{
    uint16_t port;
    int fd = bound(AF_INET, SOCK_STREAM, &port);
    assert_int_equal(listen(fd, 8), 0);
    return new_peer(f, fd, port);
}

static struct peer *accepted(struct fixture *f, const struct peer *listener)
{
    assert_true(child_ready(listener->fd));
    return new_peer(f, accept(listener->fd, NULL, NULL), 0);
}

static void send_udp(const struct peer *p, int family, uint16_t port, const char *text)
{
    socklen_t len;
    struct sockaddr_storage address = loopback(family, port, &len);
    assert_int_equal(sendto(p->fd, text, strlen(text), 0, (struct sockaddr *)&address, len), strlen(text));
}

static void send_tcp(const struct peer *p, const char *text)
{
    assert_int_equal(send(p->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* One datagram. */
static const char *receive_udp(struct peer *p)
{
    assert_true(child_ready(p->fd));
    ssize_t got = recv(p->fd, p->bytes, PEER_BYTES - 1, 0);
    assert_true(got > 0);
    p->bytes[got] = '\0';
    return p->bytes;
}

/* How many messages stand in what was read; answers to keep-alives may stand between them. */
static unsigned messages_in(const struct peer *p)
{
    unsigned found = 0;
    size_t len;
    for (size_t at = 0; at < p->len; at += len) {
        size_t scanned = 0;
        bool pong;
        enum rule why;
        enum sip_frame frame =
            sip_stream_frame(span_of(p->bytes + at, p->len - at), PEER_BYTES, &scanned, &len, &pong, &why);
        if (frame == SIP_FRAME_MESSAGE)
            found++;
        else if (frame != SIP_FRAME_KEEPALIVE)
            break;
    }
    return found;
}

/* Reads until `count` messages are there: what came before is forgotten. */
static const char *receive_tcp(struct peer *p, unsigned count)
{
    p->len = 0;
    do {
        assert_true(child_ready(p->fd));
        ssize_t got = recv(p->fd, p->bytes + p->len, PEER_BYTES - 1 - p->len, 0);
        assert_true(got > 0);
        p->len += (size_t)got;
        p->bytes[p->len] = '\0';
    } while (messages_in(p) < count);
    return p->bytes;
}

/* Whether the other end closes, after whatever it still sends. */
static bool closes(struct peer *p)
{
    ssize_t got;
    do {
        if (!child_ready(p->fd))
            return false;
        got = recv(p->fd, p->bytes, PEER_BYTES - 1, 0);
    } while (got > 0);
    return true;
}

#define assert_contains(text, part) assert_non_null(strstr(text, part))

/* --- net --- */

static void tell_listen(struct fixture *f, enum sip_transport transport, int family, uint32_t number, uint16_t port,
                        int fd)
{
    struct hop hop = {.transport = transport};
    struct writer w = child_writer(&f->net);
    hop.address = loopback(family, port, &hop.address_len);
    ipc_write_listen(&w, number, &hop);
    assert_false(w.full);
    assert_int_equal(channel_send(f->net.control, writer_span(&w), &fd, 1), CHANNEL_DONE);
}

static void give_listen(struct fixture *f, enum sip_transport transport, int family, uint16_t *port)
{
    int fd = bound(family, transport == SIP_UDP ? SOCK_DGRAM : SOCK_STREAM, port);
    assert_int_equal(transport == SIP_UDP ? 0 : listen(fd, 8), 0);
    tell_listen(f, transport, family, f->listener_count++, *port, fd);
    close(fd);
}

static void give_route(struct fixture *f, const char *domain, enum sip_transport transport, int family, uint16_t port)
{
    struct route route = {.domain = span_text(domain), .has_next = true, .next_uri = SPAN("sip:next.example")};
    struct writer w = child_writer(&f->net);
    route.next.transport = transport;
    route.next.address = loopback(family, port, &route.next.address_len);
    ipc_write_route(&w, &route);
    child_send(f->net.control, &w);
}

static void give_policy(struct fixture *f)
{
    const struct policy policy = {
        .rule = {{.method = {SPAN_INIT("MESSAGE")}, .method_count = 1, .require = LABEL_VIEW, .mode = POLICY_ENFORCE}},
        .rule_count = 1};
    struct writer w = child_writer(&f->net);
    ipc_write_policy(&w, &policy);
    child_send(f->net.control, &w);
}

static void start(struct fixture *f)
{
    child_start(&f->net, program, "net");
    give_listen(f, SIP_UDP, AF_INET, &f->udp);
    give_listen(f, SIP_TCP, AF_INET, &f->tcp);
    give_listen(f, SIP_UDP, AF_INET6, &f->udp6);
}

static void end_setup(struct fixture *f)
{
    const struct ipc_net_setup setup = {
        .name = {SPAN_INIT("proxy1.home.example")}, .name_count = 1, .limits = f->limits, .vaults = f->vaults,
        .archive = f->vaults > 0, .window = 600};
    struct writer w = child_writer(&f->net);
    if (f->vaults)
        give_policy(f);
    ipc_write_net_setup(&w, &setup);
    child_send(f->net.control, &w);
    assert_rule(child_setup_result(&f->net), RULE_OK);
}

/* Our end of a new channel; to vault number `number`. */
static int give_numbered_channel(struct fixture *f, enum ipc_kind kind, uint32_t number)
{
    int pair[2];
    struct writer w = child_writer(&f->net);
    assert_true(channel_pair(pair));
    ipc_write_channel(&w, kind, number);
    assert_int_equal(channel_send(f->net.control, writer_span(&w), &pair[1], 1), CHANNEL_DONE);
    close(pair[1]);
    assert_true(f->channel_count < sizeof f->channel / sizeof *f->channel);
    return f->channel[f->channel_count++] = pair[0];
}

static int give_channel(struct fixture *f, enum ipc_kind kind)
{
    return give_numbered_channel(f, kind, 0);
}

/* --- messages --- */

/* A request; each call another branch. */
static const char *request(const char *method, const char *domain, const char *transport, const char *body)
{
    static char text[PEER_BYTES];
    static unsigned number;
    number++;
    snprintf(text, sizeof text,
             "%s sip:bob@%s SIP/2.0\r\nVia: SIP/2.0/%s ua1.home.example;rport;branch=z9hG4bKua%u\r\n"
             "Max-Forwards: 70\r\nFrom: <sip:alice@home.example>;tag=a\r\nTo: <sip:bob@%s>\r\nCall-ID: c%u@ua1\r\n"
             "CSeq: 1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
             method, domain, transport, number, domain, number, method, strlen(body), body);
    return text;
}

/* The lines of the request that a response repeats. */
static const char *ok_to(const char *received)
{
    static char text[PEER_BYTES];
    size_t len = (size_t)snprintf(text, sizeof text, "SIP/2.0 200 OK\r\n");
    for (const char *line = received; *line && *line != '\r'; line += strcspn(line, "\n") + 1) {
        size_t n = strcspn(line, "\n") + 1;
        if (strncmp(line, "Via:", 4) == 0 || strncmp(line, "From:", 5) == 0 || strncmp(line, "To:", 3) == 0 ||
            strncmp(line, "Call-ID:", 8) == 0 || strncmp(line, "CSeq:", 5) == 0) {
            memcpy(text + len, line, n);
            len += n;
        }
    }
    snprintf(text + len, sizeof text - len, "Content-Length: 0\r\n\r\n");
    return text;
}

/* --- setup --- */

static void a_message_that_belongs_to_no_setup_fails_it(void **state)
{
    struct fixture *f = *state;
    start(f);
    child_tell_to_stop(&f->net);
    assert_rule(child_setup_result(&f->net), RULE_IPC);
    assert_int_not_equal(child_wait(&f->net), 0);
}

static void it_ends_when_its_parent_does(void **state)
{
    struct fixture *f = *state;
    start(f);
    end_setup(f);
    close(f->net.control);
    f->net.control = -1;
    assert_int_not_equal(child_wait(&f->net), 0);
}

static void a_setup_that_is_not_well_formed_ends_it(void **state)
{
    struct fixture *f = *state;
    start(f);
    end_setup(f);
    struct writer w = child_writer(&f->net);
    ipc_write_blob(&w, IPC_SETUP_ANCHOR, SPAN("what a vault is told"));
    child_send(f->net.control, &w);
    assert_int_not_equal(child_wait(&f->net), 0);
}

/* --- transports --- */

static void a_message_crosses_by_udp_of_both_families(void **state)
{
    struct fixture *f = *state;
    struct peer *ua1 = udp_peer(f, AF_INET), *ua2 = udp_peer(f, AF_INET6);
    start(f);
    give_route(f, "far.example", SIP_UDP, AF_INET6, ua2->port);
    end_setup(f);
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "far.example", "UDP", "hello"));
    assert_contains(receive_udp(ua2), "\r\n\r\nhello");
    assert_contains(ua2->bytes, ";received=127.0.0.1");
    send_udp(ua2, AF_INET6, f->udp6, ok_to(ua2->bytes));
    assert_contains(receive_udp(ua1), "SIP/2.0 200 OK\r\n");
    assert_int_equal(child_stop(&f->net), 0);
}

static void a_keep_alive_by_udp_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct peer *ua1 = udp_peer(f, AF_INET);
    start(f);
    end_setup(f);
    send_udp(ua1, AF_INET, f->udp, "\r\n\r\n");
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "nowhere.example", "UDP", "hello"));
    assert_contains(receive_udp(ua1), "SIP/2.0 404 Not Found\r\n");
}

static void a_stream_is_framed_however_it_is_cut(void **state)
{
    struct fixture *f = *state;
    start(f);
    struct peer *ua2 = tcp_listener(f);
    give_route(f, "far.example", SIP_TCP, AF_INET, ua2->port);
    end_setup(f);
    struct peer *ua1 = tcp_client(f);
    const char *text = request("MESSAGE", "far.example", "TCP", "one\r\n\r\ntwo");
    for (const char *at = text; *at; at++)
        assert_int_equal(send(ua1->fd, at, 1, MSG_NOSIGNAL), 1);
    struct peer *next = accepted(f, ua2);
    assert_contains(receive_tcp(next, 1), "\r\n\r\none\r\n\r\ntwo");
    send_tcp(next, ok_to(next->bytes));
    assert_contains(receive_tcp(ua1, 1), "SIP/2.0 200 OK\r\n");
}

static void messages_that_come_together_are_each_answered_on_their_connection(void **state)
{
    struct fixture *f = *state;
    char text[4096];
    start(f);
    end_setup(f);
    struct peer *ua1 = tcp_client(f);
    size_t len = (size_t)snprintf(text, sizeof text, "\r\n%s\r\n\r\n", request("INFO", "a.example", "TCP", "1"));
    snprintf(text + len, sizeof text - len, "%s", request("INFO", "b.example", "TCP", "2"));
    send_tcp(ua1, text);
    const char *second = strstr(receive_tcp(ua1, 2), "\r\n\r\n");
    assert_contains(ua1->bytes, "SIP/2.0 404 Not Found\r\n");
    assert_contains(ua1->bytes, "To: <sip:bob@a.example>");
    assert_contains(second, "SIP/2.0 404 Not Found\r\n");
    assert_contains(second, "To: <sip:bob@b.example>");
}

static void a_double_crlf_is_answered_by_a_single_one(void **state)
{
    struct fixture *f = *state;
    char pong[8];
    start(f);
    end_setup(f);
    struct peer *ua1 = tcp_client(f);
    send_tcp(ua1, "\r\n\r\n");
    assert_true(child_ready(ua1->fd));
    assert_int_equal(recv(ua1->fd, pong, sizeof pong, 0), 2);
    assert_memory_equal(pong, "\r\n", 2);
}

static void a_stream_that_cannot_be_framed_is_answered_and_closed(void **state)
{
    struct fixture *f = *state;
    static char large[64 * 1024];
    start(f);
    end_setup(f);
    struct peer *ua1 = tcp_client(f);
    memset(large, 'x', sizeof large - 1);
    send_tcp(ua1, request("MESSAGE", "far.example", "TCP", large));
    assert_contains(receive_tcp(ua1, 1), "SIP/2.0 513 Message Too Large\r\n");
    assert_true(closes(ua1));

    struct peer *ua2 = tcp_client(f);
    send_tcp(ua2, "MESSAGE sip:bob@far.example SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKq\r\n"
                  "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: q\r\nCSeq: 1 MESSAGE\r\n\r\n");
    assert_contains(receive_tcp(ua2, 1), "SIP/2.0 400 Bad Request\r\n");
    assert_true(closes(ua2));

    struct peer *noise = tcp_client(f);
    send_tcp(noise, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(closes(noise));
}

static void a_next_hop_that_refuses_connections_is_500(void **state)
{
    struct fixture *f = *state;
    uint16_t port;
    int unused = bound(AF_INET, SOCK_STREAM, &port); /* bound, and not listening */
    start(f);
    give_route(f, "far.example", SIP_TCP, AF_INET, port);
    end_setup(f);
    struct peer *ua1 = udp_peer(f, AF_INET);
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "far.example", "UDP", "hello"));
    assert_contains(receive_udp(ua1), "SIP/2.0 500 Server Internal Error\r\n");
    close(unused);
}

/* A socket that listens, and takes no more connections. */
static struct peer *full_listener(struct fixture *f)
{
    uint16_t port;
    socklen_t len;
    int fd = bound(AF_INET, SOCK_STREAM, &port);
    assert_int_equal(listen(fd, 0), 0);
    for (int i = 0; i < 2; i++) { /* one is taken into the queue, the other fills it */
        struct sockaddr_storage address = loopback(AF_INET, port, &len);
        int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(filler, (struct sockaddr *)&address, len);
        new_peer(f, filler, 0);
    }
    return new_peer(f, fd, port);
}

static void a_next_hop_that_does_not_take_the_connection_is_500_after_a_while(void **state)
{
    struct fixture *f = *state;
    struct peer *ua2 = full_listener(f), *ua1 = udp_peer(f, AF_INET);
    start(f);
    give_route(f, "far.example", SIP_TCP, AF_INET, ua2->port);
    end_setup(f);
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "far.example", "UDP", "hello"));
    while (!strstr(receive_udp(ua1), "SIP/2.0 500 Server Internal Error\r\n"))
        assert_contains(ua1->bytes, "SIP/2.0 100 Trying\r\n");
}

static void a_peer_that_does_not_read_keeps_nobody_else_waiting(void **state)
{
    struct fixture *f = *state;
    start(f);
    end_setup(f);
    struct peer *deaf = tcp_client_with(f, 4096), *other = tcp_client(f);
    for (int i = 0; i < 20000; i++) /* some megabytes of answers: more than the sockets hold */
        send_tcp(deaf, request("INFO", "a.example", "TCP", "x"));
    send_tcp(other, request("INFO", "a.example", "TCP", "1"));
    assert_contains(receive_tcp(other, 1), "SIP/2.0 404 Not Found\r\n");
    assert_contains(receive_tcp(deaf, 1), "SIP/2.0 404 Not Found\r\n");
}

static void a_next_hop_that_closes_the_connection_is_500_and_the_next_request_opens_another(void **state)
{
    struct fixture *f = *state;
    start(f);
    struct peer *ua2 = tcp_listener(f), *ua1 = udp_peer(f, AF_INET);
    give_route(f, "far.example", SIP_TCP, AF_INET, ua2->port);
    end_setup(f);
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "far.example", "UDP", "hello"));
    struct peer *first = accepted(f, ua2);
    receive_tcp(first, 1);
    shutdown(first->fd, SHUT_RDWR);
    assert_contains(receive_udp(ua1), "SIP/2.0 500 Server Internal Error\r\n");
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "far.example", "UDP", "again"));
    struct peer *second = accepted(f, ua2);
    assert_contains(receive_tcp(second, 1), "\r\n\r\nagain");
}

static void a_response_finds_the_client_when_its_connection_is_gone(void **state)
{
    struct fixture *f = *state;
    char via[64];
    start(f);
    struct peer *ua2 = tcp_listener(f), *home = tcp_listener(f);
    give_route(f, "far.example", SIP_TCP, AF_INET, ua2->port);
    end_setup(f);
    struct peer *ua1 = tcp_client(f);
    char *text = strdup(request("MESSAGE", "far.example", "TCP", "hello"));
    char *host = strstr(text, "ua1.home.example;rport");
    snprintf(via, sizeof via, "127.0.0.1:%u;x=", home->port);
    memset(via + strlen(via), 'x', strlen("ua1.home.example;rport") - strlen(via)); /* of the same length */
    memcpy(host, via, strlen("ua1.home.example;rport"));
    send_tcp(ua1, text);
    free(text);
    struct peer *next = accepted(f, ua2);
    receive_tcp(next, 1);
    shutdown(ua1->fd, SHUT_RDWR);
    assert_true(closes(ua1));
    send_tcp(next, ok_to(next->bytes));
    struct peer *back = accepted(f, home);
    assert_contains(receive_tcp(back, 1), "SIP/2.0 200 OK\r\n");
}

static void connections_beyond_the_limit_are_closed_and_the_others_go_on(void **state)
{
    struct fixture *f = *state;
    f->limits.connections = 2;
    start(f);
    end_setup(f);
    struct peer *first = tcp_client(f), *second = tcp_client(f), *third = tcp_client(f);
    assert_true(closes(third));
    send_tcp(first, request("INFO", "a.example", "TCP", "1"));
    assert_contains(receive_tcp(first, 1), "SIP/2.0 404 Not Found\r\n");
    shutdown(second->fd, SHUT_RDWR);
    assert_true(closes(second));
    struct peer *fourth = tcp_client(f);
    send_tcp(fourth, request("INFO", "a.example", "TCP", "1"));
    assert_contains(receive_tcp(fourth, 1), "SIP/2.0 404 Not Found\r\n");
}

static void a_connection_without_traffic_is_closed(void **state)
{
    struct fixture *f = *state;
    f->limits.idle_seconds = 1;
    start(f);
    end_setup(f);
    struct peer *idle = tcp_client(f), *half = tcp_client(f);
    send_tcp(half, "MESSAGE sip:bob@far.example SIP/2.0\r\nVia: SIP/2.0/TCP h");
    assert_true(closes(idle));
    assert_true(closes(half));
}

/* --- vault and store --- */

static void answer_examined(struct fixture *f, int vault, const char *record)
{
    struct ipc_header header;
    struct cursor fields;
    static struct ipc_examined answer;
    static struct ipc_examine ask;
    assert_true(child_receive(&f->net, vault, &header, &fields));
    assert_int_equal(header.kind, IPC_EXAMINE);
    assert_rule(ipc_read_examine(&fields, &ask), RULE_OK);
    memset(&answer, 0, sizeof answer);
    answer.verdict.part_count = 1;
    answer.verdict.part[0] = (struct verdict_part){
        .state = PART_PLAIN, .signature = RULE_SIGNATURE_ABSENT, .type = {"text/plain"}, .type_count = 1};
    answer.record = span_text(record);
    struct writer w = child_writer(&f->net);
    ipc_write_examined(&w, header.job, &answer);
    child_send(vault, &w);
}

static void answer_admitted(struct fixture *f, int store, const char *record)
{
    struct ipc_header header;
    struct cursor fields;
    struct ipc_admit ask;
    assert_true(child_receive(&f->net, store, &header, &fields));
    assert_int_equal(header.kind, IPC_ADMIT);
    assert_rule(ipc_read_admit(&fields, &ask), RULE_OK);
    assert_span_text(ask.record, record);
    const struct ipc_admitted answer = {.rule = RULE_OK, .record_id = 7};
    struct writer w = child_writer(&f->net);
    ipc_write_admitted(&w, header.job, &answer);
    child_send(store, &w);
}

static void start_middle(struct fixture *f, struct peer *ua2)
{
    f->vaults = 1;
    start(f);
    give_route(f, "far.example", SIP_UDP, AF_INET, ua2->port);
    end_setup(f);
}

static void expect_completed(struct fixture *f, int store, uint32_t status)
{
    struct ipc_header header;
    struct cursor fields;
    struct ipc_complete told;
    assert_true(child_receive(&f->net, store, &header, &fields));
    assert_int_equal(header.kind, IPC_COMPLETE);
    assert_rule(ipc_read_complete(&fields, &told), RULE_OK);
    assert_int_equal(told.status, status);
    assert_int_equal(told.record_id, 7);
}

/* Through vault and store to the other end and back. */
static void one_message_passes(struct fixture *f, struct peer *ua1, struct peer *ua2, int vault, int store)
{
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "far.example", "UDP", "hello"));
    answer_examined(f, vault, "a record");
    answer_admitted(f, store, "a record");
    assert_contains(receive_udp(ua2), "\r\n\r\nhello");
    send_udp(ua2, AF_INET, f->udp, ok_to(ua2->bytes));
    assert_contains(receive_udp(ua1), "SIP/2.0 200 OK\r\n");
    expect_completed(f, store, 200);
}

static void a_message_passes_by_vault_and_store(void **state)
{
    struct fixture *f = *state;
    struct peer *ua1 = udp_peer(f, AF_INET), *ua2 = udp_peer(f, AF_INET);
    start_middle(f, ua2);
    int store = give_channel(f, IPC_CHANNEL_STORE), vault = give_channel(f, IPC_CHANNEL_VAULT);
    one_message_passes(f, ua1, ua2, vault, store);
    assert_int_equal(child_stop(&f->net), 0);
}

static void a_job_in_a_vault_that_ends_is_500_and_a_new_vault_takes_the_next(void **state)
{
    struct fixture *f = *state;
    struct ipc_header header;
    struct cursor fields;
    struct peer *ua1 = udp_peer(f, AF_INET), *ua2 = udp_peer(f, AF_INET);
    start_middle(f, ua2);
    int store = give_channel(f, IPC_CHANNEL_STORE), vault = give_channel(f, IPC_CHANNEL_VAULT);
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "far.example", "UDP", "hello"));
    assert_true(child_receive(&f->net, vault, &header, &fields));
    close(vault);
    f->channel[1] = -1;
    assert_contains(receive_udp(ua1), "SIP/2.0 500 Server Internal Error\r\n");
    one_message_passes(f, ua1, ua2, give_channel(f, IPC_CHANNEL_VAULT), store);
}

static void a_vault_that_talks_nonsense_is_no_vault_any_more(void **state)
{
    struct fixture *f = *state;
    struct ipc_header header;
    struct cursor fields;
    struct peer *ua1 = udp_peer(f, AF_INET), *ua2 = udp_peer(f, AF_INET);
    start_middle(f, ua2);
    int store = give_channel(f, IPC_CHANNEL_STORE), vault = give_channel(f, IPC_CHANNEL_VAULT);
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "far.example", "UDP", "hello"));
    assert_true(child_receive(&f->net, vault, &header, &fields));
    assert_int_equal(channel_send(vault, SPAN("nonsense"), NULL, 0), CHANNEL_DONE);
    assert_contains(receive_udp(ua1), "SIP/2.0 500 Server Internal Error\r\n");
    assert_false(child_receive(&f->net, vault, &header, &fields)); /* closed */
    one_message_passes(f, ua1, ua2, give_channel(f, IPC_CHANNEL_VAULT), store);
}

static void a_message_that_waits_for_a_store_that_ends_is_500(void **state)
{
    struct fixture *f = *state;
    struct ipc_header header;
    struct cursor fields;
    struct peer *ua1 = udp_peer(f, AF_INET), *ua2 = udp_peer(f, AF_INET);
    start_middle(f, ua2);
    int store = give_channel(f, IPC_CHANNEL_STORE), vault = give_channel(f, IPC_CHANNEL_VAULT);
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "far.example", "UDP", "hello"));
    answer_examined(f, vault, "a record");
    assert_true(child_receive(&f->net, store, &header, &fields));
    close(store);
    f->channel[0] = -1;
    assert_contains(receive_udp(ua1), "SIP/2.0 500 Server Internal Error\r\n");
    one_message_passes(f, ua1, ua2, vault, give_channel(f, IPC_CHANNEL_STORE));
}

/* --- another configuration --- */

/* A new socket at number 3 in place of the UDP socket at number 0; the others stay. */
static void tell_other_listeners(struct fixture *f, uint16_t *port)
{
    int unused = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), fd = bound(AF_INET, SOCK_DGRAM, port);
    tell_listen(f, SIP_UDP, AF_INET, 3, *port, fd);
    tell_listen(f, SIP_TCP, AF_INET, 1, f->tcp, unused);
    tell_listen(f, SIP_UDP, AF_INET6, 2, f->udp6, unused);
    close(unused);
    close(fd);
}

static void what_is_under_way_on_a_socket_that_leaves_is_finished_there(void **state)
{
    struct fixture *f = *state;
    struct peer *ua1 = udp_peer(f, AF_INET), *ua2 = udp_peer(f, AF_INET);
    uint16_t other;
    start(f);
    give_route(f, "far.example", SIP_UDP, AF_INET, ua2->port);
    end_setup(f);
    struct peer *connection = tcp_client(f);
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "far.example", "UDP", "hello"));
    receive_udp(ua2);
    tell_other_listeners(f, &other);
    give_route(f, "other.example", SIP_UDP, AF_INET, ua2->port);
    end_setup(f);
    send_udp(ua2, AF_INET, f->udp, ok_to(ua2->bytes));
    assert_contains(receive_udp(ua1), "SIP/2.0 200 OK\r\n");
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "other.example", "UDP", "hello"));
    assert_contains(receive_udp(ua1), "SIP/2.0 503 Service Unavailable\r\n");
    send_udp(ua1, AF_INET, other, request("MESSAGE", "far.example", "UDP", "hello"));
    assert_contains(receive_udp(ua1), "SIP/2.0 404 Not Found\r\n");
    send_tcp(connection, request("MESSAGE", "far.example", "TCP", "hello"));
    assert_contains(receive_tcp(connection, 1), "SIP/2.0 404 Not Found\r\n");
    assert_int_equal(child_stop(&f->net), 0);
}

static void new_vaults_are_asked_from_then_on_and_old_ones_answer_what_they_have(void **state)
{
    struct fixture *f = *state;
    struct ipc_header header;
    struct cursor fields;
    struct peer *ua1 = udp_peer(f, AF_INET), *ua2 = udp_peer(f, AF_INET);
    start_middle(f, ua2);
    int store = give_channel(f, IPC_CHANNEL_STORE), old = give_channel(f, IPC_CHANNEL_VAULT);
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "far.example", "UDP", "hello"));
    assert_true(child_ready(old));

    int fresh = give_numbered_channel(f, IPC_CHANNEL_VAULT, 63);
    uint16_t other;
    f->vaults = UINT64_C(1) << 63;
    tell_other_listeners(f, &other);
    give_route(f, "far.example", SIP_UDP, AF_INET, ua2->port);
    end_setup(f);
    f->udp = other;
    one_message_passes(f, ua1, ua2, fresh, store);

    answer_examined(f, old, "an old record");
    answer_admitted(f, store, "an old record");
    assert_contains(receive_udp(ua2), "\r\n\r\nhello");
    assert_false(child_receive(&f->net, old, &header, &fields)); /* closed */
    one_message_passes(f, ua1, ua2, fresh, store);
    assert_int_equal(child_stop(&f->net), 0);
}

/* --- the end --- */

static void what_is_open_is_finished_before_it_ends(void **state)
{
    struct fixture *f = *state;
    struct peer *ua1 = udp_peer(f, AF_INET), *ua2 = udp_peer(f, AF_INET), *late = udp_peer(f, AF_INET);
    start(f);
    give_route(f, "far.example", SIP_UDP, AF_INET, ua2->port);
    end_setup(f);
    send_udp(ua1, AF_INET, f->udp, request("MESSAGE", "far.example", "UDP", "hello"));
    receive_udp(ua2);
    child_tell_to_stop(&f->net);
    do { /* until it has heard of it */
        send_udp(late, AF_INET, f->udp, request("INFO", "nowhere.example", "UDP", "late"));
        receive_udp(late);
    } while (!strstr(late->bytes, "SIP/2.0 503 Service Unavailable\r\n"));
    assert_contains(late->bytes, "Retry-After: 5\r\n");
    send_udp(ua2, AF_INET, f->udp, ok_to(ua2->bytes));
    assert_contains(receive_udp(ua1), "SIP/2.0 200 OK\r\n");
    assert_int_equal(child_wait(&f->net), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(a_message_that_belongs_to_no_setup_fails_it),
        CASE(it_ends_when_its_parent_does),
        CASE(a_setup_that_is_not_well_formed_ends_it),
        CASE(what_is_under_way_on_a_socket_that_leaves_is_finished_there),
        CASE(new_vaults_are_asked_from_then_on_and_old_ones_answer_what_they_have),
        CASE(a_message_crosses_by_udp_of_both_families),
        CASE(a_keep_alive_by_udp_is_passed_over),
        CASE(a_stream_is_framed_however_it_is_cut),
        CASE(messages_that_come_together_are_each_answered_on_their_connection),
        CASE(a_double_crlf_is_answered_by_a_single_one),
        CASE(a_stream_that_cannot_be_framed_is_answered_and_closed),
        CASE(a_next_hop_that_refuses_connections_is_500),
        CASE(a_next_hop_that_does_not_take_the_connection_is_500_after_a_while),
        CASE(a_peer_that_does_not_read_keeps_nobody_else_waiting),
        CASE(a_next_hop_that_closes_the_connection_is_500_and_the_next_request_opens_another),
        CASE(a_response_finds_the_client_when_its_connection_is_gone),
        CASE(connections_beyond_the_limit_are_closed_and_the_others_go_on),
        CASE(a_connection_without_traffic_is_closed),
        CASE(a_message_passes_by_vault_and_store),
        CASE(a_job_in_a_vault_that_ends_is_500_and_a_new_vault_takes_the_next),
        CASE(a_vault_that_talks_nonsense_is_no_vault_any_more),
        CASE(a_message_that_waits_for_a_store_that_ends_is_500),
        CASE(what_is_open_is_finished_before_it_ends),
    };
    if (argc != 2)
        return 2;
    program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
