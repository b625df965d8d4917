/* cmstool: libsipseal's CMS calls on files, for tests with other implementations.
 *
 *     cmstool seal OUT IN CERT...          AuthEnvelopedData over IN for every certificate
 *     cmstool open OUT IN CERT KEY         the content of a sealed object
 *     cmstool readers OUT IN               how many readers a sealed object has, as a decimal number
 *     cmstool sign OUT IN CERT KEY         SignedData over IN, with the certificate inside
 *     cmstool verify OUT IN TRUST [CERT...]
 *                                          the content of a SignedData whose signer is trusted now; further
 *                                          certificates are known to the verifier
 *
 * OUT, IN and objects are bytes, objects in DER; certificates and keys are PEM (keys PKCS#8, not encrypted), TRUST is
 * PEM with any number of certificates and revocation lists. "-" for OUT is standard output, for IN standard input.
 * Exit: 0 done; 1 refused, with the name of the rule on standard error; 2 usage. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sipseal/cms.h"
#include "sipseal/pem.h"

enum { FILE_MAX = 4 * 1024 * 1024, ARENA = 24 * 1024 * 1024, CERTIFICATES_MAX = 64 };

static struct arena arena;

static enum rule read_file(const char *path, struct span *bytes)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    uint8_t *at = file ? arena_take(&arena, FILE_MAX) : NULL;
    if (!at)
        return RULE_FILE;
    size_t len = fread(at, 1, FILE_MAX, file);
    bool whole = len < FILE_MAX && !ferror(file);
    if (file != stdin)
        fclose(file);
    *bytes = span_of(at, len);
    return whole ? RULE_OK : RULE_FILE;
}

static enum rule write_file(const char *path, struct span bytes)
{
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
    if (!file)
        return RULE_FILE;
    bool written = fwrite(bytes.at, 1, bytes.len, file) == bytes.len;
    if (file == stdout ? fflush(file) : fclose(file))
        written = false;
    return written ? RULE_OK : RULE_FILE;
}

/* The only block of the type in a file. */
static enum rule read_pem(const char *path, const char *type, struct span *der)
{
    struct span text;
    enum rule rule = read_file(path, &text);
    return rule == RULE_OK ? pem_only(&arena, text, type, der) : rule;
}

static enum rule read_certificates(char **paths, size_t count, struct certificate *certificates[CERTIFICATES_MAX])
{
    enum rule rule = count <= CERTIFICATES_MAX ? RULE_OK : RULE_CMS_LIMIT;
    for (size_t i = 0; rule == RULE_OK && i < count; i++) {
        struct span der;
        size_t mark = arena_mark(&arena);
        rule = read_pem(paths[i], PEM_CERTIFICATE, &der);
        if (rule == RULE_OK)
            rule = certificate_parse(der, &certificates[i]);
        arena_rewind(&arena, mark);
    }
    return rule;
}

static enum rule read_identity(const char *certificate_path, const char *key_path, struct identity *identity)
{
    struct span certificate, key;
    enum rule rule = read_pem(certificate_path, PEM_CERTIFICATE, &certificate);
    if (rule == RULE_OK)
        rule = read_pem(key_path, PEM_PRIVATE_KEY, &key);
    return rule == RULE_OK ? identity_load(certificate, key, identity) : rule;
}

static enum rule add_all(struct trust *trust, struct span text, const char *type,
                         enum rule (*add)(struct trust *, struct span))
{
    struct span der;
    enum rule rule = pem_next(&arena, &text, type, &der);
    while (rule == RULE_OK && der.len) {
        rule = add(trust, der);
        if (rule == RULE_OK)
            rule = pem_next(&arena, &text, type, &der);
    }
    return rule;
}

static enum rule read_trust(const char *path, struct trust *trust)
{
    struct span text;
    enum rule rule = trust ? read_file(path, &text) : RULE_NO_MEMORY;
    if (rule == RULE_OK)
        rule = add_all(trust, text, PEM_CERTIFICATE, trust_add_anchor);
    return rule == RULE_OK ? add_all(trust, text, PEM_CRL, trust_add_crl) : rule;
}

