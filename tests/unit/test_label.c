#include "test.h"

#include <stdlib.h>

#include "sipseal/label.h"

static const char full[] = "proxy1.home.example;cid=\"outer@ua1.home.example\",cid=\"inner@ua1.home.example\""
                           ";action=\"view verify\";reciprocal;expires=60;other=\"a;b\"";

static enum rule parse(const char *value, struct label *label)
{
    return label_parse(span_text(value), label);
}

/* protocol.md 3 */
static void a_label_names_a_middle_parts_and_actions(void **state)
{
    (void)state;
    struct label l;
    assert_rule(parse(full, &l), RULE_OK);
    assert_span_text(l.value, full);
    assert_span_text(l.host, "proxy1.home.example");
    assert_int_equal(l.cid_count, 2);
    assert_span_text(l.cid[0], "outer@ua1.home.example"); /* outer first */
    assert_span_text(l.cid[1], "inner@ua1.home.example");
    assert_int_equal(l.actions, LABEL_VIEW | LABEL_VERIFY);
    assert_true(l.reciprocal);
    assert_true(l.has_expires);
    assert_int_equal(l.expires, 60);
}

static void names_of_parameters_compare_without_regard_to_case(void **state)
{
    (void)state;
    struct label l;
    assert_rule(parse("p1;CID=\"a@b\";ACTION=\"View\";Reciprocal;EXPIRES=5", &l), RULE_OK);
    assert_int_equal(l.actions, LABEL_VIEW);
    assert_true(l.reciprocal);
    assert_int_equal(l.expires, 5);
}

static void what_a_label_does_not_say_stays_open(void **state)
{
    (void)state;
    struct label l;
    assert_rule(parse("p1.example;cid=\"a@b\"", &l), RULE_OK);
    assert_int_equal(l.actions, 0);
    assert_false(l.reciprocal);
    assert_false(l.has_expires);
}

static void actions_are_a_set_of_words(void **state)
{
    (void)state;
    static const struct {
        const char *action;
        unsigned actions;
    } cases[] = {
        {"view", LABEL_VIEW},
        {"VERIFY", LABEL_VERIFY},
        {"\"view\"", LABEL_VIEW},
        {"\"verify view\"", LABEL_VIEW | LABEL_VERIFY},
        {"\" view  verify \"", LABEL_VIEW | LABEL_VERIFY},
        {"\"view view\"", LABEL_VIEW},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128];
        struct label l;
        snprintf(text, sizeof text, "p1.example;cid=\"a@b\";action=%s", cases[i].action);
        assert_rule(parse(text, &l), RULE_OK);
        assert_int_equal(l.actions, cases[i].actions);
    }
}

/* The draft's own examples write the cid without quotes, and fold the line. */
static void a_content_id_is_read_in_every_form_that_peers_write(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "\"77@ua.example\"", "77@ua.example", "<77@ua.example>", "\"<77@ua.example>\"",
        " \"77@ua.example\" ", "\r\n   77@ua.example",
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char text[128];
        struct label l;
        snprintf(text, sizeof text, "ss1.example;\r\n                     cid = %s ; action=view", forms[i]);
        assert_rule(parse(text, &l), RULE_OK);
        assert_int_equal(l.cid_count, 1);
        assert_span_text(l.cid[0], "77@ua.example");
    }
    struct label l;
    assert_rule(parse("ss1.example;cid=77@ua.example,cid=88@ua.example", &l), RULE_OK);
    assert_int_equal(l.cid_count, 2);
    assert_rule(parse("ss1.example;CID=\"a!%*_+'`~-.b@[2001:db8::1]\"", &l), RULE_OK);
    assert_span_text(l.cid[0], "a!%*_+'`~-.b@[2001:db8::1]");
    assert_rule(parse("ss1.example;cid=\"a$1&2@c.example\"", &l), RULE_OK); /* atoms of RFC 5322 */
}

