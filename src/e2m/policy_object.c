/* Policy objects: signed, accepted, and asked what they want of a message (protocol.md 6). */
#include "sipseal/policy_object.h"

#include "e2m/policy_match.h"
#include "sipseal/cms.h"
#include "sipseal/mime.h"

/* --- signing --- */

enum rule policy_object_sign(const struct policy_object *object, const struct identity *signer, struct arena *arena,
                             struct span *der)
{
    const struct mime_head head = {.content_type = SPAN(POLICY_OBJECT_TYPE), .binary = true};
    struct writer w = arena_writer(arena, POLICY_OBJECT_BYTES_MAX);
    mime_write_head(&w, &head);
    if (w.full)
        return RULE_NO_MEMORY;
    if (!policy_object_write(&w, object))
        return RULE_POLICY_OBJECT_LIMIT;
    enum rule rule = cms_sign(arena, signer, NULL, 0, writer_span(&w), object->issued, der);
    return rule == RULE_OK && der->len > POLICY_OBJECT_BYTES_MAX ? RULE_POLICY_OBJECT_LIMIT : rule;
}

/* --- accepting --- */

static enum rule read_content(struct span content, struct arena *arena, struct policy_object *out)
{
    struct mime_entity entity;
    if (mime_entity_parse(content, &entity) != RULE_OK || entity.content_encoded ||
        !span_equal_nocase(entity.type, SPAN(POLICY_OBJECT_TYPE)) || entity.encoding != MIME_BINARY)
        return RULE_POLICY_OBJECT_SYNTAX;
    return policy_object_read(entity.body, arena, out);
}

/* By whom it is signed: the domain, or, when it is about one proxy, that one. Nobody else speaks for either. */
static enum rule check_signer(struct policy_object_accepted *out)
{
    const struct policy_object *object = &out->object;
    out->by_domain = certificate_names_host(out->signer, object->domain);
    bool by_proxy = object->proxy_count == 1 && certificate_names_host(out->signer, object->proxy[0].host);
    return out->by_domain || by_proxy ? RULE_OK : RULE_POLICY_OBJECT_SIGNER;
}

static enum rule check_times(const struct policy_object *object, const struct policy_object_terms *terms)
{
    if (object->issued > terms->now + POLICY_OBJECT_FUTURE_SECONDS)
        return RULE_POLICY_OBJECT_FUTURE;
    if (object->expires_in > POLICY_OBJECT_EXPIRES_MAX || object->issued + object->expires_in <= terms->now)
        return RULE_POLICY_OBJECT_EXPIRED;
    return terms->has_issued && object->issued < terms->issued ? RULE_POLICY_OBJECT_OLDER : RULE_OK;
}

static enum rule check_seal_to(const struct policy_object_terms *terms, const struct policy_object_proxy *proxy,
                               size_t index, struct certificate **out)
{
    enum rule rule = trust_certificate(terms->trust, proxy->seal_to[index], out);
    if (rule == RULE_OK)
        rule = trust_check(terms->trust, *out, NULL, 0, USE_SEAL, terms->now);
    if (rule == RULE_OK && !certificate_names_host(*out, proxy->host))
        rule = RULE_POLICY_OBJECT_SEAL_TO;
    return rule;
}

static enum rule check_proxies(const struct policy_object_terms *terms, struct policy_object_accepted *out)
{
    enum rule rule = RULE_OK;
    for (size_t i = 0; i < out->object.proxy_count; i++)
        for (size_t k = 0; k < out->object.proxy[i].seal_to_count && rule == RULE_OK; k++)
            rule = check_seal_to(terms, &out->object.proxy[i], k, &out->seal_to[i][k]);
    return rule;
}

static enum rule check_content(const struct policy_object_terms *terms, struct span content, struct arena *arena,
                               struct policy_object_accepted *out)
{
    enum rule rule = read_content(content, arena, &out->object);
    if (rule == RULE_OK)
        rule = check_signer(out);
    if (rule == RULE_OK)
        rule = check_times(&out->object, terms);
    if (rule == RULE_OK && terms->host.len &&
        policy_object_proxy_named(&out->object, terms->host) == out->object.proxy_count)
        rule = RULE_POLICY_OBJECT_HOST;
    return rule == RULE_OK ? check_proxies(terms, out) : rule;
}

enum rule policy_object_accept(struct span der, const struct policy_object_terms *terms, struct arena *arena,
                               struct policy_object_accepted *out)
{
    struct cms_signed signature;
    *out = (struct policy_object_accepted){0};
    if (der.len > POLICY_OBJECT_BYTES_MAX)
        return RULE_POLICY_OBJECT_LIMIT;
    enum rule rule = cms_verify(arena, der, NULL, terms->trust, NULL, 0, &signature);
    if (rule != RULE_OK)
        return rule;
    rule = trust_check(terms->trust, signature.signer, signature.bag, signature.bag_count, USE_SIGN, terms->now);
    if (rule == RULE_OK) {
        out->signer = certificate_hold(signature.signer);
        rule = check_content(terms, signature.content, arena, out);
    }
    cms_signed_clear(&signature);
    if (rule != RULE_OK)
        policy_object_accepted_clear(out);
    return rule;
}

enum rule policy_object_look(struct span der, struct arena *arena, struct policy_object *out)
{
    struct cms_signed signature;
    if (der.len > POLICY_OBJECT_BYTES_MAX)
        return RULE_POLICY_OBJECT_LIMIT;
    enum rule rule = cms_verify(arena, der, NULL, NULL, NULL, 0, &signature);
    if (rule != RULE_OK)
        return rule;
    rule = read_content(signature.content, arena, out);
    cms_signed_clear(&signature);
    return rule;
}

void policy_object_accepted_clear(struct policy_object_accepted *accepted)
{
    certificate_release(accepted->signer);
    for (size_t i = 0; i < POLICY_OBJECT_PROXIES_MAX; i++)
        for (size_t k = 0; k < POLICY_OBJECT_SEAL_TO_MAX; k++)
            certificate_release(accepted->seal_to[i][k]);
    *accepted = (struct policy_object_accepted){0};
}

/* --- what it asks for --- */

static bool is_about(const struct policy_rule *rule, const struct policy_object_question *question)
{
    if (question->sealed)
        return true;
    for (size_t i = 0; i < question->type_count; i++)
        if (rule_names_type(rule, question->type[i]))
            return true;
    return false;
}

unsigned policy_object_requires(const struct policy_object *object, const struct policy_object_question *question,
                                struct span *purpose, bool *protect)
{
    const struct parties parties = parties_of(question->context, SPAN(""));
    const struct policy policy = {.domain = {object->domain}, .domain_count = 1};
    unsigned actions = 0;
    *purpose = SPAN("");
    *protect = false;
    for (size_t i = 0; i < object->rule_count; i++) {
        const struct policy_rule *rule = &object->rule[i].rule;
        if (!rule_concerns(&policy, rule, question->context, &parties) || !is_about(rule, question))
            continue;
        *protect |= question->plain && rule->plain == POLICY_PLAIN_REFUSE;
        if (question->plain)
            continue; /* what everybody can read needs to be disclosed to nobody */
        if (rule->require && purpose->len == 0)
            *purpose = object->rule[i].purpose;
        actions |= rule->require;
    }
    return actions;
}
