/* sipseal ca init, ca issue, ca revoke */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/ca_files.h"
#include "sipseal/pem.h"

enum {
    AUTHORITY_DAYS = 3650,
    CERTIFICATE_DAYS = 365,
    LIST_DAYS = 90,
    DAYS_MAX = 36500,
    ISSUE_ARENA = 256 * 1024,
};

static enum exit_code read_days(struct cli *cli, uint32_t fallback, uint32_t *days)
{
    char error[ARGUMENTS_ERROR_MAX];
    if (arguments_number(&cli->arguments, "days", 1, DAYS_MAX, fallback, days, error))
        return EXIT_DONE;
    return cli_fail(EXIT_USAGE, "%s", error);
}

/* The kind of key that an option names, which must be able to do what it is for. */
static enum exit_code read_kind(struct cli *cli, const char *option, bool signs, bool seals, enum issue_key_kind *kind)
{
    const char *given = arguments_value(&cli->arguments, option);
    if (!given)
        return EXIT_DONE;
    if (!issue_key_named(span_text(given), kind))
        return cli_fail(EXIT_USAGE,
                        "%s is no kind of key; choose among p256, p384, rsa2048, rsa3072, rsa4096, ed25519 and x25519",
                        given);
    const struct issue_key_traits *traits = issue_key_traits(*kind);
    if (signs && seals && !(traits->signs && traits->seals))
        return cli_fail(EXIT_USAGE,
                        "a key of the kind %s cannot both sign and be sealed to; use --separate, and --%s %s",
                        given, traits->signs ? "sign" : "seal", given);
    if ((signs && !traits->signs) || (seals && !traits->seals))
        return cli_fail(EXIT_USAGE, "a key of the kind %s cannot %s; choose another for --%s", given,
                        signs ? "sign" : "be sealed to", option);
    return EXIT_DONE;
}

static json_t *json_certificate(const struct certificate *c)
{
    char name[PARTY_NAME_MAX];
    json_t *out = json_object();
    json_object_set_new(out, "name", cli_json_text(span_text(keyring_shown_name(c, name))));
    json_object_set_new(out, "sha256", cli_json_hex(span_of(c->hash, sizeof c->hash)));
    json_object_set_new(out, "not_before", cli_json_time(c->not_before));
    json_object_set_new(out, "not_after", cli_json_time(c->not_after));
    return out;
}

/* --- init --- */

static void report_authority(struct cli *cli, const struct authority *a)
{
    if (!cli->json) {
        printf("certificate authority in %s\n", a->folder);
        return;
    }
    json_t *out = json_certificate(a->identity.certificate);
    json_object_del(out, "name");
    json_object_set_new(out, "folder", cli_json_text(span_text(a->folder)));
    cli_print_json(out);
}

static enum exit_code run_init(struct cli *cli)
{
    char folder[PATH_MAX];
    uint32_t days;
    struct authority a;
    enum issue_key_kind kind = ISSUE_P256;
    const char *name = arguments_value(&cli->arguments, "name");
    enum exit_code code = read_days(cli, AUTHORITY_DAYS, &days);
    if (code == EXIT_DONE)
        code = read_kind(cli, "key", true, false, &kind);
    if (code == EXIT_DONE && !authority_folder(cli, arguments_value(&cli->arguments, "o"), folder))
        code = EXIT_USAGE;
    if (code == EXIT_DONE)
        code = authority_make(folder, name ? name : "sipseal CA", kind, days, cli_now());
    if (code == EXIT_DONE)
        code = authority_open(folder, &a);
    if (code != EXIT_DONE)
        return code;
    report_authority(cli, &a);
    authority_close(&a);
    return EXIT_DONE;
}

static const struct option init_options[] = {
    {.letter = 'o', .value = "DIR", .help = "where to make it"},
    {.name = "name", .value = "NAME", .help = "what the certificate calls it (sipseal CA)"},
    {.name = "key", .value = "KIND", .help = "the kind of its key (p256)"},
    {.name = "days", .value = "N", .help = "for how long it is valid (3650)"},
};
const struct command command_ca_init = {
    .words = "ca init",
    .operands = "",
    .about = "makes a certificate authority",
    .options = init_options,
    .option_count = sizeof init_options / sizeof init_options[0],
    .run = run_init,
};

/* --- issue --- */

