#include "test.h"

#include <stdlib.h>

#include "sipseal/sipfrag.h"

#define H1 "00000000000000000000000000000000000000000000000000000000000000aa"
#define H2 "1111111111111111111111111111111111111111111111111111111111111111"
#define DATE "Mon, 23 Nov 2026 13:00:00 GMT"

static const char request_copy[] = "From: <sip:alice@home.example>;tag=a1\r\n"
                                   "To: <sip:bob@far.example>\r\n"
                                   "Call-ID: c1@ua1.home.example\r\n"
                                   "CSeq: 1 MESSAGE\r\n"
                                   "Date: " DATE "\r\n"
                                   "Contact: <sip:alice@ua1.home.example>\r\n"
                                   "Proxy-Inspect-Body: proxy1.home.example;cid=\"body1@ua1.home.example\""
                                   ";action=\"view verify\"\r\n"
                                   "Sealed-For: \"body1@ua1.home.example\";readers=\"" H1 " " H2 "\"\r\n";

static const char response_copy[] = "SIP/2.0 200 OK\r\n"
                                    "From: <sip:bob@far.example>;tag=b1\r\n"
                                    "Call-ID: c2@ua1.home.example\r\n"
                                    "CSeq: 7 INVITE\r\n"
                                    "Date: " DATE "\r\n";

static enum rule parse(const char *text, struct sipfrag *frag)
{
    return sipfrag_parse(span_text(text), frag);
}

/* `text` with the first `old` replaced; one result at a time. */
static const char *with(const char *text, const char *old, const char *new)
{
    static char out[4096];
    const char *at = strstr(text, old);
    assert_non_null(at);
    snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    return out;
}

/* --- reading and writing --- */

/* protocol.md 2.4 */
static void a_copy_of_a_request_is_read(void **state)
{
    (void)state;
    struct sipfrag f;
    assert_rule(parse(request_copy, &f), RULE_OK);
    assert_false(f.context.is_response);
    assert_span_text(f.context.from_uri, "sip:alice@home.example");
    assert_span_text(f.context.from_tag, "a1");
    assert_span_text(f.context.to_uri, "sip:bob@far.example");
    assert_int_equal(f.context.to_tag.len, 0);
    assert_span_text(f.context.call_id, "c1@ua1.home.example");
    assert_int_equal(f.context.cseq, 1);
    assert_span_text(f.context.method, "MESSAGE");
    assert_span_text(f.context.date, DATE);
    assert_int_equal(f.date, 1795438800);
    assert_span_text(f.context.contact_uri, "sip:alice@ua1.home.example");
    assert_int_equal(f.context.request_uri.len, 0);
    assert_true(f.has_from && f.has_to && f.has_call_id && f.has_cseq && f.has_date && f.has_contact);
    assert_int_equal(f.labels.count, 1);
    assert_true(f.has_sealed_for);
    assert_span_text(f.sealed_for.cid, "body1@ua1.home.example");
    assert_int_equal(f.sealed_for.reader_count, 2);
    assert_int_equal(f.sealed_for.reader[0][31], 0xaa);
    assert_int_equal(f.sealed_for.reader[1][0], 0x11);
}

static void a_copy_is_written_as_it_is_read(void **state)
{
    (void)state;
    uint8_t text[2048];
    struct sipfrag f;
    struct writer w = writer_over(text, sizeof text);
    assert_rule(parse(request_copy, &f), RULE_OK);
    sipfrag_write(&w, &f.context, &f.labels, &f.sealed_for);
    assert_span_text(writer_span(&w), request_copy);
    w = writer_over(text, sizeof text);
    assert_rule(parse(response_copy, &f), RULE_OK);
    sipfrag_write(&w, &f.context, NULL, NULL);
    assert_span_text(writer_span(&w), response_copy);
    /* RFC 3893 6: To stays out of a response's copy, whatever the context holds. */
    w = writer_over(text, sizeof text);
    f.context.to_uri = SPAN("sip:alice@home.example");
    sipfrag_write(&w, &f.context, NULL, NULL);
    assert_span_text(writer_span(&w), response_copy);
}