/* RFC 3261 25.1, host */
static void a_host_is_a_name_or_an_address(void **state)
{
    (void)state;
    static const char *const good[] = {"p1", "p1.example", "P1.EXAMPLE.", "192.0.2.1", "[2001:db8::1]", "[::1]",
                                       "a-b.c-d", "1.example",
                                       "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]"};
    static const char *const bad[] = {"", "-p1", "p1-", "p1..example", ".p1", "p1.-x", "p1-.x", "p 1", "p1:5060",
                                      "sip:p1.example", "[2001:db8::1", "2001:db8::1", "x::1]", "]", "[",
                                      "[]", "[1]", "[192.0.2.1]",
                                      "p1_x", "<p1>", "\"p1\"", "*", "p1,p2"};
    char text[128];
    struct label l;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(text, sizeof text, "%s;cid=\"a@b\"", good[i]);
        assert_rule(parse(text, &l), RULE_OK);
        assert_span_text(l.host, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "%s;cid=\"a@b\"", bad[i]);
        if (parse(text, &l) != RULE_LABEL_SYNTAX)
            fail_msg("%s is read as a host", bad[i]);
    }
}

static void what_is_no_label_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "p1",
        "p1;",
        "p1;cid",
        "p1;cid=",
        "p1;cid=\"\"",
        "p1;cid=\"a@b",
        "p1;cid=a@b\"",
        "p1;cid=\"a@b\"x",
        "p1;cid=<a@b",
        "p1;cid=\"<a@b\"",
        "p1;cid=<\"a@b\">",
        "p1;cid=\"ab\"",
        "p1;cid=\"@b\"",
        "p1;cid=\"a@\"",
        "p1;cid=\"a@b@c\"",
        "p1;cid=\"a @b\"",
        "p1;cid=\"a@b\",",
        "p1;cid=\"a@b\",\"c@d\"",
        "p1;cid=\"a@b\" cid=\"c@d\"",
        "p1;cid=\"a@b\";",
        "p1;cid=\"a@b\";;reciprocal",
        "p1;cid=\"a@b\";cid=\"c@d\"", /* they stand in one list */
        "p1;action=view;cid=\"a@b\"",
        "p1;cid=\"a@b\";action",
        "p1;cid=\"a@b\";action=",
        "p1;cid=\"a@b\";action=\"\"",
        "p1;cid=\"a@b\";action=\" \"",
        "p1;cid=\"a@b\";action=delete",
        "p1;cid=\"a@b\";action=\"view delete\"",
        "p1;cid=\"a@b\";action=\"view,verify\"",
        "p1;cid=\"a@b\";action=view verify",
        "p1;cid=\"a@b\";action=view;action=verify",
        "p1;cid=\"a@b\";reciprocal=1",
        "p1;cid=\"a@b\";reciprocal;reciprocal",
        "p1;cid=\"a@b\";expires",
        "p1;cid=\"a@b\";expires=-1",
        "p1;cid=\"a@b\";expires=4294967296",
        "p1;cid=\"a@b\";expires=60;expires=60",
        "p1;cid=\"a@b\";CID=\"c@d\"",
        "p1;cid=\"a@b\";x=\"open",
        "p1;cid=\"a@b\";x=\";reciprocal",
        "p1;cid=\"a@b\";x=[1]",
        "p1;cid=\"a@b\";x=\"open\\\"",
        "p1;cid=\"a@b\";x=",
        "p1;cid=\"a@b\";x=[::1",
        "p1;cid=\"a@b\", p2;cid=\"a@b\"", /* several middles are several header lines */
        "p1;cid=\"a@b\";action=view, p2;cid=\"a@b\"",
    };
    struct label l;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse(bad[i], &l) != RULE_LABEL_SYNTAX)
            fail_msg("%s is read as a label", bad[i]);
    assert_rule(label_parse(SPAN("p1;cid=\"a\0@b\""), &l), RULE_LABEL_SYNTAX);
    assert_rule(label_parse(SPAN("p1;cid=\"a@b\";x\0y"), &l), RULE_LABEL_SYNTAX);
    assert_rule(label_parse(SPAN("p1;cid=\"a@b\";x=y\0"), &l), RULE_LABEL_SYNTAX);
    assert_rule(label_parse(SPAN("p1\0;cid=\"a@b\""), &l), RULE_LABEL_SYNTAX);
}

