/* The torture messages of RFC 4475 and RFC 5118, read from where they lie outside the project (the build option
 * `vectors`). What each must lead to is said here in our own words; skipped where the messages are not there. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "sipseal/sip_message.h"

static struct sip_message m;
static uint8_t file[70000];

/* The bytes of a file; an empty span when there is none. */
static struct span read_file(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s/%s", VECTORS, folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return (struct span){0};
    size_t len = fread(file, 1, sizeof file, f);
    fclose(f);
    return span_of(file, len);
}

static void skip_without(const char *folder, const char *name)
{
    if (read_file(folder, name).len)
        return;
    printf("no test vectors at %s/%s\n", VECTORS, folder);
    skip();
}

struct expectation {
    const char *name;
    enum rule rule;
    bool answerable; /* a request that was refused can be answered; one that was accepted, too */
};

/* RFC 4475. Where it lets the receiver choose, the stricter way is taken: a message with two readings is worth nothing
 * where signatures are made over it. */
static const struct expectation rfc4475[] = {
    {"wsinv.dat", RULE_OK, true},
    {"intmeth.dat", RULE_OK, true},
    {"esc01.dat", RULE_OK, true},
    {"escnull.dat", RULE_OK, true},
    {"esc02.dat", RULE_OK, true},
    {"lwsdisp.dat", RULE_OK, true},
    {"longreq.dat", RULE_OK, true},
    {"dblreq.dat", RULE_OK, true},
    {"semiuri.dat", RULE_OK, true},
    {"transports.dat", RULE_OK, true},
    {"mpart01.dat", RULE_OK, true},
    {"unreason.dat", RULE_OK, false},
    {"noreason.dat", RULE_OK, false},
    {"badinv01.dat", RULE_SIP_SYNTAX, true},
    {"clerr.dat", RULE_SIP_CONTENT_LENGTH, true},
    {"ncl.dat", RULE_SIP_CONTENT_LENGTH, true},
    {"scalar02.dat", RULE_SIP_CSEQ, true},
    {"scalarlg.dat", RULE_SIP_CSEQ, false},
    {"quotbal.dat", RULE_SIP_SYNTAX, true},
    {"ltgtruri.dat", RULE_SIP_URI, true},
    {"lwsruri.dat", RULE_SIP_URI, true},
    {"lwsstart.dat", RULE_SIP_SYNTAX, true},
    {"trws.dat", RULE_SIP_SYNTAX, true},
    {"escruri.dat", RULE_SIP_URI, true},
    {"baddate.dat", RULE_OK, true},  /* whoever needs the Date reads it */
    {"regbadct.dat", RULE_OK, true}, /* whoever needs the Contact refuses it: see below */
    {"badaspec.dat", RULE_SIP_SYNTAX, true},
    {"baddn.dat", RULE_SIP_SYNTAX, true},
    {"badvers.dat", RULE_SIP_VERSION, true},
    {"mismatch01.dat", RULE_SIP_CSEQ, true},
    {"mismatch02.dat", RULE_SIP_CSEQ, true},
    {"bigcode.dat", RULE_SIP_SYNTAX, false},
    {"badbranch.dat", RULE_OK, true}, /* matched as RFC 2543 does */
    {"insuf.dat", RULE_SIP_HEADER_MISSING, false},
    {"unkscm.dat", RULE_OK, true},
    {"novelsc.dat", RULE_OK, true},
    {"unksm2.dat", RULE_OK, true},
    {"bext01.dat", RULE_OK, true},
    {"invut.dat", RULE_OK, true},
    {"regaut01.dat", RULE_OK, true},
    {"multi01.dat", RULE_SIP_HEADER_TWICE, true},
    {"mcl01.dat", RULE_SIP_HEADER_TWICE, true},
    {"bcast.dat", RULE_OK, false},
    {"zeromf.dat", RULE_OK, true},
    {"cparam01.dat", RULE_OK, true},
    {"cparam02.dat", RULE_OK, true},
    {"regescrt.dat", RULE_OK, true},
    {"sdp01.dat", RULE_OK, true},
    {"inv2543.dat", RULE_OK, true},
    {"test.dat", RULE_SIP_SYNTAX, false}, /* of the archive, not of the RFC */
};

/* RFC 5118, with CRLF line ends. */
static const struct expectation rfc5118[] = {
    {"ipv6-good", RULE_OK, true},
    {"ipv6-bad", RULE_SIP_URI, true},
    {"port-ambiguous", RULE_OK, true},
    {"port-unambiguous", RULE_OK, true},
    {"via-received-param-with-delim", RULE_OK, true},
    {"via-received-param-no-delim", RULE_OK, true},
    {"ipv6-in-sdp", RULE_SIP_CONTENT_LENGTH, true}, /* it says 268, and 251 bytes are there */
    {"mult-ip-in-header", RULE_OK, true},
    {"mult-ip-in-sdp", RULE_OK, true},
    {"ipv4-mapped-ipv6", RULE_OK, true},
    {"ipv6-bug-abnf-3-colons", RULE_OK, true}, /* 4.10: must be tolerated */
    {"ipv6-correct-abnf-2-colons", RULE_OK, true},
};

