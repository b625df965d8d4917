#include "cms/certificate_outline.h"
#include "cms/key_preference.h"
#include "cms/signature.h"
#include "cms/signed_data.h"
#include "sipseal/cms.h"
#include "sipseal/digest.h"

/* A signature whose digest the object does not announce may be refused (RFC 5652 5.1). OpenSSL refuses it, and what one
 * verifier accepts the next one should. */
static bool is_announced(const struct signed_data *s)
{
    struct cursor c = cursor_over(s->announced);
    struct der_algorithm one;
    while (der_take_algorithm(&c, &one))
        if (one.oid == s->digest.oid)
            return true;
    return false;
}

/* The forbidden is refused before anything is computed. The parameters of SHA-2 are absent or NULL (RFC 5754 2), and
 * beside Ed25519 absent (RFC 8419 3.1). */
static enum rule judge_algorithms(const struct signed_data *s, struct signature_choice *choice)
{
    return signature_is_known(s->signature_algorithm.oid, s->digest.oid, choice) && der_no_parameters(&s->digest) &&
                   (choice->scheme != SIGNS_EDDSA || s->digest.parameters.len == 0) &&
                   signature_parameters_fit(choice, &s->signature_algorithm)
               ? RULE_OK
               : RULE_CMS_ALGORITHM;
}

/* content-type, message-digest, signing-time (RFC 5652 11). RFC 5652 lets a signature do without attributes;
 * protocol.md 2.4 does not, since replay is told by them. */
static enum rule check_attributes(const struct signed_data *s, const struct signature_choice *choice,
                                  struct span content, int64_t *signing_time)
{
    struct cursor type = cursor_over(attribute_value(&s->attributes, OID_CONTENT_TYPE));
    struct cursor digest = cursor_over(attribute_value(&s->attributes, OID_MESSAGE_DIGEST));
    struct cursor time = cursor_over(attribute_value(&s->attributes, OID_SIGNING_TIME));
    struct span said;
    enum oid oid;
    uint8_t computed[EVP_MAX_MD_SIZE];
    size_t len;
    *signing_time = INT64_MIN;
    if (!der_take_oid(&type, &oid) || oid != OID_DATA || !der_take_content(&digest, DER_OCTET_STRING, &said) ||
        (!cursor_done(&time) && !der_take_time(&time, signing_time)))
        return RULE_CMS_STRUCTURE;
    if (!hash_of(digest_of(primitives(), choice->digest), content, computed, &len))
        return RULE_CRYPTO_LIBRARY;
    return span_equal(said, span_of(computed, len)) ? RULE_OK : RULE_SIGNATURE_INVALID;
}

/* signingCertificateV2 (RFC 5035 3): its first ESSCertIDv2 is the signer's. Without an algorithm it is SHA-256. */
static enum rule check_signing_certificate(const struct signed_data *s, const struct certificate *signer)
{
    struct cursor c = cursor_over(attribute_value(&s->attributes, OID_SIGNING_CERTIFICATE_V2)), id;
    struct der_algorithm algorithm = {.oid = OID_SHA256};
    struct span hash;
    uint8_t computed[EVP_MAX_MD_SIZE];
    size_t len;
    if (cursor_done(&c))
        return RULE_OK;
    if (!der_enter(&c, DER_SEQUENCE, &c) || !der_enter(&c, DER_SEQUENCE, &c) || !der_enter(&c, DER_SEQUENCE, &id) ||
        (der_next_is(&id, DER_SEQUENCE) && !der_take_algorithm(&id, &algorithm)) ||
        !der_take_content(&id, DER_OCTET_STRING, &hash))
        return RULE_CMS_STRUCTURE;
    EVP_MD *digest = digest_of(primitives(), algorithm.oid);
    if (!digest)
        return RULE_CMS_ALGORITHM;
    if (!hash_of(digest, signer->der, computed, &len))
        return RULE_CRYPTO_LIBRARY;
    return span_equal(hash, span_of(computed, len)) ? RULE_OK : RULE_SIGNATURE_INVALID;
}

/* --- whose signature it is --- */

static enum rule parse(struct trust *cache, struct span der, struct certificate **out)
{
    return cache ? trust_certificate(cache, der, out) : certificate_parse(der, out);
}

/* What says nothing about the certificate. */
static bool ran_out(enum rule rule)
{
    return rule == RULE_NO_MEMORY || rule == RULE_CRYPTO_LIBRARY || rule == RULE_CERT_BUDGET;
}

static bool is_signer(const struct signed_data *s, const struct certificate *c)
{
    return s->issuer_and_serial.len ? span_equal(s->issuer_and_serial, c->issuer_and_serial)
                                    : span_equal(s->key_id, c->subject_key_id);
}

/* By issuer and serial number only the one that is named is parsed. The subject key identifier is an extension: there,
 * each is parsed until it is found. */
