#include "cli/keyring.h"

#include <dirent.h>
#include <openssl/x509.h>
#include <time.h>

#include "cli/trust_file.h"
#include "sipseal/pem.h"
#include "sipseal/sip_uri.h"

enum rule keyring_read_certificates(struct arena *arena, struct span pem, struct certificate **out, size_t max,
                                    size_t *count)
{
    struct span der;
    *count = 0;
    for (;;) {
        size_t mark = arena_mark(arena);
        enum rule rule = pem_next(arena, &pem, PEM_CERTIFICATE, &der);
        if (rule == RULE_OK && der.len == 0)
            return RULE_OK;
        if (rule == RULE_OK && *count == max)
            rule = RULE_CMS_LIMIT;
        if (rule == RULE_OK)
            rule = certificate_parse(der, &out[*count]);
        arena_rewind(arena, mark);
        if (rule != RULE_OK) {
            while (*count > 0)
                certificate_release(out[--*count]);
            return rule;
        }
        ++*count;
    }
}

enum exit_code keyring_read_certificate(struct arena *arena, const char *path, const char *advice,
                                        struct certificate **out)
{
    struct file_bytes file;
    size_t count = 0;
    *out = NULL;
    enum file_result result = file_read(path, FILES_PEM_MAX, false, &file);
    if (result == FILE_ABSENT && !advice)
        return EXIT_DONE;
    if (result != FILE_DONE)
        return cli_fail_file(path, file_problem(result), advice ? advice : "see to it that you can read it");
    enum rule rule = keyring_read_certificates(arena, file_span(&file), out, 1, &count);
    file_clear(&file);
    if (rule == RULE_OK && count == 1)
        return EXIT_DONE;
    return cli_fail_file(path, rule == RULE_OK ? "there is no certificate in it" : rule_sentence(rule),
                         "it must hold one certificate in PEM");
}

/* --- trust --- */

struct trust_terms {
    bool leniently;
    int64_t lists_until; /* lists made later are left out */
};

/* When a revocation list was made; INT64_MIN when that cannot be told, so that it is taken and judged. */
static int64_t list_time(struct span der)
{
    const uint8_t *at = der.at;
    struct tm civil;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.len);
    bool known = crl && ASN1_TIME_to_tm(X509_CRL_get0_lastUpdate(crl), &civil) == 1;
    X509_CRL_free(crl);
    return known ? (int64_t)timegm(&civil) : INT64_MIN;
}

struct own_trust {
    struct trust *trust;
    int64_t lists_until;
};

static enum rule add_anchor(void *context, struct span der)
{
    return trust_add_anchor(((struct own_trust *)context)->trust, der);
}

static enum rule add_list(void *context, struct span der)
{
    const struct own_trust *own = context;
    return list_time(der) <= own->lists_until ? trust_add_crl(own->trust, der) : RULE_OK;
}

static enum exit_code read_trust(struct keyring *k, const struct trust_terms *terms)
{
    struct own_trust own = {k->trust, terms->lists_until};
    return trust_file_read(&k->arena, k->cli->trust,
                           terms->leniently ? NULL
                                            : "make keys with `sipseal ca issue --init NAME`, or name the trusted "
                                              "authorities with --trust",
                           &(struct trust_file_taker){add_anchor, add_list, &own});
}

static enum exit_code open_keyring(struct cli *cli, struct keyring *k, const struct trust_terms *terms)
{
    *k = (struct keyring){.cli = cli, .trust = trust_new()};
    if (!k->trust || !arena_open(&k->arena, KEYRING_ARENA)) {
        keyring_close(k);
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    }
    enum exit_code code = read_trust(k, terms);
    if (code != EXIT_DONE)
        keyring_close(k);
    return code;
}

enum exit_code keyring_open(struct cli *cli, struct keyring *k)
{
    return open_keyring(cli, k, &(struct trust_terms){.lists_until = INT64_MAX});
}

enum exit_code keyring_open_leniently(struct cli *cli, struct keyring *k)
{
    return open_keyring(cli, k, &(struct trust_terms){.leniently = true, .lists_until = INT64_MAX});
}

enum exit_code keyring_open_as_of(struct cli *cli, int64_t time, struct keyring *k)
{
    return open_keyring(cli, k, &(struct trust_terms){.lists_until = time});
}

void keyring_close(struct keyring *k)
{
    while (k->known_count > 0)
        certificate_release(k->known[--k->known_count]);
    trust_free(k->trust);
    arena_close(&k->arena);
    k->trust = NULL;
}

