/* Any bytes as a session that is offered: what is answered is a session with as many media, one of them taken, and
 * answers itself (RFC 3264 6). */
#include <stdlib.h>

#include "ua/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static size_t count(struct span text, struct span what)
{
    size_t found = 0;
    for (size_t at; (at = span_find_span(text, what)) < text.len; found++)
        text = span_part(text, at + what.len, text.len);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t room[4 * SESSION_MAX], again[4 * SESSION_MAX];
    const struct session_self self = {SPAN("192.0.2.1"), 1, 1};
    struct span offer = span_of(data, size);
    struct writer w = writer_over(room, sizeof room), w2 = writer_over(again, sizeof again);
    if (!session_write_answer(&w, &self, offer))
        return 0;
    struct span answer = writer_span(&w);
    require(count(answer, SPAN("\nm=")) == count(offer, SPAN("\nm=")));
    require(count(answer, SPAN("\r\na=inactive\r\n")) == 1 && count(answer, SPAN("\r\nm=audio 9 RTP/AVP ")) >= 1);
    require(count(answer, SPAN("\n")) == count(answer, SPAN("\r\n")) && span_find(answer, 0) == answer.len);
    require(session_write_answer(&w2, &self, answer) || answer.len > SESSION_MAX);
    require(answer.len > SESSION_MAX || span_equal(writer_span(&w2), answer));
    return 0;
}
