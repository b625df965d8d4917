/* URIs, addresses, Via and identities (RFC 3261 19.1, 20.10, 20.42; RFC 5118; protocol.md 2.1). */
#include "test.h"

#include <stdlib.h>

#include "sipseal/sip_response.h"
#include "sipseal/sip_uri.h"

/* A copy at the end of its own allocation, so that a byte read too far is an error. */
static uint8_t *tight(struct span s)
{
    uint8_t *copy = malloc(s.len ? s.len : 1);
    assert_non_null(copy);
    if (s.len)
        memcpy(copy, s.at, s.len);
    return copy;
}

static enum rule uri_of(const char *text, struct sip_uri *uri)
{
    return sip_uri_parse(span_text(text), uri);
}

static void a_uri_is_taken_apart(void **state)
{
    (void)state;
    struct sip_uri uri;
    assert_rule(uri_of("sips:al%20ice:pw@Home.Example:5071;transport=tcp;lr;x=%41?Subject=hi&To=b", &uri), RULE_OK);
    assert_int_equal(uri.scheme, SIP_SCHEME_SIPS);
    assert_span_text(uri.user, "al%20ice");
    assert_span_text(uri.password, "pw");
    assert_span_text(uri.host, "Home.Example");
    assert_int_equal(uri.port, 5071);
    assert_span_text(uri.params, ";transport=tcp;lr;x=%41");
    assert_span_text(uri.headers, "Subject=hi&To=b");
    assert_false(uri.host_is_ipv4);
    assert_false(uri.host_is_ipv6);
    assert_int_equal(sip_uri_transport(&uri), SIP_TCP);
    struct span value;
    assert_true(sip_uri_param(&uri, "LR", &value));
    assert_int_equal(value.len, 0);
    assert_true(sip_uri_param(&uri, "x", &value));
    assert_span_text(value, "%41");
    assert_false(sip_uri_param(&uri, "transpor", &value));
    assert_false(sip_uri_param(&uri, "y", &value));
}

static void uris_that_are_well_formed_are_read(void **state)
{
    (void)state;
    static const char *const good[] = {
        "sip:home.example",
        "SIP:bob@home.example",
        "sip:bob@home.example.",
        "sip:bob@h",
        "sip:192.0.2.1",
        "sip:a@x-y.b-c",
        "sip:bob@192.0.2.1:5060",
        "sip:bob@3com.example",
        "sip:+12-34.5@g.example;user=phone",
        "sip:a;b=c?d/e@h.example",
        "sip:%00@h.example",
        "sip:bob:@h.example",
        "sip:bob:a&b=c+d$e,f@h.example",
        "sip:h.example;p=[::1]/:&+$",
        "sip:h.example?a=&b=",
        "tel:+1-201-555-0123",
        "tel:7042;phone-context=example.com",
        "http://www.example.com/a?b#c",
        "urn:service:sos",
        "isbn:2983792873",
        "soap.beep://192.0.2.103:3002",
        "cid:body1@ua1.home.example",
    };
    struct sip_uri uri;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (uri_of(good[i], &uri) != RULE_OK)
            fail_msg("%s", good[i]);
}

/* RFC 1035 2.3.4 */
static void labels_and_names_of_hosts_are_bounded(void **state)
{
    (void)state;
    char text[400] = "sip:", label[65];
    struct sip_uri uri;
    memset(label, 'a', sizeof label);
    for (size_t len = 62; len < 66; len++) {
        snprintf(text, sizeof text, "sip:%.*s.example", (int)len, label);
        assert_rule(uri_of(text, &uri), len <= 63 ? RULE_OK : RULE_SIP_URI);
    }
    for (size_t len = 254; len < 258; len++) {
        for (size_t i = 0; i < len; i++)
            text[4 + i] = i % 50 == 49 && i + 1 < len ? '.' : 'a';
        text[4 + len] = '\0';
        assert_rule(uri_of(text, &uri), len <= 255 ? RULE_OK : RULE_SIP_URI);
    }
}

