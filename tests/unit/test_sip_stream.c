/* Messages found in a stream (RFC 3261 18.3, RFC 5626 3.5.1). */
#include "test.h"

#include <stdlib.h>

#include "sipseal/sip_message.h"

#define HEAD                                                                                                           \
    "MESSAGE sip:b@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"      \
    "Call-ID: c\r\nCSeq: 1 MESSAGE\r\n"
#define ONE HEAD "Content-Length: 5\r\n\r\nhello"
#define TWO HEAD "l: 0\r\n\r\n"

struct framing {
    size_t scanned, len;
    bool pong;
    enum rule why;
};

static enum sip_frame frame(struct span buffered, struct framing *f)
{
    return sip_stream_frame(buffered, SIP_MESSAGE_MAX, &f->scanned, &f->len, &f->pong, &f->why);
}

static void a_message_is_found_however_the_stream_is_cut(void **state)
{
    (void)state;
    static const char stream[] = ONE TWO;
    const size_t one = sizeof ONE - 1, two = sizeof TWO - 1;
    for (size_t first = 0; first <= one; first++) { /* bytes that come at first; then one at a time */
        struct framing f = {0};
        for (size_t have = first; have < one; have++)
            assert_int_equal(frame(span_of(stream, have), &f), SIP_FRAME_MORE);
        assert_int_equal(frame(span_of(stream, one + two), &f), SIP_FRAME_MESSAGE);
        assert_int_equal(f.len, one);
        f = (struct framing){0};
        for (size_t have = first < two ? first : 0; have < two; have++)
            assert_int_equal(frame(span_of(stream + one, have), &f), SIP_FRAME_MORE);
        assert_int_equal(frame(span_of(stream + one, two), &f), SIP_FRAME_MESSAGE);
        assert_int_equal(f.len, two);
    }
}

static void keepalives_are_passed_over(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum sip_frame frame;
        size_t len;
        bool pong;
    } cases[] = {
        {"", SIP_FRAME_MORE, 0, false},
        {"\r", SIP_FRAME_MORE, 0, false},
        {"\r\n", SIP_FRAME_MORE, 0, false}, /* may become a ping */
        {"\r\n\r", SIP_FRAME_MORE, 0, false},
        {"\r\n\r\n", SIP_FRAME_KEEPALIVE, 4, true},
        {"\r\n\r\n\r", SIP_FRAME_KEEPALIVE, 4, true},
        {"\r\n\r\n\r\n", SIP_FRAME_KEEPALIVE, 6, true},
        {"\r\n\r\n" ONE, SIP_FRAME_KEEPALIVE, 4, true},
        {"\r\n" ONE, SIP_FRAME_KEEPALIVE, 2, false}, /* CRLF before a start line (7.5) */
        {"\r\nM", SIP_FRAME_KEEPALIVE, 2, false},
        {"\r\n\rM", SIP_FRAME_KEEPALIVE, 2, false},
        {"\rM", SIP_FRAME_BROKEN, 0, false},
        {"\r\r\n", SIP_FRAME_BROKEN, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct framing f = {0};
        if (frame(span_text(cases[i].bytes), &f) != cases[i].frame || f.len != cases[i].len || f.pong != cases[i].pong)
            fail_msg("case %d", (int)i);
    }
}

