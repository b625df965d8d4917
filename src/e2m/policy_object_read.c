/* From JSON to a policy object. */
#include <jansson.h>

#include "e2m/policy_object_words.h"
#include "sipseal/clock.h"

struct reading {
    struct arena *arena;
    enum rule broken; /* the first fault; RULE_OK: none yet */
};

static bool fault(struct reading *r, enum rule rule)
{
    if (r->broken == RULE_OK)
        r->broken = rule;
    return false;
}

/* --- values --- */

/* The text of a string, in the arena: `value` may be null, which is one that is missing. */
static bool take_text(struct reading *r, const json_t *value, size_t max, struct span *out)
{
    bool room;
    if (!json_is_string(value))
        return fault(r, RULE_POLICY_OBJECT_SYNTAX);
    struct span text = span_of(json_string_value(value), json_string_length(value));
    if (text.len > max)
        return fault(r, RULE_POLICY_OBJECT_LIMIT);
    *out = arena_copy(r->arena, text, &room);
    return room || fault(r, RULE_NO_MEMORY);
}

static bool take_number(struct reading *r, const json_t *value, uint32_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > UINT32_MAX)
        return fault(r, RULE_POLICY_OBJECT_SYNTAX);
    *out = (uint32_t)json_integer_value(value);
    return true;
}

/* One that may be missing. */
static bool take_flag(struct reading *r, const json_t *value, bool *out)
{
    if (value && !json_is_boolean(value))
        return fault(r, RULE_POLICY_OBJECT_SYNTAX);
    *out = json_is_true(value);
    return true;
}

static bool take_list(struct reading *r, const json_t *value, size_t min, size_t max)
{
    if (!json_is_array(value) || json_array_size(value) < min)
        return fault(r, RULE_POLICY_OBJECT_SYNTAX);
    return json_array_size(value) <= max || fault(r, RULE_POLICY_OBJECT_LIMIT);
}

/* Which of the words a string is; one that may be missing is then the first. What is not known is no fault of form. */
static bool take_word(struct reading *r, const json_t *value, const char *const *words, size_t count, unsigned *out)
{
    *out = 0;
    if (!value)
        return true;
    if (!json_is_string(value))
        return fault(r, RULE_POLICY_OBJECT_SYNTAX);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(json_string_value(value), words[i]) == 0) {
            *out = i;
            return true;
        }
    return fault(r, RULE_POLICY_OBJECT_UNUSABLE);
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* A host name in lower case, in the arena: it becomes part of URIs and of names of files. */
static bool take_host(struct reading *r, const json_t *value, struct span *out)
{
    if (!take_text(r, value, LABEL_HOST_MAX, out))
        return false;
    uint8_t *at = (uint8_t *)(uintptr_t)out->at; /* the arena's copy */
    for (size_t i = 0; i < out->len; i++) {
        bool edge = i == 0 || i + 1 == out->len || at[i - 1] == '.';
        if (!is_letter(at[i]) && !is_digit(at[i]) && (edge || (at[i] != '-' && at[i] != '.')))
            return fault(r, RULE_POLICY_OBJECT_SYNTAX);
        if (at[i] >= 'A' && at[i] <= 'Z')
            at[i] = (uint8_t)(at[i] - 'A' + 'a');
    }
    return out->len > 0 || fault(r, RULE_POLICY_OBJECT_SYNTAX);
}

/* Characters of a token (RFC 3261 25.1), and those of `more`. */
static bool take_token(struct reading *r, const json_t *value, const char *more, struct span *out)
{
    if (!take_text(r, value, POLICY_OBJECT_TOKEN_MAX, out))
        return false;
    for (size_t i = 0; i < out->len; i++)
        if (!is_letter(out->at[i]) && !is_digit(out->at[i]) && !strchr("-.!%*_+`'~", out->at[i]) &&
            !strchr(more, out->at[i]))
            return fault(r, RULE_POLICY_OBJECT_SYNTAX);
    return out->len > 0 || fault(r, RULE_POLICY_OBJECT_SYNTAX);
}

