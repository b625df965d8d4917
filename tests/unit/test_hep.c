/* Packets of HEP: what stays here when content does not leave, and what does not fit. tests/e2e/test_hep.py reads whole
 * packets with a decoder of its own. */
#include "test.h"

#include <netinet/in.h>

#include "daemon/hep.h"

static struct sip_message message;

static void expect_head(struct span bytes, const char *wanted)
{
    uint8_t room[1024];
    struct writer w = writer_over(room, sizeof room);
    assert_rule(sip_message_parse(bytes, SIP_DATAGRAM, &message), RULE_OK);
    hep_write_head(&w, &message);
    assert_false(w.full);
    assert_span_text(writer_span(&w), wanted);
}

#define START                                                                                                          \
    "MESSAGE sip:bob@far.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"        \
    "From: <sip:alice@home.example>;tag=1\r\nTo: <sip:bob@far.example>\r\n"
#define END "Call-ID: c1\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\n"

static void content_stays_here(void **state)
{
    (void)state;
    expect_head(SPAN(START END "secret"), START END);
}

static void lines_with_credentials_stay_here_with_their_folds(void **state)
{
    (void)state;
    expect_head(SPAN(START "Authorization: Digest username=\"alice\",\r\n response=\"00\"\r\n"
                           "proxy-authorization : Digest response=\"11\"\r\n" END "secret"),
                START END);
    expect_head(SPAN(START "Proxy-Authorization: Digest a=\"b\"\r\nProxy-Authorization: Digest c=\"d\"\r\n" END "secret"),
                START END);
}

static struct sockaddr_storage address(sa_family_t family)
{
    return (struct sockaddr_storage){.ss_family = family};
}

static bool fits(size_t payload, sa_family_t source, sa_family_t destination, size_t *len)
{
    static uint8_t bytes[HEP_PACKET_MAX + 1], room[HEP_PACKET_MAX];
    struct writer w = writer_over(room, sizeof room);
    bool written = hep_write(&w, &(struct hep_packet){.source = address(source),
                                                      .destination = address(destination),
                                                      .password = span_of(bytes, HEP_PASSWORD_MAX),
                                                      .call_id = span_of(bytes, 2 * HEP_CORRELATION_MAX),
                                                      .payload = span_of(bytes, payload)});
    assert_false(w.full);
    *len = w.len;
    return written;
}

static void the_largest_payload_makes_the_largest_packet_and_one_byte_more_none(void **state)
{
    (void)state;
    size_t len;
    assert_true(fits(HEP_PACKET_MAX - HEP_OVERHEAD_MAX, AF_INET6, AF_INET6, &len));
    assert_int_equal(len, HEP_PACKET_MAX);
    assert_false(fits(HEP_PACKET_MAX - HEP_OVERHEAD_MAX + 1, AF_INET6, AF_INET6, &len));
    assert_int_equal(len, 0);
}

static void ends_of_two_families_make_no_packet(void **state)
{
    (void)state;
    size_t len;
    assert_true(fits(1, AF_INET, AF_INET, &len));
    assert_false(fits(1, AF_INET, AF_INET6, &len));
    assert_false(fits(1, AF_UNIX, AF_UNIX, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_stays_here),
        cmocka_unit_test(lines_with_credentials_stay_here_with_their_folds),
        cmocka_unit_test(the_largest_payload_makes_the_largest_packet_and_one_byte_more_none),
        cmocka_unit_test(ends_of_two_families_make_no_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
