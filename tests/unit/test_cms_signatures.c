/* Signatures of every kind that protocol.md 2.2 names: what is written, what is read, what is refused. RFC 5754 3, RFC
 * 4055 3, RFC 8419. */
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

#define CONTENT SPAN("what was written")
#define ANNOUNCED "1.0.1"
#define BAG "1.0.3.0"
#define SIGNER "1.0.4.0"
#define ATTRIBUTES SIGNER ".3"
#define DIGEST_ALGORITHM SIGNER ".2"
#define SIGNATURE_ALGORITHM SIGNER ".4"
#define SIGNATURE SIGNER ".5"

/* AlgorithmIdentifiers as they stand in an object. */
#define NUL "\x05\x00"
#define SHA256_ID "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define SHA384_ID "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"
#define SHA512_ID "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03"
#define SHA1_ID "\x06\x05\x2b\x0e\x03\x02\x1a"
#define SHA256 "\x30\x0b" SHA256_ID
#define SHA384 "\x30\x0b" SHA384_ID
#define SHA512 "\x30\x0b" SHA512_ID
#define ECDSA(n) "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03" n
#define ED25519 "\x30\x05\x06\x03\x2b\x65\x70"
#define PKCS1 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"
#define PSS_ID PKCS1 "\x0a"
#define MGF1_ID PKCS1 "\x08"
/* RSASSA-PSS-params with one digest and its length as salt: as RFC 4055 3.1 wants them, digests with NULL. */
#define PSS(id, salt)                                                                                                  \
    "\x30\x41" PSS_ID "\x30\x34\xa0\x0f\x30\x0d" id NUL "\xa1\x1c\x30\x1a" MGF1_ID "\x30\x0d" id NUL                   \
    "\xa2\x03\x02\x01" salt

enum who { P256, P384, RSA_2048, EDWARDS, WHO_COUNT };

struct fixture {
    struct arena arena;
    struct identity who[WHO_COUNT];
};

static struct identity with_key(struct arena *arena, EVP_PKEY *key)
{
    struct identity identity = {.key = key};
    const char *const extensions[] = {"subjectKeyIdentifier=hash", NULL};
    struct span der = pki_odd(arena, &(struct pki_odd){.subject = "a signer", .key = key, .extensions = extensions},
                              NULL);
    assert_rule(certificate_parse(der, &identity.certificate), RULE_OK);
    arena_reset(arena);
    return identity;
}

static int make_all(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    assert_true(arena_open(&f.arena, 1024 * 1024));
    f.who[P256] = with_key(&f.arena, EVP_EC_gen("P-256"));
    f.who[P384] = with_key(&f.arena, EVP_EC_gen("P-384"));
    f.who[RSA_2048] = with_key(&f.arena, EVP_RSA_gen(2048));
    f.who[EDWARDS] = with_key(&f.arena, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    *state = &f;
    return 0;
}

static int drop_all(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < WHO_COUNT; i++)
        identity_clear(&f->who[i]);
    arena_close(&f->arena);
    return 0;
}

