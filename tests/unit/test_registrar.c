#include "test.h"

#include <stdlib.h>

#include "proxy/address.h"
#include "proxy/binding_record.h"
#include "proxy/registrar.h"

/* RFC 3261 10.3, RFC 3327, RFC 5626: by which way a contact is reached, and what is kept of it. */

static const struct limits limits = LIMITS_DEFAULT;
static const struct span name = SPAN_INIT("proxy1.home.example");

static struct hop hop(enum sip_transport transport, const char *host, uint16_t port)
{
    struct hop h = {.transport = transport};
    assert_true(address_of_host(span_text(host), port, &h.address, &h.address_len));
    return h;
}

static enum sip_transport transport_named(const char *text)
{
    return sip_transport_of(span_text(text));
}

/* Reads a REGISTER with this Contact and these other headers. */
static enum rule read_register(const struct proxy_source *source, const char *contact, const char *headers,
                               struct register_request *r)
{
    static char text[8192];
    static struct sip_message m;
    const struct routing routing = {.name = &name, .name_count = 1};
    snprintf(text, sizeof text,
             "REGISTER sip:home.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n"
             "From: <sip:alice@home.example>;tag=1\r\nTo: <sip:alice@home.example>\r\nCall-ID: c\r\n"
             "CSeq: 1 REGISTER\r\n%sContact: %s\r\nContent-Length: 0\r\n\r\n",
             headers, contact);
    assert_rule(sip_message_parse(span_text(text), SIP_DATAGRAM, &m), RULE_OK);
    enum rule rule = register_read_request(&routing, source, &m, r);
    return rule == RULE_OK ? register_read_contacts(&limits, source, &m, r) : rule;
}

