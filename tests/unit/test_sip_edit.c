/* Forwarding by edits, and messages that are composed. */
#include "test.h"

#include <stdlib.h>

#include "sipseal/sip_request.h"
#include "sipseal/sip_response.h"

#define TEXT                                                                                                           \
    "MESSAGE sip:bob@far.example SIP/2.0\r\n"                                                                          \
    "v: SIP/2.0/UDP ua1.home.example;rport;branch=z9hG4bKone , SIP/2.0/UDP h2\r\n"                                     \
    "X: kept as it is  \r\nVia: SIP/2.0/TCP h3\r\n"                                                                   \
    "Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\n"                                                      \
    "f: \"A\" <sip:alice@home.example>;tag=a1\r\nTo:  <sip:bob@far.example> \r\n ;x=y\r\ni: c1@ua1\r\n"              \
    "CSeq: 1  MESSAGE\r\nTimestamp: 54.2\r\nMax-Forwards: 70\r\nContent-Length: 4\r\n\r\nbody"

static struct sip_message m;
static uint8_t room[4096];

static void parse(const char *text, enum rule expected)
{
    assert_rule(sip_message_parse(span_text(text), SIP_DATAGRAM, &m), expected);
}

static struct span applied(const struct sip_edits *e)
{
    struct writer w = writer_over(room, sizeof room);
    assert_true(sip_edits_apply(e, &m, &w));
    return writer_span(&w);
}

/* What `text` becomes when its first `old` is replaced. */
static const char *with(const char *text, const char *old, const char *put)
{
    static char changed[2][4096];
    static int turn;
    char *out = changed[turn++ % 2];
    const char *at = strstr(text, old);
    assert_non_null(at);
    snprintf(out, sizeof changed[0], "%.*s%s%s", (int)(at - text), text, put, at + strlen(old));
    return out;
}

static void without_edits_every_byte_stays(void **state)
{
    (void)state;
    struct sip_edits e = {0};
    parse(TEXT, RULE_OK);
    assert_span_text(applied(&e), TEXT);
}

static void edits_leave_every_other_byte_as_it_came(void **state)
{
    (void)state;
    struct sip_edits e = {0};
    parse(TEXT, RULE_OK);
    const struct sip_header *via = sip_header_next(&m, SIP_H_VIA, NULL);
    sip_edit_replace(&e, &m, sip_header_value(&m, SIP_H_MAX_FORWARDS), SPAN("69")); /* given out of order */
    sip_edit_insert(&e, &m, via->line, SPAN("Via: mine\r\n"));
    sip_edit_replace(&e, &m, m.request_uri, SPAN("sip:bob@10.0.0.1;transport=tcp"));
    const char *expected = with(with(with(TEXT, "70", "69"), "v: SIP", "Via: mine\r\nv: SIP"), "sip:bob@far.example",
                                "sip:bob@10.0.0.1;transport=tcp");
    assert_span_text(applied(&e), expected);
}

static void insertions_at_one_place_keep_their_order_and_come_before_a_replacement(void **state)
{
    (void)state;
    parse(TEXT, RULE_OK);
    struct span line = sip_header_next(&m, SIP_H_CSEQ, NULL)->line;
    struct sip_edits e = {0};
    sip_edit_insert(&e, &m, line, SPAN("A: 1\r\n"));
    sip_edit_replace(&e, &m, line, SPAN("CSeq: new\r\n"));
    sip_edit_insert(&e, &m, line, SPAN("B: 2\r\n"));
    assert_span_text(applied(&e), with(TEXT, "CSeq: 1  MESSAGE\r\n", "A: 1\r\nB: 2\r\nCSeq: new\r\n"));
}

static void a_header_can_be_taken_away_at_either_end(void **state)
{
    (void)state;
    parse(TEXT, RULE_OK);
    struct sip_edits e = {0};
    sip_edit_replace(&e, &m, sip_header_next(&m, SIP_H_VIA, NULL)->line, (struct span){0});
    assert_span_text(applied(&e),
                     with(TEXT, "v: SIP/2.0/UDP ua1.home.example;rport;branch=z9hG4bKone , SIP/2.0/UDP h2\r\n", ""));
    e = (struct sip_edits){0};
    sip_edit_replace(&e, &m, m.body, SPAN("x"));
    sip_edit_insert(&e, &m, span_part(m.bytes, m.bytes.len, 0), SPAN("tail"));
    assert_span_text(applied(&e), with(TEXT, "body", "xtail"));
    e = (struct sip_edits){0};
    sip_edit_replace(&e, &m, m.bytes, SPAN("all"));
    assert_span_text(applied(&e), "all");
}