static int clean_up(void **state)
{
    struct fixture *f = *state;
    f->arena.fail_after = SIZE_MAX;
    arena_reset(&f->arena);
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

static struct span sign_as(struct fixture *f, enum who who)
{
    struct span der;
    assert_rule(cms_sign(&f->arena, &f->who[who], NULL, 0, CONTENT, PKI_NOW, &der), RULE_OK);
    return der;
}

static enum rule verify(struct fixture *f, struct span der, struct cms_signed *out)
{
    return cms_verify(&f->arena, der, NULL, NULL, NULL, 0, out);
}

static void assert_verifies(struct fixture *f, enum who who, struct span der, enum rule expected)
{
    struct cms_signed s;
    assert_rule(verify(f, der, &s), expected);
    assert_span_equal(s.content, expected == RULE_OK ? CONTENT : SPAN(""));
    if (expected == RULE_OK)
        assert_memory_equal(s.signer->hash, f->who[who].certificate->hash, CERTIFICATE_HASH_LEN);
    else
        assert_null(s.signer);
    cms_signed_clear(&s);
}

/* --- what is written --- */

static void every_kind_of_key_signs_what_verifies(void **state)
{
    struct fixture *f = *state;
    static const uint8_t large[100000] = {7};
    const struct span contents[] = {CONTENT, SPAN(""), span_of(large, sizeof large)};
    for (enum who who = 0; who < WHO_COUNT; who++)
        for (size_t i = 0; i < 3; i++) {
            struct span der;
            struct cms_signed s;
            assert_rule(cms_sign(&f->arena, &f->who[who], NULL, 0, contents[i], PKI_NOW, &der), RULE_OK);
            assert_true(der_well_formed(der));
            assert_rule(verify(f, der, &s), RULE_OK);
            assert_span_equal(s.content, contents[i]);
            assert_true(s.signing_time == PKI_NOW);
            cms_signed_clear(&s);
            arena_reset(&f->arena);
        }
}

static void each_kind_of_key_has_its_algorithms(void **state)
{
    struct fixture *f = *state;
    const struct {
        struct span digest, signature;
    } wanted[WHO_COUNT] = {
        [P256] = {SPAN(SHA256), SPAN(ECDSA("\x02"))},
        [P384] = {SPAN(SHA384), SPAN(ECDSA("\x03"))},
        [RSA_2048] = {SPAN(SHA256), SPAN(PSS(SHA256_ID, "\x20"))},
        [EDWARDS] = {SPAN(SHA512), SPAN(ED25519)},
    };
    for (enum who who = 0; who < WHO_COUNT; who++) {
        struct span der = sign_as(f, who);
        assert_span_equal(der_at(der, "1.0.1.0"), wanted[who].digest); /* announced */
        assert_span_equal(der_at(der, DIGEST_ALGORITHM), wanted[who].digest);
        assert_span_equal(der_at(der, SIGNATURE_ALGORITHM), wanted[who].signature);
    }
    assert_int_equal(der_at(sign_as(f, EDWARDS), SIGNATURE).len, 2 + 64);
    assert_int_equal(der_at(sign_as(f, RSA_2048), SIGNATURE).len, 4 + 256);
}

static void a_key_that_cannot_sign_is_refused(void **state)
{
    struct fixture *f = *state;
    struct identity x25519 = {.certificate = f->who[P256].certificate};
    struct certificate changed = *x25519.certificate;
    changed.key_kind = KEY_X25519;
    x25519.certificate = &changed;
    struct span der;
    assert_rule(cms_sign(&f->arena, &x25519, NULL, 0, CONTENT, PKI_NOW, &der), RULE_CERT_KEY);
    assert_int_equal(f->arena.used, 0);
}

/* --- what is read --- */

/* How a test signs anew, by OpenSSL's own calls. */
struct anew {
    enum who who;
    struct span digest_algorithm, signature_algorithm;
    const char *digest; /* of the content and of the attributes */
    const char *mgf1;   /* null: as digest */
    int padding;        /* 0: none */
    int salt;
};

static struct span item(struct fixture *f, uint8_t tag, struct span content)
{
    size_t room = content.len + 16;
    struct der_writer w = der_writer_over(arena_take(&f->arena, room), room);
    der_put_item(&w, tag, content);
    return der_written(&w);
}

static struct span signature_over(struct fixture *f, const struct anew *anew, struct span attributes)
{
    uint8_t *signature = arena_take(&f->arena, 512);
    size_t len = 512;
    bool pure = anew->who == EDWARDS;
    EVP_PKEY_CTX *key = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(context, &key, pure ? NULL : anew->digest, NULL, NULL,
                                           f->who[anew->who].key, NULL), 1);
    if (anew->padding)
        assert_true(EVP_PKEY_CTX_set_rsa_padding(key, anew->padding) > 0);
    if (anew->padding == RSA_PKCS1_PSS_PADDING) {
        const EVP_MD *mgf1 = EVP_get_digestbyname(anew->mgf1 ? anew->mgf1 : anew->digest);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(key, anew->salt) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md(key, mgf1) > 0);
    }
    assert_int_equal(EVP_DigestSign(context, signature, &len, attributes.at, attributes.len), 1);
    EVP_MD_CTX_free(context);
    return span_of(signature, len);
}

