/* sipseal contact add, contact list, contact show */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/keyring.h"
#include "sipseal/clock.h"
#include "sipseal/pem.h"


/* Pairs with colons, as certificate viewers show them, so that they can be compared by eye. */
static const char *fingerprint(const struct certificate *c, char out[CERTIFICATE_HASH_LEN * 3])
{
    char *at = out;
    for (size_t i = 0; i < CERTIFICATE_HASH_LEN; i++)
        at += snprintf(at, 4, "%02X%s", c->hash[i], i + 1 < CERTIFICATE_HASH_LEN ? ":" : "");
    return out;
}

static void print_certificate(const struct cli *cli, const struct party *party, const struct certificate *c)
{
    char text[CERTIFICATE_HASH_LEN * 3], date[32];
    struct writer w = writer_over(date, sizeof date - 1);
    clock_write_rfc3339(&w, c->not_after);
    date[w.len] = 0;
    if (!cli->json) {
        printf("%s\n  SHA-256 %s\n  valid until %s%s\n", party->name, fingerprint(c, text), date,
               c->may_agree || c->may_encipher ? "" : "; for signatures only");
        return;
    }
    json_t *out = json_object();
    json_object_set_new(out, "name", json_string(party->name));
    json_object_set_new(out, "sha256", cli_json_hex(span_of(c->hash, sizeof c->hash)));
    json_object_set_new(out, "key_sha256", cli_json_hex(span_of(c->key_hash, sizeof c->key_hash)));
    json_object_set_new(out, "not_before", cli_json_time(c->not_before));
    json_object_set_new(out, "not_after", cli_json_time(c->not_after));
    json_object_set_new(out, "may_sign", json_boolean(c->may_sign));
    json_object_set_new(out, "may_seal", json_boolean(c->may_agree || c->may_encipher));
    cli_print_json(out);
}

/* --- add --- */

enum { BAG_MAX = 32 /* certificates in a file that is added */ };

struct adding {
    struct cli *cli;
    struct keyring keyring;
    const char *path;
    struct party party;
    struct certificate *bag[BAG_MAX]; /* references: whatever the file holds */
    size_t bag_count;
    struct certificate *certificate[KEYRING_OF_PARTY_MAX]; /* those of the party that can be sealed to; borrowed */
    size_t count;
};

static enum exit_code read_certificates(struct adding *a)
{
    struct file_bytes file;
    bool standard = strcmp(a->path, "-") == 0;
    enum file_result result = standard ? file_read_descriptor(STDIN_FILENO, FILES_PEM_MAX, &file)
                                       : file_read(a->path, FILES_PEM_MAX, false, &file);
    if (result != FILE_DONE)
        return cli_fail_file(a->path, file_problem(result), "name the file of the certificate");
    enum rule rule =
        keyring_read_certificates(&a->keyring.arena, file_span(&file), a->bag, BAG_MAX, &a->bag_count);
    file_clear(&file);
    if (rule == RULE_OK && a->bag_count > 0)
        return EXIT_DONE;
    return cli_fail_file(a->path, rule == RULE_OK ? "there is no certificate in it" : rule_sentence(rule),
                         "it must hold the contact's certificate in PEM");
}

static enum exit_code fail_several(const struct adding *a)
{
    return cli_fail(EXIT_USAGE, "%s: the certificates name several; say which with --name", a->path);
}

/* Whom the certificates name: what the user says, else the only name in them. Authorities have none. */
static enum exit_code choose_party(struct adding *a)
{
    const char *name = arguments_value(&a->cli->arguments, "name");
    char shown[PARTY_NAME_MAX];
    struct party party;
    if (name)
        return party_parse(span_text(name), &a->party)
                   ? EXIT_DONE
                   : cli_fail(EXIT_USAGE, "%s is no name; give one like bob@far.example or proxy1.home.example", name);
    for (size_t i = 0; i < a->bag_count; i++) {
        if (a->bag[i]->name_count > 1)
            return fail_several(a);
        if (a->bag[i]->name_count == 0 || !party_parse(span_text(keyring_shown_name(a->bag[i], shown)), &party))
            continue;
        if (a->party.name[0] && strcmp(a->party.name, party.name) != 0)
            return fail_several(a);
        a->party = party;
    }
    if (!a->party.name[0])
        return cli_fail(EXIT_UNVERIFIED, "%s: the certificate names no user and no proxy; get one that does", a->path);
    return EXIT_DONE;
}

