#include "test.h"

#include <stdlib.h>

#include "proxy/address.h"
#include "proxy/routing.h"

/* RFC 3261 16.4 to 16.6. */

static struct hop hop(enum sip_transport transport, const char *host, uint16_t port)
{
    struct hop h = {.transport = transport};
    assert_true(address_of_host(span_text(host), port, &h.address, &h.address_len));
    return h;
}

/* A proxy with two names, listening on one address by UDP and on all by TCP; an own domain and two routes. */
struct world {
    struct span name[2];
    struct hop listen[3];
    struct route route[4];
    struct routing routing;
    struct location *location;
};

static int set_up(void **state)
{
    static const uint8_t key[LOCATION_KEY_LEN];
    struct world *w = calloc(1, sizeof *w);
    w->name[0] = SPAN("proxy1.home.example");
    w->name[1] = SPAN("p1.home.example");
    w->listen[0] = hop(SIP_UDP, "192.0.2.1", 5060);
    w->listen[1] = hop(SIP_TCP, "0.0.0.0", 5070);
    w->listen[2] = hop(SIP_UDP, "2001:db8::1", 5060);
    w->route[0] = (struct route){.domain = SPAN("home.example"), .registrar = true};
    w->route[1] = (struct route){.domain = SPAN("far.example"), .has_next = true};
    w->route[1].next = hop(SIP_TCP, "198.51.100.1", 5062);
    w->route[2] = (struct route){.domain = SPAN("*"), .has_next = true, .next = hop(SIP_UDP, "203.0.113.1", 5060)};
    w->routing = (struct routing){w->name, 2, w->listen, 3, w->route, 3, false};
    w->location = location_new(10, 10, key);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    location_free(w->location);
    free(w);
    return 0;
}

static bool self(const struct world *w, const char *text)
{
    struct sip_uri uri;
    assert_rule(sip_uri_parse(span_text(text), &uri), RULE_OK);
    return routing_is_self(&w->routing, &uri);
}

static void a_proxy_knows_its_names_and_addresses(void **state)
{
    const struct world *w = *state;
    assert_true(self(w, "sip:proxy1.home.example"));
    assert_true(self(w, "sip:P1.HOME.example;lr"));
    assert_true(self(w, "sip:proxy1.home.example:5070"));
    assert_false(self(w, "sip:proxy1.home.example:5099")); /* another server on this host */
    assert_true(self(w, "sip:192.0.2.1"));
    assert_true(self(w, "sip:[2001:db8::1]:5060"));
    assert_true(self(w, "sip:[2001:db8:0::0:1]"));
    assert_false(self(w, "sip:192.0.2.1:5099"));
    assert_true(self(w, "sip:127.0.0.1:5070")); /* by the wildcard */
    assert_false(self(w, "sip:127.0.0.1:5060"));
    assert_false(self(w, "sip:192.0.2.2"));
    assert_false(self(w, "sip:home.example"));
    assert_false(self(w, "sip:x.proxy1.home.example"));
}

/* A message with this Request-URI and these header lines. */
static void read_message(const char *method, const char *uri, const char *headers, struct sip_message *m)
{
    static char text[2048];
    snprintf(text, sizeof text,
             "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
             "Call-ID: c\r\nCSeq: 1 %s\r\n%sContent-Length: 0\r\n\r\n", method, uri, method, headers);
    assert_rule(sip_message_parse(span_text(text), SIP_DATAGRAM, m), RULE_OK);
}

static enum rule target_of(struct world *w, const char *method, const char *uri, const char *headers,
                           struct target *target)
{
    static struct sip_message m;
    struct route_set set;
    read_message(method, uri, headers, &m);
    enum rule rule = routing_route_set(&w->routing, &m, &set);
    return rule == RULE_OK ? routing_target(&w->routing, w->location, &m, &set, 0, target) : rule;
}

static void assert_hop(const struct target *t, struct hop wanted)
{
    assert_int_equal(t->kind, TARGET_HOP);
    assert_true(hop_equal(&t->to[0].hop, &wanted));
}

