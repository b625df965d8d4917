/* Finds messages in a stream (RFC 3261 18.3, RFC 5626 3.5.1). */
#include "field.h"
#include "lex.h"

/* `*scanned` is how many bytes hold no end of the head; once the end is known, it is the length of the message with
 * this bit. So each byte of a head is looked at a bounded number of times, however slowly the stream drips. */
#define LENGTH_KNOWN (SIZE_MAX / 2 + 1)

static enum sip_frame broken(enum rule rule, size_t answerable, size_t *len, enum rule *why)
{
    *why = rule;
    *len = answerable;
    return SIP_FRAME_BROKEN;
}

/* CRLFs before a message. One alone may be the first half of a ping, so it waits for what follows. */
static enum sip_frame take_keepalive(struct span buffered, size_t *len, bool *pong, enum rule *why)
{
    size_t n = 0;
    while (buffered.len - n >= 2 && buffered.at[n] == '\r' && buffered.at[n + 1] == '\n')
        n += 2;
    if (n == 0 && buffered.at[0] == '\r' && buffered.len > 1)
        return broken(RULE_SIP_SYNTAX, 0, len, why);
    if (n == 0 || (n == 2 && (buffered.len == 2 || (buffered.len == 3 && buffered.at[2] == '\r'))))
        return SIP_FRAME_MORE;
    *len = n;
    *pong = n >= 4;
    return SIP_FRAME_KEEPALIVE;
}

/* The length of the head that ends at or after `from`; 0 when it has not ended. */
static size_t head_length(struct span buffered, size_t from)
{
    from = from > 3 ? from - 3 : 0;
    size_t at = from + span_find_span(span_part(buffered, from, SIP_HEAD_MAX), SPAN("\r\n\r\n"));
    return at + 4 <= buffered.len && at < from + SIP_HEAD_MAX ? at + 4 : 0;
}

/* Reads Content-Length from a head. Lines that are no headers are passed over: the message will be refused by its
 * parser, and the stream can go on. A stray CR or LF is another matter: others would frame such a stream
 * differently. */
static enum rule content_length(struct span head, uint32_t *length)
{
    struct cursor c = cursor_over(head);
    struct span field;
    struct sip_header header;
    enum field_found found = field_take_line(&c, &field);
    bool has = false;
    while (found == FIELD_TAKEN && (found = field_take(&c, &field)) == FIELD_TAKEN) {
        if (!field_split(field, &header) || header.id != SIP_H_CONTENT_LENGTH)
            continue;
        if (has)
            return RULE_SIP_HEADER_TWICE;
        has = true;
        if (!span_decimal(header.value, UINT32_MAX, length))
            return RULE_SIP_CONTENT_LENGTH;
    }
    if (found != FIELD_END)
        return RULE_SIP_SYNTAX;
    return has ? RULE_OK : RULE_SIP_CONTENT_LENGTH;
}

/* The head has ended after `head` bytes: how long is the message? */
static enum rule measure(struct span head, size_t message_max, size_t *scanned)
{
    uint32_t length = 0;
    enum rule rule = content_length(head, &length);
    if (rule != RULE_OK)
        return rule;
    if (head.len > message_max || length > message_max - head.len)
        return RULE_SIP_SIZE;
    *scanned = (head.len + length) | LENGTH_KNOWN;
    return RULE_OK;
}

/* Looks for the end of the head in bytes that were not searched before. */
static enum sip_frame find_head(struct span buffered, size_t message_max, size_t *scanned, size_t *len, enum rule *why)
{
    size_t most = message_max < SIP_HEAD_MAX ? message_max : SIP_HEAD_MAX;
    size_t head = head_length(buffered, *scanned);
    if (head == 0 && buffered.len < most) {
        *scanned = buffered.len;
        return SIP_FRAME_MORE;
    }
    if (head == 0 || head > most)
        return broken(most < SIP_HEAD_MAX ? RULE_SIP_SIZE : RULE_SIP_HEADERS, most, len, why);
    enum rule rule = measure(span_part(buffered, 0, head), message_max, scanned);
    return rule == RULE_OK ? SIP_FRAME_MESSAGE : broken(rule, head, len, why);
}

enum sip_frame sip_stream_frame(struct span buffered, size_t message_max, size_t *scanned, size_t *len, bool *pong,
                                enum rule *why)
{
    *len = 0;
    *pong = false;
    *why = RULE_OK;
    if (buffered.len == 0)
        return SIP_FRAME_MORE;
    if (buffered.at[0] == '\r')
        return take_keepalive(buffered, len, pong, why);
    if (!lex_is(buffered.at[0], LEX_TOKEN))
        return broken(RULE_SIP_SYNTAX, 0, len, why);
    if (!(*scanned & LENGTH_KNOWN)) {
        enum sip_frame frame = find_head(buffered, message_max, scanned, len, why);
        if (frame != SIP_FRAME_MESSAGE)
            return frame;
    }
    size_t whole = *scanned & ~LENGTH_KNOWN;
    if (buffered.len < whole)
        return SIP_FRAME_MORE;
    *len = whole;
    return SIP_FRAME_MESSAGE;
}
