/* CMS objects and certificates that others made and published. They lie beside the project; without them these tests
 * are skipped. What each must lead to is what its SOURCE.txt says, under the profile of protocol.md 2.2. */
#include "test.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/pem.h>

#include "sipseal/arena.h"
#include "sipseal/cms.h"
#include "sipseal/pem.h"

#define IN_2018 INT64_C(1530000000) /* Alice's certificate of RFC 8591 is valid until December */

enum { ARENA = 4 * 1024 * 1024 };

static int open_arena(void **state)
{
    static struct arena arena;
    assert_true(arena_open(&arena, ARENA));
    *state = &arena;
    return 0;
}

static int close_arena(void **state)
{
    arena_close(*state);
    return 0;
}

static void need_vectors(void)
{
    struct stat status;
    if (stat(VECTORS "/rfc8591", &status) == 0)
        return;
    print_message("the vectors are absent: " VECTORS "\n");
    skip();
}

static struct span read_path(struct arena *arena, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s cannot be read", path);
    struct stat status;
    assert_int_equal(fstat(fileno(file), &status), 0);
    size_t len = (size_t)status.st_size;
    uint8_t *at = arena_take(arena, len);
    assert_non_null(at);
    assert_int_equal(fread(at, 1, len, file), len);
    fclose(file);
    return span_of(at, len);
}

static struct span vector(struct arena *arena, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    return read_path(arena, path);
}

static struct certificate *pem_certificate(struct arena *arena, const char *name)
{
    struct span der;
    struct certificate *c;
    assert_rule(pem_only(arena, vector(arena, name), PEM_CERTIFICATE, &der), RULE_OK);
    assert_rule(certificate_parse(der, &c), RULE_OK);
    return c;
}

static enum rule verify(struct arena *arena, struct span der, struct cms_signed *s)
{
    return cms_verify(arena, der, NULL, NULL, NULL, 0, s);
}

/* The object as a verifier and as a reader sees it: neither accepts it, for these reasons. */
static void assert_refused(struct arena *arena, const char *name, enum rule by_verifier, enum rule by_reader)
{
    struct span der = vector(arena, name);
    struct cms_signed s;
    struct cms_readers readers;
    enum rule verified = verify(arena, der, &s), read = cms_readers_of(der, &readers);
    if (verified != by_verifier || read != by_reader)
        fail_msg("%s: verified: %s, read: %s", name, rule_name(verified), rule_name(read));
    arena_reset(arena);
}

/* --- RFC 8591 --- */

static void the_signatures_of_rfc_8591_verify(void **state)
{
    struct arena *arena = *state;
    need_vectors();
    struct certificate *alice = pem_certificate(arena, "rfc8591/alice_cert.pem");
    struct cms_signed s;
    assert_rule(verify(arena, vector(arena, "rfc8591/signed_with_cert.p7m.der"), &s), RULE_OK);
    assert_true(span_starts(s.content, SPAN("Content-Type: text/plain\r\n\r\nWatson, come here")));
    assert_span_text(certificate_shown_name(s.signer), "sip:alice@example.com");
    assert_memory_equal(s.signer->hash, alice->hash, CERTIFICATE_HASH_LEN);
    cms_signed_clear(&s);
    struct span bare = vector(arena, "rfc8591/signed_no_cert.p7m.der");
    assert_rule(verify(arena, bare, &s), RULE_SIGNATURE_NO_CERTIFICATE);
    assert_rule(cms_verify(arena, bare, NULL, NULL, &alice, 1, &s), RULE_OK);
    assert_ptr_equal(s.signer, alice);
    cms_signed_clear(&s);
    certificate_release(alice);
}

static void alice_of_rfc_8591_is_trusted_while_she_is_in_date(void **state)
{
    struct arena *arena = *state;
    need_vectors();
    struct certificate *alice = pem_certificate(arena, "rfc8591/alice_cert.pem");
    struct trust *trust = trust_new();
    assert_rule(trust_check(trust, alice, NULL, 0, USE_SIGN, IN_2018), RULE_CERT_UNTRUSTED);
    assert_rule(trust_add_anchor(trust, alice->der), RULE_OK);
    assert_rule(trust_check(trust, alice, NULL, 0, USE_SIGN, IN_2018), RULE_OK);
    assert_rule(trust_check(trust, alice, NULL, 0, USE_SIGN, alice->not_after + 1), RULE_CERT_EXPIRED);
    trust_free(trust);
    certificate_release(alice);
}