static void a_domain_has_its_route_and_others_the_common_one(void **state)
{
    struct world *w = *state;
    struct target t;
    assert_rule(target_of(w, "MESSAGE", "sip:bob@far.example", "", &t), RULE_OK);
    assert_hop(&t, hop(SIP_TCP, "198.51.100.1", 5062));
    assert_int_equal(t.to[0].contact.len, 0);
    assert_rule(target_of(w, "MESSAGE", "sip:bob@sub.far.example", "", &t), RULE_OK);
    assert_hop(&t, hop(SIP_UDP, "203.0.113.1", 5060));
    assert_rule(target_of(w, "MESSAGE", "sip:bob@192.0.2.77", "", &t), RULE_OK);
    assert_hop(&t, hop(SIP_UDP, "203.0.113.1", 5060));
    w->routing.route_count = 2;
    assert_rule(target_of(w, "MESSAGE", "sip:bob@other.example", "", &t), RULE_SIP_ROUTE);
}

static void own_names_and_domains_without_a_user_mean_the_proxy(void **state)
{
    struct world *w = *state;
    struct target t;
    assert_rule(target_of(w, "OPTIONS", "sip:p1.home.example", "", &t), RULE_OK);
    assert_int_equal(t.kind, TARGET_SELF);
    assert_rule(target_of(w, "OPTIONS", "sip:home.example", "", &t), RULE_OK);
    assert_int_equal(t.kind, TARGET_SELF);
    assert_rule(target_of(w, "OPTIONS", "sip:far.example", "", &t), RULE_OK);
    assert_int_equal(t.kind, TARGET_HOP);
    /* Never to itself by the common route. */
    assert_rule(target_of(w, "MESSAGE", "sip:bob@proxy1.home.example", "", &t), RULE_SIP_ROUTE);
}

static void register_goes_to_the_registrar_of_own_domains_alone(void **state)
{
    struct world *w = *state;
    struct target t;
    assert_rule(target_of(w, "REGISTER", "sip:home.example", "", &t), RULE_OK);
    assert_int_equal(t.kind, TARGET_REGISTRAR);
    assert_ptr_equal(t.route, &w->route[0]);
    assert_rule(target_of(w, "REGISTER", "sip:far.example", "", &t), RULE_OK);
    assert_int_equal(t.kind, TARGET_HOP);
}

static void a_user_is_where_it_registered(void **state)
{
    struct world *w = *state;
    struct target t;
    struct contact c = {.uri = SPAN("sip:x@192.0.2.50:5066"), .expires = 60,
                        .hop = hop(SIP_UDP, "192.0.2.50", 5066)};
    const struct registration r = {.aor = SPAN("sip:alice@home.example"), .call_id = SPAN("c"), .cseq = 1,
                                   .contact = &c, .count = 1};
    assert_rule(target_of(w, "MESSAGE", "sip:alice@home.example", "", &t), RULE_SIP_NOT_REGISTERED);
    assert_rule(location_register(w->location, &r, 0), RULE_OK);
    assert_rule(target_of(w, "MESSAGE", "sip:%61lice@HOME.example:5060;x=y", "", &t), RULE_OK);
    assert_hop(&t, c.hop);
    assert_span_equal(t.to[0].contact, c.uri);
    assert_rule(target_of(w, "MESSAGE", "sip:Alice@home.example", "", &t), RULE_SIP_NOT_REGISTERED);
}

static enum rule routed(struct world *w, const char *route, struct target *target)
{
    char header[256];
    snprintf(header, sizeof header, "Route: %s\r\n", route);
    return target_of(w, "MESSAGE", "sip:bob@home.example", header, target);
}

static void route_headers_decide_before_the_request_uri(void **state)
{
    struct world *w = *state;
    struct target t;
    assert_rule(routed(w, "<sip:p1.home.example;lr>,<sip:198.51.100.9;lr>", &t), RULE_OK);
    assert_hop(&t, hop(SIP_UDP, "198.51.100.9", 5060));
    assert_rule(routed(w, "<sip:[2001:db8::9]:5099;transport=TCP;lr>", &t), RULE_OK);
    assert_hop(&t, hop(SIP_TCP, "2001:db8::9", 5099));
    assert_rule(routed(w, "<sip:far.example;lr>", &t), RULE_OK);
    assert_hop(&t, hop(SIP_TCP, "198.51.100.1", 5062));
    assert_rule(routed(w, "<sips:198.51.100.9;lr>", &t), RULE_SIP_ROUTE);
    assert_rule(routed(w, "<nonsense>", &t), RULE_SIP_URI);
    assert_rule(routed(w, "<sip:p1.home.example;lr>,", &t), RULE_SIP_URI);
}

