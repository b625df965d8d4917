#include "cli/send_plan.h"

#include <unistd.h>

#include "cli/net_tls.h"
#include "sipseal/random.h"
#include "ua/text.h"

enum { TIMEOUT_MAX_S = 32 /* 64 * T1 (RFC 3261 17.1.2.2) */ };

const struct option send_options[SEND_OPTION_COUNT] = {
    {.name = "as", .value = "USER", .help = "who sends and signs"},
    {.name = "proxy", .value = "URI", .help = "where to send it (sip:127.0.0.1:5060;transport=tcp)"},
    NET_TLS_TRUST_OPTION,
    {.name = "middle", .value = "HOST[=ACTIONS]", .help = "a proxy that shall view, verify", .many = true},
    {.name = "sign-only", .help = "sign without sealing"},
    {.name = "plain", .help = "neither seal nor sign"},
    {.name = "content-type", .value = "TYPE", .help = "the media type (text/plain;charset=UTF-8)"},
    {.name = "file", .value = "FILE", .help = "take the content from a file"},
    {.name = "timeout", .value = "SECONDS", .help = "how long to wait for the answer (32)"},
    {.name = "dry-run", .letter = 'n', .help = "write the request to standard output, send nothing"},
};

static enum exit_code fail_memory(void)
{
    return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
}

/* --- options --- */

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
    bool sign = arguments_has(a, "sign-only"), plain = arguments_has(a, "plain");
    if (sign && plain)
        return cli_fail(EXIT_USAGE, "--sign-only and --plain exclude each other; choose one");
    plan->protection = plain ? PROTECT_NONE : sign ? PROTECT_SIGN : PROTECT_SEAL;
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

static enum exit_code read_middle(struct send_plan *plan, const char *given)
{
    struct span text = span_text(given);
    size_t equals = span_find(text, '=');
    struct middle_wish *wish = &plan->middle[plan->middle_count];
    unsigned all = plan->protection == PROTECT_SIGN ? LABEL_VERIFY : LABEL_VIEW | LABEL_VERIFY;

    if (plan->protection == PROTECT_NONE)
        return cli_fail(EXIT_USAGE, "--middle asks for protection and --plain for none; leave one out");
    if (plan->middle_count == SEND_MIDDLES_MAX)
        return cli_fail(EXIT_USAGE, "there are more than %d --middle; give fewer", SEND_MIDDLES_MAX);
    if (!party_parse(span_part(text, 0, equals), &wish->party) || wish->party.is_user)
        return cli_fail(EXIT_USAGE, "%s names no proxy; give its host name, such as proxy1.home.example", given);
    wish->actions = all;
    if (equals < text.len && !read_actions(span_part(text, equals + 1, text.len), &wish->actions))
        return cli_fail(EXIT_USAGE, "%s: the actions are view and verify; write them with a comma between them", given);
    /* A proxy that may not read what is sealed would need a signature outside of it (REQ-INT-1). */
    if (plan->protection == PROTECT_SEAL && !(wish->actions & LABEL_VIEW))
        return cli_fail(EXIT_USAGE,
                        "%s: a proxy verifies here only what it can view; use view,verify, or send with --sign-only",
                        given);
    plan->middle_count++;
    return EXIT_DONE;
}

static enum exit_code read_middles(struct send_plan *plan)
{
    const char *given;
    enum exit_code code = EXIT_DONE;
    for (size_t i = 0; code == EXIT_DONE && (given = arguments_value_at(&plan->cli->arguments, "middle", i)); i++)
        code = read_middle(plan, given);
    return code;
}

static enum exit_code read_rest(struct send_plan *plan)
{
    char error[ARGUMENTS_ERROR_MAX];
    const char *type = arguments_value(&plan->cli->arguments, "content-type");
    plan->content_type = span_text(type ? type : "text/plain;charset=UTF-8");
    plan->dry_run = arguments_has(&plan->cli->arguments, "dry-run");
    if (!text_is_media_type(plan->content_type))
        return cli_fail(EXIT_USAGE, "%s is no media type; give one like text/plain", type);
    if (!arguments_number(&plan->cli->arguments, "timeout", 1, TIMEOUT_MAX_S, TIMEOUT_MAX_S, &plan->timeout_s, error))
        return cli_fail(EXIT_USAGE, "%s", error);
    return EXIT_DONE;
}

