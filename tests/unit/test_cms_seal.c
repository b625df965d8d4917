/* cms_seal and cms_open between themselves. protocol.md 2.2 to 2.4. */
#include "test.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "der_edit.h"
#include "pki.h"
#include "sipseal/cms.h"

enum { USERS = 3, ARENA = 1024 * 1024 };

struct fixture {
    struct arena arena, made; /* the second is for what is opened */
    struct identity authority, user[USERS], stranger;
    struct certificate *reader[USERS];
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    assert_true(arena_open(&f.arena, ARENA) && arena_open(&f.made, ARENA));
    f.authority = pki_authority("Test CA");
    for (size_t i = 0; i < USERS; i++) {
        char uri[64];
        snprintf(uri, sizeof uri, "sip:user%zu@home.example", i);
        f.user[i] = pki_user(&f.authority, uri);
        f.reader[i] = f.user[i].certificate;
    }
    f.stranger = pki_user(&f.authority, "sip:stranger@home.example");
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < USERS; i++)
        identity_clear(&f->user[i]);
    identity_clear(&f->stranger);
    identity_clear(&f->authority);
    arena_close(&f->arena);
    arena_close(&f->made);
    assert_int_equal(ERR_peek_error(), 0); /* nothing is left for TLS to stumble over */
    return 0;
}

static struct span seal(struct fixture *f, size_t readers, struct span content)
{
    struct span der;
    assert_rule(cms_seal(&f->arena, f->reader, readers, content, &der), RULE_OK);
    return der;
}

/* Nothing was left in the arena, and no byte of it is anything but zero. */
static void assert_untouched(const struct arena *a)
{
    assert_int_equal(a->used, 0);
    assert_true(a->at[0] == 0 && memcmp(a->at, a->at + 1, a->cap - 1) == 0);
}

static void every_reader_opens_what_is_sealed_to_one_two_or_three(void **state)
{
    struct fixture *f = *state;
    for (size_t count = 1; count <= USERS; count++) {
        struct span der = seal(f, count, SPAN("for a few"));
        for (size_t i = 0; i < USERS; i++) {
            struct span content;
            enum rule rule = cms_open(&f->made, der, &f->user[i], &content);
            assert_rule(rule, i < count ? RULE_OK : RULE_CMS_NOT_READER);
            assert_span_text(content, i < count ? "for a few" : "");
        }
        arena_reset(&f->made);
    }
}

static void an_empty_and_a_large_content_come_out_as_they_went_in(void **state)
{
    struct fixture *f = *state;
    static uint8_t large[200000];
    const size_t lengths[] = {0, 1, 127, 128, 65535, 65536, sizeof large};
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct span content, der = seal(f, 2, span_of(large, lengths[i]));
        assert_rule(cms_open(&f->made, der, &f->user[1], &content), RULE_OK);
        assert_span_equal(content, span_of(large, lengths[i]));
        arena_reset(&f->arena);
        arena_reset(&f->made);
    }
}

