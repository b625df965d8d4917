#include "test.h"

#include "sipseal/sip_message.h"
#include "ua/policy_trust.h"

#define PROXY1 "proxy1.home.example"

/* An object of `domain` about `host` that requires both of every MESSAGE, as it was accepted. */
static struct policy_object_accepted object_of(const char *domain, const char *host, bool by_domain)
{
    return (struct policy_object_accepted){
        .object = {.domain = span_text(domain),
                   .proxy = {{.host = span_text(host), .seal_to = {SPAN("a certificate")}, .seal_to_count = 1}},
                   .proxy_count = 1,
                   .rule = {{.rule = {.require = LABEL_VIEW | LABEL_VERIFY, .mode = POLICY_ENFORCE}}},
                   .rule_count = 1},
        .by_domain = by_domain,
    };
}

static const struct message_context context = {
    .method = SPAN_INIT("MESSAGE"), .from_uri = SPAN_INIT("sip:alice@home.example"),
    .to_uri = SPAN_INIT("sip:bob@far.example")};
static const struct policy_object_question question = {.context = &context, .sealed = true};
static const struct policy_parties parties = {
    .own_domain = SPAN_INIT("home.example"), .recipient_domain = SPAN_INIT("far.example"),
    .outbound = SPAN_INIT("edge.hotel.example")};

static struct policy_trust trust_of(const char *text)
{
    struct policy_trust trust = {0};
    struct span bad;
    assert_true(policy_trust_read(span_text(text), &trust, &bad));
    return trust;
}

static struct policy_step step_of(const char *text, const struct policy_object_accepted *accepted, const char *host,
                                  unsigned given, unsigned rounds)
{
    const struct policy_trust trust = trust_of(text);
    const struct policy_step_terms terms = {.trust = &trust, .parties = &parties, .accepted = accepted,
                                            .question = &question, .host = span_text(host), .given = given,
                                            .rounds = rounds};
    return policy_step_of(&terms);
}

static void by_default_the_own_domain_s_proxies_are_granted_all_and_nobody_else_anything(void **state)
{
    (void)state;
    const struct policy_trust trust = policy_trust_default();
    const struct policy_object_accepted own = object_of("home.example", PROXY1, true),
                                        far = object_of("far.example", "proxy.far.example", true),
                                        edge = object_of("hotel.example", "edge.hotel.example", true);
    assert_int_equal(policy_trust_granted(&trust, &parties, &own, SPAN(PROXY1)), LABEL_VIEW | LABEL_VERIFY);
    assert_int_equal(policy_trust_granted(&trust, &parties, &far, SPAN("proxy.far.example")), 0);
    assert_int_equal(policy_trust_granted(&trust, &parties, &edge, SPAN("edge.hotel.example")), 0);
}

static void who_is_granted_what_follows_this_table(void **state)
{
    (void)state;
    const struct {
        const char *trust, *domain, *host;
        bool by_domain;
        enum policy_step_kind kind;
    } table[] = {
        {"own", "home.example", PROXY1, true, POLICY_STEP_GIVE},
        {"own", "HOME.example", PROXY1, true, POLICY_STEP_GIVE},
        {"own", "home.example", PROXY1, false, POLICY_STEP_ASK}, /* a proxy's own word of its domain */
        {"own", "evil.home.example", PROXY1, true, POLICY_STEP_ASK},
        {"own", "far.example", "proxy.far.example", true, POLICY_STEP_ASK},
        {"own none", "far.example", "proxy.far.example", true, POLICY_STEP_STOP},
        {"", "home.example", PROXY1, true, POLICY_STEP_ASK},
        {"none", "home.example", PROXY1, true, POLICY_STEP_STOP},
        {"recipient", "far.example", "proxy.far.example", true, POLICY_STEP_GIVE},
        {"recipient", "far.example", "proxy.far.example", false, POLICY_STEP_ASK},
        {"recipient", "home.example", PROXY1, true, POLICY_STEP_ASK},
        {"outbound", "hotel.example", "edge.hotel.example", false, POLICY_STEP_GIVE},
        {"outbound", "hotel.example", "other.hotel.example", true, POLICY_STEP_ASK},
        {"proxy.far.example", "far.example", "proxy.far.example", false, POLICY_STEP_GIVE},
        {"proxy.far.example", "far.example", "proxy2.far.example", true, POLICY_STEP_ASK},
        {"far.example", "far.example", "proxy.far.example", true, POLICY_STEP_ASK}, /* a host is no domain */
        {"own=verify", "home.example", PROXY1, true, POLICY_STEP_ASK},              /* more than granted */
        {"own=verify own=view", "home.example", PROXY1, true, POLICY_STEP_GIVE},
        {"own=view+verify", "home.example", PROXY1, true, POLICY_STEP_GIVE},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct policy_object_accepted accepted = object_of(table[i].domain, table[i].host, table[i].by_domain);
        struct policy_step step = step_of(table[i].trust, &accepted, table[i].host, 0, 0);
        if (step.kind != table[i].kind)
            print_error("row %zu\n", i);
        assert_int_equal(step.kind, table[i].kind);
        assert_rule(step.broken, step.kind == POLICY_STEP_GIVE ? RULE_OK : RULE_POLICY_OBJECT_NOT_GRANTED);
    }
}

