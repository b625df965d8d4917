/* Sessions that are offered and answered protected (protocol.md 2.1, 2.5, 4): two phones call each other, and what one
 * makes of the other's answer. */
#include "phones.h"

#include <stdlib.h>

static void offer(struct phones *p, bool is_signed, bool sealed)
{
    p->is_signed = is_signed;
    p->sealed = sealed;
    phones_call(p);
    phones_run(p);
    assert_log(&p->bob, "offered ");
    assert_string_equal(p->bob.session, SDP);
}

static void answer(struct phones *p)
{
    phone_answer(p, &p->bob, 200);
    phones_run(p);
    assert_log(&p->alice, "answered:200 ");
}

static bool in_the_clear(const struct phone *phone)
{
    for (size_t i = 0; i < phone->sent_count; i++)
        if (span_find_span(span_of(phone->sent[i], phone->sent_len[i]), SPAN("m=audio")) < phone->sent_len[i])
            return true;
    return false;
}

static void what_is_offered_sealed_is_answered_sealed_to_the_caller_alone(void **state)
{
    struct phones *p = *state;
    offer(p, true, true);
    assert_rule(p->bob.shape_broken, RULE_OK);
    assert_true(p->bob.shape.is_signed && p->bob.shape.sealed);
    assert_span_equal(p->bob.shape.reader->der, p->scene.alice.certificate->der);
    answer(p);
    assert_rule(p->alice.judged, RULE_OK);
    assert_string_equal(p->alice.answered_by, "sip:" BOB);
    assert_string_equal(p->alice.session, SDP);
    assert_false(in_the_clear(&p->alice) || in_the_clear(&p->bob));
}

static void what_is_offered_signed_is_answered_signed(void **state)
{
    struct phones *p = *state;
    offer(p, true, false);
    assert_true(p->bob.shape.is_signed && !p->bob.shape.sealed);
    answer(p);
    assert_rule(p->alice.judged, RULE_OK);
    assert_string_equal(p->alice.answered_by, "sip:" BOB);
}

static void what_is_offered_plain_is_answered_plain_and_proves_nothing(void **state)
{
    struct phones *p = *state;
    offer(p, false, false);
    assert_false(p->bob.shape.is_signed || p->bob.shape.sealed);
    answer(p);
    assert_rule(p->alice.judged, RULE_OK);
    assert_string_equal(p->alice.answered_by, "");
    assert_true(in_the_clear(&p->alice) && in_the_clear(&p->bob));
}

/* Whoever is on the way could have put another answer in the place of Bob's. */
static void a_plain_answer_to_a_protected_offer_does_not_hold(void **state)
{
    struct phones *p = *state;
    offer(p, true, true);
    answer_shape_clear(&p->bob.shape);
    answer(p);
    assert_rule(p->alice.judged, RULE_SIGNATURE_ABSENT);
}

static void an_answer_without_a_body_does_not_hold_either(void **state)
{
    struct phones *p = *state;
    p->is_signed = p->sealed = true;
    phones_call(p);
    phone_respond(p, &p->alice, "200 OK", "b1", "Contact: <sip:bob@h>\r\n", "");
    assert_rule(p->alice.judged, RULE_SIGNATURE_ABSENT);
}

static void a_signed_answer_to_a_sealed_offer_does_not_hold(void **state)
{
    struct phones *p = *state;
    offer(p, true, true);
    answer_shape_clear(&p->bob.shape);
    p->bob.shape.is_signed = true;
    answer(p);
    assert_rule(p->alice.judged, RULE_ANSWER_UNSEALED);
}

/* Mallory has a certificate of the same authority, and proves to be Mallory. */
static void an_answer_by_somebody_else_does_not_hold_for_whom_was_called(void **state)
{
    struct phones *p = *state;
    struct party mallory;
    offer(p, true, false);
    assert_true(party_parse(SPAN("mallory@home.example"), &mallory));
    p->bob.signer = (struct answer_signer){.self = &mallory, .identity = &p->scene.mallory};
    answer(p);
    assert_string_equal(p->alice.answered_by, "sip:mallory@home.example");
    assert_rule(p->alice.judged, RULE_SIGNER_RETARGETED);
}

static void an_answer_signed_with_a_key_that_does_not_name_its_signer_does_not_hold(void **state)
{
    struct phones *p = *state;
    offer(p, true, false);
    p->bob.signer.identity = &p->scene.mallory; /* who calls herself bob */
    answer(p);
    assert_rule(p->alice.judged, RULE_IDENTITY_MISMATCH);
    assert_string_equal(p->alice.session, ""); /* it is not acted on */
}

