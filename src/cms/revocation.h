/* Revocation lists (RFC 5280 5), held beside the anchors. */
#ifndef SIPSEAL_CMS_REVOCATION_H
#define SIPSEAL_CMS_REVOCATION_H

#include <openssl/x509.h>

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

enum { REVOCATION_LISTS_MAX = 512 };

struct revocation {
    struct revocation_list {
        X509_CRL *crl;
        X509 *verified_by; /* the authority whose key was last seen to verify it: checked once, not at each use */
        int64_t this_update, next_update;
    } list[REVOCATION_LISTS_MAX];
    size_t count;
};

/* RULE_CERT_SYNTAX when it is none, lacks nextUpdate, or covers only a part (delta, indirect or by distribution point:
 * they are not supported, and half a list must not pass for a whole one); RULE_CONFIG when there are too many. */
enum rule revocation_add(struct revocation *r, struct span der);
void revocation_clear(struct revocation *r);

/* Whether `subject`, which `issuer` issued, is revoked at `now` by the newest list of the issuer. RULE_OK when no list
 * of the issuer is held. RULE_CERT_REVOKED. RULE_CERT_REVOCATION_UNKNOWN when that list is not in date, or is not
 * signed by the issuer: whoever configured it wants revocation to be known, so not knowing fails closed. */
enum rule revocation_check(struct revocation *r, X509 *subject, X509 *issuer, int64_t now);

#endif
