/* Whether who is to sign policy objects can, and is somebody whose word will be taken (protocol.md 6). */
#include "config/keys_checker.h"
#include "sipseal/policy_object.h"

static bool speaks_for(const struct certificate *signer, const struct config *config)
{
    return certificate_names_host(signer, config->policy_object.domain) ||
           certificate_names_host(signer, config->name[0]);
}

static void check_signer(struct checker *c, const struct certificate *signer)
{
    const struct keys *k = c->keys;
    const enum keys_setting setting = KEYS_POLICY_OBJECT_CERTIFICATE;
    if (!speaks_for(signer, c->config))
        checker_tell(c, setting, 0, false,
                     "who signs policy objects must be named as policy_object.domain, or as the first of server.names; "
                     "use another certificate");
    struct trust *trust = check_trust(c, KEYS_TRUST, k->anchor, k->anchor_count, k->crl, k->crl_count);
    enum rule rule = trust ? trust_check(trust, signer, NULL, 0, USE_SIGN, c->now) : RULE_OK;
    if (rule == RULE_CERT_USAGE || rule == RULE_CERT_KEY)
        checker_tell(c, setting, 0, false, "who signs policy objects: %s; use another certificate",
                     rule_sentence(rule));
    else if (rule != RULE_OK)
        checker_tell(c, setting, 0, true, "who signs policy objects: %s; nobody will believe them",
                     rule_sentence(rule));
    trust_free(trust);
}

void check_policy_object_keys(struct checker *c)
{
    const struct keys *k = c->keys;
    bool own = k->policy_object_certificate.len > 0;
    struct certificate *signer = NULL;
    enum rule rule = certificate_parse(own ? k->policy_object_certificate : k->certificate, &signer);
    if (rule == RULE_OK) {
        check_signer(c, signer);
        if (own) {
            check_private_key(c, KEYS_POLICY_OBJECT_PRIVATE_KEY, 0, k->policy_object_certificate,
                              k->policy_object_private_key, KEYS_POLICY_OBJECT_CERTIFICATE);
            check_dates(c, KEYS_POLICY_OBJECT_CERTIFICATE, 0, signer);
        }
    } else if (own) { /* of keys.certificate it has been told */
        checker_tell(c, KEYS_POLICY_OBJECT_CERTIFICATE, 0, false, "%s; use another certificate", rule_sentence(rule));
    }
    certificate_release(signer);
}
