#include "test.h"

#include <stdlib.h>

#include "pki.h"
#include "sipseal/cms.h"
#include "sipseal/mime.h"
#include "sipseal/policy_object.h"

#define HOME "home.example"
#define PROXY1 "proxy1.home.example"
#define PROXY2 "proxy2.home.example"

struct fixture {
    struct arena arena;
    struct identity authority, domain, proxy1, proxy2, far, mallory_ca, mallory, alice;
    struct trust *trust;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    assert_true(arena_open(&f.arena, 8 * POLICY_OBJECT_ARENA));
    f.authority = pki_authority("Test CA");
    f.mallory_ca = pki_authority("Mallory CA");
    f.domain = pki_host(&f.authority, HOME);
    f.proxy1 = pki_host(&f.authority, PROXY1);
    f.proxy2 = pki_host(&f.authority, PROXY2);
    f.far = pki_host(&f.authority, "far.example");
    f.alice = pki_user(&f.authority, "sip:alice@home.example");
    f.mallory = pki_host(&f.mallory_ca, HOME);
    f.trust = pki_trust(&f.authority);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    struct identity *const all[] = {&f->authority, &f->domain, &f->proxy1,  &f->proxy2,
                                    &f->far,       &f->alice,  &f->mallory, &f->mallory_ca};
    trust_free(f->trust);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        identity_clear(all[i]);
    arena_close(&f->arena);
    return 0;
}

/* --- an object: of home.example, about proxy1, that archives text --- */

static struct policy_object object_about(const struct identity *proxy, const char *host)
{
    return (struct policy_object){
        .domain = SPAN(HOME),
        .issued = PKI_NOW,
        .expires_in = 3600,
        .proxy = {{.host = span_text(host), .seal_to = {proxy->certificate->der}, .seal_to_count = 1}},
        .proxy_count = 1,
        .rule = {{.rule = {.method = {SPAN("MESSAGE")}, .method_count = 1, .direction = POLICY_FROM_DOMAIN,
                           .content = {SPAN("text/*")}, .content_count = 1, .require = LABEL_VIEW | LABEL_VERIFY,
                           .mode = POLICY_ENFORCE},
                  .purpose = SPAN("message archive")}},
        .rule_count = 1,
        .bytes = 65536,
        .parts = 32,
        .depth = 6,
    };
}

static struct span written(struct fixture *f, const struct policy_object *object)
{
    struct writer w = arena_writer(&f->arena, POLICY_OBJECT_BYTES_MAX);
    assert_true(policy_object_write(&w, object));
    return writer_span(&w);
}

static enum rule read_text(struct fixture *f, const char *json)
{
    static struct policy_object out;
    return policy_object_read(span_text(json), &f->arena, &out);
}

/* --- JSON --- */

static void what_is_written_is_read_to_the_same(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy1, PROXY1), again;
    object.rule[0].present = true;
    object.rule[0].rule.plain = POLICY_PLAIN_REFUSE;
    object.proxy[0].cek_reuse = true;
    struct span json = written(f, &object);
    assert_rule(policy_object_read(json, &f->arena, &again), RULE_OK);
    assert_span_text(again.domain, HOME);
    assert_int_equal(again.issued, PKI_NOW);
    assert_int_equal(again.expires_in, 3600);
    assert_int_equal(again.proxy_count, 1);
    assert_span_text(again.proxy[0].host, PROXY1);
    assert_true(again.proxy[0].cek_reuse);
    assert_span_equal(again.proxy[0].seal_to[0], f->proxy1.certificate->der);
    const struct policy_object_rule *rule = &again.rule[0];
    assert_int_equal(again.rule_count, 1);
    assert_true(rule->present);
    assert_span_text(rule->purpose, "message archive");
    assert_int_equal(rule->rule.require, LABEL_VIEW | LABEL_VERIFY);
    assert_int_equal(rule->rule.direction, POLICY_FROM_DOMAIN);
    assert_int_equal(rule->rule.plain, POLICY_PLAIN_REFUSE);
    assert_int_equal(rule->rule.mode, POLICY_ENFORCE);
    assert_span_text(rule->rule.method[0], "MESSAGE");
    assert_span_text(rule->rule.content[0], "text/*");
    assert_true(again.bytes == 65536 && again.parts == 32 && again.depth == 6);
    assert_span_equal(written(f, &again), json);
}

