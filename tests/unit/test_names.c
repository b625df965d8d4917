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

/* --- SIP domain identities --- */

/* The domains, each followed by a space. */
static const char *domains(const char *names)
{
    static char text[512];
    struct span domain[CERTIFICATE_NAMES_MAX];
    struct certificate *c = named(names);
    size_t count = certificate_sip_domains(c, domain), len = 0;
    text[0] = 0;
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s ", SPAN_ARGS(domain[i]));
    certificate_release(c);
    return text;
}

static bool is_domain(const char *names, const char *host)
{
    struct certificate *c = named(names);
    bool yes = certificate_is_sip_domain(c, span_text(host));
    certificate_release(c);
    return yes;
}

/* RFC 5922 7.1: "If the scheme of the URI is not "sip", then the implementation MUST NOT accept the value"; one with a user
 * neither; dNSNames "if and only if no other identity is found that matches the "sip" URI type". */
static void a_domain_is_a_sip_uri_without_user_or_else_a_dns_name(void **state)
{
    (void)state;
    assert_string_equal(domains("DNS:a.example,DNS:b.example"), "a.example b.example ");
    assert_string_equal(domains("URI:sip:a.example"), "a.example ");
    assert_string_equal(domains("URI:SIP:a.example;transport=tls,URI:sip:b.example:5061"), "a.example b.example ");
    assert_string_equal(domains("DNS:b.example,URI:sip:a.example"), "a.example "); /* the URI alone counts */
    assert_string_equal(domains("URI:sip:bob@a.example,DNS:b.example"), "b.example ");
    assert_string_equal(domains("URI:sip:bob@a.example"), "");
    assert_string_equal(domains("URI:sip:@a.example"), "");
    assert_string_equal(domains("URI:sips:a.example,URI:https://b.example,email:x@c.example,IP:192.0.2.1"), "");
    assert_string_equal(domains("URI:sips:a.example,DNS:b.example"), "b.example ");
}

/* RFC 5922 7.2: "Implementations MUST match the values in their entirety", case-insensitively. */
static void domains_compare_whole_and_without_case_or_wildcards(void **state)
{
    (void)state;
    assert_true(is_domain("DNS:Far.Example", "fAR.example"));
    assert_true(is_domain("URI:sip:far.example:5070;x=y", "far.example")); /* no port, no parameters */
    assert_false(is_domain("DNS:example.com", "foo.example.com"));
    assert_false(is_domain("DNS:foo.example.com", "example.com"));
    assert_false(is_domain("DNS:*.example.com", "foo.example.com"));
    assert_true(is_domain("DNS:*.example.com", "*.example.com")); /* only itself */
    assert_false(is_domain("DNS:.example.com", "foo.example.com"));
    assert_false(is_domain("DNS:far.example,URI:sip:home.example", "far.example"));
    assert_false(is_domain("DNS:far.example", ""));
}

/* The common name MAY count where there is no subjectAltName (7.1); here it never does. */
static void the_common_name_is_no_domain(void **state)
{
    (void)state;
    struct certificate *c;
    struct span domain[CERTIFICATE_NAMES_MAX];
    struct span der = pki_odd(&arena, &(struct pki_odd){.subject = "far.example"}, NULL);
    assert_rule(certificate_parse(der, &c), RULE_OK);
    assert_int_equal(certificate_sip_domains(c, domain), 0);
    assert_false(certificate_is_sip_domain(c, SPAN("far.example")));
    certificate_release(c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(a_user_is_named_by_a_uri_that_is_the_same_address_of_record),
        TEST(a_host_is_named_by_a_dns_name_or_by_a_sip_uri_without_user),
        TEST(hosts_compare_whole_without_suffixes_or_wildcards),
        TEST(a_domain_is_a_sip_uri_without_user_or_else_a_dns_name),
        TEST(domains_compare_whole_and_without_case_or_wildcards),
        TEST(the_common_name_is_no_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
