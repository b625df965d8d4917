/* The algorithms of the profile (protocol.md 2.2), each in a table: what is not in a table is refused when read, and a
 * further algorithm is a further row. */
#ifndef SIPSEAL_CMS_ALGORITHMS_H
#define SIPSEAL_CMS_ALGORITHMS_H

#include "cms/oid.h"
#include "cms/primitives.h"
#include "sipseal/certificate.h"

enum {
    CONTENT_KEY_MAX = 32,
    WRAP_OVERHEAD = 8,  /* RFC 3394 */
    AGREED_KEY_MAX = 32, /* bytes of the longest key-encryption key */
    SHARED_SECRET_MAX = 66,
    POINT_MAX = 133,
};

/* A cipher under its object identifier: content encryption (RFC 5084), key wrap (RFC 3565). */
struct cipher_choice {
    enum oid oid;
    size_t key_len;
    EVP_CIPHER *cipher;
};
/* False for one that is refused. */
bool content_cipher(const struct primitives *p, enum oid oid, struct cipher_choice *choice);
bool wrap_cipher(const struct primitives *p, enum oid oid, struct cipher_choice *choice);

/* How a key of one kind agrees (RFC 5753 7.1). */
struct agreement {
    enum key_kind kind;
    enum oid scheme; /* with the KDF's digest: always SHA-256 so far */
    enum oid curve;
    EVP_PKEY *parameters;
    size_t point_len; /* of an uncompressed point */
};
bool agreement_of(const struct primitives *p, enum key_kind kind, struct agreement *agreement);

/* How a key of one kind signs (RFC 5754 3.3). */
struct signature_choice {
    enum key_kind kind;
    enum oid signature;
    enum oid digest; /* of the content and of the signed attributes */
};
/* By the kind of key, and by what an object says. */
bool signature_of(enum key_kind kind, struct signature_choice *choice);
bool signature_is_known(enum oid signature, enum oid digest, struct signature_choice *choice);

/* The digests that certificates are named with in signingCertificateV2. */
EVP_MD *digest_of(const struct primitives *p, enum oid oid);

#endif
