#include "sipseal/proof.h"

#include "sipseal/cms.h"
#include "sipseal/digest.h"

/* The SignedData and what it covers: inside it, or the first part of multipart/signed (RFC 8551 3.5). */
static enum rule verify_opaque(const struct mime_entity *entity, const struct proof_terms *terms,
                               struct arena *arena, struct cms_signed *verified)
{
    struct span der;
    enum rule rule = mime_decode(entity, arena, &der);
    return rule != RULE_OK ? rule : cms_verify(arena, der, NULL, terms->trust, NULL, 0, verified);
}

static enum rule verify_clear(const struct mime_entity *entity, const struct proof_terms *terms,
                              struct mime_budget *budget, struct arena *arena, struct cms_signed *verified)
{
    struct mime_parts parts;
    enum rule rule = mime_parts_of(entity, budget, &parts);
    if (rule != RULE_OK)
        return rule;
    budget->depth++;
    if (parts.count != 2 || !mime_type_matches(parts.part[1].type, SPAN("application/pkcs7-signature")))
        return RULE_CMS_STRUCTURE;
    struct span der;
    rule = mime_decode(&parts.part[1], arena, &der);
    return rule != RULE_OK ? rule : cms_verify(arena, der, &parts.part[0].bytes, terms->trust, NULL, 0, verified);
}

static enum rule verify(const struct mime_entity *entity, const struct proof_terms *terms, struct mime_budget *budget,
                        struct arena *arena, struct cms_signed *verified)
{
    return entity->kind == MIME_SIGNED ? verify_opaque(entity, terms, arena, verified)
                                       : verify_clear(entity, terms, budget, arena, verified);
}

static bool is_aib(const struct mime_entity *part)
{
    return part->kind == MIME_SIPFRAG && span_equal_nocase(part->disposition, SPAN("aib"));
}

static enum rule read_frag(const struct mime_entity *part, struct arena *arena, struct proof *out)
{
    struct span text;
    enum rule rule = mime_decode(part, arena, &text);
    if (rule == RULE_OK)
        rule = sipfrag_parse(text, &out->frag);
    out->has_frag = rule == RULE_OK;
    return rule;
}

/* What was signed: the content and the copy of the headers, or the copy alone, or something that says nothing of a
 * message (protocol.md 2.1, 2.4). */
static enum rule read_signed_entity(struct span bytes, struct mime_budget *budget, struct arena *arena,
                                    struct proof *out)
{
    struct mime_entity whole;
    enum rule rule = mime_entity_parse(bytes, &whole);
    if (rule != RULE_OK)
        return rule;
    if (is_aib(&whole))
        return read_frag(&whole, arena, out);
    out->content = whole;
    out->has_content = true;
    if (whole.kind != MIME_MULTIPART)
        return RULE_OK;

    struct mime_parts parts;
    rule = mime_parts_of(&whole, budget, &parts);
    if (rule != RULE_OK)
        return rule;
    budget->depth++;
    if (parts.count != 2 || !is_aib(&parts.part[1]) || is_aib(&parts.part[0]))
        return RULE_OK;
    out->content = parts.part[0];
    return read_frag(&parts.part[1], arena, out);
}

/* protocol.md 2.1, rule 3: the certificate names the From of the copy; for a signature over a sealed part, its domain
 * also serves. */
static enum rule judge_identity(struct proof *out)
{
    struct span from = out->frag.context.from_uri;
    struct sip_uri uri;

    if (certificate_names_aor(out->signer, from)) {
        out->kind = PROOF_USER;
        return RULE_OK;
    }
    bool over_sealed = out->has_content && out->content.kind == MIME_SEALED;
    if (over_sealed && sip_uri_parse(from, &uri) == RULE_OK && uri.host.len > 0 &&
        certificate_names_host(out->signer, uri.host)) {
        out->kind = PROOF_DOMAIN;
        return RULE_OK;
    }
    return RULE_IDENTITY_MISMATCH;
}

static enum rule judge_date(const struct proof *out, const struct proof_terms *terms)
{
    int64_t date = out->frag.date;
    return date < terms->now - terms->window || date > terms->now + terms->window ? RULE_DATE_STALE : RULE_OK;
}

/* A signature made for a sealed part stands in that part and nowhere else. */
static enum rule judge_sealing(const struct proof *out, const struct proof_terms *terms)
{
    if (!terms->sealed)
        return out->frag.has_sealed_for ? RULE_SEALED_FOR : RULE_OK;
    if (!out->frag.has_sealed_for)
        return RULE_SEALED_FOR;
    return sealed_for_check(&out->frag.sealed_for, terms->sealed->cid, terms->sealed->self,
                            terms->sealed->encrypted_keys);
}

/* Everything that protocol.md 2.1 asks once the signature itself has verified, in its order. */
static enum rule judge(struct proof *out, const struct proof_terms *terms)
{
    enum rule rule = trust_check(terms->trust, out->signer, out->bag, out->bag_count, USE_SIGN, terms->now);
    if (rule != RULE_OK)
        return rule;
    if (!out->has_frag) {
        out->kind = PROOF_CONTENT;
        out->identity = certificate_shown_name(out->signer);
        return RULE_CONTEXT_ABSENT;
    }
    out->identity = out->frag.context.from_uri;
    rule = judge_identity(out);
    if (rule == RULE_OK)
        rule = sipfrag_check(&out->frag, terms->context);
    if (rule == RULE_OK)
        rule = judge_date(out, terms);
    if (rule == RULE_OK)
        rule = judge_sealing(out, terms);
    if (rule != RULE_OK)
        out->kind = PROOF_NONE;
    return rule;
}

/* Takes over the references that verification gave. */
static void take_verified(struct cms_signed *verified, struct proof *out)
{
    out->signer = verified->signer;
    memcpy(out->attributes_hash, verified->attributes_hash, sizeof out->attributes_hash);
    memcpy(out->bag, verified->bag, sizeof out->bag);
    out->bag_count = verified->bag_count;
    out->sealing = verified->names_sealing ? verified->sealing : verified->signer;
}

void proof_examine(const struct mime_entity *entity, const struct proof_terms *terms, struct mime_budget *budget,
                   struct arena *arena, struct proof *out)
{
    struct cms_signed verified;

    *out = (struct proof){.kind = PROOF_NONE};
    if (budget->depth == 0) {
        out->broken = RULE_MIME_DEPTH;
        return;
    }
    budget->depth--;
    out->broken = verify(entity, terms, budget, arena, &verified);
    if (out->broken == RULE_OK) {
        take_verified(&verified, out);
        out->broken = read_signed_entity(verified.content, budget, arena, out);
        if (out->broken == RULE_OK)
            out->broken = judge(out, terms);
    }
    budget->depth++;
}

void proof_clear(struct proof *p)
{
    certificate_release(p->signer);
    for (size_t i = 0; i < p->bag_count; i++)
        certificate_release(p->bag[i]);
    *p = (struct proof){0};
}

enum rule proof_replay_key(const struct proof *p, const struct span *request_uri, uint8_t key[32])
{
    struct sha256 hash;
    sha256_begin(&hash);
    sha256_more(&hash, span_of(p->signer->key_hash, sizeof p->signer->key_hash));
    sha256_more(&hash, span_of(p->attributes_hash, sizeof p->attributes_hash));
    if (request_uri)
        sha256_more(&hash, *request_uri);
    return sha256_end(&hash, key) ? RULE_OK : RULE_CRYPTO_LIBRARY;
}