#define HEAD "{\"version\":1,\"domain\":\"home.example\",\"issued\":\"2026-11-23T13:00:00Z\",\"expires_in\":3600,"
#define PROXIES "\"proxies\":[{\"host\":\"proxy1.home.example\",\"seal_to\":[]}],"
#define RULE(members) HEAD PROXIES "\"rules\":[{" members "\"require\":[\"view\"]}]}"

static void json_is_judged_by_this_table(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *json;
        enum rule rule;
    } table[] = {
        {RULE(""), RULE_OK},
        {RULE("\"direction\":\"both\",\"methods\":[\"MESSAGE\"],\"later\":{\"a\":[1,2]},"), RULE_OK},
        {"", RULE_POLICY_OBJECT_SYNTAX},
        {"[]", RULE_POLICY_OBJECT_SYNTAX},
        {"{}", RULE_POLICY_OBJECT_SYNTAX},
        {HEAD PROXIES "\"rules\":[]} x", RULE_POLICY_OBJECT_SYNTAX},
        {HEAD PROXIES "\"rules\":[],\"rules\":[]}", RULE_POLICY_OBJECT_SYNTAX}, /* a key stands twice */
        {RULE("\"direction\":\"both\",\"direction\":\"to-domain\","), RULE_POLICY_OBJECT_SYNTAX},
        {"{\"version\":2}", RULE_POLICY_OBJECT_UNUSABLE},
        {"{\"version\":\"1\"}", RULE_POLICY_OBJECT_SYNTAX},
        {RULE("\"direction\":\"sideways\","), RULE_POLICY_OBJECT_UNUSABLE},
        {RULE("\"plain\":\"maybe\","), RULE_POLICY_OBJECT_UNUSABLE},
        {HEAD PROXIES "\"rules\":[{\"require\":[\"view\",\"keep\"]}]}", RULE_POLICY_OBJECT_UNUSABLE},
        {HEAD PROXIES "\"rules\":[{}]}", RULE_POLICY_OBJECT_SYNTAX},
        {HEAD PROXIES "\"rules\":[7]}", RULE_POLICY_OBJECT_SYNTAX},
        {RULE("\"methods\":[],"), RULE_POLICY_OBJECT_SYNTAX},
        {RULE("\"methods\":[\"MESS AGE\"],"), RULE_POLICY_OBJECT_SYNTAX},
        {RULE("\"present\":1,"), RULE_POLICY_OBJECT_SYNTAX},
        {RULE("\"methods\":[\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\","
              "\"A\",\"A\"],"),
         RULE_POLICY_OBJECT_LIMIT},
        {HEAD "\"proxies\":[],\"rules\":[]}", RULE_POLICY_OBJECT_SYNTAX},
        {HEAD "\"proxies\":[{\"host\":\"..\",\"seal_to\":[]}],\"rules\":[]}", RULE_POLICY_OBJECT_SYNTAX},
        {HEAD "\"proxies\":[{\"host\":\"a/b\",\"seal_to\":[]}],\"rules\":[]}", RULE_POLICY_OBJECT_SYNTAX},
        {HEAD "\"proxies\":[{\"host\":\"a\",\"seal_to\":[\"!\"]}],\"rules\":[]}", RULE_POLICY_OBJECT_SYNTAX},
        {HEAD "\"proxies\":[{\"host\":\"a\",\"seal_to\":[]},{\"host\":\"A\",\"seal_to\":[]}],\"rules\":[]}",
         RULE_POLICY_OBJECT_SYNTAX},
        {HEAD "\"proxies\":[{\"host\":\"a\\u0000b\",\"seal_to\":[]}],\"rules\":[]}", RULE_POLICY_OBJECT_SYNTAX},
        {"{\"version\":1,\"domain\":\"home.example\",\"issued\":\"2026-11-23\",\"expires_in\":3600," PROXIES
         "\"rules\":[]}",
         RULE_POLICY_OBJECT_SYNTAX},
        {"{\"version\":1,\"domain\":\"home.example\",\"issued\":\"2026-11-23T13:00:00Z\",\"expires_in\":-1," PROXIES
         "\"rules\":[]}",
         RULE_POLICY_OBJECT_SYNTAX},
        {HEAD PROXIES "\"rules\":[],\"limits\":{\"bytes\":\"many\"}}", RULE_POLICY_OBJECT_SYNTAX},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (read_text(f, table[i].json) != table[i].rule)
            print_error("row %zu: %s\n", i, table[i].json);
        assert_rule(read_text(f, table[i].json), table[i].rule);
    }
}