static void headers_are_read_in_any_order_and_form(void **state)
{
    (void)state;
    struct sipfrag f;
    assert_rule(parse("d: x\r\nDATE: " DATE "\r\nCSeq: 1\r\n  MESSAGE\r\ni: c1\r\nSubject: hello\r\n"
                      "t: Bob <sip:bob@far.example>;tag=b1\r\nf: sip:alice@home.example;tag=a1\r\n\r\n", &f), RULE_OK);
    assert_span_text(f.context.from_uri, "sip:alice@home.example");
    assert_span_text(f.context.from_tag, "a1");
    assert_span_text(f.context.to_uri, "sip:bob@far.example");
    assert_span_text(f.context.to_tag, "b1");
    assert_span_text(f.context.call_id, "c1");
    assert_span_text(f.context.method, "MESSAGE");
    assert_false(f.has_contact);
    assert_false(f.has_sealed_for);
    assert_int_equal(f.labels.count, 0);
}

static void a_status_line_makes_it_a_copy_of_a_response(void **state)
{
    (void)state;
    struct sipfrag f;
    assert_rule(parse(response_copy, &f), RULE_OK);
    assert_true(f.context.is_response);
    assert_int_equal(f.context.status, 200);
    assert_false(f.has_to);
    assert_rule(parse(with(response_copy, "200 OK", "183 "), &f), RULE_OK);
    assert_int_equal(f.context.status, 183);
    assert_rule(parse(with(response_copy, "200 OK", "100 Trying"), &f), RULE_OK);
    assert_rule(parse(with(response_copy, "200 OK", "699 "), &f), RULE_OK);
}

static void what_is_no_copy_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *old, *new;
    } cases[] = {
        {"From:", "From"},
        {"<sip:alice@home.example>;tag=a1", "<sip:alice@home.example"},
        {"<sip:alice@home.example>;tag=a1", ""},
        {"<sip:alice@home.example>;tag=a1", "<>;tag=a1"},
        {"<sip:alice@home.example>;tag=a1", "<sip:a@b>, <sip:c@d>"},
        {"To: <sip:bob@far.example>\r\n", "To: <sip:bob@far.example>\r\nt: <sip:bob@far.example>\r\n"},
        {"From: ", "From: <sip:alice@home.example>\r\nFrom: "},
        {"Call-ID: ", "Call-ID: c1\r\ni: "},
        {"CSeq: ", "CSeq: 1 MESSAGE\r\nCSeq: "},
        {"Date: ", "Date: " DATE "\r\nDate: "},
        {"Contact: ", "Contact: <sip:a@b>\r\nm: "},
        {"Sealed-For: ", "Sealed-For: \"x@y\";readers=\"" H1 "\"\r\nSealed-For: "},
        {"Call-ID: c1@ua1.home.example", "Call-ID: "},
        {"1 MESSAGE", "MESSAGE"},
        {"1 MESSAGE", "1"},
        {"1 MESSAGE", "2147483648 MESSAGE"},
        {DATE, "20 June"},
        {DATE, ""},
        {DATE, "Tue, 23 Nov 2026 13:00:00 GMT"},
        {"<sip:alice@ua1.home.example>", "*"},
        {"cid=\"body1@ua1.home.example\"", "cid"},
        {"Sealed-For: \"body1@ua1.home.example\"", "Sealed-For: body1"},
        {H2 "\"\r\n", H2 "\"\r\n\r\nbody"},
        {H2 "\"\r\n", H2 "\""},
        {"From:", "MESSAGE sip:bob@far.example SIP/2.0\r\nFrom:"},
        {"From:", "SIP/2.0 200\r\nFrom:"},
        {"From:", "SIP/2.0 099 OK\r\nFrom:"},
        {"From:", "SIP/2.0 700 OK\r\nFrom:"},
        {"From:", "SIP/2.0 2OO OK\r\nFrom:"},
        {"From:", "SIP/2.0 200 O\nK\r\nFrom:"},
        {"From:", "SIP/2.0 200 OK\r\nFrom:"}, /* To in a response's copy: RFC 3893 6 */
        {"From:", "\r\nFrom:"},
    };
    struct sipfrag f;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (parse(with(request_copy, cases[i].old, cases[i].new), &f) != RULE_CONTEXT_SYNTAX)
            fail_msg("case %zu: %s", i, cases[i].new);
    static const char *const start_lines[] = {"200 O\nK", "200 O\rK", "2OO OK", "200", "700 OK", "099 OK", "20 OK"};
    for (size_t i = 0; i < sizeof start_lines / sizeof start_lines[0]; i++)
        if (parse(with(response_copy, "200 OK", start_lines[i]), &f) != RULE_CONTEXT_SYNTAX)
            fail_msg("%s", start_lines[i]);
    assert_rule(sipfrag_parse(SPAN("Call-ID: a\0b\r\n"), &f), RULE_CONTEXT_SYNTAX);
    assert_rule(sipfrag_parse(SPAN("SIP/2.0 200 O\0K\r\nCall-ID: ab\r\n"), &f), RULE_CONTEXT_SYNTAX);
    assert_rule(parse("SIP/2.0 200 OK", &f), RULE_CONTEXT_SYNTAX);
}

