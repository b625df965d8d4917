#include <stdlib.h>

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "cms/cache.h"
#include "cms/primitives.h"
#include "cms/revocation.h"
#include "cms/x509.h"
#include "sipseal/certificate.h"
#include "sipseal/clock.h"
#include "sipseal/digest.h"

enum {
    CHAIN_DEPTH_MAX = 6, /* authorities between a certificate and its anchor */
    SECURITY_LEVEL = 2,  /* 112 bits: no SHA-1 or MD5 signatures, no RSA under 2048 bits (protocol.md 2.2) */
};

struct trust {
    X509_STORE *anchors;
    size_t anchor_count;
    struct revocation revocation;
    struct cache *cache;
    bool bounded; /* trust_allow was called */
    bool others_wanted;
    uint32_t allowed, spent;
    int64_t now;
    struct trust_work work;
};

bool x509_time(const ASN1_TIME *time, int64_t *seconds)
{
    struct tm t;
    return ASN1_TIME_to_tm(time, &t) == 1 && clock_from_civil(t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
                                                              t.tm_min, t.tm_sec, seconds);
}

struct trust *trust_new(void)
{
    struct trust *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->anchors = X509_STORE_new();
    t->cache = cache_new();
    if (t->anchors && t->cache)
        return t;
    trust_free(t);
    return NULL;
}

void trust_free(struct trust *t)
{
    if (!t)
        return;
    X509_STORE_free(t->anchors);
    revocation_clear(&t->revocation);
    cache_free(t->cache);
    free(t);
}

void trust_allow(struct trust *t, uint32_t units, int64_t now)
{
    t->bounded = true;
    t->allowed = units;
    t->spent = 0;
    t->now = now;
}

uint32_t trust_spent(const struct trust *t)
{
    return t->spent;
}

struct trust_work trust_work_of(const struct trust *t)
{
    return t->work;
}

/* Before the work is begun. */
static bool may_spend(struct trust *t)
{
    if (!t->bounded)
        return true;
    if (t->spent >= t->allowed) {
        t->work.refused++;
        return false;
    }
    t->spent++;
    return true;
}

enum rule trust_add_anchor(struct trust *t, struct span der)
{
    struct certificate *anchor;
    if (t->anchor_count == TRUST_ANCHORS_MAX)
        return RULE_CONFIG;
    enum rule rule = certificate_parse(der, &anchor);
    if (rule != RULE_OK)
        return rule;
    if (X509_STORE_add_cert(t->anchors, anchor->x509) != 1)
        rule = RULE_NO_MEMORY;
    certificate_release(anchor); /* the store holds the X509 */
    t->anchor_count += rule == RULE_OK;
    cache_forget_chains(t->cache);
    return crypto_refused(rule);
}

enum rule trust_add_crl(struct trust *t, struct span der)
{
    return revocation_add(&t->revocation, der);
}

/* Key usage and extended key usage (protocol.md 2.1, 2.2; RFC 5924 4 for TLS). OpenSSL's own purposes do not know
 * id-kp-sipDomain. */
static bool fits_use(const struct certificate *c, enum certificate_use use)
{
    bool for_message = c->purpose_email || (c->purpose_sip && !c->for_tls);
    switch (use) {
    case USE_SIGN:
        return c->may_sign && for_message;
    case USE_SEAL:
        return (c->may_agree || c->may_encipher) && for_message;
    case USE_TLS_SERVER:
        return c->may_sign && (c->purpose_server || c->purpose_sip);
    case USE_TLS_CLIENT:
        return c->may_sign && (c->purpose_client || c->purpose_sip);
    }
    return false;
}

static enum rule rule_of_chain_error(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
        return RULE_CERT_EXPIRED;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_EC_KEY_EXPLICIT_PARAMS:
        return RULE_CERT_KEY;
    case X509_V_ERR_OUT_OF_MEM:
        return RULE_NO_MEMORY;
    default:
        return RULE_CERT_UNTRUSTED;
    }
}

static STACK_OF(X509) *candidates(struct certificate *const *others, size_t count)
{
    STACK_OF(X509) *stack = sk_X509_new_null();
    for (size_t i = 0; stack && i < count; i++)
        if (!sk_X509_push(stack, others[i]->x509)) {
            sk_X509_free(stack);
            stack = NULL;
        }
    return stack;
}

/* OpenSSL lets some old certificates issue others without saying in basicConstraints that they may. Here every
 * authority must say so (RFC 5280 4.2.1.9), but for an anchor of X.509 version 1, which has no way to. */
static bool authorities_say_so(STACK_OF(X509) *chain)
{
    enum { SAYS_SO = 1, SELF_SIGNED_V1 = 3 }; /* of X509_check_ca */
    int last = sk_X509_num(chain) - 1;
    for (int i = 1; i <= last; i++) {
        int kind = X509_check_ca(sk_X509_value(chain, i));
        if (kind != SAYS_SO && !(i == last && kind == SELF_SIGNED_V1))
            return false;
    }
    return true;
}

