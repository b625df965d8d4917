#include "test.h"

#include <sys/stat.h>

#include <openssl/x509.h>

#include "config/keys.h"
#include "pki.h"
#include "scratch.h"
#include "sipseal/pem.h"

/* A server's files, as the configuration names them, and what is heard of them. */
struct site {
    struct scratch scratch;
    struct config config;
    struct identity authority, server, reader;
    char certificate[PATH_MAX], key[PATH_MAX], trust[PATH_MAX], auditor[PATH_MAX];
    struct keys keys;
    char heard[2048];
    unsigned faults, warnings;
    enum keys_setting setting; /* of the last fault */
};

static void hear(void *context, enum keys_setting setting, size_t index, bool warning, const char *text)
{
    struct site *s = context;
    size_t used = strlen(s->heard);
    snprintf(s->heard + used, sizeof s->heard - used, "%d[%zu]: %s\n", (int)setting, index, text);
    s->warnings += warning;
    s->faults += !warning;
    if (!warning)
        s->setting = setting;
}

static void write_file(const char *path, struct span bytes, mode_t mode)
{
    remove(path);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.at, 1, bytes.len, f), bytes.len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static uint8_t pem_room[512 * 1024];

static void write_pem(const char *path, const char *type, struct span der, mode_t mode)
{
    struct writer w = writer_over(pem_room, sizeof pem_room);
    pem_write(&w, type, der);
    assert_false(w.full);
    write_file(path, writer_span(&w), mode);
}

static void write_key(const char *path, EVP_PKEY *key)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    unsigned char *der = NULL;
    int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    assert_true(len > 0);
    write_pem(path, PEM_PRIVATE_KEY, span_of(der, (size_t)len), 0600);
    OPENSSL_clear_free(der, (size_t)len);
    PKCS8_PRIV_KEY_INFO_free(info);
}

static void set_path(struct site *s, char path[PATH_MAX], const char *name)
{
    assert_true(snprintf(path, PATH_MAX, "%s", scratch_path(&s->scratch, name)) < PATH_MAX);
}

static int make_site(void **state)
{
    struct site *s = calloc(1, sizeof *s);
    assert_non_null(s);
    scratch_make(&s->scratch);
    s->authority = pki_authority("Test CA");
    s->server = pki_host(&s->authority, "proxy1.home.example");
    s->reader = pki_user(&s->authority, "sip:auditor@home.example");
    set_path(s, s->certificate, "server.pem");
    set_path(s, s->key, "server.key");
    set_path(s, s->trust, "trust.pem");
    set_path(s, s->auditor, "auditor.pem");
    write_pem(s->certificate, PEM_CERTIFICATE, s->server.certificate->der, 0644);
    write_key(s->key, s->server.key);
    write_pem(s->trust, PEM_CERTIFICATE, s->authority.certificate->der, 0644);
    write_pem(s->auditor, PEM_CERTIFICATE, s->reader.certificate->der, 0644);
    s->config.name[0] = SPAN("proxy1.home.example");
    s->config.name_count = 1;
    s->config.certificate_path = s->certificate;
    s->config.private_key_path = s->key;
    s->config.trust_path = s->trust;
    s->config.archive_reader_path[0] = s->auditor;
    s->config.archive_reader_count = 1;
    *state = s;
    return 0;
}

static int clear_site(void **state)
{
    struct site *s = *state;
    keys_close(&s->keys);
    identity_clear(&s->authority);
    identity_clear(&s->server);
    identity_clear(&s->reader);
    scratch_remove(&s->scratch);
    free(s);
    return 0;
}

static bool load(struct site *s)
{
    const struct keys_listener listener = {hear, s};
    keys_close(&s->keys);
    s->faults = s->warnings = 0;
    *s->heard = '\0';
    return keys_load(&s->keys, &s->config, &listener);
}

static bool check(struct site *s, int64_t now)
{
    const struct keys_listener listener = {hear, s};
    return load(s) && keys_check(&s->keys, &s->config, now, &listener);
}

static void assert_refused(struct site *s, enum keys_setting setting, const char *words)
{
    assert_false(check(s, PKI_NOW));
    if (s->faults != 1 || s->setting != setting || !strstr(s->heard, words))
        fail_msg("%u faults: %s", s->faults, s->heard);
}