static void a_contact_is_reached_by_its_address_where_that_can_be_used_and_else_by_the_flow(void **state)
{
    (void)state;
    static const char outbound[] = "Supported: outbound\r\n", second_via[] = "Via: SIP/2.0/UDP 10.0.0.5\r\n";
#define FLOW ";+sip.instance=\"<urn:uuid:1>\";reg-id=1"
    static const struct {
        const char *transport, *source, *contact, *headers;
        enum rule rule;
        const char *to; /* where requests go */
        bool flow, only;
    } row[] = {
        {"udp", "192.0.2.9", "<sip:a@192.0.2.9:5070>", "", RULE_OK, "192.0.2.9", false, false},
        {"udp", "192.0.2.9", "<sip:a@198.51.100.1>", "", RULE_OK, "198.51.100.1", false, false},
        {"udp", "10.0.0.5", "<sip:a@10.0.0.5:5070>", "", RULE_OK, "10.0.0.5", false, false},
        {"udp", "192.0.2.9", "<sip:a@10.0.0.5>", "", RULE_OK, "192.0.2.9", true, true},
        {"udp", "192.0.2.9", "<sip:a@172.16.0.1>", "", RULE_OK, "192.0.2.9", true, true},
        {"udp", "192.0.2.9", "<sip:a@172.31.255.255>", "", RULE_OK, "192.0.2.9", true, true},
        {"udp", "192.0.2.9", "<sip:a@172.32.0.1>", "", RULE_OK, "172.32.0.1", false, false},
        {"udp", "192.0.2.9", "<sip:a@192.168.3.4>", "", RULE_OK, "192.0.2.9", true, true},
        {"udp", "192.0.2.9", "<sip:a@192.169.3.4>", "", RULE_OK, "192.169.3.4", false, false},
        {"udp", "192.0.2.9", "<sip:a@100.64.0.1>", "", RULE_OK, "192.0.2.9", true, true},
        {"udp", "192.0.2.9", "<sip:a@100.128.0.1>", "", RULE_OK, "100.128.0.1", false, false},
        {"udp", "192.0.2.9", "<sip:a@169.254.0.1>", "", RULE_OK, "192.0.2.9", true, true},
        {"udp", "192.0.2.9", "<sip:a@127.0.0.1>", "", RULE_SIP_CONTACT, "", false, false},
        {"udp", "127.0.0.1", "<sip:a@127.0.0.2>", "", RULE_OK, "127.0.0.1", true, true},
        {"udp", "192.0.2.9", "<sip:a@192.0.2.9;method=INVITE>", "", RULE_SIP_CONTACT, "", false, false},
        {"udp", "2001:db8::9", "<sip:a@[fd00::1]>", "", RULE_OK, "2001:db8::9", true, true},
        {"udp", "2001:db8::9", "<sip:a@[fe80::1]>", "", RULE_OK, "2001:db8::9", true, true},
        {"udp", "2001:db8::9", "<sip:a@[2001:db8::7]>", "", RULE_OK, "2001:db8::7", false, false},
        {"udp", "192.0.2.9", "<sip:a@10.0.0.5>", second_via, RULE_OK, "10.0.0.5", false, false},
        {"udp", "192.0.2.9", "<sip:a@phone.example>", "", RULE_SIP_CONTACT, "", false, false},
        {"tcp", "192.0.2.9", "<sip:a@10.0.0.5;transport=tcp>", "", RULE_OK, "192.0.2.9", true, true},
        {"tcp", "192.0.2.9", "<sip:a@10.0.0.5>", "", RULE_OK, "192.0.2.9", true, true},
        {"tcp", "192.0.2.9", "<sip:a@192.0.2.9;transport=tcp>", "", RULE_OK, "192.0.2.9", false, false},
        {"tcp", "192.0.2.9", "<sip:a@192.0.2.9;transport=tcp>" FLOW, outbound, RULE_OK, "192.0.2.9", true, false},
        {"tcp", "192.0.2.9", "<sip:a@192.0.2.9>" FLOW, outbound, RULE_OK, "192.0.2.9", false, false},
        {"tcp", "192.0.2.9", "<sip:a@198.51.100.1;transport=tcp>" FLOW, outbound, RULE_OK, "192.0.2.9", true, true},
        {"tcp", "192.0.2.9", "<sip:a@x.invalid;transport=tcp>" FLOW, outbound, RULE_OK, "192.0.2.9", true, true},
        {"tcp", "192.0.2.9", "<sip:a@x.invalid;transport=tcp>" FLOW, "", RULE_SIP_CONTACT, "", false, false},
        {"tls", "192.0.2.9", "<sip:a@192.0.2.9;transport=tls>", "", RULE_OK, "192.0.2.9", true, true},
        {"tls", "192.0.2.9", "<sip:a@phone.example;transport=tls>", "", RULE_OK, "192.0.2.9", true, true},
        {"tcp", "192.0.2.9", "<sip:a@192.0.2.9;transport=tls>", "", RULE_SIP_CONTACT, "", false, false},
        {"tls", "192.0.2.9", "<sip:a@192.0.2.9;transport=tls;maddr=192.0.2.9>", "", RULE_SIP_CONTACT, "", false, false},
        {"tls", "192.0.2.9", "<sips:a@192.0.2.9>", "", RULE_SIP_CONTACT, "", false, false},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct hop from = hop(transport_named(row[i].transport), row[i].source, 31000);
        const struct proxy_source source = {from.transport, from.address, from.address_len, .flow = 77};
        struct register_request r;
        enum rule rule = read_register(&source, row[i].contact, row[i].headers, &r);
        if (rule != row[i].rule)
            fail_msg("%s: %s", row[i].contact, rule_name(rule));
        if (rule != RULE_OK)
            continue;
        struct hop to = hop(SIP_UDP, row[i].to, 5060);
        const struct contact *c = &r.contact[0];
        if (!address_same_host(&c->hop.address, &to.address) || (c->flow == 77) != row[i].flow ||
            c->flow_only != row[i].only)
            fail_msg("%s from %s %s", row[i].contact, row[i].transport, row[i].source);
        if (c->flow_only && (c->hop.transport != from.transport || address_port(&c->hop.address) != 31000))
            fail_msg("%s does not go back to where it came from", row[i].contact);
    }
}

