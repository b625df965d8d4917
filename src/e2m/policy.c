/* A middle's policy: what becomes of a message, from its outline and its verdict.
 *
 * What is found, part by part, and how it ranks (protocol.md 4, Precedence; the lowest rank is answered; among equals
 * the first part and the first rule):
 *
 *   rank | what is found                                                                     | answer
 *   -----+-----------------------------------------------------------------------------------+---------------------
 *    1   | the whole message is broken                                                       | verdict.broken
 *    2   | a reader, and no label names the part                                             | 495 label.absent
 *    3   | closed, and a rule requires view                                                  | 496 policy.view
 *    4   | opened, and no signature inside                                                   | 495 signature.absent
 *    4   | a label without signed copy, a signed copy without label, a label on a plain part | 495 label.unsigned, ...
 *    4   | closed or signed, no signature, and a rule requires verify                        | 495 policy.verify
 *    4   | plain, and a rule says `plain: refuse`                                            | 495 policy.plain
 *    5   | a signature that proves nothing, on a part that was opened, or labelled, or that  | the signature's own
 *        | a rule requires to be verified                                                    | rule, mostly 403
 *
 * A label asks what a rule in enforce asks (protocol.md 2): ranks 2, 4 and 5 hold for it whatever the rules say. A
 * label on a part that stays closed asks for nothing, whether this middle is no reader or could not open it.
 *
 * Which rule looks at which part:
 *
 *   the rule    | methods: CSeq; ACK as INVITE; CANCEL never; none: every method
 *               | direction: the domain of the sender (proven, else From; in a response To) is own, or that of the
 *               | receiver; both: any message
 *   the part    | content: one of its leaf types fits one of the patterns; no patterns: every part with content
 *               | closed, or protected and with content that could not be read: fits every pattern
 *
 * What it then asks:
 *
 *   state   | view                 | verify                                          | plain: refuse
 *   --------+----------------------+-------------------------------------------------+--------------
 *   closed  | 496                  | the signature around it holds, else 495 or 403  | -
 *   opened  | holds                | its signature holds, else 495 or 403            | -
 *   signed  | holds                | its signature holds, else 495 or 403            | -
 *   plain   | holds                | holds                                           | 495
 *
 * A rule in monitor finds the same, and is only noted. Responses, and what belongs to an emergency call, are never
 * refused (protocol.md 4, 6): what would have been is noted, and no service acts on them (archive is false). A message
 * without a body has no parts, so it satisfies every rule. */
#include "sipseal/policy.h"

#include "policy_match.h"

/* --- findings --- */

enum rank { RANK_BROKEN = 1, RANK_UNLABELLED, RANK_VIEW, RANK_UNSIGNED, RANK_SIGNATURE, RANK_NONE };

struct finding {
    enum rank rank;
    enum rule rule;
};

static const struct finding nothing = {RANK_NONE, RULE_OK};

static void note(struct finding *worst, struct finding found)
{
    if (found.rank < worst->rank)
        *worst = found;
}

/* Protected content that could not be looked at: it may be of any type. */
static bool is_unknown(const struct verdict_part *part)
{
    return part->state == PART_CLOSED ||
           (part->state != PART_PLAIN && part->type_count == 0 && part->signature != RULE_OK);
}

/* Who signed, for this message: a signature without signed copy (RFC 8591) is not enough (protocol.md 2.1). */
static enum rule signature_fault(const struct verdict_part *part)
{
    if (part->signature == RULE_OK && part->proof != PROOF_USER && part->proof != PROOF_DOMAIN)
        return RULE_CONTEXT_ABSENT;
    return part->signature;
}

static struct finding need_signature(const struct verdict_part *part, enum rule when_absent)
{
    enum rule fault = signature_fault(part);
    if (fault == RULE_OK)
        return nothing;
    if (fault == RULE_SIGNATURE_ABSENT)
        return (struct finding){RANK_UNSIGNED, when_absent};
    return (struct finding){RANK_SIGNATURE, fault};
}

static bool rule_matches(const struct policy_rule *rule, const struct verdict_part *part)
{
    if (is_unknown(part))
        return true;
    for (size_t i = 0; i < part->type_count; i++)
        if (rule_names_type(rule, span_text(part->type[i])))
            return true;
    return false;
}

/* What a rule that matches the part finds. */
static struct finding ask_rule(const struct policy_rule *rule, const struct verdict_part *part)
{
    struct finding worst = nothing;
    if (part->state == PART_PLAIN)
        return rule->plain == POLICY_PLAIN_REFUSE ? (struct finding){RANK_UNSIGNED, RULE_POLICY_PLAIN} : nothing;
    /* What was opened and is unreadable is so for its signature, which ask_label judges. */
    if (rule->require & LABEL_VIEW && is_unknown(part) && part->state != PART_OPENED)
        note(&worst, (struct finding){RANK_VIEW, RULE_POLICY_VIEW});
    if (rule->require & LABEL_VERIFY)
        note(&worst, need_signature(part, RULE_POLICY_VERIFY));
    return worst;
}

/* What the part's label, or being a reader, asks whatever the rules say. */
static struct finding ask_label(const struct verdict_part *part)
{
    struct finding worst = nothing;
    if (part->state == PART_OPENED || (part->state == PART_SIGNED && part->labelled))
        note(&worst, need_signature(part, RULE_SIGNATURE_ABSENT));
    if (part->label == RULE_LABEL_ABSENT)
        note(&worst, (struct finding){RANK_UNLABELLED, part->label});
    else if (part->label != RULE_OK)
        note(&worst, (struct finding){RANK_UNSIGNED, part->label});
    return worst;
}

