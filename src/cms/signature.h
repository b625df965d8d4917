/* The signature of a SignerInfo: its AlgorithmIdentifier, and the computation (RFC 5652 5.4, RFC 5754 3, RFC 4055 3,
 * RFC 8419 2.3, 3.1). What is signed is always the DER of the signed attributes under the tag of SET OF. */
#ifndef SIPSEAL_CMS_SIGNATURE_H
#define SIPSEAL_CMS_SIGNATURE_H

#include "cms/algorithms.h"
#include "cms/der.h"
#include "sipseal/arena.h"

enum { SIGNATURE_MAX = 1024 }; /* bytes: RSA with 8192 bits; ECDSA and Ed25519 take far less */

/* Whether the parameters of a signatureAlgorithm are those that the choice has. */
bool signature_parameters_fit(const struct signature_choice *choice, const struct der_algorithm *algorithm);
void signature_put_algorithm(struct der_writer *w, const struct signature_choice *choice);

/* `attributes` is the DER SET OF. RULE_CRYPTO_LIBRARY. */
enum rule signature_make(const struct signature_choice *choice, EVP_PKEY *key, struct span attributes,
                         uint8_t signature[SIGNATURE_MAX], size_t *len);

/* `attributes` are the received bytes with tag and length; their tag is read as that of SET OF. The key is of a kind
 * that fits the choice. The arena serves for working memory. RULE_SIGNATURE_INVALID, RULE_CRYPTO_LIBRARY,
 * RULE_NO_MEMORY. */
enum rule signature_check(struct arena *arena, const struct signature_choice *choice, EVP_PKEY *key,
                          struct span attributes, struct span signature);

#endif
