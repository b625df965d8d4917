#include "sipseal/middle.h"

#include "e2m/sealed.h"
#include "sipseal/cms.h"

/* The examination of one message, passed from step to step. */
struct examination {
    const struct middle *middle;
    const struct message_outline *outline;
    int64_t now;
    struct arena *arena;
    struct mime_budget budget;
    struct verdict *verdict;
    struct disclosed *disclosed;
};

/* --- what the verdict says of a part --- */

static void copy_name(char *to, size_t room, struct span from)
{
    size_t len = from.len < room ? from.len : room;
    if (len)
        memcpy(to, from.at, len);
    to[len] = '\0';
}

/* The first fault of the whole message is the one that is answered. */
static void message_breaks(struct examination *e, enum rule rule)
{
    if (e->verdict->broken == RULE_OK)
        e->verdict->broken = rule;
}

/* Faults that say something of the message itself; the others only that it is closed to this middle, and those must
 * all look alike (protocol.md 2.3). */
static bool closes_only(enum rule rule)
{
    return rule == RULE_CMS_NOT_READER || rule == RULE_CMS_OPEN;
}

static struct verdict_part *add_part(struct examination *e, struct span cid, enum part_state state)
{
    struct verdict *v = e->verdict;
    if (v->part_count == VERDICT_PARTS_MAX) {
        message_breaks(e, RULE_MIME_PARTS);
        return NULL;
    }
    struct verdict_part *part = &v->part[v->part_count++];
    *part = (struct verdict_part){.state = state, .signature = RULE_SIGNATURE_ABSENT};
    copy_name(part->cid, LABEL_CID_MAX, cid);
    return part;
}

/* Each type is named once. There are at most MIME_PARTS_MAX leaves, so there is always room. */
static void add_type(struct verdict_part *part, struct span type)
{
    char name[VERDICT_TYPE_MAX + 1];
    copy_name(name, VERDICT_TYPE_MAX, type.len ? type : SPAN("text/plain"));
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
    for (size_t i = 0; i < part->type_count; i++)
        if (strcmp(part->type[i], name) == 0)
            return;
    if (part->type_count < VERDICT_TYPES_MAX)
        memcpy(part->type[part->type_count++], name, sizeof name);
}

/* The types of all leaves that can be seen. Whatever is protected inside and not labelled at this level stays closed,
 * and counts as a closed part, so that it cannot be hidden from policy behind a harmless sibling. */
static void look_at_leaves(struct examination *e, struct verdict_part *part, const struct mime_entity *entity)
{
    struct mime_parts children;

    if (entity->kind == MIME_SEALED || entity_is_signed(entity)) {
        add_part(e, entity->content_id, PART_CLOSED);
        return;
    }
    if (entity->kind != MIME_MULTIPART) {
        add_type(part, entity->type);
        return;
    }
    enum rule rule = mime_parts_of(entity, &e->budget, &children);
    if (rule != RULE_OK) {
        message_breaks(e, rule);
        return;
    }
    for (size_t i = 0; i < children.count; i++)
        look_at_leaves(e, part, &children.part[i]);
    e->budget.depth++;
}

static void disclose(struct examination *e, const struct verdict_part *part, struct span object)
{
    struct disclosed *d = e->disclosed;
    if (d->count < VERDICT_PARTS_MAX)
        d->part[d->count++] =
            (struct disclosed_part){.object = object, .part = (size_t)(part - e->verdict->part)};
}

/* An entity as it would stand in a multipart. One whose head stands among the SIP headers gets those again. */
static struct span whole_entity(struct examination *e, const struct mime_entity *entity)
{
    if (entity->bytes.len > 0)
        return entity->bytes;
    const size_t heads = 1024;
    struct writer type = arena_writer(e->arena, heads), w = arena_writer(e->arena, entity->body.len + 2 * heads);
    writer_put(&type, entity->type);
    writer_put(&type, entity->type_params);
    mime_write_head(&w, &(struct mime_head){
                            .content_type = writer_span(&type),
                            .content_id = entity->content_id,
                            .binary = entity->encoding != MIME_BASE64,
                            .base64 = entity->encoding == MIME_BASE64,
                        });
    writer_put(&w, entity->body);
    if (type.full || w.full) {
        message_breaks(e, RULE_NO_MEMORY);
        return (struct span){0};
    }
    return writer_span(&w);
}

/* --- labels (protocol.md 3) --- */

static bool names_self(const struct examination *e, const struct label *label)
{
    for (size_t i = 0; i < e->middle->name_count; i++)
        if (span_equal_nocase(label->host, e->middle->name[i]))
            return true;
    return false;
}

static bool label_has(const struct label *label, struct span cid)
{
    for (size_t i = 0; i < label->cid_count; i++)
        if (span_equal(label->cid[i], cid))
            return true;
    return false;
}