static void a_long_start_line_or_too_many_headers_are_refused(void **state)
{
    (void)state;
    static char text[8192];
    struct sipfrag f;
    struct writer w = writer_over(text, sizeof text);
    writer_text(&w, "SIP/2.0 200 ");
    while (w.len < 300)
        writer_byte(&w, 'K');
    writer_text(&w, "\r\nCall-ID: c1\r\n");
    assert_rule(sipfrag_parse(writer_span(&w), &f), RULE_CONTEXT_SYNTAX);
    w = writer_over(text, sizeof text);
    for (int i = 0; i < 33; i++)
        writer_text(&w, "X-Other: y\r\n");
    assert_rule(sipfrag_parse(writer_span(&w), &f), RULE_CONTEXT_SYNTAX);
}

static void a_copy_cut_off_at_any_byte_lacks_something(void **state)
{
    (void)state;
    struct sipfrag whole, f;
    assert_rule(parse(request_copy, &whole), RULE_OK);
    for (size_t len = 0; len < sizeof request_copy - 1; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        memcpy(copy, request_copy, len);
        enum rule rule = sipfrag_parse(span_of(copy, len), &f);
        assert_true(rule == RULE_OK || rule == RULE_CONTEXT_SYNTAX);
        /* Only whole lines are read. */
        assert_int_equal(rule == RULE_OK, len == 0 || (len >= 2 && copy[len - 2] == '\r' && copy[len - 1] == '\n'));
        if (rule == RULE_OK)
            assert_false(f.has_sealed_for);
        free(copy);
    }
}

static void a_flipped_bit_is_refused_or_leads_to_another_copy(void **state)
{
    (void)state;
    uint8_t text[2048];
    for (size_t bit = 0; bit < (sizeof request_copy - 1) * 8; bit++) {
        uint8_t copy[sizeof request_copy - 1];
        struct sipfrag f;
        memcpy(copy, request_copy, sizeof copy);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool letter_case = bit % 8 == 5; /* of header names, parameters, hexadecimal digits */
        /* The blank behind a colon: "From:!<sip:" is a name to show, "CSeq:01" is one; neither is bound. */
        bool blank = bit >= 8 && request_copy[bit / 8 - 1] == ':' && request_copy[bit / 8] == ' ';
        if (sipfrag_parse(span_of(copy, sizeof copy), &f) != RULE_OK || letter_case || blank)
            continue;
        struct writer w = writer_over(text, sizeof text);
        sipfrag_write(&w, &f.context, &f.labels, f.has_sealed_for ? &f.sealed_for : NULL);
        if (span_equal(writer_span(&w), span_text(request_copy)))
            fail_msg("bit %zu, in: %.20s", bit, request_copy + bit / 8);
    }
}

/* --- Sealed-For --- */

