#include "cli/ca_files.h"

#include <errno.h>
#include <openssl/x509.h>

#include "sipseal/pem.h"

enum { CA_ARENA = 4 * 1024 * 1024, CA_DAY = 86400, CA_BACKDATE = 300 /* seconds: clocks differ */ };

static enum exit_code fail_rule(enum rule rule)
{
    return cli_fail(EXIT_REFUSED, "%s; try again, and report it if it stays", rule_sentence(rule));
}

static enum exit_code fail_path(void)
{
    return cli_fail(EXIT_USAGE, "the name of a folder is too long; choose a shorter one");
}

bool authority_folder(const struct cli *cli, const char *option, char out[PATH_MAX])
{
    int len = option ? snprintf(out, PATH_MAX, "%s", option) : snprintf(out, PATH_MAX, "%s/ca", cli->data);
    if (len >= 0 && len < PATH_MAX)
        return true;
    fail_path();
    return false;
}

/* --- making and opening --- */

static enum exit_code write_pair(struct arena *arena, const char *key_path, const char *certificate_path,
                                 struct span key, struct span certificate)
{
    struct writer key_pem = arena_writer(arena, key.len * 2 + 256);
    struct writer certificate_pem = arena_writer(arena, certificate.len * 2 + 256);
    pem_write(&key_pem, PEM_PRIVATE_KEY, key);
    pem_write(&certificate_pem, PEM_CERTIFICATE, certificate);
    if (key_pem.full || certificate_pem.full)
        return fail_rule(RULE_NO_MEMORY);
    enum file_result result = file_write(key_path, writer_span(&key_pem), FILES_SECRET_MODE, false);
    if (result != FILE_DONE)
        return cli_fail_file(key_path, file_problem(result), "choose another folder with -o");
    result = file_write(certificate_path, writer_span(&certificate_pem), FILES_PUBLIC_MODE, false);
    if (result != FILE_DONE)
        return cli_fail_file(certificate_path, file_problem(result), "choose another folder with -o");
    return EXIT_DONE;
}

enum exit_code authority_make(const char *folder, const char *name, enum issue_key_kind kind, uint32_t days,
                              int64_t now)
{
    char key_path[PATH_MAX], certificate_path[PATH_MAX];
    struct arena arena;
    struct span key, certificate;

    if (!file_path(key_path, folder, SPAN("ca"), ".key") || !file_path(certificate_path, folder, SPAN("ca"), ".pem"))
        return fail_path();
    if (file_exists(key_path) || file_exists(certificate_path))
        return cli_fail(EXIT_REFUSED, "%s: there is a certificate authority already; use it, or choose another folder",
                        folder);
    enum file_result result = folder_make(folder);
    if (result != FILE_DONE)
        return cli_fail_file(folder, file_problem(result), "choose another folder");
    if (!arena_open(&arena, CA_ARENA))
        return fail_rule(RULE_NO_MEMORY);
    enum rule rule = issue_key_of(&arena, kind, &key);
    if (rule == RULE_OK)
        rule = issue_authority(&arena, key, span_text(name), now - CA_BACKDATE, now + (int64_t)days * CA_DAY,
                               &certificate);
    enum exit_code code;
    if (rule == RULE_CERT_SYNTAX)
        code = cli_fail(EXIT_USAGE, 
                        "this name cannot stand in a certificate; choose one of 1 to 64 printable characters");
    else if (rule != RULE_OK)
        code = fail_rule(rule);
    else
        code = write_pair(&arena, key_path, certificate_path, key, certificate);
    arena_close(&arena);
    return code;
}

/* A key and certificate of the authority, read as one's own are. */
enum exit_code authority_open(const char *folder, struct authority *a)
{
    char key_path[PATH_MAX], certificate_path[PATH_MAX];
    *a = (struct authority){0};
    snprintf(a->folder, sizeof a->folder, "%s", folder);
    if (!file_path(key_path, folder, SPAN("ca"), ".key") || !file_path(certificate_path, folder, SPAN("ca"), ".pem"))
        return fail_path();
    if (!file_exists(key_path))
        return cli_fail(EXIT_REFUSED, "%s: there is no certificate authority; run `sipseal ca init`, or add --init",
                        folder);
    struct keyring k = {0};
    if (!arena_open(&a->arena, CA_ARENA) || !arena_open(&k.arena, KEYRING_ARENA)) {
        arena_close(&a->arena);
        return fail_rule(RULE_NO_MEMORY);
    }
    enum exit_code code = keyring_identity_files(&k, certificate_path, key_path, &a->identity);
    arena_close(&k.arena);
    if (code != EXIT_DONE)
        arena_close(&a->arena);
    return code;
}