static void what_the_configuration_names_is_loaded(void **state)
{
    struct site *s = *state;
    assert_true(check(s, PKI_NOW - 3000));
    assert_span_equal(s->keys.certificate, s->server.certificate->der);
    assert_int_equal(s->keys.anchor_count, 1);
    assert_span_equal(s->keys.anchor[0], s->authority.certificate->der);
    assert_int_equal(s->keys.reader_count, 1);
    assert_span_equal(s->keys.reader[0], s->reader.certificate->der);
    struct identity loaded;
    assert_rule(identity_load(s->keys.certificate, s->keys.private_key, &loaded), RULE_OK);
    identity_clear(&loaded);
}

/* The text of the file is wiped once the key is decoded, and both lie in locked memory only. */
static void the_private_key_lies_in_locked_memory_alone(void **state)
{
    struct site *s = *state;
    assert_true(load(s));
    struct span locked = span_of(s->keys.secret.at, s->keys.secret.len);
    assert_true(span_within(s->keys.private_key, locked));
    assert_int_equal(span_find_span(locked, SPAN("PRIVATE KEY")), locked.len);
    struct span public = span_of(s->keys.arena.at, s->keys.arena.used);
    assert_int_equal(span_find_span(public, s->keys.private_key), public.len);
    assert_true(s->keys.private_key.len > 64);
}

static void trust_is_a_folder_of_certificates_and_lists_too(void **state)
{
    struct site *s = *state;
    struct arena arena;
    struct span crl;
    assert_true(arena_open(&arena, 64 * 1024));
    assert_rule(issue_crl(&arena, &s->authority, NULL, 0, 1, PKI_FROM, PKI_UNTIL, &crl), RULE_OK);
    assert_int_equal(mkdir(scratch_path(&s->scratch, "ca"), 0755), 0);
    set_path(s, s->trust, "ca");
    write_pem(scratch_path(&s->scratch, "ca/a.pem"), PEM_CERTIFICATE, s->authority.certificate->der, 0644);
    write_pem(scratch_path(&s->scratch, "ca/b.crl"), PEM_CRL, crl, 0644);
    write_file(scratch_path(&s->scratch, "ca/README"), SPAN("no PEM, and not looked at"), 0644);
    assert_true(check(s, PKI_NOW));
    assert_int_equal(s->keys.anchor_count, 1);
    assert_int_equal(s->keys.crl_count, 1);
    assert_span_equal(s->keys.crl[0], crl);
    write_file(scratch_path(&s->scratch, "ca/c.pem"), SPAN("no PEM, and looked at"), 0644);
    assert_refused(s, KEYS_TRUST, "c.pem holds neither a certificate nor a revocation list");
    arena_close(&arena);
}

static void a_revocation_list_that_no_message_can_carry_is_refused(void **state)
{
    struct site *s = *state;
    uint8_t *big = calloc(1, CONFIG_CRL_MAX + 1);
    assert_non_null(big);
    write_pem(s->trust, PEM_CRL, span_of(big, CONFIG_CRL_MAX + 1), 0644);
    free(big);
    assert_refused(s, KEYS_TRUST, "larger than");
}

static void anchors_that_are_no_certificates_are_refused(void **state)
{
    struct site *s = *state;
    write_pem(s->trust, PEM_CERTIFICATE, SPAN("0\x03not"), 0644);
    assert_refused(s, KEYS_TRUST, "is refused: a certificate is not well-formed; remove it");
}

static void two_certificates_where_one_is_meant_are_refused(void **state)
{
    struct site *s = *state;
    struct writer w = writer_over(pem_room, sizeof pem_room);
    pem_write(&w, PEM_CERTIFICATE, s->server.certificate->der);
    pem_write(&w, PEM_CERTIFICATE, s->authority.certificate->der);
    write_file(s->certificate, writer_span(&w), 0644);
    assert_refused(s, KEYS_CERTIFICATE, "does not hold one certificate");
}

static void a_certificate_of_another_key_or_name_is_refused(void **state)
{
    struct site *s = *state;
    write_key(s->key, s->reader.key);
    assert_refused(s, KEYS_PRIVATE_KEY, "it is not the key of keys.certificate");
    write_key(s->key, s->server.key);
    s->config.name[0] = SPAN("proxy2.home.example");
    assert_refused(s, KEYS_CERTIFICATE, "names none of server.names");
}

