/* cms_open on objects of every shape that the profile reads, and on those that it refuses. protocol.md 2.2 to 2.4. */
#include "test.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "der_edit.h"
#include "forge.h"
#include "pki.h"

/* Attributes: { 1.2.3.4, SET { OCTET STRING "a" } }, and the same with 1.2.3.5. */
#define ATTRIBUTE_A "\x30\x0a\x06\x03\x2a\x03\x04\x31\x03\x04\x01\x61"
#define ATTRIBUTE_B "\x30\x0a\x06\x03\x2a\x03\x05\x31\x03\x04\x01\x61"
#define CONTENT SPAN("some content")

enum { USERS = 3, ARENA = 1024 * 1024 };

struct fixture {
    struct arena arena, made;
    struct identity authority, user[USERS];
    struct forge all; /* what every test begins with: sealed to all three */
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    assert_true(arena_open(&f.arena, ARENA) && arena_open(&f.made, ARENA));
    f.authority = pki_authority("Test CA");
    f.all.content = CONTENT;
    for (size_t i = 0; i < USERS; i++) {
        f.user[i] = pki_user(&f.authority, "sip:user@home.example");
        f.all.reader[i] = f.user[i].certificate;
    }
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < USERS; i++)
        identity_clear(&f->user[i]);
    identity_clear(&f->authority);
    arena_close(&f->arena);
    arena_close(&f->made);
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

/* Every reader of the forged object opens it, or none. */
static void assert_opens(struct fixture *f, struct span der, enum rule expected)
{
    for (size_t i = 0; i < USERS; i++) {
        struct span content;
        assert_rule(cms_open(&f->made, der, &f->user[i], &content), expected);
        assert_span_equal(content, expected == RULE_OK ? CONTENT : SPAN(""));
        arena_reset(&f->made);
    }
}

static void assert_forged(struct fixture *f, const struct forge *forge, enum rule expected)
{
    struct span der = forge_sealed(&f->arena, forge);
    assert_opens(f, der, expected);
    arena_reset(&f->arena);
}

/* The forged object with an item replaced. */
static void assert_edited(struct fixture *f, const char *path, struct span bytes, enum rule expected)
{
    struct span der = forge_sealed(&f->arena, &f->all);
    assert_opens(f, der, RULE_OK);
    assert_opens(f, der_replace(&f->arena, der, path, bytes), expected);
    arena_reset(&f->arena);
}

/* --- what is read --- */

static void both_key_sizes_of_content_and_wrap_are_read(void **state)
{
    struct fixture *f = *state;
    const char *const ciphers[] = {"AES-128-GCM", "AES-256-GCM"}, *const wraps[] = {"AES-128-WRAP", "AES-256-WRAP"};
    for (size_t i = 0; i < 4; i++) {
        f->all.cipher = ciphers[i / 2];
        f->all.wrap = wraps[i % 2];
        assert_forged(f, &f->all, RULE_OK);
    }
}

static void readers_named_by_key_identifier_are_found(void **state)
{
    struct fixture *f = *state;
    f->all.by_key_id = true;
    assert_forged(f, &f->all, RULE_OK);
    struct cms_readers readers;
    assert_rule(cms_readers_of(forge_sealed(&f->arena, &f->all), &readers), RULE_OK);
    assert_int_equal(readers.count, 3);
    assert_true(cms_reader_is(&readers.reader[1], f->user[1].certificate));
    assert_false(cms_reader_is(&readers.reader[1], f->user[0].certificate));
}

static void a_key_agreement_for_each_reader_is_read(void **state)
{
    struct fixture *f = *state;
    f->all.key_for_each = true;
    assert_forged(f, &f->all, RULE_OK);
}

static void user_keying_material_enters_the_key(void **state)
{
    struct fixture *f = *state;
    f->all.ukm = SPAN("sixteen bytes of");
    assert_forged(f, &f->all, RULE_OK);
    struct span der = forge_sealed(&f->arena, &f->all);
    assert_opens(f, der_flip(&f->arena, der, "1.0.1.0.2.0", 0), RULE_CMS_OPEN);
    f->all.ukm = SPAN("");
    assert_forged(f, &f->all, RULE_OK); /* present and empty is not the same as absent */
}

