/* cms_sign and cms_verify. protocol.md 2.1 item 1, 2.2, 2.4; RFC 5652 5, 11; RFC 5035. */
#include "test.h"

#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "cms/der.h"
#include "der_edit.h"
#include "pki.h"
#include "sipseal/cms.h"
#include "sipseal/digest.h"

#define CONTENT SPAN("what Alice wrote")
/* Where things are in what cms_sign writes. */
#define CERTIFICATES "1.0.3"
#define SIGNER "1.0.4.0"
#define ATTRIBUTES SIGNER ".3"
#define CONTENT_TYPE ATTRIBUTES ".0"
#define SIGNING_TIME ATTRIBUTES ".1"
#define MESSAGE_DIGEST ATTRIBUTES ".2"
#define SIGNING_CERTIFICATE ATTRIBUTES ".3"
#define SIGNATURE SIGNER ".5"

struct fixture {
    struct arena arena;
    struct identity authority, alice, bob;
    struct trust *trust;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    assert_true(arena_open(&f.arena, 1024 * 1024));
    f.authority = pki_authority("Test CA");
    f.alice = pki_user(&f.authority, "sip:alice@home.example");
    f.bob = pki_user(&f.authority, "sip:bob@home.example");
    f.trust = pki_trust(&f.authority);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    trust_free(f->trust);
    identity_clear(&f->alice);
    identity_clear(&f->bob);
    identity_clear(&f->authority);
    arena_close(&f->arena);
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

static struct span sign_content(struct fixture *f, struct span content)
{
    struct span der;
    assert_rule(cms_sign(&f->arena, &f->alice, NULL, 0, content, PKI_NOW, &der), RULE_OK);
    return der;
}

static struct span signed_by_alice(struct fixture *f)
{
    return sign_content(f, CONTENT);
}

static enum rule verify(struct fixture *f, struct span der, struct cms_signed *out)
{
    return cms_verify(&f->arena, der, NULL, f->trust, NULL, 0, out);
}

/* What cannot be verified holds nothing; what can is Alice's content. */
static void assert_verifies(struct fixture *f, struct span der, enum rule expected)
{
    struct cms_signed s;
    assert_rule(verify(f, der, &s), expected);
    if (expected == RULE_OK) {
        assert_span_equal(s.content, CONTENT);
        assert_memory_equal(s.signer->hash, f->alice.certificate->hash, CERTIFICATE_HASH_LEN);
    } else {
        assert_null(s.signer);
        assert_int_equal(s.bag_count, 0);
        assert_int_equal(s.content.len, 0);
    }
    cms_signed_clear(&s);
}

/* A new signature by OpenSSL's own calls over the signed attributes as they stand. */
static struct span sign_again(struct fixture *f, struct span der, EVP_PKEY *key)
{
    struct span attributes = arena_copy(&f->arena, der_at(der, ATTRIBUTES), NULL);
    uint8_t signature[160], room[180];
    size_t len = sizeof signature;
    *(uint8_t *)(uintptr_t)attributes.at = 0x31;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &len, attributes.at, attributes.len), 1);
    EVP_MD_CTX_free(context);
    struct der_writer w = der_writer_over(room, sizeof room);
    der_put_item(&w, DER_OCTET_STRING, span_of(signature, len));
    return der_replace(&f->arena, der, SIGNATURE, der_written(&w));
}

/* An item replaced, and signed again, so that only the item itself can be what is wrong. */
static void assert_edited(struct fixture *f, const char *path, struct span bytes, enum rule expected)
{
    struct span der = der_replace(&f->arena, signed_by_alice(f), path, bytes);
    if (strncmp(path, ATTRIBUTES ".", strlen(ATTRIBUTES ".")) == 0)
        der = sign_again(f, der, f->alice.key);
    assert_verifies(f, der, expected);
    arena_reset(&f->arena);
}

/* --- what is written --- */

static void what_is_signed_verifies_and_says_who_signed_it(void **state)
{
    struct fixture *f = *state;
    struct cms_signed s;
    struct span der = signed_by_alice(f);
    assert_rule(verify(f, der, &s), RULE_OK);
    assert_span_equal(s.content, CONTENT);
    assert_true(span_within(s.content, der));
    assert_memory_equal(s.signer->hash, f->alice.certificate->hash, CERTIFICATE_HASH_LEN);
    assert_int_equal(s.signing_time, PKI_NOW);
    assert_int_equal(s.bag_count, 1);
    cms_signed_clear(&s);
    cms_signed_clear(&s);
}

static void without_a_cache_it_verifies_as_well(void **state)
{
    struct fixture *f = *state;
    struct cms_signed s;
    assert_rule(cms_verify(&f->arena, signed_by_alice(f), NULL, NULL, NULL, 0, &s), RULE_OK);
    assert_memory_equal(s.signer->hash, f->alice.certificate->hash, CERTIFICATE_HASH_LEN);
    cms_signed_clear(&s);
}

static void an_empty_and_a_large_content_verify(void **state)
{
    struct fixture *f = *state;
    static uint8_t large[200000];
    const size_t lengths[] = {0, 1, 65536, sizeof large};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct cms_signed s;
        assert_rule(verify(f, sign_content(f, span_of(large, lengths[i])), &s), RULE_OK);
        assert_span_equal(s.content, span_of(large, lengths[i]));
        cms_signed_clear(&s);
        arena_reset(&f->arena);
    }
}

