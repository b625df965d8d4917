/* CMS objects, certificates and keys of others, each against the row for it in tests/corpus/EXPECTED: what must come of
 * it by protocol.md 2 and decisions 0008, 0010 and 0013. They lie beside the project; without them this is skipped. */
#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "ber.h"
#include "sipseal/arena.h"
#include "sipseal/cms.h"
#include "sipseal/pem.h"

enum { ARENA = 4 * 1024 * 1024, FILES_MAX = 4 };

/* A row, taken apart. `with` are paths: what they are depends on the action. */
struct row {
    char path[128], form[32], action[16], rule[40], with[256];
    char *file[FILES_MAX];
    size_t files;
};

static struct arena arena;

static struct span read_path(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s cannot be read", path);
    struct stat status;
    assert_int_equal(fstat(fileno(file), &status), 0);
    size_t len = (size_t)status.st_size;
    uint8_t *at = arena_take(&arena, len + 1);
    assert_non_null(at);
    assert_int_equal(fread(at, 1, len, file), len);
    fclose(file);
    return span_of(at, len);
}

static struct span vector(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    return read_path(path);
}

/* --- the forms in which an object lies in a file --- */

static struct span after(struct span s, size_t at)
{
    return at < s.len ? span_part(s, at, s.len - at) : span_of(s.at, 0);
}

/* What follows the last `mark`, beginning after the next empty line, until a boundary, without the line's
 * end that stands there or at the end of a file. Mails have LF or CRLF. */
static struct span last_body(struct span bytes, struct span mark)
{
    struct span rest = bytes, body = {0};
    for (size_t at; (at = span_find_span(rest, mark)) < rest.len;)
        rest = body = after(rest, at + mark.len);
    size_t lf = span_find_span(body, SPAN("\n\n")), crlf = span_find_span(body, SPAN("\r\n\r\n"));
    body = lf < crlf ? after(body, lf + 2) : after(body, crlf + 4);
    size_t end = span_find_span(body, SPAN("\n--"));
    body = end < body.len ? span_part(body, 0, end + 1) : body;
    while (body.len && (body.at[body.len - 1] == '\n' || body.at[body.len - 1] == '\r'))
        body.len--;
    return body;
}

static struct span decoded(struct span text)
{
    uint8_t *out = arena_take(&arena, text.len + 1);
    size_t len = 0;
    assert_non_null(out);
    assert_true(base64_decode(text, out, &len));
    return span_of(out, len);
}

/* The first part of a multipart/signed mail as it was signed: in canonical form, every line ending with CRLF
 * (RFC 8551 3.1.1). */
static struct span signed_part(struct span mail)
{
    size_t first = span_find_span(mail, SPAN("\n--"));
    struct span rest = after(mail, first + 3);
    rest = after(rest, span_find(rest, '\n') + 1);
    struct span part = span_part(rest, 0, span_find_span(rest, SPAN("\n--")));
    uint8_t *out = arena_take(&arena, part.len * 2 + 1);
    struct writer w = writer_over(out, part.len * 2 + 1);
    for (size_t i = 0; i < part.len; i++) {
        if (part.at[i] == '\n' && (i == 0 || part.at[i - 1] != '\r'))
            writer_byte(&w, '\r');
        writer_byte(&w, part.at[i]);
    }
    assert_false(w.full);
    return writer_span(&w);
}

static bool takes(char *form, const char *end)
{
    size_t len = strlen(form), tail = strlen(end);
    if (len < tail || strcmp(form + len - tail, end) != 0)
        return false;
    form[len - tail] = '\0';
    return true;
}

/* "der", "pem:CMS", "mail" (base64), "binary" (in a SIP message), and each of them with ">der": rewritten from BER. */
static struct span object_of(const struct row *row)
{
    char form[sizeof row->form];
    memcpy(form, row->form, sizeof form);
    struct span bytes = vector(row->path), der = bytes;
    bool rewritten = takes(form, ">der");
    if (strncmp(form, "pem:", 4) == 0)
        assert_rule(pem_only(&arena, bytes, form + 4, &der), RULE_OK);
    else if (strcmp(form, "mail") == 0)
        der = decoded(last_body(bytes, SPAN("Content-Transfer-Encoding: base64")));
    else if (strcmp(form, "binary") == 0)
        der = last_body(bytes, SPAN("Content-Transfer-Encoding: binary"));
    else if (strcmp(form, "der") != 0)
        fail_msg("%s: no such form: %s", row->path, row->form);
    return rewritten ? ber_in_der(&arena, der) : der;
}

