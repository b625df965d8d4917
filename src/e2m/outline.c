/* What is looked at before any cryptography. */
#include "sipseal/outline.h"

/* --- collecting --- */

/* "*" in a REGISTER, or a Contact that is no address, leaves it empty: nothing is bound to it then. */
static struct span first_contact(const struct sip_message *m)
{
    struct sip_address contact;
    struct cursor c = cursor_over(sip_header_value(m, SIP_H_CONTACT));
    return !cursor_done(&c) && sip_address_take(&c, &contact) == RULE_OK ? contact.uri : (struct span){0};
}

static struct message_context context_of(const struct sip_message *m)
{
    return (struct message_context){
        .is_response = !m->is_request,
        .status = m->is_request ? 0 : (uint32_t)m->status,
        .request_uri = m->is_request ? m->request_uri : (struct span){0},
        .from_uri = m->from.uri,
        .from_tag = m->from.tag,
        .to_uri = m->to.uri,
        .to_tag = m->to.tag,
        .call_id = m->call_id,
        .cseq = m->cseq,
        .method = m->cseq_method,
        .date = sip_header_value(m, SIP_H_DATE),
        .contact_uri = first_contact(m),
    };
}

enum rule outline_source_of(const struct sip_message *m, struct outline_source *source)
{
    *source = (struct outline_source){.context = context_of(m)};
    const struct sip_header *h = NULL;
    while ((h = sip_header_next(m, SIP_H_PROXY_INSPECT_BODY, h))) {
        if (source->label_count == LABELS_MAX)
            return RULE_LABEL_LIMIT;
        source->label_value[source->label_count++] = h->value;
    }
    return mime_entity_of_message(m, &source->body);
}

/* --- the shape of the body --- */

/* The Content-IDs seen so far in the whole message. */
struct content_ids {
    struct span id[MIME_PARTS_MAX + 1];
    size_t count;
};

static bool is_protected(const struct mime_entity *e)
{
    return e->kind == MIME_SEALED || e->kind == MIME_SIGNED || e->kind == MIME_CLEAR_SIGNED;
}

static enum rule add_content_id(struct content_ids *ids, struct span id)
{
    if (id.len == 0)
        return RULE_OK;
    for (size_t i = 0; i < ids->count; i++)
        if (span_equal(ids->id[i], id))
            return RULE_MIME_CONTENT_ID_TWICE;
    if (ids->count == sizeof ids->id / sizeof ids->id[0])
        return RULE_MIME_PARTS;
    ids->id[ids->count++] = id;
    return RULE_OK;
}

/* Everything that can be seen without cryptography: what is wrong below the top is wrong too (protocol.md 2: unique
 * Content-IDs in one message; limits). Recursion ends with the budget's depth. */
static enum rule check_shape(const struct mime_entity *e, struct mime_budget *budget, struct content_ids *ids)
{
    enum rule rule = add_content_id(ids, e->content_id);
    if (rule != RULE_OK)
        return rule;
    if (e->content_encoded && (is_protected(e) || e->kind == MIME_MULTIPART))
        return RULE_MIME_CONTENT_ENCODING;
    if (e->kind != MIME_MULTIPART && e->kind != MIME_CLEAR_SIGNED)
        return RULE_OK;
    struct mime_parts parts;
    rule = mime_parts_of(e, budget, &parts);
    if (rule != RULE_OK)
        return rule;
    for (size_t i = 0; rule == RULE_OK && i < parts.count; i++)
        rule = check_shape(&parts.part[i], budget, ids);
    budget->depth++;
    return rule;
}

static enum rule top_level_parts(struct message_outline *outline)
{
    const struct mime_entity *body = &outline->source.body;
    if (body->body.len == 0)
        return RULE_OK;
    if (body->kind != MIME_MULTIPART) {
        outline->part[outline->part_count++] = *body;
        return RULE_OK;
    }
    struct mime_budget budget = MIME_BUDGET_WHOLE;
    struct mime_parts parts;
    enum rule rule = mime_parts_of(body, &budget, &parts);
    for (size_t i = 0; rule == RULE_OK && i < parts.count; i++)
        outline->part[outline->part_count++] = parts.part[i];
    return rule;
}

enum rule message_outline(const struct outline_source *source, struct message_outline *outline)
{
    *outline = (struct message_outline){.source = *source};
    if (source->label_count > LABELS_MAX)
        return RULE_LABEL_LIMIT;
    for (size_t i = 0; i < source->label_count; i++) {
        enum rule rule = label_parse(source->label_value[i], &outline->labels.label[i]);
        if (rule != RULE_OK)
            return rule;
        outline->labels.count++;
    }
    if (source->body.body.len == 0)
        return RULE_OK;
    struct mime_budget budget = MIME_BUDGET_WHOLE;
    struct content_ids ids = {.count = 0};
    enum rule rule = check_shape(&source->body, &budget, &ids);
    return rule == RULE_OK ? top_level_parts(outline) : rule;
}

bool outline_protected(const struct message_outline *outline)
{
    for (size_t i = 0; i < outline->part_count; i++)
        if (is_protected(&outline->part[i]))
            return true;
    return false;
}
