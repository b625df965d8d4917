/* Any bytes as an entity with its head: walked to its leaves, decoded. What is found lies where it was found. */
#include <stdlib.h>

#include "sipseal/arena.h"
#include "sipseal/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void look_at_values(const struct mime_entity *e)
{
    struct span value;
    require(e->content_id.len == 0 || span_within(e->content_id, e->bytes));
    require(e->type.len == 0 || span_within(e->type, e->bytes));
    if (mime_param(e->type_params, "boundary", &value))
        require(value.len == 0 || span_within(value, e->bytes));
    if (mime_handling_optional(e))
        require(e->disposition.len > 0);
    require(mime_type_matches(e->type, SPAN("*")));
}

static void walk(const struct mime_entity *e, struct mime_budget *budget, struct arena *arena)
{
    struct mime_parts parts;
    struct span content;
    look_at_values(e);
    if (mime_decode(e, arena, &content) == RULE_OK)
        require(content.len <= e->body.len);
    if (e->kind != MIME_MULTIPART && e->kind != MIME_CLEAR_SIGNED)
        return;
    struct mime_budget before = *budget;
    if (mime_parts_of(e, budget, &parts) != RULE_OK) {
        require(budget->depth == before.depth);
        return;
    }
    require(parts.count >= 1 && parts.count <= MIME_CHILDREN_MAX);
    require(budget->parts == before.parts - parts.count && budget->depth == before.depth - 1);
    for (size_t i = 0; i < parts.count; i++) {
        require(span_within(parts.part[i].bytes, e->body));
        require(i == 0 || parts.part[i].bytes.at > parts.part[i - 1].bytes.at + parts.part[i - 1].bytes.len);
        walk(&parts.part[i], budget, arena);
    }
    budget->depth++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mime_entity entity;
    struct arena arena;
    if (mime_entity_parse(span_of(data, size), &entity) != RULE_OK)
        return 0;
    require(arena_open(&arena, 256 * 1024));
    struct mime_budget budget = MIME_BUDGET_WHOLE;
    walk(&entity, &budget, &arena);
    arena_close(&arena);
    return 0;
}
