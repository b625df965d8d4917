/* TLS over a pair of sockets: both ends of src/tls, and OpenSSL's own client. RFC 5922 7; protocol.md 8. */
#include "test.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "pki.h"
#include "tls/tls.h"

enum { ROUNDS = 32, ROOM = 256 * 1024, BYTES = 64 * 1024 };

struct fixture {
    struct arena arena;
    struct identity authority, stranger;
    int pair[2];
    struct tls_context *server, *client;
    struct tls *at_server, *at_client;
    struct span server_serial, client_serial;
    enum rule why_server, why_client;
    bool resumed;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_true(arena_open(&f->arena, ROOM));
    f->authority = pki_authority("Test CA");
    f->stranger = pki_authority("Other CA");
    f->pair[0] = f->pair[1] = -1;
    *state = f;
    return 0;
}

static void part(struct fixture *f)
{
    if (f->at_client)
        tls_end(f->at_client); /* without a farewell OpenSSL forgets the session */
    if (f->at_server)
        tls_end(f->at_server);
    tls_free(f->at_client);
    tls_free(f->at_server);
    f->at_client = f->at_server = NULL;
    for (int i = 0; i < 2; i++)
        if (f->pair[i] >= 0)
            close(f->pair[i]);
    f->pair[0] = f->pair[1] = -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    part(f);
    tls_context_release(f->server);
    tls_context_release(f->client);
    identity_clear(&f->authority);
    identity_clear(&f->stranger);
    arena_close(&f->arena);
    free(f);
    return 0;
}

/* --- who the ends are --- */

struct shown {
    const char *name;
    const struct identity *by; /* null: the authority that both ends trust */
    int64_t until;             /* 0: as long as that */
};

/* Gives the serial number of the certificate. */
static struct span show(struct fixture *f, struct tls_context *c, const struct shown *shown)
{
    struct certificate *certificate;
    struct tls_own own = {.certificate_count = 1};
    const struct identity *by = shown->by ? shown->by : &f->authority;
    const struct issue_terms terms = {ISSUE_TLS, ISSUE_SIGN, span_text(shown->name), PKI_FROM,
                                      shown->until ? shown->until : PKI_UNTIL};
    assert_rule(issue_key(&f->arena, &own.private_key), RULE_OK);
    assert_rule(issue_certificate(&f->arena, by, own.private_key, &terms, &own.certificate[0]), RULE_OK);
    assert_rule(tls_context_present(c, &own), RULE_OK);
    assert_rule(certificate_parse(own.certificate[0], &certificate), RULE_OK);
    struct span serial = arena_copy(&f->arena, certificate_serial(certificate), NULL);
    certificate_release(certificate);
    return serial;
}

/* A list of the authority that has this number, given to one end. */
static void revoke_at(struct fixture *f, struct tls_context *c, struct span serial)
{
    struct span list;
    assert_rule(issue_crl(&f->arena, &f->authority, &serial, 1, 1, PKI_FROM, PKI_UNTIL, &list), RULE_OK);
    assert_rule(tls_context_add_crl(c, list), RULE_OK);
}

/* A context that trusts the authority, and shows a certificate unless `shown` is null. */
static struct tls_context *context(struct fixture *f, const struct shown *shown, struct span *serial)
{
    struct tls_context *c = tls_context_new();
    assert_non_null(c);
    assert_rule(tls_context_add_anchor(c, f->authority.certificate->der), RULE_OK);
    if (shown)
        *serial = show(f, c, shown);
    return c;
}

static void ends(struct fixture *f, const struct shown *server, const struct shown *client)
{
    part(f);
    tls_context_release(f->server);
    tls_context_release(f->client);
    f->server = context(f, server, &f->server_serial);
    f->client = context(f, client, &f->client_serial);
}

static void open_pair(struct fixture *f)
{
    part(f);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, f->pair), 0);
}

static bool goes_on(enum tls_step step)
{
    return step == TLS_WANTS_READ || step == TLS_WANTS_WRITE;
}

/* Whether both ends say that it is done; a failure is told to the other end. Then a byte each way, so that what one end
 * says after its own handshake (a session, a refusal) has been heard. */
