#include "ua/outcome.h"

static void skip_spaces(struct cursor *c)
{
    while (cursor_accept(c, ' ') || cursor_accept(c, '\t'))
        ;
}

static struct span take_word(struct cursor *c)
{
    const uint8_t *start = c->at;
    while (cursor_peek(c) > ' ')
        c->at++;
    return span_of(start, (size_t)(c->at - start));
}

bool warning_parse(struct span value, struct warning *warning)
{
    struct cursor c = cursor_over(value);
    *warning = (struct warning){0};
    skip_spaces(&c);
    struct span code = take_word(&c);
    skip_spaces(&c);
    warning->agent = take_word(&c);
    skip_spaces(&c);
    if (code.len != 3 || !span_decimal(code, 999, &warning->code) || warning->agent.len == 0 || !cursor_accept(&c, '"'))
        return false;
    const uint8_t *start = c.at;
    while (cursor_peek(&c) != '"') {
        uint8_t byte;
        if (!cursor_u8(&c, &byte) || (byte == '\\' && !cursor_u8(&c, &byte)))
            return false;
    }
    warning->text = span_of(start, (size_t)(c.at - start));
    return true;
}

enum rule warning_rule(const struct warning *warning)
{
    for (enum rule rule = RULE_OK + 1; rule < RULE_COUNT; rule++)
        if (span_equal(warning->text, span_text(rule_sentence(rule))))
            return rule;
    return RULE_OK;
}

struct meaning {
    int status;
    enum outcome_kind kind;
    const char *next;
};

static const struct meaning meanings[] = {
    {401, OUTCOME_REFUSED, "passwords are not supported yet: ask for access by source address"},
    {403, OUTCOME_REFUSED,
     "see the reason given; if it names your certificate or clock, renew or set it, and send again"},
    {404, OUTCOME_REFUSED, "check the recipient's address"},
    {405, OUTCOME_REFUSED, "the recipient does not take messages"},
    {407, OUTCOME_REFUSED, "passwords are not supported yet: ask for access by source address"},
    {408, OUTCOME_NETWORK, "the recipient did not answer in time: send it again later"},
    {413, OUTCOME_REFUSED, "send less at once"},
    {415, OUTCOME_REFUSED, "the recipient does not take this kind of content"},
    {480, OUTCOME_REFUSED, "the recipient is not there: send it again later"},
    {482, OUTCOME_REFUSED, "the path sends requests in circles: ask its operator"},
    {483, OUTCOME_REFUSED, "the path is too long or a circle: ask its operator"},
    {493, OUTCOME_UNREADABLE,
     "the recipient has no key for it: get the present certificate and run `sipseal contact add FILE --replace`"},
    {495, OUTCOME_REFUSED,
     "a proxy needs your signature and a label: send it without --plain, and with --middle for the proxy named"},
    {496, OUTCOME_REFUSED,
     "a proxy needs to read it: if you trust the proxy named, send it again with --middle for that proxy"},
    {500, OUTCOME_REFUSED, "it was not delivered: send it again later"},
    {503, OUTCOME_NETWORK, "it was not delivered: send it again later"},
    {504, OUTCOME_NETWORK, "it was not delivered: send it again later"},
    {513, OUTCOME_REFUSED, "send less at once"},
};

static struct meaning meaning_of(int status)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].status == status)
            return meanings[i];
    if (status < 300)
        return (struct meaning){status, OUTCOME_DELIVERED, ""};
    if (status < 400)
        return (struct meaning){status, OUTCOME_REFUSED, "the recipient has moved: send it to the address given"};
    return (struct meaning){status, OUTCOME_REFUSED, "see the reason given"};
}

struct outcome outcome_of(const struct sip_message *response)
{
    struct meaning meaning = meaning_of(response->status);
    struct outcome out = {
        .kind = meaning.kind,
        .status = response->status,
        .reason = response->reason,
        .next = meaning.next,
    };
    out.has_warning = warning_parse(sip_header_value(response, SIP_H_WARNING), &out.warning);
    return out;
}