static void sealed_for_is_read_in_either_case_of_its_digits(void **state)
{
    (void)state;
    struct sealed_for s;
    assert_rule(sealed_for_parse(SPAN("\"a@b\" ; Readers = \"ABCDEF0000000000000000000000000000000000000000000000000000"
                                      "000000 abcdef0000000000000000000000000000000000000000000000000000000001\""), &s),
                RULE_OK);
    assert_span_text(s.cid, "a@b");
    assert_int_equal(s.reader_count, 2);
    assert_int_equal(s.reader[0][0], 0xab);
    assert_int_equal(s.reader[1][31], 1);
    assert_rule(sealed_for_parse(SPAN("a@b;readers=\"" H1 "\""), &s), RULE_OK);
    assert_span_text(s.cid, "a@b");
}

static void what_is_no_sealed_for_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "\"a@b\"", "\"a@b\";", "\"a@b\";readers", "\"a@b\";readers=", "\"a@b\";readers=\"\"",
        "\"a@b\";readers=" H1, "\"a@b\";readers=\"" H1, "\"a@b\";readers=\"" H1 " \"", "\"a@b\";readers=\" " H1 "\"",
        "\"a@b\";readers=\"" H1 "  " H2 "\"", "\"a@b\";readers=\"" H1 "," H2 "\"", "\"a@b\";readers=\"" H1 H2 "\"",
        "\"a@b\";readers=\"" H1 "0\"", "\"a@b\";readers=\"0\"", "\"a@b\";readers=\"" H1 "\"x",
        "\"a@b\";readers=\"" H1 "\";x=y", "\"ab\";readers=\"" H1 "\"", ";readers=\"" H1 "\"",
        "\"a@b\",\"c@d\";readers=\"" H1 "\"", "\"a@b\";writers=\"" H1 "\"",
        "\"a@b\";readers=\"g000000000000000000000000000000000000000000000000000000000000000\"",
    };
    struct sealed_for s;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (sealed_for_parse(span_text(bad[i]), &s) != RULE_CONTEXT_SYNTAX)
            fail_msg("%s", bad[i]);
}

static void readers_are_distinct_and_limited(void **state)
{
    (void)state;
    static char text[4096];
    struct sealed_for s;
    assert_rule(sealed_for_parse(SPAN("\"a@b\";readers=\"" H1 " " H1 "\""), &s), RULE_SEALED_FOR);
    for (size_t readers = CMS_READERS_MAX; readers <= CMS_READERS_MAX + 1; readers++) {
        struct writer w = writer_over(text, sizeof text);
        writer_text(&w, "\"a@b\";readers=\"");
        for (size_t i = 0; i < readers; i++) {
            const uint8_t hash[CERTIFICATE_HASH_LEN] = {(uint8_t)i};
            if (i)
                writer_byte(&w, ' ');
            writer_hex(&w, span_of(hash, sizeof hash));
        }
        writer_byte(&w, '"');
        assert_rule(sealed_for_parse(writer_span(&w), &s), readers == CMS_READERS_MAX ? RULE_OK : RULE_CONTEXT_SYNTAX);
    }
    /* The same in a copy: content sealed again for somebody else is refused as such. */
    struct sipfrag f;
    assert_rule(parse(with(request_copy, H2, H1), &f), RULE_SEALED_FOR);
}

/* protocol.md 2.1: the cid is the part, one's own certificate is listed, and the number is that of encrypted keys. */
static void a_part_is_that_for_which_it_was_sealed(void **state)
{
    (void)state;
    struct sealed_for s;
    struct certificate self = {.hash = {[31] = 0xaa}}, other = {.hash = {7}};
    assert_rule(sealed_for_parse(SPAN("\"a@b\";readers=\"" H1 " " H2 "\""), &s), RULE_OK);
    assert_rule(sealed_for_check(&s, SPAN("a@b"), &self, 2), RULE_OK);
    assert_rule(sealed_for_check(&s, SPAN("a@b"), NULL, 2), RULE_OK);
    assert_rule(sealed_for_check(&s, SPAN("A@b"), &self, 2), RULE_SEALED_FOR);
    assert_rule(sealed_for_check(&s, SPAN(""), &self, 2), RULE_SEALED_FOR);
    assert_rule(sealed_for_check(&s, SPAN("a@b"), &other, 2), RULE_SEALED_FOR);
    assert_rule(sealed_for_check(&(struct sealed_for){.cid = {0}}, SPAN(""), NULL, 0), RULE_SEALED_FOR);
    assert_rule(sealed_for_check(&s, SPAN("a@b"), &self, 1), RULE_SEALED_FOR);
    assert_rule(sealed_for_check(&s, SPAN("a@b"), &self, 3), RULE_SEALED_FOR);
}