static void edits_that_overlap_or_lie_outside_or_are_too_many_are_refused(void **state)
{
    (void)state;
    parse(TEXT, RULE_OK);
    struct writer w = writer_over(room, sizeof room);
    struct sip_edits e = {0};
    sip_edit_replace(&e, &m, m.request_uri, SPAN("a"));
    sip_edit_replace(&e, &m, span_part(m.request_uri, 3, 2), SPAN("b"));
    assert_false(sip_edits_apply(&e, &m, &w));
    e = (struct sip_edits){0};
    sip_edit_replace(&e, &m, m.request_uri, SPAN("a"));
    sip_edit_replace(&e, &m, m.request_uri, SPAN("b"));
    assert_false(sip_edits_apply(&e, &m, &w));
    e = (struct sip_edits){0};
    sip_edit_replace(&e, &m, m.request_uri, SPAN("a"));
    sip_edit_insert(&e, &m, span_part(m.request_uri, 1, 0), SPAN("b"));
    assert_false(sip_edits_apply(&e, &m, &w));
    e = (struct sip_edits){0};
    sip_edit_insert(&e, &m, SPAN("elsewhere"), SPAN("b"));
    assert_false(sip_edits_apply(&e, &m, &w));
    e = (struct sip_edits){0};
    sip_edit_replace(&e, &m, (struct span){0}, SPAN("b"));
    assert_false(sip_edits_apply(&e, &m, &w));
    e = (struct sip_edits){0};
    for (size_t i = 0; i < SIP_EDITS_MAX; i++)
        sip_edit_insert(&e, &m, m.body, SPAN("b"));
    w = writer_over(room, sizeof room);
    assert_true(sip_edits_apply(&e, &m, &w));
    sip_edit_insert(&e, &m, m.body, SPAN("b"));
    assert_false(sip_edits_apply(&e, &m, &w));
    e = (struct sip_edits){0};
    w = writer_over(room, m.bytes.len - 1);
    assert_false(sip_edits_apply(&e, &m, &w));
}

/* --- responses --- */

static const struct sip_source source = {SPAN_INIT("192.0.2.9"), 4242};

static void a_response_copies_what_it_must(void **state)
{
    (void)state;
    static const struct sip_response ok = {.status = 200,
                                           .to_tag = SPAN_INIT("b1"),
                                           .headers = SPAN_INIT("Contact: <sip:b@h>\r\nContent-Type: text/plain\r\n"),
                                           .body = SPAN_INIT("hi"),
                                           .record_route = true};
    struct writer w = writer_over(room, sizeof room);
    parse(TEXT, RULE_OK);
    assert_true(sip_response_write(&w, &m, &source, &ok));
    assert_span_text(
        writer_span(&w),
        "SIP/2.0 200 OK\r\n"
        "v: SIP/2.0/UDP ua1.home.example;branch=z9hG4bKone;rport=4242;received=192.0.2.9 , SIP/2.0/UDP h2\r\n"
        "Via: SIP/2.0/TCP h3\r\nRecord-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\n"
        "f: \"A\" <sip:alice@home.example>;tag=a1\r\nTo:  <sip:bob@far.example> \r\n ;x=y;tag=b1\r\n"
        "i: c1@ua1\r\nCSeq: 1  MESSAGE\r\nContact: <sip:b@h>\r\nContent-Type: text/plain\r\n"
        "Content-Length: 2\r\n\r\nhi");
    struct sip_message response;
    struct span bytes = writer_span(&w);
    assert_rule(sip_message_parse(bytes, SIP_STREAM, &response), RULE_OK);
    assert_span_text(response.to.tag, "b1");
}