static void what_is_written_is_what_protocol_2_4_says(void **state)
{
    struct fixture *f = *state;
    struct span der = signed_by_alice(f), attributes = der_at(der, ATTRIBUTES);
    assert_true(der_well_formed(der));
    assert_span_equal(der_at(der, "1.0.0"), SPAN("\x02\x01\x01"));
    assert_span_equal(der_at(der, "1.0.1.0"), SPAN("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"));
    assert_span_equal(der_at(der, SIGNER ".0"), SPAN("\x02\x01\x01"));
    assert_span_equal(der_at(der, SIGNER ".1"), f->alice.certificate->issuer_and_serial);
    assert_span_equal(der_at(der, CONTENT_TYPE ".0"), SPAN("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"));
    assert_span_equal(der_at(der, SIGNING_TIME ".1.0"), SPAN("\x17\x0d" "261123130000Z"));
    assert_span_equal(der_at(der, MESSAGE_DIGEST ".0"), SPAN("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"));
    struct span said = der_at(der, SIGNING_CERTIFICATE ".1.0.0.0.0");
    assert_span_equal(span_part(said, 2, 32), span_of(f->alice.certificate->hash, 32));
    assert_span_equal(der_at(der, SIGNER ".4"), SPAN("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"));
    struct cursor c = cursor_over(attributes);
    struct span content;
    assert_true(der_take_content(&c, 0xa0, &content) && der_set_is_sorted(content));
}

static void the_hash_of_the_attributes_is_that_of_their_der(void **state)
{
    struct fixture *f = *state;
    struct cms_signed s;
    uint8_t hash[32];
    struct span der = signed_by_alice(f), attributes = arena_copy(&f->arena, der_at(der, ATTRIBUTES), NULL);
    *(uint8_t *)(uintptr_t)attributes.at = 0x31;
    assert_true(sha256(attributes, hash));
    assert_rule(verify(f, der, &s), RULE_OK);
    assert_memory_equal(s.attributes_hash, hash, sizeof hash);
    cms_signed_clear(&s);
}

static void times_after_2049_are_written_and_read(void **state)
{
    struct fixture *f = *state;
    const int64_t times[] = {0, 2524607999, 2524608000, 4102444800};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct span der;
        struct cms_signed s;
        assert_rule(cms_sign(&f->arena, &f->alice, NULL, 0, CONTENT, times[i], &der), RULE_OK);
        assert_rule(verify(f, der, &s), RULE_OK);
        assert_true(s.signing_time == times[i]);
        cms_signed_clear(&s);
    }
}

static void other_certificates_travel_along_once_each(void **state)
{
    struct fixture *f = *state;
    struct certificate *others[] = {f->bob.certificate, f->alice.certificate, f->bob.certificate};
    struct span der;
    struct cms_signed s;
    assert_rule(cms_sign(&f->arena, &f->alice, others, 3, CONTENT, PKI_NOW, &der), RULE_OK);
    assert_rule(verify(f, der, &s), RULE_OK);
    assert_int_equal(s.bag_count, 2);
    assert_memory_equal(s.signer->hash, f->alice.certificate->hash, CERTIFICATE_HASH_LEN);
    cms_signed_clear(&s);
}

static void more_certificates_than_the_limit_are_neither_written_nor_read(void **state)
{
    struct fixture *f = *state;
    struct identity user[CERTIFICATES_IN_BAG_MAX];
    struct certificate *others[CERTIFICATES_IN_BAG_MAX];
    struct span der;
    for (size_t i = 0; i < CERTIFICATES_IN_BAG_MAX; i++) {
        user[i] = pki_user(&f->authority, "sip:one@home.example");
        others[i] = user[i].certificate;
    }
    assert_rule(cms_sign(&f->arena, &f->alice, others, CERTIFICATES_IN_BAG_MAX, CONTENT, PKI_NOW, &der),
                RULE_CMS_LIMIT);
    assert_rule(cms_sign(&f->arena, &f->alice, others, CERTIFICATES_IN_BAG_MAX - 1, CONTENT, PKI_NOW, &der), RULE_OK);
    assert_verifies(f, der, RULE_OK);
    uint8_t room[16 * 1024];
    struct writer w = writer_over(room, sizeof room);
    writer_put(&w, der_at(der, CERTIFICATES ".0"));
    writer_put(&w, others[CERTIFICATES_IN_BAG_MAX - 1]->der);
    assert_verifies(f, der_replace(&f->arena, der, CERTIFICATES ".0", writer_span(&w)), RULE_CMS_LIMIT);
    for (size_t i = 0; i < CERTIFICATES_IN_BAG_MAX; i++)
        identity_clear(&user[i]);
}

/* --- whose signature --- */

static void the_signers_certificate_may_be_known_instead_of_sent(void **state)
{
    struct fixture *f = *state;
    struct certificate *known[] = {f->bob.certificate, f->alice.certificate};
    struct span der = der_replace(&f->arena, signed_by_alice(f), CERTIFICATES, SPAN(""));
    struct cms_signed s;
    assert_verifies(f, der, RULE_SIGNATURE_NO_CERTIFICATE);
    assert_rule(cms_verify(&f->arena, der, NULL, f->trust, known, 1, &s), RULE_SIGNATURE_NO_CERTIFICATE);
    assert_rule(cms_verify(&f->arena, der, NULL, f->trust, known, 2, &s), RULE_OK);
    assert_ptr_equal(s.signer, f->alice.certificate);
    assert_int_equal(s.bag_count, 0);
    cms_signed_clear(&s);
}