static void a_former_key_must_fit_and_may_have_expired(void **state)
{
    struct site *s = *state;
    char certificate[PATH_MAX], key[PATH_MAX];
    struct identity old = pki_issue(&s->authority, &(struct issue_terms){ISSUE_HOST, ISSUE_SEAL,
                                                                         SPAN("proxy1.home.example"), PKI_FROM,
                                                                         PKI_FROM + 1});
    set_path(s, certificate, "old.pem");
    set_path(s, key, "old.key");
    write_pem(certificate, PEM_CERTIFICATE, old.certificate->der, 0644);
    write_key(key, old.key);
    s->config.former_key[0] = (struct former_key_paths){certificate, key};
    s->config.former_key_count = 1;
    assert_true(check(s, PKI_NOW));
    assert_int_equal(s->warnings, 2); /* of those that expire soon, and none of the one that has */
    struct span locked = span_of(s->keys.secret.at, s->keys.secret.len);
    assert_true(span_within(s->keys.former[0].private_key, locked));
    assert_false(span_equal(s->keys.former[0].private_key, s->keys.private_key));
    assert_int_equal(span_find_span(locked, SPAN("PRIVATE KEY")), locked.len);
    s->config.former_key[0].private_key = s->key;
    assert_refused(s, KEYS_FORMER_PRIVATE_KEY, "it is not the key of keys.former.certificate");
    identity_clear(&old);
}

static void a_reader_that_nothing_may_be_sealed_to_is_refused(void **state)
{
    struct site *s = *state;
    struct identity signer = pki_issue(
        &s->authority, &(struct issue_terms){ISSUE_USER, ISSUE_SIGN, SPAN("sip:a@home.example"), PKI_FROM, PKI_UNTIL});
    write_pem(s->auditor, PEM_CERTIFICATE, signer.certificate->der, 0644);
    assert_refused(s, KEYS_READER, "its key usage does not allow sealing");
    identity_clear(&signer);
}

static void dates_and_foreign_authorities_are_warnings(void **state)
{
    struct site *s = *state;
    assert_true(check(s, PKI_UNTIL + 1));
    assert_non_null(strstr(s->heard, "the certificate has expired; replace it"));
    assert_int_equal(s->warnings, 2); /* the server's and the reader's */
    assert_true(check(s, PKI_FROM - 1));
    assert_non_null(strstr(s->heard, "the certificate is not valid yet"));
    assert_true(check(s, PKI_UNTIL - 60));
    assert_non_null(strstr(s->heard, "the certificate expires within 14 days"));
    struct identity stranger = pki_authority("Stranger");
    write_pem(s->trust, PEM_CERTIFICATE, stranger.certificate->der, 0644);
    assert_true(check(s, PKI_NOW));
    assert_non_null(strstr(s->heard, "the certificate does not chain to a trusted authority"));
    identity_clear(&stranger);
}

static void a_secret_is_for_its_owner_alone(void **state)
{
    struct site *s = *state;
    for (mode_t bit = 1; bit < 0100; bit = (mode_t)(bit << 1)) {
        assert_int_equal(chmod(s->key, 0600 | bit), 0);
        assert_refused(s, KEYS_PRIVATE_KEY, "others than its owner have rights");
    }
    assert_int_equal(chmod(s->key, 0600), 0);
    char link[PATH_MAX];
    set_path(s, link, "fifo");
    assert_int_equal(mkfifo(link, 0600), 0);
    s->config.private_key_path = link;
    assert_refused(s, KEYS_PRIVATE_KEY, "is not a regular file"); /* and does not wait for a writer */
}

static bool try_keys(struct site *s, int64_t now)
{
    const struct keys_listener listener = {hear, s};
    s->faults = s->warnings = 0;
    *s->heard = '\0';
    return keys_try(&s->config, now, &listener);
}

