#include "cli/outcome_report.h"

void outcome_keep(struct arena *arena, const struct sip_message *response, struct outcome *out)
{
    *out = outcome_of(response);
    out->reason = arena_copy(arena, out->reason, NULL);
    out->warning.agent = arena_copy(arena, out->warning.agent, NULL);
    out->warning.text = arena_copy(arena, out->warning.text, NULL);
}

static json_t *json_warning(const struct warning *warning)
{
    enum rule rule = warning_rule(warning);
    json_t *out = json_object();
    json_object_set_new(out, "code", json_integer(warning->code));
    json_object_set_new(out, "agent", cli_json_text(warning->agent));
    json_object_set_new(out, "text", cli_json_text(warning->text));
    if (rule != RULE_OK)
        json_object_set_new(out, "rule", json_string(rule_name(rule)));
    return out;
}

void outcome_json(const struct outcome *outcome, json_t *out)
{
    json_object_set_new(out, "status", json_integer(outcome->status));
    json_object_set_new(out, "reason", cli_json_text(outcome->reason));
    if (outcome->has_warning)
        json_object_set_new(out, "warning", json_warning(&outcome->warning));
    if (outcome->next[0])
        json_object_set_new(out, "next", json_string(outcome->next));
}

static enum exit_code code_of(enum outcome_kind kind)
{
    switch (kind) {
    case OUTCOME_DELIVERED:
        return EXIT_DONE;
    case OUTCOME_REFUSED:
        return EXIT_REFUSED;
    case OUTCOME_UNREADABLE:
        return EXIT_UNREADABLE;
    case OUTCOME_NETWORK:
        break;
    }
    return EXIT_NETWORK;
}

enum exit_code outcome_fail(const struct outcome *outcome, const char *what)
{
    char reason[256], agent[256], text[512];
    cli_shown(outcome->reason, reason, sizeof reason);
    if (!outcome->has_warning)
        return cli_fail(code_of(outcome->kind), "%s: %d %s; %s", what, outcome->status, reason, outcome->next);
    enum rule rule = warning_rule(&outcome->warning);
    return cli_fail(code_of(outcome->kind), "%s: %d %s: %s says: %s%s%s%s; %s", what, outcome->status, reason,
                    cli_shown(outcome->warning.agent, agent, sizeof agent),
                    cli_shown(outcome->warning.text, text, sizeof text), rule != RULE_OK ? " [" : "",
                    rule != RULE_OK ? rule_name(rule) : "", rule != RULE_OK ? "]" : "", outcome->next);
}
