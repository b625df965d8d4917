/* The message parser (RFC 3261 7, 18.3, 25.1), with messages of our own for each kind of fault. */
#include "test.h"

#include <stdlib.h>

#include "sipseal/sip_message.h"

/* A request of which each line can be changed. */
#define START "MESSAGE sip:bob@far.example SIP/2.0\r\n"
#define VIA "Via: SIP/2.0/UDP ua1.home.example;branch=z9hG4bKone\r\n"
#define FROM "From: <sip:alice@home.example>;tag=a1\r\n"
#define TO "To: <sip:bob@far.example>\r\n"
#define CALL_ID "Call-ID: c1@ua1.home.example\r\n"
#define CSEQ "CSeq: 1 MESSAGE\r\n"
#define ALL VIA FROM TO CALL_ID CSEQ
#define STATUS "SIP/2.0 200 OK\r\n"

static struct sip_message m; /* large */

static enum rule parse(struct span bytes, enum sip_framing framing)
{
    /* At the end of an allocation of its own, so that a byte read too far is an error; kept until the next one. */
    static uint8_t *copy;
    free(copy);
    copy = malloc(bytes.len ? bytes.len : 1);
    assert_non_null(copy);
    if (bytes.len)
        memcpy(copy, bytes.at, bytes.len);
    return sip_message_parse(span_of(copy, bytes.len), framing, &m);
}

static enum rule parse_text(const char *text)
{
    return parse(span_text(text), SIP_DATAGRAM);
}

static void a_request_is_seen_in_place(void **state)
{
    (void)state;
    static const char text[] = START VIA "v: SIP/2.0/TCP second.example\r\n"
                                         "f: \"Alice\" <sip:alice@home.example>;tag=a1\r\n" TO CALL_ID CSEQ
                                         "Max-Forwards: 70\r\nX-New:\r\nSubject:   folded\r\n here  \r\n"
                                         "c: text/plain\r\nContent-Length: 5\r\n\r\nhelloNOISE";
    assert_rule(sip_message_parse(span_text(text), SIP_DATAGRAM, &m), RULE_OK);
    assert_true(m.is_request);
    assert_int_equal(m.method, SIP_MESSAGE);
    assert_span_text(m.method_text, "MESSAGE");
    assert_span_text(m.request_uri, "sip:bob@far.example");
    assert_span_text(m.body, "hello");
    assert_int_equal(m.bytes.len, sizeof text - 1 - 5); /* noise is not of the message (18.3) */
    assert_int_equal(m.head.len + m.body.len, m.bytes.len);
    assert_ptr_equal(m.bytes.at, text);
    assert_int_equal(m.header_count, 11);
    assert_span_text(m.via.branch, "z9hG4bKone");
    assert_span_text(m.via.host, "ua1.home.example");
    assert_span_text(m.from.display, "\"Alice\"");
    assert_span_text(m.from.tag, "a1");
    assert_span_text(m.to.uri, "sip:bob@far.example");
    assert_int_equal(m.to.tag.len, 0);
    assert_span_text(m.call_id, "c1@ua1.home.example");
    assert_int_equal(m.cseq, 1);
    assert_span_text(m.cseq_method, "MESSAGE");
    assert_true(m.has_max_forwards);
    assert_int_equal(m.max_forwards, 70);
    assert_int_equal(sip_header_count(&m, SIP_H_VIA), 2);
    const struct sip_header *second = sip_header_next(&m, SIP_H_VIA, sip_header_next(&m, SIP_H_VIA, NULL));
    assert_span_text(second->line, "v: SIP/2.0/TCP second.example\r\n");
    assert_span_text(second->name, "v");
    assert_null(sip_header_next(&m, SIP_H_VIA, second));
    assert_span_text(sip_header_value(&m, SIP_H_SUBJECT), "folded\r\n here");
    assert_span_text(sip_header_next(&m, SIP_H_SUBJECT, NULL)->line, "Subject:   folded\r\n here  \r\n");
    assert_span_text(sip_header_value(&m, SIP_H_CONTENT_TYPE), "text/plain");
    assert_int_equal(sip_header_value(&m, SIP_H_DATE).len, 0);
    assert_true(sip_message_answerable(&m));
}

static void a_response_is_seen_in_place(void **state)
{
    (void)state;
    static const char text[] = "sip/2.0 486 Busy % here \xc3\xa9\r\n" ALL "\r\n";
    assert_rule(sip_message_parse(span_text(text), SIP_DATAGRAM, &m), RULE_OK);
    assert_false(m.is_request);
    assert_int_equal(m.status, 486);
    assert_span_text(m.reason, "Busy % here \xc3\xa9");
    assert_int_equal(m.method, SIP_MESSAGE); /* of CSeq */
    assert_span_text(m.method_text, "MESSAGE");
    assert_int_equal(m.body.len, 0);
    assert_false(m.has_max_forwards);
    assert_false(sip_message_answerable(&m));
    assert_rule(parse_text("SIP/2.0 100 \r\n" ALL "\r\n"), RULE_OK); /* RFC 4475 3.1.1.13 */
    assert_int_equal(m.reason.len, 0);
}

