#include "test.h"

#include "ua/compose.h"
#include "ua/outcome.h"
#include "ua/party.h"
#include "ua/registration.h"
#include "ua/replay_set.h"
#include "ua/text.h"

/* --- names --- */

static void a_name_with_an_at_is_a_user_and_one_without_is_a_host(void **state)
{
    (void)state;
    struct party party;
    assert_true(party_parse(SPAN("alice@HOME.example"), &party));
    assert_true(party.is_user);
    assert_string_equal(party.name, "alice@home.example");
    assert_string_equal(party.uri, "sip:alice@home.example");
    assert_string_equal(party.host, "home.example");
    assert_true(party_parse(SPAN("sip:bob@127.0.0.1:5070;transport=tcp"), &party));
    assert_string_equal(party.uri, "sip:bob@127.0.0.1");
    assert_true(party_parse(SPAN("Proxy1.home.example."), &party));
    assert_false(party.is_user);
    assert_string_equal(party.name, "proxy1.home.example");
    assert_string_equal(party.uri, "");
}

static void what_is_neither_user_nor_host_is_no_party(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "@", "@home.example", "alice@", "a b@home.example", "host/../etc", "-x",
                                      ".example", "a..b", "alice@home.example\r\nX: y", "tel:+4930", "al\nice@h.example"};
    struct party party;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (party_parse(span_text(bad[i]), &party))
            fail_msg("\"%s\" was taken for %s", bad[i], party.name);
    char long_name[400];
    memset(long_name, 'a', sizeof long_name);
    memcpy(long_name + 300, "@h", 2);
    assert_false(party_parse(span_of(long_name, sizeof long_name), &party));
}

static void no_name_leads_out_of_its_folder(void **state)
{
    (void)state;
    struct party party;
    assert_true(party_parse(SPAN("../../etc/passwd@home.example"), &party));
    assert_string_equal(party.file, "%2E.%2F..%2Fetc%2Fpasswd@home.example");
    assert_true(party_parse(SPAN(".hidden@home.example"), &party));
    assert_string_equal(party.file, "%2Ehidden@home.example");
    assert_true(party_parse(SPAN("a%20b@home.example"), &party));
    assert_null(strchr(party.file, '/'));
    assert_string_equal(party.file, "a%2520b@home.example");
}

static void a_content_id_has_a_host_on_its_right(void **state)
{
    (void)state;
    const uint8_t random[PARTY_CID_RANDOM] = {0xab, 1};
    struct party party;
    char cid[PARTY_CID_MAX];
    assert_true(party_parse(SPAN("alice@home.example"), &party));
    party_content_id(&party, random, cid);
    assert_string_equal(cid, "ab010000000000000000000000000000@home.example");
    assert_true(party_parse(SPAN("alice@[::1]"), &party));
    party_content_id(&party, random, cid);
    assert_string_equal(cid, "ab010000000000000000000000000000@sipseal.invalid");
}

/* --- replay (protocol.md 2.1) --- */

static struct replay_entry entry(uint8_t first, int64_t expires)
{
    return (struct replay_entry){.key = {first}, .expires = expires};
}

static void a_spent_message_is_a_replay_until_it_would_be_stale_anyway(void **state)
{
    (void)state;
    struct replay_set set;
    struct replay_entry e = entry(1, 100);
    assert_true(replay_set_open(&set, 4));
    assert_rule(replay_set_check(&set, &e, 1, 50), RULE_OK);
    assert_rule(replay_set_check(&set, &e, 1, 50), RULE_OK); /* looking spends nothing */
    replay_set_spend(&set, &e, 1);
    assert_rule(replay_set_check(&set, &e, 1, 50), RULE_REPLAY);
    assert_rule(replay_set_check(&set, &e, 1, 100), RULE_REPLAY); /* the last second in which it is fresh */
    assert_rule(replay_set_check(&set, &e, 1, 101), RULE_OK);
    assert_int_equal(set.count, 0);
    replay_set_close(&set);
}

static void the_same_signature_twice_in_one_message_is_a_replay(void **state)
{
    (void)state;
    struct replay_set set;
    struct replay_entry both[] = {entry(1, 100), entry(1, 100)};
    assert_true(replay_set_open(&set, 4));
    assert_rule(replay_set_check(&set, both, 2, 50), RULE_REPLAY);
    replay_set_close(&set);
}

static void a_full_memory_lets_nothing_in_and_forgets_nothing(void **state)
{
    (void)state;
    struct replay_set set;
    assert_true(replay_set_open(&set, 4));
    for (uint8_t i = 0; i < 4; i++) {
        struct replay_entry e = entry(i, 100);
        assert_rule(replay_set_check(&set, &e, 1, 50), RULE_OK);
        replay_set_spend(&set, &e, 1);
    }
    struct replay_entry fifth = entry(9, 100), first = entry(0, 100);
    assert_rule(replay_set_check(&set, &fifth, 1, 50), RULE_OVERLOAD);
    assert_rule(replay_set_check(&set, &first, 1, 50), RULE_REPLAY);
    assert_rule(replay_set_check(&set, &fifth, 1, 101), RULE_OK);
    replay_set_close(&set);
}

