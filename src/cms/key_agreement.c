#include "cms/key_agreement.h"

#include "cms/der.h"
#include "sipseal/digest.h"

enum { SHARED_INFO_MAX = 512 };

bool x963_kdf(struct span secret, struct span info, uint8_t *out, size_t len)
{
    uint8_t block[SHA256_LEN];
    bool ok = true;
    for (uint32_t counter = 1; ok && len > 0; counter++) {
        uint8_t number[4] = {(uint8_t)(counter >> 24), (uint8_t)(counter >> 16), (uint8_t)(counter >> 8),
                             (uint8_t)counter};
        size_t part = len < sizeof block ? len : sizeof block;
        struct sha256 h;
        sha256_begin(&h);
        sha256_more(&h, secret);
        sha256_more(&h, span_of(number, sizeof number));
        sha256_more(&h, info);
        ok = sha256_end(&h, block);
        memcpy(out, block, part);
        out += part;
        len -= part;
    }
    bytes_wipe(block, sizeof block);
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

EVP_PKEY *ephemeral_key(const struct agreement *agreement, uint8_t point[POINT_MAX])
{
    EVP_PKEY *key = NULL;
    unsigned char *encoded = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, agreement->parameters, NULL);
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

bool is_uncompressed(const struct agreement *agreement, struct span point)
{
    return point.len == agreement->point_len && point.at[0] == 0x04;
}

EVP_PKEY *peer_key(const struct agreement *agreement, struct span point)
{
    EVP_PKEY *key = is_uncompressed(agreement, point) ? EVP_PKEY_new() : NULL;
    if (key && EVP_PKEY_copy_parameters(key, agreement->parameters) == 1 &&
        EVP_PKEY_set1_encoded_public_key(key, point.at, point.len) == 1)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

/* The raw ECDH secret. The peer's key is not validated a second time, which would cost as much as the agreement itself:
 * a point is checked to be on the curve when it is decoded, in a certificate as in an object, and neither place takes
 * the point at infinity. On a curve of cofactor 1, such as P-256, every such point is in the group of prime order, so
 * there is no small subgroup to confine the secret to (SP 800-56A 5.6.2.3.4). */
static bool agree(EVP_PKEY *own, EVP_PKEY *peer, uint8_t secret[SHARED_SECRET_MAX], size_t *len)
{
    *len = SHARED_SECRET_MAX;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    bool ok = context && EVP_PKEY_derive_init(context) > 0 && EVP_PKEY_derive_set_peer_ex(context, peer, 0) > 0 &&
              EVP_PKEY_derive(context, secret, len) > 0;
    EVP_PKEY_CTX_free(context);
    return ok;
}

static bool key_encryption_key(EVP_PKEY *own, EVP_PKEY *peer, const struct agreement_info *info,
                               uint8_t key[AGREED_KEY_MAX])
{
    uint8_t secret[SHARED_SECRET_MAX], bytes[SHARED_INFO_MAX];
    size_t len;
    struct der_writer w = der_writer_over(bytes, sizeof bytes);
    bool ok = shared_info(info, &w) && agree(own, peer, secret, &len) &&
              x963_kdf(span_of(secret, len), der_written(&w), key, info->wrap.key_len);
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
