#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "tls/internal.h"

enum {
    SECURITY_LEVEL = 2,           /* 112 bits, as for certificates (protocol.md 2.2) */
    PEER_CHAIN_BYTES = 32 * 1024, /* of certificates that the other end may present */
    SESSION_SECONDS = 3600,
};

#define SUITES_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define SESSIONS_OF "sipseal" /* sessions with client certificates must be of a named context */

static bool set_up(SSL_CTX *ssl)
{
    const uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                             SSL_OP_IGNORE_UNEXPECTED_EOF;
    const long modes = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;
    SSL_CTX_set_security_level(ssl, SECURITY_LEVEL);
    SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY); /* who sends much that is no content keeps nobody else waiting */
    SSL_CTX_set_mode(ssl, modes);
    SSL_CTX_set_options(ssl, options);
    SSL_CTX_set_max_cert_list(ssl, PEER_CHAIN_BYTES);
    SSL_CTX_set_timeout(ssl, SESSION_SECONDS);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, tls_keep_session);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 && SSL_CTX_set_max_proto_version(ssl, 0) == 1 &&
           SSL_CTX_set_cipher_list(ssl, SUITES_1_2) == 1 && SSL_CTX_set_max_early_data(ssl, 0) == 1 &&
           SSL_CTX_set_num_tickets(ssl, 1) == 1 &&
           SSL_CTX_set_session_id_context(ssl, (const uint8_t *)SESSIONS_OF, sizeof SESSIONS_OF - 1) == 1;
}

struct tls_context *tls_context_new(void)
{
    struct tls_context *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->references = 1;
    c->ssl = SSL_CTX_new(TLS_method());
    c->socket = tls_socket_method();
    c->trust = trust_new();
    if (c->ssl && c->socket && c->trust && set_up(c->ssl)) {
        SSL_CTX_set_cert_verify_callback(c->ssl, tls_verify, NULL);
        return c;
    }
    tls_context_release(c);
    ERR_clear_error();
    return NULL;
}

struct tls_context *tls_context_hold(struct tls_context *c)
{
    c->references++;
    return c;
}

void tls_context_release(struct tls_context *c)
{
    if (!c || --c->references)
        return;
    tls_forget_sessions(c);
    SSL_CTX_free(c->ssl);
    BIO_meth_free(c->socket);
    trust_free(c->trust);
    free(c);
}

enum rule tls_context_add_anchor(struct tls_context *c, struct span der)
{
    return trust_add_anchor(c->trust, der);
}

enum rule tls_context_add_crl(struct tls_context *c, struct span der)
{
    return trust_add_crl(c->trust, der);
}

static enum rule add_authority(struct tls_context *c, struct span der)
{
    struct certificate *authority;
    enum rule rule = certificate_parse(der, &authority);
    if (rule != RULE_OK)
        return rule;
    if (SSL_CTX_add1_chain_cert(c->ssl, authority->x509) != 1)
        rule = RULE_CERT_KEY; /* too weak for the level, or no memory */
    certificate_release(authority);
    return rule;
}

enum rule tls_context_present(struct tls_context *c, const struct tls_own *own)
{
    struct identity identity;
    if (own->certificate_count == 0 || own->certificate_count > TLS_CHAIN_MAX)
        return RULE_CERT_SYNTAX;
    enum rule rule = identity_load(own->certificate[0], own->private_key, &identity);
    if (rule != RULE_OK)
        return rule;
    if (SSL_CTX_use_certificate(c->ssl, identity.certificate->x509) != 1 ||
        SSL_CTX_use_PrivateKey(c->ssl, identity.key) != 1 || SSL_CTX_check_private_key(c->ssl) != 1)
        rule = RULE_CERT_KEY;
    identity_clear(&identity);
    for (size_t i = 1; rule == RULE_OK && i < own->certificate_count; i++)
        rule = add_authority(c, own->certificate[i]);
    c->presents = rule == RULE_OK;
    ERR_clear_error();
    return rule;
}