static void the_sealed_objects_of_rfc_8591_are_read_as_far_as_their_readers(void **state)
{
    struct arena *arena = *state;
    need_vectors();
    static const char *const names[] = {"rfc8591/authenveloped_bob_to_alice.p7m.der",
                                        "rfc8591/authenveloped_from_chunks.p7m.der"};
    struct certificate *alice = pem_certificate(arena, "rfc8591/alice_cert.pem");
    struct identity self = {alice, NULL};
    for (size_t i = 0; i < 2; i++) {
        struct span der = vector(arena, names[i]), content;
        struct cms_readers readers;
        assert_rule(cms_readers_of(der, &readers), RULE_OK);
        assert_int_equal(readers.count, 1);
        assert_int_equal(readers.reader[0].kind, CMS_KEY_TRANSPORT);
        assert_rule(cms_open(arena, der, &self, &content), RULE_CMS_NOT_READER);
    }
    certificate_release(alice);
}

/* --- others --- */

static void ecdsa_by_others_verifies(void **state)
{
    struct arena *arena = *state;
    struct cms_signed s;
    need_vectors();
    assert_rule(verify(arena, vector(arena, "cms/rustcrypto/cms_der.bin"), &s), RULE_OK);
    assert_true(s.content.len > 0);
    cms_signed_clear(&s);
    /* the same object in BER */
    assert_rule(verify(arena, vector(arena, "cms/rustcrypto/cms_ber.bin"), &s), RULE_CMS_DER);
}

static void rsa_by_others_verifies(void **state)
{
    struct arena *arena = *state;
    need_vectors();
    static const char *const names[] = {"cms/rustcrypto/scep_der.bin", "cms/rustcrypto/sd.cms"}; /* PKCS#1 v1.5 */
    for (size_t i = 0; i < 2; i++) {
        struct cms_signed s;
        assert_rule(verify(arena, vector(arena, names[i]), &s), RULE_OK);
        assert_int_equal(s.signer->key_kind, KEY_RSA);
        cms_signed_clear(&s);
    }
}