/* The object with other algorithms, and everything else made to fit them. Only attributes that must be are there. */
static struct span sign_anew(struct fixture *f, const struct anew *anew)
{
    struct span der = sign_as(f, anew->who);
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len;
    assert_int_equal(EVP_Digest(CONTENT.at, CONTENT.len, hash, &len, EVP_get_digestbyname(anew->digest), NULL), 1);
    struct span value = item(f, DER_SET, item(f, DER_OCTET_STRING, span_of(hash, len)));
    uint8_t room[512];
    struct writer w = writer_over(room, sizeof room);
    writer_put(&w, SPAN("\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03\x31\x0b\x06\x09\x2a\x86\x48\x86"
                        "\xf7\x0d\x01\x07\x01"));
    uint8_t digest[256];
    struct writer d = writer_over(digest, sizeof digest);
    writer_put(&d, SPAN("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"));
    writer_put(&d, value);
    writer_put(&w, item(f, DER_SEQUENCE, writer_span(&d)));
    struct span attributes = item(f, DER_SET, writer_span(&w));
    struct span signature = signature_over(f, anew, attributes);
    der = der_replace(&f->arena, der, ATTRIBUTES, item(f, DER_CONTEXT_CONSTRUCTED(0), writer_span(&w)));
    der = der_replace(&f->arena, der, DIGEST_ALGORITHM, anew->digest_algorithm);
    der = der_replace(&f->arena, der, ANNOUNCED ".0", anew->digest_algorithm);
    der = der_replace(&f->arena, der, SIGNATURE_ALGORITHM, anew->signature_algorithm);
    return der_replace(&f->arena, der, SIGNATURE, item(f, DER_OCTET_STRING, signature));
}

static void assert_anew(struct fixture *f, struct anew anew, enum rule expected)
{
    assert_verifies(f, anew.who, sign_anew(f, &anew), expected);
    arena_reset(&f->arena);
}

/* RFC 5754 3.3. */
static void each_digest_is_read_on_each_curve(void **state)
{
    struct fixture *f = *state;
    for (enum who who = P256; who <= P384; who++) {
        assert_anew(f, (struct anew){who, SPAN(SHA256), SPAN(ECDSA("\x02")), .digest = "SHA256"}, RULE_OK);
        assert_anew(f, (struct anew){who, SPAN(SHA384), SPAN(ECDSA("\x03")), .digest = "SHA384"}, RULE_OK);
        assert_anew(f, (struct anew){who, SPAN(SHA512), SPAN(ECDSA("\x04")), .digest = "SHA512"}, RULE_OK);
        /* The digest of the signature is that of the content. */
        assert_anew(f, (struct anew){who, SPAN(SHA384), SPAN(ECDSA("\x02")), .digest = "SHA256"}, RULE_CMS_ALGORITHM);
        assert_anew(f, (struct anew){who, SPAN(SHA256), SPAN(ECDSA("\x04")), .digest = "SHA256"}, RULE_CMS_ALGORITHM);
        assert_anew(f, (struct anew){who, SPAN(SHA256), SPAN(ECDSA("\x02")), .digest = "SHA384"},
                    RULE_SIGNATURE_INVALID);
        /* SHA-224 and SHA-1 */
        assert_anew(f, (struct anew){who, SPAN("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04"),
                                     SPAN(ECDSA("\x01")), .digest = "SHA224"}, RULE_CMS_ALGORITHM);
        assert_anew(f, (struct anew){who, SPAN("\x30\x07" SHA1_ID),
                                     SPAN("\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01"), .digest = "SHA1"},
                    RULE_CMS_ALGORITHM);
    }
}