/* Keeps of the bag what can be sealed to this party; the others may help to trust it. One that fails beside one that
 * holds (an old one, say) is left out. */
static enum exit_code choose_certificates(struct adding *a, int64_t now)
{
    enum rule broken = RULE_IDENTITY_MISMATCH;
    for (size_t i = 0; i < a->bag_count; i++) {
        struct certificate *c = a->bag[i];
        if (!keyring_names(c, &a->party))
            continue;
        enum rule rule = trust_check(a->keyring.trust, c, a->bag, a->bag_count, USE_SEAL, now);
        if (rule == RULE_OK && a->count < KEYRING_OF_PARTY_MAX)
            a->certificate[a->count++] = c;
        else if (rule != RULE_OK && (broken == RULE_IDENTITY_MISMATCH || rule != RULE_CERT_USAGE))
            broken = rule;
    }
    if (a->count > 0)
        return EXIT_DONE;
    if (broken == RULE_IDENTITY_MISMATCH)
        return cli_fail(EXIT_UNVERIFIED, "%s: the certificate does not name %s; get one that does", a->path,
                        a->party.name);
    if (broken == RULE_CERT_USAGE)
        return cli_fail(EXIT_UNVERIFIED, "%s: its certificate of %s is for signatures only; get the one to seal to",
                        a->path, a->party.name);
    return cli_fail(EXIT_UNVERIFIED,
                    "%s: %s; get a valid one, or name the authority that you trust for it with --trust", a->path, rule_sentence(broken));
}

static bool has_key(const struct certificate *c, struct certificate *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(c->key_hash, list[i]->key_hash, sizeof c->key_hash) == 0)
            return true;
    return false;
}

/* A key that changes is told to the user (protocol.md 2.2): it may be a new phone, or somebody else. */
static enum exit_code check_change(struct adding *a, const char *path)
{
    struct certificate *old[KEYRING_OF_PARTY_MAX];
    struct file_bytes file;
    size_t old_count = 0;
    bool changed = true;
    char was[CERTIFICATE_HASH_LEN * 3];
    enum file_result result = file_read(path, FILES_PEM_MAX, false, &file);
    if (result == FILE_ABSENT)
        return EXIT_DONE;
    if (result == FILE_DONE && keyring_read_certificates(&a->keyring.arena, file_span(&file), old, KEYRING_OF_PARTY_MAX,
                                                         &old_count) == RULE_OK && old_count > 0) {
        changed = false;
        for (size_t i = 0; i < a->count; i++)
            changed |= !has_key(a->certificate[i], old, old_count);
        fingerprint(old[0], was);
    } else {
        snprintf(was, sizeof was, "unreadable");
    }
    file_clear(&file);
    for (size_t i = 0; i < old_count; i++)
        certificate_release(old[i]);
    if (!changed || arguments_has(&a->cli->arguments, "replace"))
        return EXIT_DONE;
    return cli_fail(EXIT_REFUSED,
                    "%s has another key already (%s); ask the contact by another way whether the key is new, then add "
                    "--replace",
                    a->party.name, was);
}

static enum exit_code store(struct adding *a, const char *path)
{
    struct writer w = arena_writer(&a->keyring.arena, KEYRING_ARENA / 4);
    for (size_t i = 0; i < a->count; i++)
        pem_write(&w, PEM_CERTIFICATE, a->certificate[i]->der);
    if (w.full)
        return cli_fail(EXIT_REFUSED, "%s; give fewer certificates", rule_sentence(RULE_NO_MEMORY));
    enum file_result result = folder_make(a->cli->contacts);
    if (result == FILE_DONE)
        result = file_write(path, writer_span(&w), FILES_PUBLIC_MODE, true);
    return result == FILE_DONE ? EXIT_DONE
                               : cli_fail_file(path, file_problem(result), "choose another folder with --contacts");
}

