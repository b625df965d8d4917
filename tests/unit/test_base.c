#include "test.h"

#include "sipseal/arena.h"
#include "sipseal/clock.h"

static void a_cursor_never_passes_its_end(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0, 0, 0, 3, 'a', 'b'};
    struct cursor c = cursor_over(span_of(bytes, sizeof bytes));
    struct span block;
    assert_false(cursor_block(&c, &block)); /* three bytes are promised, two are there */
    assert_int_equal(cursor_left(&c), sizeof bytes);
    uint64_t wide;
    assert_false(cursor_u64(&c, &wide));
    uint32_t length;
    assert_true(cursor_u32(&c, &length));
    assert_int_equal(length, 3);
    assert_false(cursor_take(&c, 3, &block));
    assert_true(cursor_take(&c, 2, &block));
    assert_span_text(block, "ab");
    assert_int_equal(cursor_peek(&c), -1);
}

static void a_writer_that_is_full_stays_full_and_within_its_bytes(void **state)
{
    (void)state;
    uint8_t room[5] = {0, 0, 0, 0, 0x7f};
    struct writer w = writer_over(room, 4);
    writer_text(&w, "abc");
    writer_text(&w, "de");
    assert_true(w.full);
    writer_byte(&w, 'f');
    assert_span_text(writer_span(&w), "abc");
    assert_int_equal(room[4], 0x7f);
}

static void numbers_are_read_within_their_bounds(void **state)
{
    (void)state;
    uint32_t n;
    assert_true(span_decimal(SPAN("4294967295"), UINT32_MAX, &n));
    assert_int_equal(n, UINT32_MAX);
    assert_false(span_decimal(SPAN("4294967296"), UINT32_MAX, &n));
    assert_false(span_decimal(SPAN("99999999999"), UINT32_MAX, &n));
    assert_false(span_decimal(SPAN("-1"), UINT32_MAX, &n));
    assert_false(span_decimal(SPAN(""), UINT32_MAX, &n));
    assert_false(span_decimal(SPAN(" 1"), UINT32_MAX, &n));
}

static void base64_reads_what_it_writes_and_one_form_only(void **state)
{
    (void)state;
    for (size_t len = 0; len < 20; len++) {
        uint8_t in[20], text[64], out[64];
        size_t n;
        for (size_t i = 0; i < len; i++)
            in[i] = (uint8_t)(i * 37 + len);
        struct writer w = writer_over(text, sizeof text);
        writer_base64(&w, span_of(in, len));
        assert_true(base64_decode(writer_span(&w), out, &n));
        assert_span_equal(span_of(out, n), span_of(in, len));
    }
    uint8_t out[16];
    size_t n;
    assert_true(base64_decode(SPAN("YW\r\nJj"), out, &n));
    assert_span_text(span_of(out, n), "abc");
    assert_false(base64_decode(SPAN("YQ"), out, &n));
    assert_false(base64_decode(SPAN("YR=="), out, &n)); /* left-over bits */
    assert_false(base64_decode(SPAN("YQ==YQ=="), out, &n));
    assert_false(base64_decode(SPAN("Y==="), out, &n));
    assert_false(base64_decode(SPAN("YW*j"), out, &n));
}

static void an_arena_is_bounded_and_wiped(void **state)
{
    (void)state;
    struct arena a;
    assert_true(arena_open(&a, 256));
    uint8_t *secret = arena_take(&a, 64);
    assert_non_null(secret);
    memset(secret, 0xaa, 64);
    assert_null(arena_take(&a, 512));
    assert_null(arena_take(&a, SIZE_MAX));
    arena_reset(&a);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(secret[i], 0);
    a.fail_after = 1;
    assert_non_null(arena_take(&a, 8));
    assert_null(arena_take(&a, 8));
    arena_close(&a);
}

static void dates_are_read_as_they_are_written(void **state)
{
    (void)state;
    uint8_t text[64];
    int64_t seconds = 0;
    assert_true(clock_parse_date(SPAN("Mon, 23 Nov 2026 13:00:00 GMT"), &seconds));
    assert_int_equal(seconds, 1795438800);
    struct writer w = writer_over(text, sizeof text);
    clock_write_date(&w, seconds);
    assert_span_text(writer_span(&w), "Mon, 23 Nov 2026 13:00:00 GMT");
    w = writer_over(text, sizeof text);
    clock_write_rfc3339(&w, seconds);
    assert_span_text(writer_span(&w), "2026-11-23T13:00:00Z");
    assert_true(clock_parse_rfc3339(writer_span(&w), &seconds));
    assert_int_equal(seconds, 1795438800);
    assert_false(clock_parse_rfc3339(SPAN("2026-11-23T13:00:00+00:00"), &seconds));
    assert_false(clock_parse_rfc3339(SPAN("2026-11-31T13:00:00Z"), &seconds));
    assert_false(clock_parse_rfc3339(SPAN("2026-11-23 13:00:00Z"), &seconds));
    seconds = 1795438800;
    w = writer_over(text, sizeof text);
    clock_write_date(&w, 951782400);
    assert_span_text(writer_span(&w), "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_false(clock_parse_date(SPAN("Tue, 23 Nov 2026 13:00:00 GMT"), &seconds)); /* it was a Monday */
    assert_false(clock_parse_date(SPAN("Mon, 23 Nov 2026 13:00:00 EST"), &seconds));
    assert_false(clock_parse_date(SPAN("Thu, 29 Feb 2026 13:00:00 GMT"), &seconds));
    assert_false(clock_parse_date(SPAN("20 June"), &seconds));
}

static void every_rule_has_a_name_of_its_own_and_a_sentence_for_a_warning(void **state)
{
    (void)state;
    for (int i = 0; i < RULE_COUNT; i++) {
        const char *sentence = rule_sentence((enum rule)i);
        assert_true(strlen(sentence) > 0);
        for (const char *c = sentence; *c; c++)
            assert_true(*c >= ' ' && *c < 0x7f && *c != '"' && *c != '\\');
        for (int j = 0; j < i; j++)
            assert_string_not_equal(rule_name((enum rule)i), rule_name((enum rule)j));
    }
    assert_string_equal(rule_name((enum rule)RULE_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_never_passes_its_end),
        cmocka_unit_test(a_writer_that_is_full_stays_full_and_within_its_bytes),
        cmocka_unit_test(numbers_are_read_within_their_bounds),
        cmocka_unit_test(base64_reads_what_it_writes_and_one_form_only),
        cmocka_unit_test(an_arena_is_bounded_and_wiped),
        cmocka_unit_test(dates_are_read_as_they_are_written),
        cmocka_unit_test(every_rule_has_a_name_of_its_own_and_a_sentence_for_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
