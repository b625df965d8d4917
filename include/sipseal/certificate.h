/* Certificates, the keys that go with them, and whom to believe (RFC 5280, RFC 8550, RFC 5922; protocol.md 2.2). */
#ifndef SIPSEAL_CERTIFICATE_H
#define SIPSEAL_CERTIFICATE_H

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

typedef struct evp_pkey_st EVP_PKEY; /* OpenSSL's */

enum {
    CERTIFICATE_HASH_LEN = 32,     /* SHA-256 of the DER */
    CERTIFICATE_MAX = 8192,        /* bytes of one certificate */
    CERTIFICATE_ISSUER_MAX = 1024, /* bytes of one IssuerAndSerialNumber */
    CERTIFICATE_NAMES_MAX = 16,    /* subjectAltNames that are looked at */
    CERTIFICATES_IN_BAG_MAX = 8,   /* certificates in one SignedData */
    TRUST_ANCHORS_MAX = 512,
    CERTIFICATE_CACHE_MAX = 1024,  /* parsed certificates that a trust store keeps */
};

enum certificate_name_kind { NAME_URI, NAME_DNS };

/* Kinds of public keys that are known (protocol.md 2.2). RSA has 2048 to 8192 bits and an exponent that is odd, greater
 * than 1 and at most five bytes long. All may stand in a chain, also those that only sign or only seal. */
enum key_kind { KEY_P256, KEY_P384, KEY_RSA, KEY_ED25519, KEY_X25519 };

/* Immutable once parsed; counted, so that a cache and its users can hold it together. Not for several threads. */
struct certificate {
    unsigned references;
    struct span der;                    /* owned */
    uint8_t hash[CERTIFICATE_HASH_LEN]; /* SHA-256 of der: its name in Sealed-For and in logs */
    uint8_t key_hash[32];               /* SHA-256 of the DER SubjectPublicKeyInfo: the signer in replay keys */
    struct span issuer_and_serial;      /* DER IssuerAndSerialNumber (RFC 5652 10.2.4), owned */
    struct span subject_key_id;         /* owned; empty when the extension is absent */
    EVP_PKEY *key;                      /* the public key, owned */
    enum key_kind key_kind;
    int64_t not_before, not_after;
    bool may_sign, may_agree, may_encipher; /* by key usage (absent: all) and kind of key */
    bool purpose_email, purpose_sip;        /* extended key usage: emailProtection or any; id-kp-sipDomain or any */
    bool purpose_server, purpose_client;    /* serverAuth or any; clientAuth or any */
    bool for_tls;                           /* serverAuth or clientAuth is named: its key is none for messages */
    struct certificate_name {
        enum certificate_name_kind kind;
        struct span text;
    } name[CERTIFICATE_NAMES_MAX];
    size_t name_count;
    void *x509; /* OpenSSL's X509, for chains */
};

/* Parses one DER certificate, which is copied. RULE_CERT_SYNTAX (also for a name with an embedded zero or another byte
 * that is no printable ASCII), RULE_CERT_KEY (a kind or size that is refused), RULE_NO_MEMORY. The caller holds one
 * reference. */
enum rule certificate_parse(struct span der, struct certificate **out);
struct certificate *certificate_hold(struct certificate *c);
void certificate_release(struct certificate *c); /* null is allowed */

/* Whether a sip: or sips: URI among the names is this address-of-record (sip_same_aor). */
bool certificate_names_aor(const struct certificate *c, struct span uri); /* in src/e2m, which knows SIP */
/* Whether a dNSName, or a sip: URI without user, equals the host exactly, without regard to case (RFC 5922 7.2). */
bool certificate_names_host(const struct certificate *c, struct span host); /* in src/e2m */
/* The SIP domain identities (RFC 5922 7.1): the hosts of sip: URIs without user; the dNSNames only where there is no
 * such URI; never the common name. They lie in the certificate, and end up in `out`; returns how many. */
