/* Two phones call each other (RFC 3261 13 to 15): what each sends and is told, with a clock that the test owns. */
#include "phones.h"

#include <stdlib.h>

static void ring_and_answer(struct phones *p)
{
    phones_call(p);
    phones_run(p);
    phone_answer(p, &p->bob, 180);
    phones_run(p);
    phone_answer(p, &p->bob, 200);
    phones_run(p);
}

static void a_call_rings_is_answered_and_ends_by_the_callers_bye(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    assert_log(&p->alice, "180 answered:200 ");
    assert_log(&p->bob, "offered confirmed ");
    assert_string_equal(p->bob.session, SDP);
    assert_string_equal(p->alice.session, SDP);
    phone_end(p, &p->alice);
    phones_run(p);
    assert_log(&p->alice, "180 answered:200 ended:self:0:ok ");
    assert_log(&p->bob, "offered confirmed ended:other:0:ok ");
    assert_string_equal(p->alice.way, "sip:bob@127.0.0.1:7001"); /* ACK and BYE go to the other side's Contact */
    assert_int_equal(phone_count(&p->alice, "ACK sip:bob@127.0.0.1:7001 "), 1);
    assert_int_equal(phone_count(&p->alice, "BYE sip:bob@127.0.0.1:7001 "), 1);
    assert_false(calls_busy(agent_calls(p->alice.agent)) || calls_busy(agent_calls(p->bob.agent)));
}

static void a_call_ends_by_the_callees_bye(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    phone_end(p, &p->bob);
    phones_run(p);
    assert_log(&p->bob, "offered confirmed ended:self:0:ok ");
    assert_log(&p->alice, "180 answered:200 ended:other:0:ok ");
    assert_int_equal(phone_count(&p->bob, "BYE sip:alice@127.0.0.1:7000 "), 1);
}

static void both_sides_may_hang_up_at_once(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    phone_end(p, &p->alice);
    phone_end(p, &p->bob);
    phones_run(p);
    assert_log(&p->alice, "180 answered:200 ended:self:0:ok ");
    assert_log(&p->bob, "offered confirmed ended:self:0:ok ");
}

static void a_refusal_ends_it_on_both_sides(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    phones_run(p);
    phone_answer(p, &p->bob, 486);
    phones_run(p);
    assert_log(&p->alice, "ended:refused:486:ok ");
    assert_log(&p->bob, "offered ended:refused:486:ok ");
    assert_int_equal(phone_count(&p->alice, "ACK "), 1);
}

/* --- CANCEL (RFC 3261 9) --- */

static void a_cancelled_call_ends_with_487(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    phones_run(p);
    phone_answer(p, &p->bob, 180);
    phones_run(p);
    phone_end(p, &p->alice);
    phones_run(p);
    assert_log(&p->alice, "180 ended:self:487:ok ");
    assert_log(&p->bob, "offered ended:other:487:sip.cancelled ");
    assert_int_equal(phone_count(&p->alice, "CANCEL "), 1);
    assert_int_equal(phone_count(&p->bob, "SIP/2.0 487 "), 1);
}

/* 9.1: no CANCEL before a provisional response. */
static void a_cancel_waits_until_something_came_back(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    phone_end(p, &p->alice);
    assert_int_equal(phone_count(&p->alice, "CANCEL "), 0);
    phones_run(p);
    phone_answer(p, &p->bob, 180);
    phones_run(p);
    assert_int_equal(phone_count(&p->alice, "CANCEL "), 1);
    assert_log(&p->alice, "180 ended:self:487:ok ");
}

static void an_answer_that_crosses_the_cancel_is_acknowledged_and_ended(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    phones_run(p);
    phone_answer(p, &p->bob, 180);
    phones_run(p);
    phone_answer(p, &p->bob, 200); /* on its way when Alice hangs up */
    phone_end(p, &p->alice);
    phones_run(p);
    assert_log(&p->alice, "180 ended:self:0:ok ");
    assert_log(&p->bob, "offered confirmed ended:other:0:ok ");
    assert_int_equal(phone_count(&p->alice, "ACK "), 1);
    assert_int_equal(phone_count(&p->alice, "BYE "), 1);
    assert_int_equal(phone_count(&p->bob, "SIP/2.0 487 "), 0);
}

static void a_cancel_without_effect_ends_after_64_t1(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    phone_respond(p, &p->alice, "180 Ringing", "b1", "", "");
    phone_end(p, &p->alice);
    phone_respond(p, &p->alice, "200 OK", "b1", "", ""); /* to the CANCEL */
    phones_pass(p, CALL_ANSWER_MAX_MS - 1);
    assert_log(&p->alice, "180 ");
    phones_pass(p, 1);
    assert_log(&p->alice, "180 ended:self:0:ok ");
}

