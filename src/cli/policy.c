/* sipseal policy fetch, policy show, policy check */
#include <string.h>

#include "cli/keyring.h"
#include "cli/labels_report.h"
#include "cli/policy_cache.h"
#include "cli/policy_fetch.h"
#include "sipseal/clock.h"

enum { POLICY_ARENA = 4 * POLICY_OBJECT_ARENA, FETCH_TIMEOUT_MAX_S = 32 };

static const struct option fetch_options[] = {
    {.name = "as", .value = "USER", .help = "who asks (nobody who says)"},
    {.name = "proxy", .value = "URI", .help = "where to send the question (to HOST itself)"},
    NET_TLS_TRUST_OPTION,
    {.name = "timeout", .value = "SECONDS", .help = "how long to wait for the answer (32)"},
};
static const struct option about_options[] = {
    {.name = "about", .value = "HOST", .help = "which proxy it must be about (whichever it is about)"},
};

/* One run. */
struct policy_run {
    struct cli *cli;
    struct keyring keyring;
    struct arena arena;
    struct span host; /* which proxy it is wanted about; empty: whichever it is about */
    struct span der;
    bool cached;     /* what `der` is, is what would be compared with */
    struct policy_object object;
    struct policy_object_accepted accepted;
    enum rule broken;
};

/* --- reports --- */

static const char *direction_text(enum policy_direction direction)
{
    return direction == POLICY_FROM_DOMAIN ? "from the domain's users"
           : direction == POLICY_TO_DOMAIN ? "to the domain's users"
                                           : "all that pass";
}

static void print_texts(const char *when_none, const struct span *text, size_t count)
{
    char shown[POLICY_OBJECT_TOKEN_MAX * 4 + 1];
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i ? ", " : "", cli_shown(text[i], shown, sizeof shown));
    if (count == 0)
        printf("%s", when_none);
}

static void print_rule(const struct policy_object_rule *said)
{
    const struct policy_rule *rule = &said->rule;
    char purpose[POLICY_OBJECT_PURPOSE_MAX * 4 + 1];
    printf("  asks to %s: ", rule->require == (LABEL_VIEW | LABEL_VERIFY) ? "view and verify"
                             : rule->require == LABEL_VIEW               ? "view"
                             : rule->require == LABEL_VERIFY             ? "verify"
                                                                         : "do nothing");
    print_texts("every method", rule->method, rule->method_count);
    printf(" with ");
    print_texts("any content", rule->content, rule->content_count);
    printf(", %s", direction_text(rule->direction));
    if (rule->plain == POLICY_PLAIN_REFUSE)
        printf("; what is not protected is refused");
    if (said->purpose.len)
        printf(" (it says: %s)", cli_shown(said->purpose, purpose, sizeof purpose));
    printf("\n");
}

static void print_object(const struct policy_run *run)
{
    const struct policy_object *o = &run->object;
    char host[PARTY_NAME_MAX], date[CLOCK_DATE_LEN + 1] = "";
    struct writer w = writer_over(date, CLOCK_DATE_LEN);
    clock_write_rfc3339(&w, o->issued + o->expires_in);
    printf("policy of %s, until %s\n", cli_shown(o->domain, host, sizeof host), date);
    for (size_t i = 0; i < o->proxy_count; i++)
        printf("  proxy %s\n", cli_shown(o->proxy[i].host, host, sizeof host));
    for (size_t i = 0; i < o->rule_count; i++)
        print_rule(&o->rule[i]);
    if (run->broken == RULE_OK)
        printf("  signed by %s\n",
               run->accepted.by_domain ? "its domain" : "the proxy, which proves nothing of its domain");
    fflush(stdout);
}

static json_t *json_texts(const struct span *text, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, cli_json_text(text[i]));
    return list;
}

static json_t *json_rule(const struct policy_object_rule *said)
{
    static const char *const directions[] = {"both", "from-domain", "to-domain"};
    json_t *out = json_object();
    json_object_set_new(out, "methods", json_texts(said->rule.method, said->rule.method_count));
    json_object_set_new(out, "content", json_texts(said->rule.content, said->rule.content_count));
    json_object_set_new(out, "direction", json_string(directions[said->rule.direction]));
    json_object_set_new(out, "plain", json_string(said->rule.plain == POLICY_PLAIN_REFUSE ? "refuse" : "allow"));
    json_object_set_new(out, "require", label_actions_json(said->rule.require));
    json_object_set_new(out, "purpose", cli_json_text(said->purpose));
    return out;
}

