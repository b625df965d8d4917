#include "ua/inspection.h"

#include "e2m/sealed.h"

struct inspecting {
    const struct inspection_terms *terms;
    struct arena *arena;
    struct inspection *out;
    struct mime_budget budget;
};

/* What surrounds the entity that is looked at. */
struct surrounding {
    size_t parent;
    unsigned depth;
    const struct proof_sealed *sealed; /* the sealed part that it stands in, directly */
};

static void look_at(struct inspecting *i, const struct mime_entity *entity, const struct surrounding *around);

static struct proof_terms terms_of(const struct inspecting *i, const struct proof_sealed *sealed)
{
    return (struct proof_terms){
        .trust = i->terms->trust,
        .now = i->terms->now,
        .window = i->terms->window,
        .context = i->terms->context,
        .sealed = sealed,
    };
}

static void look_at_parts(struct inspecting *i, struct inspected_part *part, const struct surrounding *inside)
{
    struct mime_parts parts;
    part->children_broken = mime_parts_of(&part->entity, &i->budget, &parts);
    if (part->children_broken != RULE_OK)
        return;
    for (size_t n = 0; n < parts.count; n++)
        look_at(i, &parts.part[n], inside);
    i->budget.depth++;
}

static void open_part(struct inspecting *i, struct inspected_part *part, const struct sealed_part *sealed,
                      const struct surrounding *inside)
{
    struct mime_entity inner;
    const struct proof_sealed around = {
        .cid = part->entity.content_id,
        .self = i->terms->self->certificate,
        .encrypted_keys = sealed->readers.count,
    };
    const struct proof_terms terms = terms_of(i, &around);
    part->open_broken = sealed_part_open(sealed, &terms, i->budget, i->arena, &inner);
    if (part->open_broken != RULE_OK)
        return;
    part->opened = true;
    look_at(i, &inner, &(struct surrounding){inside->parent, inside->depth, &around});
}

static void look_at_sealed(struct inspecting *i, struct inspected_part *part, const struct surrounding *inside)
{
    struct sealed_part sealed;
    part->sealed = true;
    part->open_broken = RULE_CMS_NOT_READER;
    const struct sealed_keys keys = {&i->terms->self, i->terms->self ? 1 : 0, i->terms->legacy};
    part->sealed_broken = sealed_part_read(&part->entity, &keys, i->arena, &sealed);
    part->readers = sealed.readers;
    if (part->sealed_broken != RULE_OK)
        return;
    part->is_reader = sealed.self != NULL;
    if (!part->is_reader)
        return;
    if (i->budget.depth == 0) {
        part->open_broken = RULE_MIME_DEPTH;
        return;
    }
    i->budget.depth--;
    open_part(i, part, &sealed, inside);
    i->budget.depth++;
}

static void look_at_signed(struct inspecting *i, struct inspected_part *part, const struct surrounding *around,
                           const struct surrounding *inside)
{
    const struct proof_terms terms = terms_of(i, around->sealed);
    part->is_signed = true;
    proof_examine(&part->entity, &terms, &i->budget, i->arena, &part->proof);
    if (!part->proof.has_content || i->budget.depth == 0)
        return;
    struct mime_entity content = part->proof.content;
    i->budget.depth--;
    look_at(i, &content, inside);
    i->budget.depth++;
}

static void look_at(struct inspecting *i, const struct mime_entity *entity, const struct surrounding *around)
{
    size_t index = i->out->count;
    if (index == INSPECTION_PARTS_MAX) {
        i->out->truncated = true;
        return;
    }
    struct inspected_part *part = &i->out->part[i->out->count++];
    *part = (struct inspected_part){.depth = around->depth, .parent = around->parent, .entity = *entity};
    const struct surrounding inside = {.parent = index, .depth = around->depth + 1};
    if (entity->kind == MIME_SEALED)
        look_at_sealed(i, part, &inside);
    else if (entity_is_signed(entity))
        look_at_signed(i, part, around, &inside);
    else if (entity->kind == MIME_MULTIPART)
        look_at_parts(i, part, &inside);
}

bool inspect_body(const struct mime_entity *body, const struct inspection_terms *terms, struct arena *arena,
                  struct inspection *out)
{
    struct inspecting i = {.terms = terms, .arena = arena, .out = out, .budget = MIME_BUDGET_WHOLE};
    *out = (struct inspection){.part = arena_take(arena, INSPECTION_PARTS_MAX * sizeof(struct inspected_part))};
    if (!out->part)
        return false;
    if (body->body.len > 0)
        look_at(&i, body, &(struct surrounding){.sealed = terms->sealed});
    return true;
}

void inspection_clear(struct inspection *inspection)
{
    for (size_t i = 0; i < inspection->count; i++)
        if (inspection->part[i].is_signed)
            proof_clear(&inspection->part[i].proof);
    *inspection = (struct inspection){0};
}

/* Whether a part stands in a signed one, however deep. */
static bool is_covered(const struct inspection *inspection, const struct inspected_part *part)
{
    while (part->depth > 0) {
        part = &inspection->part[part->parent];
        if (part->is_signed && part->proof.broken == RULE_OK)
            return true;
    }
    return false;
}

static enum inspection_verdict judge_part(const struct inspection *inspection, const struct inspected_part *part)
{
    if (part->sealed && !part->opened)
        return mime_handling_optional(&part->entity) ? INSPECTION_FINE : INSPECTION_UNREADABLE;
    if (part->is_signed)
        return part->proof.broken == RULE_OK ? INSPECTION_FINE : INSPECTION_UNVERIFIED;
    bool is_content = part->entity.kind == MIME_PLAIN || part->entity.kind == MIME_SIPFRAG;
    return is_content && !is_covered(inspection, part) ? INSPECTION_UNVERIFIED : INSPECTION_FINE;
}

enum inspection_verdict inspection_judge(const struct inspection *inspection)
{
    enum inspection_verdict verdict = INSPECTION_FINE;
    for (size_t i = 0; i < inspection->count; i++) {
        enum inspection_verdict part = judge_part(inspection, &inspection->part[i]);
        if (part == INSPECTION_UNREADABLE)
            return part;
        if (part != INSPECTION_FINE)
            verdict = part;
    }
    return verdict;
}