/* --- parts that nobody examined --- */

static bool is_plain_leaf(const struct mime_entity *entity)
{
    return entity->kind == MIME_PLAIN || entity->kind == MIME_CERTS_ONLY || entity->kind == MIME_SIPFRAG;
}

/* Where there is no vault, or it was not asked: what can be said of a part without a key. A multipart may hold
 * anything: it counts as closed. */
static void unexamined(const struct mime_entity *entity, struct verdict_part *part)
{
    *part = (struct verdict_part){.state = PART_CLOSED, .signature = RULE_SIGNATURE_ABSENT};
    if (!is_plain_leaf(entity))
        return;
    part->state = PART_PLAIN;
    struct writer w = writer_over(part->type[0], VERDICT_TYPE_MAX);
    writer_put(&w, span_part(entity->type.len ? entity->type : SPAN("text/plain"), 0, VERDICT_TYPE_MAX));
    part->type_count = 1;
}

/* --- deciding --- */

/* One message before the policy, and what was found so far. */
struct question {
    const struct policy *policy;
    const struct message_outline *outline;
    const struct verdict *verdict;
    struct parties parties;
    struct finding enforced, monitored;
    bool viewed; /* what a rule that requires view is about can be seen */
};

/* What can be seen, and a rule wants to see (RFC 4189 2.2.1, archive). An honest label that asked for view of a part
 * serves as well as the part's type. */
static bool is_viewed(const struct policy_rule *rule, const struct verdict_part *part)
{
    bool asked = part->state == PART_OPENED && part->label == RULE_OK && (part->asked & LABEL_VIEW);
    return (rule->require & LABEL_VIEW) && !is_unknown(part) && (asked || rule_matches(rule, part));
}

static void judge_part(struct question *q, const struct verdict_part *part)
{
    note(&q->enforced, ask_label(part));
    for (size_t i = 0; i < q->policy->rule_count; i++) {
        const struct policy_rule *rule = &q->policy->rule[i];
        if (!rule_concerns(q->policy, rule, &q->outline->source.context, &q->parties))
            continue;
        q->viewed = q->viewed || is_viewed(rule, part);
        if (rule_matches(rule, part))
            note(rule->mode == POLICY_ENFORCE ? &q->enforced : &q->monitored, ask_rule(rule, part));
    }
}

static void judge_parts(struct question *q)
{
    struct verdict_part part;
    if (q->verdict->part_count > 0) {
        for (size_t i = 0; i < q->verdict->part_count; i++)
            judge_part(q, &q->verdict->part[i]);
        return;
    }
    for (size_t i = 0; i < q->outline->part_count; i++) {
        unexamined(&q->outline->part[i], &part);
        judge_part(q, &part);
    }
}

static struct decision decide(const struct question *q)
{
    const struct message_context *context = &q->outline->source.context;
    struct decision d = {.monitored = q->monitored.rule};
    if (q->enforced.rule == RULE_OK) {
        d.archive = q->viewed;
        return d;
    }
    if (context->is_response || policy_emergency(context)) {
        d.monitored = q->enforced.rule;
        return d;
    }
    d.broken = q->enforced.rule;
    d.status = rule_status(d.broken) ? rule_status(d.broken) : 403;
    return d;
}

struct decision policy_decide(const struct policy *policy, const struct message_outline *outline,
                              const struct verdict *verdict)
{
    struct question q = {
        .policy = policy,
        .outline = outline,
        .verdict = verdict,
        .parties = parties_of(&outline->source.context, verdict_identity(verdict)),
        .enforced = nothing,
        .monitored = nothing,
    };
    if (verdict->broken != RULE_OK)
        q.enforced = (struct finding){RANK_BROKEN, verdict->broken};
    judge_parts(&q);
    return decide(&q);
}

/* --- before any cryptography --- */

/* Whether the rule may turn out to match the part. */
static bool may_match(const struct policy_rule *rule, const struct mime_entity *entity)
{
    return !is_plain_leaf(entity) || rule_names_type(rule, entity->type);
}

struct policy_need policy_need_of(const struct policy *policy, const struct message_outline *outline)
{
    struct policy_need need = {0};
    if (outline->part_count == 0)
        return need;
    need.examine = outline_protected(outline) || outline->labels.count > 0;
    struct parties parties = parties_of(&outline->source.context, (struct span){0});
    parties.sender_unknown = need.examine;
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rule[i];
        if (!rule_concerns(policy, rule, &outline->source.context, &parties))
            continue;
        for (size_t j = 0; j < outline->part_count; j++)
            if (may_match(rule, &outline->part[j])) {
                need.examine = true;
                need.archive = need.archive || (rule->require & LABEL_VIEW);
            }
    }
    return need;
}

bool policy_concerns(const struct policy *policy, const struct message_context *context)
{
    struct parties parties = parties_of(context, (struct span){0});
    parties.sender_unknown = true;
    for (size_t i = 0; i < policy->rule_count; i++)
        if (rule_concerns(policy, &policy->rule[i], context, &parties))
            return true;
    return false;
}

/* --- telling --- */

void policy_write_warning(struct writer *w, struct span agent, enum rule broken)
{
    writer_text(w, "399 ");
    writer_put(w, agent);
    writer_text(w, " \"");
    writer_text(w, rule_sentence(broken));
    writer_byte(w, '"');
}