/* RFC 4055 5 and RFC 5754 3.2: either name, parameters NULL or absent. */
static void pkcs1_signatures_are_read_under_both_names(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct span id;
        const char *digest, *last;
    } cases[] = {{SPAN_INIT(SHA256), "SHA256", "\x0b"},
                 {SPAN_INIT(SHA384), "SHA384", "\x0c"},
                 {SPAN_INIT(SHA512), "SHA512", "\x0d"}};
    for (size_t i = 0; i < 3; i++)
        for (size_t name = 0; name < 2; name++) {
            uint8_t with_null[] = "\x30\x0d" PKCS1 "\x01" NUL, without[] = "\x30\x0b" PKCS1 "\x01";
            with_null[12] = without[12] = name ? (uint8_t)cases[i].last[0] : 0x01;
            struct anew anew = {RSA_2048, cases[i].id, span_of(with_null, 15), .digest = cases[i].digest,
                                .padding = RSA_PKCS1_PADDING};
            assert_anew(f, anew, RULE_OK);
            anew.signature_algorithm = span_of(without, 13);
            assert_anew(f, anew, RULE_OK);
            anew.padding = RSA_PKCS1_PSS_PADDING;
            assert_anew(f, anew, RULE_SIGNATURE_INVALID);
        }
}

static void pkcs1_signatures_with_weak_or_other_digests_or_parameters_are_refused(void **state)
{
    struct fixture *f = *state;
    struct anew anew = {RSA_2048, SPAN("\x30\x09" SHA1_ID NUL), SPAN("\x30\x0d" PKCS1 "\x01" NUL), .digest = "SHA1",
                        .padding = RSA_PKCS1_PADDING};
    assert_anew(f, anew, RULE_CMS_ALGORITHM);
    anew.signature_algorithm = SPAN("\x30\x0d" PKCS1 "\x05" NUL); /* sha1WithRSAEncryption */
    assert_anew(f, anew, RULE_CMS_ALGORITHM);
    anew = (struct anew){RSA_2048, SPAN(SHA256), SPAN("\x30\x0d" PKCS1 "\x0c" NUL), .digest = "SHA256",
                         .padding = RSA_PKCS1_PADDING};
    assert_anew(f, anew, RULE_CMS_ALGORITHM); /* sha384WithRSAEncryption beside SHA-256 */
    anew.signature_algorithm = SPAN("\x30\x0d" PKCS1 "\x0b\x30\x00");
    assert_anew(f, anew, RULE_CMS_ALGORITHM);
    anew.signature_algorithm = SPAN("\x30\x0d" PKCS1 "\x07" NUL); /* RSAES-OAEP signs nothing */
    assert_anew(f, anew, RULE_CMS_ALGORITHM);
}

static struct anew pss(struct span digest, struct span parameters, const char *name, int salt)
{
    return (struct anew){RSA_2048, digest, parameters, .digest = name, .padding = RSA_PKCS1_PSS_PADDING, .salt = salt};
}

static void pss_is_read_with_each_digest(void **state)
{
    struct fixture *f = *state;
    assert_anew(f, pss(SPAN(SHA256), SPAN(PSS(SHA256_ID, "\x20")), "SHA256", 32), RULE_OK);
    assert_anew(f, pss(SPAN(SHA384), SPAN(PSS(SHA384_ID, "\x30")), "SHA384", 48), RULE_OK);
    assert_anew(f, pss(SPAN(SHA512), SPAN(PSS(SHA512_ID, "\x40")), "SHA512", 64), RULE_OK);
    /* Digests without NULL (RFC 4055 2.1), and the trailer written out (3.1). */
    assert_anew(f, pss(SPAN(SHA256), SPAN("\x30\x3d" PSS_ID "\x30\x30\xa0\x0d\x30\x0b" SHA256_ID "\xa1\x1a\x30\x18"
                                          MGF1_ID "\x30\x0b" SHA256_ID "\xa2\x03\x02\x01\x20"), "SHA256", 32), RULE_OK);
    assert_anew(f, pss(SPAN(SHA256), SPAN("\x30\x46" PSS_ID "\x30\x39\xa0\x0f\x30\x0d" SHA256_ID NUL "\xa1\x1c\x30\x1a"
                                          MGF1_ID "\x30\x0d" SHA256_ID NUL "\xa2\x03\x02\x01\x20\xa3\x03\x02\x01\x01"),
                       "SHA256", 32), RULE_OK);
}

