/* Whom a certificate names. protocol.md 2.1 item 3, 2.2; RFC 5922 7. */
#include "test.h"

#include "pki.h"

static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    return arena_open(&arena, 64 * 1024) ? 0 : -1;
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

/* A certificate with these subjectAltNames, in OpenSSL's syntax. */
static struct certificate *named(const char *names)
{
    char text[512];
    struct certificate *c;
    snprintf(text, sizeof text, "subjectAltName=%s", names);
    const char *const extensions[] = {text, NULL};
    struct span der = pki_odd(&arena, &(struct pki_odd){.subject = "x", .extensions = extensions}, NULL);
    assert_rule(certificate_parse(der, &c), RULE_OK);
    return c;
}

static bool names_aor(const char *names, const char *uri)
{
    struct certificate *c = named(names);
    bool yes = certificate_names_aor(c, span_text(uri));
    certificate_release(c);
    return yes;
}

static bool names_host(const char *names, const char *host)
{
    struct certificate *c = named(names);
    bool yes = certificate_names_host(c, span_text(host));
    certificate_release(c);
    return yes;
}

static void a_user_is_named_by_a_uri_that_is_the_same_address_of_record(void **state)
{
    (void)state;
    assert_true(names_aor("URI:sip:alice@home.example", "sip:alice@home.example"));
    assert_true(names_aor("URI:sip:alice@home.example", "sips:alice@HOME.example;transport=tls"));
    assert_true(names_aor("URI:sip:%61lice@home.example:5070", "sip:alice@home.example"));
    assert_true(names_aor("DNS:home.example,URI:https://home.example,URI:sips:alice@home.example",
                          "sip:alice@home.example"));
    assert_false(names_aor("URI:sip:alice@home.example", "sip:Alice@home.example")); /* users compare exactly */
    assert_false(names_aor("URI:sip:alice@home.example", "sip:alice@sub.home.example"));
    assert_false(names_aor("URI:sip:home.example", "sip:alice@home.example"));
    assert_false(names_aor("DNS:home.example", "sip:home.example"));
    assert_false(names_aor("DNS:sip:alice@home.example", "sip:alice@home.example")); /* a URI names users, no DNS name */
    assert_false(names_aor("email:alice@home.example", "sip:alice@home.example"));
    assert_false(names_aor("URI:https://alice@home.example", "sip:alice@home.example"));
    assert_false(names_aor("URI:sip:alice@home.example", ""));
}

static void a_host_is_named_by_a_dns_name_or_by_a_sip_uri_without_user(void **state)
{
    (void)state;
    assert_true(names_host("DNS:proxy1.home.example", "Proxy1.Home.Example"));
    assert_true(names_host("URI:sip:home.example", "home.example"));
    assert_true(names_host("URI:sip:alice@home.example,DNS:home.example", "home.example"));
    assert_false(names_host("URI:sip:alice@home.example", "home.example")); /* RFC 5922 7.1: that is a user */
    assert_false(names_host("URI:sips:home.example", "home.example"));      /* RFC 5922 7.1: sip: alone */
    assert_false(names_host("URI:https://home.example", "home.example"));
    assert_false(names_host("email:a@home.example", "home.example"));
    assert_false(names_host("DNS:home.example", ""));
}

/* RFC 5922 7.2. */
static void hosts_compare_whole_without_suffixes_or_wildcards(void **state)
{
    (void)state;
    assert_false(names_host("DNS:home.example", "proxy1.home.example"));
    assert_false(names_host("DNS:proxy1.home.example", "home.example"));
    assert_false(names_host("DNS:*.home.example", "proxy1.home.example"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(a_user_is_named_by_a_uri_that_is_the_same_address_of_record),
        TEST(a_host_is_named_by_a_dns_name_or_by_a_sip_uri_without_user),
        TEST(hosts_compare_whole_without_suffixes_or_wildcards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
