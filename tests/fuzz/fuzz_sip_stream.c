/* Any bytes as a stream, all at once and in pieces: both ways find the same messages, and the parser of messages agrees
 * with the framing about where they end. The first byte is the size of the pieces. */
#include <stdlib.h>

#include "sipseal/sip_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 8192 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static enum sip_frame frame(struct span buffered, size_t *scanned, size_t *len, enum rule *why)
{
    bool pong;
    enum sip_frame found = sip_stream_frame(buffered, MESSAGE_MAX, scanned, len, &pong, why);
    require(*len <= buffered.len);
    require((found == SIP_FRAME_BROKEN) == (*why != RULE_OK));
    require((found != SIP_FRAME_MESSAGE && found != SIP_FRAME_KEEPALIVE) || *len > 0);
    require(!pong || found == SIP_FRAME_KEEPALIVE);
    return found;
}

/* The same as `frame`, from bytes that come in pieces. */
static enum sip_frame frame_in_pieces(struct span stream, size_t piece, size_t *len, enum rule *why)
{
    size_t scanned = 0, have = 0;
    enum sip_frame found = SIP_FRAME_MORE;
    while (found == SIP_FRAME_MORE && have < stream.len) {
        have = stream.len - have < piece ? stream.len : have + piece;
        found = frame(span_part(stream, 0, have), &scanned, len, why);
    }
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sip_message m;
    if (size == 0)
        return 0;
    size_t piece = data[0] ? data[0] : 1;
    struct span stream = span_of(data + 1, size - 1);
    for (enum sip_frame found = SIP_FRAME_KEEPALIVE; found == SIP_FRAME_KEEPALIVE || found == SIP_FRAME_MESSAGE;) {
        size_t scanned = 0, len, len_in_pieces = 0;
        enum rule why, why_in_pieces = RULE_OK;
        found = frame(stream, &scanned, &len, &why);
        enum sip_frame other = frame_in_pieces(stream, piece, &len_in_pieces, &why_in_pieces);
        require(found == other && why == why_in_pieces);
        require(found == SIP_FRAME_KEEPALIVE || len == len_in_pieces);
        if (found == SIP_FRAME_MESSAGE)
            require(sip_message_parse(span_part(stream, 0, len), SIP_STREAM, &m) != RULE_SIP_CONTENT_LENGTH);
        if (found == SIP_FRAME_BROKEN && len)
            sip_message_parse(span_part(stream, 0, len), SIP_DATAGRAM, &m);
        stream = span_part(stream, len, stream.len);
    }
    return 0;
}
