#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "config/config.h"

/* A configuration that says only what it must; parts of it are exchanged below. */
#define SERVER "server: {names: [proxy1.home.example], listen: [\"udp://127.0.0.1:5060\"]}\n"
#define KEYS "keys: {certificate: c.pem, private_key: k.pem, trust: ca/}\n"
#define ROUTES "routes: [{domain: \"*\", next: \"sip:192.0.2.7\"}]\n"
#define OWN "routes: [{domain: home.example, registrar: {}}]\n"
#define RULE "policy: [{methods: [MESSAGE], require: [view]}]\n"

static char errors[CONFIG_ERRORS_MAX];

static struct config *good(const char *text)
{
    struct config *config = NULL;
    if (config_parse("dir/c.yaml", span_text(text), &config, errors, sizeof errors) != RULE_OK)
        fail_msg("refused:\n%s", errors);
    assert_non_null(config);
    assert_string_equal(errors, "");
    return config;
}

static void assert_errors(const char *text, const char *wanted)
{
    struct config *config = NULL;
    enum rule rule = config_parse("c.yaml", span_text(text), &config, errors, sizeof errors);
    if (rule == RULE_OK)
        config_free(config);
    if (strcmp(errors, wanted) != 0)
        fail_msg("for\n%s\nerrors are\n%sand were to be\n%s", text, errors, wanted);
    assert_rule(rule, RULE_CONFIG);
    assert_null(config);
}

struct bad {
    const char *text;
    const char *errors;
};

#define assert_all(table)                                                                                              \
    for (size_t i_ = 0; i_ < sizeof(table) / sizeof *(table); i_++)                                                    \
    assert_errors((table)[i_].text, (table)[i_].errors)

static void what_is_no_yaml_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct bad table[] = {
        {"", "c.yaml:1:1: syntax: the file is empty; write the configuration into it\n"},
        {"# nothing\n", "c.yaml:1:1: syntax: the file is empty; write the configuration into it\n"},
        {"server: [a\nb: c", "c.yaml:2:2: syntax: while parsing a flow sequence: did not find expected ',' or ']'; "
                              "correct the YAML\n"},
        {"a: b: c\n", "c.yaml:1:5: syntax: mapping values are not allowed in this context; correct the YAML\n"},
        {"a: b\n\xff", "c.yaml:2:1: syntax: invalid leading UTF-8 octet; correct the YAML\n"},
        {"a: 1\n---\nb: 2\n",
         "c.yaml:2:1: syntax: a second document begins; keep one document in the file\n"},
        {"a: &x 1\nb: *x\n",
         "c.yaml:1:4: syntax: an anchor is not supported; write the value where it is needed\n"
         "c.yaml:2:4: syntax: an alias is not supported; write the value out\n"},
        {"a: !!str 1\nb: !x {}\nc: !y []\n", "c.yaml:1:4: syntax: a tag is not supported; remove it\n"
                                              "c.yaml:2:4: syntax: a tag is not supported; remove it\n"
                                              "c.yaml:3:4: syntax: a tag is not supported; remove it\n"},
        {"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
         "c.yaml:1:17: syntax: the nesting is too deep; no key of this file is that deep\n"},
        {"just text\n", "c.yaml:1:1: file: must be a mapping and is a single value; write keys with their values, as "
                        "in {key: value}\n"},
        {"- a\n",
         "c.yaml:1:1: file: must be a mapping and is a list; write keys with their values, as in {key: value}\n"},
    };
    assert_all(table);
}

static void keys_that_are_missing_unknown_or_twice_are_named(void **state)
{
    (void)state;
    static const struct bad table[] = {
        {"{}", "c.yaml:1:1: server: is missing; add it\nc.yaml:1:1: routes: is missing; add it\n"},
        {SERVER ROUTES "sever: 1\n", "c.yaml:3:1: sever: is not a known key; did you mean server?\n"},
        {SERVER ROUTES "plugins: 1\n", "c.yaml:3:1: plugins: is not a known key; known here are server, keys, tls, "
                                       "routes, policy, policy_object, archive, store, limits, metrics, hep\n"},
        {SERVER ROUTES SERVER, "c.yaml:3:1: server: stands twice, first in line 1; remove one of them\n"},
        {SERVER ROUTES "limits:\n  conections: 5\n  connections: 5\n  connections: 6\n",
         "c.yaml:4:3: limits.conections: is not a known key; did you mean connections?\n"
         "c.yaml:6:3: limits.connections: stands twice, first in line 5; remove one of them\n"},
        {SERVER ROUTES "[a]: 1\n", "c.yaml:3:1: file: a key must be a word; remove this one\n"},
        {"server:\n  names: [a.example]\n" ROUTES, "c.yaml:2:3: server.listen: is missing; add it\n"},
        {SERVER ROUTES "keys: {trust: x}\n", "c.yaml:3:7: keys.certificate: is missing; add it\n"
                                             "c.yaml:3:7: keys.private_key: is missing; add it\n"},
        {SERVER "routes: [{next: \"sip:192.0.2.1\"}]\n", "c.yaml:2:10: routes[0].domain: is missing; add it\n"},
    };
    assert_all(table);
}

