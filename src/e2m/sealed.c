#include "e2m/sealed.h"

enum rule sealed_part_read(const struct mime_entity *entity, const struct identity *const *identity,
                           size_t identity_count, struct arena *arena, struct sealed_part *out)
{
    *out = (struct sealed_part){0};
    enum rule rule = mime_decode(entity, arena, &out->der);
    if (rule == RULE_OK)
        rule = cms_readers_of(out->der, &out->readers);
    if (rule != RULE_OK)
        return rule;
    for (size_t i = 0; i < identity_count && !out->self; i++)
        if (cms_readers_include(&out->readers, identity[i]->certificate))
            out->self = identity[i];
    return RULE_OK;
}

enum rule sealed_part_open(const struct sealed_part *part, struct arena *arena, struct mime_entity *inner)
{
    struct span content;
    if (!part->self)
        return RULE_CMS_NOT_READER;
    enum rule rule = cms_open(arena, part->der, part->self, &content);
    return rule != RULE_OK ? rule : mime_entity_parse(content, inner);
}
