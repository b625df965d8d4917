/* What is read for legacy peers alone, without MIME and SIP: EnvelopedData with AES-CBC, and key transport with PKCS#1
 * v1.5 (protocol.md 2, 2.2, 2.3; RFC 5652 6, RFC 3218, RFC 8017 7.2). What vouches for content is a switch here. */
#include "test.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "cms/der.h"
#include "der_edit.h"
#include "forge.h"
#include "pki.h"

#define CONTENT SPAN("some content")
#define TRANSPORT "1.0.1.0"
#define TRANSPORTED_KEY TRANSPORT ".3"
#define IV "1.0.2.1.1"
#define CIPHERTEXT "1.0.2.2"
#define PKCS1_ID "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
#define OAEP_ID                                                                                                        \
    "\x30\x3c\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07\x30\x2f\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04" \
    "\x02\x01\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65" \
    "\x03\x04\x02\x01\x05\x00"

enum who { EC, RSA_2048, WHO_COUNT };
enum { BLOCK = 256, KEY = 16 };

struct fixture {
    struct arena arena, made;
    struct identity who[WHO_COUNT];
    bool vouches;   /* what is said of every candidate */
    bool looks;     /* ... that is CONTENT; what a wrong key gives has right padding once in a while */
    size_t asked;   /* how often it was */
};

static bool vouch(void *context, struct arena *arena, struct span candidate)
{
    struct fixture *f = context;
    (void)arena_copy(arena, candidate, NULL); /* what was taken meanwhile is wiped too */
    f->asked++;
    return f->vouches && (!f->looks || span_equal(candidate, CONTENT));
}

static int make_all(void **state)
{
    static struct fixture f;
    struct span der;
    f = (struct fixture){0};
    assert_true(arena_open(&f.arena, 1024 * 1024) && arena_open(&f.made, 1024 * 1024));
    struct identity authority = pki_authority("Home");
    f.who[EC] = pki_user(&authority, "sip:bob@far.example");
    f.who[RSA_2048].key = EVP_RSA_gen(2048);
    const struct pki_odd odd = {.subject = "old", .key = f.who[RSA_2048].key, .authority = &authority};
    der = pki_odd(&f.arena, &odd, NULL);
    assert_rule(certificate_parse(der, &f.who[RSA_2048].certificate), RULE_OK);
    identity_clear(&authority);
    arena_reset(&f.arena);
    *state = &f;
    return 0;
}

static int drop_all(void **state)
{
    struct fixture *f = *state;
    for (enum who who = 0; who < WHO_COUNT; who++)
        identity_clear(&f->who[who]);
    arena_close(&f->arena);
    arena_close(&f->made);
    return 0;
}

static int begin(void **state)
{
    struct fixture *f = *state;
    f->vouches = true;
    f->looks = false;
    f->asked = 0;
    return 0;
}

static int clean_up(void **state)
{
    struct fixture *f = *state;
    f->made.fail_after = SIZE_MAX;
    arena_reset(&f->arena);
    arena_reset(&f->made);
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

/* --- objects --- */

static struct forge forge_for(const struct fixture *f, enum who who, bool enveloped, bool pkcs1)
{
    return (struct forge){
        .reader = {f->who[who].certificate},
        .content = CONTENT,
        .enveloped = enveloped,
        .transport = {.algorithm = pkcs1 ? SPAN(PKCS1_ID) : SPAN(OAEP_ID), .padding = pkcs1 ? RSA_PKCS1_PADDING : 0},
    };
}

static enum rule open_as(struct fixture *f, enum who who, unsigned allowed, struct span der, struct span *content)
{
    const struct cms_legacy_terms terms = {allowed, vouch, f};
    arena_reset(&f->made);
    return cms_open_legacy(&f->made, der, &f->who[who], &terms, content);
}

static void assert_opens(struct fixture *f, enum who who, unsigned allowed, struct span der, enum rule expected)
{
    static const uint8_t zero[4096];
    struct span content;
    assert_rule(open_as(f, who, allowed, der, &content), expected);
    assert_span_equal(content, expected == RULE_OK ? CONTENT : SPAN(""));
    if (expected != RULE_OK) {
        assert_int_equal(f->made.used, 0);
        assert_memory_equal(f->made.at, zero, sizeof zero); /* no plaintext is left */
    }
}

/* An object for the reader with RSA, with this block in place of the padded key: RSA and nothing else. */
static struct span with_block(struct fixture *f, struct span der, const uint8_t block[BLOCK])
{
    uint8_t encrypted[BLOCK], room[BLOCK + 8];
    size_t len = sizeof encrypted;
    struct der_writer w = der_writer_over(room, sizeof room);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(f->who[RSA_2048].key, NULL);
    assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) > 0);
    assert_int_equal(EVP_PKEY_encrypt(context, encrypted, &len, block, BLOCK), 1);
    EVP_PKEY_CTX_free(context);
    der_put_item(&w, DER_OCTET_STRING, span_of(encrypted, len));
    return der_replace(&f->arena, der, TRANSPORTED_KEY, der_written(&w));
}

