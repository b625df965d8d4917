/* Every state and timer of the INVITE transaction machines (RFC 3261 17.1.1, 17.2.1, RFC 6026), on a clock of the
 * test's own. */
#include "transactions.h"

#define CLIENT_BRANCH "z9hG4bKinvite-one"

static const char invite_bytes[] = "INVITE sip:bob@far.example SIP/2.0\r\n"
                                   "Via: SIP/2.0/UDP proxy1.home.example;branch=" CLIENT_BRANCH ";rport\r\n"
                                   "Via: SIP/2.0/UDP ua1.home.example;branch=z9hG4bKone\r\n"
                                   "Max-Forwards: 69\r\n"
                                   "Route: <sip:p2.far.example;lr>, <sip:p3.far.example;lr>\r\n"
                                   "From: Alice <sip:alice@home.example>;tag=a1\r\n"
                                   "To: <sip:bob@far.example>\r\n"
                                   "Call-ID: c1@ua1\r\n"
                                   "CSeq: 1 INVITE\r\n"
                                   "Route: <sip:p4.far.example;lr>\r\n"
                                   "Content-Type: text/plain\r\n"
                                   "Content-Length: 5\r\n\r\nhello";

static uint64_t start_invite(struct sip_transactions *t, uint64_t now, bool reliable)
{
    const struct sip_client client = {
        .request = span_text(invite_bytes),
        .branch = SPAN(CLIENT_BRANCH),
        .method = SPAN("INVITE"),
        .flow = FLOW,
        .reliable = reliable,
    };
    uint64_t id = 0;
    assert_rule(sip_client_start(t, now, &client, &id), RULE_OK);
    return id;
}

static enum sip_arrival arrives(struct sip_transactions *t, uint64_t now, const char *method, bool reliable,
                                uint64_t *id)
{
    struct message message;
    const char *to = strcmp(method, "ACK") == 0 ? "<sip:bob@far.example>;tag=b1" : NULL;
    const struct sip_message *request = request_of(&message, (struct request_parts){.method = method, .to = to});
    return sip_transaction_request(t, now, FLOW, reliable, request, NO_USER, id);
}

static enum sip_arrival answers(struct sip_transactions *t, uint64_t now, int status)
{
    struct message message;
    uint64_t id;
    void *user;
    return sip_transaction_response(t, now, response_of(&message, status, CLIENT_BRANCH, "INVITE"), &id, &user);
}

/* --- the machines as tables --- */

enum act { TICK, RESPONSE, CANCEL, RESPOND, REPEAT, ACK, SEND_FAILS, FLOW_FAILS, ABANDON };

struct step {
    uint64_t at; /* milliseconds since the transaction began */
    enum act act;
    int status;
    int what; /* the arrival, the rule or what became of an answer */
    const char *events;
    uint64_t deadline; /* afterwards, since the beginning; 0: no timer runs */
};

struct scenario {
    const char *name;
    bool server, reliable;
    const char *first_events;
    uint64_t first_deadline;
    struct step step[24]; /* up to the first without events */
};

