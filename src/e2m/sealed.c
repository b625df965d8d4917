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

enum { BARE_HEAD_MAX = 512 }; /* bytes */

/* A head that has no room for anything but what it must say. Whoever alters CBC gets a block that he cannot choose for
 * each that he can: here it would have to be made of these bytes alone. */
static bool is_bare_head(struct span head)
{
    const struct span others = SPAN(" \t\r\n:;=\"./-_+");
    for (size_t i = 0; i < head.len; i++) {
        uint8_t c = head.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && span_find(others, c) == others.len)
            return false;
    }
    return head.len <= BARE_HEAD_MAX;
}

/* A signature by somebody whom the reader trusts. */
static bool is_proven(const struct vouching *v, const struct proof *proof, size_t certificates)
{
    bool proven = proof->kind != PROOF_NONE && (proof->broken == RULE_OK || proof->broken == RULE_CONTEXT_ABSENT) &&
                  proof->bag_count == certificates;
    for (size_t i = 0; proven && i < proof->bag_count; i++)
        proven = trust_chain(v->terms->trust, proof->bag[i], proof->bag, proof->bag_count, v->terms->now) == RULE_OK;
    return proven;
}

/* What AES-CBC gave is content when it is one opaque signed object with a signature that proves who wrote it, and when
 * nothing stands around what is signed. Where altered bytes had a place that no signature covers, whether they can
 * still be read there would say something of what they decrypt to, answer by answer (protocol.md 2.3): so there is no
 * such place, and multipart/signed, which has many, is not looked into. What is wrong, out of memory included, is not
 * told. */
static bool is_vouched_for(void *context, struct arena *arena, struct span candidate)
{
    struct vouching *v = context;
    struct mime_entity entity;
    struct proof proof;
    struct span der;
    size_t certificates;
    if (mime_entity_parse(candidate, &entity) != RULE_OK || entity.kind != MIME_SIGNED ||
        !is_bare_head(span_part(candidate, 0, candidate.len - entity.body.len)) ||
        mime_decode(&entity, arena, &der) != RULE_OK || !cms_signed_is_bare(der, &certificates))
        return false;
    trust_want_others(v->terms->trust, true); /* each of them must be trusted */
    proof_examine(&entity, v->terms, &v->budget, arena, &proof);
    trust_want_others(v->terms->trust, false);
    bool proven = is_proven(v, &proof, certificates);
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