struct fault {
    const char *text;
    enum rule rule;
    bool answerable;
};

static void check_faults(const struct fault *fault, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum rule rule = parse_text(fault[i].text);
        if (rule != fault[i].rule || sip_message_answerable(&m) != fault[i].answerable)
            fail_msg("gave %s, answerable %d: %s", rule_name(rule), sip_message_answerable(&m), fault[i].text);
    }
}

static void start_lines_that_are_broken_are_refused(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {"", RULE_SIP_SYNTAX, false},
        {"\r\n", RULE_SIP_SYNTAX, false},
        {"\r\n" START ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"MESSAGE\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"MESSAGE sip:bob@far.example\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"MESSAGE SIP/2.0\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"GET / HTTP/1.1\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"MES(SAGE sip:bob@far.example SIP/2.0\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {" MESSAGE sip:bob@far.example SIP/2.0\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"MESSAGE  sip:bob@far.example SIP/2.0\r\n" ALL "\r\n", RULE_SIP_SYNTAX, true}, /* RFC 4475 3.1.2.9 */
        {"MESSAGE sip:bob@far.example  SIP/2.0\r\n" ALL "\r\n", RULE_SIP_URI, true},
        {"MESSAGE sip:bob@far.example SIP/2.0 \r\n" ALL "\r\n", RULE_SIP_SYNTAX, true}, /* RFC 4475 3.1.2.10 */
        {"MESSAGE\tsip:bob@far.example SIP/2.0\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"MESSAGE sip:bob@far.example; lr SIP/2.0\r\n" ALL "\r\n", RULE_SIP_URI, true},
        {"MESSAGE <sip:bob@far.example> SIP/2.0\r\n" ALL "\r\n", RULE_SIP_URI, true},
        {"MESSAGE sip:bob@far.example?Route=x SIP/2.0\r\n" ALL "\r\n", RULE_SIP_URI, true}, /* RFC 4475 3.1.2.11 */
        {"MESSAGE * SIP/2.0\r\n" ALL "\r\n", RULE_SIP_URI, true},
        {"MESSAGE sip:bob@far.example SIP/2.1\r\n" ALL "\r\n", RULE_SIP_VERSION, true},
        {"MESSAGE sip:bob@far.example SIP/7.0\r\n" ALL "\r\n", RULE_SIP_VERSION, true},
        {"MESSAGE sip:bob@far.example SIP/02.0\r\n" ALL "\r\n", RULE_SIP_VERSION, true},
        {"MESSAGE sip:bob@far.example SIP/2\r\n" ALL "\r\n", RULE_SIP_SYNTAX, true},
        {"MESSAGE sip:bob@far.example SIP/2.0x\r\n" ALL "\r\n", RULE_SIP_SYNTAX, true},
        {"MESSAGE sip:bob@far.example SIP/2.0\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"SIP/2.0\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"SIP/2.0 200\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"SIP/2.0 99 Low\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"SIP/2.0 099 Low\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"SIP/2.0 700 High\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"SIP/2.0 4294967301 Wrapped\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"SIP/2.0 +20 OK\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"SIP/2.0  200 OK\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"SIP/2.0 200OK\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"SIP/2.0 200 O\x01K\r\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {"SIP/3.0 200 OK\r\n" ALL "\r\n", RULE_SIP_VERSION, false},
    };
    check_faults(faults, sizeof faults / sizeof faults[0]);
}

static void header_lines_that_are_broken_are_refused(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {START ALL, RULE_SIP_SYNTAX, true}, /* no empty line */
        {START ALL "X: y", RULE_SIP_SYNTAX, true},
        {START ALL "X: y\r\n", RULE_SIP_SYNTAX, true},
        {START ALL "X: y\r", RULE_SIP_SYNTAX, true},
        {START ALL "\r", RULE_SIP_SYNTAX, true},
        {START ALL "no colon\r\n\r\n", RULE_SIP_SYNTAX, true},
        {START ALL ": no name\r\n\r\n", RULE_SIP_SYNTAX, true},
        {START ALL "na@me: x\r\n\r\n", RULE_SIP_SYNTAX, true},
        {START " X: folded into the start line\r\n" ALL "\r\n", RULE_SIP_SYNTAX, true},
        {START ALL "X: a\nY: b\r\n\r\n", RULE_SIP_SYNTAX, true}, /* an LF by itself: hidden lines */
        {START ALL "X: a\rY: b\r\n\r\n", RULE_SIP_SYNTAX, true},
        {START ALL "X: a\r\r\n\r\n", RULE_SIP_SYNTAX, true},
        {START ALL "\n\r\n", RULE_SIP_SYNTAX, true},
        {"OPTIONS sip:bob@far.example SIP/2.0\r\nX: a\n" ALL "\r\n", RULE_SIP_SYNTAX, false},
        {START ALL "X : y\r\nY\t:z\r\nZ:\r\n\tz\r\n\r\n", RULE_OK, true}, /* HCOLON */
        {START ALL "X: y\r\n \r\n\t\r\n\r\n", RULE_OK, true},             /* LWS after a value */
    };
    check_faults(faults, sizeof faults / sizeof faults[0]);
}

