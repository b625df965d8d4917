/* Every state and timer of the transaction machines, on a clock of the test's own. */
#include "transactions.h"

#include <stdlib.h>

#define CLIENT_BRANCH "z9hG4bKclient-one"
#define CLIENT_BYTES "MESSAGE as it is sent"

static struct sip_client usual_client(bool reliable)
{
    return (struct sip_client){
        .request = SPAN(CLIENT_BYTES),
        .branch = SPAN(CLIENT_BRANCH),
        .method = SPAN("MESSAGE"),
        .flow = FLOW,
        .reliable = reliable,
    };
}

static uint64_t start_client(struct sip_transactions *t, uint64_t now, bool reliable)
{
    struct sip_client client = usual_client(reliable);
    uint64_t id = 0;
    assert_rule(sip_client_start(t, now, &client, &id), RULE_OK);
    return id;
}

/* --- the machines as tables --- */

enum act {
    TICK,       /* time passes */
    RESPONSE,   /* client: a response arrives; `what` is what it must be */
    RESPOND,    /* server: the user answers; `what` is what must become of it */
    REPEAT,     /* server: the request arrives again */
    SEND_FAILS, /* the transport refused the message */
    FLOW_FAILS, /* the connection is closed */
    ABANDON,
};

struct step {
    uint64_t at; /* milliseconds since the transaction began */
    enum act act;
    int status;
    int what;
    const char *events;
    uint64_t deadline; /* afterwards, since the beginning; 0: no timer runs */
};

struct scenario {
    const char *name;
    bool server, reliable, find_merged;
    const char *first_events;
    uint64_t first_deadline;
    struct step step[16]; /* up to the first without events */
};

