/* Certificates: an input is one as it stands, or changes to a valid one (der_change.h; the first byte says which). What
 * is parsed shows only names that can be printed, and is trusted only when the authority signed these very bytes. */
#include "../unit/test.h"

#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "../unit/pki.h"
#include "cms/certificate_outline.h"
#include "der_change.h"
#include "fixed_random.h"
#include "sipseal/digest.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEEDS = 3, ARENA = 1024 * 1024, CHANGED = 1 };

struct world {
    struct arena keep, arena;
    struct identity authority;
    struct trust *trust;
    struct span valid[SEEDS];
};

static struct world world;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void look_at_names(const struct certificate *c)
{
    struct span shown = certificate_shown_name(c);
    bool found = shown.len == 0;
    require(c->name_count <= CERTIFICATE_NAMES_MAX);
    for (size_t i = 0; i < c->name_count; i++) {
        struct span text = c->name[i].text;
        require(text.len > 0);
        for (size_t j = 0; j < text.len; j++)
            require(text.at[j] > ' ' && text.at[j] < 0x7f);
        found = found || span_equal(shown, text);
        if (c->name[i].kind == NAME_DNS)
            require(certificate_names_host(c, text));
        /* No name stands for others beside it. */
        require(!certificate_names_host(c, SPAN("sub.not-there.example")) ||
                span_find_span(text, SPAN("not-there")) < text.len);
    }
    require(found);
}

static void look_at(const struct certificate *c, struct span der)
{
    struct certificate_outline outline;
    uint8_t hash[SHA256_LEN];
    require(span_equal(c->der, der) && sha256(der, hash) && memcmp(hash, c->hash, sizeof hash) == 0);
    require(certificate_outline(der, &outline) && certificate_outline_is(&outline, c->issuer_and_serial));
    require(certificate_serial(c).len > 0 && span_within(certificate_serial(c), c->issuer_and_serial));
    require(sha256(outline.public_key_info, hash) && memcmp(hash, c->key_hash, sizeof hash) == 0);
    require(c->key && (!c->may_sign || c->key_kind != KEY_X25519) && (!c->may_encipher || c->key_kind == KEY_RSA));
    look_at_names(c);
}

static void look_at_trust(const struct certificate *c)
{
    for (unsigned use = USE_SIGN; use <= USE_SEAL; use++) {
        if (trust_check(world.trust, c, NULL, 0, (enum certificate_use)use, PKI_NOW) != RULE_OK)
            continue;
        require(X509_verify(c->x509, world.authority.key) == 1);
        require(c->not_before <= PKI_NOW && c->not_after >= PKI_NOW);
        require(use == USE_SIGN ? c->may_sign : c->may_agree || c->may_encipher);
    }
    ERR_clear_error();
}

static void keep_valid(size_t n, const char *const *extensions, EVP_PKEY *key)
{
    world.valid[n] = pki_odd(&world.keep,
                             &(struct pki_odd){.subject = "party",
                                               .extensions = extensions,
                                               .key = key,
                                               .authority = &world.authority},
                             NULL);
    EVP_PKEY_free(key);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static const char *const user[] = {"keyUsage=critical,digitalSignature,keyAgreement",
                                       "subjectAltName=URI:sip:alice@home.example,URI:sips:alice@home.example",
                                       "extendedKeyUsage=emailProtection", "subjectKeyIdentifier=hash",
                                       "basicConstraints=CA:FALSE", NULL};
    static const char *const host[] = {"keyUsage=digitalSignature,keyEncipherment",
                                       "subjectAltName=DNS:proxy1.home.example,URI:sip:home.example",
                                       "extendedKeyUsage=1.3.6.1.5.5.7.3.20", NULL};
    static const char *const other[] = {"subjectAltName=DNS:x.example", NULL};
    require(arena_open(&world.keep, ARENA) && arena_open(&world.arena, ARENA));
    fixed_random_install();
    world.authority = pki_authority("Authority");
    world.trust = pki_trust(&world.authority);
    keep_valid(0, user, EVP_EC_gen("P-256"));
    keep_valid(1, host, EVP_RSA_gen(2048));
    keep_valid(2, other, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct certificate *c;
    struct span der = span_of(data, size);
    if (size < 2 || size > 2 * CERTIFICATE_MAX)
        return 0;
    fixed_random_restart(size);
    arena_reset(&world.arena);
    if (data[0] != DER_SEQUENCE) {
        struct cursor changes = cursor_over(span_part(der, CHANGED, der.len));
        der = der_change(&world.arena, world.valid[data[0] % SEEDS], &changes);
    }
    if (certificate_parse(der, &c) != RULE_OK) {
        require(!c);
        return 0;
    }
    look_at(c, der);
    look_at_trust(c);
    certificate_release(c);
    return 0;
}
