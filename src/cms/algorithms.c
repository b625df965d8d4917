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

bool wrap_cipher(const struct primitives *p, enum oid oid, struct cipher_choice *choice)
{
    const struct cipher_choice table[] = {
        {OID_AES128_WRAP, 16, p->aes128_wrap},
        {OID_AES256_WRAP, 32, p->aes256_wrap},
    };
    return choose(table, sizeof table / sizeof *table, oid, choice);
}

bool agreement_of(const struct primitives *p, enum key_kind kind, struct agreement *agreement)
{
    const struct agreement table[] = {
        {KEY_P256, OID_ECDH_STD_SHA256KDF, OID_P256, p->p256, 65},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].kind == kind) {
            *agreement = table[i];
            return true;
        }
    return false;
}

static const struct signature_choice signatures[] = {
    {KEY_P256, OID_ECDSA_WITH_SHA256, OID_SHA256},
};

bool signature_of(enum key_kind kind, struct signature_choice *choice)
{
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (signatures[i].kind == kind) {
            *choice = signatures[i];
            return true;
        }
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