/* RFC 3261 8.2.6: no tag in a 100, and the Timestamp comes back. */
static void a_100_has_the_timestamp_and_no_tag(void **state)
{
    (void)state;
    static const struct sip_response trying = {.status = 100};
    struct writer w = writer_over(room, sizeof room);
    parse(TEXT, RULE_OK);
    assert_true(sip_response_write(&w, &m, &source, &trying));
    assert_int_not_equal(span_find_span(writer_span(&w), SPAN("\r\nTimestamp: 54.2\r\n")), w.len);
    assert_int_not_equal(span_find_span(writer_span(&w), SPAN(" ;x=y\r\ni: c1")), w.len);
    assert_int_equal(span_find_span(writer_span(&w), SPAN("Record-Route")), w.len);
}

static void a_tag_that_is_there_stays(void **state)
{
    (void)state;
    static const struct sip_response gone = {
        .status = 481, .to_tag = SPAN_INIT("new"), .reason = SPAN_INIT("Not here")};
    struct writer w = writer_over(room, sizeof room);
    parse("BYE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: sip:a@h;tag=1\r\nTo: sip:b@h;tag=old\r\nCall-ID: c\r\n"
          "CSeq: 1 BYE\r\n\r\n",
          RULE_OK);
    assert_true(sip_response_write(&w, &m, &(struct sip_source){0}, &gone));
    assert_span_text(writer_span(&w), "SIP/2.0 481 Not here\r\nVia: SIP/2.0/UDP h\r\nFrom: sip:a@h;tag=1\r\n"
                                      "To: sip:b@h;tag=old\r\nCall-ID: c\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n");
}

static void a_request_that_is_broken_is_answered_as_far_as_it_was_read(void **state)
{
    (void)state;
    static const struct sip_response bad = {.status = 400, .to_tag = SPAN_INIT("b1")};
    struct writer w = writer_over(room, sizeof room);
    parse("BYE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;;\r\nFrom: \"open <sip:a@h>\r\nTo: <sip:b@h>;;\r\nCall-ID: c d\r\n"
          "CSeq: x\r\nFrom: again\r\n",
          RULE_SIP_SYNTAX);
    assert_true(sip_response_write(&w, &m, &source, &bad));
    assert_span_text(writer_span(&w), "SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP h;;\r\nFrom: \"open <sip:a@h>\r\n"
                                      "To: <sip:b@h>;;\r\nCall-ID: c d\r\nCSeq: x\r\nContent-Length: 0\r\n\r\n");
    parse("BYE sip:b@h SIP/2.0\r\nFrom: <sip:a@h>\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n\r\n",
          RULE_SIP_HEADER_MISSING);
    assert_false(sip_response_write(&w, &m, &source, &bad)); /* nowhere to go */
}

static void nothing_can_add_a_line_to_a_response(void **state)
{
    (void)state;
    static const struct sip_response bad[] = {
        {.status = 400, .reason = SPAN_INIT("x\r\nEvil: 1")},
        {.status = 400, .reason = SPAN_INIT("x\nEvil: 1")},
        {.status = 400, .reason = SPAN_INIT("x\0")},
        {.status = 400, .to_tag = SPAN_INIT("x\r\nEvil: 1")},
        {.status = 400, .to_tag = SPAN_INIT("a b")},
        {.status = 400, .headers = SPAN_INIT("X: y")},
        {.status = 400, .headers = SPAN_INIT("X: y\n")},
        {.status = 400, .headers = SPAN_INIT("X: y\r\n\r\n")},
        {.status = 400, .headers = SPAN_INIT("\r\n")},
        {.status = 400, .headers = SPAN_INIT(" folded\r\n")},
        {.status = 400, .headers = SPAN_INIT("no colon\r\n")},
        {.status = 99},
        {.status = 700},
    };
    parse(TEXT, RULE_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct writer w = writer_over(room, sizeof room);
        assert_false(sip_response_write(&w, &m, &source, &bad[i]));
        assert_int_equal(w.len, 0);
    }
    struct writer w = writer_over(room, 100);
    assert_false(sip_response_write(&w, &m, &source, &(struct sip_response){.status = 200}));
}

/* --- requests --- */