static const struct scenario scenarios[] = {
    {"client over UDP: timer A doubles, timer B ends it (17.1.1.2)", false, false, "send ", 500,
     {{499, TICK, 0, 0, "", 500},
      {500, TICK, 0, 0, "again ", 1500},
      {1500, TICK, 0, 0, "again ", 3500},
      {3500, TICK, 0, 0, "again ", 7500},
      {7500, TICK, 0, 0, "again ", 15500},
      {15500, TICK, 0, 0, "again ", 31500},
      {31500, TICK, 0, 0, "again ", 32000},
      {32000, TICK, 0, 0, "timeout end ", 0},
      {32001, RESPONSE, 200, SIP_ARRIVAL_STRAY, "", 0}}},
    {"client over TCP: no timer A, timer B ends it", false, true, "send ", 32000,
     {{31999, TICK, 0, 0, "", 32000}, {32000, TICK, 0, 0, "timeout end ", 0}}},
    {"client: a provisional response stops timers A and B", false, false, "send ", 500,
     {{100, RESPONSE, 100, SIP_ARRIVAL_RESPONSE, "", 0},
      {100000, TICK, 0, 0, "", 0},
      {100001, RESPONSE, 183, SIP_ARRIVAL_RESPONSE, "", 0},
      {100002, RESPONSE, 183, SIP_ARRIVAL_RESPONSE, "", 0}}},
    {"client over UDP: a final response gets an ACK, each copy another, for timer D", false, false, "send ", 500,
     {{100, RESPONSE, 180, SIP_ARRIVAL_RESPONSE, "", 0},
      {200, RESPONSE, 486, SIP_ARRIVAL_RESPONSE, "send ", 32200},
      {700, RESPONSE, 486, SIP_ARRIVAL_RETRANSMISSION, "again ", 32200},
      {701, RESPONSE, 180, SIP_ARRIVAL_RETRANSMISSION, "", 32200},
      {702, RESPONSE, 200, SIP_ARRIVAL_RETRANSMISSION, "", 32200},
      {703, RESPONSE, 603, SIP_ARRIVAL_RETRANSMISSION, "again ", 32200},
      {704, FLOW_FAILS, 0, 0, "", 32200},
      {32199, RESPONSE, 486, SIP_ARRIVAL_RETRANSMISSION, "again ", 32200},
      {32200, TICK, 0, 0, "end ", 0},
      {32201, RESPONSE, 486, SIP_ARRIVAL_STRAY, "", 0}}},
    {"client over TCP: the ACK, and timer D is zero", false, true, "send ", 32000,
     {{200, RESPONSE, 300, SIP_ARRIVAL_RESPONSE, "send end ", 0}}},
    {"client: an ACK that cannot be sent ends it", false, false, "send ", 500,
     {{200, RESPONSE, 500, SIP_ARRIVAL_RESPONSE, "send ", 32200}, {201, SEND_FAILS, 0, 0, "end ", 0}}},
    {"client over UDP: every 2xx is the user's until timer M (RFC 6026 7.2)", false, false, "send ", 500,
     {{200, RESPONSE, 200, SIP_ARRIVAL_RESPONSE, "", 32200},
      {700, RESPONSE, 200, SIP_ARRIVAL_RESPONSE, "", 32200},
      {701, RESPONSE, 299, SIP_ARRIVAL_RESPONSE, "", 32200},
      {702, RESPONSE, 180, SIP_ARRIVAL_RETRANSMISSION, "", 32200},
      {703, RESPONSE, 486, SIP_ARRIVAL_RETRANSMISSION, "", 32200},
      {704, FLOW_FAILS, 0, 0, "", 32200},
      {705, SEND_FAILS, 0, 0, "", 32200},
      {32200, TICK, 0, 0, "end ", 0},
      {32201, RESPONSE, 200, SIP_ARRIVAL_STRAY, "", 0}}},
    {"client over TCP: timer M runs too", false, true, "send ", 32000,
     {{200, RESPONSE, 200, SIP_ARRIVAL_RESPONSE, "", 32200},
      {700, RESPONSE, 200, SIP_ARRIVAL_RESPONSE, "", 32200},
      {32200, TICK, 0, 0, "end ", 0}}},
    {"client: a transport error ends it in Calling and Proceeding", false, false, "send ", 500,
     {{10, RESPONSE, 180, SIP_ARRIVAL_RESPONSE, "", 0}, {11, FLOW_FAILS, 0, 0, "failed end ", 0}}},
    {"client: CANCEL waits for a provisional response and comes too late after a final one (9.1)", false, false,
     "send ", 500,
     {{10, CANCEL, 0, RULE_SIP_NO_TRANSACTION, "", 500},
      {20, RESPONSE, 100, SIP_ARRIVAL_RESPONSE, "", 0},
      {30, CANCEL, 0, RULE_OK, "send ", 530},
      {530, TICK, 0, 0, "again ", 1530},
      {600, RESPONSE, 487, SIP_ARRIVAL_RESPONSE, "send ", 1530},
      {601, CANCEL, 0, RULE_SIP_NO_TRANSACTION, "", 1530}}},
    {"client: the caller loses interest", false, false, "send ", 500, {{10, ABANDON, 0, 0, "end ", 0}}},

    {"server over UDP: 100 is due after 200 ms, and no timer ends Proceeding (17.2.1)", true, false, "", 200,
     {{199, TICK, 0, 0, "", 200},
      {200, TICK, 0, 0, "trying ", 0},
      {201, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "", 0},
      {201, RESPOND, 100, SIP_RESPOND_SENT, "send ", 0},
      {500, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "trying ", 0},
      {600, RESPOND, 180, SIP_RESPOND_SENT, "send ", 0},
      {700, RESPOND, 183, SIP_RESPOND_SENT, "send ", 0},
      {1500, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "again ", 0},
      {1501, ACK, 0, SIP_ARRIVAL_ACKNOWLEDGED, "", 0},
      {500000, RESPOND, 180, SIP_RESPOND_SENT, "send ", 0},
      {500001, RESPOND, 99, SIP_RESPOND_DISCARDED, "", 0},
      {500001, RESPOND, 700, SIP_RESPOND_DISCARDED, "", 0}}},
    {"server over UDP: timer G sends the final response again up to T2, timer H gives up", true, false, "", 200,
     {{100, RESPOND, 486, SIP_RESPOND_SENT, "send ", 600},
      {600, TICK, 0, 0, "again ", 1600},
      {1600, TICK, 0, 0, "again ", 3600},
      {3600, TICK, 0, 0, "again ", 7600},
      {7600, TICK, 0, 0, "again ", 11600},
      {8000, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "again ", 11600},
      {8001, RESPOND, 200, SIP_RESPOND_DISCARDED, "", 11600},
      {8002, RESPOND, 603, SIP_RESPOND_DISCARDED, "", 11600},
      {8003, SEND_FAILS, 0, 0, "", 11600},
      {11600, TICK, 0, 0, "again ", 15600},
      {15600, TICK, 0, 0, "again ", 19600},
      {19600, TICK, 0, 0, "again ", 23600},
      {23600, TICK, 0, 0, "again ", 27600},
      {27600, TICK, 0, 0, "again ", 31600},
      {31600, TICK, 0, 0, "again ", 32100},
      {32100, TICK, 0, 0, "timeout end ", 0},
      {32101, ACK, 0, SIP_ARRIVAL_STATELESS, "", 0}}},
    {"server over UDP: the ACK ends timers G and H, timer I absorbs copies of it for T4", true, false, "", 200,
     {{100, RESPOND, 404, SIP_RESPOND_SENT, "send ", 600},
      {300, ACK, 0, SIP_ARRIVAL_ACKNOWLEDGED, "", 5300},
      {600, ACK, 0, SIP_ARRIVAL_ACKNOWLEDGED, "", 5300},
      {700, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "", 5300},
      {800, RESPOND, 200, SIP_RESPOND_DISCARDED, "", 5300},
      {5300, TICK, 0, 0, "end ", 0},
      {5301, ACK, 0, SIP_ARRIVAL_STATELESS, "", 0}}},
    {"server over TCP: no timer G, timer H, and timer I is zero", true, true, "", 200,
     {{100, RESPOND, 404, SIP_RESPOND_SENT, "send ", 32100}, {300, ACK, 0, SIP_ARRIVAL_ACKNOWLEDGED, "end ", 0}}},
    {"server over TCP: timer H", true, true, "", 200,
     {{100, RESPOND, 404, SIP_RESPOND_SENT, "send ", 32100}, {32100, TICK, 0, 0, "timeout end ", 0}}},
    {"server: after a 2xx further 2xx pass, copies of the INVITE are absorbed, for timer L (RFC 6026 7.1)", true, false,
     "", 200,
     {{100, RESPOND, 200, SIP_RESPOND_SENT, "send ", 32100},
      {500, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "", 32100},
      {600, RESPOND, 200, SIP_RESPOND_SENT, "send ", 32100},
      {700, RESPOND, 486, SIP_RESPOND_DISCARDED, "", 32100},
      {700, RESPOND, 180, SIP_RESPOND_DISCARDED, "", 32100},
      {800, ACK, 0, SIP_ARRIVAL_STATELESS, "", 32100},
      {900, RESPOND, 202, SIP_RESPOND_SENT, "send ", 32100},
      {32100, TICK, 0, 0, "end ", 0},
      {32101, RESPOND, 200, SIP_RESPOND_GONE, "", 0}}},
    {"server over TCP: timer L runs too", true, true, "", 200,
     {{100, RESPOND, 200, SIP_RESPOND_SENT, "send ", 32100}, {32100, TICK, 0, 0, "end ", 0}}},
    {"server: a 408 may answer an INVITE", true, false, "", 200, {{100, RESPOND, 408, SIP_RESPOND_SENT, "send ", 600}}},
};

