/* sipseald-net with TLS; this program is its parent, its authority and its peers, which are OpenSSL's own. */
#include "test.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include <openssl/ssl.h>

#include "child.h"
#include "sipseal/issue.h"

enum { ROOM = 64 * 1024, BYTES = 4096 };

static const char *program; /* set by main alone */

/* What is shown to the other end. */
struct shown {
    struct span certificate, key; /* DER */
};

struct fixture {
    struct child net;
    uint16_t tls, udp;
    int tls_fd, udp_fd; /* of the sockets that it listens on; the parent keeps them */
    struct arena arena;
    struct identity authority, other_authority;
    struct shown server;
    SSL_CTX *ssl;
    SSL *peer[4];
    size_t peer_count;
    int udp_peer;
    char bytes[BYTES];
};

/* --- certificates, valid now --- */

static struct identity authority(struct fixture *f, const char *name)
{
    struct span key, der;
    struct identity identity;
    int64_t now = (int64_t)time(NULL);
    assert_rule(issue_key(&f->arena, &key), RULE_OK);
    assert_rule(issue_authority(&f->arena, key, span_text(name), now - 3600, now + 86400, &der), RULE_OK);
    assert_rule(identity_load(der, key, &identity), RULE_OK);
    return identity;
}

static struct shown issue(struct fixture *f, const struct identity *by, const char *name)
{
    struct shown shown;
    int64_t now = (int64_t)time(NULL);
    const struct issue_terms terms = {ISSUE_TLS, ISSUE_SIGN, span_text(name), now - 3600, now + 86400};
    assert_rule(issue_key(&f->arena, &shown.key), RULE_OK);
    assert_rule(issue_certificate(&f->arena, by, shown.key, &terms, &shown.certificate), RULE_OK);
    return shown;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_true(arena_open(&f->arena, ROOM));
    f->authority = authority(f, "Test CA");
    f->other_authority = authority(f, "Other CA");
    f->server = issue(f, &f->authority, "one.example");
    f->ssl = SSL_CTX_new(TLS_client_method()); /* which believes everybody: it is net that is tested */
    f->udp_peer = f->tls_fd = f->udp_fd = -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    child_clear(&f->net);
    for (size_t i = 0; i < f->peer_count; i++) {
        if (SSL_get_fd(f->peer[i]) >= 0)
            close(SSL_get_fd(f->peer[i]));
        SSL_free(f->peer[i]);
    }
    const int sockets[] = {f->udp_peer, f->tls_fd, f->udp_fd};
    for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++)
        if (sockets[i] >= 0)
            close(sockets[i]);
    SSL_CTX_free(f->ssl);
    identity_clear(&f->authority);
    identity_clear(&f->other_authority);
    arena_close(&f->arena);
    free(f);
    return 0;
}

/* --- net --- */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int bound(int type, uint16_t *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static struct hop hop_to(enum sip_transport transport, uint16_t port)
{
    struct hop hop = {.transport = transport, .address_len = sizeof(struct sockaddr_in)};
    struct sockaddr_in address = loopback(port);
    memcpy(&hop.address, &address, sizeof address);
    return hop;
}

static void give_listen(struct fixture *f, enum sip_transport transport, uint32_t number, int fd)
{
    struct hop hop = hop_to(transport, 0);
    struct writer w = child_writer(&f->net);
    ipc_write_listen(&w, number, &hop);
    assert_int_equal(channel_send(f->net.control, writer_span(&w), &fd, 1), CHANNEL_DONE);
}

/* The beginning of a setup, the first one and every other: the same sockets under the same numbers. */
static void give_sockets(struct fixture *f)
{
    give_listen(f, SIP_TLS, 1, f->tls_fd);
    give_listen(f, SIP_UDP, 2, f->udp_fd);
}

static void give_anchor(struct fixture *f, const struct identity *by)
{
    struct writer w = child_writer(&f->net);
    ipc_write_blob(&w, IPC_SETUP_TLS_ANCHOR, by->certificate->der);
    child_send(f->net.control, &w);
}

static void give_tls(struct fixture *f, const struct identity *by, const struct shown *own, enum tls_clients clients)
{
    give_anchor(f, by);
    const struct ipc_tls_setup setup = {
        .own = {.certificate = {own->certificate}, .certificate_count = 1, .private_key = own->key},
        .clients = clients};
    struct writer w = child_writer(&f->net);
    ipc_write_tls_setup(&w, &setup);
    child_send(f->net.control, &w);
}

static void start(struct fixture *f)
{
    child_start(&f->net, program, "net");
    f->tls_fd = bound(SOCK_STREAM, &f->tls);
    assert_int_equal(listen(f->tls_fd, 8), 0);
    f->udp_fd = bound(SOCK_DGRAM, &f->udp);
    give_sockets(f);
}

static void give_route(struct fixture *f, uint16_t port, const char *uri)
{
    const struct route route = {
        .domain = SPAN("far.example"), .has_next = true, .next = hop_to(SIP_TLS, port), .next_uri = span_text(uri)};
    struct writer w = child_writer(&f->net);
    ipc_write_route(&w, &route);
    child_send(f->net.control, &w);
}

/* What net says to it, at its start and later. */
static enum rule end_setup(struct fixture *f)
{
    const struct ipc_net_setup setup = {
        .name = {SPAN_INIT("proxy1.home.example")},
        .name_count = 1,
        .limits = LIMITS_DEFAULT,
        .log_level = 1,
        .window = 600,
    };
    struct writer w = child_writer(&f->net);
    ipc_write_net_setup(&w, &setup);
    child_send(f->net.control, &w);
    return child_setup_result(&f->net);
}

/* --- peers --- */

static SSL *connect_from(struct fixture *f, int fd, const struct shown *shown)
{
    struct sockaddr_in address = loopback(f->tls);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(f->peer_count < sizeof f->peer / sizeof *f->peer);
    SSL *ssl = f->peer[f->peer_count++] = SSL_new(f->ssl);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    if (shown) {
        assert_int_equal(SSL_use_certificate_ASN1(ssl, shown->certificate.at, (int)shown->certificate.len), 1);
        assert_int_equal(SSL_use_PrivateKey_ASN1(EVP_PKEY_EC, ssl, shown->key.at, (long)shown->key.len), 1);
    }
    return ssl;
}

static SSL *connected(struct fixture *f, const struct shown *shown)
{
    SSL *ssl = connect_from(f, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), shown);
    assert_int_equal(SSL_connect(ssl), 1);
    return ssl;
}