/* --- certificates and keys that lie beside an object --- */

static struct span certificate_der(const char *name)
{
    struct span bytes = vector(name), der = bytes;
    if (span_find_span(bytes, SPAN("-----BEGIN")) < bytes.len)
        assert_rule(pem_only(&arena, bytes, PEM_CERTIFICATE, &der), RULE_OK);
    return der;
}

static int password(char *buffer, int size, int writing, void *context)
{
    (void)writing;
    (void)context;
    return snprintf(buffer, (size_t)size, "password"); /* rfc6216/SOURCE.txt */
}

/* A key in whatever form it was published, as PKCS#8. */
static struct span key_der(const char *name)
{
    struct span bytes = vector(name);
    BIO *bio = BIO_new_mem_buf(bytes.at, (int)bytes.len);
    bool pem = span_find_span(bytes, SPAN("-----BEGIN")) < bytes.len;
    EVP_PKEY *key = pem ? PEM_read_bio_PrivateKey(bio, NULL, password, NULL) : d2i_PrivateKey_bio(bio, NULL);
    PKCS8_PRIV_KEY_INFO *info = key ? EVP_PKEY2PKCS8(key) : NULL;
    if (!info)
        fail_msg("%s is no key", name);
    int len = i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
    uint8_t *at = arena_take(&arena, (size_t)len), *end = at;
    i2d_PKCS8_PRIV_KEY_INFO(info, &end);
    PKCS8_PRIV_KEY_INFO_free(info);
    EVP_PKEY_free(key);
    BIO_free(bio);
    return span_of(at, (size_t)len);
}

static struct certificate *certificate_of(const char *name)
{
    struct certificate *c;
    assert_rule(certificate_parse(certificate_der(name), &c), RULE_OK);
    return c;
}

/* --- the actions --- */

/* cms_verify. With: the content that was signed, when it is not in the object ("mail": the first part of this mail),
 * and the signer's certificate; or "=" and an object in DER, which verifies and has the same content. */
static enum rule verify(const struct row *row)
{
    struct certificate *known = row->files > 1 ? certificate_of(row->file[1]) : NULL;
    bool alike = row->files > 0 && row->file[0][0] == '=', detached = row->files > 0 && !alike;
    struct span content = {0};
    if (detached)
        content = strcmp(row->file[0], "mail") == 0 ? signed_part(vector(row->path)) : vector(row->file[0]);
    struct cms_signed s, other;
    enum rule rule = cms_verify(&arena, object_of(row), detached ? &content : NULL, NULL, &known, known ? 1 : 0, &s);
    if (alike) {
        assert_rule(cms_verify(&arena, vector(row->file[0] + 1), NULL, NULL, NULL, 0, &other), RULE_OK);
        assert_span_equal(s.content, other.content);
        cms_signed_clear(&other);
    }
    if (rule == RULE_OK)
        cms_signed_clear(&s);
    certificate_release(known);
    return rule;
}

/* cms_readers_of. With: a certificate that must be among the readers. */
static enum rule readers(const struct row *row)
{
    struct cms_readers list;
    enum rule rule = cms_readers_of(object_of(row), &list);
    if (row->files == 0 || rule != RULE_OK)
        return rule;
    struct certificate *c = certificate_of(row->file[0]);
    bool named = cms_readers_include(&list, c);
    certificate_release(c);
    return named ? RULE_OK : RULE_CMS_NOT_READER;
}

static bool vouch(void *context, struct arena *room, struct span candidate)
{
    (void)context;
    (void)room;
    (void)candidate;
    return true;
}

/* cms_open_legacy with everything switched on, and the content vouched for. With: certificate, key, and how the content
 * begins, as a file, when it is opened. */