static void release_all(struct certificate **certificates)
{
    for (size_t i = 0; i < CERTIFICATES_MAX; i++)
        certificate_release(certificates[i]);
}

static enum rule seal(struct span in, char **words, size_t count, struct span *out)
{
    struct certificate *readers[CERTIFICATES_MAX] = {0};
    enum rule rule = read_certificates(words, count, readers);
    if (rule == RULE_OK)
        rule = cms_seal(&arena, readers, count, in, out);
    release_all(readers);
    return rule;
}

static enum rule open_sealed(struct span in, char **words, size_t count, struct span *out)
{
    struct identity self = {0};
    (void)count;
    enum rule rule = read_identity(words[0], words[1], &self);
    if (rule == RULE_OK)
        rule = cms_open(&arena, in, &self, out);
    identity_clear(&self);
    return rule;
}

static enum rule count_readers(struct span in, char **words, size_t count, struct span *out)
{
    struct cms_readers readers;
    struct writer w = arena_writer(&arena, 16);
    (void)words;
    (void)count;
    enum rule rule = cms_readers_of(in, &readers);
    writer_decimal(&w, readers.count);
    *out = writer_span(&w);
    return rule;
}

static enum rule sign(struct span in, char **words, size_t count, struct span *out)
{
    struct identity self = {0};
    (void)count;
    enum rule rule = read_identity(words[0], words[1], &self);
    if (rule == RULE_OK)
        rule = cms_sign(&arena, &self, NULL, 0, in, time(NULL), out);
    identity_clear(&self);
    return rule;
}

static enum rule verify(struct span in, char **words, size_t count, struct span *out)
{
    struct certificate *known[CERTIFICATES_MAX] = {0};
    struct cms_signed verified = {0};
    struct trust *trust = trust_new();
    enum rule rule = read_trust(words[0], trust);
    if (rule == RULE_OK)
        rule = read_certificates(words + 1, count - 1, known);
    if (rule == RULE_OK)
        rule = cms_verify(&arena, in, NULL, trust, known, count - 1, &verified);
    if (rule == RULE_OK)
        rule = trust_check(trust, verified.signer, verified.bag, verified.bag_count, USE_SIGN, time(NULL));
    *out = verified.content;
    cms_signed_clear(&verified);
    release_all(known);
    trust_free(trust);
    return rule;
}

static const struct command {
    const char *name;
    size_t words_min, words_max;
    enum rule (*run)(struct span in, char **words, size_t count, struct span *out);
} commands[] = {
    {"seal", 1, CERTIFICATES_MAX, seal}, {"open", 2, 2, open_sealed}, {"readers", 0, 0, count_readers},
    {"sign", 2, 2, sign},                {"verify", 1, CERTIFICATES_MAX, verify},
};

static const struct command *find_command(int count, char **words)
{
    for (size_t i = 0; count >= 4 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(words[1], commands[i].name) == 0 && (size_t)count - 4 >= commands[i].words_min &&
            (size_t)count - 4 <= commands[i].words_max)
            return &commands[i];
    return NULL;
}

int main(int count, char **words)
{
    struct span in, out = {0};
    const struct command *command = find_command(count, words);
    if (!command) {
        fputs("usage: cmstool seal OUT IN CERT... | open OUT IN CERT KEY | readers OUT IN | sign OUT IN CERT KEY |\n"
              "               verify OUT IN TRUST [CERT...]\n",
              stderr);
        return 2;
    }
    enum rule rule = arena_open(&arena, ARENA) ? read_file(words[3], &in) : RULE_NO_MEMORY;
    if (rule == RULE_OK)
        rule = command->run(in, words + 4, (size_t)count - 4, &out);
    if (rule == RULE_OK)
        rule = write_file(words[2], out);
    arena_close(&arena);
    if (rule != RULE_OK)
        fprintf(stderr, "%s\n", rule_name(rule));
    return rule == RULE_OK ? 0 : 1;
}