static void keys_that_are_tried_in_a_process_of_their_own_are_judged_alike(void **state)
{
    struct site *s = *state;
    char heard[sizeof s->heard];
    assert_true(check(s, PKI_UNTIL + 1));
    memcpy(heard, s->heard, sizeof heard);
    assert_true(try_keys(s, PKI_UNTIL + 1));
    assert_string_equal(s->heard, heard);
    assert_int_equal(s->warnings, 2);
    s->config.archive_reader_path[1] = "/nonexistent/reader.pem";
    s->config.archive_reader_count = 2;
    s->config.name[0] = SPAN("proxy2.home.example");
    assert_false(try_keys(s, PKI_NOW));
    assert_int_equal(s->faults, 1);
    assert_int_equal(s->setting, KEYS_READER);
    assert_non_null(strstr(s->heard, "[1]: there is no file /nonexistent/reader.pem"));
    s->config.archive_reader_count = 1;
    assert_false(try_keys(s, PKI_NOW));
    assert_int_equal(s->setting, KEYS_CERTIFICATE);
}

static void without_keys_nothing_is_loaded(void **state)
{
    struct site *s = *state;
    s->config.certificate_path = s->config.private_key_path = s->config.trust_path = NULL;
    assert_true(check(s, PKI_NOW));
    assert_int_equal(s->keys.private_key.len, 0);
}

/* --- keys for TLS --- */

/* A certificate and key for TLS in files of their own, which the configuration names. */
static void give_tls(struct site *s, const char *name, char certificate[PATH_MAX], char key[PATH_MAX])
{
    struct identity tls = pki_issue(
        &s->authority, &(struct issue_terms){ISSUE_TLS, ISSUE_SIGN, span_text(name), PKI_FROM, PKI_UNTIL});
    set_path(s, certificate, "tls.pem");
    set_path(s, key, "tls.key");
    write_pem(certificate, PEM_CERTIFICATE, tls.certificate->der, 0644);
    write_key(key, tls.key);
    s->config.tls_certificate_path = certificate;
    s->config.tls_private_key_path = key;
    s->config.tls_trust_path = s->trust;
    identity_clear(&tls);
}

static void keys_for_tls_are_loaded_apart_from_those_for_messages(void **state)
{
    struct site *s = *state;
    char certificate[PATH_MAX], key[PATH_MAX];
    give_tls(s, "proxy1.home.example", certificate, key);
    assert_true(check(s, PKI_NOW));
    assert_int_equal(s->keys.tls_certificate_count, 1);
    assert_int_equal(s->keys.tls_anchor_count, 1);
    assert_true(s->keys.tls_private_key.len > 0 && s->keys.private_key.len > 0);
    assert_true(s->keys.tls_private_key.at >= s->keys.tls_secret.at &&
                s->keys.tls_private_key.at < s->keys.tls_secret.at + s->keys.tls_secret.len);
    s->config.certificate_path = s->config.private_key_path = s->config.trust_path = NULL;
    assert_true(check(s, PKI_NOW)); /* and without those */
    assert_int_equal(s->keys.private_key.len, 0);
    assert_int_equal(s->keys.tls_certificate_count, 1);
    assert_true(try_keys(s, PKI_NOW));
}

static void a_key_for_tls_is_none_that_opens_or_signs_messages(void **state)
{
    struct site *s = *state;
    char certificate[PATH_MAX], key[PATH_MAX];
    give_tls(s, "proxy1.home.example", certificate, key);
    /* The same key in another certificate, which is for TLS alone. */
    struct arena arena;
    assert_true(arena_open(&arena, 64 * 1024));
    const char *const extensions[] = {"subjectAltName=DNS:proxy1.home.example",
                                      "extendedKeyUsage=serverAuth,clientAuth", NULL};
    EVP_PKEY_up_ref(s->server.key);
    struct span der =
        pki_odd(&arena, &(struct pki_odd){"x", extensions, s->server.key, &s->authority, NULL, 0, 0}, NULL);
    write_pem(certificate, PEM_CERTIFICATE, der, 0644);
    write_key(key, s->server.key);
    arena_close(&arena);
    EVP_PKEY_free(s->server.key);
    assert_refused(s, KEYS_TLS_CERTIFICATE, "its key is that of keys.certificate");
    assert_false(try_keys(s, PKI_NOW));
    assert_int_equal(s->setting, KEYS_TLS_CERTIFICATE);
}