/* --- the copy and the message (protocol.md 2.1, rule 4) --- */

static struct message_context request_context(void)
{
    return (struct message_context){
        .request_uri = SPAN("sip:bob@192.0.2.7"),
        .from_uri = SPAN("sip:alice@home.example"),
        .from_tag = SPAN("a1"),
        .to_uri = SPAN("sip:bob@far.example"),
        .call_id = SPAN("c1@ua1.home.example"),
        .cseq = 1,
        .method = SPAN("MESSAGE"),
        .contact_uri = SPAN("sip:alice@ua1.home.example"),
    };
}

static struct message_context response_context(void)
{
    return (struct message_context){
        .is_response = true,
        .status = 200,
        .from_uri = SPAN("sip:alice@home.example"),
        .from_tag = SPAN("a1"),
        .to_uri = SPAN("sip:bob@far.example"),
        .to_tag = SPAN("b1"),
        .call_id = SPAN("c2@ua1.home.example"),
        .cseq = 7,
        .method = SPAN("INVITE"),
    };
}

static enum rule check(const char *copy, struct message_context context)
{
    struct sipfrag f;
    assert_rule(parse(copy, &f), RULE_OK);
    return sipfrag_check(&f, &context);
}

static void a_copy_belongs_to_its_request_and_to_no_other(void **state)
{
    (void)state;
    static const struct {
        const char *old, *new;
    } other[] = {
        {"tag=a1", "tag=a2"},
        {";tag=a1", ""},
        {"tag=a1", "tag=A1"},
        {"alice@home", "mallory@home"},
        {"alice@home.example>", "alice@far.example>"},
        {"bob@far.example", "carol@far.example"},
        {"bob@far.example>", "bob@far.example>;tag=b1"},
        {"c1@ua1", "c2@ua1"},
        {"c1@ua1.home.example", "c1@UA1.home.example"},
        {"1 MESSAGE", "2 MESSAGE"},
        {"1 MESSAGE", "1 INFO"},
        {"1 MESSAGE", "1 message"},
    };
    assert_rule(check(request_copy, request_context()), RULE_OK);
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        if (check(with(request_copy, other[i].old, other[i].new), request_context()) != RULE_CONTEXT_MISMATCH)
            fail_msg("%s for %s", other[i].new, other[i].old);
}

static void addresses_compare_as_addresses_of_record(void **state)
{
    (void)state;
    assert_rule(check(with(request_copy, "sip:alice@home.example", "sips:%61lice@HOME.example:5061;transport=tls"),
                      request_context()), RULE_OK);
    assert_rule(check(with(request_copy, "sip:alice@home.example", "sip:Alice@home.example"), request_context()),
                RULE_CONTEXT_MISMATCH);
    /* Of other schemes, only the same bytes are the same. */
    struct message_context c = request_context();
    c.to_uri = SPAN("urn:service:sos");
    assert_rule(check(with(request_copy, "sip:bob@far.example", "urn:service:sos"), c), RULE_OK);
    c.to_uri = SPAN("tel:+15550100");
    assert_rule(check(with(request_copy, "sip:bob@far.example", "tel:+15550101"), c), RULE_CONTEXT_MISMATCH);
}

/* protocol.md 2.1, rule 4, and 7; RFC 3323 4.1.1.3 */
static void an_anonymous_sender_names_himself_in_the_copy_only(void **state)
{
    (void)state;
    struct message_context c = request_context();
    c.from_uri = SPAN("sip:anonymous@anonymous.invalid");
    assert_rule(check(request_copy, c), RULE_OK);
    c.from_tag = SPAN("other");
    assert_rule(check(request_copy, c), RULE_CONTEXT_MISMATCH);
    c = request_context();
    c.from_uri = SPAN("sip:anonymous@home.example");
    assert_rule(check(request_copy, c), RULE_CONTEXT_MISMATCH);
    c = request_context(); /* only the outer From may be anonymous */
    assert_rule(check(with(request_copy, "sip:alice@home.example", "sip:anonymous@anonymous.invalid"), c),
                RULE_CONTEXT_MISMATCH);
}

