#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>

#include "tls/internal.h"

enum { READ_AHEAD_MIN = 3 * TLS_RECORD_MAX };

/* --- beginning and end --- */

static struct tls *new_connection(struct tls_context *c, int fd)
{
    struct tls *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->context = tls_context_hold(c);
    t->fd = fd;
    t->ssl = SSL_new(c->ssl);
    if (t->ssl && SSL_set_app_data(t->ssl, t) == 1 && tls_socket_attach(t))
        return t;
    tls_free(t);
    return NULL;
}

struct tls *tls_accept(struct tls_context *c, enum tls_clients clients, int fd)
{
    static const int asks[] = {
        [TLS_CLIENTS_NONE] = SSL_VERIFY_NONE,
        [TLS_CLIENTS_OPTIONAL] = SSL_VERIFY_PEER,
        [TLS_CLIENTS_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    struct tls *t = c->presents ? new_connection(c, fd) : NULL;
    if (!t)
        return NULL;
    t->is_server = true;
    t->must_present = clients == TLS_CLIENTS_REQUIRED;
    SSL_set_verify(t->ssl, asks[clients], NULL);
    SSL_set_accept_state(t->ssl);
    return t;
}

/* A name of one's own has the server choose among its certificates (RFC 5922 7.8); an address is no name (RFC 6066 3).
 */
static bool name_server(struct tls *t)
{
    struct in6_addr address;
    bool numeric = inet_pton(AF_INET, t->host, &address) == 1 || inet_pton(AF_INET6, t->host, &address) == 1;
    return numeric || SSL_set_tlsext_host_name(t->ssl, t->host) == 1;
}

struct tls *tls_connect(struct tls_context *c, struct span host, int fd)
{
    bool fits = host.len > 0 && host.len <= TLS_HOST_MAX && span_find(host, '\0') == host.len;
    struct tls *t = fits ? new_connection(c, fd) : NULL;
    if (!t)
        return NULL;
    memcpy(t->host, host.at, host.len);
    SSL_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
    SSL_set_connect_state(t->ssl);
    if (name_server(t)) {
        tls_use_session(t);
        return t;
    }
    tls_free(t);
    return NULL;
}

void tls_end(struct tls *t)
{
    if (SSL_is_init_finished(t->ssl))
        SSL_shutdown(t->ssl); /* whether it can be told or not */
    ERR_clear_error();
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    certificate_release(t->peer);
    tls_context_release(t->context);
    ERR_clear_error();
    free(t);
}

/* --- steps --- */

static enum tls_step step_of(const struct tls *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        return TLS_FAILED;
    }
}

static enum rule rule_of_failure(const struct tls *t)
{
    if (t->why != RULE_OK)
        return t->why;
    return ERR_GET_REASON(ERR_peek_error()) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE ? RULE_TLS_NO_CERTIFICATE
                                                                                       : RULE_TLS_HANDSHAKE;
}

enum tls_step tls_handshake(struct tls *t, int64_t now, enum rule *why)
{
    t->now = now;
    ERR_clear_error();
    int result = SSL_do_handshake(t->ssl);
    enum tls_step step = result == 1 ? TLS_DONE : step_of(t, result);
    *why = RULE_OK;
    if (step == TLS_DONE && (*why = tls_take_peer(t)) != RULE_OK)
        step = TLS_FAILED;
    else if (step == TLS_FAILED || step == TLS_CLOSED)
        *why = rule_of_failure(t);
    ERR_clear_error();
    return step;
}

/* As many records as the socket holds come in one system call, where all that can come so (a buffer of the library's, a
 * little more than a record) has room besides the record that is read: then none stays inside. */
enum tls_step tls_read(struct tls *t, uint8_t *at, size_t cap, size_t *got)
{
    enum tls_step step;
    bool ahead;
    *got = 0;
    ERR_clear_error();
    do {
        size_t n = 0;
        ahead = cap - *got >= READ_AHEAD_MIN;
        SSL_set_read_ahead(t->ssl, ahead);
        int result = SSL_read_ex(t->ssl, at + *got, cap - *got, &n);
        step = result == 1 ? TLS_DONE : step_of(t, result);
        *got += n;
    } while (step == TLS_DONE && cap - *got >= TLS_RECORD_MAX && (!ahead || SSL_has_pending(t->ssl)));
    ERR_clear_error();
    return *got > 0 ? TLS_DONE : step;
}

enum tls_step tls_write(struct tls *t, struct span bytes, size_t *sent)
{
    *sent = 0;
    ERR_clear_error();
    int result = SSL_write_ex(t->ssl, bytes.at, bytes.len, sent);
    enum tls_step step = result == 1 ? TLS_DONE : step_of(t, result);
    ERR_clear_error();
    return step;
}

/* --- who it is --- */

bool tls_leads_to(const struct tls *t, struct span host)
{
    if (host.len == 0)
        return false;
    return span_equal_nocase(span_text(t->host), host) || (t->peer && certificate_is_sip_domain(t->peer, host));
}

struct span tls_host(const struct tls *t)
{
    return span_text(t->host);
}

struct span tls_peer(const struct tls *t)
{
    struct span domain[CERTIFICATE_NAMES_MAX];
    return t->peer && certificate_sip_domains(t->peer, domain) > 0 ? domain[0] : (struct span){0};
}

bool tls_resumed(const struct tls *t)
{
    return SSL_session_reused(t->ssl) == 1;
}