static void what_the_profile_forbids_is_refused_for_the_right_reason(void **state)
{
    need_vectors();
    static const struct {
        const char *name;
        enum rule by_verifier, by_reader;
    } cases[] = {
        {"rfc4134/3.1.bin", RULE_CMS_DER, RULE_CMS_DER},   /* BER */
        {"rfc4134/3.2.bin", RULE_CMS_TYPE, RULE_CMS_TYPE}, /* bare data */
        {"rfc4134/4.1.bin", RULE_CMS_ALGORITHM, RULE_CMS_TYPE},     /* DSS with SHA-1 */
        {"rfc4134/4.2.bin", RULE_CMS_ALGORITHM, RULE_CMS_TYPE},     /* RSA with SHA-1 */
        {"rfc4134/4.3.bin", RULE_CMS_STRUCTURE, RULE_CMS_TYPE},     /* content is kept elsewhere */
        {"rfc4134/4.4.bin", RULE_CMS_ALGORITHM, RULE_CMS_TYPE},
        {"rfc4134/4.5.bin", RULE_CMS_DER, RULE_CMS_DER},
        {"rfc4134/4.6.bin", RULE_SIGNATURE_SIGNERS, RULE_CMS_TYPE}, /* two signers */
        {"rfc4134/4.7.bin", RULE_CMS_ALGORITHM, RULE_CMS_TYPE},
        {"rfc4134/4.10.bin", RULE_CMS_ALGORITHM, RULE_CMS_TYPE},
        {"rfc4134/4.11.bin", RULE_SIGNATURE_ABSENT, RULE_CMS_TYPE}, /* certificates only */
        {"rfc4134/6.0.bin", RULE_CMS_TYPE, RULE_CMS_TYPE},          /* DigestedData */
        {"rfc4134/7.1.bin", RULE_CMS_TYPE, RULE_CMS_TYPE},          /* EncryptedData */
        {"rfc4134/7.2.bin", RULE_CMS_TYPE, RULE_CMS_TYPE},
        {"rfc6216/parts/smime-msg.dat.0.der", RULE_CMS_STRUCTURE, RULE_CMS_TYPE}, /* detached */
        {"cms/openssl/80-test_cms_data/bad_signtime_attr.cms", RULE_CMS_DER, RULE_CMS_DER},
        {"cms/openssl/80-test_cms_data/no_ct_attr.cms", RULE_CMS_DER, RULE_CMS_DER},
        {"cms/openssl/80-test_cms_data/no_md_attr.cms", RULE_CMS_DER, RULE_CMS_DER},
        {"cms/openssl/80-test_cms_data/ct_multiple_attr.cms", RULE_CMS_DER, RULE_CMS_DER},
        {"cms/openssl/25-test_pkcs7_data/malformed.pkcs7", RULE_CMS_DER, RULE_CMS_DER},
        {"cms/rustcrypto/pkits.p7b", RULE_SIGNATURE_ABSENT, RULE_CMS_TYPE},
        {"cms/rustcrypto/digested_data.bin", RULE_CMS_TYPE, RULE_CMS_TYPE},
        {"cms/rustcrypto/signer_info_sequence_not_set.bin", RULE_CMS_STRUCTURE, RULE_CMS_STRUCTURE},
        {"cms/rustcrypto/1.3.6.1.4.1.22554.5.6.1_ML-KEM-512-ipd_kemri_auth.der", RULE_CMS_TYPE, RULE_CMS_ALGORITHM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(*state, cases[i].name, cases[i].by_verifier, cases[i].by_reader);
}

/* --- EnvelopedData: for legacy peers --- */

static bool vouch(void *context, struct arena *arena, struct span candidate)
{
    (void)arena;
    (void)candidate;
    return *(const bool *)context;
}

static enum rule open_legacy(struct arena *arena, struct span der, const struct identity *self, unsigned allowed,
                             bool vouched, struct span *content)
{
    return cms_open_legacy(arena, der, self, &(struct cms_legacy_terms){allowed, vouch, &vouched}, content);
}

/* Keys of RFC 6216 are in the form of PKCS#1. */
static struct identity pem_identity(struct arena *arena, const char *certificate, const char *key)
{
    struct span text = vector(arena, key);
    BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
    struct identity self = {pem_certificate(arena, certificate), PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL)};
    BIO_free(bio);
    assert_non_null(self.key);
    return self;
}

/* AES-128-CBC and PKCS#1 v1.5. There is no signature in them: nobody would vouch for the content. */
static void the_enveloped_data_of_rfc_6216_is_opened_when_it_is_switched_on_and_vouched_for(void **state)
{
    struct arena *arena = *state;
    need_vectors();
    static const char *const cases[][2] = {
        {"smime-encrypted", "kumiko_eku"},
        {"smime-sign-encrypt", "kumiko_eku"},
        {"noeku-smime-encrypted", "kumiko_noeku"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char object[128], certificate[128], key[128];
        snprintf(object, sizeof object, "rfc6216/parts/%s.dat.0.der", cases[i][0]);
        snprintf(certificate, sizeof certificate, "rfc6216/certs/%s_cert.pem", cases[i][1]);
        snprintf(key, sizeof key, "rfc6216/certs/%s_key.pem", cases[i][1]);
        struct identity kumiko = pem_identity(arena, certificate, key);
        struct span der = vector(arena, object), content;
        struct cms_readers readers;
        assert_rule(cms_readers_of(der, &readers), RULE_OK);
        assert_int_equal(readers.legacy, CMS_LEGACY_ALL);
        assert_rule(cms_open(arena, der, &kumiko, &content), RULE_CMS_TYPE);
        assert_rule(open_legacy(arena, der, &kumiko, CMS_LEGACY_CBC, true, &content), RULE_CMS_ALGORITHM);
        assert_rule(open_legacy(arena, der, &kumiko, CMS_LEGACY_ALL, false, &content), RULE_CMS_OPEN);
        assert_rule(open_legacy(arena, der, &kumiko, CMS_LEGACY_ALL, true, &content), RULE_OK);
        assert_span_text(content, "Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nHello!");
        identity_clear(&kumiko);
    }
}

/* As far as its readers, whatever the cipher: that is judged for one who is named. */
static void enveloped_data_of_others_is_read_and_opened_by_nobody_who_is_not_named(void **state)
{
    struct arena *arena = *state;
    need_vectors();
    static const char *const names[] = {"rfc4134/5.1.bin" /* 3DES */, "rfc4134/5.2.bin" /* RC2 */,
                                        "cms/rustcrypto/enveloped_data_ktri.bin",
                                        "cms/rustcrypto/enveloped_data_kari.bin",
                                        "cms/rustcrypto/enveloped_data_kekri.bin",
                                        "cms/openssl/80-test_cms_data/ecdh-malformed.der"};
    struct identity alice = {pem_certificate(arena, "rfc8591/alice_cert.pem"), NULL};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct cms_readers readers;
        struct span der = vector(arena, names[i]), content;
        assert_rule(cms_readers_of(der, &readers), RULE_OK);
        if (!(readers.legacy & CMS_LEGACY_CBC))
            fail_msg("%s: %zu readers", names[i], readers.count);
        assert_rule(cms_open(arena, der, &alice, &content), RULE_CMS_TYPE);
        assert_rule(open_legacy(arena, der, &alice, CMS_LEGACY_ALL, true, &content), RULE_CMS_NOT_READER);
    }
    assert_refused(arena, "cms/rustcrypto/enveloped_data_pwri.bin", RULE_CMS_TYPE, RULE_CMS_ALGORITHM); /* a password */
    identity_clear(&alice);
}

/* Detached, over the first part of multipart/signed: RSA with SHA-1. */
static void the_sha1_signatures_of_rfc_6216_are_refused_with_their_content_at_hand(void **state)
{
    struct arena *arena = *state;
    need_vectors();
    static const char *const names[] = {"smime-msg", "cms-smime-msg", "noeku-smime-msg", "noeku-cms-smime-msg"};
    struct certificate *fluffy = pem_certificate(arena, "rfc6216/certs/fluffy_eku_cert.pem");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[128];
        struct cms_signed s;
        snprintf(name, sizeof name, "rfc6216/parts/%s.dat.0.der", names[i]);
        struct span der = vector(arena, name);
        snprintf(name, sizeof name, "rfc6216/parts/%s.dat.signedpart", names[i]);
        struct span content = vector(arena, name);
        assert_rule(cms_verify(arena, der, &content, NULL, &fluffy, 1, &s), RULE_CMS_ALGORITHM);
    }
    certificate_release(fluffy);
}