struct issuing {
    struct cli *cli;
    struct authority *authority;
    const char *folder;
    /* What is made for each name: one certificate, or the one that others seal to and then the one that signs. */
    struct issue_wish {
        const char *apart; /* between the name and the ends of the files' names */
        const char *use;
        enum issue_usage usage;
        enum issue_key_kind key;
    } wish[2];
    size_t wish_count;
    uint32_t days;
    bool replace;
    bool tls; /* keys for TLS, in files of their own */
    int64_t now;
};

struct issue_paths {
    char key[PATH_MAX], certificate[PATH_MAX];
};

static bool paths_of(const struct issuing *i, const struct party *party, const char *apart, struct issue_paths *paths)
{
    char key[16], certificate[16];
    snprintf(key, sizeof key, "%s" KEYRING_KEY, apart);
    snprintf(certificate, sizeof certificate, "%s" KEYRING_CERTIFICATE, apart);
    if (file_path(paths->key, i->folder, span_text(party->file), key) &&
        file_path(paths->certificate, i->folder, span_text(party->file), certificate))
        return true;
    cli_fail(EXIT_USAGE, "the name of a folder is too long; choose a shorter one");
    return false;
}

static bool ends_in(const char *file, const char *end)
{
    size_t len = strlen(file), end_len = strlen(end);
    return len > end_len && strcmp(file + len - end_len, end) == 0;
}

/* Names of files that mean something else. */
static bool is_reserved(const char *file)
{
    return strcmp(file, "trust") == 0 || ends_in(file, KEYRING_SIGN) || ends_in(file, KEYRING_TLS);
}

static bool is_taken(const struct issue_paths *paths)
{
    return file_exists(paths->key) || file_exists(paths->certificate);
}

/* Every name is looked at before anything is made: all or none. */
static enum exit_code check_name(const struct issuing *i, const char *name)
{
    struct party party;
    struct issue_paths paths, apart;
    if (!party_parse(span_text(name), &party) || is_reserved(party.file))
        return cli_fail(EXIT_USAGE,
                        "%s is no name for a certificate; a user is like alice@home.example, a proxy like "
                        "proxy1.home.example",
                        name);
    if (!paths_of(i, &party, i->tls ? KEYRING_TLS : "", &paths) || !paths_of(i, &party, KEYRING_SIGN, &apart))
        return EXIT_USAGE;
    if (!i->replace && (is_taken(&paths) || (!i->tls && is_taken(&apart))))
        return cli_fail(EXIT_REFUSED, "%s: there is a key for this name already; use it, or add --replace", paths.key);
    return EXIT_DONE;
}

static enum rule make_pair(const struct issuing *i, const struct party *party, const struct issue_wish *wish,
                           struct arena *arena, struct writer *key_pem, struct writer *certificate_pem,
                           struct certificate **made)
{
    struct span key, certificate;
    const struct issue_terms terms = {
        .kind = i->tls ? ISSUE_TLS : party->is_user ? ISSUE_USER : ISSUE_HOST,
        .usage = wish->usage,
        .name = span_text(party->is_user ? party->uri : party->host),
        .not_before = i->authority->identity.certificate->not_before > i->now - 300
                          ? i->authority->identity.certificate->not_before
                          : i->now - 300,
        .not_after = i->now + (int64_t)i->days * 86400,
    };
    enum rule rule = issue_key_of(arena, wish->key, &key);
    if (rule == RULE_OK)
        rule = issue_certificate(arena, &i->authority->identity, key, &terms, &certificate);
    if (rule == RULE_OK)
        rule = certificate_parse(certificate, made);
    if (rule != RULE_OK)
        return rule;
    *key_pem = arena_writer(arena, key.len * 2 + 256);
    *certificate_pem = arena_writer(arena, certificate.len * 2 + 256);
    pem_write(key_pem, PEM_PRIVATE_KEY, key);
    pem_write(certificate_pem, PEM_CERTIFICATE, certificate);
    return key_pem->full || certificate_pem->full ? RULE_NO_MEMORY : RULE_OK;
}

static void report_issued(const struct issuing *i, const struct issue_wish *wish, const struct certificate *c,
                          const struct issue_paths *paths)
{
    char name[PARTY_NAME_MAX];
    if (!i->cli->json) {
        printf("%s  %s  %s\n", keyring_shown_name(c, name), paths->certificate, paths->key);
        return;
    }
    json_t *out = json_certificate(c);
    json_object_set_new(out, "use", json_string(wish->use));
    json_object_set_new(out, "key_kind", json_string(issue_key_traits(wish->key)->name));
    json_object_set_new(out, "certificate", cli_json_text(span_text(paths->certificate)));
    json_object_set_new(out, "key", cli_json_text(span_text(paths->key)));
    json_object_set_new(out, "trust", json_sprintf("%s/trust.pem", i->folder));
    cli_print_json(out);
}