/* 00 02, bytes that are not zero, 00, a key of zeros. */
static void good_block(uint8_t block[BLOCK], size_t key_len)
{
    memset(block, 0xa5, BLOCK);
    block[0] = 0;
    block[1] = 2;
    memset(block + BLOCK - key_len - 1, 0, key_len + 1);
}

/* --- what is switched on --- */

static void what_is_for_legacy_peers_is_opened_when_it_is_switched_on_and_refused_otherwise(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum who who;
        bool enveloped, pkcs1;
        const char *cipher;
    } cases[] = {
        {EC, false, false, "AES-128-GCM"},      {RSA_2048, false, false, "AES-256-GCM"},
        {RSA_2048, false, true, "AES-128-GCM"}, {RSA_2048, false, true, "AES-256-GCM"},
        {EC, true, false, "AES-128-CBC"},       {EC, true, false, "AES-256-CBC"},
        {RSA_2048, true, false, "AES-128-CBC"}, {RSA_2048, true, false, "AES-256-CBC"},
        {RSA_2048, true, true, "AES-128-CBC"},  {RSA_2048, true, true, "AES-256-CBC"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct forge forge = forge_for(f, cases[i].who, cases[i].enveloped, cases[i].pkcs1);
        forge.cipher = cases[i].cipher;
        struct span der = forge_sealed(&f->arena, &forge), content;
        for (unsigned allowed = 0; allowed <= CMS_LEGACY_ALL; allowed++) {
            enum rule expected = cases[i].enveloped && !(allowed & CMS_LEGACY_CBC)   ? RULE_CMS_TYPE
                                 : cases[i].pkcs1 && !(allowed & CMS_LEGACY_PKCS1) ? RULE_CMS_ALGORITHM
                                                                                   : RULE_OK;
            assert_opens(f, cases[i].who, allowed, der, expected);
            if (allowed == 0)
                assert_rule(cms_open(&f->made, der, &f->who[cases[i].who], &content), expected);
        }
    }
}

static void what_an_object_uses_is_told_without_opening_it(void **state)
{
    struct fixture *f = *state;
    struct cms_readers readers;
    for (unsigned uses = 0; uses <= CMS_LEGACY_ALL; uses++) {
        struct forge forge = forge_for(f, RSA_2048, uses & CMS_LEGACY_CBC, uses & CMS_LEGACY_PKCS1);
        assert_rule(cms_readers_of(forge_sealed(&f->arena, &forge), &readers), RULE_OK);
        assert_int_equal(readers.legacy, uses);
        assert_true(cms_readers_include(&readers, f->who[RSA_2048].certificate));
    }
    assert_string_equal(cms_legacy_text(CMS_LEGACY_ALL), "cbc pkcs1");
    assert_int_equal(cms_legacy_named(SPAN("cbc")), CMS_LEGACY_CBC);
    assert_int_equal(cms_legacy_named(SPAN("pkcs1")), CMS_LEGACY_PKCS1);
    assert_int_equal(cms_legacy_named(SPAN("")), 0);
}

