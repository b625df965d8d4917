#include "cms/private_key.h"

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "cms/primitives.h"

EVP_PKEY *private_key_read(struct span der)
{
    const uint8_t *at = der.at;
    if (der.len == 0)
        return NULL;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.len);
    EVP_PKEY *key = info && at == der.at + der.len ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return key;
}

enum rule private_key_write(struct arena *arena, EVP_PKEY *key, struct span *der)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : 0;
    enum rule rule = len > 0 ? RULE_OK : RULE_CRYPTO_LIBRARY;
    uint8_t *bytes = rule == RULE_OK ? arena_take(arena, (size_t)len) : NULL, *end = bytes;
    if (rule == RULE_OK && !bytes)
        rule = RULE_NO_MEMORY;
    if (rule == RULE_OK && i2d_PKCS8_PRIV_KEY_INFO(info, &end) != len)
        rule = RULE_CRYPTO_LIBRARY;
    PKCS8_PRIV_KEY_INFO_free(info);
    *der = rule == RULE_OK ? span_of(bytes, (size_t)len) : (struct span){0};
    return crypto_refused(rule);
}