/* protocol.md 2.1, rule 4: Call-ID, CSeq, status and tag bind it to its call. */
static void an_answer_lifted_from_another_call_does_not_hold(void **state)
{
    struct phones *p = *state;
    offer(p, true, true);
    answer(p);
    struct span first = span_of(p->bob.sent[0], p->bob.sent_len[0]);
    size_t body = span_find_span(first, SPAN("\r\n\r\n")) + 4;
    size_t headers = span_find_span(first, SPAN("Date: "));
    struct span lines =
        span_part(first, headers, span_find_span(span_part(first, headers, first.len), SPAN("Content-Length")));
    struct writer w = arena_writer(&p->scene.arena, 16 * 1024);
    p->alice.log[0] = 0;
    phones_call(p);
    char via[256], from[256], call_id[256];
    const char *invite = phone_sent(&p->alice, 0);
    snprintf(via, sizeof via, "%.*s", (int)strcspn(strstr(invite, "Via: "), "\r"), strstr(invite, "Via: "));
    snprintf(from, sizeof from, "%.*s", (int)strcspn(strstr(invite, "From: "), "\r"), strstr(invite, "From: "));
    snprintf(call_id, sizeof call_id, "%.*s", (int)strcspn(strstr(invite, "Call-ID: "), "\r"),
             strstr(invite, "Call-ID: "));
    const char *const pieces[] = {"SIP/2.0 200 OK\r\n",
                                  via,
                                  "\r\n",
                                  from,
                                  "\r\nTo: <sip:" BOB ">;tag=x\r\n",
                                  call_id,
                                  "\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@h>\r\n"};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        writer_text(&w, pieces[i]);
    writer_put(&w, lines);
    writer_text(&w, "Content-Length: ");
    writer_decimal(&w, first.len - body);
    writer_text(&w, "\r\n\r\n");
    writer_put(&w, span_part(first, body, first.len));
    assert_false(w.full);
    phone_receive_bytes(p, &p->alice, writer_span(&w));
    assert_log(&p->alice, "answered:200 ");
    assert_rule(p->alice.judged, RULE_CONTEXT_MISMATCH);
}

/* protocol.md 2.2: certificates in a bag are candidates only. */
static void an_answer_is_sealed_to_no_certificate_that_is_not_the_callers(void **state)
{
    struct phones *p = *state;
    p->alice.signer.sealing = p->scene.mallory.certificate; /* what Alice signs names Mallory's */
    offer(p, true, true);
    assert_rule(p->bob.shape_broken, RULE_IDENTITY_MISMATCH);
    assert_false(p->bob.shape.sealed);
    assert_null(p->bob.shape.reader);
}

static void an_offer_with_a_signature_that_fails_does_not_ring(void **state)
{
    struct phones *p = *state;
    const struct identity *const signers[] = {&p->scene.stranger, &p->scene.expired, &p->scene.mallory};
    for (size_t i = 0; i < sizeof signers / sizeof signers[0]; i++) {
        p->alice.signer.identity = signers[i];
        p->is_signed = p->sealed = true;
        phones_call(p);
        phones_run(p);
        assert_log(&p->bob, "");
        assert_int_equal(phone_status(&p->bob), 403);
    }
}

static void an_offer_that_comes_again_does_not_ring_again(void **state)
{
    struct phones *p = *state;
    offer(p, true, true);
    phone_answer(p, &p->bob, 486);
    phones_run(p);
    struct span invite = span_of(p->alice.sent[0], p->alice.sent_len[0]);
    phones_pass(p, 10 * 60 * 1000); /* the transactions are over; its Date is still in the window */
    phone_receive_bytes(p, &p->bob, scene_replace(&p->scene, invite, "branch=z9hG4bK", "branch=z9hG4bKagain"));
    assert_int_equal(phone_status(&p->bob), 403);
    assert_log(&p->bob, "offered ended:refused:486:ok ");
}

#define call_test(f) cmocka_unit_test_setup_teardown(f, phones_open, phones_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        call_test(what_is_offered_sealed_is_answered_sealed_to_the_caller_alone),
        call_test(what_is_offered_signed_is_answered_signed),
        call_test(what_is_offered_plain_is_answered_plain_and_proves_nothing),
        call_test(a_plain_answer_to_a_protected_offer_does_not_hold),
        call_test(an_answer_without_a_body_does_not_hold_either),
        call_test(a_signed_answer_to_a_sealed_offer_does_not_hold),
        call_test(an_answer_by_somebody_else_does_not_hold_for_whom_was_called),
        call_test(an_answer_signed_with_a_key_that_does_not_name_its_signer_does_not_hold),
        call_test(an_answer_lifted_from_another_call_does_not_hold),
        call_test(an_answer_is_sealed_to_no_certificate_that_is_not_the_callers),
        call_test(an_offer_with_a_signature_that_fails_does_not_ring),
        call_test(an_offer_that_comes_again_does_not_ring_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