static void the_headers_that_every_message_has_must_be_there_and_good(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {START FROM TO CALL_ID CSEQ "\r\n", RULE_SIP_HEADER_MISSING, false},
        {START VIA TO CALL_ID CSEQ "\r\n", RULE_SIP_HEADER_MISSING, false},
        {START VIA FROM CALL_ID CSEQ "\r\n", RULE_SIP_HEADER_MISSING, false},
        {START VIA FROM TO CSEQ "\r\n", RULE_SIP_HEADER_MISSING, false},
        {START VIA FROM TO CALL_ID "\r\n", RULE_SIP_HEADER_MISSING, false},
        {STATUS VIA FROM TO CALL_ID "\r\n", RULE_SIP_HEADER_MISSING, false},
        {START "Via: SIP/2.0/UDP h;;,;,,\r\n" FROM TO CALL_ID CSEQ "\r\n", RULE_SIP_SYNTAX, true}, /* 4475 3.1.2.1 */
        {START "Via: nonsense\r\n" FROM TO CALL_ID CSEQ "\r\n", RULE_SIP_SYNTAX, false},
        {START "Via:\r\n" FROM TO CALL_ID CSEQ "\r\n", RULE_SIP_SYNTAX, false},
        {START VIA "From: \"open <sip:a@h>\r\n" TO CALL_ID CSEQ "\r\n", RULE_SIP_SYNTAX, true},
        {START VIA "From: <sip:a@h>, <sip:b@h>\r\n" TO CALL_ID CSEQ "\r\n", RULE_SIP_SYNTAX, true},
        {START VIA FROM "To: Bell, A. <sip:a@h>\r\n" CALL_ID CSEQ "\r\n", RULE_SIP_SYNTAX, true}, /* 4475 3.1.2.15 */
        {START VIA FROM TO "Call-ID: a b\r\n" CSEQ "\r\n", RULE_SIP_SYNTAX, true},
        {START VIA FROM TO "Call-ID: a@b@c\r\n" CSEQ "\r\n", RULE_SIP_SYNTAX, true},
        {START VIA FROM TO "Call-ID: a@\r\n" CSEQ "\r\n", RULE_SIP_SYNTAX, true},
        {START VIA FROM TO "Call-ID:\r\n" CSEQ "\r\n", RULE_SIP_SYNTAX, true},
        {START VIA FROM TO "Call-ID: <a>(b)[c]{d}?/:\"\\~@e\r\n" CSEQ "\r\n", RULE_OK, true},
        {START VIA FROM TO CALL_ID "CSeq: 1\r\n\r\n", RULE_SIP_CSEQ, true},
        {START VIA FROM TO CALL_ID "CSeq: MESSAGE\r\n\r\n", RULE_SIP_CSEQ, true},
        {START VIA FROM TO CALL_ID "CSeq: 1MESSAGE\r\n\r\n", RULE_SIP_CSEQ, true},
        {START VIA FROM TO CALL_ID "CSeq: 1 MESSAGE x\r\n\r\n", RULE_SIP_CSEQ, true},
        {START VIA FROM TO CALL_ID "CSeq: -1 MESSAGE\r\n\r\n", RULE_SIP_CSEQ, true},
        {START VIA FROM TO CALL_ID "CSeq: 2147483648 MESSAGE\r\n\r\n", RULE_SIP_CSEQ, true},
        {START VIA FROM TO CALL_ID "CSeq: 36893488147419103232 MESSAGE\r\n\r\n", RULE_SIP_CSEQ, true},
        {START VIA FROM TO CALL_ID "CSeq: 1 OPTIONS\r\n\r\n", RULE_SIP_CSEQ, true}, /* 4475 3.1.2.17 */
        {START VIA FROM TO CALL_ID "CSeq: 1 message\r\n\r\n", RULE_SIP_CSEQ, true},
        {START VIA FROM TO CALL_ID "CSeq: 0009\r\n  MESSAGE\r\n\r\n", RULE_OK, true},
        {START VIA FROM TO CALL_ID "CSeq: 2147483647 MESSAGE\r\n\r\n", RULE_OK, true},
        {STATUS VIA FROM TO CALL_ID "CSeq: 99999999999 MESSAGE\r\n\r\n", RULE_SIP_CSEQ, false},
        {START ALL "Max-Forwards: 256\r\n\r\n", RULE_SIP_SYNTAX, true},
        {START ALL "Max-Forwards: x\r\n\r\n", RULE_SIP_SYNTAX, true},
        {START ALL "Max-Forwards:\r\n\r\n", RULE_SIP_SYNTAX, true},
        {START ALL "Max-Forwards: 0\r\n\r\n", RULE_OK, true},
        {"ACK sip:bob@far.example SIP/2.0\r\n" VIA FROM TO CALL_ID "CSeq: 1 ACK\r\n\r\n", RULE_OK, false},
    };
    check_faults(faults, sizeof faults / sizeof faults[0]);
}