static int do_step(struct sip_transactions *t, const struct step *step, uint64_t now, uint64_t id)
{
    uint64_t other;
    switch (step->act) {
    case TICK:
        sip_transactions_tick(t, now);
        return 0;
    case RESPONSE:
        return (int)answers(t, now, step->status);
    case CANCEL:
        return (int)sip_client_cancel(t, now, id, NO_USER, &other);
    case RESPOND:
        return (int)sip_server_respond(t, now, id, step->status, SPAN("the response"));
    case REPEAT:
        return (int)arrives(t, now, "INVITE", false, &other);
    case ACK:
        return (int)arrives(t, now, "ACK", false, &other);
    case SEND_FAILS:
        sip_transaction_send_failed(t, id);
        return 0;
    case FLOW_FAILS:
        sip_transactions_flow_failed(t, FLOW);
        return 0;
    case ABANDON:
        sip_transaction_abandon(t, id);
        return 0;
    }
    return -1;
}

static uint64_t since(uint64_t deadline, uint64_t start)
{
    return deadline == UINT64_MAX ? 0 : deadline - start;
}

static void play(const struct scenario *s, uint64_t start)
{
    struct sip_transactions *t = open_default();
    uint64_t id;
    if (s->server)
        assert_int_equal(arrives(t, start, "INVITE", s->reliable, &id), SIP_ARRIVAL_NEW);
    else
        id = start_invite(t, start, s->reliable);
    assert_string_equal(drain(t), s->first_events);
    assert_int_equal(since(sip_transactions_deadline(t), start), s->first_deadline);
    for (const struct step *step = s->step; step->events; step++) {
        int what = do_step(t, step, start + step->at, id);
        const char *events = drain(t);
        uint64_t deadline = since(sip_transactions_deadline(t), start);
        if (what != step->what || strcmp(events, step->events) != 0 || deadline != step->deadline)
            fail_msg("%s, step %d at %d ms: gave %d, events \"%s\", deadline %d", s->name, (int)(step - s->step),
                     (int)step->at, what, events, (int)deadline);
    }
    sip_transactions_free(t);
}