/* --- text (protocol.md 2.4) --- */

static void every_line_end_of_a_text_becomes_crlf(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {{"", ""},           {"a", "a"},         {"a\nb", "a\r\nb"},       {"a\r\nb", "a\r\nb"},
                 {"a\rb", "a\r\nb"}, {"\n\n", "\r\n\r\n"}, {"a\r\r\n", "a\r\n\r\n"}, {"\r", "\r\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t room[32];
        struct writer w = writer_over(room, sizeof room);
        text_write_crlf(&w, span_text(cases[i].in));
        assert_span_text(writer_span(&w), cases[i].out);
    }
}

static void a_media_type_cannot_add_a_header(void **state)
{
    (void)state;
    assert_true(text_is_media_type(SPAN("text/plain;charset=UTF-8")));
    assert_true(text_is_media_type(SPAN("application/vnd.sipseal+json")));
    static const char *const bad[] = {"", "text", "text/", "/plain", "text/plain\r\nTo: x", "text/plain;a=\x01",
                                      "te xt/plain", "text/plain x", "text/pl\xc3\xa4in"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (text_is_media_type(span_text(bad[i])))
            fail_msg("\"%s\" was taken", bad[i]);
    assert_true(text_type(SPAN("TEXT/html")));
    assert_false(text_type(SPAN("application/text/plain")));
}

/* --- requests --- */

static const struct compose_way over_tcp = {SIP_TCP, SPAN_INIT("127.0.0.1:40000")};

static void a_message_reads_back_as_it_was_composed(void **state)
{
    (void)state;
    uint8_t room[4096];
    struct writer w = writer_over(room, sizeof room);
    struct compose_identifiers ids;
    struct sip_message m;
    const struct compose_draft draft = {
        .method = SPAN("MESSAGE"),
        .request_uri = SPAN("sip:bob@127.0.0.1:5070"),
        .from_uri = SPAN("sip:alice@home.example"),
        .to_uri = SPAN("sip:bob@far.example"),
        .headers = SPAN("Content-Type: text/plain\r\n"),
        .body = SPAN("hello"),
    };
    assert_true(compose_identify(&ids, 1795438800));
    assert_string_equal(ids.date, "Mon, 23 Nov 2026 13:00:00 GMT");
    assert_true(compose_request(&w, &ids, &over_tcp, &draft));
    assert_rule(sip_message_parse(writer_span(&w), SIP_STREAM, &m), RULE_OK);
    assert_int_equal(m.method, SIP_MESSAGE);
    assert_span_text(m.request_uri, "sip:bob@127.0.0.1:5070");
    assert_span_text(m.from.uri, "sip:alice@home.example");
    assert_span_text(m.from.tag, ids.from_tag);
    assert_int_equal(m.to.tag.len, 0);
    assert_span_text(m.via.branch, ids.branch);
    assert_int_equal(m.via.transport, SIP_TCP);
    assert_span_text(sip_header_value(&m, SIP_H_DATE), ids.date);
    assert_span_text(m.body, "hello");
    assert_int_equal(m.max_forwards, 70);
}

static void identifiers_are_new_for_each_request(void **state)
{
    (void)state;
    struct compose_identifiers a, b;
    assert_true(compose_identify(&a, 0));
    assert_true(compose_identify(&b, 0));
    assert_string_not_equal(a.call_id, b.call_id);
    assert_string_not_equal(a.from_tag, b.from_tag);
    assert_string_not_equal(a.branch, b.branch);
    assert_memory_equal(a.branch, "z9hG4bK", 7);
    assert_int_equal(strlen(a.branch), COMPOSE_BRANCH_LEN);
}

static void nothing_a_user_gives_adds_a_header(void **state)
{
    (void)state;
    uint8_t room[4096];
    struct compose_identifiers ids;
    struct compose_draft draft = {
        .method = SPAN("MESSAGE"),
        .request_uri = SPAN("sip:bob@far.example"),
        .from_uri = SPAN("sip:alice@home.example"),
        .to_uri = SPAN("sip:bob@far.example>\r\nX: y\r\nZ: <"),
    };
    struct writer w = writer_over(room, sizeof room);
    assert_true(compose_identify(&ids, 0));
    assert_false(compose_request(&w, &ids, &over_tcp, &draft));
    draft.to_uri = SPAN("sip:bob@far.example");
    draft.request_uri = SPAN("sip:bob@far.example SIP/2.0\r\nX: y");
    w = writer_over(room, sizeof room);
    assert_false(compose_request(&w, &ids, &over_tcp, &draft));
}

/* --- registration (RFC 3261 10.2) --- */

#define CONTACT "sip:bob@127.0.0.1:40001;transport=tcp"

static void begin(struct registration *r)
{
    assert_true(registration_begin(r, SPAN("sip:bob@far.example"), SPAN(CONTACT), 3600, 1000));
}

/* Sends, and gives what was sent. */
static void send_one(struct registration *r, enum registration_wish wish, uint8_t *room, size_t len, struct sip_message *m)
{
    struct writer w = writer_over(room, len);
    assert_true(registration_write(r, &w, &over_tcp, wish));
    assert_rule(sip_message_parse(writer_span(&w), SIP_STREAM, m), RULE_OK);
}

static void answer(struct registration *r, const char *status, const char *headers, uint64_t now)
{
    char text[1024];
    struct sip_message m;
    snprintf(text, sizeof text,
             "SIP/2.0 %s\r\nVia: SIP/2.0/TCP 127.0.0.1:40000;branch=%s\r\nFrom: <sip:bob@far.example>;tag=1\r\n"
             "To: <sip:bob@far.example>;tag=2\r\nCall-ID: %s\r\nCSeq: %u REGISTER\r\n%sContent-Length: 0\r\n\r\n",
             status, r->ids.branch, r->ids.call_id, (unsigned)r->ids.cseq, headers);
    assert_rule(sip_message_parse(span_text(text), SIP_STREAM, &m), RULE_OK);
    registration_answered(r, &m, now);
}

static void a_registration_names_the_domain_the_user_and_the_contact(void **state)
{
    (void)state;
    struct registration r;
    struct sip_message m;
    uint8_t room[2048];
    begin(&r);
    assert_int_equal(r.due, 1000);
    send_one(&r, REGISTRATION_ADD, room, sizeof room, &m);
    assert_span_text(m.request_uri, "sip:far.example");
    assert_span_text(m.to.uri, "sip:bob@far.example");
    assert_span_text(sip_header_value(&m, SIP_H_CONTACT), "<" CONTACT ">;expires=3600");
    assert_int_equal(m.cseq, 1);
    assert_int_equal(r.due, UINT64_MAX); /* nothing more is sent while an answer is awaited */
    send_one(&r, REGISTRATION_REMOVE, room, sizeof room, &m);
    assert_span_text(sip_header_value(&m, SIP_H_CONTACT), "<" CONTACT ">;expires=0");
    assert_int_equal(m.cseq, 2);
    send_one(&r, REGISTRATION_REMOVE_ALL, room, sizeof room, &m);
    assert_span_text(sip_header_value(&m, SIP_H_CONTACT), "*");
    assert_span_text(sip_header_value(&m, SIP_H_EXPIRES), "0");
    send_one(&r, REGISTRATION_LIST, room, sizeof room, &m);
    assert_int_equal(sip_header_count(&m, SIP_H_CONTACT) + sip_header_count(&m, SIP_H_EXPIRES), 0);
}

static void it_is_refreshed_before_it_ends_and_as_the_registrar_granted(void **state)
{
    (void)state;
    struct registration r;
    begin(&r);
    r.due = UINT64_MAX;
    answer(&r, "200 OK", "Contact: <sip:other@192.0.2.1>;expires=5, <" CONTACT ">;expires=600\r\n", 2000);
    assert_int_equal(r.state, REGISTRATION_HELD);
    assert_int_equal(r.granted, 600);
    assert_int_equal(r.due, 2000 + 540000);
    answer(&r, "200 OK", "Contact: <" CONTACT ">\r\nExpires: 10\r\n", 5000);
    assert_int_equal(r.due, 5000 + 5000);
}

static void a_registrar_that_wants_longer_intervals_gets_them(void **state)
{
    (void)state;
    struct registration r;
    begin(&r);
    answer(&r, "423 Interval Too Brief", "Min-Expires: 7200\r\n", 2000);
    assert_int_equal(r.state, REGISTRATION_WANTED);
    assert_int_equal(r.expires, 7200);
    assert_int_equal(r.due, 2000);
    answer(&r, "423 Interval Too Brief", "Min-Expires: 7200\r\n", 3000); /* again the same: no endless circle */
    assert_int_equal(r.state, REGISTRATION_REFUSED);
}

static void what_was_refused_stays_refused_and_what_failed_is_tried_again_ever_later(void **state)
{
    (void)state;
    struct registration r;
    begin(&r);
    answer(&r, "403 Forbidden", "", 2000);
    assert_int_equal(r.state, REGISTRATION_REFUSED);
    assert_int_equal(r.status, 403);
    begin(&r);
    answer(&r, "503 Service Unavailable", "", 2000);
    assert_int_equal(r.state, REGISTRATION_WANTED);
    assert_int_equal(r.due, 2000 + REGISTRATION_RETRY_MIN_MS);
    uint64_t before = REGISTRATION_RETRY_MIN_MS;
    for (int i = 0; i < 20; i++) {
        registration_failed(&r, 0);
        assert_true(r.due >= before && r.due <= REGISTRATION_RETRY_MAX_MS);
        before = r.due;
    }
    assert_int_equal(before, REGISTRATION_RETRY_MAX_MS);
}

/* --- outcomes (protocol.md 5) --- */

static struct outcome outcome_for(const char *status, const char *headers, char *text, size_t len)
{
    static struct sip_message m;
    snprintf(text, len,
             "SIP/2.0 %s\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n"
             "Call-ID: c\r\nCSeq: 1 MESSAGE\r\n%sContent-Length: 0\r\n\r\n",
             status, headers);
    assert_rule(sip_message_parse(span_text(text), SIP_STREAM, &m), RULE_OK);
    return outcome_of(&m);
}

static void answers_have_a_kind_and_say_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        enum outcome_kind kind;
    } cases[] = {
        {"200 OK", OUTCOME_DELIVERED},        {"202 Accepted", OUTCOME_DELIVERED},
        {"302 Moved", OUTCOME_REFUSED},       {"403 Forbidden", OUTCOME_REFUSED},
        {"493 Undecipherable", OUTCOME_UNREADABLE}, {"495 Signature Required", OUTCOME_REFUSED},
        {"496 Proxy Undecipherable", OUTCOME_REFUSED}, {"408 Timeout", OUTCOME_NETWORK},
        {"503 Unavailable", OUTCOME_NETWORK}, {"606 Not Acceptable", OUTCOME_REFUSED},
    };
    char text[1024];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome outcome = outcome_for(cases[i].status, "", text, sizeof text);
        assert_int_equal(outcome.kind, cases[i].kind);
        assert_int_equal(outcome.next[0] == 0, outcome.kind == OUTCOME_DELIVERED);
    }
}

