/* sipseal archive list, archive show */
#include <string.h>

#include "cli/inspect_report.h"
#include "cli/message_report.h"
#include "service/archive_db.h"
#include "sipseal/clock.h"

enum { SHOW_ARENA = 8 * 1024 * 1024, ID_MAX = 2147483647 };

static enum exit_code open_archive(struct cli *cli, struct archive_db **db)
{
    const char *path = arguments_value(&cli->arguments, "archive");
    if (!path)
        return cli_fail(EXIT_USAGE, "which archive is missing; add --archive FILE");
    enum rule rule = archive_db_open(path, true, db);
    if (rule == RULE_OK)
        return EXIT_DONE;
    return cli_fail_file(path, rule_sentence(rule), "name the archive of sipseald");
}

static const char *time_text(int64_t seconds, char out[32])
{
    struct writer w = writer_over(out, 31);
    clock_write_rfc3339(&w, seconds);
    out[w.len] = 0;
    return out;
}

static json_t *json_meta(const struct archive_row *row)
{
    const struct archive_meta *m = &row->record.meta;
    json_t *out = json_object();
    json_object_set_new(out, "id", json_integer(row->id));
    json_object_set_new(out, "received", cli_json_time(m->received));
    json_object_set_new(out, "method", cli_json_text(m->method));
    json_object_set_new(out, "from", cli_json_text(m->from));
    json_object_set_new(out, "to", cli_json_text(m->to));
    json_object_set_new(out, "request_uri", cli_json_text(m->request_uri));
    json_object_set_new(out, "call_id", cli_json_text(m->call_id));
    json_object_set_new(out, "cseq", json_integer(m->cseq));
    json_object_set_new(out, "signer", m->signer.len ? cli_json_text(m->signer) : json_null());
    json_object_set_new(out, "proof", json_string(archive_proof_name(m->proof)));
    json_object_set_new(out, "signature", json_string(rule_name(m->signature)));
    json_object_set_new(out, "sealed", json_boolean(m->sealed));
    json_object_set_new(out, "status", row->status ? json_integer(row->status) : json_null());
    return out;
}

static void print_meta(const struct archive_row *row)
{
    const struct archive_meta *m = &row->record.meta;
    char when[32], from[PARTY_NAME_MAX], to[PARTY_NAME_MAX], status[16] = "no answer";
    if (row->status)
        snprintf(status, sizeof status, "%u", (unsigned)row->status);
    printf("%lld  %s  %s -> %s  %s, %s  %s\n", (long long)row->id, time_text(m->received, when),
           cli_shown(m->from, from, sizeof from), cli_shown(m->to, to, sizeof to), m->sealed ? "sealed" : "not sealed",
           m->signature == RULE_OK ? "proven" : "not proven", status);
}

/* --- list --- */

static bool list_row(void *context, const struct archive_row *row)
{
    const struct cli *cli = context;
    if (cli->json)
        cli_print_json(json_meta(row));
    else
        print_meta(row);
    return ferror(stdout) == 0;
}

static enum exit_code run_list(struct cli *cli)
{
    struct archive_db *db;
    enum exit_code code = open_archive(cli, &db);
    if (code != EXIT_DONE)
        return code;
    enum rule rule = archive_db_each(db, 0, list_row, cli);
    archive_db_close(db);
    return rule == RULE_OK ? EXIT_DONE
                           : cli_fail_file(arguments_value(&cli->arguments, "archive"), rule_sentence(rule),
                                           "restore it from a copy");
}

static const struct option list_options[] = {
    {.name = "archive", .value = "FILE", .help = "the archive"},
};
const struct command command_archive_list = {
    .words = "archive list",
    .operands = "",
    .about = "lists the records of an archive; needs no key",
    .options = list_options,
    .option_count = sizeof list_options / sizeof list_options[0],
    .run = run_list,
};

/* --- show --- */

struct showing {
    struct cli *cli;
    struct keyring keyring; /* as of when the message was received */
    struct keyring present;
    struct arena arena;
    struct party reader;
    struct identity identity;
    bool has_identity;
    struct archive_row row;
    struct archive_content content;
    bool unverified, revoked_since;
    json_t *json_objects;
};

