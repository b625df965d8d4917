#include "phones.h"

#include <stdlib.h>

/* --- what happens --- */

static void note(struct phone *phone, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct phone *phone, const char *format, ...)
{
    size_t len = strlen(phone->log);
    va_list args;
    va_start(args, format);
    vsnprintf(phone->log + len, sizeof phone->log - len, format, args);
    va_end(args);
}

static void keep_session(struct phone *phone, const struct incoming *in)
{
    phone->session[0] = 0;
    phone->broken = in ? in->broken : RULE_OK;
    if (in && in->has_session)
        snprintf(phone->session, sizeof phone->session, "%.*s", SPAN_ARGS(in->session));
}

static void way(struct phones *p, struct phone *phone, const struct call_event *event)
{
    struct call_way found = {.flow = WIRE_FLOW,
                             .reliable = phone->reliable,
                             .transport = phone->reliable ? SIP_TCP : SIP_UDP,
                             .sent_by = "127.0.0.1:7000"};
    snprintf(phone->way, sizeof phone->way, "%.*s", SPAN_ARGS(event->uri));
    calls_way(agent_calls(phone->agent), p->now_ms, event->id, event->fork, phone->no_way ? NULL : &found);
}

static void judge(const struct phones *p, struct phone *phone, const struct incoming *in)
{
    phone->judged = answer_judge(in, p->is_signed, p->sealed);
    phone->answered_by[0] = 0;
    if (in->received.part_count > 0 && in->received.part[0].proof.broken == RULE_OK)
        snprintf(phone->answered_by, sizeof phone->answered_by, "%.*s", SPAN_ARGS(in->received.part[0].proof.identity));
}

static const char *end_word(enum call_end end)
{
    static const char *const words[] = {[CALL_END_SELF] = "self",
                                        [CALL_END_OTHER] = "other",
                                        [CALL_END_REFUSED] = "refused",
                                        [CALL_END_FAILED] = "failed"};
    return words[end];
}

static void call_event(struct phones *p, struct phone *phone, const struct call_event *event)
{
    switch (event->kind) {
    case CALL_WAY:
        way(p, phone, event);
        break;
    case CALL_PROGRESS:
        note(phone, "%d ", event->status);
        break;
    case CALL_OFFERED:
        phone->call = event->id;
        calls_set_contact(agent_calls(phone->agent), event->id, span_text(phone->contact));
        keep_session(phone, event->incoming);
        answer_shape_clear(&phone->shape);
        phone->shape_broken = answer_shape_of(event->incoming, p->scene.trust, SCENE_NOW, &phone->shape);
        note(phone, "offered ");
        break;
    case CALL_ANSWERED:
        keep_session(phone, event->incoming);
        judge(p, phone, event->incoming);
        note(phone, "answered:%d ", event->status);
        break;
    case CALL_REOFFERED:
        keep_session(phone, event->incoming);
        note(phone, "reoffered ");
        break;
    case CALL_REANSWERED:
        phone->retry_ms = event->retry_ms;
        note(phone, "reanswered:%d ", event->status);
        break;
    case CALL_CONFIRMED:
        if (event->incoming)
            keep_session(phone, event->incoming);
        note(phone, "confirmed ");
        break;
    case CALL_ENDED:
        note(phone, "ended:%s:%d:%s ", end_word(event->end), event->status, rule_name(event->rule));
        break;
    }
}

static void keep_sent(struct phone *phone, struct span bytes)
{
    char *room = phone->sent[phone->sent_count % PHONES_SENT_MAX];
    assert_true(bytes.len < sizeof phone->sent[0]);
    memcpy(room, bytes.at, bytes.len);
    room[bytes.len] = 0;
    phone->sent_len[phone->sent_count % PHONES_SENT_MAX] = bytes.len;
    phone->sent_count++;
    if (phone->lost)
        phone->taken = phone->sent_count;
}

void phone_drain(struct phones *p, struct phone *phone)
{
    struct agent_event event;
    while (agent_next(phone->agent, &event)) {
        if (event.kind == AGENT_SEND)
            keep_sent(phone, event.bytes);
        else if (event.kind == AGENT_CALL)
            call_event(p, phone, &event.call);
    }
}

/* --- the wire --- */

void phone_receive(struct phones *p, struct phone *phone, const char *text)
{
    phone_receive_bytes(p, phone, span_text(text));
}

void phone_receive_bytes(struct phones *p, struct phone *phone, struct span bytes)
{
    const struct incoming *incoming;
    const struct agent_input input = {
        .flow = WIRE_FLOW,
        .reliable = phone->reliable,
        .source = {SPAN("127.0.0.1"), 7000},
        .bytes = bytes,
        .now_ms = p->now_ms,
        .now = SCENE_NOW,
    };
    agent_receive(phone->agent, &input, &incoming);
    phone_drain(p, phone);
}