static enum exit_code store_pair(const struct issuing *i, const struct issue_paths *paths, struct span key_pem,
                                 struct span certificate_pem)
{
    enum file_result result = file_write(paths->key, key_pem, FILES_SECRET_MODE, i->replace);
    if (result != FILE_DONE)
        return cli_fail_file(paths->key, file_problem(result), "choose another folder with -o");
    result = file_write(paths->certificate, certificate_pem, FILES_PUBLIC_MODE, i->replace);
    if (result != FILE_DONE)
        return cli_fail_file(paths->certificate, file_problem(result), "choose another folder with -o");
    return EXIT_DONE;
}

static enum exit_code issue_pair(const struct issuing *i, const struct party *party, const struct issue_wish *wish)
{
    struct issue_paths paths;
    struct arena arena;
    struct writer key_pem, certificate_pem;
    struct certificate *made = NULL;

    if (!paths_of(i, party, wish->apart, &paths))
        return EXIT_USAGE;
    if (!arena_open(&arena, ISSUE_ARENA))
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    enum rule rule = make_pair(i, party, wish, &arena, &key_pem, &certificate_pem, &made);
    enum exit_code code = rule == RULE_OK
                              ? store_pair(i, &paths, writer_span(&key_pem), writer_span(&certificate_pem))
                              : cli_fail(EXIT_REFUSED, "%s: %s; choose another name", party->name, rule_sentence(rule));
    if (code == EXIT_DONE)
        report_issued(i, wish, made, &paths);
    certificate_release(made);
    arena_close(&arena);
    return code;
}

/* A pair for signatures that was replaced by one for everything must not sign any longer. */
static enum exit_code remove_apart(const struct issuing *i, const struct party *party)
{
    struct issue_paths paths;
    if (!paths_of(i, party, KEYRING_SIGN, &paths))
        return EXIT_USAGE;
    if ((unlink(paths.key) == 0 || errno == ENOENT) && (unlink(paths.certificate) == 0 || errno == ENOENT))
        return EXIT_DONE;
    return cli_fail(EXIT_REFUSED, "%s: %s; remove it and its certificate by hand", paths.key, strerror(errno));
}

static enum exit_code issue_one(const struct issuing *i, const char *name)
{
    struct party party;
    if (!party_parse(span_text(name), &party))
        return EXIT_USAGE;
    enum exit_code code = i->replace && i->wish_count == 1 && !i->tls ? remove_apart(i, &party) : EXIT_DONE;
    for (size_t n = 0; n < i->wish_count && code == EXIT_DONE; n++)
        code = issue_pair(i, &party, &i->wish[n]);
    return code;
}

static enum exit_code check_names(const struct issuing *i)
{
    const struct arguments *a = &i->cli->arguments;
    enum exit_code code = EXIT_DONE;
    for (size_t n = 0; n < a->operand_count && code == EXIT_DONE; n++)
        code = check_name(i, a->operand[n]);
    return code;
}

static enum exit_code issue_all(struct issuing *i)
{
    const struct arguments *a = &i->cli->arguments;
    enum file_result result = folder_make(i->folder);
    if (result != FILE_DONE)
        return cli_fail_file(i->folder, file_problem(result), "choose another folder with -o");
    enum exit_code code = authority_write_trust(i->authority, i->folder);
    for (size_t n = 0; n < a->operand_count && code == EXIT_DONE; n++)
        code = issue_one(i, a->operand[n]);
    return code;
}

static enum exit_code open_or_make(struct cli *cli, const char *folder, int64_t now, struct authority *authority)
{
    char key[PATH_MAX];
    bool there = file_path(key, folder, SPAN("ca"), ".key") && file_exists(key);
    if (arguments_has(&cli->arguments, "init") && !there) {
        enum exit_code code = authority_make(folder, "sipseal CA", ISSUE_P256, AUTHORITY_DAYS, now);
        if (code != EXIT_DONE)
            return code;
        cli_note(cli, "made a certificate authority in %s", folder);
    }
    return authority_open(folder, authority);
}

