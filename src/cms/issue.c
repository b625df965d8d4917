#include "sipseal/issue.h"

#include <openssl/x509v3.h>

#include "cms/key_kind.h"
#include "cms/oid.h"
#include "cms/primitives.h"
#include "cms/private_key.h"
#include "sipseal/random.h"

enum { COMMON_NAME_MAX = 64 }; /* ub-common-name, RFC 5280 A.1 */

/* --- keys --- */

static const struct issue_key_traits kinds[ISSUE_KEY_KINDS] = {
    [ISSUE_P256] = {"p256", true, true},       [ISSUE_P384] = {"p384", true, true},
    [ISSUE_RSA2048] = {"rsa2048", true, true}, [ISSUE_RSA3072] = {"rsa3072", true, true},
    [ISSUE_RSA4096] = {"rsa4096", true, true}, [ISSUE_ED25519] = {"ed25519", true, false},
    [ISSUE_X25519] = {"x25519", false, true},
};

const struct issue_key_traits *issue_key_traits(enum issue_key_kind kind)
{
    return &kinds[kind];
}

bool issue_key_named(struct span name, enum issue_key_kind *kind)
{
    for (size_t i = 0; i < ISSUE_KEY_KINDS; i++)
        if (span_equal_nocase(name, span_text(kinds[i].name))) {
            *kind = (enum issue_key_kind)i;
            return true;
        }
    return false;
}

static EVP_PKEY *generate(enum issue_key_kind kind)
{
    switch (kind) {
    case ISSUE_P256:
        return EVP_EC_gen("P-256");
    case ISSUE_P384:
        return EVP_EC_gen("P-384");
    case ISSUE_RSA2048:
        return EVP_RSA_gen(2048);
    case ISSUE_RSA3072:
        return EVP_RSA_gen(3072);
    case ISSUE_RSA4096:
        return EVP_RSA_gen(4096);
    case ISSUE_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case ISSUE_X25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    case ISSUE_KEY_KINDS:
        break;
    }
    return NULL;
}

enum rule issue_key_of(struct arena *arena, enum issue_key_kind kind, struct span *key_der)
{
    *key_der = (struct span){0};
    EVP_PKEY *key = generate(kind);
    enum rule rule = key ? private_key_write(arena, key, key_der) : RULE_CRYPTO_LIBRARY;
    EVP_PKEY_free(key);
    return crypto_refused(rule);
}

enum rule issue_key(struct arena *arena, struct span *key_der)
{
    return issue_key_of(arena, ISSUE_P256, key_der);
}

/* --- the parts of certificates and lists --- */

static bool set_serial(X509 *x)
{
    uint8_t bytes[ISSUE_SERIAL_LEN];
    if (!random_bytes(bytes, sizeof bytes))
        return false;
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and always of the same length */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x));
    BN_free(number);
    return ok;
}

static bool set_dates(X509 *x, int64_t not_before, int64_t not_after)
{
    return not_before < not_after && ASN1_TIME_set(X509_getm_notBefore(x), (time_t)not_before) &&
           ASN1_TIME_set(X509_getm_notAfter(x), (time_t)not_after);
}

/* A subject of one common name; a longer name is cut, since the subjectAltName is what counts. */
static bool set_subject(X509 *x, struct span name)
{
    int len = (int)(name.len < COMMON_NAME_MAX ? name.len : COMMON_NAME_MAX);
    return X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8, name.at, len, -1,
                                      0) == 1;
}

/* `text` in OpenSSL's configuration syntax: constants only, never a name from outside. */
static X509_EXTENSION *extension(X509V3_CTX *context, int nid, const char *text)
{
    return X509V3_EXT_nconf_nid(NULL, context, nid, text);
}

static bool add_extension(X509 *subject, X509 *issuer, int nid, const char *text)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, subject, NULL, NULL, 0);
    X509_EXTENSION *made = extension(&context, nid, text);
    bool ok = made && X509_add_ext(subject, made, -1) == 1;
    X509_EXTENSION_free(made);
    return ok;
}

static bool push_name(GENERAL_NAMES *names, int type, struct span name)
{
    GENERAL_NAME *one = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    bool ok = one && text && ASN1_STRING_set(text, name.at, (int)name.len) == 1;
    if (ok) {
        GENERAL_NAME_set0_value(one, type, text);
        text = NULL;
        ok = sk_GENERAL_NAME_push(names, one) > 0;
        if (ok)
            one = NULL;
    }
    ASN1_IA5STRING_free(text);
    GENERAL_NAME_free(one);
    return ok;
}

/* A domain for TLS has its name twice: for those who look for a sip: URI, and for those who know only dNSNames. */
static bool push_domain_uri(GENERAL_NAMES *names, struct span host)
{
    uint8_t room[4 + ISSUE_NAME_MAX];
    struct writer w = writer_over(room, sizeof room);
    writer_text(&w, "sip:");
    writer_put(&w, host);
    return !w.full && push_name(names, GEN_URI, writer_span(&w));
}