static void print_json(const struct policy_run *run)
{
    const struct policy_object *o = &run->object;
    json_t *out = json_object(), *proxies = json_array(), *rules = json_array();
    for (size_t i = 0; i < o->proxy_count; i++)
        json_array_append_new(proxies, cli_json_text(o->proxy[i].host));
    for (size_t i = 0; i < o->rule_count; i++)
        json_array_append_new(rules, json_rule(&o->rule[i]));
    json_object_set_new(out, "domain", cli_json_text(o->domain));
    json_object_set_new(out, "issued", cli_json_time(o->issued));
    json_object_set_new(out, "expires", cli_json_time(o->issued + o->expires_in));
    json_object_set_new(out, "proxies", proxies);
    json_object_set_new(out, "rules", rules);
    json_object_set_new(out, "accepted", json_boolean(run->broken == RULE_OK));
    if (run->broken == RULE_OK)
        json_object_set_new(out, "by_domain", json_boolean(run->accepted.by_domain));
    else
        json_object_set_new(out, "rule", json_string(rule_name(run->broken)));
    cli_print_json(out);
}

/* --- judging --- */

/* Shown as far as its own signature holds: what was changed on its way is not worth showing. */
static enum exit_code judge(struct policy_run *run)
{
    struct policy_object_terms terms = {.trust = run->keyring.trust, .now = cli_now(), .host = run->host};
    if (run->host.len && !run->cached)
        terms.has_issued = policy_cache_issued(&run->arena, run->host, &terms.issued);
    enum rule readable = policy_object_look(run->der, &run->arena, &run->object);
    run->broken = policy_object_accept(run->der, &terms, &run->arena, &run->accepted);
    if (readable == RULE_OK && run->cli->json)
        print_json(run);
    else if (readable == RULE_OK && !run->cli->quiet)
        print_object(run);
    if (run->broken == RULE_OK)
        return EXIT_DONE;
    return cli_fail(EXIT_UNVERIFIED, "the policy object is not accepted: %s [%s]; see docs/rules.md",
                    rule_sentence(run->broken), rule_name(run->broken));
}

static enum exit_code open_run(struct cli *cli, struct policy_run *run)
{
    memset(run, 0, sizeof *run);
    run->cli = cli;
    if (!arena_open(&run->arena, POLICY_ARENA))
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    return keyring_open(cli, &run->keyring);
}

static void close_run(struct policy_run *run)
{
    policy_object_accepted_clear(&run->accepted);
    if (run->keyring.trust)
        keyring_close(&run->keyring);
    arena_close(&run->arena);
}

static enum exit_code read_host(const char *text, struct party *party)
{
    return party_parse(span_text(text), party) && !party->is_user
               ? EXIT_DONE
               : cli_fail(EXIT_USAGE, "%s names no proxy; give its host name, such as proxy1.home.example", text);
}

/* --- fetch --- */

static enum exit_code find_place(const struct cli *cli, const struct party *host, struct net_place *place)
{
    char uri[PARTY_NAME_MAX + 32];
    const char *problem, *proxy = arguments_value(&cli->arguments, "proxy");
    snprintf(uri, sizeof uri, "sip:%s;transport=tcp", host->host);
    if (net_place_of_uri(span_text(proxy ? proxy : uri), place, &problem))
        return EXIT_DONE;
    return cli_fail(proxy ? EXIT_USAGE : EXIT_NETWORK, "%s %s; give the next hop with --proxy sip:ADDRESS:PORT",
                    proxy ? proxy : host->host, problem);
}

static enum exit_code read_self(const struct cli *cli, struct party *self)
{
    const char *as = arguments_value(&cli->arguments, "as");
    if (!as || (party_parse(span_text(as), self) && self->is_user))
        return EXIT_DONE;
    return cli_fail(EXIT_USAGE, "%s is no user; give one like alice@home.example", as);
}

