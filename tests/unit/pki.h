/* A small public key infrastructure for tests, made at run time: one authority, and whom it certifies. */
#ifndef SIPSEAL_TESTS_UNIT_PKI_H
#define SIPSEAL_TESTS_UNIT_PKI_H

#include "sipseal/arena.h"
#include "sipseal/certificate.h"
#include "sipseal/issue.h"

#define PKI_NOW INT64_C(1795438800) /* 2026-11-23T13:00:00Z */
#define PKI_FROM (PKI_NOW - 3600)
#define PKI_UNTIL (PKI_NOW + 86400)

/* An authority with a key of its own, from PKI_FROM to PKI_UNTIL. Release with identity_clear. */
struct identity pki_authority(const char *name);

/* A certificate and its key, from PKI_FROM to PKI_UNTIL. */
struct identity pki_user(const struct identity *authority, const char *uri);
struct identity pki_host(const struct identity *authority, const char *host);
struct identity pki_issue(const struct identity *authority, const struct issue_terms *terms);

/* A trust store with this anchor. */
struct trust *pki_trust(const struct identity *authority);

/* A certificate that issue.h would not make: its subject and issuer are common names, its extensions stand in the
 * syntax of OpenSSL's x509v3_config(5), one in each string "name=value", null at the end. */
struct pki_odd {
    const char *subject;
    const char *const *extensions;
    EVP_PKEY *key;                    /* null: a new one on P-256 */
    const struct identity *authority; /* null: self-signed */
    const char *digest;               /* null: SHA256 */
    int64_t not_before, not_after;    /* both 0: PKI_FROM and PKI_UNTIL */
};
/* The DER, in the arena; `*private_key` (may be null) is the key that was made or given, with a reference. */
struct span pki_odd(struct arena *arena, const struct pki_odd *odd, EVP_PKEY **private_key);

#endif