static const struct scenario scenarios[] = {
    {"client over UDP: timer E doubles to T2, timer F ends it (17.1.2.2)", false, false, false, "send ", 500,
     {{499, TICK, 0, 0, "", 500},
      {500, TICK, 0, 0, "again ", 1500},
      {1500, TICK, 0, 0, "again ", 3500},
      {3500, TICK, 0, 0, "again ", 7500},
      {7500, TICK, 0, 0, "again ", 11500},
      {11500, TICK, 0, 0, "again ", 15500},
      {15500, TICK, 0, 0, "again ", 19500},
      {19500, TICK, 0, 0, "again ", 23500},
      {23500, TICK, 0, 0, "again ", 27500},
      {27500, TICK, 0, 0, "again ", 31500},
      {31500, TICK, 0, 0, "again ", 32000},
      {31999, TICK, 0, 0, "", 32000},
      {32000, TICK, 0, 0, "timeout end ", 0},
      {32001, RESPONSE, 200, SIP_ARRIVAL_STRAY, "", 0}}},
    {"client over UDP: after a provisional response timer E runs for T2", false, false, false, "send ", 500,
     {{100, RESPONSE, 100, SIP_ARRIVAL_RESPONSE, "", 500},
      {500, TICK, 0, 0, "again ", 4500},
      {600, RESPONSE, 100, SIP_ARRIVAL_RESPONSE, "", 4500},
      {4500, TICK, 0, 0, "again ", 8500},
      {32000, TICK, 0, 0, "timeout end ", 0}}},
    {"client over UDP: timer K absorbs copies of the final response for T4", false, false, false, "send ", 500,
     {{200, RESPONSE, 200, SIP_ARRIVAL_RESPONSE, "", 5200},
      {300, RESPONSE, 200, SIP_ARRIVAL_RETRANSMISSION, "", 5200},
      {301, RESPONSE, 486, SIP_ARRIVAL_RETRANSMISSION, "", 5200},
      {302, RESPONSE, 100, SIP_ARRIVAL_RETRANSMISSION, "", 5200},
      {5199, TICK, 0, 0, "", 5200},
      {5200, TICK, 0, 0, "end ", 0},
      {5201, RESPONSE, 200, SIP_ARRIVAL_STRAY, "", 0}}},
    {"client over UDP: final response after a provisional one", false, false, false, "send ", 500,
     {{100, RESPONSE, 100, SIP_ARRIVAL_RESPONSE, "", 500},
      {200, RESPONSE, 699, SIP_ARRIVAL_RESPONSE, "", 5200},
      {5200, TICK, 0, 0, "end ", 0}}},
    {"client over TCP: nothing is sent again, timer K is zero", false, true, false, "send ", 32000,
     {{31999, TICK, 0, 0, "", 32000},
      {31999, RESPONSE, 100, SIP_ARRIVAL_RESPONSE, "", 32000},
      {31999, RESPONSE, 404, SIP_ARRIVAL_RESPONSE, "end ", 0},
      {31999, RESPONSE, 404, SIP_ARRIVAL_STRAY, "", 0}}},
    {"client over TCP: timer F in Proceeding", false, true, false, "send ", 32000,
     {{10, RESPONSE, 100, SIP_ARRIVAL_RESPONSE, "", 32000}, {32000, TICK, 0, 0, "timeout end ", 0}}},
    {"client: a transport error ends it (17.1.4)", false, false, false, "send ", 500,
     {{10, SEND_FAILS, 0, 0, "failed end ", 0}, {11, RESPONSE, 200, SIP_ARRIVAL_STRAY, "", 0}}},
    {"client: a closed connection ends it", false, true, false, "send ", 32000,
     {{10, FLOW_FAILS, 0, 0, "failed end ", 0}}},
    {"client: a closed connection changes nothing once the final response is here", false, false, false, "send ", 500,
     {{10, RESPONSE, 200, SIP_ARRIVAL_RESPONSE, "", 5010},
      {11, FLOW_FAILS, 0, 0, "", 5010},
      {12, SEND_FAILS, 0, 0, "", 5010},
      {5010, TICK, 0, 0, "end ", 0}}},
    {"client: the caller loses interest", false, false, false, "send ", 500,
     {{10, ABANDON, 0, 0, "end ", 0}, {11, RESPONSE, 200, SIP_ARRIVAL_STRAY, "", 0}}},

    {"server over UDP: Trying absorbs copies, Completed answers them until timer J (17.2.2)", true, false, false, "",
     3500,
     {{500, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "", 3500},
      {600, RESPOND, 200, SIP_RESPOND_SENT, "send ", 32600},
      {1500, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "again ", 32600},
      {1600, RESPOND, 486, SIP_RESPOND_DISCARDED, "", 32600},
      {1700, RESPOND, 100, SIP_RESPOND_DISCARDED, "", 32600},
      {32599, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "again ", 32600},
      {32600, TICK, 0, 0, "end ", 0},
      {32601, RESPOND, 200, SIP_RESPOND_GONE, "", 0}}},
    {"server over UDP: 100 only once timer E has reached T2, and then it must (RFC 4320 4.1)", true, false, false, "",
     3500,
     {{3499, RESPOND, 100, SIP_RESPOND_DISCARDED, "", 3500},
      {3500, TICK, 0, 0, "trying ", 32000},
      {3501, RESPOND, 100, SIP_RESPOND_SENT, "send ", 32000},
      {3600, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "trying ", 32000},
      {3700, RESPOND, 100, SIP_RESPOND_SENT, "send ", 32000},
      {4000, RESPOND, 603, SIP_RESPOND_SENT, "send ", 36000},
      {5000, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "again ", 36000},
      {36000, TICK, 0, 0, "end ", 0}}},
    {"server: no other provisional response and no 408 (RFC 4320 4.1, 4.2)", true, true, false, "", 3500,
     {{1, RESPOND, 180, SIP_RESPOND_DISCARDED, "", 3500},
      {1, RESPOND, 183, SIP_RESPOND_DISCARDED, "", 3500},
      {1, RESPOND, 408, SIP_RESPOND_DISCARDED, "", 3500},
      {1, RESPOND, 99, SIP_RESPOND_DISCARDED, "", 3500},
      {1, RESPOND, 700, SIP_RESPOND_DISCARDED, "", 3500}}},
    {"server: what was not answered in time is never answered (RFC 4320 4.2)", true, false, false, "", 3500,
     {{3500, TICK, 0, 0, "trying ", 32000},
      {31999, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "", 32000},
      {32000, TICK, 0, 0, "timeout end ", 0},
      {32000, RESPOND, 200, SIP_RESPOND_GONE, "", 0}}},
    {"server: the time limit holds after a 100 too", true, true, false, "", 3500,
     {{1, RESPOND, 100, SIP_RESPOND_SENT, "send ", 32000}, {32000, TICK, 0, 0, "timeout end ", 0}}},
    {"server over TCP: 100 at any time, timer J is zero", true, true, false, "", 3500,
     {{1, RESPOND, 100, SIP_RESPOND_SENT, "send ", 32000},
      {2, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "trying ", 32000},
      {5, RESPOND, 202, SIP_RESPOND_SENT, "send end ", 0},
      {6, RESPOND, 202, SIP_RESPOND_GONE, "", 0}}},
    {"server over TCP that finds merged requests: it stays for 64*T1", true, true, true, "", 3500,
     {{5, RESPOND, 200, SIP_RESPOND_SENT, "send ", 32005}, {32005, TICK, 0, 0, "end ", 0}}},
    {"server: a failed sending leaves the response for the next copy of the request", true, false, false, "", 3500,
     {{5, RESPOND, 200, SIP_RESPOND_SENT, "send ", 32005},
      {6, SEND_FAILS, 0, 0, "", 32005},
      {7, FLOW_FAILS, 0, 0, "", 32005},
      {500, REPEAT, 0, SIP_ARRIVAL_RETRANSMISSION, "again ", 32005}}},
    {"server: the caller will never answer", true, false, false, "", 3500,
     {{5, ABANDON, 0, 0, "end ", 0}, {6, RESPOND, 200, SIP_RESPOND_GONE, "", 0}}},
};