/* --- others --- */

static bool is_pem_name(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && name[0] != '.' && strcmp(name + len - 4, ".pem") == 0 && strcmp(name, "trust.pem") != 0;
}

static void know_file(struct keyring *k, const char *path)
{
    struct file_bytes file;
    size_t count = 0;
    if (file_read(path, FILES_PEM_MAX, false, &file) != FILE_DONE)
        return;
    if (keyring_read_certificates(&k->arena, file_span(&file), k->known + k->known_count,
                                  KEYRING_KNOWN_MAX - k->known_count, &count) == RULE_OK)
        k->known_count += count;
    file_clear(&file);
}

static void know_folder(struct keyring *k, const char *folder)
{
    char path[PATH_MAX];
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (is_pem_name(entry->d_name) && file_path(path, folder, span_text(entry->d_name), ""))
            know_file(k, path);
    closedir(dir);
}

void keyring_know_all(struct keyring *k)
{
    know_folder(k, k->cli->contacts);
    know_folder(k, k->cli->keys);
}

bool keyring_names(const struct certificate *c, const struct party *party)
{
    return party->is_user ? certificate_names_aor(c, span_text(party->uri))
                          : certificate_names_host(c, span_text(party->host));
}

const char *keyring_shown_name(const struct certificate *c, char out[PARTY_NAME_MAX])
{
    struct span name = certificate_shown_name(c);
    struct party party;
    if (span_starts_nocase(name, SPAN("sip:")) && span_find(name, '@') == name.len)
        name = span_part(name, 4, name.len);
    if (party_parse(name, &party))
        snprintf(out, PARTY_NAME_MAX, "%s", party.name);
    else
        cli_shown(name, out, PARTY_NAME_MAX);
    return out;
}

/* Keeps of the certificates those that can be sealed to; `*why` is the reason that the last other one gave. */
static size_t keep_readers(struct keyring *k, const struct party *party, int64_t now, struct certificate **list,
                           size_t count, enum rule *why)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        enum rule rule = keyring_names(list[i], party) ? trust_check(k->trust, list[i], NULL, 0, USE_SEAL, now)
                                                       : RULE_IDENTITY_MISMATCH;
        if (rule == RULE_OK) {
            list[kept++] = list[i];
            continue;
        }
        *why = rule;
        certificate_release(list[i]);
    }
    return kept;
}

static enum exit_code readers_of_file(struct keyring *k, const char *path, const struct party *party, int64_t now,
                                      struct certificate *out[KEYRING_OF_PARTY_MAX], size_t *count)
{
    struct file_bytes file;
    enum file_result result = file_read(path, FILES_PEM_MAX, false, &file);
    if (result != FILE_DONE)
        return cli_fail_file(path, file_problem(result), "see to it that you can read it");
    enum rule rule = keyring_read_certificates(&k->arena, file_span(&file), out, KEYRING_OF_PARTY_MAX, count);
    file_clear(&file);
    if (rule != RULE_OK)
        return cli_fail_file(path, rule_sentence(rule), "get the certificate again");
    *count = keep_readers(k, party, now, out, *count, &rule);
    if (*count > 0)
        return EXIT_DONE;
    return cli_fail(EXIT_UNREADABLE,
                    "%s: there is no certificate in it to seal to %s with: %s; "
                    "get a valid one and run `sipseal contact add --replace FILE`",
                    path, party->name, rule == RULE_OK ? "it is empty" : rule_sentence(rule));
}

enum exit_code keyring_readers(struct keyring *k, const struct party *party, int64_t now,
                               struct certificate *out[KEYRING_OF_PARTY_MAX], size_t *count)
{
    char path[PATH_MAX];
    *count = 0;
    if (file_path(path, k->cli->contacts, span_text(party->file), ".pem") && file_exists(path))
        return readers_of_file(k, path, party, now, out, count);
    if (file_path(path, k->cli->keys, span_text(party->file), ".pem") && file_exists(path))
        return readers_of_file(k, path, party, now, out, count);
    return cli_fail(EXIT_UNREADABLE,
                    "there is no certificate for %s; get it and run `sipseal contact add FILE --name %s`", party->name,
                    party->name);
}

/* --- one's own --- */

