/* policy: what this server requires of messages (protocol.md 6). */
#include "config/config_reader.h"

static bool is_token_character(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("-.!%*_+`'~", c) != NULL); /* RFC 3261 25.1 */
}

static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_character(s.at[i]))
            return false;
    return s.len > 0;
}

/* --- methods --- */

static bool has_lower_case(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] >= 'a' && s.at[i] <= 'z')
            return true;
    return false;
}

static void read_method(struct yaml_value v, struct policy_rule *rule)
{
    const char *text;
    if (!yaml_text(v, CONFIG_TOKEN_MAX, &text))
        return;
    struct span method = span_text(text);
    if (!is_token(method) || has_lower_case(method))
        yaml_fault(v, "\"%s\" is not a method; write it in capitals, as MESSAGE", text);
    else if (span_equal(method, SPAN("CANCEL")))
        yaml_fault(v, "no rule matches CANCEL, which belongs to an INVITE; write INVITE, or remove it");
    else
        rule->method[rule->method_count++] = method;
}

static void read_methods(struct yaml_value v, struct policy_rule *rule)
{
    size_t count = yaml_list_count(v, POLICY_METHODS_MAX);
    for (size_t i = 0; i < count; i++)
        read_method(yaml_item(v, i), rule);
    if (yaml_given(v) && rule->method_count == 0 && yaml_faultless(v.file))
        yaml_fault(v, "is empty; name methods, or remove the key for a rule about every method");
}

/* --- content --- */

/* "*", "text/" and a star, "text/plain": in lower case. */
static bool is_pattern(struct span s)
{
    if (span_equal(s, SPAN("*")))
        return true;
    size_t slash = span_find(s, '/');
    struct span type = span_part(s, 0, slash), subtype = span_part(s, slash + 1, s.len);
    return is_token(type) && is_token(subtype) && span_find(type, '*') == type.len &&
           (span_equal(subtype, SPAN("*")) || span_find(subtype, '*') == subtype.len);
}

static void read_pattern(struct yaml_value v, struct policy_rule *rule)
{
    const char *text;
    if (!yaml_text(v, CONFIG_TOKEN_MAX, &text))
        return;
    struct span pattern = span_text(text);
    if (!is_pattern(pattern)) {
        yaml_fault(v, "\"%s\" is not a media type; write it as text/plain, text/* or *", text);
        return;
    }
    uint8_t *lower = arena_take(v.file->arena, pattern.len);
    if (!lower)
        return;
    for (size_t i = 0; i < pattern.len; i++)
        lower[i] = (uint8_t)(pattern.at[i] >= 'A' && pattern.at[i] <= 'Z' ? pattern.at[i] + ('a' - 'A')
                                                                          : pattern.at[i]);
    rule->content[rule->content_count++] = span_of(lower, pattern.len);
}

static void read_content(struct yaml_value v, struct policy_rule *rule)
{
    size_t count = yaml_list_count(v, POLICY_CONTENT_MAX);
    for (size_t i = 0; i < count; i++)
        read_pattern(yaml_item(v, i), rule);
    if (yaml_given(v) && rule->content_count == 0 && yaml_faultless(v.file))
        yaml_fault(v, "is empty; name media types, or remove the key for a rule about every content");
}

/* --- require, direction, plain, mode --- */

static void read_require(struct yaml_value v, struct policy_rule *rule)
{
    static const char *const words[] = {"view", "verify"};
    static const unsigned actions[] = {LABEL_VIEW, LABEL_VERIFY};
    size_t count = yaml_list_count(v, sizeof words / sizeof *words);
    for (size_t i = 0; i < count; i++) {
        unsigned index;
        if (yaml_choice(yaml_item(v, i), words, sizeof words / sizeof *words, &index))
            rule->require |= actions[index];
    }
}

static void read_choices(struct yaml_map *m, struct policy_rule *rule)
{
    static const char *const directions[] = {"both", "from-domain", "to-domain"};
    static const char *const plain[] = {"allow", "refuse"};
    static const char *const modes[] = {"monitor", "enforce"};
    unsigned index;
    if (yaml_choice(yaml_key(m, "direction", YAML_OPTIONAL), directions, 3, &index))
        rule->direction = (enum policy_direction)index;
    if (yaml_choice(yaml_key(m, "plain", YAML_OPTIONAL), plain, 2, &index))
        rule->plain = (enum policy_plain)index;
    if (yaml_choice(yaml_key(m, "mode", YAML_OPTIONAL), modes, 2, &index))
        rule->mode = (enum policy_mode)index;
}

static void read_rule(struct config_reader *r, struct yaml_value v)
{
    /* As shipped: plain content is allowed, and a rule only counts what it would refuse (protocol.md 6). */
    struct policy_rule rule = {.direction = POLICY_BOTH, .plain = POLICY_PLAIN_ALLOW, .mode = POLICY_MONITOR};
    struct yaml_map m = yaml_map_of(v);
    size_t before = r->file.fault_count + r->file.fault_more;
    read_methods(yaml_key(&m, "methods", YAML_OPTIONAL), &rule);
    read_content(yaml_key(&m, "content", YAML_OPTIONAL), &rule);
    read_require(yaml_key(&m, "require", YAML_OPTIONAL), &rule);
    read_choices(&m, &rule);
    yaml_map_end(&m);
    if (!m.usable || r->file.fault_count + r->file.fault_more > before)
        return;
    if (rule.require == 0 && rule.plain == POLICY_PLAIN_ALLOW)
        yaml_fault(v, "asks for nothing; add require: [view, verify] or plain: refuse, or remove the rule");
    r->config->policy.rule[r->config->policy.rule_count++] = rule;
}

void read_policy(struct config_reader *r, struct yaml_value v)
{
    r->policy = v;
    size_t count = yaml_list_count(v, POLICY_RULES_MAX);
    for (size_t i = 0; i < count; i++)
        read_rule(r, yaml_item(v, i));
}

static bool has_direction(const struct policy *p)
{
    for (size_t i = 0; i < p->rule_count; i++)
        if (p->rule[i].direction != POLICY_BOTH)
            return true;
    return false;
}

void check_policy(struct config_reader *r)
{
    const struct policy *p = &r->config->policy;
    if (p->rule_count == 0)
        return;
    if (!yaml_given(r->keys))
        yaml_fault(r->policy, "needs a section keys, since bodies must be examined; add it, or remove this section");
    if (has_direction(p) && p->domain_count == 0 && yaml_faultless(&r->file))
        yaml_fault(r->policy,
                   "a rule has a direction, and this server has no domain of its own; add server.domains, or a route "
                   "with registrar");
}
