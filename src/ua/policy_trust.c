#include "ua/policy_trust.h"

#include "sipseal/mime.h"
#include "ua/party.h"

enum { BOTH = LABEL_VIEW | LABEL_VERIFY };

struct policy_trust policy_trust_default(void)
{
    return (struct policy_trust){.grant = {{.whom = GRANT_OWN, .actions = BOTH}}, .count = 1};
}

/* --- reading --- */

static bool read_actions(struct span text, unsigned *actions)
{
    *actions = span_equal(text, SPAN("view"))     ? LABEL_VIEW
               : span_equal(text, SPAN("verify")) ? LABEL_VERIFY
               : span_equal(text, SPAN("view+verify")) || span_equal(text, SPAN("verify+view")) ? BOTH
                                                                                                 : 0;
    return *actions != 0;
}

static bool read_whom(struct span name, struct policy_grant *grant)
{
    struct party party;
    grant->host = name;
    if (span_equal(name, SPAN("own")))
        grant->whom = GRANT_OWN;
    else if (span_equal(name, SPAN("recipient")))
        grant->whom = GRANT_RECIPIENT;
    else if (span_equal(name, SPAN("outbound")))
        grant->whom = GRANT_OUTBOUND;
    else if (party_parse(name, &party) && !party.is_user)
        grant->whom = GRANT_HOST;
    else
        return false;
    return true;
}

static bool read_word(struct span word, struct policy_trust *trust)
{
    struct policy_grant grant = {.actions = BOTH};
    size_t equals = span_find(word, '=');
    if (span_equal(word, SPAN("none"))) {
        trust->never = true;
        return true;
    }
    if (!read_whom(span_part(word, 0, equals), &grant) || trust->count == POLICY_TRUST_GRANTS_MAX)
        return false;
    if (equals < word.len && !read_actions(span_part(word, equals + 1, word.len), &grant.actions))
        return false;
    trust->grant[trust->count++] = grant;
    return true;
}

static bool separates(uint8_t c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool policy_trust_read(struct span text, struct policy_trust *trust, struct span *bad)
{
    for (size_t at = 0; at < text.len;) {
        size_t end = at;
        while (end < text.len && !separates(text.at[end]))
            end++;
        struct span word = span_part(text, at, end - at);
        if (word.len > 0 && !read_word(word, trust)) {
            *bad = word;
            return false;
        }
        at = end + 1;
    }
    return true;
}

/* --- deciding --- */

/* Of a domain only by an object that the domain signed: whatever a proxy says of its own domain is its own word. */
static bool is_of_domain(const struct policy_object_accepted *accepted, struct span domain)
{
    return accepted->by_domain && domain.len && span_equal_nocase(accepted->object.domain, domain);
}

static bool is_granted(const struct policy_grant *grant, const struct policy_parties *parties,
                       const struct policy_object_accepted *accepted, struct span host)
{
    switch (grant->whom) {
    case GRANT_OWN:
        return is_of_domain(accepted, parties->own_domain);
    case GRANT_RECIPIENT:
        return is_of_domain(accepted, parties->recipient_domain);
    case GRANT_OUTBOUND:
        return parties->outbound.len && span_equal_nocase(host, parties->outbound);
    case GRANT_HOST:
        break;
    }
    return span_equal_nocase(host, grant->host);
}

unsigned policy_trust_granted(const struct policy_trust *trust, const struct policy_parties *parties,
                              const struct policy_object_accepted *accepted, struct span host)
{
    unsigned actions = 0;
    if (policy_object_proxy_named(&accepted->object, host) == accepted->object.proxy_count)
        return 0;
    for (size_t i = 0; i < trust->count; i++)
        if (is_granted(&trust->grant[i], parties, accepted, host))
            actions |= trust->grant[i].actions;
    return actions;
}

static struct policy_step stop(struct policy_step step, enum rule broken)
{
    step.kind = POLICY_STEP_STOP;
    step.broken = broken;
    return step;
}

struct policy_step policy_step_of(const struct policy_step_terms *terms)
{
    const struct policy_object *object = &terms->accepted->object;
    bool protect;
    struct policy_step step = {.proxy = policy_object_proxy_named(object, terms->host)};
    if (step.proxy == object->proxy_count)
        return stop(step, RULE_POLICY_OBJECT_HOST);
    step.actions = policy_object_requires(object, terms->question, &step.purpose, &protect);
    if ((step.actions & ~terms->given) == 0 || terms->rounds >= POLICY_ROUNDS_MAX)
        return stop(step, RULE_POLICY_OBJECT_ROUNDS);
    if (step.actions & LABEL_VIEW && object->proxy[step.proxy].seal_to_count == 0)
        return stop(step, RULE_POLICY_OBJECT_UNUSABLE);
    unsigned granted = policy_trust_granted(terms->trust, terms->parties, terms->accepted, terms->host);
    if ((step.actions & ~granted) == 0) {
        step.kind = POLICY_STEP_GIVE;
        return step;
    }
    if (terms->trust->never)
        return stop(step, RULE_POLICY_OBJECT_NOT_GRANTED);
    step.kind = POLICY_STEP_ASK;
    step.broken = RULE_POLICY_OBJECT_NOT_GRANTED;
    return step;
}

enum rule policy_object_of_response(const struct sip_message *response, struct arena *arena, struct span *der)
{
    struct mime_entity entity;
    struct span found;
    if (mime_entity_of_message(response, &entity) != RULE_OK)
        return RULE_POLICY_OBJECT_SYNTAX;
    if (entity.body.len == 0 || entity.kind != MIME_SIGNED)
        return RULE_POLICY_OBJECT_ABSENT;
    bool room;
    enum rule rule = mime_decode(&entity, arena, &found);
    if (rule != RULE_OK)
        return RULE_POLICY_OBJECT_SYNTAX;
    *der = arena_copy(arena, found, &room); /* the response goes with the next message */
    return room ? RULE_OK : RULE_NO_MEMORY;
}
