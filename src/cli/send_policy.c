#include "cli/send_policy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/labels_report.h"
#include "cli/policy_cache.h"
#include "cli/policy_fetch.h"

enum { TRUST_FILE_MAX = 64 * 1024, FETCH_TIMEOUT_S = 10 };

static const char *actions_text(unsigned actions)
{
    return actions == LABEL_VIEW ? "view" : actions == LABEL_VERIFY ? "verify" : "view and verify";
}

/* --- the user's rules --- */

static bool config_path(char out[PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int len = config && config[0] == '/'
                  ? snprintf(out, PATH_MAX, "%s/sipseal/trust-proxies", config)
                  : snprintf(out, PATH_MAX, "%s/.config/sipseal/trust-proxies", home ? home : ".");
    return len > 0 && len < PATH_MAX;
}

static enum exit_code read_rules(struct send_policy *policy, struct span text, const char *where)
{
    char word[128];
    struct span bad = {0};
    policy->trust = (struct policy_trust){0};
    if (policy_trust_read(text, &policy->trust, &bad))
        return EXIT_DONE;
    return cli_fail(EXIT_USAGE,
                    "%s: %s is nobody to trust, or there are too many; write own, recipient, outbound, none or host "
                    "names, each alone or with =view, =verify behind it",
                    where, cli_shown(bad, word, sizeof word));
}

static enum exit_code read_trust(struct send_policy *policy)
{
    char path[PATH_MAX];
    struct file_bytes file = {0};
    const char *given = arguments_value(&policy->plan->cli->arguments, "trust-proxies");
    policy->trust = policy_trust_default();
    if (given)
        return read_rules(policy, span_text(given), "--trust-proxies");
    enum file_result result = config_path(path) ? file_read(path, TRUST_FILE_MAX, false, &file) : FILE_ABSENT;
    if (result == FILE_ABSENT)
        return EXIT_DONE;
    bool room = false;
    struct span text = result == FILE_DONE ? arena_copy(&policy->plan->arena, file_span(&file), &room) : SPAN("");
    file_clear(&file);
    if (!room)
        return cli_fail_file(path, file_problem(result), "it says which proxies may read; mend it, or remove it");
    return read_rules(policy, text, path);
}

enum exit_code send_policy_open(struct send_policy *policy, struct send_plan *plan)
{
    *policy = (struct send_policy){.plan = plan};
    policy->parties.own_domain = span_text(plan->self.host);
    policy->parties.recipient_domain = span_text(plan->recipient.host);
    return read_trust(policy);
}

/* --- changing the plan --- */

/* What the proxy can do with every part already. */
static unsigned given_to(const struct send_plan *plan, struct span host)
{
    unsigned given = LABEL_VIEW | LABEL_VERIFY;
    if (plan->protection != PROTECT_SEAL)
        return given; /* everybody can read it, and see who signed it */
    for (size_t part = 0; part < plan->part_count; part++) {
        unsigned here = 0;
        for (size_t i = 0; i < plan->middle_count; i++)
            if (span_equal_nocase(span_text(plan->middle[i].party.host), host) &&
                (plan->middle[i].part == part || !(plan->middle[i].actions & LABEL_VIEW)))
                here |= plan->middle[i].actions;
        given &= here;
    }
    return given;
}

static bool add_reader(struct send_plan *plan, struct send_part *part, struct certificate *c)
{
    for (size_t i = 0; i < part->reader_count; i++)
        if (span_equal(part->reader[i]->der, c->der))
            return true;
    if (part->reader_count == CMS_READERS_MAX)
        return false;
    part->reader[part->reader_count++] = certificate_hold(c);
    send_plan_carry(plan, c);
    return true;
}

static struct middle_wish *wish_of(struct send_plan *plan, const struct party *party, size_t part)
{
    for (size_t i = 0; i < plan->middle_count; i++)
        if (plan->middle[i].part == part && strcmp(plan->middle[i].party.host, party->host) == 0)
            return &plan->middle[i];
    if (plan->middle_count == SEND_MIDDLES_MAX)
        return NULL;
    plan->middle[plan->middle_count] = (struct middle_wish){.party = *party, .part = part};
    return &plan->middle[plan->middle_count++];
}

/* What it verifies and does not view needs a signature outside of the sealing (REQ-INT-1): one, named for all parts. */
static bool give(struct send_plan *plan, const struct party *party, const struct policy_object_accepted *accepted,
                 const struct policy_step *step)
{
    bool views = step->actions & LABEL_VIEW, room = true;
    for (size_t part = 0; part < (views ? plan->part_count : 1) && room; part++) {
        struct middle_wish *wish = wish_of(plan, party, part);
        room = wish != NULL;
        if (room)
            wish->actions |= step->actions;
        for (size_t k = 0; room && views && k < accepted->object.proxy[step->proxy].seal_to_count; k++)
            room = add_reader(plan, &plan->part[part], accepted->seal_to[step->proxy][k]);
    }
    plan->outer |= !views;
    return room;
}

/* --- what a proxy asks for --- */

static bool accept_object(const struct send_policy *policy, struct span host, struct span der, enum rule *broken,
                   struct policy_object_accepted *out)
{
    struct send_plan *plan = policy->plan;
    struct policy_object_terms terms = {.trust = plan->keyring.trust, .now = cli_now(), .host = host};
    terms.has_issued = policy_cache_issued(&plan->arena, host, &terms.issued);
    *broken = policy_object_accept(der, &terms, &plan->arena, out);
    return *broken == RULE_OK;
}

static struct policy_step judge(const struct send_policy *policy, struct span host,
                                const struct policy_object_accepted *accepted)
{
    const struct send_plan *plan = policy->plan;
    struct span type[SENDER_PARTS_MAX];
    const struct message_context context = {.method = SPAN("MESSAGE"),
                                            .request_uri = span_text(plan->request_uri),
                                            .from_uri = span_text(plan->self.uri),
                                            .to_uri = span_text(plan->recipient.uri)};
    for (size_t i = 0; i < plan->part_count; i++)
        type[i] = span_part(plan->part[i].type, 0, span_find(plan->part[i].type, ';'));
    const struct policy_object_question question = {.context = &context, .type = type, .type_count = plan->part_count,
                                                    .sealed = plan->protection == PROTECT_SEAL,
                                                    .plain = plan->protection == PROTECT_NONE};
    const struct policy_step_terms terms = {.trust = &policy->trust, .parties = &policy->parties,
                                            .accepted = accepted, .question = &question, .host = host,
                                            .given = given_to(plan, host), .rounds = policy->rounds};
    return policy_step_of(&terms);
}

/* --- beforehand --- */

/* One that does not count any more, or that there is no room for, is passed over: its proxy will say so. */
static bool try_known(void *context, struct span host)
{
    struct send_policy *policy = context;
    struct arena *arena = &policy->plan->arena;
    size_t mark = arena_mark(arena);
    struct policy_object_accepted *accepted = arena_take(arena, sizeof *accepted);
    struct span der = policy_cache_load(arena, host);
    struct party party;
    enum rule broken;
    if (accepted && der.len > 0 && party_parse(host, &party) && accept_object(policy, host, der, &broken, accepted)) {
        struct policy_step step = judge(policy, host, accepted);
        if (step.kind == POLICY_STEP_GIVE)
            give(policy->plan, &party, accepted, &step);
        policy_object_accepted_clear(accepted);
    }
    arena_rewind(arena, mark);
    return true;
}

void send_policy_beforehand(struct send_policy *policy)
{
    if (policy->plan->protection == PROTECT_SEAL)
        policy_cache_each(try_known, policy);
}

/* --- the question --- */

/* A person is there, who sees it and can answer: never a script, whose input is not for this. */
static bool is_interactive(const struct cli *cli)
{
    return !cli->json && !cli->quiet && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static bool read_yes(int terminal)
{
    char line[16];
    ssize_t n = read(terminal, line, sizeof line - 1);
    if (n <= 0)
        return false;
    line[n] = 0;
    return strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0;
}

static bool user_grants(const struct send_policy *policy)
{
    char purpose[POLICY_OBJECT_PURPOSE_MAX * 4 + 1];
    int terminal = is_interactive(policy->plan->cli) ? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;
    if (terminal < 0)
        return false;
    cli_shown(policy->purpose, purpose, sizeof purpose);
    dprintf(terminal, "%s asks to %s this message%s%s%s.\nMay it, this once? [y/N] ", policy->host,
            actions_text(policy->actions), *purpose ? " (it says: " : "", purpose, *purpose ? ")" : "");
    bool yes = read_yes(terminal);
    close(terminal);
    return yes;
}

/* --- after a refusal --- */

static enum rule find_object(const struct send_policy *policy, enum rule carried, struct span *der)
{
    enum rule broken = carried;
    struct send_plan *plan = policy->plan;
    const struct policy_fetch fetch = {.cli = plan->cli, .arena = &plan->arena, .self = &plan->self,
                                       .place = &policy->place, .host = span_text(policy->host),
                                       .timeout_s = FETCH_TIMEOUT_S};
    if (carried != RULE_POLICY_OBJECT_ABSENT)
        return carried;
    cli_detail(plan->cli, "asking %s for its policy", policy->host);
    return policy_fetch(&fetch, &broken, der) == EXIT_DONE ? broken : RULE_POLICY_OBJECT_ABSENT;
}

static bool decide(struct send_policy *policy, const struct party *party,
                   const struct policy_object_accepted *accepted)
{
    struct policy_step step = judge(policy, span_text(policy->host), accepted);
    policy->actions = step.actions;
    policy->purpose = step.purpose;
    policy->broken = step.broken;
    if (step.broken == RULE_POLICY_OBJECT_ROUNDS && policy->rounds == 0)
        policy->asked = false; /* it asks for nothing that it has not: what it says in its Warning is the reason */
    if (step.kind == POLICY_STEP_STOP || (step.kind == POLICY_STEP_ASK && !user_grants(policy)))
        return false;
    policy->broken = give(policy->plan, party, accepted, &step) ? RULE_OK : RULE_CMS_LIMIT;
    return policy->broken == RULE_OK;
}

bool send_policy_learn(struct send_policy *policy, const struct warning *warning, enum rule carried,
                       struct span object)
{
    struct send_plan *plan = policy->plan;
    struct party party;
    policy->asked = false;
    if (plan->protection == PROTECT_NONE || !party_parse(warning->agent, &party) || party.is_user)
        return false;
    snprintf(policy->host, sizeof policy->host, "%s", party.host);
    policy->broken = find_object(policy, carried, &object);
    struct policy_object_accepted *accepted = arena_take(&plan->arena, sizeof *accepted);
    if (policy->broken == RULE_POLICY_OBJECT_ABSENT || !accepted)
        return false;
    policy->asked = true;
    policy->actions = 0;
    policy->purpose = SPAN("");
    struct span host = span_text(policy->host);
    if (policy->broken != RULE_OK || !accept_object(policy, host, object, &policy->broken, accepted))
        return false;
    policy_cache_store(plan->cli, host, object);
    bool again = decide(policy, &party, accepted);
    policy_object_accepted_clear(accepted);
    if (again) {
        policy->rounds++;
        cli_note(plan->cli, "%s asks to %s the message; it is protected again for it, and sent again", policy->host,
                 actions_text(policy->actions));
    }
    return again;
}

/* --- reports --- */

bool send_policy_has_reason(const struct send_policy *policy)
{
    return policy->asked && policy->broken != RULE_OK;
}

enum exit_code send_policy_fail(const struct send_policy *policy, int status)
{
    char purpose[POLICY_OBJECT_PURPOSE_MAX * 4 + 1];
    const char *name = rule_name(policy->broken), *sentence = rule_sentence(policy->broken);
    cli_shown(policy->purpose, purpose, sizeof purpose);
    if (policy->actions == 0)
        return cli_fail(EXIT_REFUSED,
                        "not delivered: %d from %s, whose policy is not accepted: %s [%s]; nothing was disclosed to it; "
                        "see docs/rules.md, or ask its operator",
                        status, policy->host, sentence, name);
    return cli_fail(EXIT_REFUSED, "not delivered: %s asks to %s the message%s%s%s: %s [%s]; %s", policy->host,
                    actions_text(policy->actions), *purpose ? " (it says: " : "", purpose, *purpose ? ")" : "",
                    sentence, name,
                    policy->broken == RULE_POLICY_OBJECT_NOT_GRANTED
                        ? "if it may, name it in --trust-proxies and send again"
                        : "see docs/rules.md, or ask its operator");
}

void send_policy_json(const struct send_policy *policy, json_t *out)
{
    json_object_set_new(out, "rounds", json_integer(policy->rounds));
    if (!policy->asked)
        return;
    json_t *asked = json_object();
    json_object_set_new(asked, "host", json_string(policy->host));
    json_object_set_new(asked, "actions", label_actions_json(policy->actions));
    if (policy->purpose.len)
        json_object_set_new(asked, "purpose", cli_json_text(policy->purpose));
    json_object_set_new(asked, "given", json_boolean(policy->broken == RULE_OK));
    if (policy->broken != RULE_OK)
        json_object_set_new(asked, "rule", json_string(rule_name(policy->broken)));
    json_object_set_new(out, "policy", asked);
}