static void the_certificates_of_rfc_6216_name_whom_they_should_and_are_too_weakly_signed(void **state)
{
    struct arena *arena = *state;
    need_vectors();
    static const struct {
        const char *file, *name;
        bool email, sip;
        enum rule as_signer; /* signed with SHA-1; or for TLS, and so for no message */
    } cases[] = {
        {"fluffy_eku_cert.pem", "sip:fluffy@example.com", true, true, RULE_CERT_UNTRUSTED},
        {"fluffy_noeku_cert.pem", "sip:fluffy@example.com", true, true, RULE_CERT_UNTRUSTED},
        {"kumiko_eku_cert.pem", "sip:kumiko@example.net", true, true, RULE_CERT_UNTRUSTED},
        {"example.com_eku_cert.pem", "sip:example.com", false, true, RULE_CERT_USAGE},
        {"example.com_noeku_cert.pem", "sip:example.com", true, true, RULE_CERT_UNTRUSTED},
    };
    struct certificate *ca = pem_certificate(arena, "rfc6216/certs/ca_cert.pem");
    struct trust *trust = trust_new();
    assert_rule(trust_add_anchor(trust, ca->der), RULE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[128];
        snprintf(name, sizeof name, "rfc6216/certs/%s", cases[i].file);
        struct certificate *c = pem_certificate(arena, name);
        assert_span_text(certificate_shown_name(c), cases[i].name);
        assert_int_equal(c->purpose_email, cases[i].email);
        assert_int_equal(c->purpose_sip, cases[i].sip);
        assert_int_equal(c->key_kind, KEY_RSA);
        assert_rule(trust_check(trust, c, NULL, 0, USE_SIGN, c->not_before + 1), cases[i].as_signer);
        certificate_release(c);
    }
    trust_free(trust);
    certificate_release(ca);
}

static void certificates_with_weak_or_unknown_keys_are_refused(void **state)
{
    struct arena *arena = *state;
    need_vectors();
    static const char *const names[] = {"rfc4134/AliceDSSSignByCarlNoInherit.cer", "rfc4134/AliceRSASignByCarl.cer",
                                        "rfc4134/CarlRSASelf.cer", "rfc4134/DianeDSSSignByCarlInherit.cer"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct certificate *c;
        assert_rule(certificate_parse(vector(arena, names[i]), &c), RULE_CERT_KEY);
    }
}