/* RFC 5753 3.1.1: absent, NULL or the curve. */
static void the_originators_parameters_may_be_absent_null_or_the_curve(void **state)
{
    struct fixture *f = *state;
    f->all.originator_parameters = SPAN("\x05\x00");
    assert_forged(f, &f->all, RULE_OK);
    f->all.originator_parameters = SPAN("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
    assert_forged(f, &f->all, RULE_OK);
    f->all.originator_parameters = SPAN("\x06\x05\x2b\x81\x04\x00\x22"); /* P-384 */
    assert_forged(f, &f->all, RULE_CMS_ALGORITHM);
}

/* RFC 5083 2.2. */
static void authenticated_attributes_are_authenticated_and_others_not(void **state)
{
    struct fixture *f = *state;
    f->all.auth_attributes = SPAN(ATTRIBUTE_A ATTRIBUTE_B);
    assert_forged(f, &f->all, RULE_OK);
    struct span der = forge_sealed(&f->arena, &f->all);
    assert_opens(f, der_flip(&f->arena, der, "1.0.3.0.1.0", 0), RULE_CMS_OPEN);
    assert_opens(f, der_replace(&f->arena, der, "1.0.3", SPAN("")), RULE_CMS_OPEN);
    f->all.auth_attributes = SPAN("");
    f->all.unauth_attributes = SPAN(ATTRIBUTE_A);
    assert_forged(f, &f->all, RULE_OK);
    der = forge_sealed(&f->arena, &f->all);
    assert_opens(f, der_flip(&f->arena, der, "1.0.4.0.1.0", 0), RULE_OK);
    assert_opens(f, der_replace(&f->arena, der, "1.0.4", SPAN("")), RULE_OK);
    /* Attributes that nobody authenticated are not made so by another tag. */
    struct span moved = der_replace(&f->arena, der, "1.0.3", SPAN("\xa1\x0c" ATTRIBUTE_A));
    assert_opens(f, der_replace(&f->arena, moved, "1.0.4", der_at(der, "1.0.3")), RULE_CMS_OPEN);
}

static void readers_of_other_kinds_are_counted_and_do_not_hinder(void **state)
{
    struct fixture *f = *state;
    struct span der = forge_sealed(&f->arena, &f->all);
    struct span kari = der_at(der, "1.0.1.0");
    static const char transport[] = "\x30\x1c\x02\x01\x02\x80\x04skid\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"
                                    "\x07\x30\x00\x04\x02xx";
    static const char kek[] = "\xa2\x1a\x02\x01\x04\x30\x04\x04\x02id\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01"
                              "\x05\x04\x02xx";
    uint8_t room[4096];
    struct writer w = writer_over(room, sizeof room);
    writer_put(&w, span_of(transport, sizeof transport - 1));
    writer_put(&w, kari);
    writer_put(&w, span_of(kek, sizeof kek - 1));
    der = der_replace(&f->arena, der, "1.0.1.0", writer_span(&w));
    assert_opens(f, der, RULE_OK);
    struct cms_readers readers;
    assert_rule(cms_readers_of(der, &readers), RULE_OK);
    assert_int_equal(readers.count, 5);
    assert_int_equal(readers.reader[0].kind, CMS_KEY_TRANSPORT);
    assert_span_text(readers.reader[0].key_id, "skid");
    assert_int_equal(readers.reader[4].kind, CMS_KEY_ENCRYPTION_KEY);
    assert_span_text(readers.reader[4].key_id, "id");
}

/* --- what is refused: protocol.md 2.2 --- */

static void the_sha1_kdf_is_refused(void **state)
{
    struct fixture *f = *state;
    f->all.scheme = "1.3.133.16.840.63.0.2"; /* dhSinglePass-stdDH-sha1kdf-scheme */
    f->all.kdf_digest = "SHA1";
    assert_forged(f, &f->all, RULE_CMS_ALGORITHM);
    f->all.scheme = "1.3.132.1.11.0"; /* with SHA-224 */
    f->all.kdf_digest = "SHA224";
    assert_forged(f, &f->all, RULE_CMS_ALGORITHM);
}

static void what_openssls_own_calls_make_by_default_is_refused_for_its_sha1(void **state)
{
    struct fixture *f = *state;
    STACK_OF(X509) *readers = sk_X509_new_null();
    unsigned char *bytes = NULL;
    sk_X509_push(readers, f->user[0].certificate->x509);
    BIO *in = BIO_new_mem_buf("x", 1);
    CMS_ContentInfo *cms = CMS_encrypt(readers, in, EVP_aes_128_gcm(), CMS_BINARY);
    assert_non_null(cms);
    int len = i2d_CMS_ContentInfo(cms, &bytes);
    assert_true(len > 0);
    struct span content;
    assert_rule(cms_open(&f->made, span_of(bytes, (size_t)len), &f->user[0], &content), RULE_CMS_ALGORITHM);
    OPENSSL_free(bytes);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    sk_X509_free(readers);
    ERR_clear_error();
}

static void short_tags_are_refused_although_they_fit(void **state)
{
    struct fixture *f = *state;
    for (f->all.tag_len = 4; f->all.tag_len < 16; f->all.tag_len++)
        assert_forged(f, &f->all, RULE_CMS_ALGORITHM);
    f->all.tag_len = 12;
    f->all.icv_default = true; /* RFC 5084's default is 12 */
    assert_forged(f, &f->all, RULE_CMS_ALGORITHM);
    f->all.tag_len = 16;
    assert_forged(f, &f->all, RULE_CMS_ALGORITHM);
}

static void a_mac_of_another_length_than_announced_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_edited(f, "1.0.3", SPAN("\x04\x04xxxx"), RULE_CMS_STRUCTURE);
    assert_edited(f, "1.0.3", SPAN("\x04\x00"), RULE_CMS_STRUCTURE);
    assert_edited(f, "1.0.3", SPAN("\x04\x11xxxxxxxxxxxxxxxxx"), RULE_CMS_STRUCTURE);
    assert_edited(f, "1.0.3", SPAN("\x04\x10xxxxxxxxxxxxxxxx"), RULE_CMS_OPEN);
}

