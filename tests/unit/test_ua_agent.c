/* A user agent driven by bytes and a clock: what it answers, what it shows, what it refuses. */
#include "test.h"

#include <stdlib.h>

#include "scene.h"
#include "ua/agent.h"
#include "ua/inspection.h"

enum { NOW_MS = 1000 };

struct desk {
    struct scene scene;
    struct recipient recipient;
    struct agent *agent;
    const struct incoming *incoming;
    uint8_t answer[16 * 1024]; /* the last response that was sent */
    size_t answer_len;
    unsigned sent;
    uint16_t port; /* that it was to go to, where it is another than the request came from */
    uint64_t now_ms;
};

static int open_desk(void **state)
{
    struct desk *d = calloc(1, sizeof *d);
    if (!d)
        return -1;
    scene_open(&d->scene);
    d->recipient = (struct recipient){
        .identity = {&d->scene.bob},
        .identity_count = 1,
        .trust = d->scene.trust,
        .window = PROOF_WINDOW_DEFAULT,
    };
    const struct agent_settings settings = {.recipient = &d->recipient, .aor = SPAN("sip:" BOB)};
    d->agent = agent_new(&settings);
    d->now_ms = NOW_MS;
    *state = d;
    return d->agent ? 0 : -1;
}

static int close_desk(void **state)
{
    struct desk *d = *state;
    agent_free(d->agent);
    scene_close(&d->scene);
    free(d);
    return 0;
}

/* Sends what the agent wants sent. */
static void drain(struct desk *d)
{
    struct agent_event event;
    while (agent_next(d->agent, &event)) {
        if (event.kind != AGENT_SEND)
            continue;
        assert_true(event.bytes.len <= sizeof d->answer);
        memcpy(d->answer, event.bytes.at, event.bytes.len);
        d->answer_len = event.bytes.len;
        d->port = event.port;
        d->sent++;
    }
}

/* Hands a message over; gives the status of the response, 0 when there was none. */
static int receive_by(struct desk *d, struct span message, bool reliable, int64_t now)
{
    const struct agent_input input = {
        .flow = 7,
        .reliable = reliable,
        .source = {SPAN("127.0.0.1"), 5060},
        .bytes = message,
        .now_ms = d->now_ms,
        .now = now,
    };
    uint32_t status;
    d->answer_len = 0;
    agent_receive(d->agent, &input, &d->incoming);
    drain(d);
    if (d->answer_len == 0)
        return 0;
    assert_true(span_starts(span_of(d->answer, d->answer_len), SPAN("SIP/2.0 ")));
    assert_true(span_decimal(span_of(d->answer + 8, 3), 699, &status)); /* what was broken may stand in its headers */
    return (int)status;
}

static int receive(struct desk *d, struct span message)
{
    return receive_by(d, message, true, SCENE_NOW);
}

/* The same message on another branch: another transaction. */
static struct span on_branch(struct desk *d, struct span message, const char *branch)
{
    return scene_replace(&d->scene, message, "branch=z9hG4bKscene", branch);
}

static struct span answer_header(const struct desk *d, enum sip_header_id id)
{
    static struct sip_message response;
    assert_rule(sip_message_parse(span_of(d->answer, d->answer_len), SIP_STREAM, &response), RULE_OK);
    return sip_header_value(&response, id);
}

/* --- MESSAGE --- */

static void what_is_sealed_for_bob_is_delivered_with_its_proven_sender(void **state)
{
    struct desk *d = *state;
    const struct scene_draft draft = scene_draft(&d->scene);
    assert_int_equal(receive(d, scene_message(&d->scene, &draft)), 200);
    assert_non_null(d->incoming);
    assert_true(d->incoming->deliver && d->incoming->for_me);
    assert_int_equal(d->incoming->received.part_count, 1);
    const struct received_part *part = &d->incoming->received.part[0];
    assert_int_equal(part->proof.kind, PROOF_USER);
    assert_span_text(part->proof.identity, "sip:" ALICE);
    assert_span_text(part->content.body, "hello");
    assert_true(part->has_sealed_for);
    assert_int_equal(part->sealed_for.reader_count, 2);
    assert_false(d->incoming->received.labels_differ);
}