static void a_header_that_must_be_in_the_copy_is_missed(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "From: <sip:alice@home.example>;tag=a1\r\n", "To: <sip:bob@far.example>\r\n",
        "Call-ID: c1@ua1.home.example\r\n", "CSeq: 1 MESSAGE\r\n", "Date: " DATE "\r\n",
        "Contact: <sip:alice@ua1.home.example>\r\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_rule(check(with(request_copy, lines[i], ""), request_context()), RULE_CONTEXT_ABSENT);
    struct message_context c = request_context();
    c.contact_uri = (struct span){0}; /* only where the message has one */
    assert_rule(check(with(request_copy, lines[5], ""), c), RULE_OK);
    assert_rule(check("", c), RULE_CONTEXT_ABSENT);
}

static void a_copy_belongs_to_its_response_and_to_no_other(void **state)
{
    (void)state;
    assert_rule(check(response_copy, response_context()), RULE_OK);
    assert_rule(check(with(response_copy, "200 OK", "183 Progress"), response_context()), RULE_CONTEXT_MISMATCH);
    assert_rule(check(with(response_copy, "c2@", "c3@"), response_context()), RULE_CONTEXT_MISMATCH);
    assert_rule(check(with(response_copy, "7 INVITE", "8 INVITE"), response_context()), RULE_CONTEXT_MISMATCH);
    assert_rule(check(with(response_copy, "7 INVITE", "7 UPDATE"), response_context()), RULE_CONTEXT_MISMATCH);
    assert_rule(check(with(response_copy, "tag=b1", "tag=b2"), response_context()), RULE_CONTEXT_MISMATCH);
    /* Another responder than To is judged elsewhere: it is retargeted, not a mismatch. */
    assert_rule(check(with(response_copy, "bob@far", "carol@far"), response_context()), RULE_OK);
    assert_rule(check(with(response_copy, "Date: " DATE "\r\n", ""), response_context()), RULE_CONTEXT_ABSENT);
    assert_rule(check(with(response_copy, "From: <sip:bob@far.example>;tag=b1\r\n", ""), response_context()),
                RULE_CONTEXT_ABSENT);
}

static void a_request_s_copy_serves_no_response_nor_the_reverse(void **state)
{
    (void)state;
    struct message_context c = request_context();
    c.is_response = true;
    c.status = 200;
    assert_rule(check(request_copy, c), RULE_CONTEXT_ABSENT);
    c = response_context();
    c.is_response = false;
    assert_rule(check(response_copy, c), RULE_CONTEXT_MISMATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_of_a_request_is_read),
        cmocka_unit_test(a_copy_is_written_as_it_is_read),
        cmocka_unit_test(headers_are_read_in_any_order_and_form),
        cmocka_unit_test(a_status_line_makes_it_a_copy_of_a_response),
        cmocka_unit_test(what_is_no_copy_is_refused),
        cmocka_unit_test(a_long_start_line_or_too_many_headers_are_refused),
        cmocka_unit_test(a_copy_cut_off_at_any_byte_lacks_something),
        cmocka_unit_test(a_flipped_bit_is_refused_or_leads_to_another_copy),
        cmocka_unit_test(sealed_for_is_read_in_either_case_of_its_digits),
        cmocka_unit_test(what_is_no_sealed_for_is_refused),
        cmocka_unit_test(readers_are_distinct_and_limited),
        cmocka_unit_test(a_part_is_that_for_which_it_was_sealed),
        cmocka_unit_test(a_copy_belongs_to_its_request_and_to_no_other),
        cmocka_unit_test(addresses_compare_as_addresses_of_record),
        cmocka_unit_test(an_anonymous_sender_names_himself_in_the_copy_only),
        cmocka_unit_test(a_header_that_must_be_in_the_copy_is_missed),
        cmocka_unit_test(a_copy_belongs_to_its_response_and_to_no_other),
        cmocka_unit_test(a_request_s_copy_serves_no_response_nor_the_reverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
