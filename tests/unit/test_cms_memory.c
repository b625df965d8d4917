/* Every allocation that OpenSSL makes fails in turn: nothing crashes, nothing leaks, and nothing that failed passes for
 * done. (Exhausted arenas are tested beside each call.) */
#include "test.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "pki.h"
#include "sipseal/cms.h"

#define CONTENT SPAN("content")

/* OpenSSL's allocator, told of once before its first use. */
static size_t allowed = SIZE_MAX; /* this many more allocations succeed */
static bool failed;
static size_t live;

static bool may_allocate(void)
{
    if (allowed == 0)
        failed = true;
    else if (allowed != SIZE_MAX)
        allowed--;
    return !failed;
}

static void *take(size_t len, const char *file, int line)
{
    (void)file, (void)line;
    void *at = may_allocate() ? malloc(len) : NULL;
    live += at != NULL;
    return at;
}

static void *take_again(void *old, size_t len, const char *file, int line)
{
    (void)file, (void)line;
    void *at = may_allocate() ? realloc(old, len) : NULL;
    live += at && !old;
    return at;
}

static void give(void *at, const char *file, int line)
{
    (void)file, (void)line;
    live -= at != NULL;
    free(at);
}

enum { KINDS = 4 };

struct fixture {
    struct arena arena;
    struct identity authority, user;
    struct identity other[KINDS]; /* with keys of other kinds */
    struct trust *trust;
    struct span sealed, signed_object;
    struct identity *self; /* who acts */
    size_t mark;
};

typedef enum rule attempt(struct fixture *f);

/* Runs the attempt until no allocation fails in it. Whether it may succeed although one failed is the caller's word. */
static void try_with_every_failure(struct fixture *f, attempt *run, bool may_succeed)
{
    assert_rule(run(f), RULE_OK); /* what OpenSSL keeps for good is kept now */
    arena_rewind(&f->arena, f->mark);
    for (size_t n = 0;; n++) {
        size_t before = live;
        failed = false;
        allowed = n;
        enum rule rule = run(f);
        bool hit = failed;
        failed = false;
        allowed = SIZE_MAX;
        ERR_clear_error();
        assert_int_equal(live, before);
        assert_true(rule != RULE_OK || may_succeed || !hit);
        assert_int_not_equal(rule, RULE_INTERNAL); /* no room ran out that was meant to suffice */
        if (rule != RULE_OK)
            assert_int_equal(f->arena.used, f->mark);
        arena_rewind(&f->arena, f->mark);
        if (!hit) {
            assert_rule(rule, RULE_OK);
            assert_true(n > 10); /* or the allocator is not the one that OpenSSL uses */
            return;
        }
    }
}

static enum rule parse(struct fixture *f)
{
    struct certificate *c;
    enum rule rule = certificate_parse(f->user.certificate->der, &c);
    certificate_release(c);
    return rule;
}

static enum rule seal(struct fixture *f)
{
    struct span der;
    return cms_seal(&f->arena, &f->self->certificate, 1, CONTENT, &der);
}

static enum rule open_sealed(struct fixture *f)
{
    struct span content;
    enum rule rule = cms_open(&f->arena, f->sealed, f->self, &content);
    assert_span_equal(content, rule == RULE_OK ? CONTENT : SPAN(""));
    return rule;
}

static enum rule sign(struct fixture *f)
{
    struct span der;
    return cms_sign(&f->arena, f->self, NULL, 0, CONTENT, PKI_NOW, &der);
}

/* The bag is read from the cache, so that it is not parsing that fails again and again. */
static enum rule verify(struct fixture *f)
{
    struct cms_signed s;
    enum rule rule = cms_verify(&f->arena, f->signed_object, NULL, f->trust, NULL, 0, &s);
    assert_span_equal(s.content, rule == RULE_OK ? CONTENT : SPAN(""));
    cms_signed_clear(&s);
    return rule;
}

/* The chain is forgotten afterwards, so that it is proven anew in each attempt: a further anchor does that, and adding
 * one that is there already does nothing else. */
static enum rule check(struct fixture *f)
{
    enum rule rule = trust_check(f->trust, f->user.certificate, NULL, 0, USE_SIGN, PKI_NOW);
    bool hit = failed;
    allowed = SIZE_MAX;
    failed = false;
    assert_rule(trust_add_anchor(f->trust, f->authority.certificate->der), RULE_OK);
    failed = hit;
    return rule;
}