static void uris_that_are_broken_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ":",
        "sip",
        "sip:",
        "1sip:a@h",
        "sip:@h.example",
        "sip:a@",
        "sip:a@h@g",
        "sip:a b@h.example",
        "sip:a@h .example",
        "sip: a@h.example",
        "sip:a@h.example ",
        "sip:a<b@h",
        "sip:a@h>",
        "sip:a\"b@h",
        "sip:%4@h",
        "sip:%4g@h",
        "sip:a%@h",
        "sip:a@-h.example",
        "sip:a@h-.example",
        "sip:a@h..example",
        "sip:a@.example",
        "sip:a@h_x.example",
        "sip:a@1.2.3",
        "sip:a@1.2.3.4.5",
        "sip:a@256.0.0.1",
        "sip:a@1.2.3.0004",
        "sip:a@example.123",
        "sip:a@..",
        "sip:a@.",
        "sip:a@h:",
        "sip:a@h:0",
        "sip:a@h:65536",
        "sip:a@h:-1",
        "sip:a@h:5060x",
        "sip:a@h;",
        "sip:a@h;;lr",
        "sip:a@h;=x",
        "sip:a@h;p=",
        "sip:a@h;p=%zz",
        "sip:a@h;p=\"x\"",
        "sip:a@h?",
        "sip:a@h?a",
        "sip:a@h?=b",
        "sip:a@h?a=b&",
        "sip:a@h?a=b c",
        "sip:a@[::1",
        "sip:a@::1",
        "sip:a@[]",
        "sip:a@[::1]x",
        "sip:a@[1.2.3.4]",
        "sip:a@[::1%25eth0]",
        "sip:a@[::12345]",
        "sip:\xc3\xa9@h.example",
        "tel:",
        "tel:+1 2",
        "http://a b",
        "http://a\"b",
        "urn:<x>",
        "sip:a@h\r\n",
        "*",
    };
    struct sip_uri uri;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (uri_of(bad[i], &uri) != RULE_SIP_URI)
            fail_msg("%s", bad[i]);
    assert_rule(sip_uri_parse(SPAN("sip:a\0b@h.example"), &uri), RULE_SIP_URI);
    assert_rule(sip_uri_parse(SPAN("sip:a@[::1\0]"), &uri), RULE_SIP_URI);
    assert_rule(sip_uri_parse((struct span){0}, &uri), RULE_SIP_URI);
}

/* RFC 5118 4: references have brackets, a port follows them, an embedded IPv4 address may follow one colon too many. */
static void ipv6_references_are_read(void **state)
{
    (void)state;
    struct sip_uri uri;
    assert_rule(uri_of("sip:user@[2001:DB8::10]:5070", &uri), RULE_OK);
    assert_span_text(uri.host, "2001:DB8::10");
    assert_true(uri.host_is_ipv6);
    assert_int_equal(uri.port, 5070);
    assert_rule(uri_of("sip:user@[2001:db8::10:5070]", &uri), RULE_OK); /* here it belongs to the address */
    assert_int_equal(uri.port, 0);
    assert_span_text(uri.host, "2001:db8::10:5070");
    assert_rule(uri_of("sip:user@2001:db8::10", &uri), RULE_SIP_URI);
    assert_rule(uri_of("sip:[::ffff:192.0.2.2];lr", &uri), RULE_OK);
    assert_rule(uri_of("sip:[2001:db8:::192.0.2.1]", &uri), RULE_OK); /* RFC 5118 4.10 */
    assert_rule(uri_of("sip:[2001:db8:::1]", &uri), RULE_SIP_URI);
    assert_rule(uri_of("sip:[2001::db8:::192.0.2.1]", &uri), RULE_SIP_URI);
    assert_rule(uri_of("sip:[2001:0db8:0000:0000:0000:0000:192.168.100.200]", &uri), RULE_OK);
    assert_rule(uri_of("sip:[2001:0db8:0000:0000:0000:0000:192.168.100.2000]", &uri), RULE_SIP_URI);
}

static void transports_have_names(void **state)
{
    (void)state;
    struct sip_uri uri;
    assert_rule(uri_of("sip:h", &uri), RULE_OK);
    assert_int_equal(sip_uri_transport(&uri), SIP_TRANSPORT_NONE);
    assert_rule(uri_of("sip:h;TRANSPORT=Sctp", &uri), RULE_OK);
    assert_int_equal(sip_uri_transport(&uri), SIP_TRANSPORT_OTHER);
    assert_int_equal(sip_transport_of(SPAN("uDp")), SIP_UDP);
    assert_int_equal(sip_transport_of(SPAN("TLS")), SIP_TLS);
    assert_int_equal(sip_transport_of(SPAN("")), SIP_TRANSPORT_OTHER);
    assert_string_equal(sip_transport_name(SIP_TCP), "TCP");
    assert_string_equal(sip_transport_name(SIP_TRANSPORT_OTHER), "");
}