static void check(const char *folder, const struct expectation *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct span bytes = read_file(folder, expected[i].name);
        assert_int_not_equal(bytes.len, 0);
        uint8_t *copy = malloc(bytes.len);
        memcpy(copy, bytes.at, bytes.len);
        enum rule rule = sip_message_parse(span_of(copy, bytes.len), SIP_DATAGRAM, &m);
        if (rule != expected[i].rule || sip_message_answerable(&m) != expected[i].answerable)
            fail_msg("%s gave %s, answerable %d", expected[i].name, rule_name(rule), sip_message_answerable(&m));
        free(copy);
    }
}

static void each_torture_message_of_rfc_4475_is_read_or_refused(void **state)
{
    (void)state;
    skip_without("rfc4475", "wsinv.dat");
    check("rfc4475", rfc4475, sizeof rfc4475 / sizeof rfc4475[0]);
}

static void each_message_of_rfc_5118_is_read_or_refused(void **state)
{
    (void)state;
    skip_without("rfc5118/crlf", "ipv6-good");
    check("rfc5118/crlf", rfc5118, sizeof rfc5118 / sizeof rfc5118[0]);
}

/* The archive of the RFC has bare line feeds, and two of its messages do not end their heads. */
static void as_published_the_messages_of_rfc_5118_are_no_sip(void **state)
{
    (void)state;
    skip_without("rfc5118", "ipv6-good");
    for (size_t i = 0; i < sizeof rfc5118 / sizeof rfc5118[0]; i++) {
        struct span bytes = read_file("rfc5118", rfc5118[i].name);
        assert_int_not_equal(bytes.len, 0);
        assert_rule(sip_message_parse(bytes, SIP_DATAGRAM, &m), RULE_SIP_SYNTAX);
    }
}

static void read_4475(const char *name)
{
    sip_message_parse(read_file("rfc4475", name), SIP_DATAGRAM, &m);
}

static void the_messages_mean_what_rfc_4475_says(void **state)
{
    (void)state;
    struct sip_uri uri;
    struct sip_address contact;
    struct span value;
    skip_without("rfc4475", "wsinv.dat");

    read_4475("wsinv.dat"); /* 3.1.1.1 */
    assert_int_equal(m.cseq, 9);
    assert_int_equal(m.max_forwards, 68);
    assert_span_text(m.to.tag, "1918181833n");
    assert_span_text(m.via.branch, "390skdjuw");
    assert_int_equal(m.body.len, 150);
    assert_rule(sip_address_parse(sip_header_value(&m, SIP_H_CONTACT), &contact), RULE_OK);
    assert_true(sip_param(contact.params, "q", &value));
    assert_span_text(value, "0.33");

    read_4475("escnull.dat"); /* 3.1.1.4: the user is not cut short */
    assert_false(sip_same_aor(m.to.uri, SPAN("sip:null-@example.com")));
    assert_true(sip_same_aor(m.to.uri, SPAN("sip:null-%00-null@example.com")));

    read_4475("dblreq.dat"); /* 3.1.1.8: what follows is noise */
    assert_int_equal(m.method, SIP_REGISTER);
    assert_int_equal(m.body.len, 0);

    read_4475("semiuri.dat"); /* 3.1.1.9 */
    assert_rule(sip_uri_parse(m.request_uri, &uri), RULE_OK);
    assert_span_text(uri.user, "user;par=u%40example.net");
    assert_int_equal(uri.params.len, 0);

    read_4475("transports.dat"); /* 3.1.1.10 */
    assert_int_equal(sip_header_count(&m, SIP_H_VIA), 5);
    const struct sip_header *via = NULL;
    while ((via = sip_header_next(&m, SIP_H_VIA, via)) != NULL) {
        struct cursor c = cursor_over(via->value);
        struct sip_via parsed;
        assert_rule(sip_via_take(&c, &parsed), RULE_OK);
    }

    read_4475("noreason.dat"); /* 3.1.1.13 */
    assert_int_equal(m.status, 100);
    assert_int_equal(m.reason.len, 0);

    read_4475("regbadct.dat"); /* 3.1.2.13: where the Contact is needed, it is refused */
    assert_rule(sip_address_parse(sip_header_value(&m, SIP_H_CONTACT), &contact), RULE_SIP_SYNTAX);

    read_4475("cparam01.dat"); /* 3.3.12: without brackets it is a parameter of the header */
    assert_rule(sip_address_parse(sip_header_value(&m, SIP_H_CONTACT), &contact), RULE_OK);
    assert_true(sip_param(contact.params, "unknownparam", &value));
    read_4475("cparam02.dat"); /* 3.3.13: inside brackets one of the URI */
    assert_rule(sip_address_parse(sip_header_value(&m, SIP_H_CONTACT), &contact), RULE_OK);
    assert_false(sip_param(contact.params, "unknownparam", &value));
    assert_rule(sip_uri_parse(contact.uri, &uri), RULE_OK);
    assert_true(sip_uri_param(&uri, "unknownparam", &value));
    read_4475("regescrt.dat"); /* 3.3.14 */
    assert_rule(sip_address_parse(sip_header_value(&m, SIP_H_CONTACT), &contact), RULE_OK);
    assert_rule(sip_uri_parse(contact.uri, &uri), RULE_OK);
    assert_true(uri.headers.len > 0);
}