static void parameters_that_are_not_known_are_kept_and_ignored(void **state)
{
    (void)state;
    struct label l;
    const char *text = "p1;cid=\"a@b\";x;y=z;v=\"q\\\"uo;te\";h=[::1];action=verify";
    assert_rule(parse(text, &l), RULE_OK);
    assert_span_text(l.value, text);
    assert_int_equal(l.actions, LABEL_VERIFY);
}

static void a_label_has_limits(void **state)
{
    (void)state;
    char text[1024];
    struct label l;
    struct writer w = writer_over(text, sizeof text);
    writer_text(&w, "p1;cid=\"");
    for (int i = 0; i < LABEL_CID_MAX - 2; i++)
        writer_byte(&w, 'a');
    writer_text(&w, "@b\"");
    assert_rule(label_parse(writer_span(&w), &l), RULE_OK);
    w.len -= 1;
    writer_text(&w, "b\"");
    assert_rule(label_parse(writer_span(&w), &l), RULE_LABEL_LIMIT);

    w = writer_over(text, sizeof text);
    for (int i = 0; i < LABEL_HOST_MAX; i++)
        writer_byte(&w, 'a');
    writer_text(&w, ";cid=\"a@b\"");
    assert_rule(label_parse(writer_span(&w), &l), RULE_OK);
    w = writer_over(text, sizeof text);
    for (int i = 0; i < LABEL_HOST_MAX + 1; i++)
        writer_byte(&w, 'a');
    writer_text(&w, ";cid=\"a@b\"");
    assert_rule(label_parse(writer_span(&w), &l), RULE_LABEL_LIMIT);

    w = writer_over(text, sizeof text);
    writer_text(&w, "p1;cid=\"a@b\"");
    for (int i = 1; i < LABEL_CIDS_MAX; i++)
        writer_text(&w, ",cid=\"a@b\"");
    assert_rule(label_parse(writer_span(&w), &l), RULE_OK);
    assert_int_equal(l.cid_count, LABEL_CIDS_MAX);
    writer_text(&w, ",cid=\"a@b\"");
    assert_rule(label_parse(writer_span(&w), &l), RULE_LABEL_LIMIT);
}

static void labels_are_collected_under_both_names_of_the_header(void **state)
{
    (void)state;
    struct sip_header headers[16];
    size_t count;
    struct labels labels;
    const struct span text = SPAN("Proxy-Inspect-Body: p1;cid=\"a@b\"\r\nSubject: p9;cid=\"a@b\"\r\n"
                                  "proxy-required-body: p2;\r\n cid=c@d\r\n");
    assert_rule(sip_headers_parse(text, headers, 16, &count, NULL), RULE_OK);
    assert_rule(labels_of(headers, count, &labels), RULE_OK);
    assert_int_equal(labels.count, 2);
    assert_span_text(labels.label[0].host, "p1");
    assert_span_text(labels.label[1].host, "p2");
    assert_span_text(labels.label[1].cid[0], "c@d");

    for (size_t i = 0; i <= LABELS_MAX; i++)
        headers[i] = (struct sip_header){.id = SIP_H_PROXY_INSPECT_BODY, .value = SPAN("p1;cid=\"a@b\"")};
    assert_rule(labels_of(headers, LABELS_MAX, &labels), RULE_OK);
    assert_int_equal(labels.count, LABELS_MAX);
    assert_rule(labels_of(headers, LABELS_MAX + 1, &labels), RULE_LABEL_LIMIT);
    headers[1].value = SPAN("p1");
    assert_rule(labels_of(headers, LABELS_MAX, &labels), RULE_LABEL_SYNTAX);
}