static int do_step(struct sip_transactions *t, const struct step *step, uint64_t now, uint64_t id)
{
    struct message message;
    uint64_t other;
    void *user;
    switch (step->act) {
    case TICK:
        sip_transactions_tick(t, now);
        return 0;
    case RESPONSE:
        return (int)sip_transaction_response(t, now, response_of(&message, step->status, CLIENT_BRANCH, "MESSAGE"),
                                             &other, &user);
    case RESPOND:
        return (int)sip_server_respond(t, now, id, step->status, SPAN("the response"));
    case REPEAT:
        return (int)sip_transaction_request(t, now, FLOW, false, request_of(&message, (struct request_parts){0}),
                                            NO_USER, &other);
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

static uint64_t begin_scenario(struct sip_transactions *t, const struct scenario *s, uint64_t now)
{
    struct message message;
    uint64_t id;
    if (!s->server)
        return start_client(t, now, s->reliable);
    assert_int_equal(sip_transaction_request(t, now, FLOW, s->reliable, request_of(&message, (struct request_parts){0}),
                                             NO_USER, &id),
                     SIP_ARRIVAL_NEW);
    return id;
}

static uint64_t since(uint64_t deadline, uint64_t start)
{
    return deadline == UINT64_MAX ? 0 : deadline - start;
}

static void play(const struct scenario *s, uint64_t start)
{
    struct sip_transactions *t =
        open_with((struct sip_transaction_settings){.count_max = 4, .find_merged = s->find_merged});
    uint64_t id = begin_scenario(t, s, start);
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

static void the_request_is_sent_again_byte_for_byte_over_udp_and_dropped_over_tcp(void **state)
{
    (void)state;
    for (int reliable = 0; reliable < 2; reliable++) {
        struct sip_transactions *t = open_default();
        struct sip_event event;
        uint64_t id = start_client(t, 0, reliable);
        assert_true(sip_transaction_next(t, &event));
        assert_int_equal(event.kind, SIP_EVENT_SEND);
        assert_int_equal(event.id, id);
        assert_int_equal(event.flow, FLOW);
        assert_int_equal(event.reliable, reliable);
        assert_false(event.is_server);
        assert_span_text(event.bytes, CLIENT_BYTES);
        assert_false(sip_transaction_next(t, &event));
        assert_int_equal(sip_transactions_bytes(t), reliable ? 0 : sizeof CLIENT_BYTES - 1);
        sip_transactions_tick(t, 500);
        assert_int_equal(sip_transaction_next(t, &event), !reliable);
        if (!reliable)
            assert_span_text(event.bytes, CLIENT_BYTES);
        sip_transactions_free(t);
    }
}

static void the_last_response_is_the_one_that_is_sent_again(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    struct message message;
    struct sip_event event;
    uint64_t id, same;
    int mark;
    sip_transaction_request(t, 0, FLOW, false, request_of(&message, (struct request_parts){0}), &mark, &id);
    sip_transactions_tick(t, 3500);
    assert_string_equal(drain(t), "trying ");
    assert_int_equal(sip_server_respond(t, 3500, id, 100, SPAN("first")), SIP_RESPOND_SENT);
    assert_int_equal(sip_server_respond(t, 3500, id, 200, SPAN("second")), SIP_RESPOND_SENT);
    assert_true(sip_transaction_next(t, &event));
    assert_span_text(event.bytes, "second");
    assert_ptr_equal(event.user, &mark);
    assert_true(event.is_server);
    const struct sip_message *copy = request_of(&message, (struct request_parts){0});
    assert_int_equal(sip_transaction_request(t, 4000, 9, false, copy, NO_USER, &same), SIP_ARRIVAL_RETRANSMISSION);
    assert_int_equal(same, id);
    assert_true(sip_transaction_next(t, &event));
    assert_span_text(event.bytes, "second");
    assert_int_equal(event.flow, FLOW); /* not where the copy came from: whoever sent that is not known */
    assert_true(sip_server_move(t, id, 11, true));
    sip_transaction_request(t, 4100, 9, false, request_of(&message, (struct request_parts){0}), NO_USER, &same);
    assert_true(sip_transaction_next(t, &event));
    assert_int_equal(event.flow, 11);
    sip_transactions_free(t);
}

static struct sip_event next_send(struct sip_transactions *t)
{
    struct sip_event event;
    assert_true(sip_transaction_next(t, &event));
    assert_int_equal(event.kind, SIP_EVENT_SEND);
    return event;
}

/* What its user can write again is kept for as long as it takes to send it, and from sip_client_keep on. */
static void a_request_that_is_written_again_is_not_kept(void **state)
{
    struct sip_transactions *t = open_default();
    const struct sip_client client = {
        .request = SPAN("request"), .branch = SPAN("z9hG4bKw"), .method = SPAN("MESSAGE"), .written_again = true};
    uint64_t id;
    (void)state;
    assert_rule(sip_client_start(t, 0, &client, &id), RULE_OK);
    assert_span_text(next_send(t).bytes, "request");
    assert_string_equal(drain(t), "");
    assert_int_equal(sip_transactions_bytes(t), 0);
    sip_transactions_tick(t, 500);
    struct sip_event event = next_send(t);
    assert_true(event.again && event.bytes.len == 0 && event.id == id);
    assert_true(sip_client_keep(t, id, SPAN("kept")));
    assert_string_equal(drain(t), "");
    for (uint64_t at = 1500; at <= 3500; at += 2000) {
        sip_transactions_tick(t, at);
        event = next_send(t);
        assert_true(event.again);
        assert_span_text(event.bytes, "kept");
    }
    assert_string_equal(drain(t), "");
    struct message message;
    void *user;
    sip_transaction_response(t, 3600, response_of(&message, 200, "z9hG4bKw", "MESSAGE"), &id, &user);
    assert_true(sip_client_keep(t, id, SPAN("late"))); /* nothing needs it */
    assert_int_equal(sip_transactions_bytes(t), 0);
    sip_transactions_free(t);
}

static void an_answer_makes_the_reminder_void(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    struct message message;
    uint64_t id;
    sip_transaction_request(t, 0, FLOW, false, request_of(&message, (struct request_parts){0}), NO_USER, &id);
    sip_transactions_tick(t, 3500);
    assert_int_equal(sip_server_respond(t, 3500, id, 200, SPAN("answer")), SIP_RESPOND_SENT);
    assert_string_equal(drain(t), "send ");
    sip_transactions_free(t);
}

static void what_waits_to_be_sent_is_not_sent_after_the_end(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    start_client(t, 0, false);
    sip_transactions_tick(t, 64 * 500); /* nothing was drained, and now timers E and F are due */
    assert_string_equal(drain(t), "timeout end ");
    start_client(t, 40000, true);
    sip_transactions_flow_failed(t, FLOW);
    assert_string_equal(drain(t), "failed end ");
    uint64_t id = start_client(t, 50000, true);
    sip_transaction_abandon(t, id);
    assert_string_equal(drain(t), "end ");
    assert_int_equal(sip_transactions_count(t), 0);
    assert_int_equal(sip_transactions_bytes(t), 0);
    sip_transactions_free(t);
}

/* --- matching --- */

static enum sip_arrival arrive(struct sip_transactions *t, struct request_parts parts)
{
    struct message message;
    uint64_t id;
    return sip_transaction_request(t, 0, FLOW, false, request_of(&message, parts), NO_USER, &id);
}

/* RFC 3261 17.2.3: branch, sent-by and method; nothing else counts. */
static void requests_match_by_branch_sent_by_and_method(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    assert_int_equal(arrive(t, (struct request_parts){0}), SIP_ARRIVAL_NEW);
    assert_int_equal(arrive(t, (struct request_parts){0}), SIP_ARRIVAL_RETRANSMISSION);
    assert_int_equal(arrive(t, (struct request_parts){.uri = "sip:other@x.example", .call_id = "c2"}),
                     SIP_ARRIVAL_RETRANSMISSION);
    assert_int_equal(arrive(t, (struct request_parts){.via = "SIP/2.0/UDP UA1.Home.Example;branch=z9hG4bKone;x=y"}),
                     SIP_ARRIVAL_RETRANSMISSION);
    assert_int_equal(arrive(t, (struct request_parts){.via = "SIP/2.0/UDP ua1.home.example;branch=z9hG4bKtwo"}),
                     SIP_ARRIVAL_NEW);
    assert_int_equal(arrive(t, (struct request_parts){.via = "SIP/2.0/UDP ua2.home.example;branch=z9hG4bKone"}),
                     SIP_ARRIVAL_NEW);
    assert_int_equal(arrive(t, (struct request_parts){.via = "SIP/2.0/UDP ua1.home.example:5070;branch=z9hG4bKone"}),
                     SIP_ARRIVAL_NEW);
    assert_int_equal(arrive(t, (struct request_parts){.method = "OPTIONS"}), SIP_ARRIVAL_NEW);
    assert_int_equal(arrive(t, (struct request_parts){.method = "NEWMETHOD"}), SIP_ARRIVAL_NEW);
    assert_int_equal(arrive(t, (struct request_parts){.method = "NEWMETHOD"}), SIP_ARRIVAL_RETRANSMISSION);
    assert_int_equal(sip_transactions_count(t), 6);
    sip_transactions_free(t);
}

/* RFC 3261 17.2.3 for clients of RFC 2543, and RFC 4475 3.2.1 (the cookie and nothing more). */
static void requests_without_a_unique_branch_match_by_their_headers(void **state)
{
    (void)state;
    static const char *const vias[] = {"SIP/2.0/UDP old.example", "SIP/2.0/UDP old.example;branch=1",
                                       "SIP/2.0/UDP old.example;branch=z9hG4bK"};
    struct sip_transactions *t = open_default();
    for (size_t i = 0; i < 3; i++) {
        const char *via = vias[i];
        assert_int_equal(arrive(t, (struct request_parts){.via = via}), SIP_ARRIVAL_NEW);
        assert_int_equal(arrive(t, (struct request_parts){.via = via}), SIP_ARRIVAL_RETRANSMISSION);
        assert_int_equal(arrive(t, (struct request_parts){.via = via, .uri = "sip:b@x.example"}), SIP_ARRIVAL_NEW);
        assert_int_equal(arrive(t, (struct request_parts){.via = via, .to = "<sip:b@x>;tag=2"}), SIP_ARRIVAL_NEW);
        assert_int_equal(arrive(t, (struct request_parts){.via = via, .from = "<sip:a@x>;tag=2"}), SIP_ARRIVAL_NEW);
        assert_int_equal(arrive(t, (struct request_parts){.via = via, .call_id = "c2@ua1"}), SIP_ARRIVAL_NEW);
        assert_int_equal(arrive(t, (struct request_parts){.via = via, .cseq = "2 MESSAGE"}), SIP_ARRIVAL_NEW);
        assert_int_equal(arrive(t, (struct request_parts){.via = via, .method = "OPTIONS"}), SIP_ARRIVAL_NEW);
    }
    sip_transactions_free(t);
}

static void responses_match_by_branch_and_method(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    struct message messages[3];
    struct sip_client client = usual_client(false);
    const struct sip_message *other = response_of(&messages[0], 200, "z9hG4bKother", "MESSAGE");
    const struct sip_message *cancel = response_of(&messages[1], 200, CLIENT_BRANCH, "CANCEL");
    const struct sip_message *ours = response_of(&messages[2], 200, CLIENT_BRANCH, "MESSAGE");
    uint64_t id, found;
    void *user;
    int mark;
    client.user = &mark;
    assert_rule(sip_client_start(t, 0, &client, &id), RULE_OK);
    assert_int_equal(sip_transaction_response(t, 1, other, &found, &user), SIP_ARRIVAL_STRAY);
    assert_int_equal(found, 0);
    assert_null(user);
    assert_int_equal(sip_transaction_response(t, 1, cancel, &found, &user), SIP_ARRIVAL_STRAY);
    assert_int_equal(sip_transaction_response(t, 1, ours, &found, &user), SIP_ARRIVAL_RESPONSE);
    assert_int_equal(found, id);
    assert_ptr_equal(user, &mark);
    sip_transactions_free(t);
}

static void a_request_and_a_response_with_one_branch_do_not_meet(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    start_client(t, 0, false);
    assert_int_equal(arrive(t, (struct request_parts){.via = "SIP/2.0/UDP h.example;branch=" CLIENT_BRANCH}),
                     SIP_ARRIVAL_NEW); /* a request that spirals back is a new one (RFC 3261 16.3) */
    assert_int_equal(sip_transactions_count(t), 2);
    sip_transactions_free(t);
}

/* RFC 3261 8.2.2.2; a proxy must not look for them (16.3). */
static void merged_requests_are_told_to_a_user_agent_only(void **state)
{
    (void)state;
    static const char other_way[] = "SIP/2.0/UDP proxy9.example;branch=z9hG4bKnine";
    for (int find = 0; find < 2; find++) {
        struct sip_transactions *t =
            open_with((struct sip_transaction_settings){.count_max = 64, .find_merged = find});
        assert_int_equal(arrive(t, (struct request_parts){0}), SIP_ARRIVAL_NEW);
        assert_int_equal(arrive(t, (struct request_parts){.via = other_way}),
                         find ? SIP_ARRIVAL_MERGED : SIP_ARRIVAL_NEW);
        assert_int_equal(arrive(t, (struct request_parts){.via = other_way}), SIP_ARRIVAL_RETRANSMISSION);
        assert_int_equal(arrive(t, (struct request_parts){.via = "SIP/2.0/UDP x;branch=z9hG4bKx", .cseq = "2 MESSAGE"}),
                         SIP_ARRIVAL_NEW);
        assert_int_equal(arrive(t, (struct request_parts){.via = "SIP/2.0/UDP x;branch=z9hG4bKy",
                                                          .to = "<sip:bob@far.example>;tag=b1"}),
                         SIP_ARRIVAL_NEW); /* inside a dialog there are no forks */
        sip_transactions_tick(t, 64 * 500); /* all end: the next copy is new again */
        drain(t);
        assert_int_equal(arrive(t, (struct request_parts){.via = other_way}), SIP_ARRIVAL_NEW);
        sip_transactions_free(t);
    }
}

static void an_ack_that_answers_nothing_has_no_machine(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    struct message message;
    struct sip_client client = usual_client(false);
    uint64_t id;
    void *user;
    assert_int_equal(arrive(t, (struct request_parts){.method = "ACK"}), SIP_ARRIVAL_STATELESS);
    client.method = SPAN("ACK");
    assert_rule(sip_client_start(t, 0, &client, &id), RULE_SIP_METHOD);
    assert_int_equal(sip_transactions_count(t), 0);
    assert_int_equal(arrive(t, (struct request_parts){.method = "CANCEL"}), SIP_ARRIVAL_NEW);
    const struct sip_message *cancel = request_of(&message, (struct request_parts){.method = "CANCEL"});
    assert_false(sip_server_cancelled_by(t, cancel, &id, &user));
    sip_transactions_free(t);
}

/* --- ids, bounds, failures --- */

static void a_client_needs_a_branch_of_its_own(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    struct sip_client client = usual_client(false);
    uint64_t id;
    start_client(t, 0, false);
    assert_rule(sip_client_start(t, 0, &client, &id), RULE_INTERNAL);
    client.branch = SPAN("z9hG4bK");
    assert_rule(sip_client_start(t, 0, &client, &id), RULE_INTERNAL);
    client.branch = SPAN("something");
    assert_rule(sip_client_start(t, 0, &client, &id), RULE_INTERNAL);
    assert_int_equal(id, 0);
    assert_int_equal(sip_transactions_count(t), 1);
    sip_transactions_free(t);
}

static void a_stale_id_does_nothing(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    uint64_t old = start_client(t, 0, true);
    sip_transaction_abandon(t, old);
    assert_string_equal(drain(t), "end ");
    assert_false(sip_transaction_set_user(t, old, t)); /* the slot is free */
    uint64_t fresh = start_client(t, 0, true); /* the same slot */
    assert_int_equal((uint32_t)old, (uint32_t)fresh);
    assert_int_not_equal(old, fresh);
    drain(t);
    const uint64_t stale[] = {0, old, UINT64_MAX, fresh + 1, fresh + (UINT64_C(1) << 32)};
    for (size_t i = 0; i < sizeof stale / sizeof stale[0]; i++) {
        sip_transaction_abandon(t, stale[i]);
        sip_transaction_send_failed(t, stale[i]);
        assert_false(sip_transaction_set_user(t, stale[i], t));
        assert_false(sip_server_move(t, stale[i], 1, false));
        assert_int_equal(sip_server_respond(t, 0, stale[i], 200, SPAN("x")), SIP_RESPOND_GONE);
    }
    assert_string_equal(drain(t), "");
    assert_int_equal(sip_server_respond(t, 0, fresh, 200, SPAN("x")), SIP_RESPOND_GONE); /* a client answers nobody */
    assert_int_equal(sip_transactions_count(t), 1);
    sip_transactions_free(t);
}

static void the_number_of_transactions_is_bounded(void **state)
{
    (void)state;
    struct sip_transactions *t = open_with((struct sip_transaction_settings){.count_max = 3});
    struct sip_client client = usual_client(false);
    char via[64];
    uint64_t id;
    for (int i = 0; i < 5; i++) {
        snprintf(via, sizeof via, "SIP/2.0/UDP h.example;branch=z9hG4bK%d", i);
        assert_int_equal(arrive(t, (struct request_parts){.via = via}), i < 3 ? SIP_ARRIVAL_NEW : SIP_ARRIVAL_FULL);
    }
    assert_rule(sip_client_start(t, 0, &client, &id), RULE_OVERLOAD);
    sip_transactions_tick(t, 64 * 500);
    drain(t);
    assert_rule(sip_client_start(t, 32000, &client, &id), RULE_OK);
    sip_transactions_free(t);
}

static void the_bytes_that_are_kept_are_bounded(void **state)
{
    (void)state;
    struct sip_transactions *t = open_with((struct sip_transaction_settings){.count_max = 9, .bytes_max = 30});
    struct sip_client client = usual_client(false);
    uint64_t id;
    assert_rule(sip_client_start(t, 0, &client, &id), RULE_OK);
    client.branch = SPAN("z9hG4bKsecond");
    assert_rule(sip_client_start(t, 0, &client, &id), RULE_OK);
    client.branch = SPAN("z9hG4bKthird");
    assert_rule(sip_client_start(t, 0, &client, &id), RULE_OVERLOAD);
    assert_int_equal(arrive(t, (struct request_parts){0}), SIP_ARRIVAL_FULL);
    sip_transaction_abandon(t, id);
    sip_transactions_tick(t, 32000);
    drain(t);
    assert_int_equal(sip_transactions_bytes(t), 0);
    assert_rule(sip_client_start(t, 32000, &client, &id), RULE_OK);
    sip_transactions_free(t);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct sip_client client = usual_client(false);
    for (size_t allowed = 0; allowed < 3; allowed++) {
        struct sip_transactions *t = open_default();
        uint64_t id;
        t->fail_after = allowed; /* a chunk of slots, the request */
        enum rule rule = sip_client_start(t, 0, &client, &id);
        assert_rule(rule, allowed == 0 ? RULE_OVERLOAD : allowed == 1 ? RULE_NO_MEMORY : RULE_OK);
        assert_int_equal(sip_transactions_count(t), rule == RULE_OK);
        assert_int_equal(sip_transactions_deadline(t) == UINT64_MAX, rule != RULE_OK);
        t->fail_after = SIZE_MAX;
        if (rule != RULE_OK)
            assert_rule(sip_client_start(t, 0, &client, &id), RULE_OK);
        sip_transactions_free(t);
    }
}

static void a_response_that_cannot_be_kept_changes_nothing(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    struct message message;
    uint64_t id;
    sip_transaction_request(t, 0, FLOW, false, request_of(&message, (struct request_parts){0}), NO_USER, &id);
    t->fail_after = 0;
    assert_int_equal(sip_server_respond(t, 1, id, 200, SPAN("x")), SIP_RESPOND_NO_MEMORY);
    assert_string_equal(drain(t), "");
    t->fail_after = SIZE_MAX;
    assert_int_equal(sip_server_respond(t, 1, id, 500, SPAN("x")), SIP_RESPOND_SENT);
    assert_string_equal(drain(t), "send ");
    sip_transactions_free(t);
}

static void settings_that_cannot_work_are_refused(void **state)
{
    (void)state;
    struct sip_transaction_settings huge = {.count_max = SIZE_MAX};
    assert_null(sip_transactions_new(&huge));
    huge = (struct sip_transaction_settings){.t1 = UINT32_MAX};
    assert_null(sip_transactions_new(&huge));
    sip_transactions_free(NULL);
}

static void time_never_goes_back(void **state)
{
    (void)state;
    struct sip_transactions *t = open_default();
    sip_transactions_tick(t, 10000);
    start_client(t, 5000, false); /* counts as 10000 */
    drain(t);
    assert_int_equal(sip_transactions_deadline(t), 10500);
    sip_transactions_tick(t, 0);
    assert_string_equal(drain(t), "");
    sip_transactions_free(t);
}

static void timers_may_be_set(void **state)
{
    (void)state;
    struct sip_transactions *t =
        open_with((struct sip_transaction_settings){.count_max = 4, .t1 = 10, .t2 = 15, .t4 = 7});
    struct message message;
    uint64_t id;
    void *user;
    start_client(t, 0, false);
    drain(t);
    static const uint64_t due[] = {10, 25, 40, 55};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(sip_transactions_deadline(t), due[i]);
        sip_transactions_tick(t, due[i]);
        assert_string_equal(drain(t), "again ");
    }
    sip_transaction_response(t, 60, response_of(&message, 200, CLIENT_BRANCH, "MESSAGE"), &id, &user);
    assert_int_equal(sip_transactions_deadline(t), 67);
    sip_transactions_free(t);
    t = open_with((struct sip_transaction_settings){.count_max = 4, .t1 = 1000, .t2 = 1000});
    arrive(t, (struct request_parts){0});
    assert_int_equal(sip_transactions_deadline(t), 1); /* timer E is at T2 from the start */
    sip_transactions_free(t);
}

static void a_closed_flow_ends_its_own_transactions_only(void **state)
{
    (void)state;
    struct sip_transactions *t = open_with((struct sip_transaction_settings){.count_max = 64});
    struct sip_client client = usual_client(true);
    struct sip_event event;
    char branch[32];
    uint64_t id;
    size_t ended = 0;
    for (int i = 0; i < 60; i++) {
        snprintf(branch, sizeof branch, "z9hG4bK-%d", i);
        client.branch = span_text(branch);
        client.flow = (uint64_t)(i % 20);
        assert_rule(sip_client_start(t, 0, &client, &id), RULE_OK);
        if (i % 7 == 0)
            sip_transaction_abandon(t, id);
    }
    drain(t);
    sip_transactions_flow_failed(t, 3); /* 3, 23 and 43 */
    sip_transactions_flow_failed(t, 99);
    while (sip_transaction_next(t, &event)) {
        assert_int_equal(event.flow, 3);
        ended += event.kind == SIP_EVENT_FLOW_FAILED;
    }
    assert_int_equal(ended, 3);
    sip_transactions_free(t);
}

/* Flows share buckets; each ends alone all the same. */
static void flows_do_not_end_one_another(void **state)
{
    (void)state;
    enum { FLOWS = 16 };
    struct sip_transactions *t = open_with((struct sip_transaction_settings){.count_max = FLOWS});
    struct sip_client client = usual_client(true);
    char branch[32];
    uint64_t id;
    for (uint64_t i = 0; i < FLOWS; i++) {
        snprintf(branch, sizeof branch, "z9hG4bK-%d", (int)i);
        client.branch = span_text(branch);
        client.flow = i * i * 7919;
        assert_rule(sip_client_start(t, 0, &client, &id), RULE_OK);
    }
    drain(t);
    for (uint64_t i = 0; i < FLOWS; i++) {
        sip_transactions_flow_failed(t, i * i * 7919);
        assert_string_equal(drain(t), "failed end ");
    }
    sip_transactions_free(t);
}

/* Random steps on many transactions at once: the tables, queues and lists stay sound under the sanitizers, and all that
 * began has ended in the end. */
static void many_transactions_live_and_die_in_any_order(void **state)
{
    (void)state;
    enum { MANY = 300, STEPS = 20000 };
    struct sip_transactions *t = open_with((struct sip_transaction_settings){.count_max = MANY, .find_merged = true});
    uint64_t ids[MANY] = {0}, now = 0, id;
    uint32_t random = 12345;
    size_t began = 0, ended = 0;
    struct message message;
    struct sip_event event;
    void *user;
    for (int i = 0; i < STEPS; i++) {
        random = random * 1664525u + 1013904223u;
        uint32_t pick = (random >> 8) % MANY, act = random >> 28;
        char branch[32], via[96];
        snprintf(branch, sizeof branch, "z9hG4bK-%d", (int)pick);
        snprintf(via, sizeof via, "SIP/2.0/UDP h.example;branch=%s", branch);
        now += (random >> 16) % 200;
        if (act < 4) {
            struct sip_client client = usual_client(act & 1);
            client.branch = span_text(branch);
            client.flow = pick % 9;
            began += sip_client_start(t, now, &client, &ids[pick]) == RULE_OK;
        } else if (act < 8) {
            enum sip_arrival arrival = sip_transaction_request(
                t, now, pick % 9, act & 1, request_of(&message, (struct request_parts){.via = via, .call_id = branch}),
                NO_USER, &id);
            began += arrival == SIP_ARRIVAL_NEW || arrival == SIP_ARRIVAL_MERGED;
            ids[pick] = id ? id : ids[pick];
        } else if (act < 10) {
            sip_transaction_response(t, now, response_of(&message, act & 1 ? 200 : 100, branch, "MESSAGE"), &id, &user);
        } else if (act < 13) {
            sip_server_respond(t, now, ids[pick], act & 1 ? 200 : 100, SPAN("r"));
        } else if (act == 13) {
            sip_transactions_flow_failed(t, pick % 9);
        } else if (act == 14) {
            sip_transaction_abandon(t, ids[pick]);
        } else {
            sip_transactions_tick(t, now);
        }
        while (random % 3 && sip_transaction_next(t, &event))
            ended += event.kind == SIP_EVENT_TERMINATED;
    }
    sip_transactions_tick(t, now + 64 * 500);
    while (sip_transaction_next(t, &event))
        ended += event.kind == SIP_EVENT_TERMINATED;
    assert_true(began > 1000);
    assert_int_equal(began, ended);
    assert_int_equal(sip_transactions_count(t), 0);
    assert_int_equal(sip_transactions_bytes(t), 0);
    assert_int_equal(sip_transactions_deadline(t), UINT64_MAX);
    sip_transactions_free(t);
}

/* The known answers of SipHash-2-4 with 128 bits for the key 00 01 .. 0f: the message is as many bytes 00 01 .. */
static void the_digest_is_siphash(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        const char *hex;
    } known[] = {{0, "a3817f04ba25a8e66df67214c7550293"},
                 {15, "5493e99933b0a8117e08ec0f97cfc3d9"},
                 {63, "5150d1772f50834a503e069a973fbd7c"}};
    uint8_t key[16], input[64], wanted[16];
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (uint8_t)i;
    memcpy(key, input, sizeof key);
    for (size_t i = 0; i < 3; i++) {
        for (size_t split = 0; split <= known[i].len; split++) {
            struct siphash h;
            siphash_begin(&h, key);
            siphash_add(&h, span_of(input, split));
            siphash_add(&h, span_of(input + split, known[i].len - split));
            struct digest digest = siphash_end(&h);
            assert_true(hex_decode(span_text(known[i].hex), wanted, sizeof wanted));
            for (size_t byte = 0; byte < 16; byte++)
                assert_int_equal((digest.half[byte / 8] >> (8 * (byte % 8))) & 0xff, wanted[byte]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_timer_does_what_its_rfc_says),
        cmocka_unit_test(the_request_is_sent_again_byte_for_byte_over_udp_and_dropped_over_tcp),
        cmocka_unit_test(the_last_response_is_the_one_that_is_sent_again),
        cmocka_unit_test(a_request_that_is_written_again_is_not_kept),
        cmocka_unit_test(an_answer_makes_the_reminder_void),
        cmocka_unit_test(what_waits_to_be_sent_is_not_sent_after_the_end),
        cmocka_unit_test(requests_match_by_branch_sent_by_and_method),
        cmocka_unit_test(requests_without_a_unique_branch_match_by_their_headers),
        cmocka_unit_test(responses_match_by_branch_and_method),
        cmocka_unit_test(a_request_and_a_response_with_one_branch_do_not_meet),
        cmocka_unit_test(merged_requests_are_told_to_a_user_agent_only),
        cmocka_unit_test(an_ack_that_answers_nothing_has_no_machine),
        cmocka_unit_test(a_client_needs_a_branch_of_its_own),
        cmocka_unit_test(a_stale_id_does_nothing),
        cmocka_unit_test(the_number_of_transactions_is_bounded),
        cmocka_unit_test(the_bytes_that_are_kept_are_bounded),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_response_that_cannot_be_kept_changes_nothing),
        cmocka_unit_test(settings_that_cannot_work_are_refused),
        cmocka_unit_test(time_never_goes_back),
        cmocka_unit_test(timers_may_be_set),
        cmocka_unit_test(a_closed_flow_ends_its_own_transactions_only),
        cmocka_unit_test(flows_do_not_end_one_another),
        cmocka_unit_test(many_transactions_live_and_die_in_any_order),
        cmocka_unit_test(the_digest_is_siphash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