static void nonces_of_other_lengths_are_refused(void **state)
{
    struct fixture *f = *state;
    f->all.nonce_len = 16;
    assert_forged(f, &f->all, RULE_CMS_ALGORITHM);
    f->all.nonce_len = 8;
    assert_forged(f, &f->all, RULE_CMS_ALGORITHM);
}

static void other_ciphers_and_wraps_are_refused(void **state)
{
    struct fixture *f = *state;
    f->all.cipher = "AES-192-GCM";
    assert_forged(f, &f->all, RULE_CMS_ALGORITHM);
    f->all.cipher = NULL;
    f->all.wrap = "AES-192-WRAP";
    assert_forged(f, &f->all, RULE_CMS_ALGORITHM);
    f->all.wrap = NULL;
    f->all.wrap_parameters = SPAN("\x05\x00"); /* RFC 3565 2.3.2: absent */
    assert_forged(f, &f->all, RULE_CMS_ALGORITHM);
    f->all.wrap_parameters = SPAN("");
    /* aes128-CBC with its IV */
    assert_edited(f, "1.0.2.1",
                  SPAN("\x30\x1d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02\x04\x10iviviviviviviviv"),
                  RULE_CMS_ALGORITHM);
    assert_edited(f, "1.0.2.1", SPAN("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x06"), RULE_CMS_STRUCTURE);
}

/* X9.62 has a third form: both coordinates, and what the compressed one says of the second. RFC 5480 has it not. */
static void assert_hybrid_is_refused(struct fixture *f, uint8_t form)
{
    struct span der = forge_sealed(&f->arena, &f->all), point = der_at(der, "1.0.1.0.1.0.1");
    assert_int_equal(point.at[3], 0x04); /* BIT STRING, length, no bits unused, form */
    ((uint8_t *)(uintptr_t)point.at)[3] = form;
    assert_opens(f, der, RULE_CMS_ALGORITHM);
    arena_reset(&f->arena);
}

static void an_ephemeral_key_of_another_form_is_refused(void **state)
{
    struct fixture *f = *state;
    f->all.compressed = true;
    assert_forged(f, &f->all, RULE_CMS_ALGORITHM);
    f->all.compressed = false;
    assert_hybrid_is_refused(f, 0x06);
    assert_hybrid_is_refused(f, 0x07);
    assert_edited(f, "1.0.1.0.1.0.1", SPAN("\x03\x02\x00\x00"), RULE_CMS_ALGORITHM); /* the point at infinity */
    assert_edited(f, "1.0.1.0.1.0.1", SPAN("\x03\x01\x00"), RULE_CMS_ALGORITHM);
    struct span der = forge_sealed(&f->arena, &f->all);
    assert_opens(f, der_flip(&f->arena, der, "1.0.1.0.1.0.1", -1), RULE_CMS_OPEN); /* off the curve */
    assert_edited(f, "1.0.1.0.1", SPAN("\xa0\x03\x80\x01x"), RULE_CMS_ALGORITHM);  /* a key that is only named */
}