static void a_header_that_may_stand_once_is_refused_when_it_stands_twice(void **state)
{
    (void)state;
    static const char *const in_every_message[] = {
        FROM, TO, CALL_ID, CSEQ, "f: <sip:c@h>;tag=1\r\n", "t: <sip:c@h>\r\n", "i: x\r\n"};
    static const char *const others[] = {
        "Max-Forwards: 1\r\n",
        "Date: Mon, 23 Nov 2026 13:00:00 GMT\r\n",
        "Expires: 1\r\n",
        "Content-Length: 0\r\n",
        "Content-Type: text/plain\r\n",
        "Content-ID: <a@b>\r\n",
        "MIME-Version: 1.0\r\n",
        "Subject: x\r\n",
        "Content-Transfer-Encoding: binary\r\n",
        "Content-Disposition: render\r\n",
        "Retry-After: 1\r\n",
        "Timestamp: 1\r\n",
    };
    char text[2048];
    for (size_t i = 0; i < sizeof in_every_message / sizeof in_every_message[0]; i++) {
        snprintf(text, sizeof text, "%s%s\r\n", START ALL, in_every_message[i]);
        if (parse_text(text) != RULE_SIP_HEADER_TWICE || !sip_message_answerable(&m))
            fail_msg("%s", in_every_message[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        snprintf(text, sizeof text, "%s%s\r\n", START ALL, others[i]);
        assert_rule(parse_text(text), RULE_OK);
        snprintf(text, sizeof text, "%s%s%s\r\n", START ALL, others[i], others[i]);
        if (parse_text(text) != RULE_SIP_HEADER_TWICE || !sip_message_answerable(&m))
            fail_msg("%s", others[i]);
    }
    assert_rule(parse_text(START ALL "l: 0\r\nContent-Length: 0\r\n\r\n"), RULE_SIP_HEADER_TWICE);
    assert_rule(parse_text(START ALL VIA "Route: <sip:a>\r\nRoute: <sip:b>\r\nX: 1\r\nX: 2\r\n"
                                         "Proxy-Inspect-Body: p.example;cid=\"a@b\"\r\n"
                                         "Proxy-Inspect-Body: q.example;cid=\"a@b\"\r\n\r\n"),
                RULE_OK);
    assert_rule(parse_text(START ALL "From: <sip:mallory@evil.example>;tag=m\r\n\r\n"), RULE_SIP_HEADER_TWICE);
    assert_span_text(m.from.uri, "sip:alice@home.example"); /* the first is the one that is answered */
}

/* RFC 3261 18.3 */
static void content_length_frames_the_body(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rule datagram, stream;
        const char *body; /* of the datagram */
    } cases[] = {
        {START ALL "\r\nhello", RULE_OK, RULE_SIP_CONTENT_LENGTH, "hello"},
        {START ALL "\r\n", RULE_OK, RULE_SIP_CONTENT_LENGTH, ""},
        {START ALL "Content-Length: 5\r\n\r\nhello", RULE_OK, RULE_OK, "hello"},
        {START ALL "Content-Length: 0005\r\n\r\nhello", RULE_OK, RULE_OK, "hello"},
        {START ALL "l:\r\n 5\r\n\r\nhello", RULE_OK, RULE_OK, "hello"},
        {START ALL "Content-Length: 4\r\n\r\nhello", RULE_OK, RULE_SIP_CONTENT_LENGTH, "hell"},
        {START ALL "Content-Length: 0\r\n\r\nhello", RULE_OK, RULE_SIP_CONTENT_LENGTH, ""},
        {START ALL "Content-Length: 6\r\n\r\nhello", RULE_SIP_CONTENT_LENGTH, RULE_SIP_CONTENT_LENGTH, "hello"},
        {START ALL "Content-Length: -1\r\n\r\nhello", RULE_SIP_CONTENT_LENGTH, RULE_SIP_CONTENT_LENGTH, "hello"},
        {START ALL "Content-Length: +5\r\n\r\nhello", RULE_SIP_CONTENT_LENGTH, RULE_SIP_CONTENT_LENGTH, "hello"},
        {START ALL "Content-Length: 5x\r\n\r\nhello", RULE_SIP_CONTENT_LENGTH, RULE_SIP_CONTENT_LENGTH, "hello"},
        {START ALL "Content-Length: 5, 5\r\n\r\nhello", RULE_SIP_CONTENT_LENGTH, RULE_SIP_CONTENT_LENGTH, "hello"},
        {START ALL "Content-Length: five\r\n\r\nhello", RULE_SIP_CONTENT_LENGTH, RULE_SIP_CONTENT_LENGTH, "hello"},
        {START ALL "Content-Length:\r\n\r\nhello", RULE_SIP_CONTENT_LENGTH, RULE_SIP_CONTENT_LENGTH, "hello"},
        {START ALL "Content-Length: 4294967301\r\n\r\nhello", RULE_SIP_CONTENT_LENGTH, RULE_SIP_CONTENT_LENGTH,
         "hello"},
        {START ALL "Content-Length: 18446744073709551621\r\n\r\nhello", RULE_SIP_CONTENT_LENGTH,
         RULE_SIP_CONTENT_LENGTH, "hello"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct span text = span_text(cases[i].text);
        assert_rule(parse(text, SIP_STREAM), cases[i].stream);
        assert_true(sip_message_answerable(&m));
        assert_rule(parse(text, SIP_DATAGRAM), cases[i].datagram);
        assert_span_text(m.body, cases[i].body);
        assert_true(sip_message_answerable(&m));
    }
}

static void the_first_fault_is_the_one_that_is_told(void **state)
{
    (void)state;
    assert_rule(parse_text("MESSAGE sip:bob@far.example SIP/7.0\r\n" VIA FROM TO CALL_ID "CSeq: x\r\n\r\n"),
                RULE_SIP_VERSION);
    assert_rule(parse_text(START VIA FROM FROM TO CALL_ID "CSeq: x\r\n\r\n"), RULE_SIP_HEADER_TWICE);
    assert_rule(parse_text(START VIA FROM TO CALL_ID "CSeq: x\r\nContent-Length: 9\r\n\r\n"), RULE_SIP_CSEQ);
}

static void a_nul_stands_only_where_it_is_quoted(void **state)
{
    (void)state;
    assert_rule(parse(SPAN(START ALL "X: a\0b\r\n\r\n"), SIP_DATAGRAM), RULE_SIP_SYNTAX);
    assert_rule(parse(SPAN(START ALL "X: \"a\0b\"\r\n\r\n"), SIP_DATAGRAM), RULE_SIP_SYNTAX);
    assert_rule(parse(SPAN(START ALL "X: a\\\0b\r\n\r\n"), SIP_DATAGRAM), RULE_SIP_SYNTAX);
    assert_rule(parse(SPAN(START ALL "X: \"a\" \\\0b\r\n\r\n"), SIP_DATAGRAM), RULE_SIP_SYNTAX);
    assert_rule(parse(SPAN(START ALL "X: \"a\\\"\0b\"\r\n\r\n"), SIP_DATAGRAM), RULE_SIP_SYNTAX);
    assert_rule(parse(SPAN(START ALL "X: \"a\\\0b\"\r\n\r\n"), SIP_DATAGRAM), RULE_OK); /* RFC 4475 3.1.1.2 */
    assert_rule(parse(SPAN(START ALL "X\0: a\r\n\r\n"), SIP_DATAGRAM), RULE_SIP_SYNTAX);
    assert_rule(parse(SPAN("MESS\0GE sip:bob@far.example SIP/2.0\r\n" ALL "\r\n"), SIP_DATAGRAM), RULE_SIP_SYNTAX);
    assert_rule(parse(SPAN("SIP/2.0 200 O\0K\r\n" ALL "\r\n"), SIP_DATAGRAM), RULE_SIP_SYNTAX);
    assert_rule(parse(SPAN(START ALL "\r\nbo\0dy"), SIP_DATAGRAM), RULE_OK);
    assert_int_equal(m.body.len, 5);
}

/* --- limits --- */

static struct span fill(uint8_t *room, size_t cap, const char *begin, const char *each, size_t times, const char *end)
{
    struct writer w = writer_over(room, cap);
    writer_text(&w, begin);
    for (size_t i = 0; i < times; i++)
        writer_text(&w, each);
    writer_text(&w, end);
    assert_false(w.full);
    return writer_span(&w);
}

static void limits_hold_exactly(void **state)
{
    (void)state;
    static uint8_t room[2 * SIP_MESSAGE_MAX];
    assert_rule(parse(fill(room, sizeof room, START ALL, "X: y\r\n", SIP_HEADERS_MAX - 5, "\r\n"), SIP_DATAGRAM),
                RULE_OK);
    assert_int_equal(m.header_count, SIP_HEADERS_MAX);
    assert_rule(parse(fill(room, sizeof room, START ALL, "X: y\r\n", SIP_HEADERS_MAX - 4, "\r\n"), SIP_DATAGRAM),
                RULE_SIP_HEADERS);
    assert_true(sip_message_answerable(&m));
    assert_rule(parse(fill(room, sizeof room, START ALL "X:", "y", SIP_HEADER_LINE_MAX - 4, "\r\n\r\n"), SIP_DATAGRAM),
                RULE_OK);
    assert_rule(parse(fill(room, sizeof room, START ALL "X:", "y", SIP_HEADER_LINE_MAX - 3, "\r\n\r\n"), SIP_DATAGRAM),
                RULE_SIP_HEADERS);
    assert_rule(
        parse(fill(room, sizeof room, START ALL "X:", "\r\n ", SIP_HEADER_LINE_MAX / 3, "\r\n\r\n"), SIP_DATAGRAM),
        RULE_SIP_HEADERS);
    assert_rule(parse(fill(room, sizeof room, START ALL, "0123456789: 0123456789\r\n", 2000, "\r\n"), SIP_DATAGRAM),
                RULE_SIP_HEADERS);
    assert_rule(parse(fill(room, sizeof room, "", "a", 2 * SIP_HEAD_MAX, ""), SIP_DATAGRAM), RULE_SIP_HEADERS);
    /* A head of exactly SIP_HEAD_MAX bytes, and one of one byte more. */
    for (size_t more = 0; more < 2; more++) {
        struct writer w = writer_over(room, sizeof room);
        writer_text(&w, START ALL);
        size_t left = SIP_HEAD_MAX + more - w.len - 2;
        while (left) {
            size_t line = left > 8000 + 6 ? 8000 : left;
            writer_text(&w, "B:");
            for (size_t i = 4; i < line; i++)
                writer_byte(&w, 'x');
            writer_text(&w, "\r\n");
            left -= line;
        }
        writer_text(&w, "\r\nbody");
        assert_rule(parse(writer_span(&w), SIP_DATAGRAM), more ? RULE_SIP_HEADERS : RULE_OK);
    }
    struct span most =
        fill(room, sizeof room, START ALL "\r\n", "b", SIP_MESSAGE_MAX - sizeof START ALL "\r\n" + 1, "");
    assert_int_equal(most.len, SIP_MESSAGE_MAX);
    assert_rule(parse(most, SIP_DATAGRAM), RULE_OK);
    room[most.len] = 'b';
    assert_rule(parse(span_of(room, most.len + 1), SIP_DATAGRAM), RULE_SIP_SIZE);
    assert_true(sip_message_answerable(&m));
}

/* --- names --- */

static void header_names_are_known_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum sip_header_id id;
    } names[] = {
        {"Via", SIP_H_VIA},
        {"v", SIP_H_VIA},
        {"VIA", SIP_H_VIA},
        {"From", SIP_H_FROM},
        {"F", SIP_H_FROM},
        {"To", SIP_H_TO},
        {"t", SIP_H_TO},
        {"Call-ID", SIP_H_CALL_ID},
        {"call-id", SIP_H_CALL_ID},
        {"i", SIP_H_CALL_ID},
        {"CSeq", SIP_H_CSEQ},
        {"Contact", SIP_H_CONTACT},
        {"m", SIP_H_CONTACT},
        {"Max-Forwards", SIP_H_MAX_FORWARDS},
        {"Max-Breadth", SIP_H_MAX_BREADTH},
        {"Route", SIP_H_ROUTE},
        {"Record-Route", SIP_H_RECORD_ROUTE},
        {"Proxy-Require", SIP_H_PROXY_REQUIRE},
        {"Require", SIP_H_REQUIRE},
        {"Supported", SIP_H_SUPPORTED},
        {"k", SIP_H_SUPPORTED},
        {"Unsupported", SIP_H_UNSUPPORTED},
        {"Expires", SIP_H_EXPIRES},
        {"Date", SIP_H_DATE},
        {"Warning", SIP_H_WARNING},
        {"Retry-After", SIP_H_RETRY_AFTER},
        {"Timestamp", SIP_H_TIMESTAMP},
        {"Authorization", SIP_H_AUTHORIZATION},
        {"Proxy-Authorization", SIP_H_PROXY_AUTHORIZATION},
        {"WWW-Authenticate", SIP_H_WWW_AUTHENTICATE},
        {"Proxy-Authenticate", SIP_H_PROXY_AUTHENTICATE},
        {"Subject", SIP_H_SUBJECT},
        {"s", SIP_H_SUBJECT},
        {"MIME-Version", SIP_H_MIME_VERSION},
        {"Content-Type", SIP_H_CONTENT_TYPE},
        {"c", SIP_H_CONTENT_TYPE},
        {"Content-Length", SIP_H_CONTENT_LENGTH},
        {"l", SIP_H_CONTENT_LENGTH},
        {"Content-Encoding", SIP_H_CONTENT_ENCODING},
        {"e", SIP_H_CONTENT_ENCODING},
        {"Content-Disposition", SIP_H_CONTENT_DISPOSITION},
        {"Content-Transfer-Encoding", SIP_H_CONTENT_TRANSFER_ENCODING},
        {"Content-ID", SIP_H_CONTENT_ID},
        {"Proxy-Inspect-Body", SIP_H_PROXY_INSPECT_BODY},
        {"Proxy-Required-Body", SIP_H_PROXY_INSPECT_BODY},
        {"Sealed-For", SIP_H_SEALED_FOR},
        {"", SIP_H_OTHER},
        {"x", SIP_H_OTHER},
        {"Vie", SIP_H_OTHER},
        {"Fro", SIP_H_OTHER},
        {"Froma", SIP_H_OTHER},
        {"Content-Lengt", SIP_H_OTHER},
        {"Content-Length1", SIP_H_OTHER},
        {"Accept", SIP_H_OTHER},
        {"Content-Transfer-Encodings", SIP_H_OTHER},
        {"a-name-longer-than-any-other-name", SIP_H_OTHER},
    };
    bool known[SIP_HEADER_ID_COUNT] = {0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (sip_header_id_of(span_text(names[i].name)) != names[i].id)
            fail_msg("%s", names[i].name);
        known[names[i].id] = true;
    }
    for (size_t id = 0; id < SIP_HEADER_ID_COUNT; id++)
        assert_true(known[id]);
}

