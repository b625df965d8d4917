#include "e2m/sealed.h"

/* RFC 8551 3.2.2: what the part says that it is, it must be; otherwise somebody turned the one into the other, which
 * whoever has only the name of the type cannot see. A part that says neither says nothing false. */
static bool is_as_called(const struct mime_entity *entity, const struct cms_readers *readers)
{
    struct span said;
    bool enveloped = readers->legacy & CMS_LEGACY_CBC;
    if (!mime_param(entity->type_params, "smime-type", &said))
        return true;
    if (span_equal_nocase(said, SPAN("enveloped-data")))
        return enveloped;
    bool authenticated = span_equal_nocase(said, SPAN("authEnveloped-data")) ||
                         span_equal_nocase(said, SPAN("auth-enveloped-data")); /* RFC 8591 */
    return !authenticated || !enveloped;
}

enum rule sealed_part_read(const struct mime_entity *entity, const struct sealed_keys *keys, struct arena *arena,
                           struct sealed_part *out)
{
    *out = (struct sealed_part){.legacy = keys->legacy};
    enum rule rule = mime_decode(entity, arena, &out->der);
    if (rule == RULE_OK)
        rule = cms_readers_of(out->der, &out->readers);
    if (rule != RULE_OK)
        return rule;
    if (!is_as_called(entity, &out->readers) || (out->readers.legacy & ~keys->legacy & CMS_LEGACY_CBC))
        return RULE_CMS_TYPE;
    for (size_t i = 0; i < keys->count && !out->self; i++)
        if (cms_readers_include(&out->readers, keys->identity[i]->certificate))
            out->self = keys->identity[i];
    return RULE_OK;
}

struct vouching {
    const struct proof_terms *terms;
    struct mime_budget budget;
};

/* What AES-CBC gave is content when it is one opaque signed object, and the signature is by somebody whom the reader
 * trusts. An entity of any other kind is not looked into: in multipart/signed, what stands around the signed part could
 * have been put there by anybody (protocol.md 2.3). Whatever is wrong, out of memory included, is one answer. */
static bool is_vouched_for(void *context, struct arena *arena, struct span candidate)
{
    struct vouching *v = context;
    struct mime_entity entity;
    struct proof proof;
    if (mime_entity_parse(candidate, &entity) != RULE_OK || entity.kind != MIME_SIGNED)
        return false;
    proof_examine(&entity, v->terms, &v->budget, arena, &proof);
    bool proven = proof.kind != PROOF_NONE && (proof.broken == RULE_OK || proof.broken == RULE_CONTEXT_ABSENT);
    proof_clear(&proof);
    return proven;
}

enum rule sealed_part_open(const struct sealed_part *part, const struct proof_terms *terms, struct mime_budget budget,
                           struct arena *arena, struct mime_entity *inner)
{
    struct span content;
    struct vouching vouching = {terms, budget};
    if (!part->self)
        return RULE_CMS_NOT_READER;
    enum rule rule = cms_open_legacy(arena, part->der, part->self,
                                     &(struct cms_legacy_terms){part->legacy, is_vouched_for, &vouching}, &content);
    return rule != RULE_OK ? rule : mime_entity_parse(content, inner);
}