void authority_close(struct authority *a)
{
    identity_clear(&a->identity);
    arena_close(&a->arena);
}

/* --- revocation --- */

static struct span take_line(struct span *rest)
{
    size_t end = span_find(*rest, '\n');
    struct span line = span_trim(span_part(*rest, 0, end));
    *rest = span_part(*rest, end + 1, rest->len);
    return line;
}

static bool read_line(struct authority *a, struct revoked *r, struct span line)
{
    if (line.len == 0 || line.at[0] == '#')
        return true;
    if (span_starts(line, SPAN("number ")))
        return span_decimal(span_part(line, 7, line.len), UINT32_MAX, &r->number);
    if (!span_starts(line, SPAN("serial ")) || r->count == CA_REVOKED_MAX)
        return false;
    struct span hex = span_part(line, 7, line.len);
    uint8_t *serial = arena_take(&a->arena, CA_SERIAL_MAX);
    size_t len = hex.len / 2;
    if (!serial || len == 0 || len > CA_SERIAL_MAX || !hex_decode(hex, serial, len))
        return false;
    r->serial[r->count++] = span_of(serial, len);
    return true;
}

enum exit_code revoked_read(struct authority *a, struct revoked *r)
{
    char path[PATH_MAX];
    struct file_bytes file;
    r->number = 0;
    r->count = 0;
    if (!file_path(path, a->folder, SPAN("revoked"), ""))
        return fail_path();
    enum file_result result = file_read(path, FILES_PEM_MAX, false, &file);
    if (result == FILE_ABSENT)
        return EXIT_DONE;
    if (result != FILE_DONE)
        return cli_fail_file(path, file_problem(result), "see to it that you can read it");
    struct span rest = file_span(&file);
    bool fine = true;
    while (fine && rest.len > 0)
        fine = read_line(a, r, take_line(&rest));
    file_clear(&file);
    return fine ? EXIT_DONE : cli_fail_file(path, "it has a line that is not understood", "repair it by hand");
}

bool revoked_add(struct authority *a, struct revoked *r, struct span serial)
{
    bool ok;
    for (size_t i = 0; i < r->count; i++)
        if (span_equal(r->serial[i], serial))
            return true;
    if (r->count == CA_REVOKED_MAX || serial.len > CA_SERIAL_MAX)
        return false;
    r->serial[r->count] = arena_copy(&a->arena, serial, &ok);
    r->count += ok;
    return ok;
}

static enum exit_code write_revoked_file(struct authority *a, const struct revoked *r)
{
    char path[PATH_MAX];
    struct writer w = arena_writer(&a->arena, 256 + r->count * (CA_SERIAL_MAX * 2 + 16));
    writer_text(&w, "# what this authority has revoked; written by `sipseal ca revoke` together with crl.pem\nnumber ");
    writer_decimal(&w, r->number);
    writer_text(&w, "\n");
    for (size_t i = 0; i < r->count; i++) {
        writer_text(&w, "serial ");
        writer_hex(&w, r->serial[i]);
        writer_text(&w, "\n");
    }
    if (w.full)
        return fail_rule(RULE_NO_MEMORY);
    if (!file_path(path, a->folder, SPAN("revoked"), ""))
        return fail_path();
    enum file_result result = file_write(path, writer_span(&w), FILES_PUBLIC_MODE, true);
    return result == FILE_DONE ? EXIT_DONE
                               : cli_fail_file(path, file_problem(result), "see to it that it can be written");
}