static bool carry(struct phones *p, struct phone *from, struct phone *to)
{
    if (from->taken == from->sent_count)
        return false;
    size_t at = from->taken++ % PHONES_SENT_MAX, len = from->sent_len[at];
    char *copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, from->sent[at], len);
    phone_receive_bytes(p, to, span_of(copy, len));
    free(copy);
    return true;
}

void phones_run(struct phones *p)
{
    phone_drain(p, &p->alice);
    phone_drain(p, &p->bob);
    while (carry(p, &p->alice, &p->bob) || carry(p, &p->bob, &p->alice))
        ;
}

static uint64_t next_deadline(const struct phones *p)
{
    uint64_t a = agent_deadline(p->alice.agent), b = agent_deadline(p->bob.agent);
    return a < b ? a : b;
}

void phones_pass(struct phones *p, uint64_t ms)
{
    uint64_t end = p->now_ms + ms;
    while (next_deadline(p) <= end) {
        uint64_t due = next_deadline(p);
        p->now_ms = due > p->now_ms ? due : p->now_ms;
        agent_tick(p->alice.agent, p->now_ms);
        agent_tick(p->bob.agent, p->now_ms);
        phones_run(p);
    }
    p->now_ms = end;
}

/* --- what the users do --- */

/* What Alice offers. */
static void protect_offer(struct phones *p, const struct compose_identifiers *ids, struct sender_body *body)
{
    struct message_context context;
    struct certificate *reader = p->scene.bob.certificate;
    const struct answer_shape shape = {p->is_signed, p->sealed, p->sealed ? reader : NULL};
    compose_context(ids, SPAN("INVITE"), SPAN("sip:" ALICE), SPAN("sip:" BOB), &context);
    context.contact_uri = span_text(p->alice.contact);
    assert_rule(answer_protect(&shape, &p->alice.signer, &context, SPAN(SDP), SCENE_NOW, &p->scene.arena, body),
                RULE_OK);
}

void phones_call(struct phones *p)
{
    struct compose_identifiers ids;
    struct sender_body body;
    struct writer headers = arena_writer(&p->scene.arena, 8192), w = arena_writer(&p->scene.arena, 32 * 1024);
    assert_true(compose_identify(&ids, SCENE_NOW));
    protect_offer(p, &ids, &body);
    writer_text(&headers, "Contact: <sip:alice@127.0.0.1:7000>\r\n");
    const char *date = strstr((const char *)body.headers.at, "\r\n");
    if (p->is_signed) /* the request has it already */
        body.headers = span_part(body.headers, (size_t)(date + 2 - (const char *)body.headers.at), body.headers.len);
    writer_put(&headers, body.headers);
    const struct compose_way where = {p->alice.reliable ? SIP_TCP : SIP_UDP, SPAN_INIT("127.0.0.1:7000")};
    const struct compose_draft draft = {
        .method = SPAN("INVITE"),
        .request_uri = SPAN("sip:" BOB),
        .from_uri = SPAN("sip:" ALICE),
        .to_uri = SPAN("sip:" BOB),
        .headers = writer_span(&headers),
        .body = body.body,
    };
    assert_true(compose_request(&w, &ids, &where, &draft));
    const struct call_draft call = {
        .request = writer_span(&w),
        .branch = span_text(ids.branch),
        .contact = span_text(p->alice.contact),
        .way = {.flow = WIRE_FLOW,
                .reliable = p->alice.reliable,
                .transport = where.transport,
                .sent_by = "127.0.0.1:7000"},
    };
    assert_rule(calls_start(agent_calls(p->alice.agent), p->now_ms, &call, &p->alice.call), RULE_OK);
    phone_drain(p, &p->alice);
}

void phone_answer(struct phones *p, struct phone *phone, int status)
{
    struct call_answer answer = {.status = status};
    struct message_context context;
    struct sender_body body;
    if (status >= 200 && status < 300) {
        assert_true(calls_answer_context(agent_calls(phone->agent), phone->call, status, &context));
        assert_rule(
            answer_protect(&phone->shape, &phone->signer, &context, SPAN(SDP), SCENE_NOW, &p->scene.arena, &body),
            RULE_OK);
        answer = (struct call_answer){status, body.headers, body.body};
    }
    assert_true(calls_respond(agent_calls(phone->agent), p->now_ms, phone->call, &answer));
    phone_drain(p, phone);
}

void phone_reoffer(struct phones *p, struct phone *phone)
{
    struct message_context context;
    assert_true(calls_reoffer_context(agent_calls(phone->agent), phone->call, &context));
    assert_span_text(context.method, "INVITE");
    assert_true(calls_reoffer(agent_calls(phone->agent), p->now_ms, phone->call, SPAN(SDP_HEADERS), SPAN(SDP)));
    phone_drain(p, phone);
}

void phone_end(struct phones *p, struct phone *phone)
{
    calls_end(agent_calls(phone->agent), p->now_ms, phone->call);
    phone_drain(p, phone);
}

/* --- by the letter --- */

const char *phone_sent(const struct phone *phone, size_t back)
{
    assert_true(back < phone->sent_count && back < PHONES_SENT_MAX);
    return phone->sent[(phone->sent_count - 1 - back) % PHONES_SENT_MAX];
}

