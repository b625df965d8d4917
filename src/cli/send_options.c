/* What the command lines of `sipseal send` and `sipseal call` ask for; no file is read here. */
#include "cli/net_tls.h"
#include "cli/send_plan.h"

#include "ua/call.h"
#include "ua/text.h"

enum {
    TIMEOUT_MAX_S = 32, /* 64 * T1 (RFC 3261 17.1.2.2) */
    RINGING_MAX_S = CALL_RINGING_MAX_MS / 1000,
};

#define SEND_AS {.name = "as", .value = "USER", .help = "who sends and signs"}
#define SEND_PROXY {.name = "proxy", .value = "URI", .help = "where to send it (sip:127.0.0.1:5060;transport=tcp)"}
#define SEND_MIDDLE                                                                                                    \
    {                                                                                                                  \
        .name = "middle", .value = "HOST[=ACTIONS]", .help = "a proxy that shall view,verify (both) or only verify",   \
        .many = true                                                                                                   \
    }
#define SEND_PART                                                                                                      \
    {                                                                                                                  \
        .name = "part", .value = "FILE:TYPE:NAME,...", .help = "a further part, sealed to these readers alone",        \
        .many = true                                                                                                   \
    }
#define SEND_CLEAR {.name = "clear", .help = "sign without sealing, readable without S/MIME"}
#define SEND_SIGN {.name = "sign-only", .help = "sign without sealing, readable with S/MIME"}
#define SEND_PLAIN {.name = "plain", .help = "neither seal nor sign"}

const struct option send_options[SEND_OPTION_COUNT] = {
    SEND_AS,
    SEND_PROXY,
    NET_TLS_TRUST_OPTION,
    SEND_MIDDLE,
    {.name = "trust-proxies", .value = "WHO,...", .help = "whom to grant what they ask for: own,recipient,HOST (own)"},
    SEND_PART,
    SEND_CLEAR,
    SEND_SIGN,
    SEND_PLAIN,
    {.name = "content-type", .value = "TYPE", .help = "the media type (text/plain;charset=UTF-8)"},
    {.name = "file", .value = "FILE", .help = "take the content from a file"},
    {.name = "timeout", .value = "SECONDS", .help = "how long to wait for the answer (32)"},
    {.name = "dry-run", .letter = 'n', .help = "write the request to standard output, send nothing"},
};

const struct option call_options[CALL_OPTION_COUNT] = {
    SEND_AS,
    SEND_PROXY,
    NET_TLS_TRUST_OPTION,
    SEND_MIDDLE,
    SEND_PART,
    SEND_CLEAR,
    SEND_SIGN,
    SEND_PLAIN,
    {.name = "sdp", .value = "FILE", .help = "the session to offer (audio that is inactive)"},
    {.name = "listen", .value = "ADDRESS:PORT", .help = "where the other side reaches this one (a free port)",
     .many = true},
    {.name = "timeout", .value = "SECONDS", .help = "how long to let it ring (180)"},
    {.name = "duration", .value = "SECONDS", .help = "hang up so long after the answer (never)"},
    {.name = "refresh", .value = "SECONDS", .help = "offer the session anew so often (never)"},
    {.name = "accept-unproven", .help = "go on although nothing proves who answered"},
};

/* --- who, and how --- */

static enum exit_code read_self(struct send_plan *plan)
{
    const char *as = arguments_value(&plan->cli->arguments, "as");
    if (!as)
        return cli_fail(EXIT_USAGE, "who sends is missing; add --as USER");
    if (!party_parse(span_text(as), &plan->self) || !plan->self.is_user)
        return cli_fail(EXIT_USAGE, "%s is no user; give one like alice@home.example", as);
    return EXIT_DONE;
}