static void methods_are_known_by_their_exact_names(void **state)
{
    (void)state;
    for (enum sip_method method = SIP_INVITE; method <= SIP_PUBLISH; method++) {
        assert_true(strlen(sip_method_name(method)) > 2);
        assert_int_equal(sip_method_of(span_text(sip_method_name(method))), method);
    }
    assert_int_equal(sip_method_of(SPAN("message")), SIP_METHOD_OTHER);
    assert_int_equal(sip_method_of(SPAN("MESSAGES")), SIP_METHOD_OTHER);
    assert_int_equal(sip_method_of(SPAN("")), SIP_METHOD_OTHER);
    assert_string_equal(sip_method_name(SIP_METHOD_OTHER), "");
    assert_string_equal(sip_method_name((enum sip_method)99), "");
}

static void reason_phrases_follow_the_rfc_and_the_profile(void **state)
{
    (void)state;
    assert_string_equal(sip_reason_phrase(200), "OK");
    assert_string_equal(sip_reason_phrase(493), "Undecipherable");
    assert_string_equal(sip_reason_phrase(495), "Signature Required");
    assert_string_equal(sip_reason_phrase(496), "Proxy Undecipherable");
    assert_string_equal(sip_reason_phrase(513), "Message Too Large");
    assert_string_equal(sip_reason_phrase(499), "Bad Request"); /* 8.1.3.2: as x00 of its class */
    assert_string_equal(sip_reason_phrase(199), "Trying");
    assert_string_equal(sip_reason_phrase(700), "");
    assert_string_equal(sip_reason_phrase(-1), "");
    for (int i = 0; i < RULE_COUNT; i++) /* every refusal has a phrase of its own */
        if (rule_status((enum rule)i))
            assert_true(rule_status((enum rule)i) % 100 == 0 ||
                        strcmp(sip_reason_phrase(rule_status((enum rule)i)),
                               sip_reason_phrase(rule_status((enum rule)i) / 100 * 100)) != 0);
}

