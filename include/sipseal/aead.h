/* AES-256-GCM with a 12-byte nonce and the full 16-byte tag (NIST SP 800-38D), for what sipseal keeps for itself, such
 * as records of the archive. A nonce must never be used twice under one key. */
#ifndef SIPSEAL_AEAD_H
#define SIPSEAL_AEAD_H

#include "sipseal/bytes.h"

enum { AEAD_KEY_LEN = 32, AEAD_NONCE_LEN = 12, AEAD_TAG_LEN = 16 };

/* Writes plain.len bytes of ciphertext and the tag after them: `out` has room for plain.len + AEAD_TAG_LEN bytes and
 * does not overlap `plain`. False when the library fails; `out` then holds nothing of use. */
bool aead_seal(const uint8_t key[AEAD_KEY_LEN], const uint8_t nonce[AEAD_NONCE_LEN], struct span aad, struct span plain,
               uint8_t *out);

/* The reverse: `sealed` is ciphertext and tag, `out` has room for sealed.len - AEAD_TAG_LEN bytes and does not overlap
 * `sealed`. False when the tag does not fit key, nonce, additional data and ciphertext, or the library fails; `out` is
 * then wiped. */
bool aead_open(const uint8_t key[AEAD_KEY_LEN], const uint8_t nonce[AEAD_NONCE_LEN], struct span aad,
               struct span sealed, uint8_t *out);

#endif