static enum exit_code find_record(struct showing *s)
{
    struct archive_db *db;
    uint32_t id;
    const char *given = s->cli->arguments.operand[0];
    if (!span_decimal(span_text(given), ID_MAX, &id))
        return cli_fail(EXIT_USAGE, "%s is no record number; `sipseal archive list` shows them", given);
    enum exit_code code = open_archive(s->cli, &db);
    if (code != EXIT_DONE)
        return code;
    enum rule rule = archive_db_find(db, id, &s->arena, &s->row);
    archive_db_close(db);
    if (rule == RULE_OK)
        return EXIT_DONE;
    return cli_fail(EXIT_REFUSED, "record %u: %s; `sipseal archive list` shows them", (unsigned)id,
                    rule_sentence(rule));
}

static enum exit_code find_reader(struct showing *s)
{
    const struct arguments *a = &s->cli->arguments;
    const char *as = arguments_value(a, "as"), *key = arguments_value(a, "key"), *cert = arguments_value(a, "cert");
    enum exit_code code;
    if (as ? key || cert : !key || !cert)
        return cli_fail(EXIT_USAGE, "whose key opens it? give --as NAME, or both --key FILE and --cert FILE");
    if (as && !party_parse(span_text(as), &s->reader))
        return cli_fail(EXIT_USAGE, "%s is no name; give one like auditor@home.example", as);
    code = keyring_open_as_of(s->cli, s->row.record.meta.received, &s->keyring);
    if (code == EXIT_DONE)
        code = keyring_open(s->cli, &s->present);
    if (code != EXIT_DONE)
        return code;
    code = as ? keyring_identity(&s->keyring, &s->reader, &s->identity)
              : keyring_identity_files(&s->keyring, cert, key, &s->identity);
    s->has_identity = code == EXIT_DONE;
    if (code == EXIT_DONE && !as)
        keyring_shown_name(s->identity.certificate, s->reader.name);
    return code;
}

static enum exit_code open_record(struct showing *s)
{
    enum rule rule = archive_open(&s->row.record, &s->identity, &s->arena, &s->content);
    if (rule == RULE_OK)
        return EXIT_DONE;
    return cli_fail(rule == RULE_FILE_FORMAT ? EXIT_REFUSED : EXIT_UNREADABLE,
                    "record %lld cannot be opened as %s: %s; only the archive's readers can", (long long)s->row.id,
                    s->reader.name,
                    rule == RULE_CMS_NOT_READER ? "it is not sealed to this reader" : rule_sentence(rule));
}

/* What the archive recorded in the clear, bound to the ciphertext: what the signature is compared with. Tags are not
 * recorded; they are taken from the signed copy, which the vault compared when the message came. */
static void recorded_context(const struct archive_meta *m, struct message_context *context)
{
    *context = (struct message_context){
        .from_uri = m->from,
        .to_uri = m->to,
        .call_id = m->call_id,
        .cseq = m->cseq,
        .method = m->method,
        .request_uri = m->request_uri,
    };
}

/* The tags and the number of readers, from the signed copy: it need not hold at this point. */
static void complete_terms(struct showing *s, const struct mime_entity *entity, struct message_context *context,
                           struct proof_sealed *sealed, struct inspection_terms *terms)
{
    struct mime_budget budget = MIME_BUDGET_WHOLE;
    struct proof proof;
    const struct proof_terms first = {
        .trust = s->keyring.trust,
        .now = terms->now,
        .window = terms->window,
        .context = context,
    };
    if (entity->kind != MIME_SIGNED && entity->kind != MIME_CLEAR_SIGNED)
        return;
    proof_examine(entity, &first, &budget, &s->arena, &proof);
    if (proof.has_frag) {
        context->from_tag = proof.frag.context.from_tag;
        context->to_tag = proof.frag.context.to_tag;
    }
    if (proof.has_frag && proof.frag.has_sealed_for) {
        sealed->encrypted_keys = proof.frag.sealed_for.reader_count;
        terms->sealed = sealed;
    }
    proof_clear(&proof);
}

static void show_inspection(struct showing *s, const struct message_context *context,
                            const struct inspection *inspection)
{
    const struct labels none = {0};
    const struct inspect_report r = {
        .cli = s->cli,
        .keyring = &s->keyring,
        .self = s->identity.certificate,
        .self_name = s->reader.name,
        .context = context,
        .labels = &none,
        .inspection = inspection,
        .arena = &s->arena,
        .now = s->row.record.meta.received,
        .archived = true,
    };
    if (s->cli->json)
        json_array_append_new(s->json_objects, inspect_json_parts(&r));
    else
        inspect_print_parts(&r);
}