/* --- heads alone --- */

static void header_fields_alone_are_read(void **state)
{
    (void)state;
    struct sip_header headers[4];
    struct span rest;
    size_t count;
    assert_rule(sip_headers_parse(SPAN("A: 1\r\nContent-Type: text/plain;\r\n charset=x\r\n\r\nbody"), headers, 4,
                                  &count, &rest),
                RULE_OK);
    assert_int_equal(count, 2);
    assert_int_equal(headers[1].id, SIP_H_CONTENT_TYPE);
    assert_span_text(headers[1].value, "text/plain;\r\n charset=x");
    assert_span_text(rest, "body");
    assert_rule(sip_headers_parse(SPAN("A: 1\r\nB: 2\r\n"), headers, 4, &count, &rest), RULE_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rest.len, 0);
    assert_rule(sip_headers_parse(SPAN("\r\nbody"), headers, 4, &count, &rest), RULE_OK);
    assert_int_equal(count, 0);
    assert_span_text(rest, "body");
    assert_rule(sip_headers_parse(SPAN(""), headers, 4, &count, NULL), RULE_OK);
    assert_rule(sip_headers_parse((struct span){0}, headers, 4, &count, &rest), RULE_OK);
    assert_rule(sip_headers_parse(SPAN("A: 1"), headers, 4, &count, &rest), RULE_SIP_SYNTAX);
    assert_rule(sip_headers_parse(SPAN("A: 1\n\n"), headers, 4, &count, &rest), RULE_SIP_SYNTAX);
    assert_rule(sip_headers_parse(SPAN(" A: 1\r\n"), headers, 4, &count, &rest), RULE_SIP_SYNTAX);
    assert_rule(sip_headers_parse(SPAN("A: \0\r\n"), headers, 4, &count, &rest), RULE_SIP_SYNTAX);
    assert_rule(sip_headers_parse(SPAN("A:1\r\nA:1\r\nA:1\r\nA:1\r\n\r\n"), headers, 4, &count, &rest), RULE_OK);
    assert_rule(sip_headers_parse(SPAN("A:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\n"), headers, 4, &count, &rest),
                RULE_SIP_HEADERS);
    assert_rule(sip_headers_parse(SPAN("Content-ID: <a@b>\r\ncontent-id: <a@b>\r\n"), headers, 4, &count, &rest),
                RULE_SIP_HEADER_TWICE);
    assert_rule(sip_headers_parse(SPAN("Date: x\r\nDate: x\r\n"), headers, 4, &count, &rest), RULE_SIP_HEADER_TWICE);
}