static enum exit_code add(struct adding *a)
{
    char path[PATH_MAX];
    enum exit_code code = read_certificates(a);
    if (code == EXIT_DONE)
        code = choose_party(a);
    if (code == EXIT_DONE)
        code = choose_certificates(a, cli_now());
    if (code == EXIT_DONE && !file_path(path, a->cli->contacts, span_text(a->party.file), ".pem"))
        code = cli_fail(EXIT_USAGE, "the name of a folder is too long; choose a shorter one");
    if (code == EXIT_DONE)
        code = check_change(a, path);
    if (code == EXIT_DONE)
        code = store(a, path);
    for (size_t i = 0; i < a->count && code == EXIT_DONE; i++)
        print_certificate(a->cli, &a->party, a->certificate[i]);
    if (code == EXIT_DONE && a->bag_count > a->count)
        cli_note(a->cli, "%zu of %zu certificates were kept: those that %s can be sealed to", a->count, a->bag_count,
                 a->party.name);
    return code;
}

static enum exit_code run_add(struct cli *cli)
{
    struct adding a = {.cli = cli, .path = cli->arguments.operand[0]};
    enum exit_code code = keyring_open(cli, &a.keyring);
    if (code != EXIT_DONE)
        return code;
    code = add(&a);
    for (size_t i = 0; i < a.bag_count; i++)
        certificate_release(a.bag[i]);
    keyring_close(&a.keyring);
    return code;
}

static const struct option add_options[] = {
    {.name = "name", .value = "NAME", .help = "whom the certificates must name"},
    {.name = "replace", .help = "replace a certificate with another key"},
};
const struct command command_contact_add = {
    .words = "contact add",
    .operands = "FILE",
    .about = "checks the certificates of somebody else, and keeps those that can be sealed to",
    .operands_min = 1,
    .operands_max = 1,
    .options = add_options,
    .option_count = sizeof add_options / sizeof add_options[0],
    .run = run_add,
};

/* --- list and show --- */

static enum exit_code show_file(struct cli *cli, struct arena *arena, const char *path, const struct party *party)
{
    struct certificate *list[KEYRING_OF_PARTY_MAX];
    struct file_bytes file;
    size_t count = 0;
    enum file_result result = file_read(path, FILES_PEM_MAX, false, &file);
    if (result != FILE_DONE)
        return cli_fail_file(path, file_problem(result), "`sipseal contact list` lists the contacts");
    enum rule rule = keyring_read_certificates(arena, file_span(&file), list, KEYRING_OF_PARTY_MAX, &count);
    file_clear(&file);
    if (rule != RULE_OK)
        return cli_fail_file(path, rule_sentence(rule), "get the certificate again");
    for (size_t i = 0; i < count; i++) {
        struct party named = *party;
        if (!named.name[0])
            keyring_shown_name(list[i], named.name);
        print_certificate(cli, &named, list[i]);
        certificate_release(list[i]);
    }
    return EXIT_DONE;
}

static enum exit_code run_show(struct cli *cli)
{
    char path[PATH_MAX];
    struct party party;
    struct arena arena;
    const char *name = cli->arguments.operand[0];
    if (!party_parse(span_text(name), &party))
        return cli_fail(EXIT_USAGE, "%s is no name; give one like bob@far.example or proxy1.home.example", name);
    if (!file_path(path, cli->contacts, span_text(party.file), ".pem"))
        return cli_fail(EXIT_USAGE, "the name of a folder is too long; choose a shorter one");
    if (!arena_open(&arena, FILES_PEM_MAX))
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    enum exit_code code = show_file(cli, &arena, path, &party);
    arena_close(&arena);
    return code;
}

const struct command command_contact_show = {
    .words = "contact show",
    .operands = "NAME",
    .about = "shows a contact's certificate",
    .operands_min = 1,
    .operands_max = 1,
    .run = run_show,
};

static int is_contact(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".pem") == 0;
}

static enum exit_code run_list(struct cli *cli)
{
    struct dirent **entries = NULL;
    struct arena arena;
    const struct party unnamed = {0};
    if (!arena_open(&arena, FILES_PEM_MAX))
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    int count = scandir(cli->contacts, &entries, is_contact, alphasort);
    enum exit_code code = EXIT_DONE;
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        if (file_path(path, cli->contacts, span_text(entries[i]->d_name), "")) {
            enum exit_code one = show_file(cli, &arena, path, &unnamed);
            code = code == EXIT_DONE ? one : code;
        }
        free(entries[i]);
    }
    free(entries);
    arena_close(&arena);
    if (count <= 0)
        cli_note(cli, "no contacts are stored in %s", cli->contacts);
    return code;
}

const struct command command_contact_list = {
    .words = "contact list",
    .operands = "",
    .about = "lists the contacts",
    .run = run_list,
};