static void every_state_and_timer_does_what_its_rfc_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        play(&scenarios[i], 0);
        play(&scenarios[i], UINT64_C(1) << 40);
    }
}

/* --- what is sent --- */

static void assert_next_send(struct sip_transactions *t, const char *wanted)
{
    struct sip_event event;
    assert_true(sip_transaction_next(t, &event));
    assert_int_equal(event.kind, SIP_EVENT_SEND);
    assert_int_equal(event.flow, FLOW);
    assert_span_equal(event.bytes, span_text(wanted));
}

static const char ack_of_486[] = "ACK sip:bob@far.example SIP/2.0\r\n"
                                 "Via: SIP/2.0/UDP proxy1.home.example;branch=" CLIENT_BRANCH ";rport\r\n"
                                 "Max-Forwards: 70\r\n"
                                 "From: Alice <sip:alice@home.example>;tag=a1\r\n"
                                 "To: <sip:bob@far.example>;tag=b1\r\n"
                                 "Call-ID: c1@ua1\r\n"
                                 "CSeq: 1 ACK\r\n"
                                 "Route: <sip:p2.far.example;lr>, <sip:p3.far.example;lr>\r\n"
                                 "Route: <sip:p4.far.example;lr>\r\n"
                                 "Content-Length: 0\r\n\r\n";