static enum rule issue(struct fixture *f)
{
    const struct issue_terms terms = {ISSUE_USER, ISSUE_SIGN, SPAN("sip:a@x"), PKI_FROM, PKI_UNTIL};
    struct span key, der;
    enum rule rule = issue_key(&f->arena, &key);
    if (rule == RULE_OK)
        rule = issue_certificate(&f->arena, &f->authority, key, &terms, &der);
    if (rule != RULE_OK)
        arena_rewind(&f->arena, f->mark); /* the key is the caller's to give back */
    return rule;
}

/* --- keys of other kinds --- */

static struct identity with_key(struct fixture *f, EVP_PKEY *key)
{
    struct identity identity = {.key = key};
    struct span der = pki_odd(&f->arena, &(struct pki_odd){.subject = "k", .key = key, .authority = &f->authority},
                              NULL);
    assert_rule(certificate_parse(der, &identity.certificate), RULE_OK);
    return identity;
}

static void signing_and_verifying_survive_with_keys_of_other_kinds(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < KINDS; i++) {
        f->self = &f->other[i];
        if (!f->self->certificate->may_sign)
            continue;
        try_with_every_failure(f, sign, false);
        assert_rule(cms_sign(&f->arena, f->self, NULL, 0, CONTENT, PKI_NOW, &f->signed_object), RULE_OK);
        size_t mark = f->mark;
        f->mark = arena_mark(&f->arena);
        try_with_every_failure(f, verify, false);
        f->mark = mark;
        arena_rewind(&f->arena, mark);
    }
}

static void sealing_and_opening_survive_with_keys_of_other_kinds(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < KINDS; i++) {
        const struct certificate *c = f->other[i].certificate;
        f->self = &f->other[i];
        if (!c->may_agree && !c->may_encipher)
            continue;
        try_with_every_failure(f, seal, false);
        assert_rule(cms_seal(&f->arena, &f->self->certificate, 1, CONTENT, &f->sealed), RULE_OK);
        size_t mark = f->mark;
        f->mark = arena_mark(&f->arena);
        try_with_every_failure(f, open_sealed, false);
        f->mark = mark;
        arena_rewind(&f->arena, mark);
    }
}

/* --- */

static void parsing_a_certificate_survives(void **state)
{
    try_with_every_failure(*state, parse, false);
}

static void sealing_survives(void **state)
{
    try_with_every_failure(*state, seal, false);
}

static void opening_survives(void **state)
{
    try_with_every_failure(*state, open_sealed, false);
}

static void signing_survives(void **state)
{
    try_with_every_failure(*state, sign, false);
}

static void verifying_survives(void **state)
{
    try_with_every_failure(*state, verify, false);
}

static void checking_trust_survives(void **state)
{
    try_with_every_failure(*state, check, false);
}

static void issuing_survives(void **state)
{
    try_with_every_failure(*state, issue, true);
}

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    assert_true(arena_open(&f.arena, 256 * 1024));
    f.authority = pki_authority("Test CA");
    f.user = pki_user(&f.authority, "sip:user@home.example");
    assert_rule(cms_seal(&f.arena, &f.user.certificate, 1, CONTENT, &f.sealed), RULE_OK);
    assert_rule(cms_sign(&f.arena, &f.user, NULL, 0, CONTENT, PKI_NOW, &f.signed_object), RULE_OK);
    f.self = &f.user;
    f.other[0] = with_key(&f, EVP_EC_gen("P-384"));
    f.other[1] = with_key(&f, EVP_RSA_gen(2048));
    f.other[2] = with_key(&f, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    f.other[3] = with_key(&f, EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
    f.trust = pki_trust(&f.authority);
    f.mark = arena_mark(&f.arena);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    trust_free(f->trust);
    for (size_t i = 0; i < KINDS; i++)
        identity_clear(&f->other[i]);
    identity_clear(&f->user);
    identity_clear(&f->authority);
    arena_close(&f->arena);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(parsing_a_certificate_survives), TEST(sealing_survives),        TEST(opening_survives),
        TEST(signing_survives),               TEST(verifying_survives),      TEST(checking_trust_survives),
        TEST(issuing_survives),               TEST(signing_and_verifying_survive_with_keys_of_other_kinds),
        TEST(sealing_and_opening_survive_with_keys_of_other_kinds),
    };
    if (!CRYPTO_set_mem_functions(take, take_again, give))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
