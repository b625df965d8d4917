/* A sealed part and one's own keys: what middles and recipients have in common. */
#ifndef SIPSEAL_E2M_SEALED_H
#define SIPSEAL_E2M_SEALED_H

#include "sipseal/arena.h"
#include "sipseal/cms.h"
#include "sipseal/mime.h"
#include "sipseal/proof.h"

/* What somebody can open. */
struct sealed_keys {
    const struct identity *const *identity;
    size_t count;
    unsigned legacy; /* enum cms_legacy: what is switched on for legacy peers */
};

struct sealed_part {
    struct span der;
    struct cms_readers readers;
    const struct identity *self; /* the identity that a RecipientInfo names; null: not a reader */
    unsigned legacy;             /* as in the keys */
};

/* Reads who the readers are; touches no private key (protocol.md 2.3). RULE_CMS_TYPE for EnvelopedData unless it is
 * switched on, and for a part that is called by another smime-type than it has; `out->readers` is filled in then too.
 * Else as mime_decode and cms_readers_of, with no readers. */
enum rule sealed_part_read(const struct mime_entity *entity, const struct sealed_keys *keys, struct arena *arena,
                           struct sealed_part *out);

/* Opens the part for `self`; the entity inside it is in the arena. Of EnvelopedData it is one signed entity whose
 * signature was judged by `terms` and proves who wrote it: everything else is RULE_CMS_OPEN, as a wrong key is. Whoever
 * calls this judges that signature again as any other one; `budget` is what that may spend. Else as cms_open. */
enum rule sealed_part_open(const struct sealed_part *part, const struct proof_terms *terms, struct mime_budget budget,
                           struct arena *arena, struct mime_entity *inner);

/* Whether the entity is a signed object, opaque or clear. */
static inline bool entity_is_signed(const struct mime_entity *entity)
{
    return entity->kind == MIME_SIGNED || entity->kind == MIME_CLEAR_SIGNED;
}

#endif