static void the_ack_of_a_refusal_has_one_via_and_the_route_of_its_invite(void **state)
{
    (void)state;
    for (int reliable = 0; reliable < 2; reliable++) {
        struct sip_transactions *t = open_default();
        start_invite(t, 0, reliable);
        assert_next_send(t, invite_bytes);
        assert_int_equal(answers(t, 10, 486), SIP_ARRIVAL_RESPONSE);
        assert_next_send(t, ack_of_486);
        assert_string_equal(drain(t), reliable ? "end " : "");
        sip_transactions_free(t);
    }
}

static void a_cancel_has_the_branch_and_the_route_of_its_invite_and_no_body(void **state)
{
    (void)state;
    for (int reliable = 0; reliable < 2; reliable++) {
        struct sip_transactions *t = open_default();
        uint64_t id = start_invite(t, 0, reliable), cancel;
        assert_next_send(t, invite_bytes);
        assert_int_equal(answers(t, 10, 180), SIP_ARRIVAL_RESPONSE);
        assert_string_equal(drain(t), "");
        assert_rule(sip_client_cancel(t, 20, id, NO_USER, &cancel), RULE_OK);
        assert_next_send(t, "CANCEL sip:bob@far.example SIP/2.0\r\n"
                            "Via: SIP/2.0/UDP proxy1.home.example;branch=" CLIENT_BRANCH ";rport\r\n"
                            "Max-Forwards: 70\r\n"
                            "From: Alice <sip:alice@home.example>;tag=a1\r\n"
                            "To: <sip:bob@far.example>\r\n"
                            "Call-ID: c1@ua1\r\n"
                            "CSeq: 1 CANCEL\r\n"
                            "Route: <sip:p2.far.example;lr>, <sip:p3.far.example;lr>\r\n"
                            "Route: <sip:p4.far.example;lr>\r\n"
                            "Content-Length: 0\r\n\r\n");
        assert_rule(sip_client_cancel(t, 21, id, NO_USER, &cancel), RULE_INTERNAL); /* it is under way already */
        sip_transactions_free(t);
    }
}

static void a_second_2xx_is_sent_after_the_first_was(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    uint64_t id;
    assert_int_equal(arrives(t, 0, "INVITE", false, &id), SIP_ARRIVAL_NEW);
    sip_server_respond(t, 1, id, 200, SPAN("200 of one"));
    assert_next_send(t, "200 of one");
    sip_server_respond(t, 2, id, 200, SPAN("200 of two"));
    assert_next_send(t, "200 of two");
    assert_string_equal(drain(t), "");
    assert_int_equal(sip_transactions_bytes(t), 0); /* nothing is sent again from here */
    sip_transactions_free(t);
}

/* --- matching --- */

