#include <openssl/x509.h>

#include "cms/primitives.h"
#include "sipseal/certificate.h"

/* PrivateKeyInfo (RFC 5208 5), the whole of `der`. */
static EVP_PKEY *private_key(struct span der)
{
    const uint8_t *at = der.at;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.len);
    EVP_PKEY *key = info && at == der.at + der.len ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return key;
}

enum rule identity_load(struct span certificate_der, struct span key_der, struct identity *identity)
{
    *identity = (struct identity){0};
    enum rule rule = certificate_parse(certificate_der, &identity->certificate);
    if (rule == RULE_OK && (key_der.len == 0 || !(identity->key = private_key(key_der))))
        rule = RULE_FILE_FORMAT;
    if (rule == RULE_OK && EVP_PKEY_eq(identity->certificate->key, identity->key) != 1)
        rule = RULE_CERT_KEY;
    if (rule != RULE_OK)
        identity_clear(identity);
    return crypto_refused(rule);
}

void identity_clear(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    certificate_release(identity->certificate);
    *identity = (struct identity){0};
}