/* --- everything, and what fuzzers found --- */

/* How many files were read, and how many of them were accepted. */
struct tally {
    size_t files, verified, sealed, enveloped;
};

/* Every parser over one input. A copy of exact size lets the sanitizer see a read past the end. */
static void try_everything(struct arena *arena, struct span bytes, struct tally *tally)
{
    uint8_t *exact = malloc(bytes.len ? bytes.len : 1);
    struct cms_signed s;
    struct cms_readers readers;
    struct certificate *c;
    struct trust *trust = trust_new();
    assert_non_null(exact);
    assert_non_null(trust);
    if (bytes.len)
        memcpy(exact, bytes.at, bytes.len);
    struct span copy = span_of(exact, bytes.len);
    tally->files++;
    if (cms_verify(arena, copy, NULL, trust, NULL, 0, &s) == RULE_OK) {
        tally->verified++;
        cms_signed_clear(&s);
    }
    bool read = cms_readers_of(copy, &readers) == RULE_OK;
    tally->sealed += read && !(readers.legacy & CMS_LEGACY_CBC);
    tally->enveloped += read && readers.legacy & CMS_LEGACY_CBC;
    if (certificate_parse(copy, &c) == RULE_OK) {
        (void)trust_check(trust, c, NULL, 0, USE_SIGN, IN_2018);
        certificate_release(c);
    }
    (void)trust_add_crl(trust, copy);
    trust_free(trust);
    free(exact);
}

static void walk(struct arena *arena, const char *folder, struct tally *tally)
{
    DIR *list = opendir(folder);
    if (!list)
        fail_msg("%s cannot be read", folder);
    for (struct dirent *entry; (entry = readdir(list));) {
        char path[1024];
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || stat(path, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode))
            walk(arena, path, tally);
        else
            try_everything(arena, read_path(arena, path), tally);
        arena_reset(arena);
    }
    closedir(list);
}

static void nothing_published_crashes_and_only_the_right_ones_are_accepted(void **state)
{
    need_vectors();
    struct tally tally = {0};
    walk(*state, VECTORS "/cms", &tally);
    walk(*state, VECTORS "/rfc4134", &tally);
    walk(*state, VECTORS "/rfc6216", &tally);
    walk(*state, VECTORS "/rfc8591", &tally);
    assert_true(tally.files > 100);
    assert_int_equal(tally.verified, 4); /* RFC 8591's with its certificate, and three of RustCrypto's */
    assert_int_equal(tally.sealed, 2);   /* RFC 8591's */
    assert_int_equal(tally.enveloped, 12);
}

static void nothing_that_fuzzers_found_crashes_or_is_accepted(void **state)
{
    need_vectors();
    struct tally tally = {0};
    walk(*state, VECTORS "/fuzz-seeds/openssl-cms", &tally);
    assert_true(tally.files > 1000);
    assert_int_equal(tally.verified, 0);
    assert_int_equal(tally.sealed, 0);
    assert_int_equal(tally.enveloped, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(the_signatures_of_rfc_8591_verify),
        TEST(alice_of_rfc_8591_is_trusted_while_she_is_in_date),
        TEST(the_sealed_objects_of_rfc_8591_are_read_as_far_as_their_readers),
        TEST(ecdsa_by_others_verifies),
        TEST(rsa_by_others_verifies),
        TEST(what_the_profile_forbids_is_refused_for_the_right_reason),
        TEST(the_enveloped_data_of_rfc_6216_is_opened_when_it_is_switched_on_and_vouched_for),
        TEST(enveloped_data_of_others_is_read_and_opened_by_nobody_who_is_not_named),
        TEST(the_sha1_signatures_of_rfc_6216_are_refused_with_their_content_at_hand),
        TEST(the_certificates_of_rfc_6216_name_whom_they_should_and_are_too_weakly_signed),
        TEST(certificates_with_weak_or_unknown_keys_are_refused),
        TEST(nothing_published_crashes_and_only_the_right_ones_are_accepted),
        TEST(nothing_that_fuzzers_found_crashes_or_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