/* --- the 2xx until its ACK (13.3.1.4) --- */

static void a_2xx_is_sent_again_until_its_ack_comes_also_over_tcp(void **state)
{
    struct phones *p = *state;
    p->alice.lost = false;
    phones_call(p);
    phones_run(p);
    p->bob.lost = true;
    phone_answer(p, &p->bob, 200);
    phones_pass(p, 500);
    assert_int_equal(phone_count(&p->bob, "SIP/2.0 200 "), 2);
    phones_pass(p, 1000);
    assert_int_equal(phone_count(&p->bob, "SIP/2.0 200 "), 3);
    p->bob.lost = false;
    phones_pass(p, 2000);
    assert_int_equal(phone_count(&p->bob, "SIP/2.0 200 "), 4);
    assert_log(&p->bob, "offered confirmed ");
    phones_pass(p, 60000);
    assert_int_equal(phone_count(&p->bob, "SIP/2.0 200 "), 4);
    assert_log(&p->alice, "answered:200 ");
}

static void each_copy_of_a_2xx_gets_the_same_ack(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    phones_run(p);
    p->alice.lost = true;
    phone_answer(p, &p->bob, 200);
    phones_run(p);
    char *ack = strdup(phone_sent(&p->alice, 0));
    phones_pass(p, 500);
    assert_int_equal(phone_count(&p->alice, "ACK "), 2);
    assert_string_equal(phone_sent(&p->alice, 0), ack);
    free(ack);
    assert_log(&p->alice, "answered:200 ");
}

static void a_call_whose_ack_never_comes_is_ended_by_bye(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    phones_run(p);
    p->alice.lost = true;
    phone_answer(p, &p->bob, 200);
    phones_pass(p, CALL_ANSWER_MAX_MS - 1);
    assert_int_equal(phone_count(&p->bob, "BYE "), 0);
    phones_pass(p, 1);
    assert_int_equal(phone_count(&p->bob, "BYE "), 1);
    p->alice.lost = false;
    phone_respond(p, &p->bob, "200 OK", "", "", "");
    assert_log(&p->bob, "offered ended:failed:0:sip.timeout ");
}

/* 15: whoever is called must not send BYE before the ACK came. */
static void the_callee_hangs_up_only_after_the_ack(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    phones_run(p);
    phone_answer(p, &p->bob, 200);
    phone_end(p, &p->bob);
    assert_int_equal(phone_count(&p->bob, "BYE "), 0);
    phones_run(p);
    assert_int_equal(phone_count(&p->bob, "BYE "), 1);
    assert_log(&p->bob, "offered ended:self:0:ok ");
    assert_log(&p->alice, "answered:200 ended:other:0:ok ");
}

/* --- patience --- */

static void what_nobody_answers_is_cancelled_in_the_end(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    p->now_ms += 10; /* so that Alice's patience ends first */
    phones_run(p);
    phone_answer(p, &p->bob, 180);
    phones_run(p);
    phones_pass(p, CALL_RINGING_MAX_MS);
    assert_log(&p->alice, "180 180 180 ended:failed:487:sip.timeout "); /* rings again each minute (13.3.1.1) */
    assert_log(&p->bob, "offered ended:other:487:sip.cancelled ");
}

static void a_call_that_is_let_ring_is_refused_in_the_end(void **state)
{
    struct phones *p = *state;
    p->bob.lost = true;
    phones_call(p);
    phones_run(p);
    phone_answer(p, &p->bob, 180);
    phones_pass(p, CALL_RINGING_MAX_MS);
    assert_log(&p->bob, "offered ended:failed:480:sip.timeout ");
    assert_int_equal(phone_count(&p->bob, "SIP/2.0 480 "), 1);
}

static void nobody_there_ends_it_by_time_or_by_the_connection(void **state)
{
    struct phones *p = *state;
    p->alice.lost = true;
    phones_call(p);
    phones_pass(p, 64 * SIP_T1_MS);
    assert_log(&p->alice, "ended:failed:0:sip.timeout ");
    phones_call(p);
    agent_flow_failed(p->alice.agent, WIRE_FLOW);
    phone_drain(p, &p->alice);
    assert_log(&p->alice, "ended:failed:0:sip.timeout ended:failed:0:sip.unreachable ");
}

