/* The content-encryption key encrypted under a reader's RSA key: RSAES-OAEP (RFC 3560, RFC 4055 4.1), and, read for
 * legacy peers, PKCS#1 v1.5 (RFC 3370 4.2.1). */
#ifndef SIPSEAL_CMS_KEY_TRANSPORT_H
#define SIPSEAL_CMS_KEY_TRANSPORT_H

#include "cms/algorithms.h"
#include "cms/der.h"

enum { ENCRYPTED_KEY_MAX = 1024 }; /* bytes: RSA with 8192 bits */

/* The digest of a keyEncryptionAlgorithm; null for what is refused: PKCS#1 v1.5, OAEP with SHA-1 or a label. */
EVP_MD *transport_digest(const struct primitives *p, const struct der_algorithm *algorithm);
/* Whether it is PKCS#1 v1.5. */
bool transport_is_pkcs1(const struct der_algorithm *algorithm);
/* With SHA-256, which is what transport_encrypt takes. */
void transport_put_algorithm(struct der_writer *w);

/* RULE_CRYPTO_LIBRARY. */
enum rule transport_encrypt(EVP_PKEY *peer, struct span key, uint8_t out[ENCRYPTED_KEY_MAX], size_t *len);
/* Gives `len` bytes whatever `encrypted` is: the key inside, or, when there is none of this length, a random one,
 * chosen without a branch. So everything wrong with it shows in one way and one place, at the tag of the content.
 * RULE_NO_RANDOM, RULE_CRYPTO_LIBRARY. */
enum rule transport_decrypt(EVP_PKEY *own, const EVP_MD *digest, struct span encrypted, uint8_t *key, size_t len);
/* The same with PKCS#1 v1.5 (key_transport_pkcs1.c). */
enum rule transport_decrypt_pkcs1(EVP_PKEY *own, struct span encrypted, uint8_t *key, size_t len);

#endif
