#include "cli/send_plan.h"

#include <unistd.h>

#include "sipseal/random.h"
#include "ua/text.h"

static enum exit_code fail_memory(void)
{
    return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
}

/* --- content --- */

static enum exit_code fail_content(const char *path, enum file_result result)
{
    return cli_fail_file(path, file_problem(result), "give a content of at most 64 KiB that can be read");
}

/* The bytes as they were given; `file` owns them where they come from a file. */
static enum exit_code find_text(struct send_plan *plan, struct file_bytes *file, struct span *text)
{
    const struct arguments *a = &plan->cli->arguments;
    const char *path = arguments_value(a, "file");
    const char *operand = a->operand_count > 1 ? a->operand[1] : NULL;
    enum file_result result;

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
        return fail_content(path ? path : "standard input", result);
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
static enum exit_code read_content(struct send_plan *plan, struct send_part *part)
{
    struct file_bytes file = {0};
    struct span text = SPAN("");
    enum exit_code code = EXIT_DONE;
    if (part->path) {
        enum file_result result = file_read(part->path, SENDER_CONTENT_MAX, false, &file);
        text = file_span(&file);
        if (result != FILE_DONE)
            return fail_content(part->path, result);
    } else {
        code = find_text(plan, &file, &text);
    }
    if (code != EXIT_DONE)
        return code;
    struct writer w = arena_writer(&plan->arena, text.len * 2 + 1);
    if (text_type(part->type))
        text_write_crlf(&w, text);
    else
        writer_put(&w, text);
    file_clear(&file);
    part->content = writer_span(&w);
    if (w.full)
        return fail_memory();
    if (part->content.len == 0)
        return part->path ? cli_fail(EXIT_USAGE, "%s is empty; leave the part out", part->path)
                          : cli_fail(EXIT_USAGE, "there is nothing to send; give a text");
    return EXIT_DONE;
}

static enum exit_code read_contents(struct send_plan *plan)
{
    enum exit_code code = EXIT_DONE;
    for (size_t i = plan->kind == SEND_CALL ? 1 : 0; i < plan->part_count && code == EXIT_DONE; i++)
        code = read_content(plan, &plan->part[i]);
    hide_text(plan);
    return code;
}

/* --- certificates --- */

/* Beside the signer's and the sealing certificate. */
void send_plan_carry(struct send_plan *plan, struct certificate *c)
{
    for (size_t i = 0; i < plan->carry_count; i++)
        if (span_equal(plan->carry[i]->der, c->der))
            return;
    if (plan->carry_count < CERTIFICATES_IN_BAG_MAX - 2)
        plan->carry[plan->carry_count++] = c;
}

static enum exit_code add_readers(struct send_plan *plan, struct send_part *part, const struct party *party,
                                  int64_t now)
{
    struct certificate *found[KEYRING_OF_PARTY_MAX];
    size_t count;
    enum exit_code code = keyring_readers(&plan->keyring, party, now, found, &count);
    for (size_t i = 0; i < count; i++) {
        bool twice = false;
        for (size_t k = 0; k < part->reader_count; k++)
            twice |= span_equal(part->reader[k]->der, found[i]->der);
        if (twice || part->reader_count == CMS_READERS_MAX) {
            certificate_release(found[i]);
            code = twice ? code : cli_fail(EXIT_REFUSED, "there are more than %d readers; name fewer", CMS_READERS_MAX);
            continue;
        }
        part->reader[part->reader_count++] = found[i];
        if (!party->is_user)
            send_plan_carry(plan, found[i]);
    }
    return code;
}

/* The recipient, where the part is for it, and whom a further part names. */
static enum exit_code find_part_readers(struct send_plan *plan, struct send_part *part, int64_t now)
{
    enum exit_code code = part->for_recipient ? add_readers(plan, part, &plan->recipient, now) : EXIT_DONE;
    part->recipient_count = part->reader_count;
    for (size_t i = 0; i < part->named_count && code == EXIT_DONE; i++)
        code = add_readers(plan, part, &part->named[i], now);
    return code;
}

static enum exit_code find_readers(struct send_plan *plan, int64_t now)
{
    enum exit_code code = EXIT_DONE;
    for (size_t i = 0; i < plan->part_count && code == EXIT_DONE; i++)
        code = find_part_readers(plan, &plan->part[i], now);
    for (size_t i = 0; i < plan->middle_count && code == EXIT_DONE; i++)
        if (plan->middle[i].part == 0 && plan->middle[i].actions & LABEL_VIEW)
            code = add_readers(plan, &plan->part[0], &plan->middle[i].party, now);
    return code;
}

static enum exit_code find_certificates(struct send_plan *plan)
{
    int64_t now = cli_now();
    if (plan->protection == PROTECT_NONE)
        return EXIT_DONE;
    enum exit_code code = keyring_open(plan->cli, &plan->keyring);
    if (code == EXIT_DONE)
        code = keyring_signer(&plan->keyring, &plan->self, &plan->identity, &plan->sealing);
    plan->has_identity = code == EXIT_DONE;
    if (code != EXIT_DONE)
        return code;
    enum rule rule = trust_check(plan->keyring.trust, plan->identity.certificate, NULL, 0, USE_SIGN, now);
    if (rule != RULE_OK)
        cli_note(plan->cli, "your own certificate (%s): %s; whoever verifies it will refuse it", plan->self.name,
                 rule_sentence(rule));
    return plan->protection == PROTECT_SEAL ? find_readers(plan, now) : EXIT_DONE;
}

enum exit_code send_plan_make(struct cli *cli, enum send_kind kind, struct send_plan *plan)
{
    memset(plan, 0, sizeof *plan);
    plan->cli = cli;
    plan->kind = kind;
    if (!arena_open(&plan->arena, SEND_ARENA))
        return fail_memory();
    enum exit_code code = send_options_read(plan);
    if (code == EXIT_DONE)
        code = find_certificates(plan);
    if (code == EXIT_DONE)
        code = read_contents(plan);
    return code;
}

void send_plan_close(struct send_plan *plan)
{
    for (size_t i = 0; i < plan->part_count; i++)
        while (plan->part[i].reader_count > 0)
            certificate_release(plan->part[i].reader[--plan->part[i].reader_count]);
    certificate_release(plan->sealing);
    if (plan->has_identity)
        identity_clear(&plan->identity);
    if (plan->keyring.trust)
        keyring_close(&plan->keyring);
    arena_close(&plan->arena);
}

struct span send_plan_method(const struct send_plan *plan)
{
    return plan->kind == SEND_CALL ? SPAN("INVITE") : SPAN("MESSAGE");
}

const char *send_plan_role(const struct send_part *part, size_t reader)
{
    return reader < part->recipient_count ? "recipient" : part->path ? "reader" : "middle";
}

/* --- making the body --- */

static bool make_content_ids(struct send_plan *plan)
{
    uint8_t random[2 * PARTY_CID_RANDOM];
    for (size_t i = 0; i < plan->part_count; i++) {
        if (!random_bytes(random, sizeof random))
            return false;
        party_content_id(&plan->self, random, plan->part[i].cid);
        party_content_id(&plan->self, random + PARTY_CID_RANDOM, plan->part[i].outer_cid);
    }
    return true;
}

/* What a middle may view is named by its sealing, inside of an outer signature where there is one; what it only
 * verifies, by the signatures of all parts. */
static void fill_label(const struct send_plan *plan, const struct middle_wish *wish, struct label *label)
{
    bool views = plan->protection == PROTECT_SEAL && wish->actions & LABEL_VIEW;
    *label = (struct label){.host = span_text(wish->party.host), .actions = wish->actions};
    if (plan->outer)
        for (size_t i = 0; i < plan->part_count; i++)
            if (!views || i == wish->part)
                label->cid[label->cid_count++] = span_text(plan->part[i].outer_cid);
    if (views || !plan->outer)
        label->cid[label->cid_count++] = span_text(plan->part[wish->part].cid);
}

static void fill_layers(const struct send_plan *plan, const struct send_part *from, struct sender_part *part)
{
    const struct sender_layer signature = {.kind = SENDER_SIGNED};
    const struct sender_layer sealing = {.kind = SENDER_SEALED, .cid = span_text(from->cid)};
    part->layer[part->layer_count++] = signature;
    if (plan->protection == PROTECT_SEAL) {
        part->layer[part->layer_count++] = sealing;
        if (plan->outer)
            part->layer[part->layer_count++] =
                (struct sender_layer){.kind = SENDER_SIGNED, .cid = span_text(from->outer_cid)};
        return;
    }
    part->layer[0].cid = span_text(from->cid);
    if (plan->protection == PROTECT_CLEAR)
        part->layer[0].kind = SENDER_CLEAR_SIGNED;
}

static void fill_part(const struct send_plan *plan, const struct send_part *from, struct sender_part *part)
{
    *part = (struct sender_part){
        .content_type = from->type,
        .disposition = from->disposition,
        .content = from->content,
        .reader = from->reader,
        .reader_count = from->reader_count,
        .optional = !from->for_recipient,
    };
    fill_layers(plan, from, part);
}

static enum exit_code protect_plain(struct send_plan *plan, struct sender_body *body)
{
    struct writer w = arena_writer(&plan->arena, plan->part[0].type.len + 128);
    if (!compose_plain_headers(&w, plan->part[0].type))
        return fail_memory();
    *body = (struct sender_body){.headers = writer_span(&w), .body = plan->part[0].content};
    return EXIT_DONE;
}

enum exit_code send_plan_protect(struct send_plan *plan, const struct message_context *context, int64_t now,
                                 struct sender_body *body)
{
    if (plan->protection == PROTECT_NONE)
        return protect_plain(plan, body);
    struct sender_draft draft = {
        .context = *context,
        .now = now,
        .signer = &plan->identity,
        .sealing = plan->sealing,
        .carry = plan->carry,
        .carry_count = plan->carry_count,
        .part_count = plan->part_count,
    };
    if (!make_content_ids(plan) || !random_bytes(draft.random, sizeof draft.random))
        return cli_fail(EXIT_REFUSED, "%s; try again", rule_sentence(RULE_NO_RANDOM));
    for (size_t i = 0; i < plan->middle_count; i++)
        fill_label(plan, &plan->middle[i], &draft.labels.label[draft.labels.count++]);
    for (size_t i = 0; i < plan->part_count; i++)
        fill_part(plan, &plan->part[i], &draft.part[i]);
    enum rule rule = sender_protect(&draft, &plan->arena, body);
    return rule == RULE_OK ? EXIT_DONE
                           : cli_fail(EXIT_REFUSED, "the message cannot be protected: %s; send less at once",
                                      rule_sentence(rule));
}