static void no_two_sealings_share_a_key_a_nonce_or_an_ephemeral_key(void **state)
{
    struct fixture *f = *state;
    struct span a = seal(f, 1, SPAN("the same")), b = seal(f, 1, SPAN("the same"));
    const char *const paths[] = {"1.0.1.0.1", "1.0.1.0.3.0.1", "1.0.2.1.1.0", "1.0.2.2", "1.0.3"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_false(span_equal(der_at(a, paths[i]), der_at(b, paths[i])));
}

static void what_is_written_is_what_protocol_2_4_says(void **state)
{
    struct fixture *f = *state;
    struct span der = seal(f, 3, SPAN("12345"));
    assert_span_equal(der_at(der, "1.0.0"), SPAN("\x02\x01\x00"));                               /* v0 */
    assert_span_equal(der_at(der, "1.0.1.0.0"), SPAN("\x02\x01\x03"));                           /* kari v3 */
    assert_span_equal(der_at(der, "1.0.1.0.2.0"), SPAN("\x06\x06\x2b\x81\x04\x01\x0b\x01"));     /* stdDH-sha256kdf */
    assert_span_equal(der_at(der, "1.0.1.0.2.1"),
                      SPAN("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x05"));             /* aes128-wrap */
    for (size_t i = 0; i < 3; i++) { /* one KeyAgreeRecipientInfo with a key for each, named by issuer and serial */
        char path[32];
        snprintf(path, sizeof path, "1.0.1.0.3.%zu.0", i);
        assert_span_equal(der_at(der, path), f->reader[i]->issuer_and_serial);
    }
    assert_span_equal(der_at(der, "1.0.2.0"), SPAN("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")); /* id-data */
    assert_span_equal(der_at(der, "1.0.2.1.0"), SPAN("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x06")); /* AES-128-GCM */
    assert_int_equal(der_at(der, "1.0.2.1.1.0").len, 2 + 12);
    assert_span_equal(der_at(der, "1.0.2.1.1.1"), SPAN("\x02\x01\x10")); /* ICVlen 16 */
    assert_int_equal(der_at(der, "1.0.2.2").len, 2 + 5);
    assert_int_equal(der_at(der, "1.0.3").len, 2 + 16);
    assert_int_equal(der_at(der, "1.0.1").len, 2 + 2 + 0 + der_at(der, "1.0.1.0").len); /* and no other RecipientInfo */
}

static void the_readers_can_be_told_without_a_key(void **state)
{
    struct fixture *f = *state;
    struct cms_readers readers;
    assert_rule(cms_readers_of(seal(f, 2, SPAN("x")), &readers), RULE_OK);
    assert_int_equal(readers.count, 2);
    assert_int_equal(readers.reader[0].kind, CMS_KEY_AGREEMENT);
    assert_true(cms_reader_is(&readers.reader[0], f->reader[0]) && cms_reader_is(&readers.reader[1], f->reader[1]));
    assert_false(cms_reader_is(&readers.reader[0], f->reader[1]));
    assert_true(cms_readers_include(&readers, f->reader[1]));
    assert_false(cms_readers_include(&readers, f->reader[2]));
}

static void sealing_to_nobody_to_too_many_or_twice_to_one_is_refused(void **state)
{
    struct fixture *f = *state;
    struct certificate *many[CMS_READERS_MAX + 1];
    struct span der;
    for (size_t i = 0; i <= CMS_READERS_MAX; i++)
        many[i] = f->reader[0];
    assert_rule(cms_seal(&f->arena, many, 0, SPAN("x"), &der), RULE_CMS_STRUCTURE);
    assert_rule(cms_seal(&f->arena, many, 2, SPAN("x"), &der), RULE_CMS_STRUCTURE);
    assert_rule(cms_seal(&f->arena, many, CMS_READERS_MAX + 1, SPAN("x"), &der), RULE_CMS_LIMIT);
    assert_untouched(&f->arena);
}

static void as_many_readers_as_the_limit_allows_can_read(void **state)
{
    struct fixture *f = *state;
    struct identity user[CMS_READERS_MAX];
    struct certificate *reader[CMS_READERS_MAX];
    struct span der, content;
    for (size_t i = 0; i < CMS_READERS_MAX; i++) {
        user[i] = pki_user(&f->authority, "sip:one@home.example");
        reader[i] = user[i].certificate;
    }
    size_t before = f->arena.used;
    assert_rule(cms_seal(&f->arena, reader, CMS_READERS_MAX, SPAN("x"), &der), RULE_OK);
    assert_true(f->arena.used - before <= CMS_OVERHEAD_MAX);
    for (size_t i = 0; i < CMS_READERS_MAX; i++) {
        assert_rule(cms_open(&f->made, der, &user[i], &content), RULE_OK);
        identity_clear(&user[i]);
    }
}

static void a_reader_whose_key_can_only_sign_is_refused(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    struct span der = pki_odd(&f->arena, &(struct pki_odd){.subject = "k", .key = key}, NULL);
    struct certificate *reader[2] = {f->reader[0]};
    assert_rule(certificate_parse(der, &reader[1]), RULE_OK);
    assert_rule(cms_seal(&f->arena, reader, 2, SPAN("x"), &der), RULE_CERT_KEY);
    certificate_release(reader[1]);
    EVP_PKEY_free(key);
}

/* protocol.md 2.3: found before any private-key operation. */
static void who_is_no_reader_is_told_so_without_his_key_being_used(void **state)
{
    struct fixture *f = *state;
    struct identity keyless = {f->stranger.certificate, NULL};
    struct span content;
    assert_rule(cms_open(&f->made, seal(f, 3, SPAN("x")), &keyless, &content), RULE_CMS_NOT_READER);
    assert_untouched(&f->made);
}

static void a_wrong_key_under_the_right_name_opens_nothing(void **state)
{
    struct fixture *f = *state;
    struct identity mixed = {f->reader[0], f->stranger.key};
    struct span content;
    assert_rule(cms_open(&f->made, seal(f, 2, SPAN("x")), &mixed, &content), RULE_CMS_OPEN);
    assert_untouched(&f->made);
}

/* A key of another reader is no part of what the tag covers, and neither is an identifier of one. */
static void a_flipped_bit_never_gives_other_content(void **state)
{
    struct fixture *f = *state;
    struct span der = seal(f, 2, SPAN("exactly this")), content;
    size_t identical = 0;
    for (size_t bit = 0; bit < der.len * 8; bit++) {
        size_t mark = arena_mark(&f->arena);
        struct span copy = arena_copy(&f->arena, der, NULL);
        ((uint8_t *)(uintptr_t)copy.at)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (cms_open(&f->made, copy, &f->user[0], &content) == RULE_OK) {
            assert_span_text(content, "exactly this");
            /* Only within what belongs to the other reader. */
            assert_true(span_within(span_of(der.at + bit / 8, 1), der_at(der, "1.0.1.0.3.1")));
            identical++;
            arena_reset(&f->made);
        }
        assert_untouched(&f->made);
        arena_rewind(&f->arena, mark);
    }
    assert_true(identical > 0 && identical < der_at(der, "1.0.1.0.3.1").len * 8);
}

static void every_truncation_is_refused(void **state)
{
    struct fixture *f = *state;
    struct span der = seal(f, 2, SPAN("whole")), content;
    struct cms_readers readers;
    for (size_t len = 0; len < der.len; len++) {
        uint8_t *exact = malloc(len ? len : 1); /* so that a read past the end is seen */
        memcpy(exact, der.at, len);
        assert_rule(cms_open(&f->made, span_of(exact, len), &f->user[0], &content), RULE_CMS_DER);
        assert_rule(cms_readers_of(span_of(exact, len), &readers), RULE_CMS_DER);
        free(exact);
    }
    uint8_t *longer = calloc(1, der.len + 1);
    memcpy(longer, der.at, der.len);
    assert_rule(cms_open(&f->made, span_of(longer, der.len + 1), &f->user[0], &content), RULE_CMS_DER);
    free(longer);
    assert_untouched(&f->made);
}

static void without_memory_nothing_is_sealed_or_opened_and_nothing_is_left(void **state)
{
    struct fixture *f = *state;
    struct span der, content;
    enum rule rule;
    for (size_t allowed = 0;; allowed++) {
        f->made.fail_after = allowed;
        rule = cms_seal(&f->made, f->reader, 3, SPAN("x"), &der);
        if (rule == RULE_OK)
            break;
        assert_rule(rule, RULE_NO_MEMORY);
        assert_untouched(&f->made);
    }
    f->made.fail_after = SIZE_MAX;
    arena_reset(&f->made);
    der = seal(f, 3, SPAN("x"));
    for (size_t allowed = 0;; allowed++) {
        f->made.fail_after = allowed;
        rule = cms_open(&f->made, der, &f->user[2], &content);
        if (rule == RULE_OK)
            break;
        assert_rule(rule, RULE_NO_MEMORY);
        assert_untouched(&f->made);
    }
    struct arena small;
    assert_true(arena_open(&small, 512));
    assert_rule(cms_seal(&small, f->reader, 3, SPAN("x"), &der), RULE_NO_MEMORY);
    arena_close(&small);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_reader_opens_what_is_sealed_to_one_two_or_three),
        TEST(an_empty_and_a_large_content_come_out_as_they_went_in),
        TEST(no_two_sealings_share_a_key_a_nonce_or_an_ephemeral_key),
        TEST(what_is_written_is_what_protocol_2_4_says),
        TEST(the_readers_can_be_told_without_a_key),
        TEST(sealing_to_nobody_to_too_many_or_twice_to_one_is_refused),
        TEST(as_many_readers_as_the_limit_allows_can_read),
        TEST(a_reader_whose_key_can_only_sign_is_refused),
        TEST(who_is_no_reader_is_told_so_without_his_key_being_used),
        TEST(a_wrong_key_under_the_right_name_opens_nothing),
        TEST(a_flipped_bit_never_gives_other_content),
        TEST(every_truncation_is_refused),
        TEST(without_memory_nothing_is_sealed_or_opened_and_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
