#include "cms/content_info.h"
#include "cms/key_preference.h"
#include "cms/signature.h"
#include "sipseal/cms.h"

enum {
    ATTRIBUTES_ROOM = 512 + CERTIFICATE_ISSUER_MAX, /* what the signed attributes of one signer take */
    FIXED_ROOM = 512 + ATTRIBUTES_ROOM + SIGNATURE_MAX,
};

/* Who signs, and what is said beside the content. */
struct signing {
    const struct identity *signer;
    const struct certificate *sealing; /* named by an attribute; null: none */
    int64_t time;
    bool detached; /* the content is not carried */
    struct signature_choice choice;
};

/* Attribute { type, SET { value } }; what is the value was written since the mark. */
static void wrap_attribute(struct der_writer *w, enum oid type, size_t mark)
{
    der_wrap(w, DER_SET, mark);
    der_put_oid(w, type);
    der_wrap(w, DER_SEQUENCE, mark);
}

/* RFC 5035 3 with SHA-256, its default, which DER leaves out. */
static void put_signing_certificate(struct der_writer *w, const struct certificate *signer)
{
    size_t mark = der_mark(w);
    der_put_item(w, DER_OCTET_STRING, span_of(signer->hash, sizeof signer->hash)); /* certHash */
    der_wrap(w, DER_SEQUENCE, mark);                                              /* ESSCertIDv2 */
    der_wrap(w, DER_SEQUENCE, mark);                                              /* certs */
    der_wrap(w, DER_SEQUENCE, mark);                                              /* SigningCertificateV2 */
}

/* RFC 5652 11.1, 11.2, 11.3, and the others. */
static void put_attribute(struct der_writer *w, enum oid type, const struct signing *s, struct span digest)
{
    size_t mark = der_mark(w);
    if (type == OID_CONTENT_TYPE)
        der_put_oid(w, OID_DATA);
    else if (type == OID_MESSAGE_DIGEST)
        der_put_item(w, DER_OCTET_STRING, digest);
    else if (type == OID_SIGNING_TIME)
        der_put_time(w, s->time);
    else if (type == OID_SIGNING_CERTIFICATE_V2)
        put_signing_certificate(w, s->signer->certificate);
    else
        key_preference_put(w, s->sealing);
    wrap_attribute(w, type, mark);
}

/* The signed attributes as a DER SET OF: what is hashed (RFC 5652 5.4). */
static bool put_signed_attributes(struct der_writer *w, const struct signing *s, struct span digest)
{
    static const enum oid types[] = {OID_CONTENT_TYPE, OID_MESSAGE_DIGEST, OID_SIGNING_TIME,
                                     OID_SIGNING_CERTIFICATE_V2, OID_ENCRYPTION_KEY_PREFERENCE};
    enum { COUNT = sizeof types / sizeof *types };
    uint8_t bytes[ATTRIBUTES_ROOM];
    struct span items[COUNT];
    struct der_writer scratch = der_writer_over(bytes, sizeof bytes);
    size_t count = s->sealing ? COUNT : COUNT - 1;
    for (size_t i = 0; i < count; i++) {
        size_t mark = der_mark(&scratch);
        put_attribute(&scratch, types[i], s, digest);
        items[i] = span_of(bytes + scratch.start, mark - scratch.start);
    }
    der_put_set_of(w, DER_SET, items, count);
    return !scratch.full && !w->full;
}

/* SignerInfo (RFC 5652 5.3), backwards. */
static enum rule put_signer_info(struct der_writer *w, const struct signing *s, struct span content)
{
    uint8_t digest[EVP_MAX_MD_SIZE], signature[SIGNATURE_MAX], bytes[ATTRIBUTES_ROOM];
    struct der_writer attributes = der_writer_over(bytes, sizeof bytes);
    size_t digest_len, len, mark = der_mark(w);
    if (!hash_of(digest_of(primitives(), s->choice.digest), content, digest, &digest_len))
        return RULE_CRYPTO_LIBRARY;
    if (!put_signed_attributes(&attributes, s, span_of(digest, digest_len)))
        return RULE_INTERNAL;
    enum rule rule = signature_make(&s->choice, s->signer->key, der_written(&attributes), signature, &len);
    if (rule != RULE_OK)
        return rule;
    der_put_item(w, DER_OCTET_STRING, span_of(signature, len));
    signature_put_algorithm(w, &s->choice);
    bytes[attributes.start] = DER_CONTEXT_CONSTRUCTED(0); /* IMPLICIT in the object, SET OF in the hash */
    der_put(w, der_written(&attributes));
    der_put_algorithm(w, s->choice.digest);
    der_put(w, s->signer->certificate->issuer_and_serial);
    der_put_small(w, 1);
    der_wrap(w, DER_SEQUENCE, mark);
    return RULE_OK;
}