static void a_signer_named_by_key_identifier_is_found(void **state)
{
    struct fixture *f = *state;
    uint8_t room[64];
    struct der_writer w = der_writer_over(room, sizeof room);
    der_put_item(&w, DER_CONTEXT(0), f->alice.certificate->subject_key_id);
    struct span der = der_replace(&f->arena, signed_by_alice(f), SIGNER ".1", der_written(&w));
    assert_verifies(f, der, RULE_CMS_STRUCTURE); /* that is version 3 */
    der = der_replace(&f->arena, der, SIGNER ".0", SPAN("\x02\x01\x03"));
    assert_verifies(f, der, RULE_OK);
    assert_verifies(f, der_flip(&f->arena, der, SIGNER ".1", 0), RULE_SIGNATURE_NO_CERTIFICATE);
}

static void a_certificate_in_the_bag_that_cannot_be_used_does_not_hinder(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    uint8_t room[8192];
    struct writer w = writer_over(room, sizeof room);
    writer_put(&w, pki_odd(&f->arena, &(struct pki_odd){.subject = "weak", .key = weak}, NULL));
    writer_put(&w, SPAN("\x30\x00"));             /* no certificate at all */
    writer_put(&w, SPAN("\xa1\x03\x02\x01\x01")); /* an attribute certificate */
    writer_put(&w, f->alice.certificate->der);
    struct span der = der_replace(&f->arena, signed_by_alice(f), CERTIFICATES ".0", writer_span(&w));
    struct cms_signed s;
    assert_rule(verify(f, der, &s), RULE_OK);
    assert_int_equal(s.bag_count, 1);
    cms_signed_clear(&s);
    EVP_PKEY_free(weak);
}

/* --- forgeries --- */

static void a_signature_by_another_key_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_verifies(f, sign_again(f, signed_by_alice(f), f->alice.key), RULE_OK);
    assert_verifies(f, sign_again(f, signed_by_alice(f), f->bob.key), RULE_SIGNATURE_INVALID);
}

static void another_signers_name_over_the_signature_is_refused(void **state)
{
    struct fixture *f = *state;
    struct span der = der_replace(&f->arena, signed_by_alice(f), SIGNER ".1", f->bob.certificate->issuer_and_serial);
    assert_verifies(f, der, RULE_SIGNATURE_NO_CERTIFICATE);
    der = der_replace(&f->arena, der, CERTIFICATES ".0", f->bob.certificate->der);
    assert_verifies(f, der, RULE_SIGNATURE_INVALID);
}

static void other_content_under_the_signature_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_verifies(f, der_flip(&f->arena, signed_by_alice(f), "1.0.2.1.0", 0), RULE_SIGNATURE_INVALID);
    assert_edited(f, "1.0.2.1.0", SPAN("\x04\x00"), RULE_SIGNATURE_INVALID);
    /* with a digest that fits, but is not signed */
    struct span other = sign_content(f, SPAN("what Alice wrote!"));
    struct span der = der_replace(&f->arena, signed_by_alice(f), "1.0.2", der_at(other, "1.0.2"));
    assert_verifies(f, der, RULE_SIGNATURE_INVALID);
    der = der_replace(&f->arena, der, MESSAGE_DIGEST, der_at(other, MESSAGE_DIGEST));
    assert_verifies(f, der, RULE_SIGNATURE_INVALID);
}

static void no_signer_and_two_signers_are_refused(void **state)
{
    struct fixture *f = *state;
    struct span der = signed_by_alice(f), one = der_at(der, SIGNER);
    assert_verifies(f, der_replace(&f->arena, der, SIGNER, SPAN("")), RULE_SIGNATURE_ABSENT);
    uint8_t room[4096];
    struct writer w = writer_over(room, sizeof room);
    writer_put(&w, one);
    writer_put(&w, one);
    assert_verifies(f, der_replace(&f->arena, der, SIGNER, writer_span(&w)), RULE_SIGNATURE_SIGNERS);
}

/* An ECDSA signature (r, s) can be turned into (r, n - s) by anyone and still verifies. So it is no name for a message:
 * the signed attributes are (protocol.md 2.1, "Replay"). */
static void an_altered_signature_that_still_verifies_has_the_same_attributes_hash(void **state)
{
    struct fixture *f = *state;
    struct span der = signed_by_alice(f), old = der_at(der, SIGNATURE);
    const uint8_t *at = old.at + 2;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)old.len - 2);
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *r = BN_dup(ECDSA_SIG_get0_r(signature)), *s = BN_new();
    assert_int_equal(BN_sub(s, EC_GROUP_get0_order(group), ECDSA_SIG_get0_s(signature)), 1);
    ECDSA_SIG_set0(signature, r, s);
    unsigned char *bytes = NULL;
    int len = i2d_ECDSA_SIG(signature, &bytes);
    uint8_t room[128];
    struct der_writer w = der_writer_over(room, sizeof room);
    der_put_item(&w, DER_OCTET_STRING, span_of(bytes, (size_t)len));
    struct span altered = der_replace(&f->arena, der, SIGNATURE, der_written(&w));
    assert_false(span_equal(altered, der));
    struct cms_signed one, two;
    assert_rule(verify(f, der, &one), RULE_OK);
    assert_rule(verify(f, altered, &two), RULE_OK);
    assert_memory_equal(one.attributes_hash, two.attributes_hash, sizeof one.attributes_hash);
    cms_signed_clear(&one);
    cms_signed_clear(&two);
    OPENSSL_free(bytes);
    ECDSA_SIG_free(signature);
    EC_GROUP_free(group);
}