/* Each of these signatures fits its own parameters. */
static void pss_with_other_parameters_is_refused(void **state)
{
    struct fixture *f = *state;
    struct anew anew;
    const struct span sha256 = SPAN(SHA256);
    assert_anew(f, pss(sha256, SPAN(PSS(SHA256_ID, "\x14")), "SHA256", 20), RULE_CMS_ALGORITHM); /* the salt */
    assert_anew(f, pss(sha256, SPAN(PSS(SHA256_ID, "\x00")), "SHA256", 0), RULE_CMS_ALGORITHM);
    assert_anew(f, pss(sha256, SPAN(PSS(SHA256_ID, "\x40")), "SHA256", 64), RULE_CMS_ALGORITHM);
    assert_anew(f, pss(SPAN(SHA384), SPAN(PSS(SHA256_ID, "\x20")), "SHA256", 32), RULE_CMS_ALGORITHM); /* the digest */
    anew = pss(sha256, SPAN("\x30\x41" PSS_ID "\x30\x34\xa0\x0f\x30\x0d" SHA256_ID NUL "\xa1\x1c\x30\x1a" MGF1_ID
                            "\x30\x0d" SHA512_ID NUL "\xa2\x03\x02\x01\x20"), "SHA256", 32);
    anew.mgf1 = "SHA512";
    assert_anew(f, anew, RULE_CMS_ALGORITHM);
    anew = pss(sha256, SPAN("\x30\x23" PSS_ID "\x30\x16\xa0\x0f\x30\x0d" SHA256_ID NUL "\xa2\x03\x02\x01\x20"),
               "SHA256", 32);
    anew.mgf1 = "SHA1"; /* left out, MGF1 has SHA-1 */
    assert_anew(f, anew, RULE_CMS_ALGORITHM);
    anew = pss(SPAN("\x30\x07" SHA1_ID), SPAN("\x30\x0d" PSS_ID "\x30\x00"), "SHA1", 20); /* all defaults */
    assert_anew(f, anew, RULE_CMS_ALGORITHM);
    anew = pss(sha256, SPAN("\x30\x0b" PSS_ID), "SHA256", 32); /* none, as in a key that says nothing */
    assert_anew(f, anew, RULE_CMS_ALGORITHM);
    assert_anew(f, pss(sha256, SPAN("\x30\x0d" PSS_ID NUL), "SHA256", 32), RULE_CMS_ALGORITHM);
    assert_anew(f, pss(sha256, SPAN("\x30\x46" PSS_ID "\x30\x39\xa0\x0f\x30\x0d" SHA256_ID NUL "\xa1\x1c\x30\x1a"
                                    MGF1_ID "\x30\x0d" SHA256_ID NUL "\xa2\x03\x02\x01\x20\xa3\x03\x02\x01\x02"),
                       "SHA256", 32),
                RULE_CMS_ALGORITHM); /* the trailer */
    assert_anew(f, pss(sha256, SPAN("\x30\x43" PSS_ID "\x30\x34\xa0\x0f\x30\x0d" SHA256_ID NUL "\xa1\x1c\x30\x1a"
                                    MGF1_ID "\x30\x0d" SHA256_ID NUL "\xa2\x03\x02\x01\x20" NUL), "SHA256", 32),
                RULE_CMS_STRUCTURE); /* something after the parameters: an AlgorithmIdentifier with three members */
    assert_anew(f, pss(sha256, SPAN("\x30\x43" PSS_ID "\x30\x36\xa0\x0f\x30\x0d" SHA256_ID NUL "\xa1\x1c\x30\x1a"
                                    MGF1_ID "\x30\x0d" SHA256_ID NUL "\xa2\x03\x02\x01\x20" NUL), "SHA256", 32),
                RULE_CMS_ALGORITHM); /* something at their end */
}

