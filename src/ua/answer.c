#include "ua/answer.h"

#include "sipseal/clock.h"
#include "sipseal/random.h"
#include "ua/compose.h"

/* The part that the session stands in; null when there is none. */
static const struct received_part *session_part(const struct incoming *in)
{
    const struct received *r = &in->received;
    for (size_t i = 0; i < r->part_count; i++)
        if (r->part[i].has_content && mime_type_matches(r->part[i].content.type, SPAN("application/sdp")))
            return &r->part[i];
    return r->part_count > 0 ? &r->part[0] : NULL;
}

static bool is_proven(const struct received_part *part)
{
    return part->proof.broken == RULE_OK && part->proof.kind == PROOF_USER;
}

static enum rule unproven(const struct received_part *part)
{
    return part->proof.broken != RULE_OK ? part->proof.broken : RULE_SIGNATURE_ABSENT;
}

enum rule answer_shape_of(const struct incoming *offer, struct trust *trust, int64_t now, struct answer_shape *out)
{
    const struct received_part *part = session_part(offer);
    *out = (struct answer_shape){0};
    if (!part || !is_proven(part))
        return part && part->sealed ? unproven(part) : RULE_OK;
    const struct proof *proof = &part->proof;
    out->is_signed = true;
    if (!part->sealed)
        return RULE_OK;
    if (!proof->sealing || !certificate_names_aor(proof->sealing, proof->identity))
        return RULE_IDENTITY_MISMATCH;
    enum rule rule = trust_check(trust, proof->sealing, proof->bag, proof->bag_count, USE_SEAL, now);
    if (rule != RULE_OK)
        return rule;
    out->sealed = true;
    out->reader = certificate_hold(proof->sealing);
    return RULE_OK;
}

void answer_shape_clear(struct answer_shape *shape)
{
    certificate_release(shape->reader);
    *shape = (struct answer_shape){0};
}

static enum rule plain(struct span session, struct arena *arena, struct sender_body *out)
{
    struct writer w = arena_writer(arena, 128);
    if (!compose_plain_headers(&w, SPAN("application/sdp")))
        return RULE_NO_MEMORY;
    *out = (struct sender_body){.headers = writer_span(&w), .body = session};
    return RULE_OK;
}

static void fill_part(const struct answer_shape *shape, struct span session, struct span cid, struct sender_part *part)
{
    *part = (struct sender_part){
        .content_type = SPAN("application/sdp"),
        .disposition = SPAN("session"),
        .content = session,
        .layer = {{.kind = SENDER_SIGNED}},
        .layer_count = 1,
    };
    if (shape->sealed) {
        part->layer[part->layer_count++].kind = SENDER_SEALED;
        part->reader = &shape->reader;
        part->reader_count = 1;
    }
    part->layer[part->layer_count - 1].cid = cid;
}

/* Date stands in front of what sender_protect made, equal to the signed one (protocol.md 2.4). */
static enum rule add_date(struct span date, struct arena *arena, struct sender_body *out)
{
    struct writer w = arena_writer(arena, out->headers.len + CLOCK_DATE_LEN + 16);
    writer_text(&w, "Date: ");
    writer_put(&w, date);
    writer_text(&w, "\r\n");
    writer_put(&w, out->headers);
    out->headers = writer_span(&w);
    return w.full ? RULE_NO_MEMORY : RULE_OK;
}

enum rule answer_protect(const struct answer_shape *shape, const struct answer_signer *signer,
                         const struct message_context *context, struct span session, int64_t now, struct arena *arena,
                         struct sender_body *out)
{
    char cid[PARTY_CID_MAX], date_text[CLOCK_DATE_LEN];
    uint8_t random[PARTY_CID_RANDOM];
    if (!shape->is_signed)
        return plain(session, arena, out);
    struct sender_draft draft = {
        .context = *context,
        .now = now,
        .signer = signer->identity,
        .sealing = signer->sealing,
        .part_count = 1,
    };
    struct writer date = writer_over(date_text, sizeof date_text);
    if (!random_bytes(random, sizeof random) || !random_bytes(draft.random, sizeof draft.random))
        return RULE_NO_RANDOM;
    party_content_id(signer->self, random, cid);
    clock_write_date(&date, now);
    draft.context.date = writer_span(&date);
    draft.context.from_uri = span_text(signer->self->uri); /* one's own, whomever the call was to first */
    fill_part(shape, session, span_text(cid), &draft.part[0]);
    enum rule rule = sender_protect(&draft, arena, out);
    return rule == RULE_OK ? add_date(writer_span(&date), arena, out) : rule;
}

enum rule answer_judge(const struct incoming *answer, bool is_signed, bool sealed)
{
    const struct received_part *part = session_part(answer);
    if (answer->broken != RULE_OK)
        return answer->broken;
    if (!is_signed)
        return RULE_OK;
    if (!part || !is_proven(part))
        return part ? unproven(part) : RULE_SIGNATURE_ABSENT;
    if (!sip_same_aor(part->proof.identity, answer->outline.source.context.to_uri))
        return RULE_SIGNER_RETARGETED;
    return sealed && !(part->sealed && part->opened) ? RULE_ANSWER_UNSEALED : RULE_OK;
}