static void the_messages_mean_what_rfc_5118_says(void **state)
{
    (void)state;
    struct sip_uri uri;
    skip_without("rfc5118/crlf", "ipv6-good");
    sip_message_parse(read_file("rfc5118/crlf", "port-ambiguous"), SIP_DATAGRAM, &m);
    assert_rule(sip_uri_parse(m.request_uri, &uri), RULE_OK);
    assert_int_equal(uri.port, 0);
    sip_message_parse(read_file("rfc5118/crlf", "port-unambiguous"), SIP_DATAGRAM, &m);
    assert_rule(sip_uri_parse(m.request_uri, &uri), RULE_OK);
    assert_int_equal(uri.port, 5070);
    sip_message_parse(read_file("rfc5118/crlf", "via-received-param-with-delim"), SIP_DATAGRAM, &m);
    assert_span_text(m.via.received, "2001:db8::9:255");
    sip_message_parse(read_file("rfc5118/crlf", "via-received-param-no-delim"), SIP_DATAGRAM, &m);
    assert_span_text(m.via.received, "2001:db8::9:255");
}

/* Framing errors end a connection, other faults do not (RFC 4475 3.1.2.3, 3.3.9). */
static void a_stream_survives_all_but_framing_errors(void **state)
{
    (void)state;
    skip_without("rfc4475", "wsinv.dat");
    for (size_t i = 0; i < sizeof rfc4475 / sizeof rfc4475[0]; i++) {
        const char *name = rfc4475[i].name;
        struct span bytes = read_file("rfc4475", name);
        size_t scanned = 0, len;
        bool pong;
        enum rule why;
        enum sip_frame frame = sip_stream_frame(bytes, SIP_MESSAGE_MAX, &scanned, &len, &pong, &why);
        enum sip_frame wanted = SIP_FRAME_MESSAGE;
        if (!strcmp(name, "ncl.dat") || !strcmp(name, "mcl01.dat") || !strcmp(name, "inv2543.dat"))
            wanted = SIP_FRAME_BROKEN;
        if (!strcmp(name, "clerr.dat") || !strcmp(name, "baddn.dat")) /* the rest may still come */
            wanted = SIP_FRAME_MORE;
        if (frame != wanted)
            fail_msg("%s gave %d, %s", name, (int)frame, rule_name(why));
    }
}

static void parse_copy(const uint8_t *bytes, size_t len)
{
    size_t scanned = 0, framed;
    bool pong;
    enum rule why;
    sip_message_parse(span_of(bytes, len), SIP_DATAGRAM, &m);
    sip_message_answerable(&m);
    sip_stream_frame(span_of(bytes, len), SIP_MESSAGE_MAX, &scanned, &framed, &pong, &why);
}

/* Cut at each byte, and with one bit of each byte flipped: the sanitizers watch. */
static void damaged_torture_messages_are_read_within_their_bytes(void **state)
{
    (void)state;
    skip_without("rfc4475", "wsinv.dat");
    for (size_t i = 0; i < sizeof rfc4475 / sizeof rfc4475[0]; i++) {
        struct span bytes = read_file("rfc4475", rfc4475[i].name);
        for (size_t cut = 0; cut < bytes.len; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, bytes.at, cut);
            parse_copy(copy, cut);
            free(copy);
        }
        uint8_t *copy = malloc(bytes.len);
        memcpy(copy, bytes.at, bytes.len);
        for (size_t at = 0; at < bytes.len; at++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                copy[at] ^= (uint8_t)(1u << bit);
                parse_copy(copy, bytes.len);
                copy[at] ^= (uint8_t)(1u << bit);
            }
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_torture_message_of_rfc_4475_is_read_or_refused),
        cmocka_unit_test(each_message_of_rfc_5118_is_read_or_refused),
        cmocka_unit_test(as_published_the_messages_of_rfc_5118_are_no_sip),
        cmocka_unit_test(the_messages_mean_what_rfc_4475_says),
        cmocka_unit_test(the_messages_mean_what_rfc_5118_says),
        cmocka_unit_test(a_stream_survives_all_but_framing_errors),
        cmocka_unit_test(damaged_torture_messages_are_read_within_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
