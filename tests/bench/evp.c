#include "evp.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "measure.h"

enum {
    HASH = 32,
    KEY = 16,
    ARCHIVE_KEY = 32,
    WRAPPED = KEY + 8,
    NONCE = 12,
    TAG = 16,
    SECRET = 32,
    POINT = 65,
    SIGNATURE = 80,
};

struct evp {
    EVP_MD *sha256;
    EVP_CIPHER *gcm, *archive_gcm, *wrap;
    EVP_MD_CTX *hash;
    EVP_CIPHER_CTX *open, *seal, *archive, *wrapping, *unwrapping;
    EVP_PKEY *curve, *peer;
    EVP_PKEY_CTX *agree, *verify, *sign, *generate;
    uint8_t key[ARCHIVE_KEY], nonce[NONCE];
    uint8_t out[EVP_CONTENT_MAX];
    size_t out_len;
};

static EVP_PKEY *make_curve(void)
{
    char group[] = "P-256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY *curve = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    NEED(context && EVP_PKEY_fromdata_init(context) == 1);
    NEED(EVP_PKEY_fromdata(context, &curve, EVP_PKEY_KEY_PARAMETERS, params) == 1);
    EVP_PKEY_CTX_free(context);
    return curve;
}

static EVP_CIPHER_CTX *cipher_context(EVP_CIPHER *cipher, int encrypt)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    NEED(cipher && context);
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    NEED(EVP_CipherInit_ex2(context, cipher, NULL, NULL, encrypt, NULL) == 1);
    return context;
}

static void prepare_keys(struct evp *e, const struct identity *reader, const struct identity *signer)
{
    e->curve = make_curve();
    e->peer = EVP_PKEY_new();
    NEED(e->peer && EVP_PKEY_copy_parameters(e->peer, e->curve) == 1);
    e->agree = EVP_PKEY_CTX_new_from_pkey(NULL, reader->key, NULL);
    NEED(e->agree && EVP_PKEY_derive_init(e->agree) == 1);
    e->verify = EVP_PKEY_CTX_new_from_pkey(NULL, signer->certificate->key, NULL);
    NEED(e->verify && EVP_PKEY_verify_init(e->verify) == 1);
    e->sign = EVP_PKEY_CTX_new_from_pkey(NULL, signer->key, NULL);
    NEED(e->sign && EVP_PKEY_sign_init(e->sign) == 1);
    e->generate = EVP_PKEY_CTX_new_from_pkey(NULL, e->curve, NULL);
    NEED(e->generate && EVP_PKEY_keygen_init(e->generate) == 1);
}

struct evp *evp_new(const struct identity *reader, const struct identity *signer)
{
    struct evp *e = calloc(1, sizeof *e);
    NEED(e);
    e->sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    e->gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    e->archive_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    e->wrap = EVP_CIPHER_fetch(NULL, "AES-128-WRAP", NULL);
    e->hash = EVP_MD_CTX_new();
    NEED(e->sha256 && e->hash && EVP_DigestInit_ex2(e->hash, e->sha256, NULL) == 1);
    e->open = cipher_context(e->gcm, 0);
    e->seal = cipher_context(e->gcm, 1);
    e->archive = cipher_context(e->archive_gcm, 1);
    e->wrapping = cipher_context(e->wrap, 1);
    e->unwrapping = cipher_context(e->wrap, 0);
    prepare_keys(e, reader, signer);
    return e;
}

void evp_free(struct evp *e)
{
    EVP_PKEY_CTX *const keys[] = {e->agree, e->verify, e->sign, e->generate};
    EVP_CIPHER_CTX *const ciphers[] = {e->open, e->seal, e->archive, e->wrapping, e->unwrapping};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        EVP_PKEY_CTX_free(keys[i]);
    for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++)
        EVP_CIPHER_CTX_free(ciphers[i]);
    EVP_PKEY_free(e->peer);
    EVP_PKEY_free(e->curve);
    EVP_MD_CTX_free(e->hash);
    EVP_MD_free(e->sha256);
    EVP_CIPHER_free(e->gcm);
    EVP_CIPHER_free(e->archive_gcm);
    EVP_CIPHER_free(e->wrap);
    free(e);
}

/* --- one operation each --- */

static void hash2(struct evp *e, struct span first, struct span second, uint8_t out[HASH])
{
    NEED(EVP_DigestInit_ex2(e->hash, NULL, NULL) == 1);
    NEED(EVP_DigestUpdate(e->hash, first.at, first.len) == 1);
    NEED(second.len == 0 || EVP_DigestUpdate(e->hash, second.at, second.len) == 1);
    NEED(EVP_DigestFinal_ex(e->hash, out, NULL) == 1);
}

/* The key of a reader: what ECDH gives, through the KDF. ECC-CMS-SharedInfo for a key of 128 bits to wrap with, without
 * user keying material, is always the same (RFC 5753 7.2). */