static enum rule open_it(const struct row *row)
{
    struct identity self;
    struct span content;
    assert_true(row->files >= 2);
    assert_rule(identity_load(certificate_der(row->file[0]), key_der(row->file[1]), &self), RULE_OK);
    const struct cms_legacy_terms terms = {CMS_LEGACY_ALL, vouch, NULL};
    enum rule rule = cms_open_legacy(&arena, object_of(row), &self, &terms, &content);
    identity_clear(&self);
    assert_true((rule == RULE_OK) == (row->files == 3));
    if (rule == RULE_OK)
        assert_span_equal(content, vector(row->file[2]));
    return rule;
}

static enum rule parse_certificate(const struct row *row)
{
    struct certificate *c = NULL;
    enum rule rule = certificate_parse(object_of(row), &c);
    if (rule == RULE_OK)
        certificate_release(c);
    return rule;
}

/* trust_check, in its first second but one. With: the anchor, and an authority between. */
static enum rule check(const struct row *row, enum certificate_use use)
{
    struct trust *trust = trust_new();
    struct certificate *c, *between = row->files > 1 ? certificate_of(row->file[1]) : NULL;
    assert_rule(trust_add_anchor(trust, certificate_der(row->file[0])), RULE_OK);
    assert_rule(certificate_parse(object_of(row), &c), RULE_OK);
    enum rule rule = trust_check(trust, c, &between, between ? 1 : 0, use, c->not_before + 1);
    certificate_release(c);
    certificate_release(between);
    trust_free(trust);
    return rule;
}

static enum rule check_signing(const struct row *row)
{
    return check(row, USE_SIGN);
}

static enum rule check_sealing(const struct row *row)
{
    return check(row, USE_SEAL);
}

/* identity_load. With: the certificate that the key is said to belong to. */
static enum rule load_key(const struct row *row)
{
    struct identity self;
    enum rule rule = identity_load(certificate_der(row->file[0]), key_der(row->path), &self);
    if (rule == RULE_OK)
        identity_clear(&self);
    return rule;
}

static enum rule add_crl(const struct row *row)
{
    struct trust *trust = trust_new();
    enum rule rule = trust_add_crl(trust, object_of(row));
    trust_free(trust);
    return rule;
}

static enum rule act(const struct row *row)
{
    static const struct {
        const char *name;
        enum rule (*run)(const struct row *row);
    } actions[] = {{"verify", verify}, {"readers", readers}, {"open", open_it}, {"certificate", parse_certificate},
                   {"signs", check_signing}, {"seals", check_sealing}, {"key", load_key}, {"list", add_crl}};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(row->action, actions[i].name) == 0)
            return actions[i].run(row);
    fail_msg("%s: no such action: %s", row->path, row->action);
    return RULE_CONFIG;
}

/* --- the table --- */

static bool read_row(char *line, struct row *row)
{
    *row = (struct row){0};
    if (line[0] == '#' || line[0] == '\n')
        return false;
    assert_int_equal(
        sscanf(line, "%127s %31s %15s %39s %255s", row->path, row->form, row->action, row->rule, row->with), 5);
    char *rest = strcmp(row->with, "-") == 0 ? NULL : row->with;
    for (char *word; rest && (word = strsep(&rest, ","));) {
        assert_true(row->files < FILES_MAX);
        row->file[row->files++] = word;
    }
    return true;
}

static void each_file_of_others_leads_to_what_the_table_says(void **state)
{
    (void)state;
    char line[1024];
    struct row row;
    size_t rows = 0, wrong = 0;
    struct stat status;
    if (stat(VECTORS "/rfc8591", &status) != 0) {
        print_message("the vectors are absent: " VECTORS "\n");
        skip();
    }
    FILE *table = fopen(EXPECTED, "r");
    assert_non_null(table);
    while (fgets(line, sizeof line, table)) {
        if (!read_row(line, &row))
            continue;
        rows++;
        const char *came = rule_name(act(&row));
        if (strcmp(came, row.rule) != 0) {
            print_error("%s %s %s: %s, but %s was expected\n", row.path, row.form, row.action, came, row.rule);
            wrong++;
        }
        arena_reset(&arena);
    }
    fclose(table);
    assert_true(rows > 150);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_file_of_others_leads_to_what_the_table_says),
    };
    if (!arena_open(&arena, ARENA))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_close(&arena);
    return failed;
}