static void values_of_the_wrong_kind_are_named(void **state)
{
    (void)state;
    static const struct bad table[] = {
        {"server: 5\n" ROUTES, "c.yaml:1:9: server: must be a mapping and is a single value; write keys with their "
                               "values, as in {key: value}\n"},
        {"server:\n" ROUTES, "c.yaml:1:8: server: must be a mapping and is nothing; write keys with their values, as "
         "in "
                             "{key: value}\n"},
        {"server: {names: a.example, listen: [\"udp://127.0.0.1\"]}\n" ROUTES,
         "c.yaml:1:17: server.names: must be a list and is a single value; write [first, second]\n"},
        {"server: {names: [[a]], listen: [~]}\n" ROUTES,
         "c.yaml:1:18: server.names[0]: must be text and is a list; write a single value\n"
         "c.yaml:1:33: server.listen[0]: has no value; write text, or remove the key\n"},
        {"server: {names: [\"\"], listen: [\"udp://127.0.0.1\\n\"]}\n" ROUTES,
         "c.yaml:1:18: server.names[0]: has 0 bytes; write 1 to 253 of them\n"
         "c.yaml:1:32: server.listen[0]: holds a control character; remove it\n"},
        {"server: {names: [], listen: []}\n" ROUTES,
         "c.yaml:1:17: server.names: is empty; write the host names by which this server is known\n"},
        {"server: {names: [a.example], listen: []}\n" ROUTES,
         "c.yaml:1:38: server.listen: is empty; write where to listen, as in [udp://127.0.0.1:5060]\n"},
        {"server: {names: [a,b,c,d,e,f,g,h,i], listen: [\"udp://127.0.0.1\"]}\n" ROUTES,
         "c.yaml:1:17: server.names: has 9 entries; at most 8 are allowed\n"},
    };
    assert_all(table);
}

static void numbers_and_times_have_their_ranges(void **state)
{
    (void)state;
    static const struct bad table[] = {
        {SERVER ROUTES "limits: {connections: 5s}\n",
         "c.yaml:3:23: limits.connections: \"5s\" is not a whole number from 1 to 1000000; write one without a unit\n"},
        {SERVER ROUTES "limits: {connections: 0}\n",
         "c.yaml:3:23: limits.connections: \"0\" is not a whole number from 1 to 1000000; write one without a unit\n"},
        {SERVER ROUTES "limits: {connections: -1}\n",
         "c.yaml:3:23: limits.connections: \"-1\" is not a whole number from 1 to 1000000; write one without a unit\n"},
        {SERVER ROUTES "limits: {connections: 0x10}\n",
         "c.yaml:3:23: limits.connections: \"0x10\" is not a whole number from 1 to 1000000; write one without a "
         "unit\n"},
        {SERVER ROUTES "limits: {message_bytes: 131073}\n",
         "c.yaml:3:25: limits.message_bytes: \"131073\" is not a whole number from 1300 to 131072; write one without a "
         "unit\n"},
        {SERVER ROUTES "limits: {new_certificates_burst: 39, registration_seconds: 59, wait_seconds: 31}\n",
         "c.yaml:3:34: limits.new_certificates_burst: \"39\" is not a whole number from 40 to 1000000; write one "
         "without a unit\n"
         "c.yaml:3:60: limits.registration_seconds: \"59\" is not a time from 60 to 86400 seconds; write seconds, or a "
         "number with s, m, h or d\n"
         "c.yaml:3:78: limits.wait_seconds: \"31\" is not a time from 1 to 30 seconds; write seconds, or a number with "
         "s, m, h or d\n"},
        {SERVER ROUTES "limits: {bindings: 9}\n",
         "c.yaml:3:9: limits: bindings_per_user is more than bindings, so that it would never be reached; raise "
         "bindings, or lower bindings_per_user\n"},
        {SERVER ROUTES "limits: {new_certificates: 201}\n",
         "c.yaml:3:9: limits: new_certificates is more than new_certificates_burst, so that what a second brings would "
         "never be used; raise new_certificates_burst, or lower new_certificates\n"},
        {SERVER ROUTES "limits: {idle_seconds: 5w}\n",
         "c.yaml:3:24: limits.idle_seconds: \"5w\" is not a time from 1 to 86400 seconds; write seconds, or a number "
         "with s, m, h or d\n"},
        {SERVER ROUTES "limits: {idle_seconds: 2d}\n",
         "c.yaml:3:24: limits.idle_seconds: \"2d\" is not a time from 1 to 86400 seconds; write seconds, or a number "
         "with s, m, h or d\n"},
        {SERVER ROUTES "limits: {idle_seconds: s}\n",
         "c.yaml:3:24: limits.idle_seconds: \"s\" is not a time from 1 to 86400 seconds; write seconds, or a number "
         "with s, m, h or d\n"},
        {"server: {names: [a.example], listen: [\"udp://127.0.0.1\"], vaults: 33, log: loud}\n" ROUTES,
         "c.yaml:1:67: server.vaults: \"33\" is not a whole number from 1 to 32; write one without a unit\n"
         "c.yaml:1:76: server.log: \"loud\" is not known here; write debug, info, warning or error\n"},
    };
    assert_all(table);
}

#define NOT_LISTEN                                                                                                     \
    "is not an address to listen on; write udp://, tcp:// or tls://, an IP address, a colon and a port, as in "                \
    "udp://127.0.0.1:5060 or tcp://[::1]:5060\n"

static void assert_listen_refused(const char *uri, const char *problem)
{
    char text[512], wanted[1024];
    snprintf(text, sizeof text, "server: {names: [a.example], listen: [\"%s\"]}\n" ROUTES, uri);
    snprintf(wanted, sizeof wanted, "c.yaml:1:39: server.listen[0]: \"%s\": %s", uri, problem);
    assert_errors(text, wanted);
}