static void a_stream_that_cannot_be_framed_is_broken(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum rule why;
    } cases[] = {
        {"\n", RULE_SIP_SYNTAX},
        {" MESSAGE", RULE_SIP_SYNTAX},
        {"\x16\x03\x01", RULE_SIP_SYNTAX}, /* TLS on a TCP port */
        {"\x80", RULE_SIP_SYNTAX},
        {HEAD "\r\n", RULE_SIP_CONTENT_LENGTH},
        {HEAD "Content-Length: -1\r\n\r\n", RULE_SIP_CONTENT_LENGTH}, /* RFC 4475 3.1.2.3 */
        {HEAD "Content-Length: five\r\n\r\n", RULE_SIP_CONTENT_LENGTH},
        {HEAD "Content-Length:\r\n\r\n", RULE_SIP_CONTENT_LENGTH},
        {HEAD "Content-Length: 5;x\r\n\r\nhello", RULE_SIP_CONTENT_LENGTH},
        {HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", RULE_SIP_HEADER_TWICE}, /* RFC 4475 3.3.9 */
        {HEAD "Content-Length: 5\r\nl: 6\r\n\r\nhello", RULE_SIP_HEADER_TWICE},
        {HEAD "Content-Length: 5\nX: y\r\n\r\nhello", RULE_SIP_SYNTAX},
        {HEAD "X: y\nContent-Length: 5\r\n\r\nhello", RULE_SIP_SYNTAX},
        {HEAD "X: y\rContent-Length: 5\r\n\r\nhello", RULE_SIP_SYNTAX},
        {HEAD "Content-Length: 131072\r\n\r\n", RULE_SIP_SIZE},
        {HEAD "Content-Length: 4294967295\r\n\r\n", RULE_SIP_SIZE},
        {HEAD "Content-Length: 18446744073709551615\r\n\r\n", RULE_SIP_CONTENT_LENGTH},
    };
    static struct sip_message m;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct framing f = {0};
        struct span bytes = span_text(cases[i].bytes);
        if (frame(bytes, &f) != SIP_FRAME_BROKEN || f.why != cases[i].why || f.len > bytes.len)
            fail_msg("case %d: %s", (int)i, rule_name(f.why));
        if (i < 4)
            continue;
        /* What was found can be read far enough to answer it. */
        sip_message_parse(span_part(bytes, 0, f.len), SIP_DATAGRAM, &m);
        assert_true(sip_message_answerable(&m));
    }
}

static void a_message_that_is_wrong_in_itself_does_not_break_the_stream(void **state)
{
    (void)state;
    static const char *const messages[] = {
        HEAD "no colon\r\nContent-Length: 5\r\n\r\nhello",
        HEAD "From: <sip:mallory@h>;tag=2\r\nContent-Length: 5\r\n\r\nhello",
        HEAD "X: \"\\\r\n y\r\nl\t:\r\n 5\r\n\r\nhello",
        "nonsense\r\nContent-Length: 5\r\n\r\nhello",
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct framing f = {0};
        assert_int_equal(frame(span_text(messages[i]), &f), SIP_FRAME_MESSAGE);
        assert_int_equal(f.len, strlen(messages[i]));
    }
}

static void limits_hold_exactly(void **state)
{
    (void)state;
    enum { ROOM = 2 * SIP_HEAD_MAX };
    uint8_t *room = malloc(ROOM);
    assert_non_null(room);
    memset(room, 'x', ROOM);
    struct framing f = {0};
    assert_int_equal(frame(span_of(room, SIP_HEAD_MAX - 1), &f), SIP_FRAME_MORE);
    assert_int_equal(frame(span_of(room, SIP_HEAD_MAX), &f), SIP_FRAME_BROKEN);
    assert_rule(f.why, RULE_SIP_HEADERS);
    assert_int_equal(f.len, SIP_HEAD_MAX);
    for (size_t more = 0; more < 2; more++) { /* a head that ends at the limit, and one byte past it */
        memset(room, 'x', ROOM);
        memcpy(room, "A\r\nl:0\r\nB:", 10);
        memcpy(room + SIP_HEAD_MAX - 4 + more, "\r\n\r\n", 4);
        for (size_t step = 1; step < SIP_HEAD_MAX; step = step * 3 + 1) {
            enum sip_frame found = SIP_FRAME_MORE;
            f = (struct framing){0};
            for (size_t have = 0; have < SIP_HEAD_MAX + 4 && found == SIP_FRAME_MORE; have += step)
                found = frame(span_of(room, have), &f);
            if (found == SIP_FRAME_MORE)
                found = frame(span_of(room, SIP_HEAD_MAX + 4), &f);
            assert_int_equal(found, more ? SIP_FRAME_BROKEN : SIP_FRAME_MESSAGE);
            assert_int_equal(f.len, SIP_HEAD_MAX);
        }
    }
    /* The caller's own limit: exactly fits, and does not. */
    struct span one = SPAN(ONE);
    for (size_t less = 0; less < 2; less++) {
        f = (struct framing){0};
        assert_int_equal(sip_stream_frame(one, one.len - less, &f.scanned, &f.len, &f.pong, &f.why),
                         less ? SIP_FRAME_BROKEN : SIP_FRAME_MESSAGE);
    }
    assert_rule(f.why, RULE_SIP_SIZE);
    f = (struct framing){0};
    assert_int_equal(sip_stream_frame(one, 20, &f.scanned, &f.len, &f.pong, &f.why), SIP_FRAME_BROKEN);
    assert_rule(f.why, RULE_SIP_SIZE);
    free(room);
}