static void no_more_is_given_than_asked(void **state)
{
    (void)state;
    struct policy_object_accepted accepted = object_of("home.example", PROXY1, true);
    accepted.object.rule[0].rule.require = LABEL_VERIFY;
    struct policy_step step = step_of("own", &accepted, PROXY1, 0, 0);
    assert_int_equal(step.kind, POLICY_STEP_GIVE);
    assert_int_equal(step.actions, LABEL_VERIFY);
}

static void who_asks_again_for_what_it_has_gets_nothing_more(void **state)
{
    (void)state;
    const struct policy_object_accepted accepted = object_of("home.example", PROXY1, true);
    assert_int_equal(step_of("own", &accepted, PROXY1, LABEL_VERIFY, 0).kind, POLICY_STEP_GIVE);
    assert_rule(step_of("own", &accepted, PROXY1, LABEL_VIEW | LABEL_VERIFY, 0).broken, RULE_POLICY_OBJECT_ROUNDS);
}

static void the_rounds_are_bounded(void **state)
{
    (void)state;
    const struct policy_object_accepted accepted = object_of("home.example", PROXY1, true);
    assert_int_equal(step_of("own", &accepted, PROXY1, 0, POLICY_ROUNDS_MAX - 1).kind, POLICY_STEP_GIVE);
    assert_rule(step_of("own", &accepted, PROXY1, 0, POLICY_ROUNDS_MAX).broken, RULE_POLICY_OBJECT_ROUNDS);
}

static void who_wants_to_view_and_gives_no_certificate_gets_nothing(void **state)
{
    (void)state;
    struct policy_object_accepted accepted = object_of("home.example", PROXY1, true);
    accepted.object.proxy[0].seal_to_count = 0;
    assert_rule(step_of("own", &accepted, PROXY1, 0, 0).broken, RULE_POLICY_OBJECT_UNUSABLE);
}

static void a_proxy_that_is_not_in_the_object_gets_nothing(void **state)
{
    (void)state;
    const struct policy_object_accepted accepted = object_of("home.example", PROXY1, true);
    assert_rule(step_of("own proxy9.home.example", &accepted, "proxy9.home.example", 0, 0).broken,
                RULE_POLICY_OBJECT_HOST);
    const struct policy_trust trust = trust_of("proxy9.home.example own");
    assert_int_equal(policy_trust_granted(&trust, &parties, &accepted, SPAN("proxy9.home.example")), 0);
}

static void trust_that_cannot_be_read_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"own=keep", "own=", "bob@far.example", "a_b", "own,=view", "-x"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct policy_trust trust = {0};
        struct span bad = {0};
        assert_false(policy_trust_read(span_text(texts[i]), &trust, &bad));
        assert_true(bad.len > 0);
    }
}

static void the_object_is_taken_from_a_response_that_has_one(void **state)
{
    (void)state;
#define RESPONSE                                                                                                       \
    "SIP/2.0 496 Proxy Undecipherable\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"             \
    "To: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n"
    static const struct {
        const char *text;
        enum rule rule;
    } table[] = {
        {RESPONSE "Content-Type: application/pkcs7-mime;smime-type=signed-data;name=\"smime.p7m\"\r\n"
                  "Content-Length: 3\r\n\r\nder",
         RULE_OK},
        {RESPONSE "Content-Length: 0\r\n\r\n", RULE_POLICY_OBJECT_ABSENT},
        {RESPONSE "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nder", RULE_POLICY_OBJECT_ABSENT},
        {RESPONSE "Content-Type: application/pkcs7-mime\r\nContent-Length: 3\r\n\r\nder", RULE_POLICY_OBJECT_ABSENT},
        {RESPONSE "Content-Length: 3\r\n\r\nder", RULE_POLICY_OBJECT_SYNTAX},
    };
    struct arena arena;
    assert_true(arena_open(&arena, 4096));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        static struct sip_message m;
        struct span der;
        assert_rule(sip_message_parse(span_text(table[i].text), SIP_STREAM, &m), RULE_OK);
        assert_rule(policy_object_of_response(&m, &arena, &der), table[i].rule);
        if (table[i].rule == RULE_OK)
            assert_span_text(der, "der");
    }
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default_the_own_domain_s_proxies_are_granted_all_and_nobody_else_anything),
        cmocka_unit_test(who_is_granted_what_follows_this_table),
        cmocka_unit_test(no_more_is_given_than_asked),
        cmocka_unit_test(who_asks_again_for_what_it_has_gets_nothing_more),
        cmocka_unit_test(the_rounds_are_bounded),
        cmocka_unit_test(who_wants_to_view_and_gives_no_certificate_gets_nothing),
        cmocka_unit_test(a_proxy_that_is_not_in_the_object_gets_nothing),
        cmocka_unit_test(trust_that_cannot_be_read_is_refused),
        cmocka_unit_test(the_object_is_taken_from_a_response_that_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
