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
    SHARED_SECRET_MAX = 48,
    POINT_MAX = 97,
};

/* A cipher under its object identifier: content encryption (RFC 5084), key wrap (RFC 3565). */
struct cipher_choice {
    enum oid oid;
    size_t key_len;
    EVP_CIPHER *cipher;
};
/* False for one that is refused. */
bool content_cipher(const struct primitives *p, enum oid oid, struct cipher_choice *choice);
/* The same of EnvelopedData (RFC 3565). */
bool cbc_cipher(const struct primitives *p, enum oid oid, struct cipher_choice *choice);
bool wrap_cipher(const struct primitives *p, enum oid oid, struct cipher_choice *choice);

/* The content cipher that is written, and the key wrap, which is always as long as the key that it wraps. */
bool written_ciphers(const struct primitives *p, bool aes256, struct cipher_choice *content,
                     struct cipher_choice *wrap);
/* Whether a reader's key asks for AES-256: one stronger than 128 bits. */
bool asks_for_aes256(enum key_kind kind);

/* How a key of one kind agrees (RFC 5753 7.1, RFC 8418). */
struct agreement {
    enum key_kind kind;
    enum oid key;   /* of the originator's AlgorithmIdentifier */
    enum oid curve; /* in its parameters; OID_UNKNOWN where it has none */
    EVP_PKEY *parameters; /* of the curve; null for X25519, which has none */
    size_t point_len;     /* of a public key as it is sent */
    enum oid scheme;      /* that is written */
};
bool agreement_of(const struct primitives *p, enum key_kind kind, struct agreement *agreement);

/* What makes a key of the agreed secret. */
struct key_derivation {
    enum oid scheme;
    enum { DERIVES_BY_X963, DERIVES_BY_HKDF } function;
    EVP_MD *digest;
    unsigned kinds; /* of keys that it is read with: 1 << enum key_kind */
};
/* False for what is refused, as with SHA-1. */
bool derivation_of(const struct primitives *p, enum oid scheme, enum key_kind kind, struct key_derivation *derivation);

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