static void a_flipped_bit_never_gives_other_content_or_another_signer(void **state)
{
    struct fixture *f = *state;
    struct span der = signed_by_alice(f);
    size_t identical = 0;
    for (size_t bit = 0; bit < der.len * 8; bit++) {
        size_t mark = arena_mark(&f->arena);
        struct span copy = arena_copy(&f->arena, der, NULL);
        struct cms_signed s;
        ((uint8_t *)(uintptr_t)copy.at)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (verify(f, copy, &s) == RULE_OK) {
            struct span byte = span_of(der.at + bit / 8, 1);
            assert_span_equal(s.content, CONTENT);
            assert_memory_equal(s.signer->hash, f->alice.certificate->hash, CERTIFICATE_HASH_LEN);
            /* Only the version, and an announcement of digests that still names this one. */
            assert_true(span_within(byte, der_at(der, "1.0.0")) || span_within(byte, der_at(der, "1.0.1")));
            cms_signed_clear(&s);
            identical++;
        }
        arena_rewind(&f->arena, mark);
    }
    assert_true(identical > 0 && identical < 100);
}

static void every_truncation_is_refused(void **state)
{
    struct fixture *f = *state;
    struct span der = signed_by_alice(f);
    for (size_t len = 0; len < der.len; len++) {
        uint8_t *exact = malloc(len ? len : 1); /* so that a read past the end is seen */
        memcpy(exact, der.at, len);
        assert_verifies(f, span_of(exact, len), RULE_CMS_DER);
        free(exact);
    }
}

/* --- algorithms: protocol.md 2.2 --- */

static void forbidden_algorithms_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *path;
        struct span bytes;
    } cases[] = {
        {SIGNER ".2", SPAN_INIT("\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a")},                         /* SHA-1 */
        {SIGNER ".2", SPAN_INIT("\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00")},     /* MD5 */
        {SIGNER ".2", SPAN_INIT("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03")},         /* SHA-512 */
        {SIGNER ".2", SPAN_INIT("\x30\x0e\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x02\x01\x00")}, /* parameters */
        {SIGNER ".4", SPAN_INIT("\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01")},                 /* ECDSA, SHA-1 */
        {SIGNER ".4", SPAN_INIT("\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x02\x01")},                 /* id-ecPublicKey */
        {SIGNER ".4", SPAN_INIT("\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00")},     /* NULL parameters */
        {SIGNER ".4", SPAN_INIT("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00")}, /* RSA, SHA-1 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_edited(f, cases[i].path, cases[i].bytes, RULE_CMS_ALGORITHM);
    /* RFC 5754 2: NULL parameters of SHA-256 are read. */
    assert_edited(f, SIGNER ".2", SPAN("\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"), RULE_OK);
}

/* --- attributes: RFC 5652 5.3, 11; protocol.md 2.4 --- */