/* protocol.md 2.1 rule 3 */
static void identities_compare_as_addresses_of_record(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"sip:alice@home.example", "sip:alice@HOME.example", true},
        {"sip:alice@home.example", "sips:alice@home.example:5061;transport=tcp?a=b", true},
        {"sip:alice@home.example", "sip:%61l%69ce@home.example", true},
        {"sip:al%2fice@home.example", "sip:al%2Fice@home.example", true},
        {"sip:alice:pw@home.example", "sip:alice@home.example", true},
        {"sip:home.example", "sip:home.example", true},
        {"sip:a@[2001:DB8::1]", "sip:a@[2001:db8::1]", true},
        {"sip:alice@home.example", "sip:Alice@home.example", false},
        {"sip:alice@home.example", "sip:alic@home.example", false},
        {"sip:alice@home.example", "sip:alice@home.example.", false},
        {"sip:alice@home.example", "sip:alice@ahome.example", false},
        {"sip:alice@home.example", "sip:home.example", false},
        {"sip:alice%00@home.example", "sip:alice@home.example", false}, /* RFC 4475 3.1.1.4 */
        {"sip:alice%00x@home.example", "sip:alice%00y@home.example", false},
        {"sip:null-%00-null@example.com", "sip:null-%00-null@example.com", true},
        {"sip:%00@h.example", "sip:h.example", false},
        {"sip:a%25b@h.example", "sip:a%b@h.example", false}, /* the second is none */
        {"tel:+12", "tel:+12", false},
        {"http://h.example", "http://h.example", false},
        {"alice@home.example", "alice@home.example", false},
        {"", "", false},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct span a = span_text(pairs[i].a), b = span_text(pairs[i].b);
        if (sip_same_aor(a, b) != pairs[i].same || sip_same_aor(b, a) != pairs[i].same)
            fail_msg("%s and %s", pairs[i].a, pairs[i].b);
    }
    assert_true(sip_uri_in_domain(SPAN("sip:alice@Home.Example"), SPAN("home.example")));
    assert_false(sip_uri_in_domain(SPAN("sip:alice@a.home.example"), SPAN("home.example")));
    assert_false(sip_uri_in_domain(SPAN("tel:home.example"), SPAN("home.example")));
    assert_false(sip_uri_in_domain(SPAN("sip:home.example@evil.example"), SPAN("home.example")));
}

/* RFC 3261 19.1.4, its examples among them. */
static void uris_compare_as_the_rfc_has_it(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true},
        {"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
        {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true},
        {"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
         "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
        {"sip:a@192.0.2.1;line=1;ob", "sip:a@192.0.2.1;LINE=1", true},
        {"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
        {"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
        {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com;user=ip", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com;maddr=192.0.2.1", false},
        {"sip:bob@biloxi.com;ttl=1", "sip:bob@biloxi.com", false},
        {"sip:bob:a@biloxi.com", "sip:bob:b@biloxi.com", false},
        {"sip:bob:a@biloxi.com", "sip:bob@biloxi.com", false},
        {"sip:bob@biloxi.com", "sips:bob@biloxi.com", false},
        {"tel:+12", "tel:+12", true},
        {"tel:+12", "tel:+13", false},
    };
    struct sip_uri a, b;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_rule(uri_of(pairs[i].a, &a), RULE_OK);
        assert_rule(uri_of(pairs[i].b, &b), RULE_OK);
        if (sip_same_uri(&a, &b) != pairs[i].same || sip_same_uri(&b, &a) != pairs[i].same)
            fail_msg("%s and %s", pairs[i].a, pairs[i].b);
    }
}

static void identities_are_written_in_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *shown, *key;
    } forms[] = {
        {"sips:alice:pw@HOME.example:5071;lr?a=b", "sip:alice@home.example", "sip:alice@home.example"},
        {"sip:%61%4cice@h.example", "sip:%61%4cice@h.example", "sip:aLice@h.example"},
        {"sip:a%00%2F%40b@h", "sip:a%00%2F%40b@h", "sip:a%00/%40b@h"},
        {"sip:[2001:DB8::1]:5060", "sip:[2001:db8::1]", "sip:[2001:db8::1]"},
    };
    uint8_t room[128];
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct writer w = writer_over(room, sizeof room);
        assert_true(sip_write_aor(&w, span_text(forms[i].uri)));
        assert_span_text(writer_span(&w), forms[i].shown);
        w = writer_over(room, sizeof room);
        assert_true(sip_write_aor_key(&w, span_text(forms[i].uri)));
        assert_span_text(writer_span(&w), forms[i].key);
    }
    struct writer w = writer_over(room, 5);
    assert_false(sip_write_aor(&w, SPAN("sip:alice@home.example")));
    w = writer_over(room, sizeof room);
    assert_false(sip_write_aor(&w, SPAN("tel:+12")));
    assert_false(sip_write_aor_key(&w, SPAN("sip:a b@h")));
    assert_int_equal(w.len, 0);
}