/* --- anything at all --- */

static void check_soundness(struct span bytes)
{
    assert_true(m.header_count <= SIP_HEADERS_MAX);
    for (size_t i = 0; i < m.header_count; i++) {
        assert_true(span_within(m.headers[i].line, bytes));
        assert_true(span_within(m.headers[i].name, m.headers[i].line));
        assert_true(span_within(m.headers[i].value, m.headers[i].line));
    }
    assert_true(m.body.len == 0 || span_within(m.body, m.bytes));
    assert_true(m.from.uri.len == 0 || span_within(m.from.uri, bytes));
}

static void truncated_and_flipped_messages_are_read_within_their_bytes(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        START VIA "f: \"A\\\"\" <sip:a@h>;tag=1\r\n" TO CALL_ID CSEQ "Max-Forwards: 7\r\nX:\r\n y\r\nl: 3\r\n\r\nabc",
        "SIP/2.0 200 OK\r\nv: SIP/2.0/TCP [::1]:5;rport=1;branch=z9hG4bKx, SIP/2.0/UDP h\r\nt: sip:b@h;tag=2\r\n" FROM
            CALL_ID "CSeq: 2 OPTIONS\r\n\r\n",
    };
    uint8_t bytes[512];
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        size_t len = strlen(seeds[i]);
        memcpy(bytes, seeds[i], len);
        for (size_t cut = 0; cut < len; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, bytes, cut);
            enum rule rule = sip_message_parse(span_of(copy, cut), SIP_STREAM, &m);
            assert_int_not_equal(rule, RULE_OK);
            check_soundness(span_of(copy, cut));
            free(copy);
        }
        uint8_t *copy = malloc(len);
        memcpy(copy, bytes, len);
        for (size_t at = 0; at < len; at++) {
            for (unsigned value = 0; value < 256; value++) {
                copy[at] = (uint8_t)value;
                sip_message_parse(span_of(copy, len), value & 1 ? SIP_STREAM : SIP_DATAGRAM, &m);
                check_soundness(span_of(copy, len));
            }
            copy[at] = bytes[at];
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_seen_in_place),
        cmocka_unit_test(a_response_is_seen_in_place),
        cmocka_unit_test(start_lines_that_are_broken_are_refused),
        cmocka_unit_test(header_lines_that_are_broken_are_refused),
        cmocka_unit_test(the_headers_that_every_message_has_must_be_there_and_good),
        cmocka_unit_test(a_header_that_may_stand_once_is_refused_when_it_stands_twice),
        cmocka_unit_test(content_length_frames_the_body),
        cmocka_unit_test(the_first_fault_is_the_one_that_is_told),
        cmocka_unit_test(a_nul_stands_only_where_it_is_quoted),
        cmocka_unit_test(limits_hold_exactly),
        cmocka_unit_test(header_names_are_known_in_every_form),
        cmocka_unit_test(methods_are_known_by_their_exact_names),
        cmocka_unit_test(reason_phrases_follow_the_rfc_and_the_profile),
        cmocka_unit_test(header_fields_alone_are_read),
        cmocka_unit_test(truncated_and_flipped_messages_are_read_within_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