size_t phone_count(const struct phone *phone, const char *beginning)
{
    size_t count = 0;
    assert_true(phone->sent_count <= PHONES_SENT_MAX);
    for (size_t i = 0; i < phone->sent_count; i++)
        count += strncmp(phone->sent[i], beginning, strlen(beginning)) == 0;
    return count;
}

int phone_status(const struct phone *phone)
{
    const char *last = phone_sent(phone, 0);
    return strncmp(last, "SIP/2.0 ", 8) == 0 ? atoi(last + 8) : 0;
}

/* The first line of a message that begins so, without its end. */
static const char *line_of(const char *message, const char *name, char *out, size_t len)
{
    const char *at = strstr(message, name);
    assert_non_null(at);
    snprintf(out, len, "%.*s", (int)strcspn(at, "\r"), at);
    return out;
}

/* The phone's own To, with its tag, as its first response to the INVITE says it. */
static const char *bobs_invite_answer(const struct phone *bob)
{
    for (size_t i = bob->sent_count; i-- > 0;)
        if (strstr(bob->sent[i % PHONES_SENT_MAX], " INVITE\r\n") && strstr(bob->sent[i % PHONES_SENT_MAX], ";tag="))
            return bob->sent[i % PHONES_SENT_MAX];
    fail();
    return "";
}

void phone_request(struct phones *p, const char *method, uint32_t cseq, const char *headers, const char *body)
{
    static unsigned branch;
    char from[256], to[256], call_id[256], text[8192];
    const char *answer = bobs_invite_answer(&p->bob);
    snprintf(text, sizeof text,
             "%s sip:bob@127.0.0.1:7001 SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:7000;branch=z9hG4bKletter%u\r\n"
             "Max-Forwards: 70\r\n%s\r\n%s\r\n%s\r\nCSeq: %u %s\r\n%sContent-Length: %zu\r\n\r\n%s",
             method, p->bob.reliable ? "TCP" : "UDP", ++branch, line_of(answer, "From: ", from, sizeof from),
             line_of(answer, "To: ", to, sizeof to), line_of(answer, "Call-ID: ", call_id, sizeof call_id),
             (unsigned)cseq, method, headers, strlen(body), body);
    phone_receive(p, &p->bob, text);
}

void phone_respond(struct phones *p, struct phone *phone, const char *status, const char *to_tag, const char *headers,
                   const char *body)
{
    char via[256], from[256], to[256], call_id[256], cseq[64], text[8192];
    const char *request = phone_sent(phone, 0);
    for (size_t back = 0; strncmp(request, "SIP/2.0", 7) == 0 || strncmp(request, "ACK", 3) == 0;)
        request = phone_sent(phone, ++back);
    line_of(request, "To: ", to, sizeof to);
    snprintf(text, sizeof text, "SIP/2.0 %s\r\n%s\r\n%s\r\n%s%s%s\r\n%s\r\n%s\r\n%sContent-Length: %zu\r\n\r\n%s",
             status, line_of(request, "Via: ", via, sizeof via), line_of(request, "From: ", from, sizeof from), to,
             strstr(to, ";tag=") || !to_tag[0] ? "" : ";tag=", strstr(to, ";tag=") ? "" : to_tag,
             line_of(request, "Call-ID: ", call_id, sizeof call_id), line_of(request, "CSeq: ", cseq, sizeof cseq),
             headers, strlen(body), body);
    phone_receive(p, phone, text);
}

/* --- beginning and end --- */

static void open_phone(struct phones *p, struct phone *phone, const struct identity *identity, const char *aor,
                       const char *contact)
{
    phone->contact = contact;
    assert_true(party_parse(span_text(aor), &phone->self));
    phone->signer = (struct answer_signer){.self = &phone->self, .identity = identity};
    phone->reliable = true;
    phone->recipient = (struct recipient){
        .identity = {identity}, .identity_count = 1, .trust = p->scene.trust, .window = PROOF_WINDOW_DEFAULT};
    const struct agent_settings settings = {.recipient = &phone->recipient, .aor = span_text(aor), .calls = true};
    phone->agent = agent_new(&settings);
    assert_non_null(phone->agent);
}

int phones_open(void **state)
{
    struct phones *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    scene_open(&p->scene);
    p->now_ms = 1000;
    open_phone(p, &p->alice, &p->scene.alice, "sip:" ALICE, "sip:alice@127.0.0.1:7000");
    open_phone(p, &p->bob, &p->scene.bob, "sip:" BOB, "sip:bob@127.0.0.1:7001");
    *state = p;
    return 0;
}

int phones_close(void **state)
{
    struct phones *p = *state;
    answer_shape_clear(&p->alice.shape);
    answer_shape_clear(&p->bob.shape);
    agent_free(p->alice.agent);
    agent_free(p->bob.agent);
    scene_close(&p->scene);
    free(p);
    return 0;
}
