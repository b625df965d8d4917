/* OpenSSL's algorithms, fetched once: a fetch by name for each use costs more than a small hash or cipher itself. */
#ifndef SIPSEAL_CMS_PRIMITIVES_H
#define SIPSEAL_CMS_PRIMITIVES_H

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

enum { GCM_NONCE_LEN = 12, GCM_TAG_LEN = 16, CBC_BLOCK_LEN = 16 };

struct primitives {
    EVP_MD *sha256, *sha384, *sha512;
    EVP_CIPHER *aes128_gcm, *aes256_gcm;
    EVP_CIPHER *aes128_cbc, *aes256_cbc;
    EVP_CIPHER *aes128_wrap, *aes256_wrap;
    EVP_KDF *hkdf;
    EVP_PKEY *p256, *p384; /* curves' parameters without a key: what new keys and received points are made from */
};

/* Filled on the first call and never changed afterwards; null when the library lacks one of them. */
const struct primitives *primitives(void);

/* Empties OpenSSL's queue of errors, so that none of ours is taken for one of TLS later, and gives `rule` back. */
enum rule crypto_refused(enum rule rule);

/* The hash of one span; `*len` is that of the digest. False when the library fails. */
bool hash_of(const EVP_MD *digest, struct span s, uint8_t hash[EVP_MAX_MD_SIZE], size_t *len);

/* One AES-GCM operation over whole buffers; the additional data comes in two pieces. `out` has plain.len bytes.
 * gcm_open gives false, and `out` wiped, when the tag does not fit. */
bool gcm_seal(EVP_CIPHER *cipher, const uint8_t *key, const uint8_t nonce[GCM_NONCE_LEN], const struct span aad[2],
              struct span plain, uint8_t *out, uint8_t tag[GCM_TAG_LEN]);
bool gcm_open(EVP_CIPHER *cipher, const uint8_t *key, const uint8_t nonce[GCM_NONCE_LEN], const struct span aad[2],
              struct span sealed, const uint8_t tag[GCM_TAG_LEN], uint8_t *out);

/* AES-CBC over whole blocks, with the padding of RFC 5652 6.3 left in place: what the bytes are worth nobody knows yet.
 * `out` has sealed.len bytes, a multiple of CBC_BLOCK_LEN. False when the library fails. */
bool cbc_decrypt(EVP_CIPHER *cipher, const uint8_t *key, const uint8_t iv[CBC_BLOCK_LEN], struct span sealed,
                 uint8_t *out);

#endif