static void pss_that_does_not_fit_its_parameters_is_no_signature(void **state)
{
    struct fixture *f = *state;
    struct span ours = SPAN(PSS(SHA256_ID, "\x20"));
    assert_anew(f, pss(SPAN(SHA256), ours, "SHA256", 20), RULE_SIGNATURE_INVALID);
    assert_anew(f, pss(SPAN(SHA256), ours, "SHA256", 0), RULE_SIGNATURE_INVALID);
    struct anew anew = pss(SPAN(SHA256), ours, "SHA256", 32);
    anew.mgf1 = "SHA384";
    assert_anew(f, anew, RULE_SIGNATURE_INVALID);
    anew.mgf1 = NULL;
    anew.padding = RSA_PKCS1_PADDING;
    assert_anew(f, anew, RULE_SIGNATURE_INVALID);
}

/* RFC 8419 2.3, 3.1. */
static void ed25519_goes_with_sha512_and_no_parameters(void **state)
{
    struct fixture *f = *state;
    struct anew anew = {EDWARDS, SPAN(SHA512), SPAN(ED25519), .digest = "SHA512"};
    assert_anew(f, anew, RULE_OK);
    anew.digest_algorithm = SPAN("\x30\x0d" SHA512_ID NUL);
    assert_anew(f, anew, RULE_CMS_ALGORITHM);
    anew.digest_algorithm = SPAN(SHA512);
    anew.signature_algorithm = SPAN("\x30\x07\x06\x03\x2b\x65\x70" NUL);
    assert_anew(f, anew, RULE_CMS_ALGORITHM);
    anew = (struct anew){EDWARDS, SPAN(SHA256), SPAN(ED25519), .digest = "SHA256"};
    assert_anew(f, anew, RULE_CMS_ALGORITHM);
}

/* RFC 8419 2.1: pure, over the attributes and not over their hash. OpenSSL's own verification says so too. */
static void ed25519_signs_the_attributes_themselves(void **state)
{
    struct fixture *f = *state;
    struct span der = sign_as(f, EDWARDS), attributes = arena_copy(&f->arena, der_at(der, ATTRIBUTES), NULL);
    struct span signature = der_at(der, SIGNATURE);
    uint8_t hash[64], over_hash[64];
    size_t len = sizeof over_hash;
    unsigned hash_len;
    *(uint8_t *)(uintptr_t)attributes.at = 0x31;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, NULL, NULL, f->who[EDWARDS].key), 1);
    assert_int_equal(EVP_DigestVerify(context, signature.at + 2, 64, attributes.at, attributes.len), 1);
    EVP_MD_CTX_reset(context);
    EVP_Digest(attributes.at, attributes.len, hash, &hash_len, EVP_sha512(), NULL);
    assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, f->who[EDWARDS].key), 1);
    assert_int_equal(EVP_DigestSign(context, over_hash, &len, hash, hash_len), 1);
    EVP_MD_CTX_free(context);
    der = der_replace(&f->arena, der, SIGNATURE, item(f, DER_OCTET_STRING, span_of(over_hash, len)));
    assert_verifies(f, EDWARDS, der, RULE_SIGNATURE_INVALID);
}

static void a_signature_by_a_key_of_another_kind_than_it_says_is_refused(void **state)
{
    struct fixture *f = *state;
    for (enum who says = 0; says < WHO_COUNT; says++)
        for (enum who is = 0; is < WHO_COUNT; is++) {
            struct span der = sign_as(f, says);
            if (is == says)
                continue;
            der = der_replace(&f->arena, der, SIGNER ".1", f->who[is].certificate->issuer_and_serial);
            der = der_replace(&f->arena, der, BAG, f->who[is].certificate->der);
            bool curves = says <= P384 && is <= P384; /* both are ECDSA: the certificate hash is what fails */
            assert_verifies(f, is, der, curves ? RULE_SIGNATURE_INVALID : RULE_CMS_ALGORITHM);
            arena_reset(&f->arena);
        }
}

/* --- every bit and every length --- */

