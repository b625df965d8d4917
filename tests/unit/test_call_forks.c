/* Several phones ring, and more than one may answer (RFC 3261 12.1, 13.2.2.4): the test is the phones. */
#include "phones.h"

#define VIA_PROXIES                                                                                                    \
    "Record-Route: <sip:p2.far.example;lr>, <sip:p1.home.example:5062;lr;dialog=7>\r\n"                                \
    "Record-Route: <sip:p0.home.example;transport=tcp;lr>\r\n"

static const char *contact(const char *host)
{
    static char text[128];
    snprintf(text, sizeof text, "Contact: <sip:bob@%s>\r\n" SDP_HEADERS, host);
    return text;
}

/* The last INVITE stays what phone_respond answers, whatever was sent after it. */
static void respond_to_invite(struct phones *p, const char *status, const char *tag, const char *headers,
                              const char *body)
{
    struct phone *alice = &p->alice;
    size_t count = alice->sent_count;
    /* The INVITE is the first message of these cases. */
    alice->sent_count = 1;
    char request[16 * 1024];
    snprintf(request, sizeof request, "%s", phone_sent(alice, 0));
    alice->sent_count = count;
    char text[16 * 1024], via[256], from[256], call_id[256];
    const char *at = strstr(request, "Via: ");
    snprintf(via, sizeof via, "%.*s", (int)strcspn(at, "\r"), at);
    at = strstr(request, "From: ");
    snprintf(from, sizeof from, "%.*s", (int)strcspn(at, "\r"), at);
    at = strstr(request, "Call-ID: ");
    snprintf(call_id, sizeof call_id, "%.*s", (int)strcspn(at, "\r"), at);
    snprintf(text, sizeof text,
             "SIP/2.0 %s\r\n%s\r\n%s\r\nTo: <sip:" BOB
             ">;tag=%s\r\n%s\r\nCSeq: 1 INVITE\r\n%sContent-Length: %zu\r\n\r\n%s",
             status, via, from, tag, call_id, headers, strlen(body), body);
    phone_receive(p, alice, text);
}

static void the_first_phone_that_answers_is_the_call_and_the_others_are_ended(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    respond_to_invite(p, "180 Ringing", "b1", contact("h1"), "");
    respond_to_invite(p, "180 Ringing", "b2", contact("h2"), "");
    respond_to_invite(p, "200 OK", "b2", contact("h2"), SDP);
    assert_log(&p->alice, "180 180 answered:200 ");
    assert_int_equal(phone_count(&p->alice, "ACK sip:bob@h2 "), 1);
    respond_to_invite(p, "200 OK", "b1", contact("h1"), SDP);
    respond_to_invite(p, "200 OK", "b3", contact("h3"), SDP); /* one that never rang */
    assert_int_equal(phone_count(&p->alice, "ACK sip:bob@h1 "), 1);
    assert_int_equal(phone_count(&p->alice, "BYE sip:bob@h1 "), 1);
    assert_int_equal(phone_count(&p->alice, "ACK sip:bob@h3 "), 1);
    assert_int_equal(phone_count(&p->alice, "BYE sip:bob@h3 "), 1);
    assert_int_equal(phone_count(&p->alice, "BYE sip:bob@h2 "), 0);
    assert_log(&p->alice, "180 180 answered:200 ");
    assert_int_equal(calls_active(agent_calls(p->alice.agent)), 1);
}

static void a_copy_of_another_phones_2xx_gets_its_ack_and_no_second_bye(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    respond_to_invite(p, "200 OK", "b1", contact("h1"), SDP);
    respond_to_invite(p, "200 OK", "b2", contact("h2"), SDP);
    respond_to_invite(p, "200 OK", "b2", contact("h2"), SDP);
    assert_int_equal(phone_count(&p->alice, "ACK sip:bob@h2 "), 2);
    assert_int_equal(phone_count(&p->alice, "BYE sip:bob@h2 "), 1);
}

static void a_phone_that_answers_after_the_call_is_over_is_ended_too(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    respond_to_invite(p, "200 OK", "b1", contact("h1"), SDP);
    phone_end(p, &p->alice);
    phone_respond(p, &p->alice, "200 OK", "", "", "");
    assert_log(&p->alice, "answered:200 ended:self:0:ok ");
    respond_to_invite(p, "200 OK", "b2", contact("h2"), SDP);
    assert_int_equal(phone_count(&p->alice, "BYE sip:bob@h2 "), 1);
    assert_true(calls_busy(agent_calls(p->alice.agent)));
    phone_respond(p, &p->alice, "200 OK", "", "", "");
    assert_false(calls_busy(agent_calls(p->alice.agent)));
    assert_log(&p->alice, "answered:200 ended:self:0:ok ");
}