static enum exit_code read_recipient(struct send_plan *plan)
{
    const char *given = plan->cli->arguments.operand[0];
    struct span text = span_text(given);
    if (!party_parse(text, &plan->recipient) || !plan->recipient.is_user)
        return cli_fail(EXIT_USAGE, "%s is no user; give one like bob@far.example", given);
    bool whole = span_starts_nocase(text, SPAN("sip:")) || span_starts_nocase(text, SPAN("sips:"));
    int len = snprintf(plan->request_uri, sizeof plan->request_uri, "%s", whole ? given : plan->recipient.uri);
    return len > 0 && (size_t)len < sizeof plan->request_uri
               ? EXIT_DONE
               : cli_fail(EXIT_USAGE, "the recipient's address is too long; give a shorter one");
}

static enum exit_code read_protection(struct send_plan *plan)
{
    const struct arguments *a = &plan->cli->arguments;
    bool sign = arguments_has(a, "sign-only"), clear = arguments_has(a, "clear"), plain = arguments_has(a, "plain");
    if (sign + clear + plain > 1)
        return cli_fail(EXIT_USAGE, "--clear, --sign-only and --plain exclude each other; choose one");
    plan->protection = plain ? PROTECT_NONE : clear ? PROTECT_CLEAR : sign ? PROTECT_SIGN : PROTECT_SEAL;
    return EXIT_DONE;
}

/* "view", "verify", "view,verify" */
static bool read_actions(struct span text, unsigned *actions)
{
    *actions = 0;
    while (text.len > 0) {
        size_t end = span_find(text, ',');
        struct span word = span_trim(span_part(text, 0, end));
        if (span_equal(word, SPAN("view")))
            *actions |= LABEL_VIEW;
        else if (span_equal(word, SPAN("verify")))
            *actions |= LABEL_VERIFY;
        else
            return false;
        text = span_part(text, end + 1, text.len);
    }
    return *actions != 0;
}

static enum exit_code add_middle(struct send_plan *plan, const struct party *party, unsigned actions, size_t part)
{
    if (plan->middle_count == SEND_MIDDLES_MAX)
        return cli_fail(EXIT_USAGE, "there are more than %d proxies that are asked to act; name fewer",
                        SEND_MIDDLES_MAX);
    plan->middle[plan->middle_count++] = (struct middle_wish){.party = *party, .actions = actions, .part = part};
    /* What a proxy may not read and shall verify needs a signature outside of the sealing (REQ-INT-1). */
    plan->outer |= plan->protection == PROTECT_SEAL && !(actions & LABEL_VIEW);
    return EXIT_DONE;
}

static enum exit_code read_middle(struct send_plan *plan, const char *given)
{
    struct span text = span_text(given);
    size_t equals = span_find(text, '=');
    struct party party;
    unsigned actions = plan->protection == PROTECT_SEAL ? LABEL_VIEW | LABEL_VERIFY : LABEL_VERIFY;

    if (plan->protection == PROTECT_NONE)
        return cli_fail(EXIT_USAGE, "--middle asks for protection and --plain for none; leave one out");
    if (!party_parse(span_part(text, 0, equals), &party) || party.is_user)
        return cli_fail(EXIT_USAGE, "%s names no proxy; give its host name, such as proxy1.home.example", given);
    if (equals < text.len && !read_actions(span_part(text, equals + 1, text.len), &actions))
        return cli_fail(EXIT_USAGE, "%s: the actions are view and verify; write them with a comma between them", given);
    return add_middle(plan, &party, actions, 0);
}

static enum exit_code read_middles(struct send_plan *plan)
{
    const char *given;
    enum exit_code code = EXIT_DONE;
    for (size_t i = 0; code == EXIT_DONE && (given = arguments_value_at(&plan->cli->arguments, "middle", i)); i++)
        code = read_middle(plan, given);
    return code;
}

/* --- further parts --- */

static enum exit_code read_reader(struct send_plan *plan, struct send_part *part, struct span name)
{
    struct party *party = &part->named[part->named_count];
    char shown[PARTY_NAME_MAX];
    if (part->named_count == SEND_PART_READERS_MAX)
        return cli_fail(EXIT_USAGE, "%s: there are more than %d readers; name fewer", part->path,
                        SEND_PART_READERS_MAX);
    if (!party_parse(name, party))
        return cli_fail(EXIT_USAGE, "%s is no name of a reader; give one like bob@far.example or proxy1.home.example",
                        cli_shown(name, shown, sizeof shown));
    part->named_count++;
    part->for_recipient |= strcmp(party->name, plan->recipient.name) == 0;
    return party->is_user ? EXIT_DONE
                          : add_middle(plan, party, LABEL_VIEW | LABEL_VERIFY, (size_t)(part - plan->part));
}

