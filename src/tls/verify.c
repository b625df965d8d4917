/* Who the other end is (RFC 5922 7): chain, dates, revocation and usage by the trust store that is also used for
 * messages, and its name. */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/internal.h"

/* Parsed, or from the cache of the trust store; the caller holds a reference. */
static enum rule certificate_of(struct trust *trust, X509 *x509, struct certificate **out)
{
    uint8_t der[CERTIFICATE_MAX], *end = der;
    int len = i2d_X509(x509, NULL);
    *out = NULL;
    if (len <= 0 || len > CERTIFICATE_MAX || i2d_X509(x509, &end) != len)
        return RULE_CERT_SYNTAX;
    return trust_certificate(trust, span_of(der, (size_t)len), out);
}

/* What the other end sent along; what cannot be read cannot help. */
static size_t candidates(struct trust *trust, const STACK_OF(X509) * sent, struct certificate **out)
{
    size_t count = 0;
    for (int i = 0; i < sk_X509_num(sent) && count < CERTIFICATES_IN_BAG_MAX; i++)
        if (certificate_of(trust, sk_X509_value(sent, i), &out[count]) == RULE_OK)
            count++;
    return count;
}

static enum rule judge(const struct tls *t, X509 *presented, const STACK_OF(X509) * sent)
{
    struct trust *trust = t->context->trust;
    struct certificate *peer, *other[CERTIFICATES_IN_BAG_MAX];
    enum rule rule = certificate_of(trust, presented, &peer);
    if (rule != RULE_OK)
        return rule;
    size_t count = candidates(trust, sent, other);
    rule = trust_check(trust, peer, other, count, t->is_server ? USE_TLS_CLIENT : USE_TLS_SERVER, t->now);
    if (rule == RULE_OK && !t->is_server && !certificate_is_sip_domain(peer, span_text(t->host)))
        rule = RULE_TLS_NAME;
    while (count > 0)
        certificate_release(other[--count]);
    certificate_release(peer);
    return rule;
}

/* What the alert tells the other end. */
static int error_of(enum rule rule)
{
    switch (rule) {
    case RULE_OK:
        return X509_V_OK;
    case RULE_CERT_EXPIRED:
        return X509_V_ERR_CERT_HAS_EXPIRED;
    case RULE_CERT_REVOKED:
        return X509_V_ERR_CERT_REVOKED;
    case RULE_CERT_UNTRUSTED:
        return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    case RULE_CERT_USAGE:
        return X509_V_ERR_INVALID_PURPOSE;
    case RULE_TLS_NAME:
        return X509_V_ERR_HOSTNAME_MISMATCH;
    default:
        return X509_V_ERR_UNSPECIFIED;
    }
}

int tls_verify(X509_STORE_CTX *store, void *unused)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *t = SSL_get_app_data(ssl);
    (void)unused;
    enum rule rule = judge(t, X509_STORE_CTX_get0_cert(store), X509_STORE_CTX_get0_untrusted(store));
    if (rule != RULE_OK)
        t->why = rule;
    X509_STORE_CTX_set_error(store, error_of(rule));
    return rule == RULE_OK;
}

enum rule tls_take_peer(struct tls *t)
{
    X509 *presented = SSL_get0_peer_certificate(t->ssl);
    if (!presented)
        return t->must_present || !t->is_server ? RULE_TLS_NO_CERTIFICATE : RULE_OK;
    /* A session holds the certificate of the handshake that made it, and nothing was verified now. */
    enum rule rule = SSL_session_reused(t->ssl) ? judge(t, presented, NULL) : RULE_OK;
    return rule == RULE_OK ? certificate_of(t->context->trust, presented, &t->peer) : rule;
}