static void other_ciphers_and_parameters_stay_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *path;
        struct span bytes;
        enum rule expected;
    } cases[] = {
        {"1.0.2.1.0", SPAN_INIT("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x16"), RULE_CMS_ALGORITHM}, /* AES-192 */
        {"1.0.2.1.0", SPAN_INIT("\x06\x08\x2a\x86\x48\x86\xf7\x0d\x03\x07"), RULE_CMS_ALGORITHM},     /* 3DES */
        {"1.0.2.1.0", SPAN_INIT("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x06"), RULE_CMS_ALGORITHM}, /* GCM */
        {IV, SPAN_INIT("\x04\x0f" "123456789012345"), RULE_CMS_STRUCTURE},
        {IV, SPAN_INIT("\x04\x11" "12345678901234567"), RULE_CMS_STRUCTURE},
        {IV, SPAN_INIT("\x05\x00"), RULE_CMS_STRUCTURE},
        {IV, SPAN_INIT(""), RULE_CMS_STRUCTURE},
        {CIPHERTEXT, SPAN_INIT("\x80\x00"), RULE_CMS_STRUCTURE},
        {CIPHERTEXT, SPAN_INIT("\x80\x0f" "123456789012345"), RULE_CMS_STRUCTURE},
        {"1.0.0", SPAN_INIT("\x02\x01\x01"), RULE_CMS_STRUCTURE},
        {"1.0.0", SPAN_INIT("\x02\x01\x03"), RULE_CMS_STRUCTURE},
    };
    struct forge forge = forge_for(f, EC, true, false);
    struct span der = forge_sealed(&f->arena, &forge);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_opens(f, EC, CMS_LEGACY_ALL, der_replace(&f->arena, der, cases[i].path, cases[i].bytes),
                     cases[i].expected);
    assert_int_equal(f->asked, 0);
}

/* RFC 5652 6.1: such a recipient makes the version 3. What is refused is the recipient. */
static void a_password_is_refused_for_what_it_is_whatever_version_it_makes(void **state)
{
    struct fixture *f = *state;
    struct forge forge = forge_for(f, EC, true, false);
    struct span der = forge_sealed(&f->arena, &forge), reader = der_at(der, TRANSPORT);
    static const struct span kinds[] = {SPAN_INIT("\xa3\x03\x02\x01\x00"), SPAN_INIT("\xa4\x03\x02\x01\x00")};
    for (size_t i = 0; i < 2; i++) {
        uint8_t room[4096];
        struct writer w = writer_over(room, sizeof room);
        writer_put(&w, reader);
        writer_put(&w, kinds[i]);
        struct span with = der_replace(&f->arena, der, TRANSPORT, writer_span(&w));
        assert_opens(f, EC, CMS_LEGACY_ALL, der_replace(&f->arena, with, "1.0.0", SPAN("\x02\x01\x03")),
                     RULE_CMS_ALGORITHM);
    }
    assert_int_equal(f->asked, 0);
}

static void attributes_that_nothing_protects_are_passed_over(void **state)
{
    struct fixture *f = *state;
    struct forge forge = forge_for(f, EC, true, false);
    forge.unauth_attributes = SPAN("\x30\x09\x06\x03\x2a\x03\x04\x31\x02\x05\x00");
    assert_opens(f, EC, CMS_LEGACY_CBC, forge_sealed(&f->arena, &forge), RULE_OK);
    forge.unauth_attributes = SPAN("\x05\x00");
    assert_opens(f, EC, CMS_LEGACY_CBC, forge_sealed(&f->arena, &forge), RULE_CMS_STRUCTURE);
}

/* --- AES-CBC --- */

/* protocol.md 2.3 */
static void nothing_under_cbc_leaves_before_somebody_vouched_for_it(void **state)
{
    struct fixture *f = *state;
    struct forge forge = forge_for(f, EC, true, false);
    struct span der = forge_sealed(&f->arena, &forge);
    f->vouches = false;
    assert_opens(f, EC, CMS_LEGACY_CBC, der, RULE_CMS_OPEN);
    assert_int_equal(f->asked, 1);
}