static void what_the_attributes_must_hold_is_asked_for(void **state)
{
    struct fixture *f = *state;
    assert_edited(f, ATTRIBUTES, SPAN(""), RULE_CMS_STRUCTURE);
    assert_edited(f, ATTRIBUTES, SPAN("\xa0\x00"), RULE_CMS_STRUCTURE);
    assert_edited(f, CONTENT_TYPE, SPAN(""), RULE_CMS_STRUCTURE);
    assert_edited(f, MESSAGE_DIGEST, SPAN(""), RULE_CMS_STRUCTURE);
    assert_edited(f, CONTENT_TYPE ".1.0", SPAN("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), RULE_CMS_STRUCTURE);
    assert_edited(f, CONTENT_TYPE ".1.0", SPAN("\x04\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"), RULE_CMS_STRUCTURE);
    assert_edited(f, SIGNING_TIME ".1.0", SPAN("\x17\x0d" "261323130000Z"), RULE_CMS_STRUCTURE);
    struct span der = der_flip(&f->arena, signed_by_alice(f), MESSAGE_DIGEST ".1.0", 0);
    assert_verifies(f, sign_again(f, der, f->alice.key), RULE_SIGNATURE_INVALID);
}

static void an_attribute_twice_or_with_none_or_several_values_is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t room[512];
    /* Attributes stand in the order of their lengths; none of these edits changes it, or that would be what is
     * refused. */
    const char *const paths[] = {CONTENT_TYPE,           SIGNING_TIME, MESSAGE_DIGEST, SIGNING_CERTIFICATE,
                                 SIGNING_TIME ".1.0", SIGNING_CERTIFICATE ".1.0"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct span item = der_at(signed_by_alice(f), paths[i]);
        struct writer w = writer_over(room, sizeof room);
        writer_put(&w, item);
        writer_put(&w, item);
        assert_edited(f, paths[i], writer_span(&w), RULE_CMS_STRUCTURE);
    }
    assert_edited(f, CONTENT_TYPE ".1", SPAN("\x31\x00"), RULE_CMS_STRUCTURE);
}

static void attributes_out_of_order_are_refused(void **state)
{
    struct fixture *f = *state;
    struct span der = signed_by_alice(f), first = der_at(der, CONTENT_TYPE), second = der_at(der, SIGNING_TIME);
    struct span swapped = der_replace(&f->arena, der, CONTENT_TYPE, second);
    swapped = der_replace(&f->arena, swapped, SIGNING_TIME, first);
    assert_verifies(f, swapped, RULE_CMS_DER);
    assert_verifies(f, sign_again(f, swapped, f->alice.key), RULE_CMS_DER);
}

static void optional_and_unknown_attributes_do_not_hinder(void **state)
{
    struct fixture *f = *state;
    struct cms_signed s;
    assert_edited(f, SIGNING_CERTIFICATE, SPAN(""), RULE_OK);
    struct span der = sign_again(f, der_replace(&f->arena, signed_by_alice(f), SIGNING_TIME, SPAN("")), f->alice.key);
    assert_rule(verify(f, der, &s), RULE_OK);
    assert_true(s.signing_time == INT64_MIN);
    cms_signed_clear(&s);
    uint8_t room[256];
    struct writer w = writer_over(room, sizeof room);
    writer_put(&w, SPAN("\x30\x0a\x06\x03\x2a\x03\x04\x31\x03\x04\x01\x61")); /* 1.2.3.4 */
    writer_put(&w, der_at(signed_by_alice(f), CONTENT_TYPE));
    assert_edited(f, CONTENT_TYPE, writer_span(&w), RULE_OK);
}

static void more_attributes_than_the_limit_are_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t room[1024], one[] = {0x30, 0x0a, 0x06, 0x03, 0x2a, 0x03, 0x00, 0x31, 0x03, 0x04, 0x01, 0x61};
    for (uint8_t more = CMS_ATTRIBUTES_MAX - 4; more <= CMS_ATTRIBUTES_MAX - 3; more++) {
        struct writer w = writer_over(room, sizeof room);
        for (one[6] = 0; one[6] < more; one[6]++)
            writer_put(&w, span_of(one, sizeof one));
        writer_put(&w, der_at(signed_by_alice(f), CONTENT_TYPE));
        assert_edited(f, CONTENT_TYPE, writer_span(&w), more + 4 > CMS_ATTRIBUTES_MAX ? RULE_CMS_LIMIT : RULE_OK);
    }
}

/* RFC 5035 3. `digest` may be null for SHA-256, which is not written. */
static struct span signing_certificate(struct fixture *f, const struct certificate *c, const char *digest,
                                       const char *oid)
{
    uint8_t *room = arena_take(&f->arena, 256), hash[64];
    unsigned len;
    struct der_writer w = der_writer_over(room, 256);
    size_t mark = der_mark(&w);
    EVP_Digest(c->der.at, c->der.len, hash, &len, EVP_get_digestbyname(digest), NULL);
    der_put_item(&w, DER_OCTET_STRING, span_of(hash, len));
    if (oid)
        der_put_item(&w, DER_SEQUENCE, span_text(oid));
    der_wrap(&w, DER_SEQUENCE, mark);
    der_wrap(&w, DER_SEQUENCE, mark);
    der_wrap(&w, DER_SEQUENCE, mark);
    return der_written(&w);
}