static bool add_alternative_names(X509 *x, const struct issue_terms *terms)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    bool uri = terms->kind == ISSUE_USER || (terms->kind == ISSUE_TLS && span_starts(terms->name, SPAN("sip:")));
    bool ok = names && push_name(names, uri ? GEN_URI : GEN_DNS, terms->name);
    if (terms->kind == ISSUE_TLS && !uri)
        ok = ok && push_domain_uri(names, terms->name);
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return ok;
}

/* What kind of key it is, by its SubjectPublicKeyInfo, as whoever reads the certificate will judge it. */
static const struct key_traits *traits_of(EVP_PKEY *key)
{
    uint8_t *info = NULL;
    int len = i2d_PUBKEY(key, &info);
    const struct key_traits *traits = len > 0 ? key_traits_of(span_of(info, (size_t)len), key) : NULL;
    OPENSSL_free(info);
    return traits;
}

static enum rule read_key(struct span key_der, EVP_PKEY **key, const struct key_traits **traits)
{
    *key = private_key_read(key_der);
    if (!*key)
        return RULE_FILE_FORMAT;
    *traits = traits_of(*key);
    return *traits ? RULE_OK : RULE_CERT_KEY;
}

/* By the authority's key: Ed25519 has its own (RFC 8410), P-384 is as strong as SHA-384. */
static const EVP_MD *digest_for(EVP_PKEY *signer)
{
    if (EVP_PKEY_is_a(signer, "ED25519"))
        return NULL;
    return EVP_PKEY_is_a(signer, "EC") && EVP_PKEY_get_bits(signer) > 256 ? EVP_sha384() : EVP_sha256();
}

static enum rule into_arena(struct arena *arena, int len, int (*encode)(const void *, uint8_t **), const void *object,
                            struct span *der)
{
    uint8_t *bytes = len > 0 ? arena_take(arena, (size_t)len) : NULL, *end = bytes;
    if (!bytes)
        return len > 0 ? RULE_NO_MEMORY : RULE_CRYPTO_LIBRARY;
    if (encode(object, &end) != len)
        return RULE_CRYPTO_LIBRARY;
    *der = span_of(bytes, (size_t)len);
    return RULE_OK;
}

static int encode_certificate(const void *object, uint8_t **end)
{
    return i2d_X509(object, end);
}

static int encode_crl(const void *object, uint8_t **end)
{
    return i2d_X509_CRL(object, end);
}

static bool is_printable(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] >= 0x7f)
            return false;
    return s.len > 0 && s.len <= ISSUE_NAME_MAX;
}

/* --- certificates --- */

static bool begin_certificate(X509 *x, EVP_PKEY *key, struct span name, int64_t not_before, int64_t not_after)
{
    return x && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) && set_dates(x, not_before, not_after) &&
           set_subject(x, name) && X509_set_pubkey(x, key) == 1;
}

static enum rule finish_certificate(struct arena *arena, X509 *x, EVP_PKEY *signer, struct span *der)
{
    if (X509_sign(x, signer, digest_for(signer)) <= 0)
        return RULE_CRYPTO_LIBRARY;
    return into_arena(arena, i2d_X509(x, NULL), encode_certificate, x, der);
}

enum rule issue_authority(struct arena *arena, struct span key_der, struct span name, int64_t not_before,
                          int64_t not_after, struct span *certificate_der)
{
    EVP_PKEY *key = NULL;
    X509 *x = X509_new();
    const struct key_traits *traits;
    *certificate_der = (struct span){0};
    enum rule rule = name.len > 0 && name.len <= COMMON_NAME_MAX ? read_key(key_der, &key, &traits) : RULE_CERT_SYNTAX;
    if (rule == RULE_OK && !traits->signs)
        rule = RULE_CERT_KEY;
    if (rule == RULE_OK &&
        (!begin_certificate(x, key, name, not_before, not_after) ||
         X509_set_issuer_name(x, X509_get_subject_name(x)) != 1 ||
         !add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
         !add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") ||
         !add_extension(x, x, NID_subject_key_identifier, "hash")))
        rule = RULE_CERT_SYNTAX;
    if (rule == RULE_OK)
        rule = finish_certificate(arena, x, key, certificate_der);
    X509_free(x);
    EVP_PKEY_free(key);
    return crypto_refused(rule);
}

/* The key usage in OpenSSL's syntax (RFC 5280 4.2.1.3); null for a key that cannot do what is asked. */
static const char *key_usage(enum issue_usage usage, const struct key_traits *traits)
{
    bool signs = usage != ISSUE_SEAL, seals = usage != ISSUE_SIGN;
    if ((signs && !traits->signs) || (seals && !traits->agrees && !traits->enciphers))
        return NULL;
    if (!seals)
        return "critical,digitalSignature";
    if (traits->agrees)
        return signs ? "critical,digitalSignature,keyAgreement" : "critical,keyAgreement";
    return signs ? "critical,digitalSignature,keyEncipherment" : "critical,keyEncipherment";
}