static void drop(struct fixture *f)
{
    SSL *ssl = f->peer[--f->peer_count];
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
}

/* What comes up to the end of a head. */
static const char *receive(struct fixture *f, SSL *ssl)
{
    size_t len = 0, got;
    do {
        assert_true(SSL_pending(ssl) > 0 || child_ready(SSL_get_fd(ssl)));
        if (SSL_read_ex(ssl, f->bytes + len, sizeof f->bytes - 1 - len, &got) == 1)
            len += got;
        else
            assert_int_equal(SSL_get_error(ssl, 0), SSL_ERROR_WANT_READ); /* a session */
        f->bytes[len] = '\0';
    } while (!strstr(f->bytes, "\r\n\r\n"));
    return f->bytes;
}

static const char *request(const char *method, const char *uri, const char *transport)
{
    static char text[1024];
    static unsigned number;
    snprintf(text, sizeof text,
             "%s %s SIP/2.0\r\nVia: SIP/2.0/%s ua1.home.example;rport;branch=z9hG4bKua%u\r\n"
             "Max-Forwards: 70\r\nFrom: <sip:alice@home.example>;tag=a\r\nTo: <%s>\r\n"
             "Call-ID: c%u@ua1\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n",
             method, uri, transport, number, uri, number, method);
    number++;
    return text;
}

/* That the connection works, and its handshake is done at both ends. */
static void assert_answers(struct fixture *f, SSL *ssl)
{
    const char *text = request("OPTIONS", "sip:proxy1.home.example", "TLS"); /* which net answers itself */
    assert_int_equal(SSL_write(ssl, text, (int)strlen(text)), (int)strlen(text));
    assert_non_null(strstr(receive(f, ssl), "SIP/2.0 200 OK\r\n"));
}

/* The name that net shows to one who connects now. */
static bool shows(struct fixture *f, const char *name)
{
    char text[256];
    SSL *ssl = connected(f, NULL);
    X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(ssl)), NID_commonName, text, sizeof text);
    drop(f);
    return strcmp(text, name) == 0;
}

static void send_udp(struct fixture *f)
{
    uint16_t port;
    struct sockaddr_in address = loopback(f->udp);
    const char *text = request("MESSAGE", "sip:bob@far.example", "UDP");
    f->udp_peer = bound(SOCK_DGRAM, &port);
    assert_int_equal(sendto(f->udp_peer, text, strlen(text), 0, (struct sockaddr *)&address, sizeof address),
                     strlen(text));
}

/* The final response to it. */
static const char *receive_udp(struct fixture *f)
{
    ssize_t got;
    do {
        assert_true(child_ready(f->udp_peer));
        got = recv(f->udp_peer, f->bytes, sizeof f->bytes - 1, 0);
        assert_true(got > 0);
        f->bytes[got] = '\0';
    } while (strstr(f->bytes, "SIP/2.0 100 "));
    return f->bytes;
}

/* --- settings --- */

static void new_settings_are_for_new_connections_and_open_ones_go_on(void **state)
{
    struct fixture *f = *state;
    struct shown second = issue(f, &f->authority, "two.example");
    start(f);
    give_tls(f, &f->authority, &f->server, TLS_CLIENTS_OPTIONAL);
    assert_rule(end_setup(f), RULE_OK);
    SSL *old = connected(f, NULL);
    assert_answers(f, old);
    give_sockets(f);
    give_tls(f, &f->authority, &second, TLS_CLIENTS_OPTIONAL);
    assert_true(shows(f, "one.example")); /* until the whole has been told */
    assert_rule(end_setup(f), RULE_OK);
    assert_true(shows(f, "two.example"));
    assert_answers(f, old);
    assert_answers(f, connected(f, NULL));
    assert_int_equal(child_stop(&f->net), 0);
}