static void addresses_to_listen_on_are_strict(void **state)
{
    (void)state;
    static const char *const wrong[] = {"127.0.0.1:5060",       "udp:127.0.0.1",   "udp://localhost:5060",
                                        "udp://127.1:5060",     "udp://0x7f.1",    "udp://127.0.0.1:",
                                        "udp://127.0.0.1:65536", "udp://::1:5060", "udp://[::1",
                                        "udp://[127.0.0.1]:1",  "udp://[::1]5060", "sctp://127.0.0.1",
                                        "udp://",               "udp://[]:5060",   "UDP://127.0.0.1",
                                        "udp://127.0.0.1:5060/"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_listen_refused(wrong[i], NOT_LISTEN);
    assert_errors("server: {names: [a.example], listen: [\"udp://127.0.0.1\", \"udp://127.0.0.1:5060\"]}\n" ROUTES,
                  "c.yaml:1:58: server.listen[1]: \"udp://127.0.0.1:5060\" stands twice; remove one of them\n");
}

#define SMALL "server: {names: [a.example], listen: [\"udp://127.0.0.1\"]}\n" ROUTES
#define NO_SERVER(text)                                                                                                \
    "c.yaml:3:11: hep.to: \"" text "\" is no capture server; write udp:, an IP address, a colon and a port, as in "      \
    "udp:127.0.0.1:9060\n"

static void operators_are_told_what_is_wrong(void **state)
{
    (void)state;
    static const struct bad table[] = {
        {SMALL "metrics: {listen: \"192.0.2.1:9464\"}\n",
         "c.yaml:3:19: metrics.listen: \"192.0.2.1:9464\" can be reached from outside, and there is no password; write an "
         "address of loopback, as in 127.0.0.1:9464\n"},
        {SMALL "metrics: {listen: 127.0.0.1}\n",
         "c.yaml:3:19: metrics.listen: \"127.0.0.1\": is no address with a port; write it as 127.0.0.1:9464 or "
         "[::1]:9464\n"},
        {SMALL "hep: {to: \"tcp:127.0.0.1:9060\"}\n", NO_SERVER("tcp:127.0.0.1:9060")},
        {SMALL "hep: {to: \"udp:homer:9060\"}\n", NO_SERVER("udp:homer:9060")},
        {SMALL "hep: {to: \"udp:[::1]\"}\n", NO_SERVER("udp:[::1]")},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_errors(table[i].text, table[i].errors);
}

static void names_are_host_names(void **state)
{
    (void)state;
    static const struct bad table[] = {
        {"server: {names: [\"a b\", -a, a-, a..b, \"[::1\", \"a:5060\", \"*\"], listen: [\"udp://127.0.0.1\"]}\n"
         ROUTES,
         "c.yaml:1:18: server.names[0]: \"a b\" is not a host name; write a name as proxy1.home.example, or an "
         "address\n"
         "c.yaml:1:25: server.names[1]: \"-a\" is not a host name; write a name as proxy1.home.example, or an address\n"
         "c.yaml:1:29: server.names[2]: \"a-\" is not a host name; write a name as proxy1.home.example, or an address\n"
         "c.yaml:1:33: server.names[3]: \"a..b\" is not a host name; write a name as proxy1.home.example, or an "
         "address\n"
         "c.yaml:1:39: server.names[4]: \"[::1\" is not a host name; write a name as proxy1.home.example, or an "
         "address\n"
         "c.yaml:1:47: server.names[5]: \"a:5060\" is not a host name; write a name as proxy1.home.example, or an "
         "address\n"
         "c.yaml:1:57: server.names[6]: \"*\" is not a host name; write a name as proxy1.home.example, or an "
         "address\n"},
    };
    assert_all(table);
}

#define NOT_BLOCK                                                                                                      \
    " is not a block of addresses; write an address and the bits that count, as in 192.0.2.0/24 or 2001:db8::/32\n"

static void routes_are_checked_for_what_they_say(void **state)
{
    (void)state;
    static const struct bad table[] = {
        {SERVER "routes: []\n", "c.yaml:2:9: routes: is empty; write where requests go, as in [{domain: \"*\", next: "
                                "\"sip:proxy2.example\"}]\n"},
        {SERVER "routes: [{domain: a.example}]\n",
         "c.yaml:2:10: routes[0]: has neither registrar nor next; add one of them\n"},
        {SERVER "routes: [{domain: a.example, registrar: {}, next: \"sip:192.0.2.1\"}]\n",
         "c.yaml:2:10: routes[0]: has both registrar and next; keep one of them\n"},
        {SERVER "routes: [{domain: \"*\", registrar: {}}]\n",
         "c.yaml:2:35: routes[0].registrar: users cannot be registered for every other domain; name the domain\n"},
        {SERVER "routes: [{domain: A.example, registrar: {}}, {domain: a.EXAMPLE, next: \"sip:192.0.2.1\"}]\n",
         "c.yaml:2:55: routes[1].domain: \"a.example\" has a route already; remove one of them\n"},
        {SERVER "routes: [{domain: a.example, registrar: {allow: [10.0.0.0/33, 10.0.0.1/8, x, \"::ffff:10.0.0.0/104\", "
                "10.1/8]}}]\n",
         "c.yaml:2:50: routes[0].registrar.allow[0]: \"10.0.0.0/33\"" NOT_BLOCK
         "c.yaml:2:63: routes[0].registrar.allow[1]: \"10.0.0.1/8\" has bits set behind its prefix; set them to zero, "
         "or "
         "write a longer prefix\n"
         "c.yaml:2:75: routes[0].registrar.allow[2]: \"x\"" NOT_BLOCK
         "c.yaml:2:78: routes[0].registrar.allow[3]: \"::ffff:10.0.0.0/104\" is an IPv4 address written as IPv6; "
         "write it "
         "as IPv4\n"
         "c.yaml:2:101: routes[0].registrar.allow[4]: \"10.1/8\"" NOT_BLOCK},
        {SERVER "routes: [{domain: \"*\", next: \"192.0.2.1:5060\"}]\n",
         "c.yaml:2:30: routes[0].next: \"192.0.2.1:5060\" is not a SIP URI; write it as in "
         "sip:proxy2.example:5060;transport=tcp\n"},
        {SERVER "routes: [{domain: \"*\", next: \"sips:192.0.2.1\"}]\n",
         "c.yaml:2:30: routes[0].next: \"sips:192.0.2.1\" asks for TLS all the way, which is not supported; write sip: "
         "and ;transport=tls for this one hop\n"},
        {SERVER "routes: [{domain: \"*\", next: \"sip:a@192.0.2.1\"}]\n",
         "c.yaml:2:30: routes[0].next: \"sip:a@192.0.2.1\" names more than a server; leave out what stands before the "
         "host and after a question mark\n"},
        {SERVER "routes: [{domain: \"*\", next: \"sip:192.0.2.1;transport=sctp\"}]\n",
         "c.yaml:2:30: routes[0].next: \"sip:192.0.2.1;transport=sctp\" names a transport that is not known; write "
         "transport=tls, transport=tcp or transport=udp\n"},
        {SERVER "routes: [{domain: \"*\", next: \"sip:127.0.0.1\"}]\n",
         "c.yaml:2:30: routes[0].next: leads back to this server, which listens there; name the next server\n"},
        {SERVER "routes: [{domain: \"*\", next: \"sip:192.0.2.1;transport=tcp\"}]\n",
         "c.yaml:2:30: routes[0].next: no entry of server.listen has its transport and kind of address (TCP over "
         "IPv4); "
         "add one\n"},
        {SERVER "routes: [{domain: \"*\", next: \"sip:[2001:db8::1]\"}]\n",
         "c.yaml:2:30: routes[0].next: no entry of server.listen has its transport and kind of address (UDP over "
         "IPv6); "
         "add one\n"},
    };
    assert_all(table);
}

static void policy_rules_are_checked_for_what_they_say(void **state)
{
    (void)state;
    static const struct bad table[] = {
        {SERVER OWN KEYS "policy: [5]\n", "c.yaml:4:10: policy[0]: must be a mapping and is a single value; write keys "
                                          "with their values, as in {key: value}\n"},
        {SERVER OWN KEYS "policy: [{methods: [], require: [view]}]\n",
         "c.yaml:4:20: policy[0].methods: is empty; name methods, or remove the key for a rule about every method\n"},
        {SERVER OWN KEYS "policy: [{methods: [message, CANCEL, \"A B\"], require: [view]}]\n",
         "c.yaml:4:21: policy[0].methods[0]: \"message\" is not a method; write it in capitals, as MESSAGE\n"
         "c.yaml:4:30: policy[0].methods[1]: no rule matches CANCEL, which belongs to an INVITE; write INVITE, or "
         "remove "
         "it\n"
         "c.yaml:4:38: policy[0].methods[2]: \"A B\" is not a method; write it in capitals, as MESSAGE\n"},
        {SERVER OWN KEYS "policy: [{methods: [INVITE], content: [text, \"*/*\", text/plain; charset], require: "
         "[verify]}]\n",
         "c.yaml:4:40: policy[0].content[0]: \"text\" is not a media type; write it as text/plain, text/* or *\n"
         "c.yaml:4:46: policy[0].content[1]: \"*/*\" is not a media type; write it as text/plain, text/* or *\n"
         "c.yaml:4:53: policy[0].content[2]: \"text/plain; charset\" is not a media type; write it as text/plain, "
         "text/* "
         "or *\n"},
        {SERVER OWN KEYS "policy: [{methods: [INVITE], require: [read], direction: in, plain: deny, mode: strict}]\n",
         "c.yaml:4:40: policy[0].require[0]: \"read\" is not known here; write view or verify\n"
         "c.yaml:4:58: policy[0].direction: \"in\" is not known here; write both, from-domain or to-domain\n"
         "c.yaml:4:69: policy[0].plain: \"deny\" is not known here; write allow or refuse\n"
         "c.yaml:4:81: policy[0].mode: \"strict\" is not known here; write monitor or enforce\n"},
        {SERVER OWN KEYS "policy: [{methods: [INVITE], mode: enforce}]\n",
         "c.yaml:4:10: policy[0]: asks for nothing; add require: [view, verify] or plain: refuse, or remove the "
         "rule\n"},
        {SERVER OWN RULE, "c.yaml:3:9: policy: needs a section keys, since bodies must be examined; add it, or remove "
         "this "
                          "section\n"},
        {SERVER OWN "policy_object: {domain: home.example}\n",
         "c.yaml:3:16: policy_object: needs a section keys, whose certificate others seal to; add it, or remove this "
         "section\n"},
        {SERVER OWN KEYS "policy_object: {domain: home.example, certificate: a.pem}\n",
         "c.yaml:4:16: policy_object: certificate and private_key belong together; give both, or neither\n"},
        {SERVER ROUTES KEYS "policy: [{methods: [MESSAGE], require: [view], direction: from-domain}]\n",
         "c.yaml:4:9: policy: a rule has a direction, and this server has no domain of its own; add server.domains, "
         "or a "
         "route with registrar\n"},
    };
    assert_all(table);
}

static void an_archive_needs_keys_readers_and_something_to_archive(void **state)
{
    (void)state;
    static const struct bad table[] = {
        {SERVER OWN KEYS RULE "archive: {path: a.db}\n", "c.yaml:5:10: archive.readers: is missing; add it\n"},
        {SERVER OWN KEYS RULE "archive: {path: a.db, readers: []}\n",
         "c.yaml:5:32: archive.readers: is empty; name the certificate of at least one who may read the archive\n"},
        {SERVER OWN "archive: {path: a.db, readers: [r.pem]}\n",
         "c.yaml:3:10: archive: needs a section keys; add it, or remove this section\n"},
        {SERVER OWN KEYS "archive: {path: a.db, readers: [r.pem]}\n",
         "c.yaml:4:10: archive: no rule of the policy requires view, so nothing would be archived; add one, or remove "
         "this section\n"},
        {SERVER OWN KEYS RULE "archive: {path: a.db, readers: [r.pem]}\nstore: {path: a.db}\n",
         "c.yaml:5:10: archive: its path is that of the store; choose another\n"},
    };
    assert_all(table);
}

static void all_faults_are_told_in_the_order_of_the_file(void **state)
{
    (void)state;
    assert_errors("limits: {connections: x}\nroutes: [{domain: \"*\", nxt: y}]\nserver: {names: [\"?\"], listen: 5}\n",
                  "c.yaml:1:23: limits.connections: \"x\" is not a whole number from 1 to 1000000; write one without a "
                  "unit\n"
                  "c.yaml:2:10: routes[0]: has neither registrar nor next; add one of them\n"
                  "c.yaml:2:24: routes[0].nxt: is not a known key; did you mean next?\n"
                  "c.yaml:3:18: server.names[0]: \"?\" is not a host name; write a name as proxy1.home.example, or an "
                  "address\n"
                  "c.yaml:3:32: server.listen: must be a list and is a single value; write [first, second]\n");
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void faults_beyond_a_bound_are_counted(void **state)
{
    (void)state;
    char text[4096] = SERVER ROUTES "limits:\n";
    struct writer w = writer_over(text, sizeof text - 1);
    w.len = strlen(text);
    for (unsigned i = 0; i < 50; i++) {
        writer_text(&w, "  unknown");
        writer_decimal(&w, i);
        writer_text(&w, ": 1\n");
    }
    text[w.len] = '\0';
    struct config *config;
    assert_rule(config_parse("c.yaml", span_text(text), &config, errors, sizeof errors), RULE_CONFIG);
    assert_int_equal(count_lines(errors), 33);
    assert_non_null(strstr(errors, "\nc.yaml: and 18 more\n"));
    for (size_t len = 0; len < 600; len++) { /* and within any memory */
        char *exact = malloc(len + 1);
        assert_non_null(exact);
        memset(exact, 'x', len + 1);
        assert_rule(config_parse("c.yaml", span_text(text), &config, exact, len), RULE_CONFIG);
        assert_int_equal(exact[len], 'x');
        assert_true(len == 0 || memchr(exact, 0, len) != NULL);
        free(exact);
    }
}

static void a_value_cannot_forge_a_line_of_its_own(void **state)
{
    (void)state;
    assert_errors(SERVER ROUTES "limits: {connections: \"5\\n\\e[31mc.yaml:1:1: fine\"}\n",
                  "c.yaml:3:23: limits.connections: \"5??[31mc.yaml:1:1: fine\" is not a whole number from 1 to "
                  "1000000; "
                  "write one without a unit\n");
}

/* --- what is read --- */

static void the_smallest_configuration_has_sane_defaults(void **state)
{
    (void)state;
    struct config *c = good(SERVER ROUTES);
    assert_span_text(c->path, "dir/c.yaml");
    assert_int_equal(c->name_count, 1);
    assert_span_text(c->name[0], "proxy1.home.example");
    assert_int_equal(c->listen_count, 1);
    assert_int_equal(c->user.len, 0);
    assert_int_equal(c->vaults, 0); /* without keys nothing can be opened */
    assert_int_equal(c->log_level, 1);
    assert_int_equal(c->log_format, 0);
    assert_null(c->certificate_path);
    assert_null(c->archive_path);
    assert_string_equal(c->store_path, "dir/sipseald.db");
    assert_int_equal(c->policy.rule_count, 0);
    assert_int_equal(c->policy.domain_count, 0);
    assert_int_equal(c->legacy, 0);
    assert_int_equal(c->limits.message_bytes, 131072);
    assert_int_equal(c->limits.transactions, 100000);
    assert_int_equal(c->limits.connections, 10000);
    assert_int_equal(c->limits.jobs_per_vault, 128);
    assert_int_equal(c->limits.new_certificates, 50);
    assert_int_equal(c->limits.new_certificates_burst, 200);
    assert_int_equal(c->limits.log_lines, 2000);
    assert_int_equal(c->limits.wait_seconds, 5);
    assert_int_equal(c->limits.examine_seconds, 15);
    assert_int_equal(c->limits.retry_after_seconds, 5);
    assert_int_equal(c->limits.registration_seconds, 7200);
    assert_int_equal(c->limits.store_jobs, 1024);
    assert_int_equal(c->limits.bindings, 100000);
    assert_int_equal(c->limits.bindings_per_user, 10);
    assert_int_equal(c->limits.branches, 10);
    assert_int_equal(c->limits.ringing_seconds, 200);
    assert_int_equal(c->limits.idle_seconds, 600);
    assert_int_equal(c->limits.drain_seconds, 5);
    config_free(c);
}

static const char full[] = "server:\n"
                           "  names: [Proxy1.Home.Example, 192.0.2.1, \"[2001:db8::1]\"]\n"
                           "  listen: [\"udp://0.0.0.0:5060\", \"tcp://[::]:5062\", \"tcp://127.0.0.1:0\", "
                           "\"tcp://127.0.0.1:0\"]\n"
                           "  user: nobody\n"
                           "  domains: [other.example, HOME.example]\n"
                           "  vaults: 3\n"
                           "  log: warning\n"
                           "  log_format: json\n"
                           "keys: {certificate: proxy1.pem, private_key: /etc/key.pem, trust: ca/, window: 5m,\n"
                           "       legacy: [pkcs1]}\n"
                           "routes:\n"
                           "  - domain: home.example\n"
                           "    registrar: {allow: [127.0.0.0/8, 192.0.2.9, \"2001:db8::/32\", \"::/0\"]}\n"
                           "  - {domain: far.example, next: \"sip:192.0.2.7:5070;transport=TCP\",\n"
                           "     record_route: false}\n"
                           "  - {domain: \"*\", next: \"sip:[2001:db8::7]\"}\n"
                           "policy:\n"
                           "  - {methods: [MESSAGE, X-NEW], content: [Text/*, \"*\"], require: [view, verify],\n"
                           "     direction: from-domain, plain: refuse, mode: enforce}\n"
                           "  - {plain: refuse}\n"
                           "archive: {path: archive.db, readers: [auditor.pem, /abs/second.pem]}\n"
                           "store: {path: /var/lib/replay.db}\n"
                           "limits: {message_bytes: 1300, branches: 3, ringing_seconds: 5m, idle_seconds: 2h,\n"
                           "         drain_seconds: 30}\n";

static void assert_listens(const struct hop *hop, enum sip_transport transport, const char *host, uint16_t port)
{
    char text[INET6_ADDRSTRLEN];
    const struct sockaddr_in *in = (const struct sockaddr_in *)&hop->address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&hop->address;
    bool ipv6 = hop->address.ss_family == AF_INET6;
    inet_ntop(hop->address.ss_family, ipv6 ? (const void *)&in6->sin6_addr : (const void *)&in->sin_addr, text,
              sizeof text);
    assert_int_equal(hop->transport, transport);
    assert_string_equal(text, host);
    assert_int_equal(ntohs(ipv6 ? in6->sin6_port : in->sin_port), port);
    assert_int_equal(hop->address_len, ipv6 ? sizeof *in6 : sizeof *in);
}

static void everything_that_is_written_is_read(void **state)
{
    (void)state;
    /* A next hop over IPv6 and UDP needs a socket that can send there. */
    char text[sizeof full + 64];
    snprintf(text, sizeof text, "%s", full);
    char *at = strstr(text, "tcp://127.0.0.1:0\"]");
    assert_non_null(at);
    memcpy(at, "udp://[::1]:5999\"] ", strlen("udp://[::1]:5999\"] "));
    struct config *c = good(text);
    assert_span_text(c->name[0], "proxy1.home.example");
    assert_span_text(c->name[2], "[2001:db8::1]");
    assert_int_equal(c->listen_count, 4);
    assert_listens(&c->listen[0], SIP_UDP, "0.0.0.0", 5060);
    assert_listens(&c->listen[1], SIP_TCP, "::", 5062);
    assert_listens(&c->listen[2], SIP_TCP, "127.0.0.1", 0);
    assert_listens(&c->listen[3], SIP_UDP, "::1", 5999);
    assert_span_text(c->user, "nobody");
    assert_int_equal(c->vaults, 3);
    assert_int_equal(c->log_level, 2);
    assert_int_equal(c->log_format, 1);
    assert_string_equal(c->certificate_path, "dir/proxy1.pem");
    assert_string_equal(c->private_key_path, "/etc/key.pem");
    assert_string_equal(c->trust_path, "dir/ca/");
    assert_int_equal(c->window, 300);
    assert_int_equal(c->legacy, CMS_LEGACY_PKCS1);
    assert_int_equal(c->route_count, 3);
    assert_true(c->route[0].registrar && !c->route[0].has_next);
    assert_int_equal(c->route[0].allow_count, 4);
    assert_int_equal(c->route[0].allow[1].prefix, 32);
    assert_int_equal(c->route[0].allow[3].prefix, 0);
    assert_span_text(c->route[1].domain, "far.example");
    assert_listens(&c->route[1].next, SIP_TCP, "192.0.2.7", 5070);
    assert_span_text(c->route[1].next_uri, "sip:192.0.2.7:5070;transport=TCP");
    assert_span_text(c->route[2].domain, "*");
    assert_listens(&c->route[2].next, SIP_UDP, "2001:db8::7", 5060);
    assert_int_equal(c->policy.domain_count, 2);
    assert_span_text(c->policy.domain[0], "other.example");
    assert_span_text(c->policy.domain[1], "home.example");
    const struct policy_rule *rule = &c->policy.rule[0];
    assert_int_equal(c->policy.rule_count, 2);
    assert_int_equal(rule->method_count, 2);
    assert_span_text(rule->method[1], "X-NEW");
    assert_span_text(rule->content[0], "text/*");
    assert_int_equal(rule->require, LABEL_VIEW | LABEL_VERIFY);
    assert_int_equal(rule->direction, POLICY_FROM_DOMAIN);
    assert_int_equal(rule->plain, POLICY_PLAIN_REFUSE);
    assert_int_equal(rule->mode, POLICY_ENFORCE);
    assert_int_equal(rule[1].mode, POLICY_MONITOR);
    assert_int_equal(rule[1].direction, POLICY_BOTH);
    assert_int_equal(rule[1].require, 0);
    assert_int_equal(rule[1].method_count, 0); /* every method */
    assert_string_equal(c->archive_path, "dir/archive.db");
    assert_int_equal(c->archive_reader_count, 2);
    assert_string_equal(c->archive_reader_path[0], "dir/auditor.pem");
    assert_string_equal(c->archive_reader_path[1], "/abs/second.pem");
    assert_string_equal(c->store_path, "/var/lib/replay.db");
    assert_int_equal(c->limits.message_bytes, 1300);
    assert_int_equal(c->limits.branches, 3);
    assert_int_equal(c->limits.ringing_seconds, 300);
    assert_true(c->route[0].record_route && !c->route[1].record_route);
    assert_int_equal(c->limits.idle_seconds, 7200);
    assert_int_equal(c->limits.drain_seconds, 30);
    config_free(c);
}

static bool holds(const char *block, const char *host)
{
    struct sockaddr_storage address = {0};
    char text[256];
    snprintf(text, sizeof text, SERVER "routes: [{domain: a.example, registrar: {allow: [\"%s\"]}}]\n", block);
    struct config *c = good(text);
    if (strchr(host, ':')) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        assert_int_equal(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
        memcpy(&address, &in6, sizeof in6);
    } else {
        struct sockaddr_in in = {.sin_family = AF_INET};
        assert_int_equal(inet_pton(AF_INET, host, &in.sin_addr), 1);
        memcpy(&address, &in, sizeof in);
    }
    bool inside = address_block_holds(&c->route[0].allow[0], (const struct sockaddr *)&address);
    config_free(c);
    return inside;
}

static void what_operators_see_is_off_or_bare_unless_it_is_written(void **state)
{
    (void)state;
    struct config *c = good(SMALL);
    assert_true(!c->metrics && !c->hep && !c->control_given);
    config_free(c);
    c = good(SMALL "hep: {to: \"udp:192.0.2.7:9060\"}\n");
    assert_true(c->hep);
    assert_int_equal(c->hep_bodies, CONFIG_BODIES_NONE);
    assert_int_equal(c->hep_id, 1);
    assert_span_text(c->hep_password, "");
    config_free(c);
    c = good(SMALL "metrics: {listen: \"[::1]:9464\"}\nhep: {to: \"udp:[2001:db8::1]:9060\", id: 4294967295, "
                   "password: open sesame, bodies: wire}\n");
    assert_listens(&c->metrics_listen, SIP_TCP, "::1", 9464);
    assert_listens(&c->hep_to, SIP_UDP, "2001:db8::1", 9060);
    assert_int_equal(c->hep_bodies, CONFIG_BODIES_WIRE);
    assert_int_equal(c->hep_id, UINT32_MAX);
    assert_span_text(c->hep_password, "open sesame");
    config_free(c);
}

static void a_path_may_begin_with_the_home_folder(void **state)
{
    (void)state;
    const char *text = SERVER ROUTES "keys: {certificate: ~/c.pem, private_key: ~/k/k.pem, trust: ~x/ca}\n";
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    assert_int_equal(setenv("HOME", "/home/alice", 1), 0);
    struct config *c = good(text);
    assert_string_equal(c->certificate_path, "/home/alice/c.pem");
    assert_string_equal(c->private_key_path, "/home/alice/k/k.pem");
    assert_string_equal(c->trust_path, "dir/~x/ca");
    config_free(c);
    assert_int_equal(unsetenv("HOME"), 0);
    assert_errors(SERVER ROUTES "store: {path: ~/s.db}\n",
                  "c.yaml:3:15: store.path: there is no home folder; write the whole path, or set HOME\n");
    if (home)
        setenv("HOME", home, 1);
    free(home);
}

static void a_block_holds_the_addresses_under_its_prefix(void **state)
{
    (void)state;
    assert_true(holds("127.0.0.0/8", "127.255.0.1"));
    assert_false(holds("127.0.0.0/8", "126.255.255.255"));
    assert_false(holds("127.0.0.0/8", "128.0.0.0"));
    assert_true(holds("192.0.2.128/25", "192.0.2.255"));
    assert_false(holds("192.0.2.128/25", "192.0.2.127"));
    assert_true(holds("192.0.2.1", "192.0.2.1"));
    assert_false(holds("192.0.2.1", "192.0.2.0"));
    assert_true(holds("0.0.0.0/0", "203.0.113.9"));
    assert_true(holds("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(holds("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(holds("::/0", "2001:db8::1"));
    assert_false(holds("::/0", "192.0.2.1"));
    assert_false(holds("0.0.0.0/0", "2001:db8::1"));
    /* A dual-stack socket shows IPv4 peers this way; they are IPv4 (RFC 4291 2.5.5.2). */
    assert_true(holds("127.0.0.0/8", "::ffff:127.0.0.1"));
    assert_false(holds("::/0", "::ffff:127.0.0.1"));
    struct address_block block = {.prefix = 0, .address = {.ss_family = AF_INET}};
    struct sockaddr_storage unix_address = {.ss_family = AF_UNIX};
    assert_false(address_block_holds(&block, (const struct sockaddr *)&unix_address));
}

/* Every prefix of a good file and every changed byte is read or refused, and nothing else happens. */
static void damaged_files_are_refused_or_read(void **state)
{
    (void)state;
    struct config *config;
    for (size_t len = 0; len < sizeof full - 1; len++) {
        uint8_t *exact = malloc(len + 1);
        assert_non_null(exact);
        memcpy(exact, full, len);
        enum rule rule = config_parse("c.yaml", span_of(exact, len), &config, errors, sizeof errors);
        assert_true(rule == RULE_OK ? *errors == '\0' : strncmp(errors, "c.yaml:", 7) == 0);
        config_free(config);
        free(exact);
    }
    uint8_t copy[sizeof full - 1];
    for (size_t bit = 0; bit < sizeof copy * 8; bit++) {
        memcpy(copy, full, sizeof copy);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum rule rule = config_parse("c.yaml", span_of(copy, sizeof copy), &config, errors, sizeof errors);
        assert_true(rule == RULE_OK ? *errors == '\0' : strncmp(errors, "c.yaml:", 7) == 0);
        config_free(config);
    }
}

#define TLS_SERVER "server: {names: [a.example], listen: [\"udp://127.0.0.1\", \"tls://127.0.0.1\"]}\n"
#define TLS_KEYS "tls: {certificate: a.pem, private_key: a.key, trust: ca.pem"

static void tls_is_listened_for_and_routed_to_at_its_own_port(void **state)
{
    (void)state;
    static const char text[] = TLS_SERVER TLS_KEYS ", clients: required}\n"
                                                   "routes: [{domain: \"*\", next: \"sip:192.0.2.7;transport=tls\"}]\n";
    char error[CONFIG_ERRORS_MAX];
    struct config *c = NULL;
    assert_rule(config_parse("/etc/c.yaml", span_text(text), &c, error, sizeof error), RULE_OK);
    struct sockaddr_in listen, next;
    memcpy(&listen, &c->listen[1].address, sizeof listen);
    memcpy(&next, &c->route[0].next.address, sizeof next);
    assert_int_equal(c->listen[1].transport, SIP_TLS);
    assert_int_equal(ntohs(listen.sin_port), 5061);
    assert_int_equal(c->route[0].next.transport, SIP_TLS);
    assert_int_equal(ntohs(next.sin_port), 5061);
    assert_int_equal(c->tls_clients, TLS_CLIENTS_REQUIRED);
    assert_string_equal(c->tls_certificate_path, "/etc/a.pem");
    assert_string_equal(c->tls_private_key_path, "/etc/a.key");
    assert_string_equal(c->tls_trust_path, "/etc/ca.pem");
    config_free(c);
}

static void tls_needs_its_section_and_a_socket_to_leave_from(void **state)
{
    (void)state;
    assert_errors(TLS_SERVER ROUTES,
                  "c.yaml:1:38: server.listen: has an entry for TLS, which needs a section tls with certificate, "
                  "private_key and trust; add it, or remove the entry\n");
    assert_errors("server: {names: [a.example], listen: [\"tcp://127.0.0.1\"]}\n" TLS_KEYS "}\n"
                  "routes: [{domain: \"*\", next: \"sip:192.0.2.7;transport=tls\"}]\n",
                  "c.yaml:3:30: routes[0].next: no entry of server.listen has its transport and kind of address (TLS over "
                  "IPv4); add one\n");
    assert_errors(TLS_SERVER "tls: {certificate: a.pem, private_key: a.key, clients: some}\n" ROUTES,
                  "c.yaml:2:6: tls.trust: is missing; add it\n"
                  "c.yaml:2:56: tls.clients: \"some\" is not known here; write none, optional or required\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_yaml_is_refused_with_its_place),
        cmocka_unit_test(keys_that_are_missing_unknown_or_twice_are_named),
        cmocka_unit_test(values_of_the_wrong_kind_are_named),
        cmocka_unit_test(numbers_and_times_have_their_ranges),
        cmocka_unit_test(addresses_to_listen_on_are_strict),
        cmocka_unit_test(names_are_host_names),
        cmocka_unit_test(routes_are_checked_for_what_they_say),
        cmocka_unit_test(tls_is_listened_for_and_routed_to_at_its_own_port),
        cmocka_unit_test(tls_needs_its_section_and_a_socket_to_leave_from),
        cmocka_unit_test(policy_rules_are_checked_for_what_they_say),
        cmocka_unit_test(an_archive_needs_keys_readers_and_something_to_archive),
        cmocka_unit_test(all_faults_are_told_in_the_order_of_the_file),
        cmocka_unit_test(faults_beyond_a_bound_are_counted),
        cmocka_unit_test(a_value_cannot_forge_a_line_of_its_own),
        cmocka_unit_test(the_smallest_configuration_has_sane_defaults),
        cmocka_unit_test(everything_that_is_written_is_read),
        cmocka_unit_test(operators_are_told_what_is_wrong),
        cmocka_unit_test(what_operators_see_is_off_or_bare_unless_it_is_written),
        cmocka_unit_test(a_path_may_begin_with_the_home_folder),
        cmocka_unit_test(a_block_holds_the_addresses_under_its_prefix),
        cmocka_unit_test(damaged_files_are_refused_or_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