static void another_kind_of_recipient_is_refused(void **state)
{
    struct fixture *f = *state;
    struct span der = forge_sealed(&f->arena, &f->all), kari = der_at(der, "1.0.1.0");
    const char *const kinds[] = {"\xa3\x03\x02\x01\x00", "\xa4\x03\x02\x01\x00"}; /* a password, another */
    for (size_t i = 0; i < 2; i++) {
        uint8_t room[4096];
        struct writer w = writer_over(room, sizeof room);
        writer_put(&w, kari);
        writer_put(&w, span_of(kinds[i], 5));
        assert_opens(f, der_replace(&f->arena, der, "1.0.1.0", writer_span(&w)), RULE_CMS_ALGORITHM);
    }
}

static void a_key_transport_for_a_reader_on_a_curve_is_refused(void **state)
{
    struct fixture *f = *state;
    struct certificate *self = f->user[0].certificate;
    struct span der = forge_sealed(&f->arena, &f->all), content;
    uint8_t room[512];
    struct writer w = writer_over(room, sizeof room), body;
    uint8_t inner[400];
    body = writer_over(inner, sizeof inner);
    writer_put(&body, SPAN("\x02\x01\x00"));
    writer_put(&body, self->issuer_and_serial);
    writer_put(&body, SPAN("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04\x02xx"));
    assert_true(body.len < 128);
    writer_byte(&w, 0x30);
    writer_byte(&w, (uint8_t)body.len);
    writer_put(&w, writer_span(&body));
    der = der_replace(&f->arena, der, "1.0.1.0", writer_span(&w));
    assert_rule(cms_open(&f->made, der, &f->user[0], &content), RULE_CMS_ALGORITHM);
    assert_rule(cms_open(&f->made, der, &f->user[1], &content), RULE_CMS_NOT_READER);
}

static void a_content_key_of_another_length_or_value_opens_nothing(void **state)
{
    struct fixture *f = *state;
    f->all.wrong_content_key = true;
    assert_forged(f, &f->all, RULE_CMS_OPEN);
    f->all.wrong_content_key = false;
    struct span der = forge_sealed(&f->arena, &f->all), content;
    const char *const keys[] = {"\x04\x00", "\x04\x08xxxxxxxx", "\x04\x10xxxxxxxxxxxxxxxx",
                                "\x04\x18xxxxxxxxxxxxxxxxxxxxxxxx", "\x04\x28xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct span edited = der_replace(&f->arena, der, "1.0.1.0.3.0.1", span_of(keys[i], 2 + (size_t)keys[i][1]));
        assert_rule(cms_open(&f->made, edited, &f->user[0], &content), RULE_CMS_OPEN);
        assert_rule(cms_open(&f->made, edited, &f->user[1], &content), RULE_OK);
        arena_reset(&f->made);
    }
}

/* --- structure --- */

