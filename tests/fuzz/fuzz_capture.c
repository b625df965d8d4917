/* Any packets as a capture: nothing is read past its end, every byte of a message can be read, and what is counted adds
 * up. The first byte chooses the link layer; then come packets, each behind its length (2 bytes) and a byte by which the
 * clock goes on. */
#include <stdlib.h>

#include "capture/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static uint64_t drain(struct capture *c)
{
    static struct sip_message parsed;
    struct capture_message m;
    uint64_t count = 0;
    while (capture_next(c, &m)) {
        count++;
        require(m.broken != RULE_OK || m.bytes.len > 0);
        if (m.broken == RULE_OK)
            sip_message_parse(m.bytes, m.framing, &parsed);
    }
    return count;
}

/* In memory of just its length, so that a read past the end is noticed. */
static void give(struct capture *c, struct span bytes, int64_t now)
{
    uint8_t *exact = malloc(bytes.len ? bytes.len : 1);
    if (!exact)
        abort();
    if (bytes.len)
        memcpy(exact, bytes.at, bytes.len);
    const struct capture_packet packet = {.bytes = span_of(exact, bytes.len), .seconds = now};
    capture_packet(c, &packet);
    drain(c);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor in = cursor_over(span_of(data, size));
    uint8_t link, step;
    uint16_t len;
    uint64_t packets = 0;
    int64_t now = 0;
    struct span bytes;
    if (!cursor_u8(&in, &link))
        return 0;
    struct capture *c = capture_new((enum capture_link)(link % (CAPTURE_SLL2 + 1)));
    require(c != NULL);
    while (cursor_u16(&in, &len) && cursor_u8(&in, &step)) {
        if (!cursor_take(&in, len, &bytes))
            bytes = cursor_rest(&in), in.at = in.end;
        now += step;
        give(c, bytes, now);
        packets++;
    }
    capture_end(c);
    drain(c);
    require(!capture_next(c, &(struct capture_message){0}));
    require(capture_counters(c)->packets == packets);
    capture_free(c);
    return 0;
}
