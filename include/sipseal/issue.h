/* A small certificate authority (`sipseal ca`): keys of every kind, certificates for users and hosts, revocation lists
 * (RFC 5280; protocol.md 2.2). Bytes in, bytes out; where keys are kept is the caller's affair. What is given back is
 * in the arena; private keys too, so reset the arena once they are stored. */
#ifndef SIPSEAL_ISSUE_H
#define SIPSEAL_ISSUE_H

#include "sipseal/arena.h"
#include "sipseal/bytes.h"
#include "sipseal/certificate.h"
#include "sipseal/rule.h"

enum {
    ISSUE_NAME_MAX = 255,   /* bytes of a name */
    ISSUE_SERIAL_LEN = 16,  /* bytes of a serial number, random and positive (RFC 5280 4.1.2.2) */
};

/* The keys that are made. What each can do follows from its kind: Ed25519 only signs, X25519 is only sealed to. */
enum issue_key_kind {
    ISSUE_P256,
    ISSUE_P384,
    ISSUE_RSA2048,
    ISSUE_RSA3072,
    ISSUE_RSA4096,
    ISSUE_ED25519,
    ISSUE_X25519,
    ISSUE_KEY_KINDS
};
struct issue_key_traits {
    const char *name; /* "p256": as users write it */
    bool signs, seals;
};
const struct issue_key_traits *issue_key_traits(enum issue_key_kind kind);
/* The kind of this name; false when there is none. */
bool issue_key_named(struct span name, enum issue_key_kind *kind);

/* A new private key, PKCS#8 DER without encryption; issue_key makes one on P-256. RULE_CRYPTO_LIBRARY,
 * RULE_NO_MEMORY. */
enum rule issue_key_of(struct arena *arena, enum issue_key_kind kind, struct span *key_der);
enum rule issue_key(struct arena *arena, struct span *key_der);

/* A certificate that the authority signs itself: CA:TRUE without authorities under it, keyCertSign and cRLSign. `name`
 * is its common name, printable UTF-8, at most 64 bytes. Times are seconds since 1970. RULE_FILE_FORMAT for a key that
 * cannot be read, RULE_CERT_KEY for one of a kind that is refused or cannot sign, RULE_CERT_SYNTAX for a name that
 * cannot be written. */
enum rule issue_authority(struct arena *arena, struct span key_der, struct span name, int64_t not_before,
                          int64_t not_after, struct span *certificate_der);

struct issue_terms {
    enum issue_kind {
        ISSUE_USER, /* `name` is a URI, "sip:alice@home.example"; purpose emailProtection (RFC 8550 4.4.4) */
        ISSUE_HOST, /* `name` is a host name, "proxy1.home.example"; purpose id-kp-sipDomain (RFC 5924) */
        ISSUE_TLS,  /* `name` is a host name: dNSName and sip: URI (RFC 5922 6), or a user's URI; digitalSignature;
                       purposes serverAuth, clientAuth and id-kp-sipDomain. `usage` is passed over */
    } kind;
    /* digitalSignature; keyAgreement, or with RSA keyEncipherment */
    enum issue_usage { ISSUE_SIGN_AND_SEAL, ISSUE_SIGN, ISSUE_SEAL } usage;
    struct span name; /* printable ASCII without spaces */
    int64_t not_before, not_after;
};

/* A certificate for the key in `key_der`, signed by the authority. Errors as issue_authority; RULE_CERT_KEY also for a
 * key that cannot do what the usage says. */
enum rule issue_certificate(struct arena *arena, const struct identity *authority, struct span key_der,
                            const struct issue_terms *terms, struct span *certificate_der);

/* A revocation list of the authority over the serial numbers (certificate_serial). `number` must grow from list to list
 * (RFC 5280 5.2.3). */
enum rule issue_crl(struct arena *arena, const struct identity *authority, const struct span *serials, size_t count,
                    uint32_t number, int64_t this_update, int64_t next_update, struct span *crl_der);

#endif