static void a_warning_names_its_agent_and_the_rule_behind_its_sentence(void **state)
{
    (void)state;
    char text[1024], header[256];
    snprintf(header, sizeof header, "Warning: 399 proxy1.home.example \"%s\"\r\n", rule_sentence(RULE_POLICY_VIEW));
    struct outcome outcome = outcome_for("496 Proxy Undecipherable", header, text, sizeof text);
    assert_true(outcome.has_warning);
    assert_int_equal(outcome.warning.code, 399);
    assert_span_text(outcome.warning.agent, "proxy1.home.example");
    assert_rule(warning_rule(&outcome.warning), RULE_POLICY_VIEW);
    static const char *const bad[] = {"", "399", "399 a", "399 a \"open", "39 a \"b\"", "399 a b", "399 a \"x\\"};
    struct warning warning;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(warning_parse(span_text(bad[i]), &warning));
    assert_true(warning_parse(SPAN("307 isi.edu \"a \\\" b\" , 370 x \"y\""), &warning));
    assert_span_text(warning.text, "a \\\" b");
    assert_rule(warning_rule(&warning), RULE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_with_an_at_is_a_user_and_one_without_is_a_host),
        cmocka_unit_test(what_is_neither_user_nor_host_is_no_party),
        cmocka_unit_test(no_name_leads_out_of_its_folder),
        cmocka_unit_test(a_content_id_has_a_host_on_its_right),
        cmocka_unit_test(a_spent_message_is_a_replay_until_it_would_be_stale_anyway),
        cmocka_unit_test(the_same_signature_twice_in_one_message_is_a_replay),
        cmocka_unit_test(a_full_memory_lets_nothing_in_and_forgets_nothing),
        cmocka_unit_test(every_line_end_of_a_text_becomes_crlf),
        cmocka_unit_test(a_media_type_cannot_add_a_header),
        cmocka_unit_test(a_message_reads_back_as_it_was_composed),
        cmocka_unit_test(identifiers_are_new_for_each_request),
        cmocka_unit_test(nothing_a_user_gives_adds_a_header),
        cmocka_unit_test(a_registration_names_the_domain_the_user_and_the_contact),
        cmocka_unit_test(it_is_refreshed_before_it_ends_and_as_the_registrar_granted),
        cmocka_unit_test(a_registrar_that_wants_longer_intervals_gets_them),
        cmocka_unit_test(what_was_refused_stays_refused_and_what_failed_is_tried_again_ever_later),
        cmocka_unit_test(answers_have_a_kind_and_say_what_to_do),
        cmocka_unit_test(a_warning_names_its_agent_and_the_rule_behind_its_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