/* --- addresses --- */

struct address_case {
    const char *value, *display, *uri, *params, *tag;
};

static void addresses_are_taken_apart(void **state)
{
    (void)state;
    static const struct address_case good[] = {
        {"<sip:a@h.example>", "", "sip:a@h.example", "", ""},
        {"sip:a@h.example", "", "sip:a@h.example", "", ""},
        {"sip:a@h.example;tag=x1;y", "", "sip:a@h.example", ";tag=x1;y", "x1"}, /* header parameters (RFC 3261 20) */
        {"<sip:a@h.example;lr>;tag=x1", "", "sip:a@h.example;lr", ";tag=x1", "x1"},
        {"A. G. Bell <sip:a@h.example> ; TAG = x1", "A. G. Bell", "sip:a@h.example", "; TAG = x1", "x1"},
        {"caller<sip:a@h.example>;tag=1", "caller", "sip:a@h.example", ";tag=1", "1"}, /* RFC 4475 3.1.1.6 */
        {"\"J \\\" <x>, R\" <sip:a@h.example>;q=\"a;b,c\"", "\"J \\\" <x>, R\"", "sip:a@h.example", ";q=\"a;b,c\"", ""},
        {"\"\"<sip:h.example>", "\"\"", "sip:h.example", "", ""},
        {"\"\xc3\xa9\" <sip:h.example>", "\"\xc3\xa9\"", "sip:h.example", "", ""},
        {" \r\n <sip:h.example>\r\n ;tag\r\n =\r\n\tx ", "", "sip:h.example", ";tag\r\n =\r\n\tx", "x"},
        {"isbn:2983792873", "", "isbn:2983792873", "", ""}, /* RFC 4475 3.3.4 */
        {"<http://www.example.com>;tag=3", "", "http://www.example.com", ";tag=3", "3"},
        {"<sip:h.example?Route=%3Csip:x%3E>", "", "sip:h.example?Route=%3Csip:x%3E", "", ""}, /* RFC 4475 3.3.14 */
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct sip_address address;
        if (sip_address_parse(span_text(good[i].value), &address) != RULE_OK)
            fail_msg("%s", good[i].value);
        assert_span_text(address.display, good[i].display);
        assert_span_text(address.uri, good[i].uri);
        assert_span_text(address.params, good[i].params);
        assert_span_text(address.tag, good[i].tag);
    }
}

static void broken_addresses_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "<",
        ">",
        "<>",
        "<sip:a@h",
        "sip:a@h>",
        "< sip:a@h>",
        "<sip:a@h >",
        "<sip:a@h> x",
        "<sip:a@h><sip:b@h>",
        "\"x <sip:a@h>",
        "\"x\\\" <sip:a@h>",
        "\"x\" sip:a@h",
        "\"x\"",
        "x y",
        "Bell, A <sip:a@h>",
        "a;b <sip:a@h>",
        "a@b <sip:a@h>",
        "sip:a@h?x=y",
        "sip:a@h, sip:b@h",
        "<sip:a@h>,",
        "<sip:a@h>;",
        "<sip:a@h>;;tag=1",
        "<sip:a@h>;=1",
        "<sip:a@h>;tag=",
        "<sip:a@h>;tag",
        "<sip:a@h>;tag=\"x\"",
        "<sip:a@h>;tag=1;tag=1",
        "<sip:a@h>;tag=1;TAG=2",
        "<sip:a@h>;x=\"y",
        "<sip:a@h>;x=a b",
        "<sip:a@h>;x=a@b",
        "\"\x01\" <sip:a@h>",
        "\"\x7f\" <sip:a@h>",
        "<<sip:a@h>>",
        "*",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sip_address address;
        if (sip_address_parse(span_text(bad[i]), &address) != RULE_SIP_SYNTAX)
            fail_msg("%s", bad[i]);
        assert_int_equal(address.uri.len, 0);
        assert_int_equal(address.tag.len, 0);
    }
}