/* What was valid then may have been revoked since: that does not undo the record, but a reader wants to know. */
static void note_revoked(struct showing *s, const struct inspection *inspection)
{
    char name[PARTY_NAME_MAX];
    for (size_t i = 0; i < inspection->count; i++) {
        const struct proof *proof = &inspection->part[i].proof;
        if (!inspection->part[i].is_signed || !proof->signer ||
            trust_check(s->present.trust, proof->signer, proof->bag, proof->bag_count, USE_SIGN, cli_now()) !=
                RULE_CERT_REVOKED)
            continue;
        s->revoked_since = true;
        cli_note(s->cli, "the certificate of %s has been revoked since", keyring_shown_name(proof->signer, name));
    }
}

static enum exit_code show_object(struct showing *s, const struct archive_object *object)
{
    struct mime_entity entity;
    struct message_context context;
    struct inspection inspection;
    struct proof_sealed sealed = {.cid = object->cid};
    struct inspection_terms terms = {
        .self = &s->identity,
        .trust = s->keyring.trust,
        .now = s->row.record.meta.received,
        .window = PROOF_WINDOW_DEFAULT,
        .context = &context,
    };
    recorded_context(&s->row.record.meta, &context);
    enum rule rule = mime_entity_parse(object->object, &entity);
    if (rule != RULE_OK)
        return cli_fail(EXIT_REFUSED, "a part of the record cannot be read: %s; report it", rule_sentence(rule));
    complete_terms(s, &entity, &context, &sealed, &terms);
    if (!inspect_body(&entity, &terms, &s->arena, &inspection))
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    show_inspection(s, &context, &inspection);
    note_revoked(s, &inspection);
    s->unverified |= inspection_judge(&inspection) != INSPECTION_FINE;
    inspection_clear(&inspection);
    return EXIT_DONE;
}

static enum exit_code show_record(struct showing *s)
{
    enum exit_code code = EXIT_DONE;
    if (s->cli->json)
        s->json_objects = json_array();
    else
        print_meta(&s->row);
    for (size_t i = 0; i < s->content.count && code == EXIT_DONE; i++)
        code = show_object(s, &s->content.object[i]);
    if (s->cli->json) {
        json_t *out = json_meta(&s->row);
        json_object_set_new(out, "verified", json_boolean(!s->unverified));
        json_object_set_new(out, "revoked_since", json_boolean(s->revoked_since));
        json_object_set_new(out, "objects", s->json_objects);
        cli_print_json(out);
    }
    if (code == EXIT_DONE && s->unverified)
        return cli_fail(EXIT_UNVERIFIED, "not everything in the record is proven; see above for what is not and why");
    return code;
}

static enum exit_code show(struct showing *s)
{
    enum exit_code code = find_record(s);
    if (code == EXIT_DONE)
        code = find_reader(s);
    if (code == EXIT_DONE)
        code = open_record(s);
    if (code != EXIT_DONE)
        return code;
    keyring_know_all(&s->keyring);
    return show_record(s);
}

static enum exit_code run_show(struct cli *cli)
{
    struct showing s = {.cli = cli};
    if (!arena_open(&s.arena, SHOW_ARENA))
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    enum exit_code code = show(&s);
    if (s.has_identity)
        identity_clear(&s.identity);
    if (s.keyring.trust)
        keyring_close(&s.keyring);
    if (s.present.trust)
        keyring_close(&s.present);
    arena_close(&s.arena);
    return code;
}

static const struct option show_options[] = {
    {.name = "archive", .value = "FILE", .help = "the archive"},
    {.name = "as", .value = "NAME", .help = "the reader, whose key is in the folder of keys"},
    {.name = "key", .value = "FILE", .help = "the reader's key"},
    {.name = "cert", .value = "FILE", .help = "the reader's certificate"},
};
const struct command command_archive_show = {
    .words = "archive show",
    .operands = "ID",
    .about = "decrypts a record for one of the archive's readers, and verifies it again",
    .operands_min = 1,
    .operands_max = 1,
    .options = show_options,
    .option_count = sizeof show_options / sizeof show_options[0],
    .run = run_show,
};