static enum exit_code read_options(struct send_plan *plan)
{
    enum exit_code (*const steps[])(struct send_plan *) = {read_self, read_recipient, read_protection, read_middles,
                                                           read_rest};
    enum exit_code code = EXIT_DONE;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && code == EXIT_DONE; i++)
        code = steps[i](plan);
    return code;
}

/* --- content --- */

/* The bytes as they were given; `file` owns them where they come from a file. */
static enum exit_code find_content(struct send_plan *plan, struct file_bytes *file, struct span *text)
{
    const struct arguments *a = &plan->cli->arguments;
    const char *path = arguments_value(a, "file");
    const char *operand = a->operand_count > 1 ? a->operand[1] : NULL;
    enum file_result result;

    *file = (struct file_bytes){0};
    if (path && operand)
        return cli_fail(EXIT_USAGE, "the content is given twice; leave --file or the text out");
    if (operand && strcmp(operand, "-") != 0) {
        *text = span_text(operand);
        return EXIT_DONE;
    }
    if (path) {
        result = file_read(path, SENDER_CONTENT_MAX, false, file);
    } else {
        if (isatty(STDIN_FILENO))
            cli_note(plan->cli, "type the text; end it with Ctrl-D");
        result = file_read_descriptor(STDIN_FILENO, SENDER_CONTENT_MAX, file);
    }
    if (result != FILE_DONE)
        return cli_fail_file(path ? path : "standard input", file_problem(result),
                             "give a text of at most 64 KiB that can be read");
    *text = file_span(file);
    return EXIT_DONE;
}

/* Other users see the command line of a process: the text goes from it as soon as it was read. */
static void hide_text(const struct send_plan *plan)
{
    const struct arguments *a = &plan->cli->arguments;
    if (a->operand_count > 1)
        bytes_wipe((void *)(uintptr_t)a->operand[1], strlen(a->operand[1]));
}

/* text/ types get CRLF line ends before they are signed (protocol.md 2.4); everything else stays as it is. */
static enum exit_code read_content(struct send_plan *plan)
{
    struct file_bytes file;
    struct span text = SPAN("");
    enum exit_code code = find_content(plan, &file, &text);
    if (code != EXIT_DONE)
        return code;
    struct writer w = arena_writer(&plan->arena, text.len * 2 + 1);
    if (text_type(plan->content_type))
        text_write_crlf(&w, text);
    else
        writer_put(&w, text);
    file_clear(&file);
    hide_text(plan);
    plan->content = writer_span(&w);
    if (w.full)
        return fail_memory();
    if (plan->content.len == 0)
        return cli_fail(EXIT_USAGE, "there is nothing to send; give a text");
    return EXIT_DONE;
}

/* --- certificates --- */

static enum exit_code add_readers(struct send_plan *plan, const struct party *party, int64_t now)
{
    struct certificate *found[KEYRING_OF_PARTY_MAX];
    size_t count;
    enum exit_code code = keyring_readers(&plan->keyring, party, now, found, &count);
    for (size_t i = 0; i < count; i++) {
        bool twice = false;
        for (size_t k = 0; k < plan->reader_count; k++)
            twice |= span_equal(plan->reader[k]->der, found[i]->der);
        if (twice || plan->reader_count == CMS_READERS_MAX) {
            certificate_release(found[i]);
            code = twice ? code : cli_fail(EXIT_REFUSED, "there are more than %d readers; name fewer", CMS_READERS_MAX);
            continue;
        }
        plan->reader[plan->reader_count++] = found[i];
        if (!party->is_user && plan->carry_count < SEND_MIDDLES_MAX)
            plan->carry[plan->carry_count++] = found[i];
    }
    return code;
}

static enum exit_code find_readers(struct send_plan *plan, int64_t now)
{
    enum exit_code code = add_readers(plan, &plan->recipient, now);
    plan->recipient_count = plan->reader_count;
    for (size_t i = 0; i < plan->middle_count && code == EXIT_DONE; i++)
        code = add_readers(plan, &plan->middle[i].party, now);
    return code;
}