/* RFC 4475 3.1.1.2: a quoted-pair may hold any ASCII character but CR and LF. */
static void a_quoted_nul_ends_nothing(void **state)
{
    (void)state;
    struct sip_address address;
    assert_rule(sip_address_parse(SPAN("\"\\\0\\\x7f\" <sip:a@h>"), &address), RULE_OK);
    assert_int_equal(address.display.len, 6);
    assert_span_text(address.uri, "sip:a@h");
    assert_rule(sip_address_parse(SPAN("\"\0\" <sip:a@h>"), &address), RULE_SIP_SYNTAX);
    assert_rule(sip_address_parse(SPAN("\"\\\r\" <sip:a@h>"), &address), RULE_SIP_SYNTAX);
    assert_rule(sip_address_parse(SPAN("\"\\\xc3\" <sip:a@h>"), &address), RULE_SIP_SYNTAX);
}

static void addresses_in_a_list_are_read_one_by_one(void **state)
{
    (void)state;
    struct cursor c = cursor_over(SPAN("\"a,b\" <sip:a,x@h>;p=\"1,2\" , sip:b@h;tag=2,<sip:c@h>"));
    static const char *const uris[] = {"sip:a,x@h", "sip:b@h", "sip:c@h"};
    struct sip_address address;
    for (size_t i = 0; i < 3; i++) {
        assert_rule(sip_address_take(&c, &address), RULE_OK);
        assert_span_text(address.uri, uris[i]);
        assert_int_equal(cursor_accept(&c, ','), i < 2);
    }
    assert_true(cursor_done(&c));
}

static void header_parameters_are_found(void **state)
{
    (void)state;
    struct span value, params = SPAN(";a=1; B = \"x;\\\"c=2\" ;flag;c=[::1]:5");
    assert_true(sip_param(params, "A", &value));
    assert_span_text(value, "1");
    assert_true(sip_param(params, "b", &value));
    assert_span_text(value, "x;\\\"c=2");
    assert_true(sip_param(params, "flag", &value));
    assert_int_equal(value.len, 0);
    assert_true(sip_param(params, "c", &value));
    assert_span_text(value, "[::1]:5");
    assert_false(sip_param(params, "d", &value));
    assert_false(sip_param((struct span){0}, "a", &value));
}

/* --- Via --- */

static enum rule via_of(const char *text, struct sip_via *via)
{
    struct cursor c = cursor_over(span_text(text));
    return sip_via_take(&c, via);
}

static void a_via_is_taken_apart(void **state)
{
    (void)state;
    struct sip_via via;
    assert_rule(
        via_of(
            " SIP  / 2.0\r\n /udp\r\n    Ua1.example : 5070 ; ttl=1;branch = z9hG4bKx;rport; received=192.0.2.9 , more",
            &via),
        RULE_OK);
    assert_int_equal(via.transport, SIP_UDP);
    assert_span_text(via.transport_text, "udp");
    assert_span_text(via.host, "Ua1.example");
    assert_int_equal(via.port, 5070);
    assert_span_text(via.branch, "z9hG4bKx");
    assert_span_text(via.received, "192.0.2.9");
    assert_true(via.has_rport);
    assert_int_equal(via.rport, 0);
    assert_span_text(via.params, "; ttl=1;branch = z9hG4bKx;rport; received=192.0.2.9");
    assert_rule(via_of("SIP/2.0/TLS [2001:db8::9:1]:5061;rport=4242;received=[2001:db8::9:255]", &via), RULE_OK);
    assert_true(via.host_is_ipv6);
    assert_span_text(via.host, "2001:db8::9:1");
    assert_span_text(via.received, "2001:db8::9:255"); /* RFC 5118 4.5: both forms */
    assert_int_equal(via.rport, 4242);
    assert_rule(via_of("SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255", &via), RULE_OK);
    assert_span_text(via.received, "2001:db8::9:255");
    assert_int_equal(via.branch.len, 0);
    assert_rule(via_of("SIP/2.0/UNKNOWN t5.example.com;branch=z9hG4bK2xkg", &via), RULE_OK); /* RFC 4475 3.1.1.10 */
    assert_int_equal(via.transport, SIP_TRANSPORT_OTHER);
}