static void an_invite_that_waits_is_answered_100_in_time(void **state)
{
    struct phones *p = *state;
    phones_call(p);
    phones_run(p);
    phones_pass(p, SIP_TRYING_MS - 1);
    assert_int_equal(p->bob.sent_count, 0);
    phones_pass(p, 1);
    assert_int_equal(phone_status(&p->bob), 100);
    assert_null(strstr(phone_sent(&p->bob, 0), "Contact:"));
    assert_log(&p->alice, "");
}

static void over_udp_lost_messages_come_again(void **state)
{
    struct phones *p = *state;
    p->alice.reliable = p->bob.reliable = false;
    p->alice.lost = true;
    phones_call(p);
    p->alice.lost = false;
    phones_pass(p, SIP_T1_MS);
    p->bob.lost = true;
    phone_answer(p, &p->bob, 200);
    p->bob.lost = false;
    phones_pass(p, 4000);
    assert_log(&p->alice, "answered:200 ");
    phone_end(p, &p->alice);
    phones_run(p);
    assert_log(&p->bob, "offered confirmed ended:other:0:ok ");
}

/* --- offers in a call (14) --- */

static void either_side_may_offer_anew(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    phone_reoffer(p, &p->alice);
    phones_run(p);
    phone_answer(p, &p->bob, 200);
    phones_run(p);
    phone_reoffer(p, &p->bob);
    phones_run(p);
    phone_answer(p, &p->alice, 200);
    phones_run(p);
    assert_log(&p->alice, "180 answered:200 reanswered:200 reoffered ");
    assert_log(&p->bob, "offered confirmed reoffered reanswered:200 ");
    assert_int_equal(phone_count(&p->alice, "ACK "), 2);
    assert_int_equal(phone_count(&p->bob, "ACK "), 1);
    phones_pass(p, 60000); /* no 2xx is left without its ACK */
    phone_end(p, &p->bob);
    phones_run(p);
    assert_log(&p->alice, "180 answered:200 reanswered:200 reoffered ended:other:0:ok ");
}

static void offers_that_cross_are_491_and_each_side_waits_as_long_as_it_must(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    phone_reoffer(p, &p->alice);
    phone_reoffer(p, &p->bob);
    phones_run(p);
    assert_log(&p->alice, "180 answered:200 reanswered:491 ");
    assert_log(&p->bob, "offered confirmed reanswered:491 ");
    assert_in_range(p->alice.retry_ms, 2100, 4000); /* she made the Call-ID (14.1) */
    assert_in_range(p->bob.retry_ms, 0, 2000);
    phone_reoffer(p, &p->bob);
    phones_run(p);
    phone_answer(p, &p->alice, 200);
    phones_run(p);
    assert_log(&p->bob, "offered confirmed reanswered:491 reanswered:200 ");
}

static void an_offer_that_is_refused_leaves_the_call_as_it_was(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    phone_reoffer(p, &p->alice);
    phones_run(p);
    phone_answer(p, &p->bob, 488);
    phones_run(p);
    assert_log(&p->alice, "180 answered:200 reanswered:488 ");
    assert_int_equal(calls_active(agent_calls(p->alice.agent)), 1);
    assert_int_equal(calls_active(agent_calls(p->bob.agent)), 1);
}

static void an_offer_that_nobody_knows_or_answers_ends_the_call(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    p->alice.lost = true;
    phone_reoffer(p, &p->alice);
    phone_respond(p, &p->alice, "481 Gone", "", "", "");
    assert_int_equal(phone_count(&p->alice, "BYE "), 1);
    phone_respond(p, &p->alice, "481 Gone", "", "", "");
    assert_log(&p->alice, "180 answered:200 reanswered:481 ended:failed:0:sip.no-dialog ");
}

static void hanging_up_ends_an_offer_that_waits(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    phone_reoffer(p, &p->alice);
    phones_run(p);
    phone_end(p, &p->alice);
    phones_run(p);
    assert_int_equal(phone_count(&p->bob, "SIP/2.0 487 "), 1); /* 15.1.2 */
    assert_log(&p->bob, "offered confirmed reoffered ended:other:0:ok ");
}

/* --- by the letter: requests in Bob's call --- */

