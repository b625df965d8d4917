/* sipseal inspect */
#include <string.h>
#include <unistd.h>

#include "cli/inspect_report.h"
#include "sipseal/clock.h"

enum { INSPECT_ARENA = 4 * 1024 * 1024 };

struct inspecting {
    struct cli *cli;
    struct keyring keyring;
    struct arena arena;
    struct party self;
    struct identity identity;
    bool has_identity;
    struct file_bytes file;
    struct sip_message *message;     /* in the arena */
    struct message_outline *outline; /* in the arena */
    struct inspection inspection;
    int64_t now;
};

/* --- what is asked for --- */

/* "2026-11-23T13:00:00Z" */
static bool read_rfc3339(struct span text, int64_t *seconds)
{
    static const struct {
        size_t at, len;
    } fields[] = {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}};
    uint32_t value[6];
    if (text.len != 20 || text.at[4] != '-' || text.at[7] != '-' || text.at[10] != 'T' || text.at[13] != ':' ||
        text.at[16] != ':' || text.at[19] != 'Z')
        return false;
    for (size_t i = 0; i < 6; i++)
        if (!span_decimal(span_part(text, fields[i].at, fields[i].len), 9999, &value[i]))
            return false;
    return clock_from_civil((int)value[0], (int)value[1], (int)value[2], (int)value[3], (int)value[4], (int)value[5],
                            seconds);
}

static enum exit_code read_time(struct inspecting *i)
{
    const char *at = arguments_value(&i->cli->arguments, "at");
    i->now = cli_now();
    if (!at)
        return EXIT_DONE;
    if (strcmp(at, "message") == 0) {
        if (clock_parse_date(sip_header_value(i->message, SIP_H_DATE), &i->now))
            return EXIT_DONE;
        return cli_fail(EXIT_REFUSED, "the message has no Date; give a time with --at");
    }
    if (read_rfc3339(span_text(at), &i->now) || clock_parse_date(span_text(at), &i->now))
        return EXIT_DONE;
    return cli_fail(EXIT_USAGE, "%s is no time; give one like 2026-11-23T13:00:00Z, or `message`", at);
}

static enum exit_code read_self(struct inspecting *i)
{
    const char *as = arguments_value(&i->cli->arguments, "as");
    if (!as)
        return EXIT_DONE;
    if (!party_parse(span_text(as), &i->self))
        return cli_fail(EXIT_USAGE, "%s is no name; give one like bob@far.example or proxy1.home.example", as);
    enum exit_code code = keyring_identity(&i->keyring, &i->self, &i->identity);
    i->has_identity = code == EXIT_DONE;
    return code;
}

/* --- the message --- */

static enum exit_code read_bytes(struct inspecting *i)
{
    const struct arguments *a = &i->cli->arguments;
    const char *path = a->operand_count > 0 ? a->operand[0] : "-";
    bool standard = strcmp(path, "-") == 0;
    enum file_result result = standard ? file_read_descriptor(STDIN_FILENO, SIP_MESSAGE_MAX, &i->file)
                                       : file_read(path, SIP_MESSAGE_MAX, false, &i->file);
    if (result == FILE_DONE)
        return EXIT_DONE;
    return cli_fail_file(standard ? "standard input" : path, file_problem(result), "give a SIP message");
}

static enum exit_code read_message(struct inspecting *i)
{
    i->message = arena_take(&i->arena, sizeof *i->message);
    i->outline = arena_take(&i->arena, sizeof *i->outline);
    enum exit_code code = read_bytes(i);
    if (code != EXIT_DONE)
        return code;
    enum rule rule = sip_message_parse(file_span(&i->file), SIP_DATAGRAM, i->message);
    if (rule == RULE_OK)
        rule = outline_source_of(i->message, &i->outline->source);
    if (rule != RULE_OK)
        return cli_fail(EXIT_REFUSED, "the message cannot be read: %s [%s]; give it exactly as it was on the wire",
                        rule_sentence(rule), rule_name(rule));
    return EXIT_DONE;
}

/* The shape of a message may be broken and its parts still worth a look: said, and gone on with. */
static void read_outline(struct inspecting *i)
{
    struct outline_source source = i->outline->source;
    enum rule rule = message_outline(&source, i->outline);
    if (rule == RULE_OK)
        return;
    i->outline->source = source;
    cli_note(i->cli, "whoever is to act on this message will refuse it: %s [%s]", rule_sentence(rule), rule_name(rule));
}

/* --- */

static void report(struct inspecting *i)
{
    const struct inspect_report r = {
        .cli = i->cli,
        .keyring = &i->keyring,
        .self = i->has_identity ? i->identity.certificate : NULL,
        .self_name = i->self.name,
        .message = i->message,
        .context = &i->outline->source.context,
        .labels = &i->outline->labels,
        .inspection = &i->inspection,
        .arena = &i->arena,
        .now = i->now,
    };
    if (i->cli->json)
        cli_print_json(inspect_json(&r));
    else
        inspect_print(&r);
}

/* Asked as somebody, the exit code says what that somebody can know. */
static enum exit_code judge(const struct inspecting *i)
{
    if (!i->has_identity)
        return EXIT_DONE;
    switch (inspection_judge(&i->inspection)) {
    case INSPECTION_UNREADABLE:
        return cli_fail(EXIT_UNREADABLE, "%s cannot open a part of it; only its readers can", i->self.name);
    case INSPECTION_UNVERIFIED:
        return cli_fail(EXIT_UNVERIFIED, "not everything in it is proven; see above for what is not and why");
    case INSPECTION_FINE:
        break;
    }
    return EXIT_DONE;
}

static enum exit_code inspect(struct inspecting *i)
{
    enum exit_code code = read_message(i);
    if (code == EXIT_DONE)
        code = read_time(i);
    if (code == EXIT_DONE)
        code = read_self(i);
    if (code != EXIT_DONE)
        return code;
    keyring_know_all(&i->keyring);
    read_outline(i);
    const struct inspection_terms terms = {
        .self = i->has_identity ? &i->identity : NULL,
        .trust = i->keyring.trust,
        .now = i->now,
        .window = PROOF_WINDOW_DEFAULT,
        .context = &i->outline->source.context,
    };
    if (!inspect_body(&i->outline->source.body, &terms, &i->arena, &i->inspection))
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    report(i);
    return judge(i);
}

static enum exit_code run_inspect(struct cli *cli)
{
    struct inspecting i = {.cli = cli};
    enum exit_code code = keyring_open_leniently(cli, &i.keyring);
    if (code != EXIT_DONE)
        return code;
    code = arena_open(&i.arena, INSPECT_ARENA)
               ? inspect(&i)
               : cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    inspection_clear(&i.inspection);
    if (i.has_identity)
        identity_clear(&i.identity);
    file_clear(&i.file);
    keyring_close(&i.keyring);
    arena_close(&i.arena);
    return code;
}

static const struct option options[] = {
    {.name = "as", .value = "NAME", .help = "open what NAME can open"},
    {.name = "at", .value = "TIME", .help = "judge dates as at this time, or as at the `message`'s own"},
};
const struct command command_inspect = {
    .words = "inspect",
    .operands = "[FILE | -]",
    .about = "shows who can read and who can verify which part of a message",
    .operands_max = 1,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run_inspect,
};