static bool shake_hands(struct fixture *f, const char *host, enum tls_clients clients, int64_t now)
{
    enum tls_step server = TLS_WANTS_READ, client = TLS_WANTS_READ;
    uint8_t got[16];
    size_t len;
    open_pair(f);
    f->at_server = tls_accept(f->server, clients, f->pair[0]);
    f->at_client = tls_connect(f->client, span_text(host), f->pair[1]);
    assert_non_null(f->at_server);
    assert_non_null(f->at_client);
    f->why_server = f->why_client = RULE_OK;
    for (int i = 0; i < ROUNDS && (goes_on(server) || goes_on(client)); i++) {
        if (goes_on(client))
            client = tls_handshake(f->at_client, now, &f->why_client);
        if (goes_on(server))
            server = tls_handshake(f->at_server, now, &f->why_server);
    }
    if (server != TLS_DONE || client != TLS_DONE)
        return false;
    f->resumed = tls_resumed(f->at_client);
    assert_int_equal(tls_write(f->at_server, SPAN("s"), &len), TLS_DONE);
    for (int i = 0; i < ROUNDS && tls_read(f->at_client, got, sizeof got, &len) != TLS_DONE; i++)
        continue;
    assert_int_equal(len, 1);
    return true;
}

#define ONE                                                                                                            \
    {                                                                                                                  \
        "one.example", NULL, 0                                                                                         \
    }

/* --- cases --- */

static void a_server_must_be_the_host_that_was_to_be_reached(void **state)
{
    struct fixture *f = *state;
    ends(f, &(struct shown)ONE, NULL);
    assert_true(shake_hands(f, "ONE.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    assert_true(tls_leads_to(f->at_client, SPAN("one.example")));
    assert_false(tls_leads_to(f->at_client, SPAN("two.example")));
    assert_false(tls_leads_to(f->at_client, SPAN("")));
    assert_span_text(tls_peer(f->at_client), "one.example");
    static const char *const others[] = {"two.example", "x.one.example", "example", "127.0.0.1"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(shake_hands(f, others[i], TLS_CLIENTS_OPTIONAL, PKI_NOW));
        assert_rule(f->why_client, RULE_TLS_NAME);
    }
    open_pair(f);
    assert_null(tls_connect(f->client, SPAN(""), f->pair[1]));
}

static void a_chain_dates_and_revocation_must_hold_at_both_ends(void **state)
{
    struct fixture *f = *state;
    const struct shown good = ONE, foreign = {"one.example", &f->stranger, 0};
    const struct shown short_lived = {"one.example", NULL, PKI_NOW + 60};
    const struct {
        const struct shown *server, *client;
        int64_t now;
        enum rule at_client, at_server;
    } table[] = {
        {&foreign, &good, PKI_NOW, RULE_CERT_UNTRUSTED, RULE_OK},
        {&good, &foreign, PKI_NOW, RULE_OK, RULE_CERT_UNTRUSTED},
        {&short_lived, &good, PKI_NOW + 61, RULE_CERT_EXPIRED, RULE_OK},
        {&good, &short_lived, PKI_NOW + 61, RULE_OK, RULE_CERT_EXPIRED},
        {&good, &good, PKI_FROM - 1, RULE_CERT_EXPIRED, RULE_OK},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        ends(f, table[i].server, table[i].client);
        bool done = shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, table[i].now);
        assert_false(done);
        if (table[i].at_client != RULE_OK)
            assert_rule(f->why_client, table[i].at_client);
        if (table[i].at_server != RULE_OK)
            assert_rule(f->why_server, table[i].at_server);
    }
    ends(f, &good, &good);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    assert_span_text(tls_peer(f->at_server), "one.example");
    revoke_at(f, f->client, f->server_serial);
    assert_false(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    assert_rule(f->why_client, RULE_CERT_REVOKED);
    ends(f, &good, &good);
    revoke_at(f, f->server, f->client_serial);
    assert_false(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    assert_rule(f->why_server, RULE_CERT_REVOKED);
    ends(f, &good, &good);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    assert_true(tls_leads_to(f->at_server, SPAN("one.example")));
}

static void a_client_without_a_certificate_passes_only_where_none_is_required(void **state)
{
    struct fixture *f = *state;
    ends(f, &(struct shown)ONE, NULL);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    assert_int_equal(tls_peer(f->at_server).len, 0);
    assert_false(tls_leads_to(f->at_server, SPAN("one.example")));
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_NONE, PKI_NOW));
    assert_false(shake_hands(f, "one.example", TLS_CLIENTS_REQUIRED, PKI_NOW));
    assert_rule(f->why_server, RULE_TLS_NO_CERTIFICATE);
    ends(f, &(struct shown)ONE, &(struct shown){"two.example", NULL, 0});
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_NONE, PKI_NOW));
    assert_int_equal(tls_peer(f->at_server).len, 0);                            /* it was not asked */
    assert_false(shake_hands(f, "one.example", TLS_CLIENTS_REQUIRED, PKI_NOW)); /* a session that proved nothing */
    assert_rule(f->why_server, RULE_TLS_NO_CERTIFICATE);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_REQUIRED, PKI_NOW));
    assert_span_text(tls_peer(f->at_server), "two.example");
}