/* What the headers' labels ask of this middle for a part; 0 when none names both. */
static unsigned asked_of_self(const struct examination *e, struct span cid, unsigned by_default)
{
    const struct labels *labels = &e->outline->labels;
    unsigned asked = 0;
    if (cid.len == 0)
        return 0;
    for (size_t i = 0; i < labels->count; i++) {
        const struct label *label = &labels->label[i];
        if (names_self(e, label) && label_has(label, cid))
            asked |= label->actions ? label->actions : by_default;
    }
    return asked;
}

/* Whether every label of `some` that names this middle and the part stands in `others` too. */
static bool labels_held(const struct examination *e, const struct labels *some, const struct labels *others,
                        struct span cid)
{
    for (size_t i = 0; i < some->count; i++) {
        const struct label *label = &some->label[i];
        bool held = false;
        if (!names_self(e, label) || !label_has(label, cid))
            continue;
        for (size_t j = 0; j < others->count && !held; j++)
            held = label_equal(label, &others->label[j]);
        if (!held)
            return false;
    }
    return true;
}

/* The signed copy decides (REQ-CONF-3, REQ-INT-2): a header without it, or it without a header, is answered 495. */
static enum rule judge_label(const struct examination *e, const struct proof *proof, struct span cid)
{
    const struct labels *headers = &e->outline->labels;
    if (!proof->has_frag)
        return asked_of_self(e, cid, LABEL_VIEW) ? RULE_LABEL_UNSIGNED : RULE_OK;
    if (!labels_held(e, headers, &proof->frag.labels, cid))
        return RULE_LABEL_UNSIGNED;
    return labels_held(e, &proof->frag.labels, headers, cid) ? RULE_OK : RULE_LABEL_DIFFERS;
}

/* --- signatures --- */

static struct span shown_identity(const struct proof *proof, uint8_t *room, size_t len)
{
    struct writer w = writer_over(room, len);
    if (proof->kind == PROOF_DOMAIN)
        return certificate_shown_name(proof->signer);
    return sip_write_aor(&w, proof->identity) && !w.full ? writer_span(&w) : proof->identity;
}

static void note_proof(struct examination *e, struct verdict_part *part, const struct proof *proof, struct span cid)
{
    uint8_t name[VERDICT_NAME_MAX];

    part->signature = proof->broken;
    part->proof = proof->kind;
    if (proof->kind != PROOF_NONE)
        copy_name(part->signer, VERDICT_NAME_MAX, shown_identity(proof, name, sizeof name));
    /* A signature that does not hold is answered as such, whatever its labels say. */
    if (proof->broken == RULE_OK || proof->broken == RULE_CONTEXT_ABSENT)
        part->label = judge_label(e, proof, cid);
    if (proof->broken == RULE_OK) {
        enum rule rule = proof_replay_key(proof, &e->outline->source.context.request_uri, part->replay_key);
        if (rule == RULE_OK)
            rule = proof_replay_key(proof, NULL, part->archive_key);
        if (rule != RULE_OK)
            message_breaks(e, rule);
        part->has_replay_key = true;
    }
}

static void examine_sealed(struct examination *e, const struct mime_entity *entity);

static struct proof_terms terms_of(const struct examination *e, const struct proof_sealed *sealed)
{
    return (struct proof_terms){
        .trust = e->middle->trust,
        .now = e->now,
        .window = e->middle->window,
        .context = &e->outline->source.context,
        .sealed = sealed,
    };
}

/* Resources that ran out are no verdict on the signature. */
static bool is_resource(enum rule rule)
{
    return rule == RULE_NO_MEMORY || rule == RULE_CRYPTO_LIBRARY || rule == RULE_CERT_BUDGET || rule == RULE_INTERNAL;
}

/* A part that stays closed is still vouched for by the signature around it: verified without being seen (REQ-INT-1,
 * REQ-INT-2). Signatures inside belong to those who can open it. */
static void vouch_for_closed(struct examination *e, const struct verdict_part *outer, size_t first)
{
    for (size_t i = first; i < e->verdict->part_count; i++) {
        struct verdict_part *part = &e->verdict->part[i];
        if (part->state != PART_CLOSED)
            continue;
        part->signature = outer->signature;
        part->proof = outer->proof;
        memcpy(part->signer, outer->signer, sizeof part->signer);
    }
}

/* Verifies a signed entity and looks at what it covers. An outer signature may cover a sealed part, which is then
 * examined like one at the top (REQ-INT-1). */