/* One certificate for both uses unless they shall be apart: then Ed25519 and X25519 where nothing else is asked for. */
static enum exit_code read_wishes(struct issuing *i)
{
    const struct arguments *a = &i->cli->arguments;
    bool separate = arguments_has(a, "separate") || arguments_has(a, "sign") || arguments_has(a, "seal");
    enum issue_key_kind both = ISSUE_P256, sign = ISSUE_ED25519, seal = ISSUE_X25519;
    if (i->tls && separate)
        return cli_fail(EXIT_USAGE, "keys for TLS are one for each name; leave out --separate, --sign and --seal");
    if (separate && arguments_has(a, "key"))
        return cli_fail(EXIT_USAGE, "--key is for one certificate with both uses; say --sign KIND and --seal KIND");
    enum exit_code code = read_kind(i->cli, "key", true, !i->tls, &both);
    if (code == EXIT_DONE)
        code = read_kind(i->cli, "sign", true, false, &sign);
    if (code == EXIT_DONE)
        code = read_kind(i->cli, "seal", false, true, &seal);
    i->wish_count = separate ? 2 : 1;
    i->wish[0] = separate ? (struct issue_wish){"", "seal", ISSUE_SEAL, seal}
                          : (struct issue_wish){"", "both", ISSUE_SIGN_AND_SEAL, both};
    if (i->tls)
        i->wish[0] = (struct issue_wish){KEYRING_TLS, "tls", ISSUE_SIGN, both};
    i->wish[1] = (struct issue_wish){KEYRING_SIGN, "sign", ISSUE_SIGN, sign};
    return code;
}

static enum exit_code run_issue(struct cli *cli)
{
    char folder[PATH_MAX];
    struct authority authority;
    const char *out = arguments_value(&cli->arguments, "o");
    struct issuing i = {
        .cli = cli,
        .authority = &authority,
        .folder = out ? out : cli->keys,
        .replace = arguments_has(&cli->arguments, "replace"),
        .tls = arguments_has(&cli->arguments, "tls"),
        .now = cli_now(),
    };
    enum exit_code code = read_days(cli, CERTIFICATE_DAYS, &i.days);
    if (code == EXIT_DONE)
        code = read_wishes(&i);
    if (code == EXIT_DONE)
        code = check_names(&i);
    if (code == EXIT_DONE && !authority_folder(cli, arguments_value(&cli->arguments, "ca"), folder))
        code = EXIT_USAGE;
    if (code == EXIT_DONE)
        code = open_or_make(cli, folder, i.now, &authority);
    if (code != EXIT_DONE)
        return code;
    code = issue_all(&i);
    authority_close(&authority);
    return code;
}

static const struct option issue_options[] = {
    {.letter = 'o', .value = "DIR", .help = "where to put keys, certificates and trust.pem (the folder of keys)"},
    {.name = "ca", .value = "DIR", .help = "the folder of the authority"},
    {.name = "key", .value = "KIND", .help = "the kind of key: p256, p384, rsa2048, rsa3072, rsa4096 (p256)"},
    {.name = "separate", .help = "a certificate to sign with (NAME.sign.pem) and another to be sealed to (NAME.pem)"},
    {.name = "sign", .value = "KIND", .help = "separate, and the kind of key that signs (ed25519)"},
    {.name = "seal", .value = "KIND", .help = "separate, and the kind of key that is sealed to (x25519)"},
    {.name = "days", .value = "N", .help = "for how long they are valid (365)"},
    {.name = "init", .help = "make the authority first when there is none"},
    {.name = "replace", .help = "replace keys that are there"},
    {.name = "tls", .help = "for TLS connections, not for messages: NAME.tls.pem and NAME.tls.key"},
};
const struct command command_ca_issue = {
    .words = "ca issue",
    .operands = "NAME...",
    .about = "makes keys and certificates for users (alice@home.example) and proxies (proxy1.home.example)",
    .operands_min = 1,
    .operands_max = ARGUMENTS_OPERANDS_MAX,
    .options = issue_options,
    .option_count = sizeof issue_options / sizeof issue_options[0],
    .run = run_issue,
};

/* --- revoke --- */

/* The files of what is to be revoked: one that is given, or those of a name, which may have two. */
struct revoke_paths {
    char path[2][PATH_MAX];
    size_t count;
};