/* --- proxies --- */

static bool take_certificate(struct reading *r, const json_t *value, struct span *out)
{
    struct span text;
    size_t len;
    if (!take_text(r, value, CERTIFICATE_MAX * 4 / 3 + 4, &text))
        return false;
    uint8_t *room = arena_take(r->arena, text.len + 1);
    if (!room)
        return fault(r, RULE_NO_MEMORY);
    if (!base64_decode(text, room, &len) || len == 0)
        return fault(r, RULE_POLICY_OBJECT_SYNTAX);
    *out = span_of(room, len);
    return len <= CERTIFICATE_MAX || fault(r, RULE_POLICY_OBJECT_LIMIT);
}

static bool take_proxy(struct reading *r, const json_t *value, struct policy_object_proxy *out)
{
    const json_t *seal_to = json_object_get(value, "seal_to");
    if (!take_host(r, json_object_get(value, "host"), &out->host) ||
        !take_list(r, seal_to, 0, POLICY_OBJECT_SEAL_TO_MAX) ||
        !take_flag(r, json_object_get(value, "cek_reuse"), &out->cek_reuse))
        return false;
    for (size_t i = 0; i < json_array_size(seal_to); i++)
        if (!take_certificate(r, json_array_get(seal_to, i), &out->seal_to[out->seal_to_count++]))
            return false;
    return true;
}

static bool take_proxies(struct reading *r, const json_t *value, struct policy_object *out)
{
    if (!take_list(r, value, 1, POLICY_OBJECT_PROXIES_MAX))
        return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct policy_object_proxy *proxy = &out->proxy[out->proxy_count];
        if (!take_proxy(r, json_array_get(value, i), proxy))
            return false;
        if (policy_object_proxy_named(out, proxy->host) < out->proxy_count)
            return fault(r, RULE_POLICY_OBJECT_SYNTAX); /* which of the two is meant, nobody can say */
        out->proxy_count++;
    }
    return true;
}

size_t policy_object_proxy_named(const struct policy_object *object, struct span host)
{
    size_t i = 0;
    while (i < object->proxy_count && !span_equal_nocase(object->proxy[i].host, host))
        i++;
    return i;
}

/* --- rules --- */

static bool take_tokens(struct reading *r, const json_t *value, const char *more, size_t max, struct span *out,
                        size_t *count)
{
    if (!value)
        return true; /* every method, or every content */
    if (!take_list(r, value, 1, max))
        return false;
    while (*count < json_array_size(value)) {
        if (!take_token(r, json_array_get(value, *count), more, &out[*count]))
            return false;
        ++*count;
    }
    return true;
}

static bool take_action(struct reading *r, const json_t *value, unsigned *actions)
{
    if (!json_is_string(value))
        return fault(r, RULE_POLICY_OBJECT_SYNTAX);
    for (size_t i = 0; i < sizeof policy_object_actions / sizeof *policy_object_actions; i++)
        if (strcmp(json_string_value(value), policy_object_actions[i].word) == 0) {
            *actions |= policy_object_actions[i].action;
            return true;
        }
    return fault(r, RULE_POLICY_OBJECT_UNUSABLE);
}

static bool take_require(struct reading *r, const json_t *value, unsigned *actions)
{
    if (!take_list(r, value, 0, POLICY_METHODS_MAX))
        return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!take_action(r, json_array_get(value, i), actions))
            return false;
    return true;
}

static bool take_purpose(struct reading *r, const json_t *value, struct span *out)
{
    return !value || take_text(r, value, POLICY_OBJECT_PURPOSE_MAX, out);
}