static void examine_signed(struct examination *e, struct verdict_part *part, const struct mime_entity *entity,
                           const struct proof_sealed *sealed, struct span cid)
{
    struct proof proof;
    struct proof_terms terms = terms_of(e, sealed);

    proof_examine(entity, &terms, &e->budget, e->arena, &proof);
    if (is_resource(proof.broken))
        message_breaks(e, proof.broken);
    note_proof(e, part, &proof, cid);
    /* A signature around a sealing shows nothing by itself; what is opened in it is disclosed on its own. */
    if (part->state == PART_SIGNED && !(proof.has_content && proof.content.kind == MIME_SEALED))
        disclose(e, part, whole_entity(e, entity));
    size_t inside = e->verdict->part_count;
    if (proof.has_content && proof.content.kind == MIME_SEALED) {
        examine_sealed(e, &proof.content);
        vouch_for_closed(e, part, inside);
    }
    if (proof.has_content && proof.content.kind != MIME_SEALED)
        look_at_leaves(e, part, &proof.content);
    proof_clear(&proof);
}

/* --- parts --- */

/* A label for a part that can be opened: opens it (protocol.md 2.3: nothing but a labelled part ever is). */
static void open_part(struct examination *e, struct verdict_part *part, const struct sealed_part *sealed,
                      struct span cid)
{
    struct mime_entity inner;
    const struct proof_sealed around = {
        .cid = cid,
        .self = sealed->self->certificate,
        .encrypted_keys = sealed->readers.count,
    };
    const struct proof_terms terms = terms_of(e, &around);
    enum rule rule = sealed_part_open(sealed, &terms, e->budget, e->arena, &inner);
    if (rule != RULE_OK) {
        if (!closes_only(rule))
            message_breaks(e, rule);
        return;
    }
    part->state = PART_OPENED;
    disclose(e, part, inner.bytes);
    if (!entity_is_signed(&inner)) {
        /* Nothing sealed goes unsigned: every reader could have rewritten it (protocol.md 2). */
        part->label = RULE_LABEL_UNSIGNED;
        look_at_leaves(e, part, &inner);
        return;
    }
    examine_signed(e, part, &inner, &around, cid);
}

static void examine_sealed(struct examination *e, const struct mime_entity *entity)
{
    struct sealed_part sealed;
    struct span cid = entity->content_id;
    struct verdict_part *part = add_part(e, cid, PART_CLOSED);

    if (!part)
        return;
    part->asked = asked_of_self(e, cid, LABEL_VIEW);
    part->labelled = part->asked != 0;
    if (e->budget.depth == 0) {
        message_breaks(e, RULE_MIME_DEPTH);
        return;
    }
    const struct sealed_keys keys = {e->middle->identity, e->middle->identity_count, e->middle->legacy};
    enum rule rule = sealed_part_read(entity, &keys, e->arena, &sealed);
    if (rule != RULE_OK) {
        /* What cannot even be read is closed; to whom it is sealed matters only where this middle is asked to open
         * it. A proxy that is not asked does not judge bodies (REQ-GEN-3). */
        if (part->labelled || is_resource(rule))
            message_breaks(e, rule);
        return;
    }
    part->reader = sealed.self != NULL;
    if (part->reader && !part->labelled)
        part->label = RULE_LABEL_ABSENT;
    if (!part->reader || !part->labelled)
        return;
    e->budget.depth--;
    open_part(e, part, &sealed, cid);
    e->budget.depth++;
}

static void examine_clear_signed(struct examination *e, const struct mime_entity *entity)
{
    struct verdict_part *part = add_part(e, entity->content_id, PART_SIGNED);
    if (!part)
        return;
    part->asked = asked_of_self(e, entity->content_id, LABEL_VERIFY);
    part->labelled = part->asked != 0;
    examine_signed(e, part, entity, NULL, entity->content_id);
}

static void examine_plain(struct examination *e, const struct mime_entity *entity)
{
    struct verdict_part *part = add_part(e, entity->content_id, PART_PLAIN);
    if (!part)
        return;
    part->asked = asked_of_self(e, entity->content_id, LABEL_VIEW);
    part->labelled = part->asked != 0;
    part->label = part->labelled ? RULE_LABEL_UNSIGNED : RULE_OK;
    disclose(e, part, whole_entity(e, entity));
    look_at_leaves(e, part, entity);
}

static void examine_part(struct examination *e, const struct mime_entity *entity)
{
    if (entity->kind == MIME_SEALED)
        examine_sealed(e, entity);
    else if (entity_is_signed(entity))
        examine_clear_signed(e, entity);
    else
        examine_plain(e, entity);
}

void middle_examine(const struct middle *middle, const struct message_outline *outline, int64_t now,
                    struct arena *arena, struct verdict *verdict, struct disclosed *disclosed)
{
    struct examination e = {
        .middle = middle,
        .outline = outline,
        .now = now,
        .arena = arena,
        .budget = MIME_BUDGET_WHOLE,
        .verdict = verdict,
        .disclosed = disclosed,
    };

    verdict_clear(verdict);
    *disclosed = (struct disclosed){0};
    for (size_t i = 0; i < outline->part_count; i++)
        examine_part(&e, &outline->part[i]);
}