static enum exit_code find_certificates(struct cli *cli, const char *folder, struct revoke_paths *paths)
{
    const char *given = cli->arguments.operand[0];
    struct party party;
    paths->count = 1;
    snprintf(paths->path[0], PATH_MAX, "%s", given);
    if (file_exists(given) || !party_parse(span_text(given), &party))
        return EXIT_DONE;
    if (!file_path(paths->path[0], folder, span_text(party.file), KEYRING_CERTIFICATE) ||
        !file_path(paths->path[1], folder, span_text(party.file), KEYRING_SIGN KEYRING_CERTIFICATE))
        return cli_fail(EXIT_USAGE, "the name of a folder is too long; choose a shorter one");
    paths->count += file_exists(paths->path[1]);
    return EXIT_DONE;
}

/* A list can only take back what its own authority gave. */
static enum exit_code check_issuer(struct authority *a, const struct certificate *c, int64_t now)
{
    struct trust *trust = trust_new();
    enum rule rule = trust ? trust_add_anchor(trust, a->identity.certificate->der) : RULE_NO_MEMORY;
    if (rule == RULE_OK)
        rule = trust_chain(trust, c, NULL, 0, now);
    trust_free(trust);
    if (rule == RULE_CERT_UNTRUSTED)
        return cli_fail(EXIT_REFUSED, "another authority issued this certificate; name its folder with --ca");
    if (rule == RULE_OK || rule == RULE_CERT_EXPIRED)
        return EXIT_DONE;
    return cli_fail(EXIT_REFUSED, "the certificate cannot be revoked: %s; see whether it is the right one",
                    rule_sentence(rule));
}

static enum exit_code revoke_one(struct authority *a, const char *path, struct revoked *r, int64_t now)
{
    struct certificate *c = NULL;
    enum exit_code code = keyring_read_certificate(&a->arena, path, "name the file of the certificate", &c);
    if (code == EXIT_DONE)
        code = check_issuer(a, c, now);
    if (code == EXIT_DONE && !revoked_add(a, r, certificate_serial(c)))
        code = cli_fail(EXIT_REFUSED, "the list is full; begin a new authority");
    certificate_release(c);
    return code;
}

static enum exit_code revoke_all(struct cli *cli, struct authority *a, const char *folder, uint32_t days, int64_t now)
{
    struct revoke_paths paths = {.count = 0};
    struct revoked *r = arena_take(&a->arena, sizeof *r);
    if (!r)
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    enum exit_code code = revoked_read(a, r);
    if (code == EXIT_DONE && cli->arguments.operand_count > 0)
        code = find_certificates(cli, folder, &paths);
    for (size_t i = 0; i < paths.count && code == EXIT_DONE; i++)
        code = revoke_one(a, paths.path[i], r, now);
    if (code == EXIT_DONE)
        code = revoked_write(a, r, days, now);
    return code;
}

static void report_list(struct cli *cli, const struct authority *a)
{
    if (cli->json)
        cli_print_json(json_pack("{s:o}", "list", json_sprintf("%s/crl.pem", a->folder)));
    else
        printf("%s/crl.pem: give it to whoever must refuse the certificate\n", a->folder);
}

static enum exit_code run_revoke(struct cli *cli)
{
    char ca[PATH_MAX], trust[PATH_MAX];
    uint32_t days;
    struct authority a;
    const char *out = arguments_value(&cli->arguments, "o");
    const char *folder = out ? out : cli->keys;
    enum exit_code code = read_days(cli, LIST_DAYS, &days);
    if (code == EXIT_DONE && !authority_folder(cli, arguments_value(&cli->arguments, "ca"), ca))
        code = EXIT_USAGE;
    if (code == EXIT_DONE)
        code = authority_open(ca, &a);
    if (code != EXIT_DONE)
        return code;
    code = revoke_all(cli, &a, folder, days, cli_now());
    if (code == EXIT_DONE && file_path(trust, folder, SPAN("trust"), ".pem") && file_exists(trust))
        code = authority_write_trust(&a, folder);
    if (code == EXIT_DONE)
        report_list(cli, &a);
    authority_close(&a);
    return code;
}

static const struct option revoke_options[] = {
    {.letter = 'o', .value = "DIR", .help = "the folder whose trust.pem gets the new list (the folder of keys)"},
    {.name = "ca", .value = "DIR", .help = "the folder of the authority"},
    {.name = "days", .value = "N", .help = "for how long the list is valid (90)"},
};
const struct command command_ca_revoke = {
    .words = "ca revoke",
    .operands = "[CERTIFICATE]",
    .about = "revokes a certificate (a file), or those of a name, or renews the list",
    .operands_max = 1,
    .options = revoke_options,
    .option_count = sizeof revoke_options / sizeof revoke_options[0],
    .run = run_revoke,
};