static void settings_that_cannot_be_used_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct shown second = issue(f, &f->authority, "two.example"), third = issue(f, &f->authority, "three.example");
    struct shown mixed = {second.certificate, f->server.key};
    start(f);
    give_tls(f, &f->authority, &f->server, TLS_CLIENTS_OPTIONAL);
    assert_rule(end_setup(f), RULE_OK);
    give_sockets(f);
    give_tls(f, &f->authority, &mixed, TLS_CLIENTS_OPTIONAL); /* the key of another certificate */
    assert_rule(end_setup(f), RULE_CERT_KEY);
    assert_true(shows(f, "one.example"));
    give_sockets(f);
    struct writer w = child_writer(&f->net);
    ipc_write_blob(&w, IPC_SETUP_TLS_ANCHOR, SPAN("no certificate"));
    child_send(f->net.control, &w);
    give_tls(f, &f->authority, &second, TLS_CLIENTS_OPTIONAL); /* behind an anchor that is refused */
    assert_rule(end_setup(f), RULE_CERT_SYNTAX);
    assert_true(shows(f, "one.example"));
    give_sockets(f);
    give_tls(f, &f->authority, &third, TLS_CLIENTS_OPTIONAL);
    assert_rule(end_setup(f), RULE_OK);
    assert_true(shows(f, "three.example"));
}

static void settings_that_are_gone_close_what_comes_and_leave_open_connections_alone(void **state)
{
    struct fixture *f = *state;
    start(f);
    give_tls(f, &f->authority, &f->server, TLS_CLIENTS_OPTIONAL);
    assert_rule(end_setup(f), RULE_OK);
    SSL *old = connected(f, NULL);
    assert_answers(f, old);
    give_sockets(f);
    assert_rule(end_setup(f), RULE_OK);
    SSL *ssl = connect_from(f, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), NULL);
    assert_int_not_equal(SSL_connect(ssl), 1);
    assert_answers(f, old);
}

static void a_certificate_without_its_key_fails_the_setup(void **state)
{
    struct fixture *f = *state;
    struct shown mixed = {f->server.certificate, issue(f, &f->authority, "two.example").key};
    start(f);
    give_tls(f, &f->authority, &mixed, TLS_CLIENTS_OPTIONAL);
    assert_rule(child_setup_result(&f->net), RULE_CERT_KEY);
    assert_int_not_equal(child_wait(&f->net), 0);
}

static void without_settings_a_connection_for_tls_is_closed(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_rule(end_setup(f), RULE_OK);
    SSL *ssl = connect_from(f, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), NULL);
    assert_int_not_equal(SSL_connect(ssl), 1);
    give_sockets(f);
    give_tls(f, &f->authority, &f->server, TLS_CLIENTS_OPTIONAL);
    assert_rule(end_setup(f), RULE_OK);
    assert_answers(f, connected(f, NULL));
}

/* --- whose connection it is (RFC 5923 8) --- */

/* One who connects from the very port that the route leads to, and what becomes of a request to there. */
static SSL *connected_from_next(struct fixture *f, const struct shown *shown, const char *uri)
{
    uint16_t port;
    int fd = bound(SOCK_STREAM, &port);
    start(f);
    give_tls(f, &f->authority, &f->server, TLS_CLIENTS_OPTIONAL);
    give_route(f, port, uri);
    assert_rule(end_setup(f), RULE_OK);
    SSL *ssl = connect_from(f, fd, shown);
    assert_int_equal(SSL_connect(ssl), 1);
    assert_answers(f, ssl);
    send_udp(f);
    return ssl;
}

static void a_connection_that_the_next_hop_opened_is_used_when_it_proved_to_be_that_host(void **state)
{
    struct fixture *f = *state;
    struct shown next = issue(f, &f->authority, "next.example");
    SSL *ssl = connected_from_next(f, &next, "sip:NEXT.example;transport=tls");
    assert_non_null(strstr(receive(f, ssl), "MESSAGE sip:bob@far.example SIP/2.0\r\n"));
    assert_int_equal(child_stop(&f->net), 0);
}

static void a_connection_of_somebody_else_is_not_used_for_the_next_hop(void **state)
{
    struct fixture *f = *state;
    struct shown other = issue(f, &f->authority, "other.example");
    SSL *ssl = connected_from_next(f, &other, "sip:next.example;transport=tls");
    assert_non_null(strstr(receive_udp(f), "SIP/2.0 500 Server Internal Error\r\n")); /* nobody listens there */
    assert_answers(f, ssl);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(new_settings_are_for_new_connections_and_open_ones_go_on),
        CASE(settings_that_cannot_be_used_change_nothing),
        CASE(settings_that_are_gone_close_what_comes_and_leave_open_connections_alone),
        CASE(a_certificate_without_its_key_fails_the_setup),
        CASE(without_settings_a_connection_for_tls_is_closed),
        CASE(a_connection_that_the_next_hop_opened_is_used_when_it_proved_to_be_that_host),
        CASE(a_connection_of_somebody_else_is_not_used_for_the_next_hop),
    };
    if (argc != 2)
        return 2;
    program = argv[1];
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
