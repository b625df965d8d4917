#include "cms/primitives.h"
#include "cms/private_key.h"
#include "sipseal/certificate.h"

enum rule identity_load(struct span certificate_der, struct span key_der, struct identity *identity)
{
    *identity = (struct identity){0};
    enum rule rule = certificate_parse(certificate_der, &identity->certificate);
    if (rule == RULE_OK && !(identity->key = private_key_read(key_der)))
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
