#include "policy_match.h"

#include "sipseal/sip_uri.h"

struct parties parties_of(const struct message_context *context, struct span proven)
{
    struct parties p = {.sender = context->from_uri, .receiver = context->to_uri};
    if (context->is_response)
        p = (struct parties){.sender = context->to_uri, .receiver = context->from_uri};
    if (proven.len)
        p.sender = proven;
    return p;
}

static bool in_own_domain(const struct policy *policy, struct span party)
{
    for (size_t i = 0; i < policy->domain_count; i++)
        if (sip_uri_in_domain(party, policy->domain[i]) || span_equal_nocase(party, policy->domain[i]))
            return true;
    return false;
}

/* protocol.md 6: the method of the CSeq, also for responses; ACK counts as INVITE; CANCEL matches no rule. */
static bool method_fits(const struct policy_rule *rule, struct span method)
{
    if (span_equal(method, SPAN("CANCEL")))
        return false;
    if (span_equal(method, SPAN("ACK")))
        method = SPAN("INVITE");
    for (size_t i = 0; i < rule->method_count; i++)
        if (span_equal(method, rule->method[i]))
            return true;
    return rule->method_count == 0;
}

static bool direction_fits(const struct policy *policy, enum policy_direction direction, const struct parties *parties)
{
    switch (direction) {
    case POLICY_FROM_DOMAIN:
        return parties->sender_unknown || in_own_domain(policy, parties->sender);
    case POLICY_TO_DOMAIN:
        return in_own_domain(policy, parties->receiver);
    case POLICY_BOTH:
        break;
    }
    return true; /* whatever passes here: a rule without a side must not depend on headers that anyone may write */
}

bool rule_concerns(const struct policy *policy, const struct policy_rule *rule, const struct message_context *context,
                   const struct parties *parties)
{
    return method_fits(rule, context->method) && direction_fits(policy, rule->direction, parties);
}

bool rule_names_type(const struct policy_rule *rule, struct span type)
{
    for (size_t i = 0; i < rule->content_count; i++)
        if (mime_type_matches(type, rule->content[i]))
            return true;
    return rule->content_count == 0;
}

/* RFC 5031: urn:service:sos and its sub-services, urn:service:sos.fire. */
static bool is_sos(struct span uri)
{
    const struct span sos = SPAN("urn:service:sos");
    return span_starts_nocase(uri, sos) && (uri.len == sos.len || uri.at[sos.len] == '.');
}

/* A call keeps urn:service:sos in To while proxies turn its Request-URI into that of an answering point. A MESSAGE is
 * no call: were its To believed, anyone could write past an archive by putting the URN there. */
bool policy_emergency(const struct message_context *context)
{
    if (is_sos(context->request_uri))
        return true;
    if (span_equal(context->method, SPAN("MESSAGE")))
        return false;
    return is_sos(context->to_uri) || (context->to_tag.len > 0 && is_sos(context->from_uri));
}