static enum exit_code fetch(struct policy_run *run)
{
    struct party host, self = {0};
    struct net_place place;
    char error[ARGUMENTS_ERROR_MAX];
    struct policy_fetch ask = {.cli = run->cli, .arena = &run->arena, .place = &place};
    enum exit_code code = read_host(run->cli->arguments.operand[0], &host);
    if (code == EXIT_DONE)
        code = read_self(run->cli, &self);
    if (code == EXIT_DONE)
        code = find_place(run->cli, &host, &place);
    if (code != EXIT_DONE)
        return code;
    if (!arguments_number(&run->cli->arguments, "timeout", 1, FETCH_TIMEOUT_MAX_S, FETCH_TIMEOUT_MAX_S, &ask.timeout_s,
                          error))
        return cli_fail(EXIT_USAGE, "%s", error);
    ask.self = self.is_user ? &self : NULL;
    ask.host = run->host = span_text(host.host);
    code = policy_fetch(&ask, &run->broken, &run->der);
    if (code != EXIT_DONE)
        return code;
    if (run->broken != RULE_OK)
        return cli_fail(EXIT_REFUSED, "%s: %s [%s]; see docs/rules.md", host.host, rule_sentence(run->broken),
                        rule_name(run->broken));
    code = judge(run);
    if (code == EXIT_DONE)
        policy_cache_store(run->cli, run->host, run->der);
    return code;
}

static enum exit_code run_fetch(struct cli *cli)
{
    struct policy_run run;
    enum exit_code code = open_run(cli, &run);
    if (code == EXIT_DONE)
        code = fetch(&run);
    close_run(&run);
    return code;
}

/* --- show and check --- */

static enum exit_code read_object(struct policy_run *run, const char *path)
{
    struct file_bytes file = {0};
    bool room = false;
    enum file_result result = file_read(path, POLICY_OBJECT_BYTES_MAX, false, &file);
    if (result == FILE_DONE)
        run->der = arena_copy(&run->arena, file_span(&file), &room);
    file_clear(&file);
    if (result == FILE_DONE && room)
        return EXIT_DONE;
    return cli_fail_file(path, file_problem(result), "give a signed policy object (DER), or fetch one: "
                                                     "sipseal policy fetch HOST");
}

static enum exit_code check(struct policy_run *run)
{
    struct party party;
    const char *about = arguments_value(&run->cli->arguments, "about");
    enum exit_code code = about ? read_host(about, &party) : EXIT_DONE;
    if (code == EXIT_DONE)
        code = read_object(run, run->cli->arguments.operand[0]);
    if (code != EXIT_DONE)
        return code;
    run->host = about ? span_text(party.host) : SPAN("");
    return judge(run);
}

static enum exit_code run_check(struct cli *cli)
{
    struct policy_run run;
    enum exit_code code = open_run(cli, &run);
    if (code == EXIT_DONE)
        code = check(&run);
    close_run(&run);
    return code;
}

/* A file where there is one of that name, else what is known of the proxy. */
static enum exit_code show(struct policy_run *run)
{
    char path[PATH_MAX];
    struct party party;
    const char *what = run->cli->arguments.operand[0];
    if (!strchr(what, '/') && !file_exists(what)) {
        enum exit_code code = read_host(what, &party);
        if (code != EXIT_DONE || !policy_cache_path(span_text(party.host), path))
            return code;
        run->host = span_text(party.host);
        run->cached = true;
        what = path;
    }
    cli_detail(run->cli, "%s", what);
    enum exit_code code = read_object(run, what);
    return code == EXIT_DONE ? judge(run) : code;
}

static enum exit_code run_show(struct cli *cli)
{
    struct policy_run run;
    enum exit_code code = open_run(cli, &run);
    if (code == EXIT_DONE)
        code = show(&run);
    close_run(&run);
    return code;
}

const struct command command_policy_fetch = {
    .words = "policy fetch",
    .operands = "HOST",
    .about = "asks a proxy for its policy, and remembers it",
    .operands_min = 1,
    .operands_max = 1,
    .options = fetch_options,
    .option_count = sizeof fetch_options / sizeof *fetch_options,
    .run = run_fetch,
};

const struct command command_policy_show = {
    .words = "policy show",
    .operands = "FILE | HOST",
    .about = "shows what a proxy asks for, of a file or as it is remembered",
    .operands_min = 1,
    .operands_max = 1,
    .run = run_show,
};

const struct command command_policy_check = {
    .words = "policy check",
    .operands = "FILE",
    .about = "says whether a signed policy object would be accepted",
    .operands_min = 1,
    .operands_max = 1,
    .options = about_options,
    .option_count = sizeof about_options / sizeof *about_options,
    .run = run_check,
};
