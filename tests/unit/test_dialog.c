/* Dialogs by the letter (RFC 3261 12). */
#include "test.h"

#include <stdlib.h>

#include "ua/dialog.h"

static const struct compose_way over_tcp = {SIP_TCP, SPAN_INIT("127.0.0.1:40000")};

static struct sip_message *parse(const char *text)
{
    static struct sip_message m;
    assert_rule(sip_message_parse(span_text(text), SIP_DATAGRAM, &m), RULE_OK);
    return &m;
}

static const char *invite(const char *headers)
{
    static char text[16384];
    snprintf(
        text, sizeof text,
        "INVITE sip:bob@192.0.2.4 SIP/2.0\r\nVia: SIP/2.0/TCP p;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
        "From: Alice <sip:alice@home.example>;tag=a\r\nTo: <sip:bob@far.example>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\n%s"
        "Content-Length: 0\r\n\r\n",
        headers);
    return text;
}

static void request(struct dialog *d, const char *method, uint32_t cseq, char *out, size_t len)
{
    struct writer w = writer_over(out, len - 1);
    const struct dialog_draft draft = {.method = span_text(method), .cseq = cseq, .branch = SPAN("z9hG4bKx")};
    assert_true(dialog_write(d, &w, &over_tcp, &draft));
    out[w.len] = 0;
}

/* 12.1.1: the route set of whoever is called is the Record-Routes in their order. */
static void whoever_is_called_sends_to_the_contact_by_the_record_routes(void **state)
{
    (void)state;
    struct dialog *d = calloc(1, sizeof *d);
    char text[4096];
    assert_true(
        dialog_of_request(d,
                          parse(invite("Record-Route: <sip:p2;lr>, <sip:p1;lr>;x=1\r\nRecord-Route: <sip:p0;lr>\r\n"
                                       "Contact: \"A\" <sip:alice@192.0.2.1:5070;transport=tcp>\r\n")),
                          SPAN("b")));
    assert_false(d->confirmed);
    assert_span_text(dialog_next_hop(d), "sip:p2;lr");
    request(d, "BYE", 1, text, sizeof text);
    assert_string_equal(text,
                        "BYE sip:alice@192.0.2.1:5070;transport=tcp SIP/2.0\r\n"
                        "Via: SIP/2.0/TCP 127.0.0.1:40000;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n"
                        "From: <sip:bob@far.example>;tag=b\r\nTo: <sip:alice@home.example>;tag=a\r\nCall-ID: c1\r\n"
                        "CSeq: 1 BYE\r\nRoute: <sip:p2;lr>\r\nRoute: <sip:p1;lr>;x=1\r\nRoute: <sip:p0;lr>\r\n"
                        "Content-Length: 0\r\n\r\n");
    free(d);
}

/* 12.2.1.1: a strict router finds itself in the Request-URI. */
static void a_strict_router_gets_the_request_uri_and_the_contact_comes_last(void **state)
{
    (void)state;
    struct dialog *d = calloc(1, sizeof *d);
    char text[4096];
    assert_true(dialog_of_request(d, parse(invite("Record-Route: <sip:strict>, <sip:p1;lr>\r\nContact: <sip:a@h>\r\n")),
                                  SPAN("b")));
    assert_span_text(dialog_next_hop(d), "sip:strict");
    request(d, "BYE", 1, text, sizeof text);
    assert_memory_equal(text, "BYE sip:strict SIP/2.0\r\n", 24);
    assert_non_null(strstr(text, "\r\nRoute: <sip:p1;lr>\r\nRoute: <sip:a@h>\r\n"));
    free(d);
}

