#include "sipseal/recipient.h"

#include "e2m/sealed.h"

struct opening {
    const struct recipient *recipient;
    const struct message_outline *outline;
    int64_t now;
    struct arena *arena;
    struct mime_budget budget;
    struct received *received;
};

static void message_breaks(struct opening *o, enum rule rule)
{
    if (o->received->broken == RULE_OK)
        o->received->broken = rule;
}

static void show(struct received_part *part, const struct mime_entity *content)
{
    part->content = *content;
    part->has_content = true;
}

/* A signature that fails refuses the message; one without a copy of the headers (plain RFC 8591) shows who wrote the
 * content, no more. */
static void judge_proof(struct opening *o, const struct received_part *part)
{
    if (part->proof.broken != RULE_OK && part->proof.broken != RULE_CONTEXT_ABSENT)
        message_breaks(o, part->proof.broken);
    if (part->proof.has_frag && !labels_equal(&part->proof.frag.labels, &o->outline->labels))
        o->received->labels_differ = true;
}

static void open_sealed(struct opening *o, struct received_part *part, const struct mime_entity *entity);

static struct proof_terms terms_of(const struct opening *o, const struct proof_sealed *sealed)
{
    return (struct proof_terms){
        .trust = o->recipient->trust,
        .now = o->now,
        .window = o->recipient->window,
        .context = &o->outline->source.context,
        .sealed = sealed,
    };
}

static void open_signed(struct opening *o, struct received_part *part, const struct mime_entity *entity,
                        const struct proof_sealed *sealed)
{
    const struct proof_terms terms = terms_of(o, sealed);

    proof_examine(entity, &terms, &o->budget, o->arena, &part->proof);
    judge_proof(o, part);
    if (!part->proof.has_content)
        return;
    if (part->proof.content.kind != MIME_SEALED) {
        show(part, &part->proof.content);
        return;
    }
    /* signed(sealed(signed(content))): the inner signature is the end-to-end one (REQ-INT-1). The outer one has been
     * judged; its certificates are no longer needed. */
    struct mime_entity inner = part->proof.content;
    if (!sealed) {
        part->outer_signed = true;
        part->outer_cid = part->cid;
        part->outer_proof = part->proof.kind;
    }
    proof_clear(&part->proof);
    part->proof.broken = RULE_SIGNATURE_ABSENT;
    open_sealed(o, part, &inner);
}

/* protocol.md 2.3: whatever the reason, a part that cannot be opened gets the same answer; one that is optional
 * (for a middle alone, say) is skipped. */
static void cannot_open(struct opening *o, const struct mime_entity *entity, enum rule rule)
{
    if (!mime_handling_optional(entity))
        message_breaks(o, rule);
}

static void note_readers(struct received_part *part)
{
    if (part->proof.broken == RULE_OK && part->proof.has_frag && part->proof.frag.has_sealed_for) {
        part->sealed_for = part->proof.frag.sealed_for;
        part->has_sealed_for = true;
    }
}

static void open_content(struct opening *o, struct received_part *part, const struct sealed_part *sealed,
                         const struct mime_entity *entity)
{
    struct mime_entity inner;
    const struct proof_sealed around = {
        .cid = entity->content_id,
        .self = sealed->self ? sealed->self->certificate : NULL,
        .encrypted_keys = sealed->readers.count,
    };
    const struct proof_terms terms = terms_of(o, &around);
    if (sealed_part_open(sealed, &terms, o->budget, o->arena, &inner) != RULE_OK) {
        cannot_open(o, entity, RULE_UNDECIPHERABLE);
        return;
    }
    part->opened = true;
    if (!entity_is_signed(&inner)) {
        part->proof = (struct proof){.broken = RULE_SIGNATURE_ABSENT};
        show(part, &inner);
        return;
    }
    open_signed(o, part, &inner, &around);
    note_readers(part);
}

static void open_sealed(struct opening *o, struct received_part *part, const struct mime_entity *entity)
{
    struct sealed_part sealed;

    part->sealed = true;
    part->opened = false; /* of sealings in one another the innermost counts: its readers are told */
    part->cid = entity->content_id;
    if (o->budget.depth == 0) {
        message_breaks(o, RULE_MIME_DEPTH);
        return;
    }
    const struct sealed_keys keys = {o->recipient->identity, o->recipient->identity_count, o->recipient->legacy};
    enum rule rule = sealed_part_read(entity, &keys, o->arena, &sealed);
    if (rule != RULE_OK) {
        cannot_open(o, entity, rule);
        return;
    }
    part->readers = sealed.readers;
    o->budget.depth--;
    open_content(o, part, &sealed, entity);
    o->budget.depth++;
}

static void open_part(struct opening *o, const struct mime_entity *entity)
{
    struct received *r = o->received;
    if (r->part_count == RECIPIENT_PARTS_MAX) {
        message_breaks(o, RULE_MIME_PARTS);
        return;
    }
    struct received_part *part = &r->part[r->part_count++];
    *part = (struct received_part){.cid = entity->content_id, .proof = {.broken = RULE_SIGNATURE_ABSENT}};
    if (entity->kind == MIME_SEALED)
        open_sealed(o, part, entity);
    else if (entity_is_signed(entity))
        open_signed(o, part, entity, NULL);
    else
        show(part, entity);
}

void recipient_open(const struct recipient *recipient, const struct message_outline *outline, int64_t now,
                    struct arena *arena, struct received *out)
{
    struct opening o = {
        .recipient = recipient,
        .outline = outline,
        .now = now,
        .arena = arena,
        .budget = MIME_BUDGET_WHOLE,
        .received = out,
    };

    *out = (struct received){0};
    for (size_t i = 0; i < outline->part_count; i++)
        open_part(&o, &outline->part[i]);
}

void received_clear(struct received *r)
{
    for (size_t i = 0; i < r->part_count; i++)
        proof_clear(&r->part[i].proof);
    *r = (struct received){0};
}