static void requests_in_a_call_have_their_answers(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    static const struct {
        const char *method, *headers, *body;
        int status;
    } cases[] = {
        {"OPTIONS", "", "", 200},
        {"INFO", "", "", 200},
        {"INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=1\r\n", 415},
        {"INFO", "Info-Package: foo\r\n", "", 469},
        {"UPDATE", "Contact: <sip:alice@127.0.0.1:7009>\r\n", "", 200},
        {"UPDATE", "Contact: <sip:alice@127.0.0.1:7009>\r\nSession-Expires: 1800;refresher=uac\r\n", "", 200},
        {"UPDATE", "Require: timer\r\n", "", 420},
        {"UPDATE", "Content-Type: text/plain\r\n", "hello", 415},
        {"PRACK", "RAck: 1 1 INVITE\r\n", "", 481},
        {"MESSAGE", "Content-Type: text/plain\r\n", "hello", 200},
        {"SUBSCRIBE", "Event: presence\r\n", "", 405},
        {"FROBNICATE", "", "", 501},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        phone_request(p, cases[i].method, 10 + (uint32_t)i, cases[i].headers, cases[i].body);
        if (phone_status(&p->bob) != cases[i].status)
            fail_msg("%s: %s", cases[i].method, phone_sent(&p->bob, 0));
    }
    phone_request(p, "UPDATE", 90, SDP_HEADERS, SDP);
    assert_log(&p->bob, "offered confirmed reoffered ");
    phone_answer(p, &p->bob, 200);
    assert_int_equal(phone_status(&p->bob), 200);
    assert_non_null(strstr(phone_sent(&p->bob, 0), "m=audio 9"));
    phones_pass(p, 60000);
    assert_int_equal(calls_active(agent_calls(p->bob.agent)), 1); /* no ACK is waited for */
}

/* 12.2.2 */
static void a_request_that_comes_late_is_500_and_one_of_no_call_481(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    phone_request(p, "INFO", 7, "", "");
    assert_int_equal(phone_status(&p->bob), 200);
    phone_request(p, "INFO", 6, "", "");
    assert_int_equal(phone_status(&p->bob), 500);
    phone_request(p, "BYE", 7, "", "");
    assert_int_equal(phone_status(&p->bob), 500);
    phone_request(p, "BYE", 8, "", "");
    assert_int_equal(phone_status(&p->bob), 200);
    static const char *const methods[] = {"BYE", "INVITE", "UPDATE", "INFO", "OPTIONS", "MESSAGE"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        phone_request(p, methods[i], 20, "Contact: <sip:a@h>\r\n", "");
        if (phone_status(&p->bob) != 481)
            fail_msg("%s: %s", methods[i], phone_sent(&p->bob, 0));
    }
    size_t before = p->bob.sent_count;
    phone_request(p, "ACK", 20, "", "");
    assert_int_equal(p->bob.sent_count, before); /* never answered */
}

/* 14.2 */
static void an_offer_while_another_waits_is_500_with_a_time(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    phone_request(p, "INVITE", 10, "Contact: <sip:a@h>\r\n" SDP_HEADERS, SDP);
    phone_request(p, "INVITE", 11, "Contact: <sip:a@h>\r\n" SDP_HEADERS, SDP);
    assert_int_equal(phone_status(&p->bob), 500);
    assert_non_null(strstr(phone_sent(&p->bob, 0), "Retry-After: "));
    phone_answer(p, &p->bob, 200);
    assert_non_null(strstr(phone_sent(&p->bob, 0), "CSeq: 10 INVITE"));
}

/* 12.2.1.1, 12.2.2: a target refresh moves the other side. */
static void a_call_follows_the_other_side_to_its_new_contact(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    phone_request(p, "UPDATE", 10, "Contact: <sip:alice@127.0.0.1:7009>\r\n", "");
    phone_end(p, &p->bob);
    assert_string_equal(p->bob.way, "sip:alice@127.0.0.1:7009");
    assert_int_equal(phone_count(&p->bob, "BYE sip:alice@127.0.0.1:7009 "), 1);
}

/* 13.2.1: an INVITE without a session asks for one. */
static void an_invite_that_offers_nothing_gets_an_offer_and_its_ack_the_answer(void **state)
{
    struct phones *p = *state;
    phone_receive(p, &p->bob,
                  "INVITE sip:" BOB " SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:7000;branch=z9hG4bKlate\r\n"
                  "Max-Forwards: 70\r\nFrom: <sip:" ALICE ">;tag=a\r\nTo: <sip:" BOB
                  ">\r\nCall-ID: late\r\nCSeq: 1 INVITE\r\n"
                  "Contact: <sip:alice@127.0.0.1:7000>\r\nContent-Length: 0\r\n\r\n");
    assert_log(&p->bob, "offered ");
    assert_string_equal(p->bob.session, "");
    phone_answer(p, &p->bob, 200);
    phone_request(p, "ACK", 1, SDP_HEADERS, SDP);
    assert_log(&p->bob, "offered confirmed ");
    assert_string_equal(p->bob.session, SDP);
}