static void a_dialog_is_known_by_call_id_and_both_tags(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *call_id;
        bool fits;
    } cases[] = {{"a", "b", "c1", true},  {"x", "b", "c1", false}, {"a", "x", "c1", false},
                 {"a", "b", "c2", false}, {"b", "a", "c1", false}, {"a", "B", "c1", false}};
    struct dialog *d = calloc(1, sizeof *d);
    assert_true(dialog_of_request(d, parse(invite("Contact: <sip:a@h>\r\n")), SPAN("b")));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "BYE sip:bob@h SIP/2.0\r\nVia: SIP/2.0/TCP p;branch=z9hG4bK2\r\nMax-Forwards: 70\r\nFrom: "
                 "<sip:a@h>;tag=%s\r\n"
                 "To: <sip:b@h>;tag=%s\r\nCall-ID: %s\r\nCSeq: 8 BYE\r\nContent-Length: 0\r\n\r\n",
                 cases[i].from, cases[i].to, cases[i].call_id);
        assert_int_equal(dialog_has_request(d, parse(text)), cases[i].fits);
    }
    free(d);
}

static void requests_must_come_in_their_order(void **state)
{
    (void)state;
    struct dialog *d = calloc(1, sizeof *d);
    struct sip_message *m = parse(invite("Contact: <sip:a@h>\r\n"));
    assert_true(dialog_of_request(d, m, SPAN("b")));
    static const struct {
        uint32_t cseq;
        bool fits;
    } cases[] = {{7, false}, {6, false}, {8, true}, {8, false}, {100, true}, {99, false}, {2147483647, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        m->cseq = cases[i].cseq;
        assert_rule(dialog_take_request(d, m), cases[i].fits ? RULE_OK : RULE_SIP_ORDER);
    }
    free(d);
}

static void what_is_too_long_or_no_address_makes_no_dialog(void **state)
{
    (void)state;
    struct dialog *d = calloc(1, sizeof *d);
    char headers[12000];
    assert_false(dialog_of_request(d, parse(invite("")), SPAN("b"))); /* no Contact */
    assert_false(dialog_of_request(d, parse(invite("Contact: *\r\n")), SPAN("b")));
    assert_false(dialog_of_request(d, parse(invite("Record-Route: nonsense\r\nContact: <sip:a@h>\r\n")), SPAN("b")));
    snprintf(headers, sizeof headers, "Contact: <sip:%0*d@h>\r\n", DIALOG_URI_MAX, 1);
    assert_false(dialog_of_request(d, parse(invite(headers)), SPAN("b")));
    struct writer w = writer_over(headers, sizeof headers - 1);
    for (int i = 0; i <= DIALOG_ROUTES_MAX; i++)
        writer_text(&w, "Record-Route: <sip:p;lr>\r\n");
    writer_text(&w, "Contact: <sip:a@h>\r\n");
    headers[w.len] = 0;
    assert_false(dialog_of_request(d, parse(invite(headers)), SPAN("b")));
    assert_true(dialog_of_request(d, parse(invite(strchr(headers, '\n') + 1)), SPAN("b")));
    w = writer_over(headers, sizeof headers - 1);
    for (int i = 0; i < 5; i++) {
        char line[1100];
        snprintf(line, sizeof line, "Record-Route: <sip:p;lr;x=%01000d>\r\n", i);
        writer_text(&w, line);
    }
    writer_text(&w, "Contact: <sip:a@h>\r\n");
    headers[w.len] = 0;
    assert_false(dialog_of_request(d, parse(invite(headers)), SPAN("b")));
    free(d);
}

static void a_refresh_moves_the_target_and_a_broken_contact_does_not(void **state)
{
    (void)state;
    struct dialog *d = calloc(1, sizeof *d);
    assert_true(dialog_of_request(d, parse(invite("Contact: <sip:a@h1>\r\n")), SPAN("b")));
    dialog_refresh_target(d, parse(invite("Contact: <sip:a@h2>\r\n")));
    assert_span_text(d->target, "sip:a@h2");
    dialog_refresh_target(d, parse(invite("")));
    assert_span_text(d->target, "sip:a@h2");
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_is_called_sends_to_the_contact_by_the_record_routes),
        cmocka_unit_test(a_strict_router_gets_the_request_uri_and_the_contact_comes_last),
        cmocka_unit_test(a_dialog_is_known_by_call_id_and_both_tags),
        cmocka_unit_test(requests_must_come_in_their_order),
        cmocka_unit_test(what_is_too_long_or_no_address_makes_no_dialog),
        cmocka_unit_test(a_refresh_moves_the_target_and_a_broken_contact_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