/* What may be there already is not taken twice. */
static enum rule add_to_bag(const struct certificate *c, struct span bag[CERTIFICATES_IN_BAG_MAX], size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        if (span_equal(bag[i], c->der))
            return RULE_OK;
    if (*count == CERTIFICATES_IN_BAG_MAX)
        return RULE_CMS_LIMIT;
    bag[(*count)++] = c->der;
    return RULE_OK;
}

/* The signer's certificate, the one that is named for sealing (RFC 8551 2.5.3) and the others. */
static enum rule collect_bag(const struct signing *s, struct certificate *const *others, size_t other_count,
                             struct span bag[CERTIFICATES_IN_BAG_MAX], size_t *count)
{
    *count = 0;
    enum rule rule = add_to_bag(s->signer->certificate, bag, count);
    if (rule == RULE_OK && s->sealing)
        rule = add_to_bag(s->sealing, bag, count);
    for (size_t i = 0; rule == RULE_OK && i < other_count; i++)
        rule = add_to_bag(others[i], bag, count);
    return rule;
}

static enum rule put_all(struct der_writer *w, const struct signing *s, struct span *bag, size_t bag_count,
                         struct span content)
{
    size_t whole = der_mark(w), mark;
    enum rule rule = put_signer_info(w, s, content);
    if (rule != RULE_OK)
        return rule;
    der_wrap(w, DER_SET, whole);
    der_put_set_of(w, DER_CONTEXT_CONSTRUCTED(0), bag, bag_count);
    mark = der_mark(w);
    if (!s->detached) {
        der_put_item(w, DER_OCTET_STRING, content);
        der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
    }
    der_put_oid(w, OID_DATA);
    der_wrap(w, DER_SEQUENCE, mark);
    mark = der_mark(w);
    der_put_algorithm(w, s->choice.digest);
    der_wrap(w, DER_SET, mark);
    der_put_small(w, 1);
    content_info_wrap(w, OID_SIGNED_DATA, whole);
    return w->full ? RULE_INTERNAL : RULE_OK;
}

/* The object, in the arena. `s` says all but the choice, which the signer's key makes. */
static enum rule sign(struct arena *arena, struct signing *s, struct certificate *const *others, size_t other_count,
                      struct span content, struct span *der)
{
    struct span bag[CERTIFICATES_IN_BAG_MAX];
    size_t count, before = arena_mark(arena);
    *der = (struct span){0};
    if (!primitives())
        return RULE_CRYPTO_LIBRARY;
    if (!signature_of(s->signer->certificate->key_kind, &s->choice))
        return RULE_CERT_KEY;
    enum rule rule = collect_bag(s, others, other_count, bag, &count);
    if (rule != RULE_OK)
        return rule;
    if (content.len > DER_LENGTH_MAX / 2)
        return RULE_CMS_LIMIT;
    size_t room = FIXED_ROOM + content.len + s->signer->certificate->issuer_and_serial.len;
    for (size_t i = 0; i < count; i++)
        room += bag[i].len;
    struct der_writer w = der_writer_over(arena_take(arena, room), room);
    rule = w.full ? RULE_NO_MEMORY : put_all(&w, s, bag, count, content);
    if (rule != RULE_OK) {
        arena_rewind(arena, before);
        return rule;
    }
    *der = der_written(&w);
    return RULE_OK;
}

/* Only a sealing certificate that is another is named. */
static const struct certificate *named_sealing(const struct identity *signer, const struct certificate *sealing)
{
    bool differs = sealing && memcmp(sealing->hash, signer->certificate->hash, CERTIFICATE_HASH_LEN) != 0;
    return differs ? sealing : NULL;
}

enum rule cms_sign(struct arena *arena, const struct identity *signer, struct certificate *const *others,
                   size_t other_count, struct span content, int64_t signing_time, struct span *der)
{
    return cms_sign_preferring(arena, signer, NULL, others, other_count, content, signing_time, der);
}

enum rule cms_sign_preferring(struct arena *arena, const struct identity *signer, const struct certificate *sealing,
                              struct certificate *const *others, size_t other_count, struct span content,
                              int64_t signing_time, struct span *der)
{
    struct signing s = {.signer = signer, .sealing = named_sealing(signer, sealing), .time = signing_time};
    return sign(arena, &s, others, other_count, content, der);
}

enum rule cms_sign_detached(struct arena *arena, const struct identity *signer, const struct certificate *sealing,
                            struct certificate *const *others, size_t other_count, struct span content,
                            int64_t signing_time, struct span *der)
{
    struct signing s = {
        .signer = signer,
        .sealing = named_sealing(signer, sealing),
        .time = signing_time,
        .detached = true,
    };
    return sign(arena, &s, others, other_count, content, der);
}

struct span cms_micalg(enum key_kind kind)
{
    struct signature_choice choice;
    if (!signature_of(kind, &choice))
        return SPAN("");
    return choice.digest == OID_SHA512 ? SPAN("sha-512") : choice.digest == OID_SHA384 ? SPAN("sha-384")
                                                                                      : SPAN("sha-256");
}