enum exit_code revoked_write(struct authority *a, struct revoked *r, uint32_t days, int64_t now)
{
    char path[PATH_MAX];
    struct span der;
    r->number++;
    /* Not backdated as certificates are: what was signed before the list was made is not judged by it. */
    enum rule rule = issue_crl(&a->arena, &a->identity, r->serial, r->count, r->number, now,
                               now + (int64_t)days * CA_DAY, &der);
    if (rule != RULE_OK)
        return fail_rule(rule);
    struct writer w = arena_writer(&a->arena, der.len * 2 + 256);
    pem_write(&w, PEM_CRL, der);
    if (w.full)
        return fail_rule(RULE_NO_MEMORY);
    if (!file_path(path, a->folder, SPAN("crl"), ".pem"))
        return fail_path();
    /* The serial numbers first: a list that is lost can be made again from them. */
    enum exit_code code = write_revoked_file(a, r);
    if (code != EXIT_DONE)
        return code;
    enum file_result result = file_write(path, writer_span(&w), FILES_PUBLIC_MODE, true);
    return result == FILE_DONE ? EXIT_DONE
                               : cli_fail_file(path, file_problem(result), "see to it that it can be written");
}

/* --- trust.pem --- */

/* Whether this authority signed the revocation list: two authorities may have the same name. */
static bool is_own_list(const struct authority *a, struct span der)
{
    const uint8_t *at = der.at;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.len);
    if (!crl)
        return false;
    bool own = X509_CRL_verify(crl, a->identity.certificate->key) == 1;
    X509_CRL_free(crl);
    return own;
}

static bool is_own_certificate(const struct authority *a, struct span der)
{
    return span_equal(der, a->identity.certificate->der);
}

/* Copies the blocks of one type that are not this authority's. */
static enum rule copy_others(struct authority *a, struct span pem, const char *type,
                             bool (*own)(const struct authority *, struct span), struct writer *w)
{
    struct span der;
    for (;;) {
        enum rule rule = pem_next(&a->arena, &pem, type, &der);
        if (rule != RULE_OK || der.len == 0)
            return rule;
        if (!own(a, der))
            pem_write(w, type, der);
    }
}

/* The authority's own revocation list, as it stands in its folder. */
static enum exit_code add_own_list(struct authority *a, struct writer *w)
{
    char path[PATH_MAX];
    struct file_bytes file;
    if (!file_path(path, a->folder, SPAN("crl"), ".pem"))
        return fail_path();
    enum file_result result = file_read(path, FILES_PEM_MAX, false, &file);
    if (result == FILE_ABSENT)
        return EXIT_DONE;
    if (result != FILE_DONE)
        return cli_fail_file(path, file_problem(result), "see to it that you can read it");
    writer_put(w, file_span(&file));
    file_clear(&file);
    return EXIT_DONE;
}

enum exit_code authority_write_trust(struct authority *a, const char *folder)
{
    char path[PATH_MAX];
    struct file_bytes file = {0};
    if (!file_path(path, folder, SPAN("trust"), ".pem"))
        return fail_path();
    enum file_result result = file_read(path, FILES_PEM_MAX, false, &file);
    if (result != FILE_DONE && result != FILE_ABSENT)
        return cli_fail_file(path, file_problem(result), "see to it that you can read it");
    struct writer w = arena_writer(&a->arena, file.len * 2 + CA_ARENA / 4);
    pem_write(&w, PEM_CERTIFICATE, a->identity.certificate->der);
    enum rule rule = copy_others(a, file_span(&file), PEM_CERTIFICATE, is_own_certificate, &w);
    if (rule == RULE_OK)
        rule = copy_others(a, file_span(&file), PEM_CRL, is_own_list, &w);
    file_clear(&file);
    if (rule != RULE_OK)
        return cli_fail_file(path, rule_sentence(rule), "repair or remove it");
    enum exit_code code = add_own_list(a, &w);
    if (code != EXIT_DONE)
        return code;
    if (w.full)
        return fail_rule(RULE_NO_MEMORY);
    result = file_write(path, writer_span(&w), FILES_PUBLIC_MODE, true);
    return result == FILE_DONE ? EXIT_DONE : cli_fail_file(path, file_problem(result), "choose another folder with -o");
}
