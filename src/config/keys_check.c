/* Whether the keys and certificates of a configuration can do what they are there for. */
#include "config/keys_checker.h"

#include <stdarg.h>
#include <stdio.h>

#include "config/file.h"
#include "sipseal/cms.h"

enum { CHECK_ARENA = 64 * 1024, SOON = 14 * 86400 };

void checker_tell(struct checker *c, enum keys_setting setting, size_t index, bool warning, const char *format, ...)
{
    char text[FILE_PROBLEM_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->ok = c->ok && warning;
    c->listener->fault(c->listener->context, setting, index, warning, text);
}

/* By doing it: so that what is accepted here is what will be accepted later. */
static enum rule try_to_seal_to(struct certificate *reader)
{
    struct arena arena;
    struct span der;
    if (!arena_open(&arena, CHECK_ARENA))
        return RULE_NO_MEMORY;
    enum rule rule = cms_seal(&arena, &reader, 1, SPAN("a trial"), &der);
    arena_close(&arena);
    return rule;
}

void check_dates(struct checker *c, enum keys_setting setting, size_t index, const struct certificate *cert)
{
    if (cert->not_before > c->now)
        checker_tell(c, setting, index, true, "the certificate is not valid yet; look at the clock, or replace it");
    else if (cert->not_after < c->now)
        checker_tell(c, setting, index, true, "the certificate has expired; replace it");
    else if (cert->not_after - c->now < SOON)
        checker_tell(c, setting, index, true, "the certificate expires within %d days; replace it", SOON / 86400);
}

/* A certificate that others will seal to; the caller releases it. */
static struct certificate *check_certificate(struct checker *c, enum keys_setting setting, size_t index,
                                             struct span der)
{
    struct certificate *cert = NULL;
    enum rule rule = certificate_parse(der, &cert);
    if (rule != RULE_OK) {
        checker_tell(c, setting, index, false, "%s; use another certificate", rule_sentence(rule));
        return NULL;
    }
    if (!cert->may_agree && !cert->may_encipher)
        checker_tell(c, setting, index, false,
             "its key usage does not allow sealing; use a certificate with keyAgreement or keyEncipherment");
    else if ((rule = try_to_seal_to(cert)) != RULE_OK)
        checker_tell(c, setting, index, false, "nothing can be sealed to it (%s); use another certificate",
             rule_sentence(rule));
    check_dates(c, setting, index, cert);
    return cert;
}

static bool names_the_server(const struct certificate *cert, const struct config *config)
{
    for (size_t i = 0; i < config->name_count; i++)
        if (certificate_names_host(cert, config->name[i]))
            return true;
    return false;
}

struct trust *check_trust(struct checker *c, enum keys_setting setting, const struct span *anchor, size_t anchor_count,
                          const struct span *crl, size_t crl_count)
{
    struct trust *trust = trust_new();
    enum rule rule = trust ? RULE_OK : RULE_NO_MEMORY;
    for (size_t i = 0; i < anchor_count && rule == RULE_OK; i++)
        rule = trust_add_anchor(trust, anchor[i]);
    for (size_t i = 0; i < crl_count && rule == RULE_OK; i++)
        rule = trust_add_crl(trust, crl[i]);
    if (rule == RULE_OK)
        return trust;
    checker_tell(c, setting, 0, false, "one of its certificates or revocation lists is refused: %s; remove it",
                 rule_sentence(rule));
    trust_free(trust);
    return NULL;
}

static void check_chain(struct checker *c, const struct certificate *own)
{
    const struct keys *k = c->keys;
    struct trust *trust = check_trust(c, KEYS_TRUST, k->anchor, k->anchor_count, k->crl, k->crl_count);
    if (!trust)
        return;
    enum rule rule = own ? trust_check(trust, own, NULL, 0, USE_SEAL, c->now) : RULE_OK;
    if (rule == RULE_CERT_UNTRUSTED || rule == RULE_CERT_REVOKED)
        checker_tell(c, KEYS_CERTIFICATE, 0, true,
                     "seen with keys.trust, %s; senders that think alike will not seal to it", rule_sentence(rule));
    else if (rule != RULE_OK && rule != RULE_CERT_EXPIRED) /* of which check_dates has spoken */
        checker_tell(c, KEYS_CERTIFICATE, 0, false, "%s; use another certificate", rule_sentence(rule));
    trust_free(trust);
}

void check_private_key(struct checker *c, enum keys_setting setting, size_t index, struct span certificate,
                       struct span key, enum keys_setting whose)
{
    struct identity identity = {0};
    if (identity_load(certificate, key, &identity) == RULE_OK)
        identity_clear(&identity);
    else
        checker_tell(c, setting, index, false,
                     "it is not the key of %s; name the key that the certificate was made for",
                     keys_setting_name(whose));
}

/* It may have expired, and nobody should seal to it any more: it only has to fit. */
static void check_former_key(struct checker *c, size_t index, const struct former_key *key)
{
    struct certificate *cert = NULL;
    enum rule rule = certificate_parse(key->certificate, &cert);
    if (rule != RULE_OK)
        checker_tell(c, KEYS_FORMER_CERTIFICATE, index, false, "%s; remove it from the list", rule_sentence(rule));
    else
        check_private_key(c, KEYS_FORMER_PRIVATE_KEY, index, key->certificate, key->private_key,
                          KEYS_FORMER_CERTIFICATE);
    certificate_release(cert);
}

/* The caller releases what comes back; it may be null. */
static struct certificate *check_message_keys(struct checker *c)
{
    const struct keys *k = c->keys;
    struct certificate *own = check_certificate(c, KEYS_CERTIFICATE, 0, k->certificate);
    if (own)
        check_private_key(c, KEYS_PRIVATE_KEY, 0, k->certificate, k->private_key, KEYS_CERTIFICATE);
    if (own && !names_the_server(own, c->config))
        checker_tell(
            c, KEYS_CERTIFICATE, 0, false,
            "the certificate names none of server.names; use one whose subjectAltName has a name of the server");
    for (size_t i = 0; i < k->former_count; i++)
        check_former_key(c, i, &k->former[i]);
    check_chain(c, c->ok ? own : NULL); /* a fault is said once */
    for (size_t i = 0; i < k->reader_count; i++)
        certificate_release(check_certificate(c, KEYS_READER, i, k->reader[i]));
    return own;
}

bool keys_check(const struct keys *keys, const struct config *config, int64_t now,
                const struct keys_listener *listener)
{
    struct checker c = {keys, config, now, listener, true};
    struct certificate *message = config->certificate_path ? check_message_keys(&c) : NULL;
    if (message && config->policy_object.domain.len)
        check_policy_object_keys(&c);
    if (config->tls_certificate_path)
        check_tls_keys(&c, message);
    certificate_release(message);
    return c.ok;
}