static void many_phones_take_no_more_room_than_the_limit(void **state)
{
    struct phones *p = *state;
    char tag[16], host[16];
    phones_call(p);
    for (int i = 0; i < 3 * CALL_FORKS_MAX; i++) {
        snprintf(tag, sizeof tag, "b%d", i);
        snprintf(host, sizeof host, "h%d", i);
        respond_to_invite(p, "180 Ringing", tag, contact(host), "");
    }
    respond_to_invite(p, "200 OK", "b3", contact("h3"), SDP);
    phone_end(p, &p->alice);
    assert_int_equal(phone_count(&p->alice, "BYE sip:bob@h3 "), 1);
}

/* 12.1.2, 12.2.1.1: the caller's route set is the Record-Routes in the opposite order. */
static void requests_of_the_caller_pass_the_proxies_in_their_order(void **state)
{
    struct phones *p = *state;
    char headers[1024];
    phones_call(p);
    snprintf(headers, sizeof headers, VIA_PROXIES "%s", contact("h1:7001"));
    respond_to_invite(p, "200 OK", "b1", headers, SDP);
    assert_string_equal(p->alice.way, "sip:p0.home.example;transport=tcp;lr");
    const char *ack = phone_sent(&p->alice, 0);
    assert_memory_equal(ack, "ACK sip:bob@h1:7001 SIP/2.0\r\n", 29);
    assert_non_null(strstr(ack, "\r\nRoute: <sip:p0.home.example;transport=tcp;lr>\r\n"
                                "Route: <sip:p1.home.example:5062;lr;dialog=7>\r\nRoute: <sip:p2.far.example;lr>\r\n"));
    assert_non_null(strstr(ack, "\r\nCSeq: 1 ACK\r\n"));
    phone_end(p, &p->alice);
    assert_memory_equal(phone_sent(&p->alice, 0), "BYE sip:bob@h1:7001 SIP/2.0\r\n", 29);
    assert_non_null(strstr(phone_sent(&p->alice, 0), "\r\nCSeq: 2 BYE\r\n"));
}

/* 13.2.2.4: what the 2xx says counts, not what a provisional response said. */
static void the_2xx_says_anew_where_the_other_side_is(void **state)
{
    struct phones *p = *state;
    char headers[1024];
    phones_call(p);
    snprintf(headers, sizeof headers, VIA_PROXIES "%s", contact("early"));
    respond_to_invite(p, "183 Session Progress", "b1", headers, "");
    respond_to_invite(p, "200 OK", "b1", contact("late"), SDP);
    assert_string_equal(p->alice.way, "sip:bob@late");
    assert_int_equal(phone_count(&p->alice, "ACK sip:bob@late "), 1);
}

/* A phone that hangs up while it only rang ends its own dialog and not the call (15). */
static void a_dialog_that_only_rang_may_end_by_itself(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    respond_to_invite(p, "180 Ringing", "b1", contact("h1"), "");
    char text[2048], from[256], call_id[256];
    const char *request = p->alice.sent[0], *at = strstr(request, "From: ");
    snprintf(from, sizeof from, "%.*s", (int)strcspn(at + 6, "\r"), at + 6);
    at = strstr(request, "Call-ID: ");
    snprintf(call_id, sizeof call_id, "%.*s", (int)strcspn(at, "\r"), at);
    snprintf(text, sizeof text,
             "BYE sip:alice@127.0.0.1:7000 SIP/2.0\r\nVia: SIP/2.0/TCP h1;branch=z9hG4bKbye\r\nMax-Forwards: 70\r\n"
             "From: <sip:" BOB ">;tag=b1\r\nTo: %s\r\n%s\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
             from, call_id);
    phone_receive(p, &p->alice, text);
    assert_int_equal(phone_status(&p->alice), 200);
    assert_log(&p->alice, "180 ");
    respond_to_invite(p, "200 OK", "b2", contact("h2"), SDP);
    assert_log(&p->alice, "180 answered:200 ");
}

#define call_test(f) cmocka_unit_test_setup_teardown(f, phones_open, phones_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        call_test(the_first_phone_that_answers_is_the_call_and_the_others_are_ended),
        call_test(a_copy_of_another_phones_2xx_gets_its_ack_and_no_second_bye),
        call_test(a_phone_that_answers_after_the_call_is_over_is_ended_too),
        call_test(many_phones_take_no_more_room_than_the_limit),
        call_test(requests_of_the_caller_pass_the_proxies_in_their_order),
        call_test(the_2xx_says_anew_where_the_other_side_is),
        call_test(a_dialog_that_only_rang_may_end_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