static void an_ack_and_a_cancel_find_their_invite(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    struct message message;
    uint64_t id, other;
    void *user;
    assert_int_equal(arrives(t, 0, "INVITE", false, &id), SIP_ARRIVAL_NEW);
    sip_transaction_set_user(t, id, t);
    const struct sip_message *cancel = request_of(&message, (struct request_parts){.method = "CANCEL"});
    assert_true(sip_server_cancelled_by(t, cancel, &other, &user));
    assert_int_equal(other, id);
    assert_ptr_equal(user, t);
    cancel = request_of(&message, (struct request_parts){.method = "CANCEL",
                                                         .via = "SIP/2.0/UDP ua2.home.example;branch=z9hG4bKone"});
    assert_false(sip_server_cancelled_by(t, cancel, &other, &user));
    sip_transactions_free(t);
}

/* RFC 3261 17.2.3, second half: no branch, or one without the cookie. */
static void an_ack_without_a_unique_branch_finds_its_invite(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    struct message message;
    struct request_parts parts = {.method = "INVITE", .via = "SIP/2.0/UDP ua1.home.example"};
    uint64_t id;
    assert_int_equal(sip_transaction_request(t, 0, FLOW, false, request_of(&message, parts), NO_USER, &id),
                     SIP_ARRIVAL_NEW);
    sip_server_respond(t, 1, id, 486, SPAN("486"));
    parts = (struct request_parts){.method = "ACK", .via = parts.via, .to = "<sip:bob@far.example>;tag=b1"};
    assert_int_equal(sip_transaction_request(t, 2, FLOW, false, request_of(&message, parts), NO_USER, &id),
                     SIP_ARRIVAL_ACKNOWLEDGED);
    parts.call_id = "another@ua1";
    assert_int_equal(sip_transaction_request(t, 2, FLOW, false, request_of(&message, parts), NO_USER, &id),
                     SIP_ARRIVAL_STATELESS);
    sip_transactions_free(t);
}

/* --- bounds --- */

static void an_invite_that_is_no_message_gets_no_ack_and_no_cancel(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    const struct sip_client client = {
        .request = SPAN("INVITE as nobody writes it"), .branch = SPAN(CLIENT_BRANCH), .method = SPAN("INVITE")};
    uint64_t id, cancel;
    assert_rule(sip_client_start(t, 0, &client, &id), RULE_OK);
    assert_string_equal(drain(t), "send ");
    assert_int_equal(answers(t, 1, 180), SIP_ARRIVAL_RESPONSE);
    assert_rule(sip_client_cancel(t, 2, id, NO_USER, &cancel), RULE_INTERNAL);
    assert_int_equal(answers(t, 3, 486), SIP_ARRIVAL_RESPONSE);
    assert_int_equal(answers(t, 4, 486), SIP_ARRIVAL_RETRANSMISSION);
    assert_string_equal(drain(t), "");
    assert_int_equal(sip_transactions_bytes(t), 0);
    sip_transactions_free(t);
}

/* 50,000 open INVITEs of 500 bytes in under 64 MB: what is kept for one is its slot, its request and its places in the
 * tables. */
static void an_open_invite_costs_little(void **state)
{
    (void)state;
    const size_t table_bytes = 2 * 131072 * sizeof(uint32_t), open = 50000;
    assert_true(open * (sizeof(struct transaction) + 500 + 16) + table_bytes < (size_t)64 * 1024 * 1024);
    assert_true(sizeof(struct transaction) <= 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_timer_does_what_its_rfc_says),
        cmocka_unit_test(the_ack_of_a_refusal_has_one_via_and_the_route_of_its_invite),
        cmocka_unit_test(a_cancel_has_the_branch_and_the_route_of_its_invite_and_no_body),
        cmocka_unit_test(a_second_2xx_is_sent_after_the_first_was),
        cmocka_unit_test(an_ack_and_a_cancel_find_their_invite),
        cmocka_unit_test(an_ack_without_a_unique_branch_finds_its_invite),
        cmocka_unit_test(an_invite_that_is_no_message_gets_no_ack_and_no_cancel),
        cmocka_unit_test(an_open_invite_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