/* Everything that can be wrong is answered in one way, and is no reason to leave out what comes after it. */
static void whatever_is_wrong_under_cbc_is_one_failure_after_the_same_work(void **state)
{
    struct fixture *f = *state;
    struct forge forge = forge_for(f, EC, true, false);
    struct span der = forge_sealed(&f->arena, &forge);
    forge.broken_padding = true;
    struct span broken[] = {
        forge_sealed(&f->arena, &forge),
        der_flip(&f->arena, der, TRANSPORT ".3.0.1", 0),                                  /* the wrapped key */
        der_replace(&f->arena, der, TRANSPORT ".3.0.1", SPAN("\x04\x03" "abc")),           /* none at all */
        der_flip(&f->arena, der, CIPHERTEXT, -1),
    };
    f->looks = true;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        f->asked = 0;
        assert_opens(f, EC, CMS_LEGACY_CBC, broken[i], RULE_CMS_OPEN);
        assert_int_equal(f->asked, 1);
    }
}

/* RFC 5652 6.3, worked out once more. */
static bool is_padded(const uint8_t block[16])
{
    uint8_t n = block[15];
    for (size_t i = 0; i < n && n <= 16; i++)
        if (block[15 - i] != n)
            return false;
    return n >= 1 && n <= 16;
}

static void exactly_the_padding_of_rfc_5652_is_taken(void **state)
{
    struct fixture *f = *state;
    static const struct span contents[] = {SPAN_INIT("\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03"),
                                           SPAN_INIT("\x0f\x0f\x0f\x0f"), SPAN_INIT("")};
    size_t right = 0;
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        struct forge forge = forge_for(f, EC, true, false);
        forge.content = contents[i];
        struct span der = forge_sealed(&f->arena, &forge), content;
        uint8_t *iv = (uint8_t *)(uintptr_t)der_at(der, IV).at + 2;
        for (unsigned x = 0; x < 256; x++) {
            uint8_t block[16];
            memset(block, (int)(16 - contents[i].len), sizeof block);
            if (contents[i].len)
                memcpy(block, contents[i].at, contents[i].len);
            block[15] ^= (uint8_t)x;
            iv[15] ^= (uint8_t)x; /* turns over the same bits of the block */
            enum rule rule = open_as(f, EC, CMS_LEGACY_CBC, der, &content);
            iv[15] ^= (uint8_t)x;
            assert_rule(rule, is_padded(block) ? RULE_OK : RULE_CMS_OPEN);
            right += rule == RULE_OK;
            assert_int_equal(content.len, rule == RULE_OK ? 16u - block[15] : 0);
        }
    }
    assert_in_range(right, 4, 6);
}

static void contents_of_every_length_come_out_whole(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[65];
    for (size_t len = 0; len < sizeof bytes; len++) {
        struct forge forge = forge_for(f, EC, true, false);
        forge.content = span_of(bytes, len);
        struct span content;
        assert_rule(open_as(f, EC, CMS_LEGACY_CBC, forge_sealed(&f->arena, &forge), &content), RULE_OK);
        assert_span_equal(content, forge.content);
        bytes[len] = (uint8_t)len;
        arena_reset(&f->arena);
    }
}

/* --- PKCS#1 v1.5 --- */

/* RFC 3218 2.3.2: nobody is told whether there was a key, and nobody knows the one that stands for it: here the content
 * is sealed with zeros, so that zeros would open it. */