static bool chain_window(STACK_OF(X509) *chain, int64_t *from, int64_t *until)
{
    *from = INT64_MIN;
    *until = INT64_MAX;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t not_before, not_after;
        const X509 *x = sk_X509_value(chain, i);
        if (!x509_time(X509_get0_notBefore(x), &not_before) || !x509_time(X509_get0_notAfter(x), &not_after))
            return false;
        *from = not_before > *from ? not_before : *from;
        *until = not_after < *until ? not_after : *until;
    }
    return true;
}

static bool begin_verification(X509_STORE_CTX *context, const struct trust *t, const struct certificate *c,
                               STACK_OF(X509) *untrusted, int64_t now)
{
    if (!context || !untrusted || X509_STORE_CTX_init(context, t->anchors, c->x509, untrusted) != 1)
        return false;
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(param, (time_t)now);
    X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH_MAX);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    /* An anchor is whatever was configured as one, also an authority that another one certified. */
    return X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

/* RFC 5280 6. On success `entry` holds the chain. */
static enum rule prove_chain(struct trust *t, struct cached *entry, struct certificate *const *others,
                             size_t other_count, int64_t now)
{
    enum rule rule = RULE_NO_MEMORY;
    int64_t from, until;
    if (!may_spend(t))
        return RULE_CERT_BUDGET;
    t->work.proven++;
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    STACK_OF(X509) *untrusted = candidates(others, other_count), *chain = NULL;
    if (begin_verification(context, t, entry->certificate, untrusted, now)) {
        int verified = X509_verify_cert(context);
        rule = verified == 1 ? RULE_OK : rule_of_chain_error(X509_STORE_CTX_get_error(context));
        if (rule == RULE_OK && !(chain = X509_STORE_CTX_get1_chain(context)))
            rule = RULE_NO_MEMORY;
        if (rule == RULE_OK && (!authorities_say_so(chain) || !chain_window(chain, &from, &until)))
            rule = RULE_CERT_UNTRUSTED;
    }
    if (rule == RULE_OK)
        cache_prove(t->cache, entry, chain, from, until);
    else
        sk_X509_pop_free(chain, X509_free);
    sk_X509_free(untrusted);
    X509_STORE_CTX_free(context);
    return crypto_refused(rule);
}

/* Every certificate of the chain but the anchor, which is trusted because it was configured. */
static enum rule check_revocation(struct trust *t, STACK_OF(X509) *chain, int64_t now)
{
    enum rule rule = RULE_OK;
    for (int i = 0; rule == RULE_OK && i + 1 < sk_X509_num(chain); i++)
        rule = revocation_check(&t->revocation, sk_X509_value(chain, i), sk_X509_value(chain, i + 1), now);
    return rule;
}

static bool is_proven(const struct cached *entry, int64_t now)
{
    return entry->chain && now >= entry->valid_from && now < entry->valid_until;
}

bool trust_needs_no_others(struct trust *t, const struct certificate *c)
{
    const struct cached *entry = t->bounded && !t->others_wanted ? cache_find(t->cache, c->hash) : NULL;
    return entry && is_proven(entry, t->now);
}

void trust_want_others(struct trust *t, bool wanted)
{
    t->others_wanted = wanted;
}

enum rule trust_check(struct trust *t, const struct certificate *c, struct certificate *const *others,
                      size_t other_count, enum certificate_use use, int64_t now)
{
    if (!fits_use(c, use))
        return RULE_CERT_USAGE;
    return trust_chain(t, c, others, other_count, now);
}

enum rule trust_chain(struct trust *t, const struct certificate *c, struct certificate *const *others,
                      size_t other_count, int64_t now)
{
    struct cached *entry = cache_find(t->cache, c->hash);
    if (!entry)
        entry = cache_add(t->cache, (struct certificate *)(uintptr_t)c); /* counting references is no change */
    /* A chain that was proven stays proven; its dates and revocation are looked at on each use. OpenSSL takes notAfter
     * as the first second that is too late, and so does this. */
    if (!is_proven(entry, now)) {
        enum rule rule = prove_chain(t, entry, others, other_count, now);
        if (rule != RULE_OK)
            return rule;
    }
    return check_revocation(t, entry->chain, now);
}

enum rule trust_certificate(struct trust *t, struct span der, struct certificate **out)
{
    uint8_t hash[CERTIFICATE_HASH_LEN];
    *out = NULL;
    if (der.len > CERTIFICATE_MAX)
        return RULE_CERT_SYNTAX;
    if (!sha256(der, hash))
        return RULE_CRYPTO_LIBRARY;
    struct cached *entry = cache_find(t->cache, hash);
    if (entry) {
        t->work.cached++;
        *out = certificate_hold(entry->certificate);
        return RULE_OK;
    }
    if (!may_spend(t))
        return RULE_CERT_BUDGET;
    t->work.parsed++;
    enum rule rule = certificate_parse(der, out);
    if (rule == RULE_OK)
        cache_add(t->cache, *out);
    return rule;
}