static void a_label_is_written_with_quotes_and_under_its_present_name(void **state)
{
    (void)state;
    uint8_t text[512];
    struct label l;
    static const struct {
        const char *read, *written;
    } cases[] = {
        {"p1;cid=a@b", "Proxy-Inspect-Body: p1;cid=\"a@b\"\r\n"},
        {"p1;cid=<a@b>,cid=\"c@d\";action=\"verify view\"",
         "Proxy-Inspect-Body: p1;cid=\"a@b\",cid=\"c@d\";action=\"view verify\"\r\n"},
        {"[::1];cid=a@b;action=\"view\"", "Proxy-Inspect-Body: [::1];cid=\"a@b\";action=view\r\n"},
        {"p1;cid=a@b;expires=7;reciprocal;action=verify",
         "Proxy-Inspect-Body: p1;cid=\"a@b\";action=verify;reciprocal;expires=7\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct writer w = writer_over(text, sizeof text);
        assert_rule(parse(cases[i].read, &l), RULE_OK);
        label_write(&w, &l);
        assert_span_text(writer_span(&w), cases[i].written);
        struct label again;
        struct span value = span_part(writer_span(&w), strlen("Proxy-Inspect-Body: "), w.len);
        assert_rule(label_parse(span_trim(value), &again), RULE_OK);
        assert_true(label_equal(&l, &again));
    }
}

/* protocol.md 3: host in lower case, ordered cids, actions, reciprocal and expires. */
static void header_and_copy_match_in_what_they_ask(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"p1;cid=\"a@b\"", "P1;cid=a@b", true},
        {"p1;cid=\"a@b\";action=\"view verify\"", "p1;cid=\"a@b\";action=\"verify view\"", true},
        {"p1;cid=\"a@b\";x=1", "p1;cid=\"a@b\"", true}, /* what is not known asks for nothing */
        {"p1;cid=\"a@b\"", "p2;cid=\"a@b\"", false},
        {"p1;cid=\"a@b\"", "p1;cid=\"A@b\"", false},
        {"p1;cid=\"a@b\",cid=\"c@d\"", "p1;cid=\"c@d\",cid=\"a@b\"", false},
        {"p1;cid=\"a@b\",cid=\"c@d\"", "p1;cid=\"a@b\"", false},
        {"p1;cid=\"a@b\";action=view", "p1;cid=\"a@b\";action=verify", false},
        {"p1;cid=\"a@b\";action=view", "p1;cid=\"a@b\"", false},
        {"p1;cid=\"a@b\";reciprocal", "p1;cid=\"a@b\"", false},
        {"p1;cid=\"a@b\";expires=60", "p1;cid=\"a@b\"", false},
        {"p1;cid=\"a@b\";expires=60", "p1;cid=\"a@b\";expires=61", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct label a, b;
        assert_rule(parse(cases[i].a, &a), RULE_OK);
        assert_rule(parse(cases[i].b, &b), RULE_OK);
        if (label_equal(&a, &b) != cases[i].equal || label_equal(&b, &a) != cases[i].equal)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
    }
}

static struct labels labels_from(const char *const *values, size_t count)
{
    struct labels labels = {.count = count};
    for (size_t i = 0; i < count; i++)
        assert_rule(parse(values[i], &labels.label[i]), RULE_OK);
    return labels;
}

static void sets_of_labels_match_in_any_order_and_number_for_number(void **state)
{
    (void)state;
    const char *p1 = "p1;cid=\"a@b\"", *p2 = "p2;cid=\"a@b\"";
    struct labels ab = labels_from((const char *const[]){p1, p2}, 2);
    struct labels ba = labels_from((const char *const[]){p2, p1}, 2);
    struct labels aab = labels_from((const char *const[]){p1, p1, p2}, 3);
    struct labels abb = labels_from((const char *const[]){p1, p2, p2}, 3);
    struct labels none = {.count = 0};
    assert_true(labels_equal(&ab, &ba));
    assert_true(labels_equal(&none, &none));
    assert_false(labels_equal(&ab, &none));
    assert_false(labels_equal(&aab, &abb));
    assert_false(labels_equal(&aab, &ab));
}