/* Where the last colon before `end` is; `end` when there is none. */
static size_t last_colon(struct span text, size_t end)
{
    for (size_t i = end; i > 0; i--)
        if (text.at[i - 1] == ':')
            return i - 1;
    return end;
}

/* FILE:TYPE:NAME,...: read from its end, since a file's name may hold anything. */
static enum exit_code read_part(struct send_plan *plan, const char *given)
{
    struct span text = span_text(given);
    size_t names = last_colon(text, text.len), type = last_colon(text, names);
    if (plan->protection != PROTECT_SEAL)
        return cli_fail(EXIT_USAGE, "--part is sealed to readers of its own; leave --clear, --sign-only, --plain out");
    if (names == text.len || type == names || type == 0 || names + 1 == text.len)
        return cli_fail(EXIT_USAGE,
                        "%s is no part; give FILE:TYPE:NAME,..., such as "
                        "where.xml:application/pidf+xml:proxy1.home.example",
                        given);
    if (plan->part_count == SENDER_PARTS_MAX)
        return cli_fail(EXIT_USAGE, "there are more than %d --part; give fewer", SENDER_PARTS_MAX - 1);
    struct send_part *part = &plan->part[plan->part_count++];
    part->type = span_part(text, type + 1, names - type - 1);
    part->disposition = text_type(part->type) ? SPAN("render") : SPAN("");
    part->path = arena_text(&plan->arena, span_part(text, 0, type));
    if (!part->path)
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    if (!text_is_media_type(part->type))
        return cli_fail(EXIT_USAGE, "%s: its type is no media type; give one like text/plain", given);
    enum exit_code code = EXIT_DONE;
    struct span rest = span_part(text, names + 1, text.len);
    while (code == EXIT_DONE && rest.len > 0) {
        size_t end = span_find(rest, ',');
        code = read_reader(plan, part, span_trim(span_part(rest, 0, end)));
        rest = span_part(rest, end + 1, rest.len);
    }
    return code;
}

static enum exit_code read_parts(struct send_plan *plan)
{
    const char *given;
    enum exit_code code = EXIT_DONE;
    for (size_t i = 0; code == EXIT_DONE && (given = arguments_value_at(&plan->cli->arguments, "part", i)); i++)
        code = read_part(plan, given);
    return code;
}

static enum exit_code read_rest(struct send_plan *plan)
{
    char error[ARGUMENTS_ERROR_MAX];
    const char *type = arguments_value(&plan->cli->arguments, "content-type");
    bool call = plan->kind == SEND_CALL;
    uint32_t most = call ? RINGING_MAX_S : TIMEOUT_MAX_S;
    plan->part[0].type = call ? SPAN("application/sdp") : span_text(type ? type : "text/plain;charset=UTF-8");
    plan->part[0].disposition = call ? SPAN("session") : text_type(plan->part[0].type) ? SPAN("render") : SPAN("");
    plan->dry_run = arguments_has(&plan->cli->arguments, "dry-run");
    if (!text_is_media_type(plan->part[0].type))
        return cli_fail(EXIT_USAGE, "%s is no media type; give one like text/plain", type);
    if (!arguments_number(&plan->cli->arguments, "timeout", 1, most, most, &plan->timeout_s, error))
        return cli_fail(EXIT_USAGE, "%s", error);
    return EXIT_DONE;
}

enum exit_code send_options_read(struct send_plan *plan)
{
    enum exit_code (*const steps[])(struct send_plan *) = {read_self,    read_recipient, read_protection,
                                                           read_middles, read_parts,     read_rest};
    enum exit_code code = EXIT_DONE;
    plan->part_count = 1;
    plan->part[0].for_recipient = true;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && code == EXIT_DONE; i++)
        code = steps[i](plan);
    return code;
}