/* A stream that drips byte by byte costs no more than its length: `scanned` moves with it and is never moved back. The
 * body of a message is not looked at, nor its head again. */
static void a_slow_drip_is_not_searched_again(void **state)
{
    (void)state;
    enum { BODY = 1000, HEAD_LEN = sizeof HEAD "l: 1000\r\n\r\n" - 1 };
    static uint8_t stream[HEAD_LEN + BODY];
    memcpy(stream, HEAD "l: 1000\r\n\r\n", HEAD_LEN);
    struct framing f = {0};
    for (size_t have = 1; have < HEAD_LEN; have++) {
        assert_int_equal(frame(span_of(stream, have), &f), SIP_FRAME_MORE);
        assert_int_equal(f.scanned, have);
    }
    assert_int_equal(frame(span_of(stream, HEAD_LEN), &f), SIP_FRAME_MORE);
    /* From here on the head is not read: it could be anything that begins like a message. */
    memset(stream + 1, 0xff, HEAD_LEN - 1);
    for (size_t have = HEAD_LEN + 1; have < HEAD_LEN + BODY; have++)
        assert_int_equal(frame(span_of(stream, have), &f), SIP_FRAME_MORE);
    assert_int_equal(frame(span_of(stream, HEAD_LEN + BODY), &f), SIP_FRAME_MESSAGE);
    assert_int_equal(f.len, HEAD_LEN + BODY);
}

static void flipped_streams_are_framed_within_their_bytes(void **state)
{
    (void)state;
    static const char stream[] = "\r\n\r\n" ONE TWO;
    const size_t len = sizeof stream - 1;
    uint8_t *copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, stream, len);
    for (size_t at = 0; at < len; at++) {
        for (unsigned value = 0; value < 256; value++) {
            struct span left = span_of(copy, len);
            struct framing f = {0};
            enum sip_frame found = SIP_FRAME_KEEPALIVE;
            copy[at] = (uint8_t)value;
            for (int i = 0; i < 9 && (found == SIP_FRAME_KEEPALIVE || found == SIP_FRAME_MESSAGE); i++) {
                f.scanned = 0;
                found = frame(left, &f);
                assert_true(f.len <= left.len);
                assert_true(f.len > 0 || found == SIP_FRAME_MORE || found == SIP_FRAME_BROKEN);
                assert_int_equal(found == SIP_FRAME_BROKEN, f.why != RULE_OK);
                left = span_part(left, f.len, left.len);
            }
        }
        copy[at] = (uint8_t)stream[at];
    }
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_found_however_the_stream_is_cut),
        cmocka_unit_test(keepalives_are_passed_over),
        cmocka_unit_test(a_stream_that_cannot_be_framed_is_broken),
        cmocka_unit_test(a_message_that_is_wrong_in_itself_does_not_break_the_stream),
        cmocka_unit_test(limits_hold_exactly),
        cmocka_unit_test(a_slow_drip_is_not_searched_again),
        cmocka_unit_test(flipped_streams_are_framed_within_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