static void the_type_of_the_object_and_of_its_content_is_judged(void **state)
{
    struct fixture *f = *state;
    /* EnvelopedData, which has no tag */
    assert_edited(f, "0", SPAN("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"), RULE_CMS_STRUCTURE);
    assert_edited(f, "0", SPAN("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x02"), RULE_CMS_TYPE);
    assert_edited(f, "1.0.2.0", SPAN("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), RULE_CMS_TYPE);
}

static void broken_structures_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *path;
        struct span bytes;
    } cases[] = {
        {"1.0.0", SPAN_INIT("\x02\x01\x01")},          /* a version that does not exist */
        {"1.0.0", SPAN_INIT("")},                      /* none */
        {"1.0.1", SPAN_INIT("\x31\x00")},              /* nobody */
        {"1.0.1", SPAN_INIT("\x30\x00")},              /* not a SET */
        {"1.0.1", SPAN_INIT("")},                      /* no RecipientInfos */
        {"1.0.1.0", SPAN_INIT("\x04\x00")},            /* no RecipientInfo */
        {"1.0.1.0.0", SPAN_INIT("\x02\x01\x02")},      /* kari is version 3 */
        {"1.0.1.0.1", SPAN_INIT("\xa0\x00")},          /* no originator */
        {"1.0.1.0.2", SPAN_INIT("\x30\x00")},          /* no algorithm */
        {"1.0.1.0.3", SPAN_INIT("\x30\x00")},          /* no reader in it */
        {"1.0.1.0.3.0.0", SPAN_INIT("\x30\x00")},      /* a name that names nobody */
        {"1.0.1.0.3.0.0", SPAN_INIT("\x81\x01x")},     /* another choice */
        {"1.0.1.0.3.0.1", SPAN_INIT("")},              /* no key */
        {"1.0.1.0.3.0.1", SPAN_INIT("\x04\x00\x04\x00")}, /* two */
        {"1.0.2", SPAN_INIT("\x30\x00")},              /* no content */
        {"1.0.2.2", SPAN_INIT("")},                    /* kept elsewhere */
        {"1.0.2.2", SPAN_INIT("\x81\x01x")},
        {"1.0.3", SPAN_INIT("")},                      /* no mac */
        {"1.0.3", SPAN_INIT("\x04\x10xxxxxxxxxxxxxxxx\x04\x00")}, /* something after it */
        {"1.0.3", SPAN_INIT("\xa1\x00\x04\x10xxxxxxxxxxxxxxxx")}, /* an empty SET of attributes */
        {"1.0.3", SPAN_INIT("\xa1\x18" ATTRIBUTE_A ATTRIBUTE_A "\x04\x10xxxxxxxxxxxxxxxx")}, /* one twice */
        {"1.0.3", SPAN_INIT("\x04\x10xxxxxxxxxxxxxxxx\xa2\x02\x30\x00")}, /* an attribute that is none */
        {"1", SPAN_INIT("")},
        {"1", SPAN_INIT("\xa0\x00")},
        {"1.0", SPAN_INIT("\x30\x00\x30\x00")},
        {"", SPAN_INIT("\x30\x00")},
        {"", SPAN_INIT("\x04\x00")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_edited(f, cases[i].path, cases[i].bytes, RULE_CMS_STRUCTURE);
}

static void ber_is_refused(void **state)
{
    struct fixture *f = *state;
    struct span der = forge_sealed(&f->arena, &f->all), inside = span_part(der, 4, der.len);
    uint8_t room[8192];
    struct writer w = writer_over(room, sizeof room);
    writer_put(&w, SPAN("\x30\x80"));
    writer_put(&w, inside);
    writer_put(&w, SPAN("\x00\x00"));
    assert_opens(f, writer_span(&w), RULE_CMS_DER); /* an indefinite length */
    assert_edited(f, "1.0.0", SPAN("\x02\x81\x01\x00"), RULE_CMS_DER);
    assert_edited(f, "1.0.0", SPAN("\x02\x02\x00\x00"), RULE_CMS_DER);
    assert_edited(f, "1.0.2.2", SPAN("\xa0\x04\x24\x80\x00\x00"), RULE_CMS_DER); /* content in pieces */
}

static void more_readers_than_the_limit_are_refused(void **state)
{
    struct fixture *f = *state;
    struct span der = forge_sealed(&f->arena, &f->all), one = der_at(der, "1.0.1.0.3.0");
    static uint8_t room[64 * 1024];
    for (size_t count = CMS_READERS_MAX - 2; count < CMS_READERS_MAX; count++) {
        struct writer w = writer_over(room, sizeof room);
        for (size_t i = 0; i < count; i++)
            writer_put(&w, one);
        struct cms_readers readers;
        struct span edited = der_replace(&f->arena, der, "1.0.1.0.3.0", writer_span(&w));
        /* with the two others */
        assert_rule(cms_readers_of(edited, &readers), count + 2 > CMS_READERS_MAX ? RULE_CMS_LIMIT : RULE_OK);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(both_key_sizes_of_content_and_wrap_are_read),
        TEST(readers_named_by_key_identifier_are_found),
        TEST(a_key_agreement_for_each_reader_is_read),
        TEST(user_keying_material_enters_the_key),
        TEST(the_originators_parameters_may_be_absent_null_or_the_curve),
        TEST(authenticated_attributes_are_authenticated_and_others_not),
        TEST(readers_of_other_kinds_are_counted_and_do_not_hinder),
        TEST(the_sha1_kdf_is_refused),
        TEST(what_openssls_own_calls_make_by_default_is_refused_for_its_sha1),
        TEST(short_tags_are_refused_although_they_fit),
        TEST(a_mac_of_another_length_than_announced_is_refused),
        TEST(nonces_of_other_lengths_are_refused),
        TEST(other_ciphers_and_wraps_are_refused),
        TEST(an_ephemeral_key_of_another_form_is_refused),
        TEST(another_kind_of_recipient_is_refused),
        TEST(a_key_transport_for_a_reader_on_a_curve_is_refused),
        TEST(a_content_key_of_another_length_or_value_opens_nothing),
        TEST(the_type_of_the_object_and_of_its_content_is_judged),
        TEST(broken_structures_are_refused),
        TEST(ber_is_refused),
        TEST(more_readers_than_the_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