size_t certificate_sip_domains(const struct certificate *c, struct span out[CERTIFICATE_NAMES_MAX]); /* in src/e2m */
/* Whether one of them is the host: whole, without regard to case; "*" stands for itself alone (RFC 5922 7.2). */
bool certificate_is_sip_domain(const struct certificate *c, struct span host); /* in src/e2m */
/* The first sip: or sips: URI, else the first dNSName, else empty: how to show whose it is. */
struct span certificate_shown_name(const struct certificate *c);
/* The content octets of the serial number, for revocation lists. */
struct span certificate_serial(const struct certificate *c);

/* --- trust --- */

/* Trust anchors, revocation lists, and a bounded cache of parsed certificates and chain results keyed by the SHA-256
 * of the DER; expiry and revocation are checked again on each use. */
struct trust;

struct trust *trust_new(void);
void trust_free(struct trust *t);
/* RULE_CONFIG when there are TRUST_ANCHORS_MAX already; else as certificate_parse. */
enum rule trust_add_anchor(struct trust *t, struct span der);
/* A revocation list (RFC 5280 5), complete for its issuer. Once one is configured for an authority, it must be in date
 * whenever a certificate of that authority is checked, or the check fails. RULE_CERT_SYNTAX, RULE_CONFIG (too many). */
enum rule trust_add_crl(struct trust *t, struct span der);

/* Messages; and the two ends of TLS, as the other end sees them. A certificate for TLS is none for messages, although
 * id-kp-sipDomain stands for both: the process with the network holds its key (protocol.md 2.2). */
enum certificate_use { USE_SIGN, USE_SEAL, USE_TLS_SERVER, USE_TLS_CLIENT };

/* Whether the certificate chains to an anchor (through `others`, candidates only), is in date and not revoked at `now`,
 * and its usages fit the use. RULE_CERT_UNTRUSTED, _EXPIRED, _REVOKED, _REVOCATION_UNKNOWN, _USAGE, _KEY. */
enum rule trust_check(struct trust *t, const struct certificate *c, struct certificate *const *others,
                      size_t other_count, enum certificate_use use, int64_t now);

/* The same whatever its usages are: whether every byte of it comes from an authority that is trusted. */
enum rule trust_chain(struct trust *t, const struct certificate *c, struct certificate *const *others,
                      size_t other_count, int64_t now);

/* The parsed certificate for this DER, from the cache or parsed now and cached; the caller holds a reference. */
enum rule trust_certificate(struct trust *t, struct span der, struct certificate **out);

/* What strangers' certificates may cost (protocol.md 8). A certificate that is in the cache costs next to nothing; one
 * that was never seen must be parsed, and its chain proven, and whoever sends a fresh one with each message multiplies
 * the work. From this call on, until the next, at most `units` of such work are done at `now`: each certificate that
 * must be parsed takes one, and each chain that must be proven; what would take one more is not begun, and breaks
 * RULE_CERT_BUDGET. A store on which this was never called does whatever is asked of it. */
void trust_allow(struct trust *t, uint32_t units, int64_t now);
/* Units taken since trust_allow. */
uint32_t trust_spent(const struct trust *t);
/* Whether the work is bounded, and the certificate's chain is proven and in date: nobody needs other certificates to
 * check this one. */
bool trust_needs_no_others(struct trust *t, const struct certificate *c);
/* Whether the others are wanted all the same, for what is verified from now on. */
void trust_want_others(struct trust *t, bool wanted);

/* What was done since the store was made. */
struct trust_work {
    uint64_t parsed, cached; /* certificates, by trust_certificate */
    uint64_t proven;         /* chains that were worked on, whatever came of it */
    uint64_t refused;        /* what RULE_CERT_BUDGET was said for */
};
struct trust_work trust_work_of(const struct trust *t);

/* --- own keys --- */

struct identity {
    struct certificate *certificate;
    EVP_PKEY *key;
};

/* A certificate and its private key (PKCS#8 DER), both owned. RULE_CERT_KEY when they do not belong together,
 * RULE_FILE_FORMAT when the key cannot be read; else as certificate_parse. On failure there is nothing to clear. */
enum rule identity_load(struct span certificate_der, struct span key_der, struct identity *identity);
void identity_clear(struct identity *identity);

#endif
