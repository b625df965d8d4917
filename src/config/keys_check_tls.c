/* Whether the certificate for TLS can do what it is there for. */
#include "config/keys_checker.h"

/* protocol.md 2.2: the process with the network holds this key, and must hold none that opens or signs messages. */
static void check_is_not_key_of(struct checker *c, const struct certificate *own, const struct certificate *message,
                                enum keys_setting whose)
{
    if (message && memcmp(own->key_hash, message->key_hash, sizeof own->key_hash) == 0)
        checker_tell(c, KEYS_TLS_CERTIFICATE, 0, false,
                     "its key is that of %s; make one for TLS alone, with sipseal ca issue --tls",
                     keys_setting_name(whose));
}

static void check_is_no_message_key(struct checker *c, const struct certificate *own, const struct certificate *message)
{
    check_is_not_key_of(c, own, message, KEYS_CERTIFICATE);
    if (c->keys->policy_object_certificate.len > 0) {
        struct certificate *signer = NULL;
        if (certificate_parse(c->keys->policy_object_certificate, &signer) == RULE_OK) /* else it has been told */
            check_is_not_key_of(c, own, signer, KEYS_POLICY_OBJECT_CERTIFICATE);
        certificate_release(signer);
    }
    for (size_t i = 0; i < c->keys->former_count; i++) {
        struct certificate *former = NULL;
        if (certificate_parse(c->keys->former[i].certificate, &former) == RULE_OK) /* else it has been told */
            check_is_not_key_of(c, own, former, KEYS_FORMER_CERTIFICATE);
        certificate_release(former);
    }
}

static bool is_own_name(const struct config *config, struct span domain)
{
    for (size_t i = 0; i < config->name_count; i++)
        if (span_equal_nocase(config->name[i], domain))
            return true;
    for (size_t i = 0; i < config->policy.domain_count; i++)
        if (span_equal_nocase(config->policy.domain[i], domain))
            return true;
    return false;
}

/* RFC 5922 7.1: others look for the server's name, or its domain's, among these and nowhere else. */
static void check_domains(struct checker *c, const struct certificate *own)
{
    struct span domain[CERTIFICATE_NAMES_MAX];
    size_t count = certificate_sip_domains(own, domain);
    if (count == 0) {
        checker_tell(c, KEYS_TLS_CERTIFICATE, 0, false,
                     "its subjectAltName has no domain, and nobody looks at its common name; use one with a dNSName or "
                     "a sip: URI");
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (is_own_name(c->config, domain[i]))
            return;
    checker_tell(c, KEYS_TLS_CERTIFICATE, 0, true,
                 "it names neither one of server.names nor a domain of this server; others must reach it by a name "
                 "that it has");
}

static void check_usage(struct checker *c, const struct certificate *own)
{
    if (!own->may_sign)
        checker_tell(c, KEYS_TLS_CERTIFICATE, 0, false,
                     "its key usage does not allow TLS; use a certificate with digitalSignature");
    else if (!own->purpose_sip && (!own->purpose_server || !own->purpose_client))
        checker_tell(
            c, KEYS_TLS_CERTIFICATE, 0, false,
            "its extended key usage does not allow both ends of TLS; use one with serverAuth and clientAuth, or "
            "without that extension");
}

void check_tls_keys(struct checker *c, const struct certificate *message)
{
    const struct keys *k = c->keys;
    struct certificate *own = NULL;
    enum rule rule = certificate_parse(k->tls_certificate[0], &own);
    if (rule != RULE_OK) {
        checker_tell(c, KEYS_TLS_CERTIFICATE, 0, false, "%s; use another certificate", rule_sentence(rule));
    } else {
        check_private_key(c, KEYS_TLS_PRIVATE_KEY, 0, k->tls_certificate[0], k->tls_private_key,
                          KEYS_TLS_CERTIFICATE);
        check_is_no_message_key(c, own, message);
        check_usage(c, own);
        check_domains(c, own);
        check_dates(c, KEYS_TLS_CERTIFICATE, 0, own);
    }
    certificate_release(own);
    trust_free(check_trust(c, KEYS_TLS_TRUST, k->tls_anchor, k->tls_anchor_count, k->tls_crl, k->tls_crl_count));
}
