/* RSAES-PKCS1-v1_5 (RFC 8017 7.2.2), decrypted so that nobody learns whether there was anything to decrypt: who learns
 * that can decrypt with the key (Bleichenbacher 1998; RFC 3218 2.3). OpenSSL 3.0 tells it by its result and by its
 * queue of errors, so the library gives the bare block and the padding is looked at here. How long the key must be is
 * known, and so is the place of every byte: nothing is searched for, and neither branch nor index depends on the
 * block. */
#include <openssl/rsa.h>

#include "cms/key_transport.h"
#include "sipseal/random.h"

enum { PADDING_MIN = 11 }; /* 00 02, eight bytes or more, 00 */

/* 0xff for zero, 0 for every other byte. */
static uint8_t mask_if_zero(unsigned byte)
{
    return (uint8_t)((byte - 1) >> 8);
}

/* 0xff when the block ends with a key of `len` bytes behind 00 02, bytes that are not zero, 00; else 0. */
static uint8_t mask_of_block(const uint8_t *block, size_t size, size_t len)
{
    size_t separator = size - len - 1;
    uint8_t mask = mask_if_zero(block[0]) & mask_if_zero(block[1] ^ 2u) & mask_if_zero(block[separator]);
    for (size_t i = 2; i < separator; i++)
        mask &= (uint8_t)~mask_if_zero(block[i]);
    return mask;
}

/* The RSA operation alone. `*usable` is false for what is no number below the modulus, or not as long: everybody can
 * see that without the key. */
static enum rule decrypt_block(EVP_PKEY *own, struct span encrypted, uint8_t *block, size_t size, bool *usable)
{
    size_t len = size;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    if (!context || EVP_PKEY_decrypt_init(context) <= 0 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) <= 0) {
        EVP_PKEY_CTX_free(context);
        return crypto_refused(RULE_CRYPTO_LIBRARY);
    }
    bool decrypted = EVP_PKEY_decrypt(context, block, &len, encrypted.at, encrypted.len) > 0;
    EVP_PKEY_CTX_free(context);
    *usable = decrypted && encrypted.len == size && len == size;
    return crypto_refused(RULE_OK);
}

enum rule transport_decrypt_pkcs1(EVP_PKEY *own, struct span encrypted, uint8_t *key, size_t len)
{
    uint8_t block[ENCRYPTED_KEY_MAX] = {0};
    bool usable;
    int bytes = EVP_PKEY_get_size(own);
    size_t size = bytes > 0 ? (size_t)bytes : 0;
    if (len > CONTENT_KEY_MAX || !random_bytes(key, len))
        return RULE_NO_RANDOM;
    if (size < len + PADDING_MIN || size > sizeof block)
        return RULE_CRYPTO_LIBRARY;
    enum rule rule = decrypt_block(own, encrypted, block, size, &usable);
    if (rule != RULE_OK)
        return rule;
    uint8_t mask = mask_of_block(block, size, len) & (uint8_t)(usable ? 0xff : 0);
    for (size_t i = 0; i < len; i++)
        key[i] = (uint8_t)((block[size - len + i] & mask) | (key[i] & ~mask));
    bytes_wipe(block, sizeof block);
    return RULE_OK;
}
