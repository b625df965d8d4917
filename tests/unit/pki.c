#include "test.h"

#include "pki.h"

#include <openssl/x509v3.h>

enum { ROOM = 64 * 1024 };

struct identity pki_authority(const char *name)
{
    struct arena a;
    struct span key, der;
    struct identity identity;
    assert_true(arena_open(&a, ROOM));
    assert_rule(issue_key(&a, &key), RULE_OK);
    assert_rule(issue_authority(&a, key, span_text(name), PKI_FROM, PKI_UNTIL, &der), RULE_OK);
    assert_rule(identity_load(der, key, &identity), RULE_OK);
    arena_close(&a);
    return identity;
}

struct identity pki_issue(const struct identity *authority, const struct issue_terms *terms)
{
    struct arena a;
    struct span key, der;
    struct identity identity;
    assert_true(arena_open(&a, ROOM));
    assert_rule(issue_key(&a, &key), RULE_OK);
    assert_rule(issue_certificate(&a, authority, key, terms, &der), RULE_OK);
    assert_rule(identity_load(der, key, &identity), RULE_OK);
    arena_close(&a);
    return identity;
}

struct identity pki_user(const struct identity *authority, const char *uri)
{
    return pki_issue(authority, &(struct issue_terms){ISSUE_USER, ISSUE_SIGN_AND_SEAL, span_text(uri), PKI_FROM,
                                                      PKI_UNTIL});
}

struct identity pki_host(const struct identity *authority, const char *host)
{
    return pki_issue(authority, &(struct issue_terms){ISSUE_HOST, ISSUE_SIGN_AND_SEAL, span_text(host), PKI_FROM,
                                                      PKI_UNTIL});
}

struct trust *pki_trust(const struct identity *authority)
{
    struct trust *t = trust_new();
    assert_non_null(t);
    assert_rule(trust_add_anchor(t, authority->certificate->der), RULE_OK);
    return t;
}

static void add_extension(X509 *x, X509 *issuer, const char *extension)
{
    char name[64];
    const char *equals = strchr(extension, '=');
    assert_non_null(equals);
    assert_true((size_t)(equals - extension) < sizeof name);
    memcpy(name, extension, (size_t)(equals - extension));
    name[equals - extension] = 0;
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION *made = X509V3_EXT_nconf(NULL, &context, name, equals + 1);
    assert_non_null(made);
    assert_int_equal(X509_add_ext(x, made, -1), 1);
    X509_EXTENSION_free(made);
}

static const EVP_MD *digest_for(EVP_PKEY *signer, const char *name)
{
    if (EVP_PKEY_is_a(signer, "ED25519"))
        return NULL;
    return EVP_get_digestbyname(name ? name : "SHA256");
}

struct span pki_odd(struct arena *arena, const struct pki_odd *odd, EVP_PKEY **private_key)
{
    EVP_PKEY *key = odd->key ? odd->key : EVP_EC_gen("P-256");
    X509 *x = X509_new();
    assert_non_null(x);
    X509 *issuer = odd->authority ? odd->authority->certificate->x509 : x;
    EVP_PKEY *signer = odd->authority ? odd->authority->key : key;
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 4711);
    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(odd->not_before ? odd->not_before : PKI_FROM));
    ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(odd->not_after ? odd->not_after : PKI_UNTIL));
    X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8,
                               (const unsigned char *)odd->subject, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    assert_int_equal(X509_set_pubkey(x, key), 1);
    for (size_t i = 0; odd->extensions && odd->extensions[i]; i++)
        add_extension(x, issuer, odd->extensions[i]);
    assert_true(X509_sign(x, signer, digest_for(signer, odd->digest)) > 0);
    int len = i2d_X509(x, NULL);
    uint8_t *at = arena_take(arena, (size_t)len), *end = at;
    assert_non_null(at);
    assert_int_equal(i2d_X509(x, &end), len);
    X509_free(x);
    if (private_key)
        *private_key = key;
    else if (!odd->key)
        EVP_PKEY_free(key);
    return span_of(at, (size_t)len);
}
