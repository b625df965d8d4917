/* Which public keys are known, and what each can do (protocol.md 2.2): one table. */
#ifndef SIPSEAL_CMS_KEY_KIND_H
#define SIPSEAL_CMS_KEY_KIND_H

#include "cms/oid.h"
#include "sipseal/certificate.h"

struct key_traits {
    enum key_kind kind;
    enum oid algorithm;
    enum oid curve; /* the named curve that the parameters must be; OID_UNKNOWN where they are NULL or absent */
    int bits_min, bits_max;
    bool signs, agrees, enciphers;
};

/* By a DER SubjectPublicKeyInfo and the key that was made of it; null for a kind or size that is refused. Curves by
 * explicit parameters are refused (RFC 5480 2.1.1). */
const struct key_traits *key_traits_of(struct span public_key_info, EVP_PKEY *key);

#endif