static void a_certificate_for_tls_needs_its_key_a_domain_and_its_usages(void **state)
{
    struct site *s = *state;
    char certificate[PATH_MAX], key[PATH_MAX];
    give_tls(s, "other.example", certificate, key);
    assert_true(check(s, PKI_NOW));
    assert_non_null(strstr(s->heard, "it names neither one of server.names nor a domain")); /* a warning */
    write_key(key, s->reader.key);
    assert_refused(s, KEYS_TLS_PRIVATE_KEY, "it is not the key of tls.certificate");
    give_tls(s, "sip:alice@home.example", certificate, key);
    assert_refused(s, KEYS_TLS_CERTIFICATE, "its subjectAltName has no domain");
    write_pem(certificate, PEM_CERTIFICATE, s->reader.certificate->der, 0644);
    write_key(key, s->reader.key);
    assert_false(check(s, PKI_NOW));
    assert_non_null(strstr(s->heard, "its extended key usage does not allow both ends of TLS"));
    assert_int_equal(chmod(key, 0644), 0);
    assert_refused(s, KEYS_TLS_PRIVATE_KEY, "");
}

static void who_signs_policy_objects_is_the_domain_or_the_server(void **state)
{
    struct site *s = *state;
    char certificate[PATH_MAX], key[PATH_MAX];
    s->config.policy_object = (struct policy_object_settings){.domain = SPAN("home.example"), .expires_in = 3600};
    assert_true(check(s, PKI_NOW)); /* keys.certificate, which names the server */
    assert_int_equal(s->keys.policy_object_certificate.len, 0);

    struct identity domain = pki_host(&s->authority, "home.example"), other = pki_host(&s->authority, "far.example");
    set_path(s, certificate, "domain.pem");
    set_path(s, key, "domain.key");
    s->config.policy_object.certificate_path = certificate;
    s->config.policy_object.private_key_path = key;
    write_pem(certificate, PEM_CERTIFICATE, domain.certificate->der, 0644);
    write_key(key, domain.key);
    assert_true(check(s, PKI_NOW));
    assert_span_equal(s->keys.policy_object_certificate, domain.certificate->der);
    write_key(key, other.key);
    assert_refused(s, KEYS_POLICY_OBJECT_PRIVATE_KEY, "it is not the key of policy_object.certificate");
    write_pem(certificate, PEM_CERTIFICATE, other.certificate->der, 0644);
    assert_refused(s, KEYS_POLICY_OBJECT_CERTIFICATE, "must be named as policy_object.domain");
    identity_clear(&domain);
    identity_clear(&other);
    domain = pki_issue(&s->authority, &(struct issue_terms){ISSUE_HOST, ISSUE_SEAL, SPAN("home.example"), PKI_FROM,
                                                            PKI_UNTIL});
    write_pem(certificate, PEM_CERTIFICATE, domain.certificate->der, 0644);
    write_key(key, domain.key);
    assert_refused(s, KEYS_POLICY_OBJECT_CERTIFICATE, "who signs policy objects: the certificate may not be used");
    identity_clear(&domain);
}

int main(void)
{
#define SITE_TEST(test) cmocka_unit_test_setup_teardown(test, make_site, clear_site)
    const struct CMUnitTest tests[] = {
        SITE_TEST(what_the_configuration_names_is_loaded),
        SITE_TEST(who_signs_policy_objects_is_the_domain_or_the_server),
        SITE_TEST(the_private_key_lies_in_locked_memory_alone),
        SITE_TEST(trust_is_a_folder_of_certificates_and_lists_too),
        SITE_TEST(a_revocation_list_that_no_message_can_carry_is_refused),
        SITE_TEST(anchors_that_are_no_certificates_are_refused),
        SITE_TEST(two_certificates_where_one_is_meant_are_refused),
        SITE_TEST(a_certificate_of_another_key_or_name_is_refused),
        SITE_TEST(a_former_key_must_fit_and_may_have_expired),
        SITE_TEST(a_reader_that_nothing_may_be_sealed_to_is_refused),
        SITE_TEST(dates_and_foreign_authorities_are_warnings),
        SITE_TEST(a_secret_is_for_its_owner_alone),
        SITE_TEST(keys_that_are_tried_in_a_process_of_their_own_are_judged_alike),
        SITE_TEST(without_keys_nothing_is_loaded),
        SITE_TEST(keys_for_tls_are_loaded_apart_from_those_for_messages),
        SITE_TEST(a_key_for_tls_is_none_that_opens_or_signs_messages),
        SITE_TEST(a_certificate_for_tls_needs_its_key_a_domain_and_its_usages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