static void the_signing_certificate_attribute_must_be_the_signers(void **state)
{
    struct fixture *f = *state;
    const char *const path = SIGNING_CERTIFICATE ".1.0";
    const struct certificate *alice = f->alice.certificate;
    assert_edited(f, path, signing_certificate(f, alice, "SHA256", NULL), RULE_OK);
    assert_edited(f, path, signing_certificate(f, f->bob.certificate, "SHA256", NULL), RULE_SIGNATURE_INVALID);
    assert_edited(f, path, signing_certificate(f, alice, "SHA256", "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"),
                  RULE_OK);
    assert_edited(f, path, signing_certificate(f, alice, "SHA384", "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"),
                  RULE_OK);
    assert_edited(f, path, signing_certificate(f, alice, "SHA512", "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03"),
                  RULE_OK);
    assert_edited(f, path, signing_certificate(f, alice, "SHA256", "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03"),
                  RULE_SIGNATURE_INVALID);
    assert_edited(f, path, signing_certificate(f, alice, "SHA1", "\x06\x05\x2b\x0e\x03\x02\x1a"), RULE_CMS_ALGORITHM);
    assert_edited(f, path, SPAN("\x30\x36\x30\x34\x04\x32xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
                  RULE_CMS_STRUCTURE);
}

static void unsigned_attributes_are_passed_over_when_they_are_some_that_may_be_unsigned(void **state)
{
    struct fixture *f = *state;
    struct span der = signed_by_alice(f);
    const struct {
        struct span attributes;
        enum rule rule;
    } cases[] = {
        {SPAN("\xa1\x0c\x30\x0a\x06\x03\x2a\x03\x04\x31\x03\x04\x01\x61"), RULE_OK},
        {SPAN("\xa1\x00"), RULE_CMS_STRUCTURE},
        {SPAN("\xa1\x02\x30\x00"), RULE_CMS_STRUCTURE},
        {SPAN("\xa2\x00"), RULE_CMS_STRUCTURE},
        /* content-type, message-digest, signing-time, signingCertificateV2, SMIMEEncryptionKeyPreference */
        {SPAN("\xa1\x12\x30\x10\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03\x31\x03\x04\x01\x61"),
         RULE_CMS_STRUCTURE},
        {SPAN("\xa1\x12\x30\x10\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04\x31\x03\x04\x01\x61"),
         RULE_CMS_STRUCTURE},
        {SPAN("\xa1\x12\x30\x10\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05\x31\x03\x04\x01\x61"),
         RULE_CMS_STRUCTURE},
        {SPAN("\xa1\x14\x30\x12\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2f\x31\x03\x04\x01\x61"),
         RULE_CMS_STRUCTURE},
        {SPAN("\xa1\x14\x30\x12\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0b\x31\x03\x04\x01\x61"),
         RULE_CMS_STRUCTURE},
        /* the next number is another attribute: countersignature */
        {SPAN("\xa1\x12\x30\x10\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x06\x31\x03\x04\x01\x61"),
         RULE_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t room[256];
        struct writer w = writer_over(room, sizeof room);
        writer_put(&w, der_at(der, SIGNATURE));
        writer_put(&w, cases[i].attributes);
        assert_verifies(f, der_replace(&f->arena, der, SIGNATURE, writer_span(&w)), cases[i].rule);
    }
}

/* --- SMIMEEncryptionKeyPreference: RFC 8551 2.5.3 --- */

/* Where it stands among the others, in DER's order. */
#define PREFERENCE ATTRIBUTES ".3"
static struct span preferring_bobs(struct fixture *f)
{
    struct span der;
    assert_rule(cms_sign_preferring(&f->arena, &f->alice, f->bob.certificate, NULL, 0, CONTENT, PKI_NOW, &der),
                RULE_OK);
    return der;
}

static void a_sealing_certificate_that_differs_is_named_and_carried(void **state)
{
    struct fixture *f = *state;
    struct cms_signed s;
    struct span der = preferring_bobs(f), said = der_at(der, PREFERENCE ".1.0");
    struct span bob = f->bob.certificate->issuer_and_serial;
    assert_span_equal(der_at(der, PREFERENCE ".0"), SPAN("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0b"));
    assert_int_equal(said.at[0], 0xa0); /* [0] IMPLICIT IssuerAndSerialNumber */
    assert_span_equal(span_part(said, 1, said.len), span_part(bob, 1, bob.len));
    assert_rule(verify(f, der, &s), RULE_OK);
    assert_true(s.names_sealing);
    assert_int_equal(s.bag_count, 2);
    assert_memory_equal(s.sealing->hash, f->bob.certificate->hash, CERTIFICATE_HASH_LEN);
    assert_memory_equal(s.signer->hash, f->alice.certificate->hash, CERTIFICATE_HASH_LEN);
    cms_signed_clear(&s);
    assert_null(s.sealing);
}

static void ones_own_certificate_or_none_is_not_named(void **state)
{
    struct fixture *f = *state;
    struct certificate *const sealing[] = {NULL, f->alice.certificate};
    for (size_t i = 0; i < 2; i++) {
        struct cms_signed s;
        struct span der;
        assert_rule(cms_sign_preferring(&f->arena, &f->alice, sealing[i], NULL, 0, CONTENT, PKI_NOW, &der), RULE_OK);
        assert_rule(verify(f, der, &s), RULE_OK);
        assert_false(s.names_sealing);
        assert_null(s.sealing);
        assert_int_equal(s.bag_count, 1);
        cms_signed_clear(&s);
    }
}

/* The attribute with another value, in its place in DER's order, and signed again: whom it names. */
static void assert_preference(struct fixture *f, struct span value, enum rule rule, const struct certificate *named)
{
    struct cms_signed s;
    uint8_t room[512], set[1024];
    struct span der = preferring_bobs(f);
    struct span items[] = {der_at(der, CONTENT_TYPE), der_at(der, SIGNING_TIME), der_at(der, MESSAGE_DIGEST), {0}};
    struct der_writer w = der_writer_over(room, sizeof room), attributes = der_writer_over(set, sizeof set);
    der_put_item(&w, DER_SET, value);
    der_put_oid(&w, OID_ENCRYPTION_KEY_PREFERENCE);
    der_wrap(&w, DER_SEQUENCE, sizeof room);
    items[3] = der_written(&w);
    der_put_set_of(&attributes, DER_CONTEXT_CONSTRUCTED(0), items, 4);
    der = sign_again(f, der_replace(&f->arena, der, ATTRIBUTES, der_written(&attributes)), f->alice.key);
    assert_rule(verify(f, der, &s), rule);
    assert_int_equal(s.names_sealing, rule == RULE_OK);
    assert_int_equal(s.sealing != NULL, named != NULL);
    if (named)
        assert_memory_equal(s.sealing->hash, named->hash, CERTIFICATE_HASH_LEN);
    cms_signed_clear(&s);
    arena_reset(&f->arena);
}

static void the_sealing_certificate_is_found_by_each_of_its_names(void **state)
{
    struct fixture *f = *state;
    const struct certificate *bob = f->bob.certificate;
    uint8_t room[1024];
    struct der_writer w = der_writer_over(room, sizeof room);
    der_put_item(&w, DER_CONTEXT(2), bob->subject_key_id); /* subjectAltKeyIdentifier */
    assert_preference(f, der_written(&w), RULE_OK, bob);
    room[sizeof room - 1] ^= 1;
    assert_preference(f, der_written(&w), RULE_OK, NULL); /* nobody who is there */
    w = der_writer_over(room, sizeof room);
    der_put_item(&w, DER_GENERALIZED_TIME, SPAN("20261123130000Z"));
    der_put_item(&w, DER_OCTET_STRING, bob->subject_key_id);
    der_wrap(&w, DER_CONTEXT_CONSTRUCTED(1), sizeof room); /* recipientKeyId */
    assert_preference(f, der_written(&w), RULE_OK, bob);
    struct span own = arena_copy(&f->arena, f->alice.certificate->issuer_and_serial, NULL);
    memcpy(room, own.at, own.len);
    room[0] = 0xa0;
    assert_preference(f, span_of(room, own.len), RULE_OK, f->alice.certificate); /* the signer's own serves too */
}

static void a_preference_that_names_in_no_way_makes_the_signature_fail(void **state)
{
    struct fixture *f = *state;
    static const struct span values[] = {
        SPAN_INIT("\xa0\x00"),                     /* no issuer */
        SPAN_INIT("\xa0\x02\x30\x00"),             /* no serial number */
        SPAN_INIT("\xa0\x07\x30\x00\x02\x01\x01\x05\x00"),
        SPAN_INIT("\xa1\x00"),                     /* no identifier */
        SPAN_INIT("\xa1\x02\x04\x00"),             /* an empty one */
        SPAN_INIT("\x82\x00"),
        SPAN_INIT("\x83\x01x"),                    /* another choice */
        SPAN_INIT("\x30\x05\x30\x00\x02\x01\x01"), /* not tagged */
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_preference(f, values[i], RULE_CMS_STRUCTURE, NULL);
}

/* --- structure --- */

static void content_may_be_kept_elsewhere_when_the_caller_has_it(void **state)
{
    struct fixture *f = *state;
    struct span whole = signed_by_alice(f), bare = der_replace(&f->arena, whole, "1.0.2.1", SPAN(""));
    struct span right = CONTENT, wrong = SPAN("what Mallory wrote");
    struct cms_signed s;
    assert_rule(cms_verify(&f->arena, bare, &right, f->trust, NULL, 0, &s), RULE_OK);
    assert_span_equal(s.content, right);
    cms_signed_clear(&s);
    assert_rule(cms_verify(&f->arena, bare, &wrong, f->trust, NULL, 0, &s), RULE_SIGNATURE_INVALID);
    /* One content, not two, and not none. */
    assert_rule(cms_verify(&f->arena, whole, &right, f->trust, NULL, 0, &s), RULE_CMS_STRUCTURE);
    assert_rule(cms_verify(&f->arena, bare, NULL, f->trust, NULL, 0, &s), RULE_CMS_STRUCTURE);
}

static void types_and_structures_are_judged(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *path;
        struct span bytes;
        enum rule rule;
    } cases[] = {
        {"0", SPAN_INIT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x05"), RULE_CMS_TYPE}, /* DigestedData */
        {"0", SPAN_INIT("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x02"), RULE_CMS_TYPE}, /* AuthenticatedData */
        {"1.0.2.0", SPAN_INIT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), RULE_CMS_TYPE},
        {"1.0.0", SPAN_INIT("\x02\x01\x02"), RULE_CMS_STRUCTURE},
        {"1.0.1", SPAN_INIT(""), RULE_CMS_STRUCTURE},
        {"1.0.1", SPAN_INIT("\x31\x02\x30\x00"), RULE_CMS_STRUCTURE},
        {"1.0.1", SPAN_INIT("\x31\x2d\x30\x03\x06\x01\x2a\x30\x03\x06\x01\x2a\x30\x03\x06\x01\x2a\x30\x03\x06\x01\x2a"
                            "\x30\x03\x06\x01\x2a\x30\x03\x06\x01\x2a\x30\x03\x06\x01\x2a\x30\x03\x06\x01\x2a"
                            "\x30\x03\x06\x01\x2a"), RULE_CMS_LIMIT},
        {"1.0.2.1", SPAN_INIT("\xa0\x00"), RULE_CMS_STRUCTURE},
        {"1.0.2.1.0", SPAN_INIT("\x04\x00\x04\x00"), RULE_CMS_STRUCTURE},
        {"1.0.2.1.0", SPAN_INIT("\x24\x02\x04\x00"), RULE_CMS_DER}, /* content in pieces */
        {"1.0.4", SPAN_INIT(""), RULE_CMS_STRUCTURE},
        {"1.0.4", SPAN_INIT("\x31\x02\x04\x00"), RULE_CMS_STRUCTURE},
        {"1.0.4", SPAN_INIT("\x31\x00\x04\x00"), RULE_CMS_STRUCTURE},
        {SIGNER ".0", SPAN_INIT("\x02\x01\x02"), RULE_CMS_STRUCTURE},
        {SIGNER ".0", SPAN_INIT("\x02\x01\x03"), RULE_CMS_STRUCTURE}, /* names by key identifier, which it does not */
        {SIGNER ".1", SPAN_INIT(""), RULE_CMS_STRUCTURE},
        {SIGNER ".4", SPAN_INIT("\x30\x00"), RULE_CMS_STRUCTURE},
        {SIGNATURE, SPAN_INIT(""), RULE_CMS_STRUCTURE},
        {SIGNATURE, SPAN_INIT("\x04\x00"), RULE_SIGNATURE_INVALID},
        {SIGNATURE, SPAN_INIT("\x04\x08\x30\x06\x02\x01\x00\x02\x01\x00"), RULE_SIGNATURE_INVALID}, /* r = s = 0 */
        {"1", SPAN_INIT(""), RULE_CMS_STRUCTURE},
        {"", SPAN_INIT("\x30\x80\x00\x00"), RULE_CMS_DER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_edited(f, cases[i].path, cases[i].bytes, cases[i].rule);
}

/* RFC 5652 5.1: a digest that is not among digestAlgorithms may be refused. */
static void a_digest_that_is_not_announced_is_refused(void **state)
{
    struct fixture *f = *state;
#define SHA(n) "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02" n
    assert_edited(f, "1.0.1", SPAN("\x31\x00"), RULE_CMS_STRUCTURE);
    assert_edited(f, "1.0.1", SPAN("\x31\x0d" SHA("\x02")), RULE_CMS_STRUCTURE);
    assert_edited(f, "1.0.1", SPAN("\x31\x1a" SHA("\x02") SHA("\x01")), RULE_OK);
}

static void revocation_lists_of_strangers_are_passed_over(void **state)
{
    struct fixture *f = *state;
    struct span der = signed_by_alice(f);
    uint8_t room[4096];
    struct writer w = writer_over(room, sizeof room);
    writer_put(&w, der_at(der, CERTIFICATES));
    writer_put(&w, SPAN("\xa1\x02\x30\x00"));
    assert_verifies(f, der_replace(&f->arena, der, CERTIFICATES, writer_span(&w)), RULE_OK);
}

static void without_memory_nothing_is_signed_and_nothing_is_left(void **state)
{
    struct fixture *f = *state;
    struct span der;
    for (size_t allowed = 0;; allowed++) {
        f->arena.fail_after = allowed;
        enum rule rule = cms_sign(&f->arena, &f->alice, NULL, 0, CONTENT, PKI_NOW, &der);
        if (rule == RULE_OK)
            break;
        assert_rule(rule, RULE_NO_MEMORY);
        assert_int_equal(f->arena.used, 0);
        assert_int_equal(der.len, 0);
    }
    f->arena.fail_after = 0; /* verifying takes nothing from the arena */
    struct cms_signed s;
    assert_rule(verify(f, der, &s), RULE_OK);
    cms_signed_clear(&s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_signed_verifies_and_says_who_signed_it),
        TEST(without_a_cache_it_verifies_as_well),
        TEST(an_empty_and_a_large_content_verify),
        TEST(what_is_written_is_what_protocol_2_4_says),
        TEST(the_hash_of_the_attributes_is_that_of_their_der),
        TEST(times_after_2049_are_written_and_read),
        TEST(other_certificates_travel_along_once_each),
        TEST(more_certificates_than_the_limit_are_neither_written_nor_read),
        TEST(the_signers_certificate_may_be_known_instead_of_sent),
        TEST(a_signer_named_by_key_identifier_is_found),
        TEST(a_certificate_in_the_bag_that_cannot_be_used_does_not_hinder),
        TEST(a_signature_by_another_key_is_refused),
        TEST(another_signers_name_over_the_signature_is_refused),
        TEST(other_content_under_the_signature_is_refused),
        TEST(no_signer_and_two_signers_are_refused),
        TEST(an_altered_signature_that_still_verifies_has_the_same_attributes_hash),
        TEST(a_flipped_bit_never_gives_other_content_or_another_signer),
        TEST(every_truncation_is_refused),
        TEST(forbidden_algorithms_are_refused),
        TEST(what_the_attributes_must_hold_is_asked_for),
        TEST(an_attribute_twice_or_with_none_or_several_values_is_refused),
        TEST(attributes_out_of_order_are_refused),
        TEST(optional_and_unknown_attributes_do_not_hinder),
        TEST(more_attributes_than_the_limit_are_refused),
        TEST(the_signing_certificate_attribute_must_be_the_signers),
        TEST(unsigned_attributes_are_passed_over_when_they_are_some_that_may_be_unsigned),
        TEST(a_sealing_certificate_that_differs_is_named_and_carried),
        TEST(ones_own_certificate_or_none_is_not_named),
        TEST(the_sealing_certificate_is_found_by_each_of_its_names),
        TEST(a_preference_that_names_in_no_way_makes_the_signature_fail),
        TEST(content_may_be_kept_elsewhere_when_the_caller_has_it),
        TEST(types_and_structures_are_judged),
        TEST(a_digest_that_is_not_announced_is_refused),
        TEST(revocation_lists_of_strangers_are_passed_over),
        TEST(without_memory_nothing_is_signed_and_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
