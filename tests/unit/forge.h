/* Sealed objects that cms_seal would not make, to show what cms_open reads and what it refuses. The readers' keys are
 * of one kind in an object, which says how they get the content's. The cryptography is OpenSSL's own (EVP_KDF and the
 * rest), so that libsipseal's is checked against it. */
#ifndef SIPSEAL_TESTS_UNIT_FORGE_H
#define SIPSEAL_TESTS_UNIT_FORGE_H

#include "sipseal/cms.h"

struct forge {
    const struct certificate *reader[4]; /* up to the first null */
    const char *cipher;                  /* OpenSSL's name; null: AES-128-GCM, of EnvelopedData AES-128-CBC */
    bool enveloped;                      /* EnvelopedData, with AES-CBC */
    bool broken_padding;                 /* of AES-CBC: the last byte says 0 */
    const char *wrap;                    /* null: AES-128-WRAP */
    const char *scheme;                  /* dotted object identifier of the key agreement; null: with the SHA-256 KDF */
    const char *kdf;                     /* null: X963KDF, with X25519 HKDF */
    const char *kdf_digest;              /* null: SHA256 */
    bool by_key_id;                      /* readers are named by their subject key identifiers */
    bool key_for_each;                   /* a KeyAgreeRecipientInfo for each reader */
    bool compressed;                     /* the ephemeral key */
    struct span ukm;                     /* user keying material; null `at`: none */
    struct span originator_parameters;   /* of the ephemeral key's AlgorithmIdentifier */
    struct span wrap_parameters;         /* of the key wrap's */
    struct span auth_attributes;         /* the content of the SET; empty: none */
    struct span unauth_attributes;
    struct forge_transport {             /* for readers with RSA */
        struct span algorithm;           /* the keyEncryptionAlgorithm */
        int padding;                     /* 0: OAEP */
        const char *digest, *mgf1;       /* null: SHA256 */
        const char *label;               /* null: none */
        size_t key_len;                  /* of what is transported; 0: what the cipher takes */
    } transport;
    size_t nonce_len;         /* 0: 12 */
    size_t tag_len;           /* 0: 16; the ICVlen that is written and the length of the mac */
    bool icv_default;         /* ICVlen is left out */
    bool zero_content_key;    /* 16 or 32 zeros seal the content */
    bool wrong_content_key;   /* what is wrapped is not what sealed the content */
    struct span content;
};

struct span forge_sealed(struct arena *arena, const struct forge *f);

#endif
