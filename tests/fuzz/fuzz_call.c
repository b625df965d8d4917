/* A phone that is called by whoever wrote the input: messages with lines "--" between them, which say what its user
 * does then (r: rings, a: answers, b: is busy, o: offers anew, h: hangs up, t: a second passes). Its tag, which nobody
 * can guess, is put where a message says ";tag=x". Whatever comes, its requests are SIP, and it holds no more calls
 * than the limit. */
#include <stdlib.h>

#include "ua/agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SDP "v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 h\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
#define SDP_TYPE "Content-Type: application/sdp\r\n"

static uint64_t now_ms, last_call;
static char tag[64];

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void look_at(struct span bytes)
{
    static struct sip_message m;
    bool read = sip_message_parse(bytes, SIP_STREAM, &m) == RULE_OK;
    require(read || span_starts(bytes, SPAN("SIP/2.0 "))); /* an answer has what was broken in its request */
    if (read && !m.is_request && m.to.tag.len > 0 && m.to.tag.len < sizeof tag && m.method == SIP_INVITE) {
        memcpy(tag, m.to.tag.at, m.to.tag.len);
        tag[m.to.tag.len] = 0;
    }
}

static void drain(struct agent *a)
{
    const struct call_way way = {.flow = 2, .reliable = true, .transport = SIP_TCP, .sent_by = "192.0.2.1:5060"};
    struct agent_event event;
    while (agent_next(a, &event)) {
        if (event.kind == AGENT_SEND)
            look_at(event.bytes);
        if (event.kind != AGENT_CALL)
            continue;
        if (event.call.kind == CALL_WAY)
            calls_way(agent_calls(a), now_ms, event.call.id, event.call.fork, &way);
        if (event.call.kind == CALL_OFFERED) {
            last_call = event.call.id;
            calls_set_contact(agent_calls(a), last_call, SPAN("sip:bob@192.0.2.1"));
        }
    }
    require(calls_active(agent_calls(a)) <= CALLS_MAX);
}

static void act(struct agent *a, uint8_t what)
{
    struct calls *calls = agent_calls(a);
    const struct call_answer ring = {.status = 180}, busy = {.status = 486};
    const struct call_answer answer = {200, SPAN(SDP_TYPE), SPAN(SDP)};
    struct message_context context;
    if (what == 'r' || what == 'a' || what == 'b')
        calls_respond(calls, now_ms, last_call, what == 'r' ? &ring : what == 'a' ? &answer : &busy);
    else if (what == 'o' && calls_reoffer_context(calls, last_call, &context))
        calls_reoffer(calls, now_ms, last_call, SPAN(SDP_TYPE), SPAN(SDP));
    else if (what == 'h')
        calls_end(calls, now_ms, last_call);
    else if (what == 't')
        agent_tick(a, now_ms += 1000);
    drain(a);
}

static struct span with_tag(struct span text, struct writer *w)
{
    const struct span mark = SPAN(";tag=x");
    for (size_t at; (at = span_find_span(text, mark)) < text.len;) {
        writer_put(w, span_part(text, 0, at));
        writer_text(w, ";tag=");
        writer_text(w, tag);
        text = span_part(text, at + mark.len, text.len);
    }
    writer_put(w, text);
    return writer_span(w);
}

static void give(struct agent *a, struct span text)
{
    static uint8_t room[2 * SIP_MESSAGE_MAX];
    struct writer w = writer_over(room, sizeof room);
    struct span bytes = with_tag(text, &w);
    const struct incoming *incoming;
    const struct agent_input input = {
        .flow = 1, .source = {SPAN("192.0.2.9"), 5060}, .bytes = bytes, .now_ms = now_ms, .now = 1795438800};
    agent_receive(a, &input, &incoming);
    drain(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trust *trust;
    trust = trust ? trust : trust_new();
    const struct recipient recipient = {.trust = trust, .window = PROOF_WINDOW_DEFAULT};
    const struct agent_settings settings = {.recipient = &recipient, .aor = SPAN("sip:bob@far.example"), .calls = true};
    struct agent *a = agent_new(&settings);
    struct span rest = span_of(data, size);
    require(a != NULL);
    now_ms = 1000;
    last_call = 0;
    tag[0] = 0;
    while (rest.len > 0) {
        size_t end = span_find_span(rest, SPAN("\n--"));
        give(a, span_part(rest, 0, end));
        rest = span_part(rest, end + 3, rest.len);
        size_t line = span_find(rest, '\n');
        for (size_t i = 0; i < line && i < 8; i++)
            act(a, rest.at[i]);
        rest = span_part(rest, line + 1, rest.len);
    }
    agent_tick(a, now_ms + 600000);
    drain(a);
    agent_free(a);
    return 0;
}