static void a_route_set_says_what_is_ours_and_what_is_next(void **state)
{
    struct world *w = *state;
    static struct sip_message m;
    struct route_set set;
    read_message("MESSAGE", "sip:b@far.example",
                 "Route: <sip:p1.home.example;lr>\r\n"
                 "Route: <sip:192.0.2.1;lr> , \"far, away\" <sip:next.example;lr>;x=1\r\n", &m);
    assert_rule(routing_route_set(&w->routing, &m, &set), RULE_OK);
    assert_int_equal(set.own, 2);
    assert_true(set.has_next);
    assert_true(set.loose);
    assert_span_text(set.next.uri, "sip:next.example;lr");
    read_message("MESSAGE", "sip:b@far.example",
                 "Route: <sip:strict.example>\r\nRoute: <sip:p1.home.example;lr>\r\n", &m);
    assert_rule(routing_route_set(&w->routing, &m, &set), RULE_OK);
    assert_int_equal(set.own, 0); /* ours is not the topmost */
    assert_false(set.loose);
}

static void only_numeric_hosts_are_hops(void **state)
{
    (void)state;
    static const char *const good[] = {"sip:a@192.0.2.9", "sip:[2001:db8::9]:5070;transport=tcp",
                                       "sip:192.0.2.9;transport=UDP"};
    static const char *const bad[] = {"sip:a@phone.example", "sips:a@192.0.2.9", "sip:192.0.2.9;transport=tls",
                                      "sip:192.0.2.9;transport=sctp", "sip:192.0.2.9;maddr=192.0.2.8", "tel:+1",
                                      "sip:0.0.0.0", "sip:0.1.2.3", "sip:224.0.1.75", "sip:255.255.255.255",
                                      "sip:[::]", "sip:[ff02::1]", "sip:[::ffff:127.0.0.1]"};
    struct sip_uri uri;
    struct hop h;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_rule(sip_uri_parse(span_text(good[i]), &uri), RULE_OK);
        assert_true(hop_of_uri(&uri, &h));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_rule(sip_uri_parse(span_text(bad[i]), &uri), RULE_OK);
        assert_false(hop_of_uri(&uri, &h));
    }
}

static void requests_leave_from_a_socket_of_the_right_kind(void **state)
{
    const struct world *w = *state;
    struct hop h = hop(SIP_UDP, "2001:db8::7", 1);
    assert_int_equal(routing_local(&w->routing, &h), 2);
    h = hop(SIP_TCP, "192.0.2.7", 1);
    assert_int_equal(routing_local(&w->routing, &h), 1);
    h = hop(SIP_TCP, "2001:db8::7", 1);
    assert_int_equal(routing_local(&w->routing, &h), 3);
}

static void an_ipv4_address_in_ipv6_clothing_is_an_ipv4_address(void **state)
{
    (void)state;
    struct hop h = hop(SIP_UDP, "::ffff:192.0.2.1", 5060), plain = hop(SIP_UDP, "192.0.2.1", 5060);
    assert_false(hop_equal(&h, &plain));
    address_unmap(&h.address, &h.address_len);
    assert_true(hop_equal(&h, &plain));
    assert_int_equal(h.address_len, plain.address_len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_proxy_knows_its_names_and_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_domain_has_its_route_and_others_the_common_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(own_names_and_domains_without_a_user_mean_the_proxy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(register_goes_to_the_registrar_of_own_domains_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_user_is_where_it_registered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(route_headers_decide_before_the_request_uri, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_route_set_says_what_is_ours_and_what_is_next, set_up, tear_down),
        cmocka_unit_test(only_numeric_hosts_are_hops),
        cmocka_unit_test_setup_teardown(requests_leave_from_a_socket_of_the_right_kind, set_up, tear_down),
        cmocka_unit_test(an_ipv4_address_in_ipv6_clothing_is_an_ipv4_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