static void an_object_that_is_too_large_is_not_even_parsed(void **state)
{
    struct fixture *f = *state;
    static char json[POLICY_OBJECT_BYTES_MAX + 2];
    const char *good = RULE("");
    memset(json, ' ', sizeof json - 1);
    memcpy(json, good, strlen(good));
    assert_rule(read_text(f, json), RULE_POLICY_OBJECT_LIMIT);
    json[POLICY_OBJECT_BYTES_MAX] = 0;
    assert_rule(read_text(f, json), RULE_OK);
}

/* --- signing and accepting --- */

static struct span sign(struct fixture *f, const struct policy_object *object, const struct identity *signer)
{
    struct span der;
    assert_rule(policy_object_sign(object, signer, &f->arena, &der), RULE_OK);
    return der;
}

static struct policy_object_terms terms_at(const struct fixture *f, int64_t now)
{
    return (struct policy_object_terms){.trust = f->trust, .now = now, .host = SPAN(PROXY1)};
}

static enum rule accept(struct fixture *f, struct span der, const struct policy_object_terms *terms)
{
    static struct policy_object_accepted out;
    enum rule rule = policy_object_accept(der, terms, &f->arena, &out);
    if (rule == RULE_OK)
        policy_object_accepted_clear(&out);
    return rule;
}

static enum rule accept_at(struct fixture *f, struct span der, int64_t now)
{
    const struct policy_object_terms terms = terms_at(f, now);
    return accept(f, der, &terms);
}

static void an_object_signed_by_its_domain_is_accepted_and_speaks_for_the_domain(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy1, PROXY1);
    struct policy_object_terms terms = terms_at(f, PKI_NOW + 60);
    struct policy_object_accepted out;
    assert_rule(policy_object_accept(sign(f, &object, &f->domain), &terms, &f->arena, &out), RULE_OK);
    assert_true(out.by_domain);
    assert_span_equal(out.seal_to[0][0]->der, f->proxy1.certificate->der);
    assert_span_equal(out.signer->der, f->domain.certificate->der);
    policy_object_accepted_clear(&out);
}

static void an_object_signed_by_its_one_proxy_is_accepted_and_speaks_for_no_domain(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy1, PROXY1);
    struct policy_object_terms terms = terms_at(f, PKI_NOW + 60);
    struct policy_object_accepted out;
    assert_rule(policy_object_accept(sign(f, &object, &f->proxy1), &terms, &f->arena, &out), RULE_OK);
    assert_false(out.by_domain);
    policy_object_accepted_clear(&out);
}

static void a_forged_object_is_refused(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy1, PROXY1);
    struct span der = sign(f, &object, &f->domain);
    size_t at = span_find_span(der, SPAN("from-domain"));
    assert_true(at < der.len);
    uint8_t *bytes = (uint8_t *)(uintptr_t)der.at;
    bytes[at] ^= 1;
    assert_rule(accept_at(f, der, PKI_NOW), RULE_SIGNATURE_INVALID);
    bytes[at] ^= 1;
    assert_rule(accept_at(f, der, PKI_NOW), RULE_OK);
}

static void an_object_by_a_stranger_s_authority_is_untrusted(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy1, PROXY1);
    assert_rule(accept_at(f, sign(f, &object, &f->mallory), PKI_NOW), RULE_CERT_UNTRUSTED);
}

static void an_object_by_a_revoked_signer_is_refused(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy1, PROXY1);
    struct span der = sign(f, &object, &f->domain), crl;
    struct span serial = certificate_serial(f->domain.certificate);
    assert_rule(issue_crl(&f->arena, &f->authority, &serial, 1, 1, PKI_FROM, PKI_UNTIL, &crl), RULE_OK);
    assert_rule(trust_add_crl(f->trust, crl), RULE_OK);
    assert_rule(accept_at(f, der, PKI_NOW), RULE_CERT_REVOKED);
}

