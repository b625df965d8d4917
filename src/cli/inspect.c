/* sipseal inspect */
#include <string.h>

#include "cli/capture_file.h"
#include "cli/inspect_report.h"
#include "cli/legacy.h"
#include "sipseal/clock.h"

enum { INSPECT_ARENA = 4 * 1024 * 1024 };

struct inspecting {
    struct cli *cli;
    struct keyring keyring;
    struct arena arena;
    struct party self;
    struct identity identity;
    bool has_identity;
    const char *name;                /* of the file, for errors */
    const struct capture_message *captured; /* null: the file is one message */
    uint64_t number;                 /* of the captured message, from 1 */
    struct sip_message *message;     /* in the arena */
    struct message_outline *outline; /* in the arena */
    struct inspection inspection;
    int64_t now;
    unsigned legacy; /* enum cms_legacy */
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
    i->now = i->captured ? i->captured->seconds : cli_now();
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

static enum exit_code read_message(struct inspecting *i, struct span bytes, enum sip_framing framing)
{
    i->message = arena_take(&i->arena, sizeof *i->message);
    i->outline = arena_take(&i->arena, sizeof *i->outline);
    enum rule rule = i->captured ? i->captured->broken : RULE_OK;
    if (rule == RULE_OK)
        rule = sip_message_parse(bytes, framing, i->message);
    if (rule == RULE_OK)
        rule = outline_source_of(i->message, &i->outline->source);
    if (rule != RULE_OK)
        return cli_fail(EXIT_REFUSED, "the message cannot be read: %s [%s]%s", rule_sentence(rule), rule_name(rule),
                        i->captured ? "; it is shown by tcpdump -A" : "; give it exactly as it was on the wire");
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

static json_t *json_captured(const struct inspecting *i)
{
    const struct capture_message *m = i->captured;
    char text[CAPTURE_TIME_MAX], endpoint[CAPTURE_ENDPOINT_MAX];
    json_t *out = json_object();
    json_object_set_new(out, "number", json_integer((json_int_t)i->number));
    json_object_set_new(out, "time", json_string(capture_time_text(m, text)));
    json_object_set_new(out, "transport", json_string(m->framing == SIP_STREAM ? "TCP" : "UDP"));
    json_object_set_new(out, "source", json_string(capture_endpoint_text(&m->from, endpoint)));
    json_object_set_new(out, "destination", json_string(capture_endpoint_text(&m->to, endpoint)));
    return out;
}

static void print_captured(const struct inspecting *i)
{
    const struct capture_message *m = i->captured;
    char text[CAPTURE_TIME_MAX], from[CAPTURE_ENDPOINT_MAX], to[CAPTURE_ENDPOINT_MAX];
    printf("%s#%-6llu %s %s %s > %s%s\n", cli_colour(i->cli, COLOUR_QUIET), (unsigned long long)i->number,
           capture_time_text(m, text), m->framing == SIP_STREAM ? "TCP" : "UDP",
           capture_endpoint_text(&m->from, from), capture_endpoint_text(&m->to, to), cli_plain(i->cli));
}

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
    if (!i->cli->json) {
        inspect_print(&r);
        return;
    }
    json_t *json = inspect_json(&r);
    if (i->captured)
        json_object_set_new(json, "captured", json_captured(i));
    cli_print_json(json);
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

static enum exit_code inspect(struct inspecting *i, struct span bytes, enum sip_framing framing)
{
    enum exit_code code = read_message(i, bytes, framing);
    if (code == EXIT_DONE)
        code = read_time(i);
    if (code != EXIT_DONE)
        return code;
    read_outline(i);
    const struct inspection_terms terms = {
        .self = i->has_identity ? &i->identity : NULL,
        .trust = i->keyring.trust,
        .now = i->now,
        .window = PROOF_WINDOW_DEFAULT,
        .legacy = i->legacy,
        .context = &i->outline->source.context,
    };
    if (!inspect_body(&i->outline->source.body, &terms, &i->arena, &i->inspection))
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    report(i);
    return judge(i);
}

static void finish_message(struct inspecting *i)
{
    inspection_clear(&i->inspection);
    i->inspection = (struct inspection){0};
    arena_reset(&i->arena);
}

/* --- a file with one message --- */

static enum exit_code inspect_message(struct inspecting *i, FILE *in)
{
    struct file_bytes file;
    enum file_result result = file_read_stream(in, SIP_MESSAGE_MAX, &file);
    if (result != FILE_DONE)
        return cli_fail_file(i->name, file_problem(result), "give a SIP message or a capture");
    enum exit_code code = EXIT_DONE;
    if (arguments_has(&i->cli->arguments, "list") || arguments_has(&i->cli->arguments, "message"))
        code = cli_fail(EXIT_USAGE, "%s is one message and no capture; leave --list and --message out", i->name);
    if (code == EXIT_DONE)
        code = inspect(i, file_span(&file), SIP_DATAGRAM);
    file_clear(&file);
    return code;
}

/* --- a capture --- */

struct capture_terms {
    bool list;
    uint32_t wanted; /* number of the one message that is asked for; 0: all */
};

static void list_captured(const struct inspecting *i)
{
    char line[256];
    struct span first = span_part(i->captured->bytes, 0, span_find(i->captured->bytes, '\r'));
    if (i->cli->json) {
        json_t *json = json_captured(i);
        json_object_set_new(json, "line", cli_json_text(first));
        cli_print_json(json);
        return;
    }
    print_captured(i);
    printf("        %s\n", cli_shown(first, line, sizeof line));
}

static enum exit_code inspect_captured(struct inspecting *i, const struct capture_terms *terms)
{
    if (terms->wanted && terms->wanted != i->number)
        return EXIT_DONE;
    if (terms->list) {
        list_captured(i);
        return EXIT_DONE;
    }
    if (!i->cli->json)
        print_captured(i);
    fflush(stdout); /* before what is said on standard error */
    enum exit_code code = inspect(i, i->captured->bytes, i->captured->framing);
    finish_message(i);
    if (!i->cli->json)
        putchar('\n');
    return code;
}

/* What was not seen, and why. */
static void tell_losses(const struct inspecting *i, const struct capture_counters *c)
{
    const struct {
        uint64_t count;
        const char *what;
    } losses[] = {
        {c->streams_tls, "direction(s) of TLS connections, which cannot be read here"},
        {c->cut_off, "packet(s) cut off by the capture; capture whole packets (tcpdump -s 0)"},
        {c->fragments_lost, "IP datagram(s) of which fragments are missing or overlap"},
        {c->streams_lost, "place(s) where bytes of a TCP connection are missing"},
        {c->malformed, "malformed packet(s)"},
    };
    for (size_t n = 0; n < sizeof losses / sizeof losses[0]; n++)
        if (losses[n].count)
            cli_note(i->cli, "%s: not shown: %llu %s", i->name, (unsigned long long)losses[n].count, losses[n].what);
}

static enum exit_code inspect_messages(struct inspecting *i, struct capture_file *file,
                                       const struct capture_terms *terms)
{
    struct capture_message m;
    enum exit_code first = EXIT_DONE, end = EXIT_DONE;
    i->captured = &m;
    while (capture_file_next(file, &m, &end)) {
        i->number++;
        enum exit_code code = inspect_captured(i, terms);
        first = first == EXIT_DONE ? code : first;
        if (terms->wanted == i->number)
            return first;
    }
    tell_losses(i, capture_file_counters(file));
    if (end != EXIT_DONE)
        return end;
    if (terms->wanted)
        return cli_fail(EXIT_REFUSED, "%s has %llu message(s); see which by --list", i->name,
                        (unsigned long long)i->number);
    if (i->number == 0)
        return cli_fail(EXIT_REFUSED, "%s: there is no SIP message in %llu packet(s); capture where SIP passes in the clear",
                        i->name, (unsigned long long)capture_file_counters(file)->packets);
    return first;
}

static enum exit_code inspect_capture(struct inspecting *i, FILE *in)
{
    char error[ARGUMENTS_ERROR_MAX];
    struct capture_terms terms = {.list = arguments_has(&i->cli->arguments, "list")};
    struct capture_file *file = NULL;
    if (!arguments_number(&i->cli->arguments, "message", 1, UINT32_MAX, 0, &terms.wanted, error)) {
        fclose(in);
        return cli_fail(EXIT_USAGE, "%s", error);
    }
    enum exit_code code = capture_file_open(in, i->name, &file);
    if (code == EXIT_DONE)
        code = inspect_messages(i, file, &terms);
    capture_file_close(file);
    return code;
}

/* --- */

static enum exit_code open_file(struct inspecting *i, FILE **in)
{
    const struct arguments *a = &i->cli->arguments;
    const char *path = a->operand_count > 0 ? a->operand[0] : "-";
    if (strcmp(path, "-") == 0) {
        i->name = "standard input";
        *in = stdin;
        return EXIT_DONE;
    }
    i->name = path;
    enum file_result result = file_open(path, in);
    return result == FILE_DONE ? EXIT_DONE : cli_fail_file(path, file_problem(result), "give a SIP message or a capture");
}

static enum exit_code inspect_file(struct inspecting *i)
{
    FILE *in;
    enum exit_code code = read_self(i);
    if (code == EXIT_DONE)
        code = legacy_read(i->cli, &i->legacy);
    if (code == EXIT_DONE)
        code = open_file(i, &in);
    if (code != EXIT_DONE)
        return code;
    keyring_know_all(&i->keyring);
    if (capture_file_is(in))
        return inspect_capture(i, in);
    code = inspect_message(i, in);
    fclose(in);
    return code;
}

static enum exit_code run_inspect(struct cli *cli)
{
    struct inspecting i = {.cli = cli};
    enum exit_code code = keyring_open_leniently(cli, &i.keyring);
    if (code != EXIT_DONE)
        return code;
    code = arena_open(&i.arena, INSPECT_ARENA)
               ? inspect_file(&i)
               : cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    inspection_clear(&i.inspection);
    if (i.has_identity)
        identity_clear(&i.identity);
    keyring_close(&i.keyring);
    arena_close(&i.arena);
    return code;
}

static const struct option options[] = {
    {.name = "as", .value = "NAME", .help = "open what NAME can open"},
    {.name = "at", .value = "TIME", .help = "judge dates as at this time, or as at the `message`'s own"},
    {.name = "list", .help = "of a capture: list the messages and inspect none"},
    {.name = "message", .value = "N", .help = "of a capture: inspect message number N alone"},
    LEGACY_OPTION,
};
const struct command command_inspect = {
    .words = "inspect",
    .operands = "[FILE | -]",
    .about = "shows who can read and verify which part of a message, or of all in a capture",
    .operands_max = 1,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run_inspect,
};
