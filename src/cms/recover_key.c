#include "cms/recover_key.h"

#include "cms/key_agreement.h"
#include "cms/key_transport.h"

/* The parameters of the originator's key are absent, NULL, or the curve (RFC 5753 3.1.1), which is then the reader's.
 * Those of X25519 are absent (RFC 8410 3). */
static bool fits_curve(const struct der_algorithm *originator, const struct agreement *agreement)
{
    struct cursor c = cursor_over(originator->parameters);
    enum oid curve;
    if (originator->oid != agreement->key)
        return false;
    if (agreement->curve == OID_UNKNOWN)
        return originator->parameters.len == 0;
    return der_no_parameters(originator) ||
           (der_take_oid(&c, &curve) && cursor_done(&c) && curve == agreement->curve);
}

/* Everything about the key agreement that can be judged without the private key. */
static enum rule judge_agreement(const struct primitives *p, const struct recipient *r, enum key_kind own_kind,
                                 struct agreement *agreement, struct agreement_info *info)
{
    struct cursor c = cursor_over(r->key_encryption.parameters);
    struct der_algorithm wrap;
    if (!agreement_of(p, own_kind, agreement) ||
        !derivation_of(p, r->key_encryption.oid, own_kind, &info->derivation) ||
        !fits_curve(&r->originator, agreement))
        return RULE_CMS_ALGORITHM;
    if (!der_take_algorithm(&c, &wrap) || !cursor_done(&c))
        return RULE_CMS_STRUCTURE;
    if (wrap.parameters.len || !wrap_cipher(p, wrap.oid, &info->wrap)) /* RFC 3565 2.3.2: absent */
        return RULE_CMS_ALGORITHM;
    if (!point_has_form(agreement, r->originator_point))
        return RULE_CMS_ALGORITHM;
    info->wrap_algorithm = wrap.whole;
    info->ukm = r->ukm;
    return RULE_OK;
}

static enum rule by_agreement(const struct primitives *p, const struct recipient *r, const struct identity *self,
                              uint8_t *key, size_t len)
{
    struct agreement agreement;
    struct agreement_info info;
    enum rule rule = judge_agreement(p, r, self->certificate->key_kind, &agreement, &info);
    if (rule != RULE_OK)
        return rule;
    if (r->encrypted_key.len != len + WRAP_OVERHEAD)
        return RULE_CMS_OPEN;
    EVP_PKEY *peer = peer_key(&agreement, r->originator_point);
    rule = peer ? unwrap_from(self->key, peer, &info, r->encrypted_key, key) : RULE_CMS_OPEN;
    EVP_PKEY_free(peer);
    return crypto_refused(rule);
}

static enum rule by_transport(const struct primitives *p, const struct recipient *r, const struct identity *self,
                              unsigned legacy, uint8_t *key, size_t len)
{
    const EVP_MD *digest = transport_digest(p, &r->key_encryption);
    bool pkcs1 = legacy & CMS_LEGACY_PKCS1 && transport_is_pkcs1(&r->key_encryption);
    if (self->certificate->key_kind != KEY_RSA || (!digest && !pkcs1))
        return RULE_CMS_ALGORITHM;
    return pkcs1 ? transport_decrypt_pkcs1(self->key, r->encrypted_key, key, len)
                 : transport_decrypt(self->key, digest, r->encrypted_key, key, len);
}

enum rule recover_key(const struct primitives *p, const struct recipient *r, const struct identity *self,
                      unsigned legacy, uint8_t *key, size_t len)
{
    switch (r->reader.kind) {
    case CMS_KEY_AGREEMENT:
        return by_agreement(p, r, self, key, len);
    case CMS_KEY_TRANSPORT:
        return by_transport(p, r, self, legacy, key, len);
    case CMS_KEY_ENCRYPTION_KEY: /* never found: it names no certificate */
        break;
    }
    return RULE_CMS_ALGORITHM;
}