static enum exit_code find_certificates(struct send_plan *plan)
{
    int64_t now = cli_now();
    if (plan->protection == PROTECT_NONE)
        return EXIT_DONE;
    enum exit_code code = keyring_open(plan->cli, &plan->keyring);
    if (code == EXIT_DONE)
        code = keyring_identity(&plan->keyring, &plan->self, &plan->identity);
    plan->has_identity = code == EXIT_DONE;
    if (code != EXIT_DONE)
        return code;
    enum rule rule = trust_check(plan->keyring.trust, plan->identity.certificate, NULL, 0, USE_SIGN, now);
    if (rule != RULE_OK)
        cli_note(plan->cli, "your own certificate (%s): %s; whoever verifies it will refuse it", plan->self.name,
                 rule_sentence(rule));
    return plan->protection == PROTECT_SEAL ? find_readers(plan, now) : EXIT_DONE;
}

enum exit_code send_plan_make(struct cli *cli, struct send_plan *plan)
{
    memset(plan, 0, sizeof *plan);
    plan->cli = cli;
    enum exit_code code = read_options(plan);
    if (code == EXIT_DONE && !arena_open(&plan->arena, SEND_ARENA))
        code = fail_memory();
    if (code == EXIT_DONE)
        code = find_certificates(plan);
    if (code == EXIT_DONE)
        code = read_content(plan);
    return code;
}

void send_plan_close(struct send_plan *plan)
{
    while (plan->reader_count > 0)
        certificate_release(plan->reader[--plan->reader_count]);
    if (plan->has_identity)
        identity_clear(&plan->identity);
    if (plan->keyring.trust)
        keyring_close(&plan->keyring);
    arena_close(&plan->arena);
}

const char *send_plan_role(const struct send_plan *plan, size_t reader)
{
    return reader < plan->recipient_count ? "recipient" : "middle";
}

/* --- making the body --- */

static void fill_labels(const struct send_plan *plan, struct span cid, struct labels *labels)
{
    for (size_t i = 0; i < plan->middle_count; i++) {
        struct label *label = &labels->label[labels->count++];
        *label = (struct label){
            .host = span_text(plan->middle[i].party.host),
            .cid = {cid},
            .cid_count = 1,
            .actions = plan->middle[i].actions,
        };
    }
}

static enum exit_code protect_plain(struct send_plan *plan, struct sender_body *body)
{
    struct writer w = arena_writer(&plan->arena, plan->content_type.len + 128);
    if (!compose_plain_headers(&w, plan->content_type))
        return fail_memory();
    *body = (struct sender_body){.headers = writer_span(&w), .body = plan->content};
    return EXIT_DONE;
}

enum exit_code send_plan_protect(struct send_plan *plan, const struct compose_identifiers *ids, int64_t now,
                                 struct sender_body *body)
{
    uint8_t random[PARTY_CID_RANDOM];
    char *cid = arena_take(&plan->arena, PARTY_CID_MAX);
    if (plan->protection == PROTECT_NONE)
        return protect_plain(plan, body);
    struct sender_draft draft = {
        .now = now,
        .signer = &plan->identity,
        .content_type = plan->content_type,
        .disposition = text_type(plan->content_type) ? SPAN("render") : SPAN(""),
        .content = plan->content,
        .reader = plan->reader,
        .reader_count = plan->reader_count,
        .carry = plan->carry,
        .carry_count = plan->carry_count,
    };
    if (!cid)
        return fail_memory();
    if (!random_bytes(random, sizeof random) || !random_bytes(draft.random, sizeof draft.random))
        return cli_fail(EXIT_REFUSED, "%s; try again", rule_sentence(RULE_NO_RANDOM));
    party_content_id(&plan->self, random, cid);
    draft.cid = span_text(cid);
    compose_context(ids, span_text(plan->self.uri), span_text(plan->recipient.uri), &draft.context);
    fill_labels(plan, draft.cid, &draft.labels);
    enum rule rule = sender_protect(&draft, &plan->arena, body);
    return rule == RULE_OK ? EXIT_DONE
                           : cli_fail(EXIT_REFUSED, "the message cannot be protected: %s; send less at once",
                                      rule_sentence(rule));
}