static void an_instance_is_nothing_that_could_end_its_quotes_or_line(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "<>", "urn:x", "<urn:x", "<u\"x>", "<u\\x>", "<u x>", "<u\r\nx>", "<u<x>", "<u\x7f>"};
    assert_true(register_is_instance(SPAN("<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>")));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (register_is_instance(span_text(bad[i])))
            fail_msg("%s", bad[i]);
}

/* --- records --- */

static struct kept_binding example(bool flow_only)
{
    struct kept_binding b = {
        .contact = {.uri = SPAN("sip:a@192.0.2.9:5070"), .path = SPAN("<sip:e.example;lr>, <sip:192.0.2.1;lr>"),
                    .instance = SPAN("<urn:uuid:1>"), .reg_id = 3, .q = 250, .flow_only = flow_only, .flow = 9,
                    .hop = hop(SIP_UDP, flow_only ? "2001:db8::9" : "192.0.2.9", flow_only ? 31000 : 5070)},
        .call_id = SPAN("c@ua"), .cseq = 7};
    return b;
}

static struct span record_of(const struct kept_binding *b)
{
    static uint8_t bytes[IPC_BINDING_MAX];
    struct writer w = writer_over(bytes, sizeof bytes);
    struct hop socket = hop(SIP_UDP, "0.0.0.0", 5080);
    binding_record_write(&w, b, &socket);
    assert_false(w.full);
    return writer_span(&w);
}

static void a_binding_comes_back_from_its_record_but_for_its_connection(void **state)
{
    (void)state;
    for (int flow_only = 0; flow_only < 2; flow_only++) {
        struct kept_binding b = example(flow_only), back;
        struct hop socket;
        assert_true(binding_record_read(record_of(&b), &back, &socket));
        assert_true(span_equal(back.contact.uri, b.contact.uri) && span_equal(back.contact.path, b.contact.path));
        assert_true(span_equal(back.contact.instance, b.contact.instance) && span_equal(back.call_id, b.call_id));
        assert_int_equal(back.contact.reg_id, 3);
        assert_int_equal(back.contact.q, 250);
        assert_int_equal(back.cseq, 7);
        assert_int_equal(back.contact.flow, 0);
        assert_int_equal(back.contact.flow_only, flow_only);
        if (flow_only) {
            assert_true(hop_equal(&back.contact.hop, &b.contact.hop));
            assert_int_equal(address_port(&socket.address), 5080);
        } else {
            assert_int_equal(socket.transport, SIP_TRANSPORT_NONE);
        }
    }
}

static void a_record_that_is_cut_or_says_what_no_register_could_is_refused(void **state)
{
    (void)state;
    struct kept_binding b = example(true), back;
    struct hop socket;
    struct span whole = record_of(&b);
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        memcpy(cut, whole.at, len);
        assert_false(binding_record_read(span_of(cut, len), &back, &socket));
        free(cut);
    }
#define REFUSED(change)                                                                                                \
    do {                                                                                                               \
        b = example(true);                                                                                             \
        change;                                                                                                        \
        assert_false(binding_record_read(record_of(&b), &back, &socket));                                              \
    } while (0)
    REFUSED(b.contact.uri = SPAN("sip:a@192.0.2.9>\r\nEvil: yes"));
    REFUSED(b.contact.uri = SPAN("sips:a@192.0.2.9"));
    REFUSED(b.contact.uri = SPAN("sip:a@192.0.2.9?Route=x"));
    REFUSED(b.contact.path = SPAN("<sip:e.example;lr>\r\nEvil: yes"));
    REFUSED(b.contact.path = SPAN("<sip:e.example;lr>,"));
    REFUSED(b.contact.instance = SPAN("<urn:x>\"\r\nEvil: yes"));
    REFUSED(b.contact.q = 1001);
    REFUSED(b.contact.flow_only = false; b.contact.path = SPAN(""); b.contact.uri = SPAN("sip:a@name.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_contact_is_reached_by_its_address_where_that_can_be_used_and_else_by_the_flow),
        cmocka_unit_test(an_instance_is_nothing_that_could_end_its_quotes_or_line),
        cmocka_unit_test(a_binding_comes_back_from_its_record_but_for_its_connection),
        cmocka_unit_test(a_record_that_is_cut_or_says_what_no_register_could_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