static void broken_vias_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "SIP",
        "SIP/2.0",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0/UDPhost",
        "/2.0/UDP h",
        "SIP//UDP h",
        "SIP/2.0/ h",
        "SIP/2.0/UDP h:",
        "SIP/2.0/UDP h:0",
        "SIP/2.0/UDP h:99999",
        "SIP/2.0/UDP h x",
        "SIP/2.0/UDP h;",
        "SIP/2.0/UDP h;;,;,,",
        "SIP/2.0/UDP h;branch",
        "SIP/2.0/UDP h;branch=",
        "SIP/2.0/UDP h;branch=a;branch=a",
        "SIP/2.0/UDP h;rport;rport=1",
        "SIP/2.0/UDP h;rport=x",
        "SIP/2.0/UDP h;rport=0",
        "SIP/2.0/UDP h;rport=65536",
        "SIP/2.0/UDP h;received",
        "SIP/2.0/UDP h;received=1.2.3.4;received=1.2.3.4",
        "SIP/2.0/UDP h;branch=\"a\"",
        "SIP/2.0/UDP 2001:db8::1",
        "SIP/2.0/UDP [2001:db8::1",
        "SIP/2.0/UDP h_x",
        "SIP/2.0/UDP -h",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sip_via via;
        if (via_of(bad[i], &via) != RULE_SIP_SYNTAX)
            fail_msg("%s", bad[i]);
        assert_int_equal(via.text.len + via.branch.len + via.received.len + via.params.len, 0);
    }
}

/* RFC 3261 18.2.1, RFC 3581 4 */
static void the_source_is_put_into_a_via(void **state)
{
    (void)state;
    static const struct {
        const char *via, *address, *written;
    } cases[] = {
        {"SIP/2.0/UDP 192.0.2.1;branch=x", "192.0.2.1", "SIP/2.0/UDP 192.0.2.1;branch=x"},
        {"SIP/2.0/UDP 192.0.2.1;branch=x", "192.0.2.2", "SIP/2.0/UDP 192.0.2.1;branch=x;received=192.0.2.2"},
        {"SIP/2.0/UDP h.example", "192.0.2.2", "SIP/2.0/UDP h.example;received=192.0.2.2"},
        {"SIP/2.0/UDP 192.0.2.1;rport;branch=x", "192.0.2.1",
         "SIP/2.0/UDP 192.0.2.1;branch=x;rport=4242;received=192.0.2.1"},
        {"SIP/2.0/UDP h;received=6.6.6.6 ;branch=x; rport=9;y", "192.0.2.2",
         "SIP/2.0/UDP h ;branch=x;y;rport=4242;received=192.0.2.2"}, /* what the client claims is not believed */
        {"SIP/2.0/TCP [2001:DB8::1]", "2001:db8::1", "SIP/2.0/TCP [2001:DB8::1]"},
        {"SIP/2.0/TCP [2001:db8::1];a=\"b;c\"", "2001:db8::2",
         "SIP/2.0/TCP [2001:db8::1];a=\"b;c\";received=2001:db8::2"},
        {"SIP / 2.0 / UDP h;x=1", "", "SIP / 2.0 / UDP h;x=1"},
    };
    uint8_t room[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sip_via via;
        struct sip_source source = {span_text(cases[i].address), 4242};
        struct writer w = writer_over(room, sizeof room);
        assert_rule(via_of(cases[i].via, &via), RULE_OK);
        sip_via_write_source(&w, &via, &source);
        assert_span_text(writer_span(&w), cases[i].written);
    }
}

