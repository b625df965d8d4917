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

/* How an object says that it is signed (RFC 5754 3, RFC 4055 3, RFC 8419 3). The digest is that of the content and, but
 * for Ed25519, of the signed attributes. */
enum signature_scheme { SIGNS_ECDSA, SIGNS_PSS, SIGNS_PKCS1, SIGNS_EDDSA };
struct signature_choice {
    enum oid signature;
    enum oid digest;
    enum signature_scheme scheme;
    unsigned kinds; /* of keys that sign so: 1 << enum key_kind */
};
/* What is written with a key of this kind; false for one that cannot sign. */
bool signature_of(enum key_kind kind, struct signature_choice *choice);
/* What an object says; false for what is refused. */
bool signature_is_known(enum oid signature, enum oid digest, struct signature_choice *choice);
static inline bool signature_fits(const struct signature_choice *choice, enum key_kind kind)
{
    return choice->kinds >> kind & 1;
}

/* SHA-256, SHA-384, SHA-512; null for every other, and so for those that are refused. */
EVP_MD *digest_of(const struct primitives *p, enum oid oid);

#endif
