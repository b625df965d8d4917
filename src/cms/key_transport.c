#include "cms/key_transport.h"

#include <openssl/rsa.h>

#include "cms/rsa_parameters.h"
#include "sipseal/random.h"

static const enum oid written_digest = OID_SHA256;

EVP_MD *transport_digest(const struct primitives *p, const struct der_algorithm *algorithm)
{
    enum oid digest;
    if (algorithm->oid != OID_RSAES_OAEP || !oaep_parameters_read(algorithm->parameters, &digest))
        return NULL;
    return digest_of(p, digest);
}

bool transport_is_pkcs1(const struct der_algorithm *algorithm)
{
    return algorithm->oid == OID_RSA && der_no_parameters(algorithm);
}

void transport_put_algorithm(struct der_writer *w)
{
    size_t mark = der_mark(w);
    oaep_parameters_put(w, written_digest);
    der_put_oid(w, OID_RSAES_OAEP);
    der_wrap(w, DER_SEQUENCE, mark);
}

static bool set_padding(EVP_PKEY_CTX *context, const EVP_MD *digest)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(context, digest) > 0 && EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) > 0;
}

enum rule transport_encrypt(EVP_PKEY *peer, struct span key, uint8_t out[ENCRYPTED_KEY_MAX], size_t *len)
{
    *len = ENCRYPTED_KEY_MAX;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
    bool ok = context && EVP_PKEY_encrypt_init(context) > 0 &&
              set_padding(context, digest_of(primitives(), written_digest)) &&
              EVP_PKEY_encrypt(context, out, len, key.at, key.len) > 0 && *len <= ENCRYPTED_KEY_MAX;
    EVP_PKEY_CTX_free(context);
    return ok ? RULE_OK : crypto_refused(RULE_CRYPTO_LIBRARY);
}

/* 0xff when `decrypted` is 1 and the lengths are equal, else 0; no branch depends on them. */
static uint8_t mask_of(size_t decrypted, size_t len, size_t wanted)
{
    size_t wrong = (decrypted ^ 1) | (len ^ wanted);
    return (uint8_t)(((wrong | (0 - wrong)) >> (sizeof wrong * 8 - 1)) - 1);
}

enum rule transport_decrypt(EVP_PKEY *own, const EVP_MD *digest, struct span encrypted, uint8_t *key, size_t len)
{
    uint8_t found[ENCRYPTED_KEY_MAX] = {0};
    size_t found_len = sizeof found;
    if (len > CONTENT_KEY_MAX || !random_bytes(key, len))
        return RULE_NO_RANDOM;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    if (!context || EVP_PKEY_decrypt_init(context) <= 0 || !set_padding(context, digest)) {
        EVP_PKEY_CTX_free(context);
        return crypto_refused(RULE_CRYPTO_LIBRARY);
    }
    int decrypted = EVP_PKEY_decrypt(context, found, &found_len, encrypted.at, encrypted.len);
    EVP_PKEY_CTX_free(context);
    uint8_t mask = mask_of((size_t)decrypted, found_len, len);
    for (size_t i = 0; i < len; i++)
        key[i] = (uint8_t)((found[i] & mask) | (key[i] & ~mask));
    bytes_wipe(found, sizeof found);
    return crypto_refused(RULE_OK);
}