static const char *invite(const char *call_id, const char *headers, const char *body)
{
    static char text[4096];
    snprintf(text, sizeof text,
             "INVITE sip:" BOB " SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:7000;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\n"
             "From: <sip:" ALICE ">;tag=a\r\nTo: <sip:" BOB ">\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\n%s"
             "Content-Length: %zu\r\n\r\n%s",
             call_id, call_id, headers, strlen(body), body);
    return text;
}

static void what_cannot_become_a_call_is_refused_at_once(void **state)
{
    struct phones *p = *state;
    static const struct {
        const char *call_id, *headers, *body;
        int status;
    } cases[] = {
        {"c1", SDP_HEADERS, SDP, 400}, /* no Contact */
        {"c2", "Contact: <sip:a@h>\r\nContent-Type: text/plain\r\n", "hello", 415},
        {"c3", "Contact: <sip:a@h>\r\nRequire: 100rel\r\n" SDP_HEADERS, SDP, 420},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        phone_receive(p, &p->bob, invite(cases[i].call_id, cases[i].headers, cases[i].body));
        assert_int_equal(phone_status(&p->bob), cases[i].status);
    }
    assert_log(&p->bob, "");
    assert_int_equal(calls_active(agent_calls(p->bob.agent)), 0);
}

static void there_are_no_more_calls_at_once_than_the_limit(void **state)
{
    struct phones *p = *state;
    char call_id[16];
    for (int i = 0; i < CALLS_MAX; i++) {
        snprintf(call_id, sizeof call_id, "many%d", i);
        phone_receive(p, &p->bob, invite(call_id, "Contact: <sip:a@h>\r\n" SDP_HEADERS, SDP));
    }
    assert_int_equal(calls_active(agent_calls(p->bob.agent)), CALLS_MAX);
    phone_receive(p, &p->bob, invite("onemore", "Contact: <sip:a@h>\r\n" SDP_HEADERS, SDP));
    assert_int_equal(phone_status(&p->bob), 503);
    phone_answer(p, &p->bob, 486);
    phone_receive(p, &p->bob, invite("again", "Contact: <sip:a@h>\r\n" SDP_HEADERS, SDP));
    assert_int_equal(calls_active(agent_calls(p->bob.agent)), CALLS_MAX);
}

static void a_next_hop_that_cannot_be_reached_ends_the_call(void **state)
{
    struct phones *p = *state;
    ring_and_answer(p);
    p->bob.no_way = true;
    phone_end(p, &p->bob);
    assert_log(&p->bob, "offered confirmed ended:failed:0:sip.unreachable ");
}

#define call_test(f) cmocka_unit_test_setup_teardown(f, phones_open, phones_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        call_test(a_call_rings_is_answered_and_ends_by_the_callers_bye),
        call_test(a_call_ends_by_the_callees_bye),
        call_test(both_sides_may_hang_up_at_once),
        call_test(a_refusal_ends_it_on_both_sides),
        call_test(a_cancelled_call_ends_with_487),
        call_test(a_cancel_waits_until_something_came_back),
        call_test(an_answer_that_crosses_the_cancel_is_acknowledged_and_ended),
        call_test(a_cancel_without_effect_ends_after_64_t1),
        call_test(a_2xx_is_sent_again_until_its_ack_comes_also_over_tcp),
        call_test(each_copy_of_a_2xx_gets_the_same_ack),
        call_test(a_call_whose_ack_never_comes_is_ended_by_bye),
        call_test(the_callee_hangs_up_only_after_the_ack),
        call_test(what_nobody_answers_is_cancelled_in_the_end),
        call_test(a_call_that_is_let_ring_is_refused_in_the_end),
        call_test(nobody_there_ends_it_by_time_or_by_the_connection),
        call_test(an_invite_that_waits_is_answered_100_in_time),
        call_test(over_udp_lost_messages_come_again),
        call_test(either_side_may_offer_anew),
        call_test(offers_that_cross_are_491_and_each_side_waits_as_long_as_it_must),
        call_test(an_offer_that_is_refused_leaves_the_call_as_it_was),
        call_test(an_offer_that_nobody_knows_or_answers_ends_the_call),
        call_test(hanging_up_ends_an_offer_that_waits),
        call_test(requests_in_a_call_have_their_answers),
        call_test(a_request_that_comes_late_is_500_and_one_of_no_call_481),
        call_test(an_offer_while_another_waits_is_500_with_a_time),
        call_test(a_call_follows_the_other_side_to_its_new_contact),
        call_test(an_invite_that_offers_nothing_gets_an_offer_and_its_ack_the_answer),
        call_test(what_cannot_become_a_call_is_refused_at_once),
        call_test(there_are_no_more_calls_at_once_than_the_limit),
        call_test(a_next_hop_that_cannot_be_reached_ends_the_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