static void whatever_is_wrong_with_a_block_of_pkcs1_is_a_wrong_key_that_nobody_knows(void **state)
{
    struct fixture *f = *state;
    struct forge forge = forge_for(f, RSA_2048, false, true);
    uint8_t block[BLOCK];
    forge.zero_content_key = true;
    struct span der = forge_sealed(&f->arena, &forge);
    good_block(block, KEY);
    assert_opens(f, RSA_2048, CMS_LEGACY_PKCS1, with_block(f, der, block), RULE_OK);
    static const struct {
        size_t at;
        uint8_t byte;
    } wrong[] = {
        {0, 1}, {1, 0}, {1, 1}, {1, 3}, {1, 0x82},            /* not 00 02 */
        {2, 0}, {9, 0}, {10, 0}, {BLOCK - KEY - 2, 0},        /* a separator that comes early */
        {BLOCK - KEY - 1, 1}, {BLOCK - KEY - 1, 0x80},        /* none where it must be */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        good_block(block, KEY);
        block[wrong[i].at] = wrong[i].byte;
        assert_opens(f, RSA_2048, CMS_LEGACY_PKCS1, with_block(f, der, block), RULE_CMS_OPEN);
    }
    for (size_t len = 0; len <= 32; len++) {
        good_block(block, len);
        assert_opens(f, RSA_2048, CMS_LEGACY_PKCS1, with_block(f, der, block), len == KEY ? RULE_OK : RULE_CMS_OPEN);
        arena_rewind(&f->arena, 0);
        der = forge_sealed(&f->arena, &forge);
    }
}

static void an_encrypted_key_that_is_no_number_of_the_right_length_is_a_wrong_key(void **state)
{
    struct fixture *f = *state;
    struct forge forge = forge_for(f, RSA_2048, false, true);
    uint8_t bytes[BLOCK + 8] = {0};
    forge.zero_content_key = true;
    struct span der = forge_sealed(&f->arena, &forge);
    struct span whole = der_at(der, TRANSPORTED_KEY);
    struct der_writer w = der_writer_over(bytes, sizeof bytes);
    der_put_item(&w, DER_OCTET_STRING, span_part(whole, 4, BLOCK - 1));
    const struct span keys[] = {SPAN("\x04\x00"), SPAN("\x04\x01\x00"), der_written(&w)};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_opens(f, RSA_2048, CMS_LEGACY_PKCS1, der_replace(&f->arena, der, TRANSPORTED_KEY, keys[i]),
                     RULE_CMS_OPEN);
    uint8_t *at = (uint8_t *)(uintptr_t)whole.at + 4;
    memset(at, 0xff, BLOCK); /* above the modulus */
    assert_opens(f, RSA_2048, CMS_LEGACY_PKCS1, der, RULE_CMS_OPEN);
}

static void without_memory_nothing_is_opened_and_nothing_is_left(void **state)
{
    struct fixture *f = *state;
    struct forge forge = forge_for(f, RSA_2048, true, true);
    struct span der = forge_sealed(&f->arena, &forge), content;
    f->made.fail_after = 0;
    assert_rule(cms_open_legacy(&f->made, der, &f->who[RSA_2048],
                                &(struct cms_legacy_terms){CMS_LEGACY_ALL, vouch, f}, &content),
                RULE_NO_MEMORY);
    assert_int_equal(f->made.used, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)
    const struct CMUnitTest tests[] = {
        TEST(what_is_for_legacy_peers_is_opened_when_it_is_switched_on_and_refused_otherwise),
        TEST(what_an_object_uses_is_told_without_opening_it),
        TEST(other_ciphers_and_parameters_stay_refused),
        TEST(a_password_is_refused_for_what_it_is_whatever_version_it_makes),
        TEST(attributes_that_nothing_protects_are_passed_over),
        TEST(nothing_under_cbc_leaves_before_somebody_vouched_for_it),
        TEST(whatever_is_wrong_under_cbc_is_one_failure_after_the_same_work),
        TEST(exactly_the_padding_of_rfc_5652_is_taken),
        TEST(contents_of_every_length_come_out_whole),
        TEST(whatever_is_wrong_with_a_block_of_pkcs1_is_a_wrong_key_that_nobody_knows),
        TEST(an_encrypted_key_that_is_no_number_of_the_right_length_is_a_wrong_key),
        TEST(without_memory_nothing_is_opened_and_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