static void agree(struct evp *e, EVP_PKEY_CTX *own, EVP_PKEY *peer, uint8_t key[HASH])
{
    static const uint8_t counter_and_info[] = {
        0x00, 0x00, 0x00, 0x01, /* counter */
        0x30, 0x15, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x05, /* id-aes128-wrap */
        0xa2, 0x06, 0x04, 0x04, 0x00, 0x00, 0x00, 0x80,                                           /* 128 bits */
    };
    uint8_t secret[SECRET];
    size_t len = sizeof secret;
    NEED(EVP_PKEY_derive_set_peer_ex(own, peer, 0) == 1);
    NEED(EVP_PKEY_derive(own, secret, &len) == 1 && len == sizeof secret);
    hash2(e, span_of(secret, sizeof secret), span_of(counter_and_info, sizeof counter_and_info), key);
}

static void wrap(EVP_CIPHER_CTX *context, const uint8_t *key, struct span in, uint8_t *out, int out_len)
{
    int n = 0;
    NEED(EVP_CipherInit_ex2(context, NULL, key, NULL, -1, NULL) == 1);
    NEED(EVP_CipherUpdate(context, out, &n, in.at, (int)in.len) > 0 && n == out_len);
}

static void gcm(EVP_CIPHER_CTX *context, const uint8_t *key, const uint8_t *nonce, struct span in, uint8_t *out)
{
    int n = 0;
    NEED(in.len <= EVP_CONTENT_MAX);
    NEED(EVP_CipherInit_ex2(context, NULL, key, nonce, -1, NULL) == 1);
    NEED(EVP_CipherUpdate(context, out, &n, in.at, (int)in.len) == 1 && (size_t)n == in.len);
}

static void gcm_seal(struct evp *e, EVP_CIPHER_CTX *context, struct span content)
{
    uint8_t none[1], tag[TAG];
    int n;
    gcm(context, e->key, e->nonce, content, e->out);
    NEED(EVP_CipherFinal_ex(context, none, &n) == 1);
    NEED(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG, tag) == 1);
}

/* Of the ways that EVP has to make a key of a point (a new key by EVP_PKEY_fromdata; a new one that has the curve's
 * parameters copied; one key whose point is set again and again), the last costs least. */
static void take_point(struct evp *e, struct span point)
{
    NEED(EVP_PKEY_set1_encoded_public_key(e->peer, point.at, point.len) == 1);
}

/* --- what a message takes --- */

void evp_open(struct evp *e, const struct sealed_parts *parts)
{
    uint8_t agreed[HASH], key[WRAPPED], none[1], tag[TAG];
    int n;
    take_point(e, parts->point);
    agree(e, e->agree, e->peer, agreed);
    wrap(e->unwrapping, agreed, parts->wrapped_key, key, KEY);
    memcpy(tag, parts->mac.at, TAG);
    gcm(e->open, key, parts->nonce.at, parts->ciphertext, e->out);
    NEED(EVP_CIPHER_CTX_ctrl(e->open, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1);
    NEED(EVP_CipherFinal_ex(e->open, none, &n) == 1);
    e->out_len = parts->ciphertext.len;
}

struct span evp_opened(const struct evp *e)
{
    return span_of(e->out, e->out_len);
}

static void hash_attributes(struct evp *e, const struct signed_parts *parts, uint8_t hash[HASH])
{
    hash2(e, SPAN("\x31"), span_part(parts->attributes, 1, parts->attributes.len), hash);
}

void evp_verify(struct evp *e, const struct signed_parts *parts)
{
    uint8_t hash[HASH];
    hash2(e, parts->content, (struct span){0}, hash);
    NEED(memcmp(hash, parts->digest.at, HASH) == 0);
    hash_attributes(e, parts, hash);
    NEED(EVP_PKEY_verify(e->verify, parts->signature.at, parts->signature.len, hash, HASH) == 1);
}

void evp_seal(struct evp *e, struct certificate *const *readers, size_t count, struct span content)
{
    uint8_t agreed[HASH], wrapped[WRAPPED + 8], point[POINT];
    size_t len;
    EVP_PKEY *ephemeral = NULL;
    NEED(EVP_PKEY_generate(e->generate, &ephemeral) == 1);
    NEED(EVP_PKEY_get_octet_string_param(ephemeral, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point, &len) ==
         1);
    EVP_PKEY_CTX *own = EVP_PKEY_CTX_new_from_pkey(NULL, ephemeral, NULL); /* a context belongs to one own key */
    NEED(own && EVP_PKEY_derive_init(own) == 1);
    for (size_t i = 0; i < count; i++) {
        agree(e, own, readers[i]->key, agreed);
        wrap(e->wrapping, agreed, span_of(e->key, KEY), wrapped, WRAPPED);
    }
    EVP_PKEY_CTX_free(own);
    EVP_PKEY_free(ephemeral);
    gcm_seal(e, e->seal, content);
}

void evp_sign(struct evp *e, const struct signed_parts *parts)
{
    uint8_t hash[HASH], signature[SIGNATURE];
    size_t len = sizeof signature;
    hash2(e, parts->content, (struct span){0}, hash);
    hash_attributes(e, parts, hash);
    NEED(EVP_PKEY_sign(e->sign, signature, &len, hash, HASH) == 1);
}

void evp_archive(struct evp *e, struct span content)
{
    gcm_seal(e, e->archive, content);
}