static void a_retransmission_is_answered_again_and_not_shown_again(void **state)
{
    struct desk *d = *state;
    const struct scene_draft draft = scene_draft(&d->scene);
    struct span message = scene_replace(&d->scene, scene_message(&d->scene, &draft), "SIP/2.0/TCP", "SIP/2.0/UDP");
    assert_int_equal(receive_by(d, message, false, SCENE_NOW), 200);
    assert_non_null(d->incoming);
    assert_int_equal(receive_by(d, message, false, SCENE_NOW), 200);
    assert_null(d->incoming);
    assert_int_equal(d->sent, 2);
}

/* RFC 3261 8.2.2.2; protocol.md 2.1, Replay. */
static void a_fork_of_the_same_request_is_merged_and_a_later_copy_is_a_replay(void **state)
{
    struct desk *d = *state;
    const struct scene_draft draft = scene_draft(&d->scene);
    struct span message = scene_message(&d->scene, &draft);
    assert_int_equal(receive(d, message), 200);
    assert_int_equal(receive(d, on_branch(d, message, "branch=z9hG4bKfork")), 482);
    assert_null(d->incoming);
    d->now_ms += 10 * 60 * 1000; /* the transactions are over */
    agent_tick(d->agent, d->now_ms);
    drain(d);
    assert_int_equal(receive_by(d, on_branch(d, message, "branch=z9hG4bKlater"), true, SCENE_NOW + 60), 403);
    assert_non_null(d->incoming);
    assert_false(d->incoming->deliver);
    assert_rule(d->incoming->broken, RULE_REPLAY);
}

/* protocol.md 2.1, Replay: the recipient leaves the Request-URI out, which whoever holds a copy may write anew. */
static void a_copy_to_another_contact_is_a_replay_too(void **state)
{
    struct desk *d = *state;
    const struct scene_draft draft = scene_draft(&d->scene);
    struct span message = scene_message(&d->scene, &draft);
    assert_int_equal(receive(d, message), 200);
    d->now_ms += 10 * 60 * 1000; /* the transactions are over */
    agent_tick(d->agent, d->now_ms);
    drain(d);
    message = scene_replace(&d->scene, message, "MESSAGE sip:" BOB " ", "MESSAGE sip:bob@192.0.2.7 ");
    assert_int_equal(receive_by(d, on_branch(d, message, "branch=z9hG4bKlater"), true, SCENE_NOW + 60), 403);
    assert_rule(d->incoming->broken, RULE_REPLAY);
}

static void a_message_that_was_refused_is_not_spent(void **state)
{
    struct desk *d = *state;
    const struct scene_draft draft = scene_draft(&d->scene);
    struct span message = scene_message(&d->scene, &draft);
    assert_int_equal(receive_by(d, message, true, SCENE_NOW - 3600), 403); /* Bob's clock was wrong */
    assert_rule(d->incoming->broken, RULE_DATE_STALE);
    d->now_ms += 60000;
    agent_tick(d->agent, d->now_ms);
    drain(d);
    assert_int_equal(receive(d, on_branch(d, message, "branch=z9hG4bKagain")), 200);
}

static void what_is_not_sealed_for_bob_is_493_and_says_no_more(void **state)
{
    struct desk *d = *state;
    struct scene_draft draft = scene_draft(&d->scene);
    draft.reader[0] = &d->scene.mallory;
    assert_int_equal(receive(d, scene_message(&d->scene, &draft)), 493);
    assert_rule(d->incoming->broken, RULE_UNDECIPHERABLE);
    struct span told = arena_copy(&d->scene.arena, answer_header(d, SIP_H_WARNING), NULL);
    assert_true(told.len > 0);

    /* A flipped bit in the tag looks the same (protocol.md 2.3). */
    draft = scene_draft(&d->scene);
    draft.call_id = "c2@ua1.home.example";
    struct span good = scene_message(&d->scene, &draft);
    uint8_t *bytes = (uint8_t *)(uintptr_t)good.at;
    bytes[good.len - 1] ^= 1;
    assert_int_equal(receive(d, on_branch(d, good, "branch=z9hG4bKtag")), 493);
    assert_span_equal(answer_header(d, SIP_H_WARNING), told);
}

