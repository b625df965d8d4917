#include "cms/key_agreement.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "cms/der.h"

enum { SHARED_INFO_MAX = 512 };

static bool x963_block(const EVP_MD *digest, struct span secret, uint32_t counter, struct span info,
                       uint8_t block[EVP_MAX_MD_SIZE])
{
    const uint8_t number[4] = {(uint8_t)(counter >> 24), (uint8_t)(counter >> 16), (uint8_t)(counter >> 8),
                               (uint8_t)counter};
    EVP_MD_CTX *h = EVP_MD_CTX_new();
    bool ok = h && EVP_DigestInit_ex2(h, digest, NULL) == 1 && EVP_DigestUpdate(h, secret.at, secret.len) == 1 &&
              EVP_DigestUpdate(h, number, sizeof number) == 1 && EVP_DigestUpdate(h, info.at, info.len) == 1 &&
              EVP_DigestFinal_ex(h, block, NULL) == 1;
    EVP_MD_CTX_free(h);
    return ok;
}

bool x963_kdf(const EVP_MD *digest, struct span secret, struct span info, uint8_t *out, size_t len)
{
    uint8_t block[EVP_MAX_MD_SIZE] = {0};
    size_t size = (size_t)EVP_MD_get_size(digest);
    bool ok = true;
    for (uint32_t counter = 1; ok && len > 0; counter++) {
        size_t part = len < size ? len : size;
        ok = x963_block(digest, secret, counter, info, block);
        memcpy(out, block, part);
        out += part;
        len -= part;
    }
    bytes_wipe(block, sizeof block);
    return ok;
}

static OSSL_PARAM octets(const char *name, struct span s)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)s.at, s.len); /* only read */
}

bool hkdf(const EVP_MD *digest, struct span salt, struct span secret, struct span info, uint8_t *out, size_t len)
{
    char *name = (char *)(uintptr_t)EVP_MD_get0_name(digest); /* only read */
    OSSL_PARAM params[5] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0),
        octets(OSSL_KDF_PARAM_KEY, secret),
        octets(OSSL_KDF_PARAM_INFO, info),
        salt.len ? octets(OSSL_KDF_PARAM_SALT, salt) : OSSL_PARAM_construct_end(),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(primitives()->hkdf);
    bool ok = context && EVP_KDF_derive(context, out, len, params) == 1;
    EVP_KDF_CTX_free(context);
    return ok;
}

/* ECC-CMS-SharedInfo (RFC 5753 7.2): the wrap algorithm, the user keying material, and the length of the key in
 * bits. */
static bool shared_info(const struct agreement_info *info, struct der_writer *w)
{
    const uint8_t bits[4] = {0, 0, (uint8_t)(info->wrap.key_len * 8 >> 8), (uint8_t)(info->wrap.key_len * 8)};
    size_t whole = der_mark(w), mark = whole;
    der_put_item(w, DER_OCTET_STRING, span_of(bits, sizeof bits));
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(2), mark);
    if (info->ukm.at) {
        mark = der_mark(w);
        der_put_item(w, DER_OCTET_STRING, info->ukm);
        der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
    }
    der_put(w, info->wrap_algorithm);
    der_wrap(w, DER_SEQUENCE, whole);
    return !w->full;
}

static EVP_PKEY_CTX *generator(const struct agreement *agreement)
{
    return agreement->parameters ? EVP_PKEY_CTX_new_from_pkey(NULL, agreement->parameters, NULL)
                                 : EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
}