static bool add_leaf_extensions(X509 *x, X509 *issuer, const struct issue_terms *terms, const char *usage)
{
    static const char *const purposes[] = {
        [ISSUE_USER] = "emailProtection",
        [ISSUE_HOST] = OID_DOTTED_SIP_DOMAIN,
        [ISSUE_TLS] = ("serverAuth,clientAuth," OID_DOTTED_SIP_DOMAIN),
    };
    return add_extension(x, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, issuer, NID_key_usage, usage) &&
           add_extension(x, issuer, NID_ext_key_usage, purposes[terms->kind]) &&
           add_extension(x, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(x, issuer, NID_authority_key_identifier, "keyid:always") &&
           add_alternative_names(x, terms);
}

enum rule issue_certificate(struct arena *arena, const struct identity *authority, struct span key_der,
                            const struct issue_terms *terms, struct span *certificate_der)
{
    EVP_PKEY *key = NULL;
    X509 *x = X509_new(), *issuer = authority->certificate->x509;
    const struct key_traits *traits;
    const char *usage = NULL;
    *certificate_der = (struct span){0};
    enum rule rule = is_printable(terms->name) ? read_key(key_der, &key, &traits) : RULE_CERT_SYNTAX;
    if (rule == RULE_OK && !(usage = key_usage(terms->kind == ISSUE_TLS ? ISSUE_SIGN : terms->usage, traits)))
        rule = RULE_CERT_KEY;
    if (rule == RULE_OK && (!begin_certificate(x, key, terms->name, terms->not_before, terms->not_after) ||
                            X509_set_issuer_name(x, X509_get_subject_name(issuer)) != 1 ||
                            !add_leaf_extensions(x, issuer, terms, usage)))
        rule = RULE_CERT_SYNTAX;
    if (rule == RULE_OK)
        rule = finish_certificate(arena, x, authority->key, certificate_der);
    X509_free(x);
    EVP_PKEY_free(key);
    return crypto_refused(rule);
}

/* --- revocation lists --- */

static bool add_revoked(X509_CRL *crl, struct span serial, const ASN1_TIME *since)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    BIGNUM *number = BN_bin2bn(serial.at, (int)serial.len, NULL);
    ASN1_INTEGER *integer = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    bool ok = entry && serial.len > 0 && serial.len <= 20 && integer &&
              X509_REVOKED_set_serialNumber(entry, integer) == 1 &&
              X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)(uintptr_t)since) == 1 &&
              X509_CRL_add0_revoked(crl, entry) == 1;
    if (!ok)
        X509_REVOKED_free(entry);
    ASN1_INTEGER_free(integer);
    BN_free(number);
    return ok;
}

static bool set_crl_dates(X509_CRL *crl, int64_t this_update, int64_t next_update)
{
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)this_update), *until = ASN1_TIME_set(NULL, (time_t)next_update);
    bool ok = this_update < next_update && from && until && X509_CRL_set1_lastUpdate(crl, from) == 1 &&
              X509_CRL_set1_nextUpdate(crl, until) == 1;
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return ok;
}

static bool add_crl_extensions(X509_CRL *crl, X509 *issuer, uint32_t number)
{
    X509V3_CTX context;
    ASN1_INTEGER *integer = ASN1_INTEGER_new();
    X509V3_set_ctx(&context, issuer, NULL, NULL, crl, 0);
    X509_EXTENSION *made = extension(&context, NID_authority_key_identifier, "keyid:always");
    bool ok = made && X509_CRL_add_ext(crl, made, -1) == 1 && integer &&
              ASN1_INTEGER_set_uint64(integer, number) == 1 &&
              X509_CRL_add1_ext_i2d(crl, NID_crl_number, integer, 0, X509V3_ADD_DEFAULT) == 1;
    X509_EXTENSION_free(made);
    ASN1_INTEGER_free(integer);
    return ok;
}

enum rule issue_crl(struct arena *arena, const struct identity *authority, const struct span *serials, size_t count,
                    uint32_t number, int64_t this_update, int64_t next_update, struct span *crl_der)
{
    X509 *issuer = authority->certificate->x509;
    X509_CRL *crl = X509_CRL_new();
    *crl_der = (struct span){0};
    bool ok = crl && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) == 1 &&
              set_crl_dates(crl, this_update, next_update) && add_crl_extensions(crl, issuer, number);
    for (size_t i = 0; ok && i < count; i++)
        ok = add_revoked(crl, serials[i], X509_CRL_get0_lastUpdate(crl));
    enum rule rule = ok ? RULE_OK : RULE_CERT_SYNTAX;
    if (ok && (X509_CRL_sort(crl) != 1 || X509_CRL_sign(crl, authority->key, digest_for(authority->key)) <= 0))
        rule = RULE_CRYPTO_LIBRARY;
    if (rule == RULE_OK)
        rule = into_arena(arena, i2d_X509_CRL(crl, NULL), encode_crl, crl, crl_der);
    X509_CRL_free(crl);
    return crypto_refused(rule);
}