static void a_context_without_a_certificate_accepts_nobody(void **state)
{
    struct fixture *f = *state;
    ends(f, &(struct shown)ONE, NULL);
    open_pair(f);
    assert_null(tls_accept(f->client, TLS_CLIENTS_NONE, f->pair[0]));
}

/* Sessions are kept by the host that was asked for, and hold what their first handshake proved. */
static void a_session_of_one_who_is_no_longer_trusted_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct shown good = ONE, short_lived = {"one.example", NULL, PKI_NOW + 60};
    const struct shown old_client = {"two.example", NULL, PKI_NOW + 60};
    ends(f, &short_lived, &good);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    assert_false(f->resumed);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    assert_true(f->resumed);
    assert_span_text(tls_peer(f->at_server), "one.example"); /* as proven before */
    assert_span_text(tls_peer(f->at_client), "one.example");
    assert_false(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW + 61));
    assert_rule(f->why_client, RULE_CERT_EXPIRED);
    ends(f, &good, &old_client);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    assert_false(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW + 61));
    assert_rule(f->why_server, RULE_CERT_EXPIRED);
}

/* What one context gave is worth nothing to another: new settings begin anew. */
static void sessions_end_with_the_settings_they_were_made_under(void **state)
{
    struct fixture *f = *state;
    const struct shown good = ONE;
    ends(f, &good, &good);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    part(f);
    tls_context_release(f->server);
    f->server = context(f, &good, &f->server_serial);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    assert_false(f->resumed);
}