static bool take_rule(struct reading *r, const json_t *value, struct policy_object_rule *out)
{
    struct policy_rule *rule = &out->rule;
    unsigned direction, plain;
    rule->mode = POLICY_ENFORCE;
    if (!json_is_object(value))
        return fault(r, RULE_POLICY_OBJECT_SYNTAX);
    bool taken =
        take_tokens(r, json_object_get(value, "methods"), "", POLICY_METHODS_MAX, rule->method, &rule->method_count) &&
        take_tokens(r, json_object_get(value, "content"), "/", POLICY_CONTENT_MAX, rule->content,
                    &rule->content_count) &&
        take_word(r, json_object_get(value, "direction"), policy_object_directions, 3, &direction) &&
        take_word(r, json_object_get(value, "plain"), policy_object_plain, 2, &plain) &&
        take_require(r, json_object_get(value, "require"), &rule->require) &&
        take_flag(r, json_object_get(value, "present"), &out->present) &&
        take_purpose(r, json_object_get(value, "purpose"), &out->purpose);
    if (!taken)
        return false;
    rule->direction = (enum policy_direction)direction;
    rule->plain = (enum policy_plain)plain;
    return true;
}

static bool take_rules(struct reading *r, const json_t *value, struct policy_object *out)
{
    if (!take_list(r, value, 0, POLICY_RULES_MAX))
        return false;
    while (out->rule_count < json_array_size(value))
        if (!take_rule(r, json_array_get(value, out->rule_count), &out->rule[out->rule_count]) || !++out->rule_count)
            return false;
    return true;
}

/* --- the whole --- */

static bool take_issued(struct reading *r, const json_t *value, int64_t *out)
{
    struct span text;
    return take_text(r, value, POLICY_OBJECT_TOKEN_MAX, &text) &&
           (clock_parse_rfc3339(text, out) || fault(r, RULE_POLICY_OBJECT_SYNTAX));
}

static bool take_limits(struct reading *r, const json_t *value, struct policy_object *out)
{
    const struct {
        const char *name;
        uint32_t *value;
    } limit[] = {{"bytes", &out->bytes}, {"parts", &out->parts}, {"depth", &out->depth}};
    if (!value)
        return true;
    if (!json_is_object(value))
        return fault(r, RULE_POLICY_OBJECT_SYNTAX);
    for (size_t i = 0; i < sizeof limit / sizeof *limit; i++) {
        const json_t *said = json_object_get(value, limit[i].name);
        if (said && !take_number(r, said, limit[i].value))
            return false;
    }
    return true;
}

/* The version comes first: of another one nothing else is known. */
static bool take_version(struct reading *r, const json_t *value)
{
    if (!json_is_integer(value))
        return fault(r, RULE_POLICY_OBJECT_SYNTAX);
    return json_integer_value(value) == POLICY_OBJECT_VERSION || fault(r, RULE_POLICY_OBJECT_UNUSABLE);
}

static bool take_object(struct reading *r, const json_t *root, struct policy_object *out)
{
    return take_version(r, json_object_get(root, "version")) &&
           take_host(r, json_object_get(root, "domain"), &out->domain) &&
           take_issued(r, json_object_get(root, "issued"), &out->issued) &&
           take_number(r, json_object_get(root, "expires_in"), &out->expires_in) &&
           take_proxies(r, json_object_get(root, "proxies"), out) &&
           take_rules(r, json_object_get(root, "rules"), out) &&
           take_limits(r, json_object_get(root, "limits"), out);
}

enum rule policy_object_read(struct span json, struct arena *arena, struct policy_object *out)
{
    struct reading r = {.arena = arena};
    *out = (struct policy_object){0};
    if (json.len > POLICY_OBJECT_BYTES_MAX)
        return RULE_POLICY_OBJECT_LIMIT;
    json_error_t error;
    json_t *root = json_loadb((const char *)json.at, json.len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root))
        r.broken = RULE_POLICY_OBJECT_SYNTAX;
    else
        take_object(&r, root, out);
    json_decref(root);
    return r.broken;
}
