/* Ephemeral-static ECDH and what follows from it (RFC 5753 3.1, 7.1, 7.2; RFC 8418 2 for X25519): a key-encryption key
 * for each reader, and the content-encryption key wrapped in it (RFC 3394). */
#ifndef SIPSEAL_CMS_KEY_AGREEMENT_H
#define SIPSEAL_CMS_KEY_AGREEMENT_H

#include "cms/algorithms.h"
#include "sipseal/rule.h"

/* The key derivation function of X9.63 (SEC 1 3.6.1): hash(secret, counter, info) for counter 1, 2, ... */
bool x963_kdf(const EVP_MD *digest, struct span secret, struct span info, uint8_t *out, size_t len);
/* HKDF (RFC 5869); an empty salt is the default one. */
bool hkdf(const EVP_MD *digest, struct span salt, struct span secret, struct span info, uint8_t *out, size_t len);

/* What both sides derive the key-encryption key with: `wrap_algorithm` is the DER AlgorithmIdentifier of the key wrap
 * as it stands in the object, `ukm` its user keying material, or empty with a null `at` where there is none. */
struct agreement_info {
    struct span wrap_algorithm;
    struct span ukm;
    struct cipher_choice wrap;
    struct key_derivation derivation;
};

/* Points are exchanged uncompressed, keys of X25519 as they are. A key is made for every object; null when the library
 * fails. */
EVP_PKEY *ephemeral_key(const struct agreement *agreement, uint8_t point[POINT_MAX]);
/* The only form that is read. Of a curve, the uncompressed one, which all must support (RFC 5480 2.2) and which cannot
 * be the point at infinity; of X25519, 32 bytes. */
bool point_has_form(const struct agreement *agreement, struct span point);
/* The public key of a received point; null when it has another form or is not on the curve. */
EVP_PKEY *peer_key(const struct agreement *agreement, struct span point);

/* `out` takes key.len + WRAP_OVERHEAD bytes. */
enum rule wrap_for(EVP_PKEY *own, EVP_PKEY *peer, const struct agreement_info *info, struct span key, uint8_t *out);
/* `out` takes wrapped.len - WRAP_OVERHEAD bytes, at most CONTENT_KEY_MAX; wiped on failure. RULE_CMS_OPEN. */
enum rule unwrap_from(EVP_PKEY *own, EVP_PKEY *peer, const struct agreement_info *info, struct span wrapped,
                      uint8_t *out);

#endif