static enum exit_code load_identity(struct keyring *k, struct span certificate_pem, struct span key_pem,
                                    const char *key_path, struct identity *identity)
{
    struct span certificate_der, key_der;
    size_t mark = arena_mark(&k->arena);
    enum rule rule = pem_next(&k->arena, &certificate_pem, PEM_CERTIFICATE, &certificate_der);
    if (rule == RULE_OK)
        rule = pem_only(&k->arena, key_pem, PEM_PRIVATE_KEY, &key_der);
    if (rule == RULE_OK)
        rule = identity_load(certificate_der, key_der, identity);
    arena_rewind(&k->arena, mark);
    if (rule == RULE_OK)
        return EXIT_DONE;
    return cli_fail_file(key_path, rule_sentence(rule),
                         "it must hold one private key (PKCS#8, PEM) that belongs to the certificate");
}

static enum exit_code key_file_problem(const char *path, enum file_result result, const char *next)
{
    if (result == FILE_EXPOSED)
        return cli_fail(EXIT_REFUSED, "%s: others can read this private key; run `chmod 600 %s`", path, path);
    return cli_fail_file(path, file_problem(result), next);
}

static enum exit_code identity_of_files(struct keyring *k, const char *certificate, const char *key, const char *next,
                                        struct identity *identity)
{
    struct file_bytes certificate_file, key_file;
    enum file_result result = file_read(key, FILES_PEM_MAX, true, &key_file);
    if (result != FILE_DONE)
        return key_file_problem(key, result, next);
    result = file_read(certificate, FILES_PEM_MAX, false, &certificate_file);
    enum exit_code code =
        result == FILE_DONE
            ? load_identity(k, file_span(&certificate_file), file_span(&key_file), key, identity)
            : cli_fail_file(certificate, file_problem(result), next);
    file_clear(&certificate_file);
    file_clear(&key_file);
    return code;
}

enum exit_code keyring_identity_files(struct keyring *k, const char *certificate, const char *key,
                                      struct identity *identity)
{
    return identity_of_files(k, certificate, key, "name another file", identity);
}

/* The pair whose files are called NAME and `apart`. */
static enum exit_code own_identity(struct keyring *k, const struct party *party, const char *apart,
                                   struct identity *identity)
{
    char certificate[PATH_MAX], key[PATH_MAX], suffix[16], next[PARTY_NAME_MAX + 64];
    snprintf(suffix, sizeof suffix, "%s" KEYRING_CERTIFICATE, apart);
    bool fits = file_path(certificate, k->cli->keys, span_text(party->file), suffix);
    snprintf(suffix, sizeof suffix, "%s" KEYRING_KEY, apart);
    if (!fits || !file_path(key, k->cli->keys, span_text(party->file), suffix))
        return cli_fail(EXIT_USAGE, "the name of a folder is too long; choose a shorter one");
    snprintf(next, sizeof next, "run `sipseal ca issue %s`, or name the folder with --keys", party->name);
    enum exit_code code = identity_of_files(k, certificate, key, next, identity);
    if (code == EXIT_DONE && !keyring_names(identity->certificate, party)) {
        identity_clear(identity);
        return cli_fail(EXIT_REFUSED, "%s: the certificate does not name %s; get one that does", certificate,
                        party->name);
    }
    return code;
}

enum exit_code keyring_identity(struct keyring *k, const struct party *party, struct identity *identity)
{
    return own_identity(k, party, "", identity);
}

/* The certificate that others seal to, without its key. */
static enum exit_code sealing_certificate(struct keyring *k, const char *path, const struct party *party,
                                          struct certificate **sealing)
{
    enum exit_code code = keyring_read_certificate(&k->arena, path, NULL, sealing);
    if (code != EXIT_DONE || !*sealing)
        return code;
    if (keyring_names(*sealing, party))
        return EXIT_DONE;
    certificate_release(*sealing);
    *sealing = NULL;
    return cli_fail(EXIT_REFUSED, "%s: the certificate does not name %s; get one that does", path, party->name);
}

enum exit_code keyring_signer(struct keyring *k, const struct party *party, struct identity *signer,
                              struct certificate **sealing)
{
    char path[PATH_MAX];
    *sealing = NULL;
    if (!file_path(path, k->cli->keys, span_text(party->file), KEYRING_SIGN KEYRING_CERTIFICATE) || !file_exists(path))
        return own_identity(k, party, "", signer);
    enum exit_code code = own_identity(k, party, KEYRING_SIGN, signer);
    if (code != EXIT_DONE)
        return code;
    if (file_path(path, k->cli->keys, span_text(party->file), KEYRING_CERTIFICATE))
        code = sealing_certificate(k, path, party, sealing);
    if (code != EXIT_DONE)
        identity_clear(signer);
    return code;
}