/* Whether OpenSSL's own client gets through with this version and these suites. */
static bool client_gets_through(struct fixture *f, int version, const char *suites)
{
    enum tls_step server = TLS_WANTS_READ;
    enum rule why;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(ctx, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(ctx, suites), 1);
    SSL *ssl = SSL_new(ctx);
    open_pair(f);
    f->at_server = tls_accept(f->server, TLS_CLIENTS_OPTIONAL, f->pair[0]);
    SSL_set_fd(ssl, f->pair[1]);
    int done = 0;
    for (int i = 0; i < ROUNDS && (done != 1 || goes_on(server)); i++) {
        if (done != 1)
            done = SSL_connect(ssl);
        if (goes_on(server))
            server = tls_handshake(f->at_server, PKI_NOW, &why);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return done == 1 && server == TLS_DONE;
}

static void suites_without_forward_secrecy_or_aead_are_refused(void **state)
{
    struct fixture *f = *state;
    ends(f, &(struct shown)ONE, NULL);
    assert_true(client_gets_through(f, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"));
    assert_true(client_gets_through(f, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"));
    assert_true(client_gets_through(f, TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305"));
    assert_true(client_gets_through(f, TLS1_3_VERSION, "ALL"));
    assert_false(client_gets_through(f, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA"));
    assert_false(client_gets_through(f, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256"));
    assert_false(client_gets_through(f, TLS1_1_VERSION, "ALL"));
    assert_false(client_gets_through(f, TLS1_VERSION, "ALL"));
}

static void much_is_carried_in_order_however_it_is_cut(void **state)
{
    struct fixture *f = *state;
    static uint8_t sent[BYTES], got[BYTES];
    size_t out = 0, in = 0, n;
    ends(f, &(struct shown)ONE, NULL);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    for (size_t i = 0; i < BYTES; i++)
        sent[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t round = 0; in < BYTES; round++) {
        if (out < BYTES && tls_write(f->at_client, span_of(sent + out, BYTES - out), &n) == TLS_DONE)
            out += n;
        if (tls_read(f->at_server, got + in, round % 700 + 1 < BYTES - in ? round % 700 + 1 : BYTES - in, &n) ==
            TLS_DONE)
            in += n;
    }
    assert_memory_equal(sent, got, BYTES);
    tls_end(f->at_client);
    assert_int_equal(tls_read(f->at_server, got, 1, &n), TLS_CLOSED);
}

/* What OpenSSL has taken from the socket and not given on, no poll reports. */
static void a_record_is_begun_only_where_all_of_it_has_room(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[2 * TLS_RECORD_MAX], got[2 * TLS_RECORD_MAX];
    size_t n;
    ends(f, &(struct shown)ONE, NULL);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tls_write(f->at_client, span_of(bytes, TLS_RECORD_MAX), &n), TLS_DONE);
        assert_int_equal(n, TLS_RECORD_MAX);
    }
    assert_int_equal(tls_read(f->at_server, got, 2 * TLS_RECORD_MAX - 1, &n), TLS_DONE);
    assert_int_equal(n, TLS_RECORD_MAX);
    assert_int_equal(tls_read(f->at_server, got, TLS_RECORD_MAX, &n), TLS_DONE);
    assert_int_equal(n, TLS_RECORD_MAX);
    for (int i = 0; i < 2; i++)
        assert_int_equal(tls_write(f->at_client, span_of(bytes, TLS_RECORD_MAX), &n), TLS_DONE);
    assert_int_equal(tls_read(f->at_server, got, sizeof got, &n), TLS_DONE);
    assert_int_equal(n, sizeof got);
}

/* Many records come in one system call where there is room for all of them; what does not come out stays in the socket,
 * where poll sees it. */
static void nothing_that_is_read_ahead_is_out_of_polls_sight(void **state)
{
    struct fixture *f = *state;
    static uint8_t got[4 * TLS_RECORD_MAX];
    static const size_t sizes[] = {100, TLS_RECORD_MAX, 700, 700, TLS_RECORD_MAX - 1, 1, 3000, 3000, 3000, 3000, 3000};
    static const size_t rooms[] = {sizeof got, 3 * TLS_RECORD_MAX, 3 * TLS_RECORD_MAX - 1, TLS_RECORD_MAX};
    ends(f, &(struct shown)ONE, NULL);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
        size_t total = 0, in = 0, n;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++, total += n)
            assert_int_equal(tls_write(f->at_client, span_of(got, sizes[i]), &n), TLS_DONE);
        for (; in < total; in += n) {
            struct pollfd seen = {.fd = f->pair[0], .events = POLLIN};
            assert_int_equal(poll(&seen, 1, 0), 1);
            assert_int_equal(tls_read(f->at_server, got, rooms[r], &n), TLS_DONE);
        }
        assert_int_equal(in, total);
    }
}

/* RFC 8446 6.1 asks for close_notify; SIP is framed by Content-Length, and peers do without. */
static void an_end_without_a_word_is_an_end(void **state)
{
    struct fixture *f = *state;
    uint8_t byte;
    size_t n;
    ends(f, &(struct shown)ONE, NULL);
    assert_true(shake_hands(f, "one.example", TLS_CLIENTS_OPTIONAL, PKI_NOW));
    close(f->pair[1]);
    f->pair[1] = -1;
    assert_int_equal(tls_read(f->at_server, &byte, 1, &n), TLS_CLOSED);
}

static void it_rehearses(void **state)
{
    (void)state;
    assert_rule(tls_rehearse(PKI_NOW), RULE_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_server_must_be_the_host_that_was_to_be_reached),
        CASE(a_chain_dates_and_revocation_must_hold_at_both_ends),
        CASE(a_client_without_a_certificate_passes_only_where_none_is_required),
        CASE(a_context_without_a_certificate_accepts_nobody),
        CASE(a_session_of_one_who_is_no_longer_trusted_is_refused),
        CASE(sessions_end_with_the_settings_they_were_made_under),
        CASE(suites_without_forward_secrecy_or_aead_are_refused),
        CASE(much_is_carried_in_order_however_it_is_cut),
        CASE(a_record_is_begun_only_where_all_of_it_has_room),
        CASE(nothing_that_is_read_ahead_is_out_of_polls_sight),
        CASE(an_end_without_a_word_is_an_end),
        CASE(it_rehearses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