/* RFC 3261 18.2.2, RFC 3581 4 */
static void a_response_finds_its_way_by_the_via(void **state)
{
    (void)state;
    static const struct {
        const char *via, *host;
        uint16_t port;
    } cases[] = {
        {"SIP/2.0/UDP h.example", "h.example", 5060},
        {"SIP/2.0/TLS h.example", "h.example", 5061},
        {"SIP/2.0/UDP h.example:5070;received=192.0.2.2", "192.0.2.2", 5070},
        {"SIP/2.0/UDP h.example:5070;received=[2001:db8::2];rport=4242", "2001:db8::2", 4242},
        {"SIP/2.0/UDP [2001:db8::1]:5070;rport;maddr=224.0.1.75", "2001:db8::1", 5070},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sip_via via;
        struct span host;
        uint16_t port;
        assert_rule(via_of(cases[i].via, &via), RULE_OK);
        sip_via_destination(&via, &host, &port);
        assert_span_text(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

/* --- anything at all --- */

static void read_anything(struct span text)
{
    uint8_t *copy = tight(text);
    struct span s = span_of(copy, text.len);
    struct cursor c = cursor_over(s);
    struct sip_uri uri;
    struct sip_address address;
    struct sip_via via;
    struct span value;
    uint8_t room[512];
    struct writer w = writer_over(room, sizeof room);
    if (sip_uri_parse(s, &uri) == RULE_OK) {
        assert_true(uri.host.len == 0 || span_within(uri.host, s));
        sip_uri_param(&uri, "transport", &value);
        sip_write_aor(&w, s);
        sip_write_aor_key(&w, s);
        assert_int_equal(sip_same_aor(s, s), uri.scheme == SIP_SCHEME_SIP || uri.scheme == SIP_SCHEME_SIPS);
    }
    if (sip_address_take(&c, &address) == RULE_OK)
        assert_true(span_within(address.uri, s));
    c = cursor_over(s);
    if (sip_via_take(&c, &via) == RULE_OK) {
        struct sip_source source = {SPAN("192.0.2.2"), 1};
        assert_true(span_within(via.text, s));
        sip_via_write_source(&w, &via, &source);
    }
    sip_param(s, "tag", &value);
    free(copy);
}

static void truncated_and_flipped_input_is_read_within_its_bytes(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "sip:%61lice:pw@[2001:db8:::192.0.2.1]:5061;transport=tcp;lr?Subject=hi&To=b",
        "\"A \\\" B\" <sip:alice@192.0.2.1:5060;lr>;tag=x;q=\"a,b\" , <sip:b@h>",
        "SIP / 2.0 / UDP [2001:db8::1]:5060;branch=z9hG4bKx;received=[2001:db8::2];rport=12",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        uint8_t bytes[128];
        size_t len = strlen(seeds[i]);
        memcpy(bytes, seeds[i], len);
        for (size_t cut = 0; cut <= len; cut++)
            read_anything(span_of(bytes, cut));
        for (size_t at = 0; at < len; at++) {
            uint8_t was = bytes[at];
            for (unsigned value = 0; value < 256; value++) {
                bytes[at] = (uint8_t)value;
                read_anything(span_of(bytes, len));
            }
            bytes[at] = was;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uri_is_taken_apart),
        cmocka_unit_test(uris_that_are_well_formed_are_read),
        cmocka_unit_test(labels_and_names_of_hosts_are_bounded),
        cmocka_unit_test(uris_that_are_broken_are_refused),
        cmocka_unit_test(ipv6_references_are_read),
        cmocka_unit_test(transports_have_names),
        cmocka_unit_test(identities_compare_as_addresses_of_record),
        cmocka_unit_test(uris_compare_as_the_rfc_has_it),
        cmocka_unit_test(identities_are_written_in_one_form),
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(broken_addresses_are_refused),
        cmocka_unit_test(a_quoted_nul_ends_nothing),
        cmocka_unit_test(addresses_in_a_list_are_read_one_by_one),
        cmocka_unit_test(header_parameters_are_found),
        cmocka_unit_test(a_via_is_taken_apart),
        cmocka_unit_test(broken_vias_are_refused),
        cmocka_unit_test(the_source_is_put_into_a_via),
        cmocka_unit_test(a_response_finds_its_way_by_the_via),
        cmocka_unit_test(truncated_and_flipped_input_is_read_within_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
