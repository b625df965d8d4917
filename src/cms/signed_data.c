#include "cms/signed_data.h"

#include "cms/content_info.h"

enum { DIGESTS_MAX = 8 }; /* digest algorithms that one object may announce */

static enum rule read_digests(struct cursor *c, struct signed_data *s)
{
    struct cursor in;
    struct der_algorithm digest;
    if (!der_enter(c, DER_SET, &in))
        return RULE_CMS_STRUCTURE;
    s->announced = cursor_rest(&in);
    for (size_t count = 0; !cursor_done(&in); count++) {
        if (count == DIGESTS_MAX)
            return RULE_CMS_LIMIT;
        if (!der_take_algorithm(&in, &digest))
            return RULE_CMS_STRUCTURE;
        s->extras |= count > 0 || !der_no_parameters(&digest);
    }
    return RULE_OK;
}

/* EncapsulatedContentInfo. */
static enum rule read_content(struct cursor *c, struct signed_data *s)
{
    struct cursor in, explicit;
    enum oid type;
    if (!der_enter(c, DER_SEQUENCE, &in) || !der_take_oid(&in, &type))
        return RULE_CMS_STRUCTURE;
    if (type != OID_DATA) /* protocol.md 2.4: inner content types id-data */
        return RULE_CMS_TYPE;
    s->has_content = !cursor_done(&in);
    if (s->has_content &&
        (!der_enter(&in, DER_CONTEXT_CONSTRUCTED(0), &explicit) || !cursor_done(&in) ||
         !der_take_content(&explicit, DER_OCTET_STRING, &s->content) || !cursor_done(&explicit)))
        return RULE_CMS_STRUCTURE;
    return RULE_OK;
}

/* CertificateSet: attribute certificates and the like are no candidates. */
static enum rule read_bag(struct cursor *c, struct signed_data *s)
{
    struct cursor in;
    struct der item;
    if (!der_next_is(c, DER_CONTEXT_CONSTRUCTED(0)))
        return RULE_OK;
    if (!der_enter(c, DER_CONTEXT_CONSTRUCTED(0), &in))
        return RULE_CMS_STRUCTURE;
    while (!cursor_done(&in)) {
        if (!der_take(&in, &item))
            return RULE_CMS_STRUCTURE;
        s->extras |= item.tag != DER_SEQUENCE;
        if (item.tag != DER_SEQUENCE)
            continue;
        if (s->bag_count == CERTIFICATES_IN_BAG_MAX)
            return RULE_CMS_LIMIT;
        s->bag[s->bag_count++] = item.whole;
    }
    return RULE_OK;
}

/* SignerIdentifier: version 1 names by issuer and serial number, version 3 by subject key identifier. */
static bool read_signer_id(struct cursor *c, struct signed_data *s)
{
    struct der item;
    uint32_t version;
    if (!der_take_small(c, &version))
        return false;
    if (version == 3)
        return der_take_content(c, DER_CONTEXT(0), &s->key_id) && s->key_id.len > 0;
    if (version != 1 || !der_take_tag(c, DER_SEQUENCE, &item))
        return false;
    s->issuer_and_serial = item.whole;
    return true;
}

/* The signature is made over the DER of the signed attributes (RFC 5652 5.4), and they "MUST be DER encoded" where they
 * stand (5.3). Other orders are refused: then the bytes that were received are the bytes that were signed, and they can
 * serve as what identifies the signed message (protocol.md 2.1, "Replay"). */
static enum rule read_signed_attributes(struct cursor *c, struct signed_data *s)
{
    if (!der_next_is(c, DER_CONTEXT_CONSTRUCTED(0)))
        return RULE_OK;
    if (!der_take(c, &s->signed_attributes))
        return RULE_CMS_STRUCTURE;
    if (!der_set_is_sorted(s->signed_attributes.content))
        return RULE_CMS_DER;
    return attributes_read(s->signed_attributes.content, &s->attributes);
}

/* What must be signed where it stands at all (RFC 5652 11.1 to 11.3, RFC 5035 3, RFC 8551 2.5.3): anybody can write it
 * beside a signature. */
static bool hold_what_must_be_signed(const struct attributes *unsigned_attributes)
{
    static const enum oid kinds[] = {OID_CONTENT_TYPE, OID_MESSAGE_DIGEST, OID_SIGNING_TIME,
                                     OID_SIGNING_CERTIFICATE_V2, OID_ENCRYPTION_KEY_PREFERENCE};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (attribute_value(unsigned_attributes, kinds[i]).len)
            return true;
    return false;
}

static enum rule read_unsigned_attributes(struct cursor *c, struct signed_data *s)
{
    struct attributes unsigned_attributes;
    struct span content;
    if (!der_next_is(c, DER_CONTEXT_CONSTRUCTED(1)))
        return RULE_OK;
    s->extras = true;
    if (!der_take_content(c, DER_CONTEXT_CONSTRUCTED(1), &content))
        return RULE_CMS_STRUCTURE;
    enum rule rule = attributes_read(content, &unsigned_attributes);
    if (rule == RULE_OK && hold_what_must_be_signed(&unsigned_attributes))
        rule = RULE_CMS_STRUCTURE;
    return rule;
}

static enum rule read_signer(struct cursor c, struct signed_data *s)
{
    if (!read_signer_id(&c, s) || !der_take_algorithm(&c, &s->digest))
        return RULE_CMS_STRUCTURE;
    enum rule rule = read_signed_attributes(&c, s);
    if (rule != RULE_OK)
        return rule;
    if (!der_take_algorithm(&c, &s->signature_algorithm) || !der_take_content(&c, DER_OCTET_STRING, &s->signature))
        return RULE_CMS_STRUCTURE;
    rule = read_unsigned_attributes(&c, s);
    return rule == RULE_OK && !cursor_done(&c) ? RULE_CMS_STRUCTURE : rule;
}

static enum rule read_signers(struct cursor *c, struct signed_data *s)
{
    struct cursor signers, signer;
    if (!der_enter(c, DER_SET, &signers) || !cursor_done(c))
        return RULE_CMS_STRUCTURE;
    if (cursor_done(&signers))
        return RULE_SIGNATURE_ABSENT;
    if (!der_enter(&signers, DER_SEQUENCE, &signer))
        return RULE_CMS_STRUCTURE;
    if (!cursor_done(&signers))
        return RULE_SIGNATURE_SIGNERS; /* protocol.md 2.1 item 1 */
    return read_signer(signer, s);
}

enum rule signed_data_read(struct span der, struct signed_data *out)
{
    struct cursor c;
    struct span skipped;
    uint32_t version;
    *out = (struct signed_data){0};
    enum rule rule = content_info_open(der, OID_SIGNED_DATA, &c);
    if (rule != RULE_OK)
        return rule;
    if (!der_take_small(&c, &version) || (version != 1 && version != 3)) /* id-data makes 1 or 3 (RFC 5652 5.1) */
        return RULE_CMS_STRUCTURE;
    rule = read_digests(&c, out);
    if (rule == RULE_OK)
        rule = read_content(&c, out);
    if (rule == RULE_OK)
        rule = read_bag(&c, out);
    if (rule != RULE_OK)
        return rule;
    out->extras |= der_next_is(&c, DER_CONTEXT_CONSTRUCTED(1));
    if (der_next_is(&c, DER_CONTEXT_CONSTRUCTED(1)) && /* revocation lists of strangers: not used */
        !der_take_content(&c, DER_CONTEXT_CONSTRUCTED(1), &skipped))
        return RULE_CMS_STRUCTURE;
    return read_signers(&c, out);
}