static void a_signer_who_is_not_trusted_or_not_the_sender_is_403_with_the_reason(void **state)
{
    struct desk *d = *state;
    const struct {
        const struct identity *signer;
        enum rule rule;
    } cases[] = {
        {&d->scene.stranger, RULE_CERT_UNTRUSTED},
        {&d->scene.expired, RULE_CERT_EXPIRED},
        {&d->scene.revoked, RULE_CERT_REVOKED},
        {&d->scene.mallory, RULE_IDENTITY_MISMATCH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene_draft draft = scene_draft(&d->scene);
        char call_id[16], branch[40];
        snprintf(call_id, sizeof call_id, "c%zu", i);
        snprintf(branch, sizeof branch, "branch=z9hG4bK%zu", i);
        draft.call_id = call_id;
        draft.signer = cases[i].signer;
        assert_int_equal(receive(d, on_branch(d, scene_message(&d->scene, &draft), branch)), 403);
        assert_rule(d->incoming->broken, cases[i].rule);
        assert_false(d->incoming->deliver);
        struct span warning = answer_header(d, SIP_H_WARNING);
        assert_true(span_find_span(warning, span_text(rule_sentence(cases[i].rule))) < warning.len);
    }
}

static void content_lifted_into_another_message_is_403(void **state)
{
    struct desk *d = *state;
    const struct scene_draft draft = scene_draft(&d->scene);
    struct span message = scene_message(&d->scene, &draft);
    struct span lifted = scene_replace(&d->scene, message, "Call-ID: c1@", "Call-ID: c9@");
    assert_int_equal(receive(d, lifted), 403);
    assert_rule(d->incoming->broken, RULE_CONTEXT_MISMATCH);
}

static void a_plain_message_is_delivered_and_proves_nothing(void **state)
{
    struct desk *d = *state;
    struct span message = scene_message_of(&d->scene, "p1", SPAN("Content-Type: text/plain\r\n"), SPAN("hi"));
    assert_int_equal(receive(d, message), 200);
    assert_true(d->incoming->deliver);
    assert_rule(d->incoming->received.part[0].proof.broken, RULE_SIGNATURE_ABSENT);
    assert_int_equal(d->incoming->received.part[0].proof.kind, PROOF_NONE);
}

static void a_message_that_was_sent_to_somebody_else_first_says_so(void **state)
{
    struct desk *d = *state;
    struct span message = scene_message_of(&d->scene, "p2", SPAN("Content-Type: text/plain\r\n"), SPAN("hi"));
    message = scene_replace(&d->scene, message, "To: <sip:" BOB ">", "To: <sip:carol@far.example>");
    assert_int_equal(receive(d, message), 200);
    assert_false(d->incoming->for_me);
}

/* --- requests as such --- */

static struct span request_of(struct desk *d, const char *method, const char *uri, const char *headers)
{
    struct writer w = arena_writer(&d->scene.arena, 2048);
    char text[1024];
    snprintf(text, sizeof text,
             "%s %s SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK%s%zu\r\nMax-Forwards: 70\r\nFrom: <sip:" ALICE ">;tag=a\r\n"
             "To: <sip:" BOB ">\r\nCall-ID: r%zu\r\nCSeq: 1 %s\r\n%sContent-Length: 0\r\n\r\n",
             method, uri, method, d->scene.arena.used, d->scene.arena.used, method, headers);
    writer_text(&w, text);
    return writer_span(&w);
}

static void methods_have_their_answers(void **state)
{
    struct desk *d = *state;
    static const struct {
        const char *method;
        int status;
    } cases[] = {{"OPTIONS", 200}, {"INVITE", 405}, {"SUBSCRIBE", 405}, {"BYE", 405},
                 {"FROBNICATE", 501}, {"CANCEL", 481}, {"ACK", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = receive(d, request_of(d, cases[i].method, "sip:" BOB, ""));
        if (status != cases[i].status)
            fail_msg("%s: %d, not %d", cases[i].method, status, cases[i].status);
        assert_null(d->incoming);
    }
}

static void a_request_for_somebody_else_or_with_an_unknown_extension_is_refused(void **state)
{
    struct desk *d = *state;
    assert_int_equal(receive(d, request_of(d, "MESSAGE", "sip:carol@far.example", "")), 404);
    assert_int_equal(receive(d, request_of(d, "MESSAGE", "tel:+4930123", "")), 416);
    assert_int_equal(receive(d, request_of(d, "MESSAGE", "sip:bob@127.0.0.1:40001", "")), 200); /* his contact */
    assert_int_equal(receive(d, request_of(d, "MESSAGE", "sip:" BOB, "Require: teleport\r\n")), 420);
    assert_span_text(answer_header(d, SIP_H_UNSUPPORTED), "teleport");
}

static void broken_bytes_never_crash_it_and_are_answered_when_they_can_be(void **state)
{
    struct desk *d = *state;
    const struct scene_draft draft = scene_draft(&d->scene);
    struct span message = scene_message(&d->scene, &draft);
    for (size_t len = 0; len < message.len; len += len < 1200 ? 1 : 97) {
        int status = receive_by(d, span_part(message, 0, len), false, SCENE_NOW);
        assert_true(status == 0 || status >= 400);
    }
    uint8_t *copy = arena_take(&d->scene.arena, message.len);
    for (size_t i = 0; i < message.len; i += i < 1000 ? 3 : 61) {
        memcpy(copy, message.at, message.len);
        copy[i] ^= 0x21;
        receive_by(d, span_of(copy, message.len), true, SCENE_NOW);
        if (d->incoming && d->incoming->deliver) /* headers that no signature binds may change */
            assert_true(i < span_find_span(message, SPAN("\r\n\r\n")));
    }
    assert_int_equal(receive(d, scene_replace(&d->scene, message, "Content-Length: ", "Content-Length: 1")), 400);
}

/* RFC 3261 18.2.2, RFC 3581 4. */
static void an_answer_over_udp_goes_to_the_port_of_the_via_unless_rport_was_asked_for(void **state)
{
    struct desk *d = *state;
    static const struct {
        const char *via;
        uint16_t port;
    } cases[] = {
        {"UDP h:7000;branch=z9hG4bKa", 7000},
        {"UDP h;branch=z9hG4bKb", 0},           /* 5060, which is where it came from */
        {"UDP h:7000;rport;branch=z9hG4bKc", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "SIP/2.0/%s", cases[i].via);
        struct span request = request_of(d, "OPTIONS", "sip:" BOB, "");
        size_t at = span_find_span(request, SPAN("SIP/2.0/TCP")), end = at;
        while (request.at[end] != '\r')
            end++;
        char old[256];
        snprintf(old, sizeof old, "%.*s", (int)(end - at), (const char *)request.at + at);
        request = scene_replace(&d->scene, request, old, text);
        for (int again = 0; again < 2; again++) { /* a retransmitted response goes there, too */
            assert_int_equal(receive_by(d, request, false, SCENE_NOW), 200);
            assert_int_equal(d->port, cases[i].port);
        }
    }
}

/* --- one's own requests --- */

static void ones_own_request_ends_with_its_answer_or_with_a_reason(void **state)
{
    struct desk *d = *state;
    struct agent_event event;
    uint64_t id;
    struct span request = request_of(d, "MESSAGE", "sip:carol@far.example", "");
    struct sip_message m;
    assert_rule(sip_message_parse(request, SIP_STREAM, &m), RULE_OK);
    assert_rule(agent_request(d->agent, d->now_ms, 3, true, request, m.via.branch, SPAN("MESSAGE"), &id), RULE_OK);
    assert_true(agent_next(d->agent, &event));
    assert_int_equal(event.kind, AGENT_SEND);
    assert_int_equal(event.flow, 3);
    assert_span_equal(event.bytes, request);
    agent_flow_failed(d->agent, 3);
    assert_true(agent_next(d->agent, &event));
    assert_int_equal(event.kind, AGENT_FAILED);
    assert_rule(event.rule, RULE_SIP_UNREACHABLE);
    assert_int_equal(event.id, id);
    while (agent_next(d->agent, &event))
        ;
    request = request_of(d, "MESSAGE", "sip:dave@far.example", "");
    assert_rule(sip_message_parse(request, SIP_STREAM, &m), RULE_OK);
    assert_rule(agent_request(d->agent, d->now_ms, 4, true, request, m.via.branch, SPAN("MESSAGE"), &id), RULE_OK);
    assert_true(agent_next(d->agent, &event));
    agent_tick(d->agent, d->now_ms + 32000);
    assert_true(agent_next(d->agent, &event));
    assert_int_equal(event.kind, AGENT_FAILED);
    assert_rule(event.rule, RULE_SIP_TIMEOUT);
}

/* --- inspection --- */

static enum inspection_verdict inspect(struct desk *d, struct span message, const struct identity *self,
                                       struct inspection *out)
{
    static struct message_outline outline;
    assert_rule(scene_outline(message, &outline), RULE_OK);
    const struct inspection_terms terms = {
        .self = self,
        .trust = d->scene.trust,
        .now = SCENE_NOW,
        .window = PROOF_WINDOW_DEFAULT,
        .context = &outline.source.context,
    };
    assert_true(inspect_body(&outline.source.body, &terms, &d->scene.opening, out));
    return inspection_judge(out);
}

static void an_inspection_shows_each_reader_what_it_can_know_and_no_more(void **state)
{
    struct desk *d = *state;
    const struct scene_draft draft = scene_draft(&d->scene);
    struct span message = scene_message(&d->scene, &draft);
    struct inspection inspection;

    assert_int_equal(inspect(d, message, NULL, &inspection), INSPECTION_UNREADABLE);
    assert_int_equal(inspection.count, 1);
    assert_true(inspection.part[0].sealed);
    assert_int_equal(inspection.part[0].readers.count, 2);
    assert_rule(inspection.part[0].open_broken, RULE_CMS_NOT_READER);
    inspection_clear(&inspection);

    assert_int_equal(inspect(d, message, &d->scene.mallory, &inspection), INSPECTION_UNREADABLE);
    assert_false(inspection.part[0].is_reader);
    inspection_clear(&inspection);

    assert_int_equal(inspect(d, message, &d->scene.proxy, &inspection), INSPECTION_FINE);
    assert_int_equal(inspection.count, 3);
    assert_true(inspection.part[0].opened && inspection.part[1].is_signed);
    assert_rule(inspection.part[1].proof.broken, RULE_OK);
    assert_span_text(inspection.part[2].entity.body, "hello");
    inspection_clear(&inspection);
}

static void an_inspection_tells_a_signature_that_fails_and_content_without_one(void **state)
{
    struct desk *d = *state;
    struct scene_draft draft = scene_draft(&d->scene);
    struct inspection inspection;
    draft.signer = &d->scene.stranger;
    assert_int_equal(inspect(d, scene_message(&d->scene, &draft), &d->scene.bob, &inspection), INSPECTION_UNVERIFIED);
    assert_rule(inspection.part[1].proof.broken, RULE_CERT_UNTRUSTED);
    inspection_clear(&inspection);
    struct span plain = scene_message_of(&d->scene, "p", SPAN("Content-Type: text/plain\r\n"), SPAN("hi"));
    assert_int_equal(inspect(d, plain, &d->scene.bob, &inspection), INSPECTION_UNVERIFIED);
    inspection_clear(&inspection);
}

#define desk_test(f) cmocka_unit_test_setup_teardown(f, open_desk, close_desk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        desk_test(what_is_sealed_for_bob_is_delivered_with_its_proven_sender),
        desk_test(a_retransmission_is_answered_again_and_not_shown_again),
        desk_test(a_fork_of_the_same_request_is_merged_and_a_later_copy_is_a_replay),
        desk_test(a_copy_to_another_contact_is_a_replay_too),
        desk_test(a_message_that_was_refused_is_not_spent),
        desk_test(what_is_not_sealed_for_bob_is_493_and_says_no_more),
        desk_test(a_signer_who_is_not_trusted_or_not_the_sender_is_403_with_the_reason),
        desk_test(content_lifted_into_another_message_is_403),
        desk_test(a_plain_message_is_delivered_and_proves_nothing),
        desk_test(a_message_that_was_sent_to_somebody_else_first_says_so),
        desk_test(methods_have_their_answers),
        desk_test(a_request_for_somebody_else_or_with_an_unknown_extension_is_refused),
        desk_test(broken_bytes_never_crash_it_and_are_answered_when_they_can_be),
        desk_test(an_answer_over_udp_goes_to_the_port_of_the_via_unless_rport_was_asked_for),
        desk_test(ones_own_request_ends_with_its_answer_or_with_a_reason),
        desk_test(an_inspection_shows_each_reader_what_it_can_know_and_no_more),
        desk_test(an_inspection_tells_a_signature_that_fails_and_content_without_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