static void an_object_about_a_revoked_proxy_is_refused(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy1, PROXY1);
    struct span der = sign(f, &object, &f->domain), crl;
    struct span serial = certificate_serial(f->proxy1.certificate);
    assert_rule(issue_crl(&f->arena, &f->authority, &serial, 1, 1, PKI_FROM, PKI_UNTIL, &crl), RULE_OK);
    assert_rule(trust_add_crl(f->trust, crl), RULE_OK);
    assert_rule(accept_at(f, der, PKI_NOW), RULE_CERT_REVOKED);
}

static void only_the_domain_or_the_one_proxy_signs(void **state)
{
    struct fixture *f = *state;
    struct policy_object one = object_about(&f->proxy1, PROXY1), two = one;
    two.proxy[two.proxy_count++] = object_about(&f->proxy2, PROXY2).proxy[0];
    const struct {
        const struct policy_object *object;
        const struct identity *signer;
        enum rule rule;
    } table[] = {
        {&one, &f->domain, RULE_OK},
        {&one, &f->proxy1, RULE_OK},
        {&one, &f->proxy2, RULE_POLICY_OBJECT_SIGNER}, /* another proxy of the same domain */
        {&one, &f->far, RULE_POLICY_OBJECT_SIGNER},    /* another domain */
        {&one, &f->alice, RULE_POLICY_OBJECT_SIGNER},  /* a user of the domain */
        {&two, &f->domain, RULE_OK},
        {&two, &f->proxy1, RULE_POLICY_OBJECT_SIGNER}, /* one proxy for another */
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_rule(accept_at(f, sign(f, table[i].object, table[i].signer), PKI_NOW), table[i].rule);
}

static void a_proxy_of_another_domain_that_claims_a_domain_does_not_speak_for_it(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->far, "far.example"); /* its domain says home.example */
    struct policy_object_terms terms = {.trust = f->trust, .now = PKI_NOW};
    struct policy_object_accepted out;
    assert_rule(policy_object_accept(sign(f, &object, &f->far), &terms, &f->arena, &out), RULE_OK);
    assert_false(out.by_domain);
    policy_object_accepted_clear(&out);
}

static void a_certificate_to_seal_to_must_name_the_proxy_and_be_trusted(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy2, PROXY1);
    assert_rule(accept_at(f, sign(f, &object, &f->domain), PKI_NOW), RULE_POLICY_OBJECT_SEAL_TO);
    object = object_about(&f->alice, PROXY1);
    assert_rule(accept_at(f, sign(f, &object, &f->domain), PKI_NOW), RULE_POLICY_OBJECT_SEAL_TO);
    struct identity other = pki_host(&f->mallory_ca, PROXY1);
    object = object_about(&other, PROXY1);
    assert_rule(accept_at(f, sign(f, &object, &f->domain), PKI_NOW), RULE_CERT_UNTRUSTED);
    identity_clear(&other);
}

static void an_object_counts_from_when_it_was_issued_until_it_expires(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy1, PROXY1);
    const struct {
        int64_t issued;
        uint32_t expires_in;
        enum rule rule;
    } table[] = {
        {0, 3600, RULE_OK},
        {300, 3600, RULE_OK},
        {301, 3600, RULE_POLICY_OBJECT_FUTURE},
        {-3599, 3600, RULE_OK},
        {-3600, 3600, RULE_POLICY_OBJECT_EXPIRED},
        {-100000, 3600, RULE_POLICY_OBJECT_EXPIRED},
        {0, 0, RULE_POLICY_OBJECT_EXPIRED},
        {0, 604800, RULE_OK},
        {0, 604801, RULE_POLICY_OBJECT_EXPIRED},
        {0, UINT32_MAX, RULE_POLICY_OBJECT_EXPIRED},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        object.issued = PKI_NOW + table[i].issued;
        object.expires_in = table[i].expires_in;
        assert_rule(accept_at(f, sign(f, &object, &f->domain), PKI_NOW), table[i].rule);
    }
}

static void an_object_older_than_the_one_accepted_before_is_refused(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy1, PROXY1);
    struct policy_object_terms terms = terms_at(f, PKI_NOW);
    struct span der = sign(f, &object, &f->domain);
    terms.has_issued = true;
    terms.issued = PKI_NOW;
    assert_rule(accept(f, der, &terms), RULE_OK); /* the same once more */
    terms.issued = PKI_NOW + 1;
    assert_rule(accept(f, der, &terms), RULE_POLICY_OBJECT_OLDER);
}