EVP_PKEY *ephemeral_key(const struct agreement *agreement, uint8_t point[POINT_MAX])
{
    EVP_PKEY *key = NULL;
    unsigned char *encoded = NULL;
    EVP_PKEY_CTX *context = generator(agreement);
    if (!context || EVP_PKEY_keygen_init(context) <= 0 || EVP_PKEY_generate(context, &key) <= 0)
        key = NULL;
    if (key && EVP_PKEY_get1_encoded_public_key(key, &encoded) == agreement->point_len) {
        memcpy(point, encoded, agreement->point_len);
    } else {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OPENSSL_free(encoded);
    EVP_PKEY_CTX_free(context);
    return key;
}

bool point_has_form(const struct agreement *agreement, struct span point)
{
    return point.len == agreement->point_len && (!agreement->parameters || point.at[0] == 0x04);
}

EVP_PKEY *peer_key(const struct agreement *agreement, struct span point)
{
    if (!point_has_form(agreement, point))
        return NULL;
    if (!agreement->parameters)
        return EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, point.at, point.len);
    EVP_PKEY *key = EVP_PKEY_new();
    if (key && EVP_PKEY_copy_parameters(key, agreement->parameters) == 1 &&
        EVP_PKEY_set1_encoded_public_key(key, point.at, point.len) == 1)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

/* With X25519 every 32 bytes are a key; those of small order give zero with everyone (RFC 8418 2 says MUST check). */
static bool is_zero(const uint8_t *secret, size_t len)
{
    static const uint8_t zero[SHARED_SECRET_MAX];
    return CRYPTO_memcmp(secret, zero, len) == 0;
}

/* The raw ECDH secret. The peer's key is not validated a second time, which would cost as much as the agreement itself:
 * a point is checked to be on the curve when it is decoded, in a certificate as in an object, and neither place takes
 * the point at infinity. On a curve of cofactor 1, such as P-256 and P-384, every such point is in the group of prime
 * order, so there is no small subgroup to confine the secret to (SP 800-56A 5.6.2.3.4). */
static bool agree(EVP_PKEY *own, EVP_PKEY *peer, uint8_t secret[SHARED_SECRET_MAX], size_t *len)
{
    *len = SHARED_SECRET_MAX;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    bool ok = context && EVP_PKEY_derive_init(context) > 0 && EVP_PKEY_derive_set_peer_ex(context, peer, 0) > 0 &&
              EVP_PKEY_derive(context, secret, len) > 0 && *len <= SHARED_SECRET_MAX && !is_zero(secret, *len);
    EVP_PKEY_CTX_free(context);
    return ok;
}

/* RFC 8418 2.2: with HKDF the user keying material is the salt, and stands in the shared information too. */
static bool derive(const struct agreement_info *info, struct span secret, struct span shared, uint8_t *key)
{
    const struct key_derivation *d = &info->derivation;
    if (d->function == DERIVES_BY_HKDF)
        return hkdf(d->digest, info->ukm, secret, shared, key, info->wrap.key_len);
    return x963_kdf(d->digest, secret, shared, key, info->wrap.key_len);
}

static bool key_encryption_key(EVP_PKEY *own, EVP_PKEY *peer, const struct agreement_info *info,
                               uint8_t key[AGREED_KEY_MAX])
{
    uint8_t secret[SHARED_SECRET_MAX], bytes[SHARED_INFO_MAX];
    size_t len;
    struct der_writer w = der_writer_over(bytes, sizeof bytes);
    bool ok = shared_info(info, &w) && agree(own, peer, secret, &len) &&
              derive(info, span_of(secret, len), der_written(&w), key);
    bytes_wipe(secret, sizeof secret);
    return ok;
}

/* RFC 3394 with its default initial value. */
static bool wrap(EVP_CIPHER *cipher, const uint8_t *key, bool encrypt, struct span in, uint8_t *out, size_t out_len)
{
    int n = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (!context)
        return false;
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    bool ok = EVP_CipherInit_ex2(context, cipher, key, NULL, encrypt, NULL) == 1 &&
              EVP_CipherUpdate(context, out, &n, in.at, (int)in.len) > 0 && (size_t)n == out_len;
    EVP_CIPHER_CTX_free(context);
    return ok;
}

enum rule wrap_for(EVP_PKEY *own, EVP_PKEY *peer, const struct agreement_info *info, struct span key, uint8_t *out)
{
    uint8_t agreed[AGREED_KEY_MAX];
    bool ok = key_encryption_key(own, peer, info, agreed) &&
              wrap(info->wrap.cipher, agreed, true, key, out, key.len + WRAP_OVERHEAD);
    bytes_wipe(agreed, sizeof agreed);
    return ok ? RULE_OK : crypto_refused(RULE_CRYPTO_LIBRARY);
}

enum rule unwrap_from(EVP_PKEY *own, EVP_PKEY *peer, const struct agreement_info *info, struct span wrapped,
                      uint8_t *out)
{
    uint8_t agreed[AGREED_KEY_MAX], key[CONTENT_KEY_MAX + WRAP_OVERHEAD] = {0};
    size_t len = wrapped.len - WRAP_OVERHEAD;
    bool ok = wrapped.len > WRAP_OVERHEAD && len <= CONTENT_KEY_MAX &&
              key_encryption_key(own, peer, info, agreed) && wrap(info->wrap.cipher, agreed, false, wrapped, key, len);
    if (ok)
        memcpy(out, key, len);
    bytes_wipe(agreed, sizeof agreed);
    bytes_wipe(key, sizeof key);
    return ok ? RULE_OK : crypto_refused(RULE_CMS_OPEN);
}
