/* CMS for the profile of protocol.md 2: SignedData (RFC 5652) and AuthEnvelopedData with AES-GCM (RFC 5083, RFC 5084),
 * readers by ECDH (RFC 5753, RFC 8418) and RSAES-OAEP (RFC 3560); for legacy peers, and read alone, EnvelopedData with
 * AES-CBC (RFC 5652 6) and PKCS#1 v1.5 (RFC 3370 4.2.1). Strict DER in and out; OpenSSL's EVP for every
 * primitive. Knows nothing of SIP. */
#ifndef SIPSEAL_CMS_H
#define SIPSEAL_CMS_H

#include "sipseal/arena.h"
#include "sipseal/bytes.h"
#include "sipseal/certificate.h"
#include "sipseal/rule.h"

enum {
    CMS_READERS_MAX = 32,    /* encrypted keys in one sealed object */
    CMS_ATTRIBUTES_MAX = 16, /* signed attributes of a signer */
};

/* --- sealed --- */

/* AuthEnvelopedData over `content`, for every reader, with a fresh key and nonce. A reader's key decides how it gets
 * the content-encryption key: P-256 by ECDH with the SHA-256 KDF, P-384 with the SHA-384 KDF (RFC 5753), X25519 with
 * HKDF and SHA-256 (RFC 8418), RSA by RSAES-OAEP with SHA-256 (RFC 4055). One KeyAgreeRecipientInfo with one ephemeral
 * key holds all readers of the same kind; each reader with RSA has a KeyTransRecipientInfo. The content is under
 * AES-128-GCM, or AES-256-GCM when a reader's key is stronger than 128 bits (P-384); the key wrap is as long as the key
 * that it wraps. `*der` is in the arena. Readers must have been checked (trust_check, USE_SEAL) by the caller.
 * RULE_CMS_STRUCTURE for no reader, or one that stands twice; RULE_CMS_LIMIT; RULE_CERT_KEY for a reader whose key
 * cannot be sealed to (Ed25519); RULE_NO_MEMORY, RULE_NO_RANDOM; RULE_CRYPTO_LIBRARY, also for an X25519 key with which
 * no secret can be agreed. */
enum rule cms_seal(struct arena *arena, struct certificate *const *readers, size_t reader_count, struct span content,
                   struct span *der);

/* The same, as the caller chooses. */
struct cms_choice {
    bool aes256; /* AES-256-GCM whoever the readers are */
};
enum rule cms_seal_as(struct arena *arena, const struct cms_choice *choice, struct certificate *const *readers,
                      size_t reader_count, struct span content, struct span *der);

/* What is read for legacy peers alone, each when it is switched on (protocol.md 2.2, "legacy"). It is never written. */
enum cms_legacy {
    CMS_LEGACY_CBC = 1,   /* EnvelopedData, with AES-CBC */
    CMS_LEGACY_PKCS1 = 2, /* key transport with PKCS#1 v1.5 */
    CMS_LEGACY_ALL = CMS_LEGACY_CBC | CMS_LEGACY_PKCS1,
};
/* One of them by the name that it has in options and configurations, "cbc" and "pkcs1"; 0 for every other name. */
unsigned cms_legacy_named(struct span name);
/* The names of all that are in `legacy`: "cbc", "pkcs1", "cbc pkcs1", "". */
const char *cms_legacy_text(unsigned legacy);

/* What the RecipientInfos of a sealed object say, read without any private key. */
struct cms_readers {
    struct cms_reader {
        enum cms_reader_kind { CMS_KEY_TRANSPORT, CMS_KEY_AGREEMENT, CMS_KEY_ENCRYPTION_KEY } kind;
        struct span issuer_and_serial; /* DER, points into the object; empty when named otherwise */
        struct span key_id;            /* subject key identifier or KEK identifier; empty when named otherwise */
    } reader[CMS_READERS_MAX];
    size_t count; /* encrypted keys: one for each KeyTransRecipientInfo and each RecipientEncryptedKey */
    unsigned legacy; /* enum cms_legacy: what the object, or the key of any of its readers, uses of that */
};
/* RULE_CMS_DER, RULE_CMS_STRUCTURE, RULE_CMS_TYPE (no AuthEnvelopedData or EnvelopedData over id-data), RULE_CMS_LIMIT;
 * RULE_CMS_ALGORITHM for a recipient that is no reader who could be counted (a password, a kind that is not known). The
 * algorithms of the others are judged by cms_open alone, for the reader that it opens for. */
enum rule cms_readers_of(struct span der, struct cms_readers *out);
/* Whether a reader entry names this certificate, by issuer and serial number or by subject key identifier. */
bool cms_reader_is(const struct cms_reader *reader, const struct certificate *certificate);
/* Whether any entry does. */
bool cms_readers_include(const struct cms_readers *readers, const struct certificate *certificate);

/* Opens a sealed object, AuthEnvelopedData. The RecipientInfo that names the identity is found before any private-key
 * operation; RULE_CMS_NOT_READER without one. `*content` is in the arena, and only after the tag was checked; on any
 * failure the arena holds no plaintext. RULE_CMS_OPEN when key or tag are wrong. RULE_CMS_ALGORITHM, also decided before
 * the private key is used, for what protocol.md 2.2 refuses: another cipher, a tag shorter than 16 bytes, a KDF or
 * RSAES-OAEP with SHA-1, PKCS#1 v1.5, an entry that does not fit the kind of the reader's key. RULE_CMS_TYPE for
 * EnvelopedData; else as cms_readers_of. */