static enum rule find_in_bag(const struct signed_data *s, struct trust *cache, struct certificate **signer)
{
    struct certificate_outline outline;
    for (size_t i = 0; i < s->bag_count; i++) {
        if (s->issuer_and_serial.len && (!certificate_outline(s->bag[i], &outline) ||
                                         !certificate_outline_is(&outline, s->issuer_and_serial)))
            continue;
        enum rule rule = parse(cache, s->bag[i], signer);
        if (rule == RULE_OK && is_signer(s, *signer))
            return RULE_OK;
        certificate_release(*signer);
        *signer = NULL;
        if (rule != RULE_OK && (s->issuer_and_serial.len || ran_out(rule)))
            return rule;
    }
    return RULE_SIGNATURE_NO_CERTIFICATE;
}

/* What the verifier knows itself goes before what the object brings. */
static enum rule find_signer(const struct signed_data *s, struct trust *cache, struct certificate *const *known,
                             size_t known_count, struct certificate **signer)
{
    for (size_t i = 0; known && i < known_count; i++)
        if (is_signer(s, known[i])) {
            *signer = certificate_hold(known[i]);
            return RULE_OK;
        }
    return find_in_bag(s, cache, signer);
}

/* --- the signature --- */

/* The received bytes of the signed attributes under the tag of SET OF (RFC 5652 5.4), always with SHA-256: a name for
 * the message (protocol.md 2.1, "Replay"). */
static bool name_attributes(const struct signed_data *s, uint8_t hash[SHA256_LEN])
{
    struct sha256 h;
    sha256_begin(&h);
    sha256_more(&h, SPAN("\x31"));
    sha256_more(&h, span_part(s->signed_attributes.whole, 1, s->signed_attributes.whole.len));
    return sha256_end(&h, hash);
}

static enum rule verify_with(struct arena *arena, const struct signed_data *s, const struct signature_choice *choice,
                             struct cms_signed *out)
{
    if (!signature_fits(choice, out->signer->key_kind))
        return RULE_CMS_ALGORITHM;
    enum rule rule = check_signing_certificate(s, out->signer);
    if (rule != RULE_OK)
        return rule;
    if (!name_attributes(s, out->attributes_hash))
        return RULE_CRYPTO_LIBRARY;
    return signature_check(arena, choice, out->signer->key, s->signed_attributes.whole, s->signature);
}

/* RFC 8551 2.5.3. A value that is none makes the signature fail. */
static enum rule find_sealing(const struct signed_data *s, struct cms_signed *out)
{
    struct span value = attribute_value(&s->attributes, OID_ENCRYPTION_KEY_PREFERENCE);
    struct key_preference preference;
    out->names_sealing = value.len > 0;
    if (!out->names_sealing)
        return RULE_OK;
    if (!key_preference_read(value, &preference))
        return RULE_CMS_STRUCTURE;
    for (size_t i = 0; i < out->bag_count && !out->sealing; i++)
        if (key_preference_names(&preference, out->bag[i]))
            out->sealing = out->bag[i];
    return RULE_OK;
}

/* Only once the signature holds, and where somebody may need it: parsing costs more than verifying. What does not parse
 * is no candidate. */
static enum rule fill_bag(const struct signed_data *s, struct trust *cache, struct cms_signed *out)
{
    if (cache && trust_needs_no_others(cache, out->signer))
        return RULE_OK;
    for (size_t i = 0; i < s->bag_count; i++) {
        enum rule rule = parse(cache, s->bag[i], &out->bag[out->bag_count]);
        if (rule == RULE_OK)
            out->bag_count++;
        else if (ran_out(rule))
            return rule;
    }
    return RULE_OK;
}

bool cms_signed_is_bare(struct span der, size_t *certificates)
{
    struct signed_data s;
    if (signed_data_read(der, &s) != RULE_OK || s.extras || !s.has_content)
        return false;
    *certificates = s.bag_count;
    return true;
}

enum rule cms_verify(struct arena *arena, struct span der, const struct span *detached, struct trust *cache,
                     struct certificate *const *known, size_t known_count, struct cms_signed *out)
{
    struct signed_data s;
    struct signature_choice choice;
    *out = (struct cms_signed){.signing_time = INT64_MIN};
    enum rule rule = primitives() ? signed_data_read(der, &s) : RULE_CRYPTO_LIBRARY;
    if (rule == RULE_OK && s.has_content == (detached != NULL))
        rule = RULE_CMS_STRUCTURE;
    if (rule == RULE_OK)
        rule = judge_algorithms(&s, &choice);
    if (rule == RULE_OK && !is_announced(&s))
        rule = RULE_CMS_STRUCTURE;
    if (rule != RULE_OK)
        return rule;
    out->content = detached ? *detached : s.content;
    rule = check_attributes(&s, &choice, out->content, &out->signing_time);
    if (rule == RULE_OK)
        rule = find_signer(&s, cache, known, known_count, &out->signer);
    if (rule == RULE_OK)
        rule = verify_with(arena, &s, &choice, out);
    if (rule == RULE_OK)
        rule = fill_bag(&s, cache, out);
    if (rule == RULE_OK)
        rule = find_sealing(&s, out);
    if (rule != RULE_OK)
        cms_signed_clear(out);
    return rule;
}

void cms_signed_clear(struct cms_signed *s)
{
    certificate_release(s->signer);
    for (size_t i = 0; i < s->bag_count; i++)
        certificate_release(s->bag[i]);
    *s = (struct cms_signed){.signing_time = INT64_MIN};
}
