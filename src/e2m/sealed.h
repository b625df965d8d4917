/* A sealed part and one's own keys: what middles and recipients have in common. */
#ifndef SIPSEAL_E2M_SEALED_H
#define SIPSEAL_E2M_SEALED_H

#include "sipseal/arena.h"
#include "sipseal/cms.h"
#include "sipseal/mime.h"

struct sealed_part {
    struct span der;
    struct cms_readers readers;
    const struct identity *self; /* the identity that a RecipientInfo names; null: not a reader */
};

/* Reads who the readers are; touches no private key (protocol.md 2.3). */
enum rule sealed_part_read(const struct mime_entity *entity, const struct identity *const *identity,
                           size_t identity_count, struct arena *arena, struct sealed_part *out);

/* Opens the part for `self`; the entity inside it is in the arena. */
enum rule sealed_part_open(const struct sealed_part *part, struct arena *arena, struct mime_entity *inner);

/* Whether the entity is a signed object, opaque or clear. */
static inline bool entity_is_signed(const struct mime_entity *entity)
{
    return entity->kind == MIME_SIGNED || entity->kind == MIME_CLEAR_SIGNED;
}

#endif
