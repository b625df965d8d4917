/* Session descriptions, offered and answered (RFC 8866, RFC 3264). */
#include "test.h"

#include "ua/session.h"

#define HEAD "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define OFFER_HEAD "v=0\r\no=a 1 1 IN IP4 192.0.2.9\r\ns=x\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"

static const struct session_self self = {SPAN_INIT("192.0.2.1"), 7, 1};

static bool answer(struct span offer, char out[4096])
{
    struct writer w = writer_over(out, 4095);
    bool written = session_write_answer(&w, &self, offer);
    out[w.len] = 0;
    return written;
}

static void an_offer_is_audio_that_is_inactive(void **state)
{
    (void)state;
    char text[512];
    struct writer w = writer_over(text, sizeof text);
    session_write_offer(&w, &self);
    assert_span_text(writer_span(&w), HEAD "m=audio 9 RTP/AVP 0 8\r\na=inactive\r\n");
    const struct session_self six = {SPAN("2001:db8::1"), 1, 2};
    w = writer_over(text, sizeof text);
    session_write_offer(&w, &six);
    assert_true(span_find_span(writer_span(&w), SPAN("o=- 1 2 IN IP6 2001:db8::1\r\n")) < w.len);
}

/* RFC 3264 6: a line for each medium of the offer, in its order; port 0 declines. */
static void an_answer_has_each_medium_of_the_offer_and_takes_one(void **state)
{
    (void)state;
    char text[4096];
    assert_true(
        answer(SPAN(OFFER_HEAD "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\nm=audio 49170/2 RTP/AVP 0 97\r\n"
                               "a=sendrecv\r\nm=audio 49180 RTP/AVP 0\r\nm=image 0 udptl t38\r\n"),
               text));
    assert_string_equal(text,
                        HEAD "m=video 0 RTP/AVP 96\r\nm=audio 9 RTP/AVP 0 97\r\na=inactive\r\nm=audio 0 RTP/AVP 0\r\n"
                             "m=image 0 udptl t38\r\n");
    assert_true(answer(SPAN("v=0\no=a 1 1 IN IP4 h\ns=x\nt=0 0\nm=audio 1 RTP/AVP 0\n"), text)); /* LF alone is read */
}

static void what_cannot_be_taken_is_not_answered(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "hello",
        "v=1\r\nm=audio 1 RTP/AVP 0\r\n",
        OFFER_HEAD,                            /* no medium */
        OFFER_HEAD "m=video 1 RTP/AVP 96\r\n", /* none that is taken */
        OFFER_HEAD "m=audio 0 RTP/AVP 0\r\n",  /* declined already */
        OFFER_HEAD "m=audio 1 RTP/SAVP 0\r\n", /* keys would be needed */
        OFFER_HEAD "m=audio x RTP/AVP 0\r\n",
        OFFER_HEAD "m=audio 99999 RTP/AVP 0\r\n",
        OFFER_HEAD "m=audio 1 RTP/AVP\r\n",
        OFFER_HEAD "m=audio 1 RTP/AVP 0\x01\r\n",
        OFFER_HEAD "m=audio 1 RTP/AVP 0\rm=x\r\n",
        OFFER_HEAD "nonsense\r\nm=audio 1 RTP/AVP 0\r\n",
        OFFER_HEAD "m=audio 1 RTP/AVP 0\r\n\r\n",
    };
    char text[4096];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (answer(span_text(bad[i]), text))
            fail_msg("\"%s\" was answered: %s", bad[i], text);
}

static void more_media_or_bytes_than_the_limits_are_not_answered(void **state)
{
    (void)state;
    static char offer[2 * SESSION_MAX];
    char text[4096];
    for (int extra = 0; extra < 2; extra++) {
        struct writer w = writer_over(offer, sizeof offer);
        writer_text(&w, OFFER_HEAD);
        for (int i = 0; i < SESSION_MEDIA_MAX + extra; i++)
            writer_text(&w, "m=audio 1 RTP/AVP 0\r\n");
        assert_int_equal(answer(writer_span(&w), text), extra == 0);
    }
    for (int extra = 0; extra < 2; extra++) {
        struct writer w = writer_over(offer, sizeof offer);
        writer_text(&w, OFFER_HEAD "m=audio 1 RTP/AVP 0\r\ni=");
        while (w.len < SESSION_MAX + (size_t)extra)
            writer_byte(&w, 'x');
        assert_int_equal(answer(writer_span(&w), text), extra == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offer_is_audio_that_is_inactive),
        cmocka_unit_test(an_answer_has_each_medium_of_the_offer_and_takes_one),
        cmocka_unit_test(what_cannot_be_taken_is_not_answered),
        cmocka_unit_test(more_media_or_bytes_than_the_limits_are_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