enum rule cms_open(struct arena *arena, struct span der, const struct identity *self, struct span *content);

/* The same, with what is switched on for legacy peers. Nothing authenticates EnvelopedData but a signature inside it,
 * and CMS does not know how that is found: so `vouch` is asked about whatever AES-CBC gave, be the key wrong or the
 * padding broken, and says whether all of it is signed content that verifies. Only then does content leave; everything
 * else is RULE_CMS_OPEN, and no part of the way is left out for what was wrong before it (protocol.md 2.3: a padding
 * oracle needs to see where one ended). `vouch` keeps nothing of the candidate; what it takes from the arena is wiped.
 * Without the switch RULE_CMS_TYPE for EnvelopedData, RULE_CMS_ALGORITHM for PKCS#1 v1.5. */
struct cms_legacy_terms {
    unsigned allowed; /* enum cms_legacy */
    bool (*vouch)(void *context, struct arena *arena, struct span candidate); /* not null when CBC is allowed */
    void *context;
};
enum rule cms_open_legacy(struct arena *arena, struct span der, const struct identity *self,
                          const struct cms_legacy_terms *terms, struct span *content);

/* --- signed --- */

/* SignedData with the content inside, one signer; signed attributes content-type, message-digest, signing-time,
 * signingCertificateV2. The signer's key decides how: ECDSA P-256 with SHA-256, P-384 with SHA-384, RSASSA-PSS with
 * SHA-256, Ed25519 with SHA-512 (RFC 5754, RFC 4055, RFC 8419). Carries the signer's certificate and `others`, each
 * once. RULE_CMS_LIMIT for more than CERTIFICATES_IN_BAG_MAX of them, RULE_CERT_KEY for a key that cannot sign,
 * RULE_NO_MEMORY, RULE_CRYPTO_LIBRARY. */
enum rule cms_sign(struct arena *arena, const struct identity *signer, struct certificate *const *others,
                   size_t other_count, struct span content, int64_t signing_time, struct span *der);

/* The same, by a signer whose sealing certificate is another: named in SMIMEEncryptionKeyPreference, a signed attribute
 * (RFC 8551 2.5.3), and carried along. Null, or the signer's own, is cms_sign. */
enum rule cms_sign_preferring(struct arena *arena, const struct identity *signer, const struct certificate *sealing,
                              struct certificate *const *others, size_t other_count, struct span content,
                              int64_t signing_time, struct span *der);

/* The same without the content inside (RFC 8551 3.5.3): what multipart/signed carries beside it. */
enum rule cms_sign_detached(struct arena *arena, const struct identity *signer, const struct certificate *sealing,
                            struct certificate *const *others, size_t other_count, struct span content,
                            int64_t signing_time, struct span *der);

/* The digest that a signer with this key writes, as the parameter micalg names it (RFC 8551 3.5.3.2): "sha-256",
 * "sha-384" with P-384, "sha-512" with Ed25519 (RFC 8419 3.1). Empty for a key that cannot sign. */
struct span cms_micalg(enum key_kind kind);

/* What a SignedData says, verified. */
struct cms_signed {
    struct span content;               /* points into the object, or is what was given as detached */
    struct certificate *signer;        /* a reference that the caller releases */
    uint8_t attributes_hash[32];       /* SHA-256 of the DER signed attributes: part of the replay key */
    int64_t signing_time;              /* INT64_MIN when absent; not judged */
    struct certificate *bag[CERTIFICATES_IN_BAG_MAX]; /* candidates only; references that the caller releases */
    size_t bag_count;
    bool names_sealing;          /* SMIMEEncryptionKeyPreference is there (RFC 8551 2.5.3) */
    struct certificate *sealing; /* the one in the bag that it names, not a reference of its own; null without one */
};

/* Verifies over the exact bytes: exactly one signer, its certificate in the bag or known (`known`, may be null), the
 * digest, the signature; does not judge whom the certificate names nor whether it is trusted. `detached` is the content
 * of a SignedData without one; null otherwise. On failure nothing is to be released. The arena serves for working
 * memory: with Ed25519, a copy of the signed attributes. `cache` may be null; where its work is bounded (trust_allow)
 * and it needs no others to check the signer, the bag stays empty, and no sealing certificate is found.
 * RULE_SIGNATURE_ABSENT (certificates only), _SIGNERS, _NO_CERTIFICATE, _INVALID; RULE_CMS_DER, also when the signed
 * attributes are not in DER's order; RULE_CMS_STRUCTURE, also when the attributes that protocol.md 2.4 requires are
 * absent, or one that must be signed stands unsigned; RULE_CMS_TYPE, _LIMIT; RULE_CMS_ALGORITHM for what protocol.md
 * 2.2 refuses: SHA-1, parameters of RSASSA-PSS but one digest throughout and a salt of its length, a key of another
 * kind than the signature says; those of certificate_parse for the signer's, and RULE_CERT_BUDGET. */
enum rule cms_verify(struct arena *arena, struct span der, const struct span *detached, struct trust *cache,
                     struct certificate *const *known, size_t known_count, struct cms_signed *out);
void cms_signed_clear(struct cms_signed *s);

/* Whether nothing stands in a SignedData with its content that its signature does not cover, but for what verifying it
 * looks at: no unsigned attributes, no revocation lists, one digest. Nothing is computed. `*certificates` is how many
 * there are; none is judged. */
bool cms_signed_is_bare(struct span der, size_t *certificates);

/* Room that cms_seal and cms_sign need in the arena beyond their content. */
enum { CMS_OVERHEAD_MAX = 160 * 1024 };

#endif
