#include "cms/algorithms.h"

static bool choose(const struct cipher_choice *table, size_t rows, enum oid oid, struct cipher_choice *choice)
{
    for (size_t i = 0; i < rows; i++)
        if (table[i].oid == oid) {
            *choice = table[i];
            return true;
        }
    return false;
}

bool content_cipher(const struct primitives *p, enum oid oid, struct cipher_choice *choice)
{
    const struct cipher_choice table[] = {
        {OID_AES128_GCM, 16, p->aes128_gcm},
        {OID_AES256_GCM, 32, p->aes256_gcm},
    };
    return choose(table, sizeof table / sizeof *table, oid, choice);
}

bool cbc_cipher(const struct primitives *p, enum oid oid, struct cipher_choice *choice)
{
    const struct cipher_choice table[] = {
        {OID_AES128_CBC, 16, p->aes128_cbc},
        {OID_AES256_CBC, 32, p->aes256_cbc},
    };
    return choose(table, sizeof table / sizeof *table, oid, choice);
}

bool wrap_cipher(const struct primitives *p, enum oid oid, struct cipher_choice *choice)
{
    const struct cipher_choice table[] = {
        {OID_AES128_WRAP, 16, p->aes128_wrap},
        {OID_AES256_WRAP, 32, p->aes256_wrap},
    };
    return choose(table, sizeof table / sizeof *table, oid, choice);
}

bool written_ciphers(const struct primitives *p, bool aes256, struct cipher_choice *content,
                     struct cipher_choice *wrap)
{
    return content_cipher(p, aes256 ? OID_AES256_GCM : OID_AES128_GCM, content) &&
           wrap_cipher(p, aes256 ? OID_AES256_WRAP : OID_AES128_WRAP, wrap);
}

bool asks_for_aes256(enum key_kind kind)
{
    return kind == KEY_P384;
}

bool agreement_of(const struct primitives *p, enum key_kind kind, struct agreement *agreement)
{
    const struct agreement table[] = {
        {KEY_P256, OID_EC_PUBLIC_KEY, OID_P256, p->p256, 65, OID_ECDH_STD_SHA256KDF},
        {KEY_P384, OID_EC_PUBLIC_KEY, OID_P384, p->p384, 97, OID_ECDH_STD_SHA384KDF},
        {KEY_X25519, OID_X25519, OID_UNKNOWN, NULL, 32, OID_ECDH_STD_HKDF_SHA256},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].kind == kind) {
            *agreement = table[i];
            return true;
        }
    return false;
}

/* Bits of `kinds`. */
enum {
    EC = 1 << KEY_P256 | 1 << KEY_P384,
    ED25519 = 1 << KEY_ED25519,
    X25519 = 1 << KEY_X25519,
    RSA_KEY = 1 << KEY_RSA,
};

/* On the curves the function of X9.63 (RFC 5753 7.1.4), with X25519 HKDF (RFC 8418 2.2), each with every SHA-2 that the
 * profile has. */
bool derivation_of(const struct primitives *p, enum oid scheme, enum key_kind kind, struct key_derivation *derivation)
{
    const struct key_derivation table[] = {
        {OID_ECDH_STD_SHA256KDF, DERIVES_BY_X963, p->sha256, EC},
        {OID_ECDH_STD_SHA384KDF, DERIVES_BY_X963, p->sha384, EC},
        {OID_ECDH_STD_SHA512KDF, DERIVES_BY_X963, p->sha512, EC},
        {OID_ECDH_STD_HKDF_SHA256, DERIVES_BY_HKDF, p->sha256, X25519},
        {OID_ECDH_STD_HKDF_SHA384, DERIVES_BY_HKDF, p->sha384, X25519},
        {OID_ECDH_STD_HKDF_SHA512, DERIVES_BY_HKDF, p->sha512, X25519},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].scheme == scheme && (table[i].kinds >> kind & 1)) {
            *derivation = table[i];
            return true;
        }
    return false;
}

/* Every pair of a curve and a digest of RFC 5754 is read: each has 128 bits of strength or more. PKCS#1 v1.5 stands
 * under two names, of which CMS has used the first from its beginning (RFC 5754 3.2). */
static const struct signature_choice signatures[] = {
    {OID_ECDSA_WITH_SHA256, OID_SHA256, SIGNS_ECDSA, EC},
    {OID_ECDSA_WITH_SHA384, OID_SHA384, SIGNS_ECDSA, EC},
    {OID_ECDSA_WITH_SHA512, OID_SHA512, SIGNS_ECDSA, EC},
    {OID_ED25519, OID_SHA512, SIGNS_EDDSA, ED25519}, /* RFC 8419 3.1: with signed attributes, no other digest */
    {OID_RSASSA_PSS, OID_SHA256, SIGNS_PSS, RSA_KEY},
    {OID_RSASSA_PSS, OID_SHA384, SIGNS_PSS, RSA_KEY},
    {OID_RSASSA_PSS, OID_SHA512, SIGNS_PSS, RSA_KEY},
    {OID_RSA, OID_SHA256, SIGNS_PKCS1, RSA_KEY},
    {OID_RSA, OID_SHA384, SIGNS_PKCS1, RSA_KEY},
    {OID_RSA, OID_SHA512, SIGNS_PKCS1, RSA_KEY},
    {OID_SHA256_WITH_RSA, OID_SHA256, SIGNS_PKCS1, RSA_KEY},
    {OID_SHA384_WITH_RSA, OID_SHA384, SIGNS_PKCS1, RSA_KEY},
    {OID_SHA512_WITH_RSA, OID_SHA512, SIGNS_PKCS1, RSA_KEY},
};

/* What is written: the digest as strong as the curve, and of the two forms of RSA the newer. */
static const struct {
    enum key_kind kind;
    enum oid signature, digest;
} written[] = {
    {KEY_P256, OID_ECDSA_WITH_SHA256, OID_SHA256},
    {KEY_P384, OID_ECDSA_WITH_SHA384, OID_SHA384},
    {KEY_RSA, OID_RSASSA_PSS, OID_SHA256},
    {KEY_ED25519, OID_ED25519, OID_SHA512},
};

bool signature_of(enum key_kind kind, struct signature_choice *choice)
{
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        if (written[i].kind == kind)
            return signature_is_known(written[i].signature, written[i].digest, choice);
    return false;
}

bool signature_is_known(enum oid signature, enum oid digest, struct signature_choice *choice)
{
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (signatures[i].signature == signature && signatures[i].digest == digest) {
            *choice = signatures[i];
            return true;
        }
    return false;
}

EVP_MD *digest_of(const struct primitives *p, enum oid oid)
{
    switch (oid) {
    case OID_SHA256:
        return p->sha256;
    case OID_SHA384:
        return p->sha384;
    case OID_SHA512:
        return p->sha512;
    default:
        return NULL;
    }
}
