#include "cms/signature.h"

#include <openssl/rsa.h>

#include "cms/rsa_parameters.h"

/* The salt is as long as the digest (protocol.md 2.2, RFC 4055 3.1). */
static uint32_t salt_len(const struct signature_choice *choice)
{
    return (uint32_t)EVP_MD_get_size(digest_of(primitives(), choice->digest));
}

/* ECDSA and Ed25519 have none (RFC 5754 3.3, RFC 8419 2.2); those of PKCS#1 v1.5 are NULL, and must be accepted when
 * they are absent (RFC 4055 5). */
bool signature_parameters_fit(const struct signature_choice *choice, const struct der_algorithm *algorithm)
{
    switch (choice->scheme) {
    case SIGNS_PSS:
        return pss_parameters_are(algorithm->parameters, choice->digest, salt_len(choice));
    case SIGNS_PKCS1:
        return der_no_parameters(algorithm);
    case SIGNS_ECDSA:
    case SIGNS_EDDSA:
        return algorithm->parameters.len == 0;
    }
    return false;
}

void signature_put_algorithm(struct der_writer *w, const struct signature_choice *choice)
{
    size_t mark = der_mark(w);
    if (choice->scheme == SIGNS_PSS)
        pss_parameters_put(w, choice->digest, salt_len(choice));
    else if (choice->scheme == SIGNS_PKCS1)
        der_put_item(w, DER_NULL, SPAN(""));
    der_put_oid(w, choice->signature);
    der_wrap(w, DER_SEQUENCE, mark);
}

/* --- Ed25519: over the bytes themselves, never over their hash (RFC 8419 2.1) --- */

static enum rule make_pure(EVP_PKEY *key, struct span message, uint8_t signature[SIGNATURE_MAX], size_t *len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(context, signature, len, message.at, message.len) == 1;
    EVP_MD_CTX_free(context);
    return ok ? RULE_OK : RULE_CRYPTO_LIBRARY;
}

static enum rule check_pure(EVP_PKEY *key, struct span message, struct span signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    enum rule rule = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 ? RULE_OK
                                                                                          : RULE_CRYPTO_LIBRARY;
    if (rule == RULE_OK && EVP_DigestVerify(context, signature.at, signature.len, message.at, message.len) != 1)
        rule = RULE_SIGNATURE_INVALID;
    EVP_MD_CTX_free(context);
    return rule;
}

/* EVP takes the message in one piece. */
static enum rule check_pure_attributes(struct arena *arena, EVP_PKEY *key, struct span attributes,
                                       struct span signature)
{
    bool copied;
    size_t before = arena_mark(arena);
    struct span message = arena_copy(arena, attributes, &copied);
    if (!copied)
        return RULE_NO_MEMORY;
    *(uint8_t *)(uintptr_t)message.at = DER_SET;
    enum rule rule = check_pure(key, message, signature);
    arena_rewind(arena, before);
    return rule;
}

/* --- the others: over a hash --- */

static bool set_padding(EVP_PKEY_CTX *context, const struct signature_choice *choice)
{
    const EVP_MD *digest = digest_of(primitives(), choice->digest);
    if (choice->scheme == SIGNS_ECDSA)
        return true;
    if (EVP_PKEY_CTX_set_rsa_padding(context, choice->scheme == SIGNS_PSS ? RSA_PKCS1_PSS_PADDING
                                                                         : RSA_PKCS1_PADDING) <= 0 ||
        EVP_PKEY_CTX_set_signature_md(context, digest) <= 0)
        return false;
    return choice->scheme == SIGNS_PKCS1 || (EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) > 0 &&
                                            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, (int)salt_len(choice)) > 0);
}

/* Without a copy: the tag of SET OF, then what follows the received one. */
static bool hash_attributes(const struct signature_choice *choice, struct span attributes,
                            uint8_t hash[EVP_MAX_MD_SIZE], unsigned *len)
{
    const uint8_t tag = DER_SET;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestInit_ex2(context, digest_of(primitives(), choice->digest), NULL) == 1 &&
              EVP_DigestUpdate(context, &tag, 1) == 1 &&
              EVP_DigestUpdate(context, attributes.at + 1, attributes.len - 1) == 1 &&
              EVP_DigestFinal_ex(context, hash, len) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

static enum rule make_over_hash(const struct signature_choice *choice, EVP_PKEY *key, struct span attributes,
                                uint8_t signature[SIGNATURE_MAX], size_t *len)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned hash_len;
    if (!hash_attributes(choice, attributes, hash, &hash_len))
        return RULE_CRYPTO_LIBRARY;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool ok = context && EVP_PKEY_sign_init(context) > 0 && set_padding(context, choice) &&
              EVP_PKEY_sign(context, signature, len, hash, hash_len) > 0;
    EVP_PKEY_CTX_free(context);
    return ok ? RULE_OK : RULE_CRYPTO_LIBRARY;
}

static enum rule check_over_hash(const struct signature_choice *choice, EVP_PKEY *key, struct span attributes,
                                 struct span signature)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned hash_len;
    if (!hash_attributes(choice, attributes, hash, &hash_len))
        return RULE_CRYPTO_LIBRARY;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    enum rule rule = context && EVP_PKEY_verify_init(context) > 0 && set_padding(context, choice)
                         ? RULE_OK
                         : RULE_CRYPTO_LIBRARY;
    if (rule == RULE_OK && EVP_PKEY_verify(context, signature.at, signature.len, hash, hash_len) != 1)
        rule = RULE_SIGNATURE_INVALID;
    EVP_PKEY_CTX_free(context);
    return rule;
}

enum rule signature_make(const struct signature_choice *choice, EVP_PKEY *key, struct span attributes,
                         uint8_t signature[SIGNATURE_MAX], size_t *len)
{
    *len = SIGNATURE_MAX;
    enum rule rule = choice->scheme == SIGNS_EDDSA ? make_pure(key, attributes, signature, len)
                                                   : make_over_hash(choice, key, attributes, signature, len);
    if (rule == RULE_OK && *len > SIGNATURE_MAX) /* without memory OpenSSL 3.0 reports success and a length of -1 */
        rule = RULE_CRYPTO_LIBRARY;
    return crypto_refused(rule);
}

enum rule signature_check(struct arena *arena, const struct signature_choice *choice, EVP_PKEY *key,
                          struct span attributes, struct span signature)
{
    return crypto_refused(choice->scheme == SIGNS_EDDSA ? check_pure_attributes(arena, key, attributes, signature)
                                                        : check_over_hash(choice, key, attributes, signature));
}