static void an_object_about_another_proxy_than_asked_is_refused(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy2, PROXY2);
    assert_rule(accept_at(f, sign(f, &object, &f->domain), PKI_NOW), RULE_POLICY_OBJECT_HOST);
}

static void other_signed_content_is_no_policy_object(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy1, PROXY1);
    const struct mime_head head = {.content_type = SPAN("application/json"), .binary = true};
    struct writer w = arena_writer(&f->arena, POLICY_OBJECT_BYTES_MAX);
    struct span der;
    mime_write_head(&w, &head);
    assert_true(policy_object_write(&w, &object));
    assert_rule(cms_sign(&f->arena, &f->domain, NULL, 0, writer_span(&w), PKI_NOW, &der), RULE_OK);
    assert_rule(accept_at(f, der, PKI_NOW), RULE_POLICY_OBJECT_SYNTAX);
}

/* --- what it asks for --- */

static void what_is_asked_follows_method_direction_and_content(void **state)
{
    struct fixture *f = *state;
    struct policy_object object = object_about(&f->proxy1, PROXY1);
    const struct span text = SPAN("text/plain"), image = SPAN("image/png");
    const struct {
        const char *method, *from;
        struct span type;
        bool sealed, plain;
        unsigned actions;
    } table[] = {
        {"MESSAGE", "sip:alice@home.example", text, true, false, LABEL_VIEW | LABEL_VERIFY},
        {"MESSAGE", "sip:alice@home.example", image, true, false, LABEL_VIEW | LABEL_VERIFY}, /* it cannot know */
        {"MESSAGE", "sip:alice@home.example", image, false, false, 0},
        {"MESSAGE", "sip:alice@home.example", text, false, false, LABEL_VIEW | LABEL_VERIFY},
        {"MESSAGE", "sip:alice@home.example", text, false, true, 0},
        {"INVITE", "sip:alice@home.example", text, true, false, 0},
        {"MESSAGE", "sip:carol@far.example", text, true, false, 0},
    };
    struct span purpose;
    bool protect;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct message_context context = {.method = span_text(table[i].method),
                                                .from_uri = span_text(table[i].from),
                                                .to_uri = SPAN("sip:bob@far.example")};
        const struct policy_object_question question = {.context = &context, .type = &table[i].type, .type_count = 1,
                                                        .sealed = table[i].sealed, .plain = table[i].plain};
        assert_int_equal(policy_object_requires(&object, &question, &purpose, &protect), table[i].actions);
        assert_span_text(purpose, table[i].actions ? "message archive" : "");
        assert_false(protect);
    }
    object.rule[0].rule.plain = POLICY_PLAIN_REFUSE;
    const struct message_context context = {.method = SPAN("MESSAGE"), .from_uri = SPAN("sip:alice@home.example")};
    const struct policy_object_question question = {.context = &context, .type = &text, .type_count = 1, .plain = true};
    assert_int_equal(policy_object_requires(&object, &question, &purpose, &protect), 0);
    assert_true(protect);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_written_is_read_to_the_same),
        CASE(json_is_judged_by_this_table),
        CASE(an_object_that_is_too_large_is_not_even_parsed),
        CASE(an_object_signed_by_its_domain_is_accepted_and_speaks_for_the_domain),
        CASE(an_object_signed_by_its_one_proxy_is_accepted_and_speaks_for_no_domain),
        CASE(a_forged_object_is_refused),
        CASE(an_object_by_a_stranger_s_authority_is_untrusted),
        CASE(an_object_by_a_revoked_signer_is_refused),
        CASE(an_object_about_a_revoked_proxy_is_refused),
        CASE(only_the_domain_or_the_one_proxy_signs),
        CASE(a_proxy_of_another_domain_that_claims_a_domain_does_not_speak_for_it),
        CASE(a_certificate_to_seal_to_must_name_the_proxy_and_be_trusted),
        CASE(an_object_counts_from_when_it_was_issued_until_it_expires),
        CASE(an_object_older_than_the_one_accepted_before_is_refused),
        CASE(an_object_about_another_proxy_than_asked_is_refused),
        CASE(other_signed_content_is_no_policy_object),
        CASE(what_is_asked_follows_method_direction_and_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