static void a_flipped_bit_never_gives_other_content_or_another_signer(void **state)
{
    struct fixture *f = *state;
    for (enum who who = 0; who < WHO_COUNT; who++) {
        struct span der = sign_as(f, who);
        size_t identical = 0;
        for (size_t bit = 0; bit < der.len * 8; bit++) {
            size_t mark = arena_mark(&f->arena);
            struct span copy = arena_copy(&f->arena, der, NULL), byte = span_of(der.at + bit / 8, 1);
            struct cms_signed s;
            ((uint8_t *)(uintptr_t)copy.at)[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (verify(f, copy, &s) == RULE_OK) {
                assert_span_equal(s.content, CONTENT);
                assert_memory_equal(s.signer->hash, f->who[who].certificate->hash, CERTIFICATE_HASH_LEN);
                /* Only the version, and an announcement of digests that still names this one. */
                assert_true(span_within(byte, der_at(der, "1.0.0")) || span_within(byte, der_at(der, "1.0.1")));
                cms_signed_clear(&s);
                identical++;
            }
            arena_rewind(&f->arena, mark);
        }
        assert_true(identical > 0 && identical < 100);
        arena_reset(&f->arena);
    }
}

static void every_truncation_is_refused(void **state)
{
    struct fixture *f = *state;
    for (enum who who = 0; who < WHO_COUNT; who++) {
        struct span der = sign_as(f, who);
        for (size_t len = 0; len < der.len; len++) {
            uint8_t *exact = malloc(len ? len : 1); /* so that a read past the end is seen */
            memcpy(exact, der.at, len);
            assert_verifies(f, who, span_of(exact, len), RULE_CMS_DER);
            free(exact);
        }
        /* And of the signature alone, with an object that is whole. */
        struct span signature = der_at(der, SIGNATURE);
        struct cursor c = cursor_over(signature);
        assert_true(der_take_content(&c, DER_OCTET_STRING, &signature));
        for (size_t len = 0; len < signature.len; len++) {
            size_t mark = arena_mark(&f->arena);
            struct span shorter = item(f, DER_OCTET_STRING, span_part(signature, 0, len));
            assert_verifies(f, who, der_replace(&f->arena, der, SIGNATURE, shorter), RULE_SIGNATURE_INVALID);
            arena_rewind(&f->arena, mark);
        }
        arena_reset(&f->arena);
    }
}

static void without_memory_nothing_is_signed_or_verified_and_nothing_is_left(void **state)
{
    struct fixture *f = *state;
    for (enum who who = 0; who < WHO_COUNT; who++) {
        struct span der;
        f->arena.fail_after = 0;
        assert_rule(cms_sign(&f->arena, &f->who[who], NULL, 0, CONTENT, PKI_NOW, &der), RULE_NO_MEMORY);
        assert_int_equal(f->arena.used, 0);
        f->arena.fail_after = SIZE_MAX;
        der = sign_as(f, who);
        size_t used = f->arena.used;
        f->arena.fail_after = 0;
        assert_verifies(f, who, der, who == EDWARDS ? RULE_NO_MEMORY : RULE_OK); /* Ed25519 alone takes a copy */
        f->arena.fail_after = SIZE_MAX;
        assert_verifies(f, who, der, RULE_OK);
        assert_int_equal(f->arena.used, used);
        arena_reset(&f->arena);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, clean_up)
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_key_signs_what_verifies),
        TEST(each_kind_of_key_has_its_algorithms),
        TEST(a_key_that_cannot_sign_is_refused),
        TEST(each_digest_is_read_on_each_curve),
        TEST(pkcs1_signatures_are_read_under_both_names),
        TEST(pkcs1_signatures_with_weak_or_other_digests_or_parameters_are_refused),
        TEST(pss_is_read_with_each_digest),
        TEST(pss_with_other_parameters_is_refused),
        TEST(pss_that_does_not_fit_its_parameters_is_no_signature),
        TEST(ed25519_goes_with_sha512_and_no_parameters),
        TEST(ed25519_signs_the_attributes_themselves),
        TEST(a_signature_by_a_key_of_another_kind_than_it_says_is_refused),
        TEST(a_flipped_bit_never_gives_other_content_or_another_signer),
        TEST(every_truncation_is_refused),
        TEST(without_memory_nothing_is_signed_or_verified_and_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
