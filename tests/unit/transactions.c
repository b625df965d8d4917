/* What the tests of transactions are made of. */
#include "transactions.h"

static const uint8_t test_key[SIP_TRANSACTION_KEY_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

struct sip_transactions *open_with(struct sip_transaction_settings settings)
{
    memcpy(settings.key, test_key, sizeof test_key);
    struct sip_transactions *t = sip_transactions_new(&settings);
    assert_non_null(t);
    return t;
}

struct sip_transactions *open_default(void)
{
    return open_with((struct sip_transaction_settings){.count_max = 64});
}

/* --- messages --- */

static const char *or_usual(const char *given, const char *usual)
{
    return given ? given : usual;
}

const struct sip_message *request_of(struct message *message, struct request_parts p)
{
    const char *method = or_usual(p.method, "MESSAGE");
    char cseq[64];
    snprintf(cseq, sizeof cseq, "1 %s", method);
    int len = snprintf(message->text, sizeof message->text,
                       "%s %s SIP/2.0\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
                       "Content-Length: 0\r\n\r\n",
                       method, or_usual(p.uri, "sip:bob@far.example"),
                       or_usual(p.via, "SIP/2.0/UDP ua1.home.example;branch=z9hG4bKone"),
                       or_usual(p.from, "<sip:alice@home.example>;tag=a1"), or_usual(p.to, "<sip:bob@far.example>"),
                       or_usual(p.call_id, "c1@ua1"), or_usual(p.cseq, cseq));
    assert_rule(sip_message_parse(span_of(message->text, (size_t)len), SIP_DATAGRAM, &message->m), RULE_OK);
    return &message->m;
}

const struct sip_message *response_of(struct message *message, int status, const char *branch,
                                             const char *method)
{
    int len = snprintf(message->text, sizeof message->text,
                       "SIP/2.0 %d Whatever\r\nVia: SIP/2.0/UDP proxy1.home.example;branch=%s\r\n"
                       "From: <sip:alice@home.example>;tag=a1\r\nTo: <sip:bob@far.example>;tag=b1\r\n"
                       "Call-ID: c1@ua1\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n",
                       status, branch, method);
    assert_rule(sip_message_parse(span_of(message->text, (size_t)len), SIP_DATAGRAM, &message->m), RULE_OK);
    return &message->m;
}

/* --- events as words --- */

static const char *event_word(const struct sip_event *event)
{
    switch (event->kind) {
    case SIP_EVENT_SEND:
        return event->again ? "again " : "send ";
    case SIP_EVENT_TRYING_DUE:
        return "trying ";
    case SIP_EVENT_TIMEOUT:
        return "timeout ";
    case SIP_EVENT_FLOW_FAILED:
        return "failed ";
    case SIP_EVENT_TERMINATED:
        return "end ";
    }
    return "? ";
}

/* All events that wait, as "send timeout end ". */
const char *drain(struct sip_transactions *t)
{
    static char words[512];
    struct sip_event event;
    struct writer w = writer_over(words, sizeof words);
    while (sip_transaction_next(t, &event)) {
        writer_text(&w, event_word(&event));
        assert_int_equal(event.bytes.len > 0, event.kind == SIP_EVENT_SEND);
    }
    writer_byte(&w, '\0');
    assert_false(w.full);
    return words;
}