static struct sip_request usual_request(void)
{
    return (struct sip_request){
        .method = SPAN("MESSAGE"),
        .uri = SPAN("sip:bob@far.example"),
        .transport = SIP_TCP,
        .sent_by = SPAN("[2001:db8::1]:5060"),
        .branch = SPAN("z9hG4bKone"),
        .rport = true,
        .max_forwards = SIP_MAX_FORWARDS,
        .from = SPAN("<sip:alice@home.example>;tag=a1"),
        .to = SPAN("<sip:bob@far.example>"),
        .call_id = SPAN("c1"),
        .cseq = 7,
        .headers = SPAN("Route: <sip:p1;lr>\r\nContent-Type: text/plain\r\n"),
        .body = SPAN("hello"),
    };
}

static void a_request_is_written_as_it_will_be_read(void **state)
{
    (void)state;
    struct sip_request request = usual_request();
    struct writer w = writer_over(room, sizeof room);
    assert_true(sip_request_write(&w, &request));
    assert_span_text(
        writer_span(&w),
        "MESSAGE sip:bob@far.example SIP/2.0\r\nVia: SIP/2.0/TCP [2001:db8::1]:5060;branch=z9hG4bKone;rport\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:alice@home.example>;tag=a1\r\nTo: <sip:bob@far.example>\r\n"
        "Call-ID: c1\r\nCSeq: 7 MESSAGE\r\nRoute: <sip:p1;lr>\r\nContent-Type: text/plain\r\n"
        "Content-Length: 5\r\n\r\nhello");
    assert_rule(sip_message_parse(writer_span(&w), SIP_STREAM, &m), RULE_OK);
    assert_span_text(m.body, "hello");
    w = writer_over(room, sizeof room);
    request.rport = false;
    request.headers = request.body = (struct span){0};
    assert_true(sip_request_write(&w, &request));
    assert_rule(sip_message_parse(writer_span(&w), SIP_STREAM, &m), RULE_OK);
    assert_false(m.via.has_rport);
    w = writer_over(room, 50);
    assert_false(sip_request_write(&w, &request));
}

static void nothing_can_add_a_line_to_a_request(void **state)
{
    (void)state;
    static const struct span evil[] = {SPAN_INIT(""), SPAN_INIT("a\r\nX: y"), SPAN_INIT("a\nb"), SPAN_INIT("a\rb"),
                                       SPAN_INIT("a\0b")};
    for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++) {
        for (int part = 0; part < 7; part++) {
            struct sip_request request = usual_request();
            struct span *parts[] = {&request.method, &request.uri, &request.sent_by, &request.branch,
                                    &request.from,   &request.to,  &request.call_id};
            struct writer w = writer_over(room, sizeof room);
            *parts[part] = evil[i];
            assert_false(sip_request_write(&w, &request));
            assert_int_equal(w.len, 0);
        }
    }
    struct writer w = writer_over(room, sizeof room);
    struct sip_request request = usual_request();
    request.headers = SPAN("X: y\r\n\r\n");
    assert_false(sip_request_write(&w, &request));
    request = usual_request();
    request.transport = SIP_TRANSPORT_OTHER;
    assert_false(sip_request_write(&w, &request));
    request = usual_request();
    request.cseq = UINT32_C(1) << 31;
    assert_false(sip_request_write(&w, &request));
    assert_true(sip_header_lines_are_whole(SPAN("A: 1\r\n folded\r\nB:\r\n")));
    assert_true(sip_header_lines_are_whole((struct span){0}));
    assert_false(sip_header_lines_are_whole(SPAN("A: 1\r\nB")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_edits_every_byte_stays),
        cmocka_unit_test(edits_leave_every_other_byte_as_it_came),
        cmocka_unit_test(insertions_at_one_place_keep_their_order_and_come_before_a_replacement),
        cmocka_unit_test(a_header_can_be_taken_away_at_either_end),
        cmocka_unit_test(edits_that_overlap_or_lie_outside_or_are_too_many_are_refused),
        cmocka_unit_test(a_response_copies_what_it_must),
        cmocka_unit_test(a_100_has_the_timestamp_and_no_tag),
        cmocka_unit_test(a_tag_that_is_there_stays),
        cmocka_unit_test(a_request_that_is_broken_is_answered_as_far_as_it_was_read),
        cmocka_unit_test(nothing_can_add_a_line_to_a_response),
        cmocka_unit_test(a_request_is_written_as_it_will_be_read),
        cmocka_unit_test(nothing_can_add_a_line_to_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