static void a_label_is_found_by_any_name_of_the_middle_and_the_exact_content_id(void **state)
{
    (void)state;
    struct labels labels = labels_from((const char *const[]){"other.example;cid=\"a@b\"", "p1;cid=\"x@y\",cid=\"a@b\"",
                                                             "alias.example;cid=\"c@d\""}, 3);
    const struct span hosts[] = {SPAN_INIT("P1"), SPAN_INIT("alias.example")};
    assert_ptr_equal(labels_find(&labels, hosts, 2, SPAN("a@b")), &labels.label[1]);
    assert_ptr_equal(labels_find(&labels, hosts, 2, SPAN("c@d")), &labels.label[2]);
    assert_null(labels_find(&labels, hosts, 1, SPAN("c@d")));
    assert_null(labels_find(&labels, hosts, 2, SPAN("A@b")));
    assert_null(labels_find(&labels, hosts, 2, SPAN("")));
    assert_null(labels_find(&labels, hosts, 0, SPAN("a@b")));
}

static void a_label_cut_off_at_any_byte_is_read_within_its_bytes(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof full - 1; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        struct label l;
        memcpy(copy, full, len);
        struct span value = span_of(copy, len);
        enum rule rule = label_parse(value, &l);
        assert_true(rule == RULE_OK || rule == RULE_LABEL_SYNTAX);
        if (rule == RULE_OK) {
            assert_true(span_within(l.host, value));
            for (size_t i = 0; i < l.cid_count; i++)
                assert_true(span_within(l.cid[i], value));
        }
        if (len < strlen("proxy1.home.example;cid=\"outer@ua1.home.example\""))
            assert_rule(rule, RULE_LABEL_SYNTAX);
        free(copy);
    }
}

static void a_flipped_bit_never_makes_the_same_label(void **state)
{
    (void)state;
    struct label original;
    assert_rule(parse(full, &original), RULE_OK);
    size_t bound = strlen(full) - strlen(";other=\"a;b\""); /* what is behind is ignored */
    for (size_t bit = 0; bit < bound * 8; bit++) {
        uint8_t copy[sizeof full - 1];
        struct label l;
        memcpy(copy, full, sizeof copy);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        /* Case does not count in the host, and in names and words. */
        bool letter_case = bit % 8 == 5 && ((full[bit / 8] | 0x20) >= 'a' && (full[bit / 8] | 0x20) <= 'z');
        if (label_parse(span_of(copy, sizeof copy), &l) == RULE_OK && label_equal(&l, &original) && !letter_case)
            fail_msg("bit %zu does not count", bit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_names_a_middle_parts_and_actions),
        cmocka_unit_test(names_of_parameters_compare_without_regard_to_case),
        cmocka_unit_test(what_a_label_does_not_say_stays_open),
        cmocka_unit_test(actions_are_a_set_of_words),
        cmocka_unit_test(a_content_id_is_read_in_every_form_that_peers_write),
        cmocka_unit_test(a_host_is_a_name_or_an_address),
        cmocka_unit_test(what_is_no_label_is_refused),
        cmocka_unit_test(parameters_that_are_not_known_are_kept_and_ignored),
        cmocka_unit_test(a_label_has_limits),
        cmocka_unit_test(labels_are_collected_under_both_names_of_the_header),
        cmocka_unit_test(a_label_is_written_with_quotes_and_under_its_present_name),
        cmocka_unit_test(header_and_copy_match_in_what_they_ask),
        cmocka_unit_test(sets_of_labels_match_in_any_order_and_number_for_number),
        cmocka_unit_test(a_label_is_found_by_any_name_of_the_middle_and_the_exact_content_id),
        cmocka_unit_test(a_label_cut_off_at_any_byte_is_read_within_its_bytes),
        cmocka_unit_test(a_flipped_bit_never_makes_the_same_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
