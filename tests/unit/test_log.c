#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include "daemon/log.h"

static const struct log quiet = {.process = "net", .level = LOG_LEVEL_INFO, .fd = -1};
static const int64_t moment = 1795438800123;

static uint8_t room[LOG_LINE_MAX];

#define LINE(...)                                                                                                      \
    line_of((const struct log_field[]){__VA_ARGS__}, sizeof((const struct log_field[]){__VA_ARGS__}) /                 \
                                                         sizeof(struct log_field))

static const struct log in_json = {.process = "net", .level = LOG_LEVEL_INFO, .format = LOG_FORMAT_JSON, .fd = -1};

#define JSON(...)                                                                                                      \
    json_of((const struct log_field[]){__VA_ARGS__}, sizeof((const struct log_field[]){__VA_ARGS__}) /                 \
                                                         sizeof(struct log_field))

static struct span json_of(const struct log_field *fields, size_t count)
{
    struct writer w = writer_over(room, sizeof room);
    log_compose(&w, &in_json, moment, LOG_LEVEL_WARNING, "refused", fields, count);
    assert_false(w.full);
    return writer_span(&w);
}

static struct span line_of(const struct log_field *fields, size_t count)
{
    struct writer w = writer_over(room, sizeof room);
    log_compose(&w, &quiet, moment, LOG_LEVEL_WARNING, "refused", fields, count);
    assert_false(w.full);
    return writer_span(&w);
}

static void a_line_says_when_how_grave_who_and_what(void **state)
{
    (void)state;
    assert_span_text(LINE(log_none()), "time=2026-11-23T13:00:00.123Z level=warning process=net event=refused\n");
    assert_span_text(LINE(log_rule(RULE_DATE_STALE), log_text("call_id", SPAN("c1@ua1")), log_number("status", 403)),
                     "time=2026-11-23T13:00:00.123Z level=warning process=net event=refused rule=signature.date "
                     "call_id=c1@ua1 status=403\n");
}

static void assert_field(struct log_field field, const char *wanted)
{
    struct span line = LINE(field);
    struct span prefix = SPAN("time=2026-11-23T13:00:00.123Z level=warning process=net event=refused ");
    assert_true(span_starts(line, prefix));
    struct span rest = span_part(line, prefix.len, line.len);
    assert_span_text(span_part(rest, 0, rest.len - 1), wanted);
}

static void values_from_outside_cannot_forge_a_line_or_a_field(void **state)
{
    (void)state;
    assert_field(log_text("v", SPAN("plain/:@+-[]_.,;?&*'~")), "v=plain/:@+-[]_.,;?&*'~");
    assert_field(log_text("v", SPAN("")), "v=\"\"");
    assert_field(log_text("v", SPAN("a b")), "v=\"a b\"");
    assert_field(log_text("v", SPAN("x event=ready")), "v=\"x event=ready\"");
    assert_field(log_text("v", SPAN("a=b")), "v=\"a=b\"");
    assert_field(log_text("v", SPAN("a\nb\r\t\0c")), "v=\"a\\x0ab\\x0d\\x09\\x00c\"");
    assert_field(log_text("v", SPAN("\"\\")), "v=\"\\\"\\\\\"");
    assert_field(log_text("v", SPAN("\x7f\x80\xff\x1b[31m")), "v=\"\\x7f\\x80\\xff\\x1b[31m\"");
}

static void every_byte_stays_within_its_line_and_its_quotes(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        uint8_t byte = (uint8_t)c;
        struct span line = LINE(log_text("v", span_of(&byte, 1)));
        assert_int_equal(span_find(line, '\n'), line.len - 1);
        for (size_t i = 0; i + 1 < line.len; i++)
            assert_true(line.at[i] >= ' ' && line.at[i] < 0x7f);
    }
}

static void numbers_words_digests_and_addresses_are_shown(void **state)
{
    (void)state;
    assert_field(log_number("n", INT64_MIN), "n=-9223372036854775808");
    assert_field(log_number("n", 0), "n=0");
    assert_field(log_word("w", "tcp"), "w=tcp");
    assert_field(log_word("w", NULL), "w=\"\"");
    assert_field(log_hex("digest", SPAN("\x01\xfe")), "digest=01fe");
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(5060)};
    inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
    assert_field(log_address("source", (const struct sockaddr *)&in), "source=192.0.2.1:5060");
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(5061)};
    inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
    assert_field(log_address("source", (const struct sockaddr *)&in6), "source=[2001:db8::1]:5061");
    struct sockaddr_storage none = {.ss_family = AF_UNIX};
    assert_field(log_address("source", (const struct sockaddr *)&none), "source=unknown");
    assert_field(log_address("source", NULL), "source=unknown");
}

static void a_long_value_is_cut_and_says_so(void **state)
{
    (void)state;
    uint8_t value[LOG_VALUE_MAX + 1], wanted[LOG_VALUE_MAX + 16];
    memset(value, 'x', sizeof value);
    struct writer w = writer_over(wanted, sizeof wanted);
    writer_text(&w, "v=");
    writer_put(&w, span_of(value, LOG_VALUE_MAX));
    writer_byte(&w, 0);
    assert_field(log_text("v", span_of(value, LOG_VALUE_MAX)), (const char *)wanted);
    w = writer_over(wanted, sizeof wanted);
    writer_text(&w, "v=\"");
    writer_put(&w, span_of(value, LOG_VALUE_MAX));
    writer_text(&w, "...\"");
    writer_byte(&w, 0);
    assert_field(log_text("v", span_of(value, sizeof value)), (const char *)wanted);
}

static void a_line_is_never_longer_than_its_limit(void **state)
{
    (void)state;
    uint8_t value[LOG_VALUE_MAX];
    memset(value, 0xff, sizeof value); /* four characters each once escaped */
    struct log_field fields[12];
    for (size_t i = 0; i < 12; i++)
        fields[i] = log_text("v", span_of(value, sizeof value));
    struct span line = line_of(fields, 12);
    assert_true(line.len <= LOG_LINE_MAX);
    struct span end = SPAN("\\xff\" cut=yes\n");
    assert_span_equal(span_part(line, line.len - end.len, end.len), end);
}

#define JSON_HEAD                                                                                                      \
    "{\"time\":\"2026-11-23T13:00:00.123Z\",\"level\":\"warning\",\"process\":\"net\",\"event\":\"refused\""

static void in_json_a_line_is_an_object_with_the_same_names_and_values(void **state)
{
    (void)state;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(5060)};
    inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
    assert_span_text(JSON(log_none()), JSON_HEAD "}\n");
    assert_span_text(JSON(log_rule(RULE_DATE_STALE), log_none(), log_text("call_id", SPAN("c1 ua=1")),
                          log_number("status", -403), log_hex("body", SPAN("\x01\xfe")),
                          log_address("source", (const struct sockaddr *)&in), log_word("w", NULL)),
                     JSON_HEAD ",\"rule\":\"signature.date\",\"call_id\":\"c1 ua=1\",\"status\":-403,\"body\":\"01fe\","
                               "\"source\":\"192.0.2.1:5060\",\"w\":\"\"}\n");
}

static void in_json_a_key_that_comes_again_has_an_array_of_its_values(void **state)
{
    (void)state;
    assert_span_text(JSON(log_word("listen", "a"), log_number("n", 1), log_none(), log_word("listen", "b"),
                          log_word("listen", "c")),
                     JSON_HEAD ",\"listen\":[\"a\",\"b\",\"c\"],\"n\":1}\n");
}

static void assert_json(struct span value, const char *wanted)
{
    char line[512];
    snprintf(line, sizeof line, JSON_HEAD ",\"v\":\"%s\"}\n", wanted);
    assert_span_text(JSON(log_text("v", value)), line);
}

static void in_json_values_from_outside_cannot_forge_anything(void **state)
{
    (void)state;
    assert_json(SPAN("\",\"event\":\"ready"), "\\\",\\\"event\\\":\\\"ready");
    assert_json(SPAN("a\\\n\0\x1b\x7f"), "a\\\\\\u000a\\u0000\\u001b\\u007f");
    assert_json(SPAN("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "\\u00e4\\u20ac\\ud83d\\ude00");
    assert_json(SPAN("\xf4\x8f\xbf\xbf"), "\\udbff\\udfff");
}

static void in_json_what_is_no_utf_8_is_u_fffd_byte_by_byte(void **state)
{
    (void)state;
    assert_json(SPAN("a\xff\x80z"), "a\\ufffd\\ufffdz");
    assert_json(SPAN("\xc3"), "\\ufffd");                              /* it ends too early */
    assert_json(SPAN("\xe2\x82z"), "\\ufffd\\ufffdz");
    assert_json(SPAN("\xc0\xaf"), "\\ufffd\\ufffd");                   /* longer than it needs to be */
    assert_json(SPAN("\xe0\x80\xaf"), "\\ufffd\\ufffd\\ufffd");
    assert_json(SPAN("\xf0\x80\x80\xaf"), "\\ufffd\\ufffd\\ufffd\\ufffd");
    assert_json(SPAN("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");        /* half of a pair */
    assert_json(SPAN("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd"); /* beyond the last character */
}

static void in_json_a_long_value_is_cut_between_characters(void **state)
{
    (void)state;
    uint8_t value[LOG_VALUE_MAX + 8], wanted[LOG_LINE_MAX];
    memset(value, 'x', sizeof value);
    memcpy(value + LOG_VALUE_MAX - 1, "\xe2\x82\xac", 3);
    struct writer w = writer_over(wanted, sizeof wanted);
    writer_text(&w, JSON_HEAD ",\"v\":\"");
    writer_put(&w, span_of(value, LOG_VALUE_MAX - 1));
    writer_text(&w, "\\u20ac...\"}\n");
    assert_span_equal(JSON(log_text("v", span_of(value, sizeof value))), writer_span(&w));
}

static void in_json_a_line_keeps_to_its_limit_and_its_form(void **state)
{
    (void)state;
    uint8_t value[LOG_VALUE_MAX];
    memset(value, 0xff, sizeof value); /* six characters each once escaped */
    struct log_field fields[12];
    for (size_t i = 0; i < 12; i++)
        fields[i] = log_text(i < 2 ? "v" : "w", span_of(value, sizeof value));
    struct span line = json_of(fields, 12), end = SPAN("\\ufffd\"],\"cut\":\"yes\"}\n");
    assert_true(line.len <= LOG_LINE_MAX);
    assert_span_equal(span_part(line, line.len - end.len, end.len), end);
}

static void a_line_goes_out_in_one_write_from_its_level_on(void **state)
{
    (void)state;
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    struct log log = {.process = "store", .level = LOG_LEVEL_WARNING, .fd = fd[1]};
    LOG(&log, LOG_LEVEL_INFO, "unseen", log_none());
    LOG(&log, LOG_LEVEL_ERROR, "seen", log_number("n", 1));
    close(fd[1]);
    uint8_t got[LOG_LINE_MAX];
    ssize_t len = read(fd[0], got, sizeof got);
    assert_true(len > 0);
    struct span line = span_of(got, (size_t)len), end = SPAN("Z level=error process=store event=seen n=1\n");
    assert_true(span_starts(line, SPAN("time=20")));
    assert_span_equal(span_part(line, line.len - end.len, end.len), end);
    assert_int_equal(span_find(line, '\n'), line.len - 1);
    close(fd[0]);
}

static void lines_that_wait_leave_together_whole_and_in_their_order(void **state)
{
    (void)state;
    int fd[2];
    static struct log_lines lines;
    static uint8_t got[8 * LOG_LINE_MAX];
    size_t expected = 0, seen = 0;
    assert_int_equal(pipe2(fd, O_DIRECT | O_NONBLOCK), 0); /* each read gives what one write gave */
    struct log log = {.process = "net", .level = LOG_LEVEL_INFO, .fd = fd[1], .lines = &lines};
    LOG(&log, LOG_LEVEL_INFO, "waits", log_number("n", (int64_t)expected++));
    assert_int_equal(read(fd[0], got, sizeof got), -1);
    while (expected < 100) /* more than wait at once: then those that are there leave, and none is cut */
        LOG(&log, LOG_LEVEL_INFO, "waits", log_number("n", (int64_t)expected++));
    log_flush(&log);
    log_flush(&log); /* nothing is left */
    for (ssize_t len; (len = read(fd[0], got, sizeof got)) > 0;) {
        assert_true(len <= LOG_LINE_MAX && got[len - 1] == '\n');
        for (struct span rest = span_of(got, (size_t)len); rest.len; seen++) {
            char end[32];
            snprintf(end, sizeof end, " n=%zu", seen);
            size_t line = span_find(rest, '\n');
            assert_span_text(span_part(rest, line - strlen(end), strlen(end)), end);
            rest = span_part(rest, line + 1, rest.len);
        }
    }
    assert_int_equal(seen, expected);
    close(fd[0]);
    close(fd[1]);
}

static void levels_and_formats_have_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= LOG_LEVEL_ERROR; i++) {
        enum log_level level;
        assert_true(log_level_of(log_level_name((enum log_level)i), &level));
        assert_int_equal(level, i);
    }
    enum log_level level;
    assert_false(log_level_of("loud", &level));
    enum log_format format = LOG_FORMAT_TEXT;
    assert_true(log_format_of(log_format_name(LOG_FORMAT_JSON), &format) && format == LOG_FORMAT_JSON);
    assert_true(log_format_of(log_format_name(LOG_FORMAT_TEXT), &format) && format == LOG_FORMAT_TEXT);
    assert_false(log_format_of("xml", &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_when_how_grave_who_and_what),
        cmocka_unit_test(values_from_outside_cannot_forge_a_line_or_a_field),
        cmocka_unit_test(every_byte_stays_within_its_line_and_its_quotes),
        cmocka_unit_test(numbers_words_digests_and_addresses_are_shown),
        cmocka_unit_test(a_long_value_is_cut_and_says_so),
        cmocka_unit_test(a_line_is_never_longer_than_its_limit),
        cmocka_unit_test(in_json_a_line_is_an_object_with_the_same_names_and_values),
        cmocka_unit_test(in_json_a_key_that_comes_again_has_an_array_of_its_values),
        cmocka_unit_test(in_json_values_from_outside_cannot_forge_anything),
        cmocka_unit_test(in_json_what_is_no_utf_8_is_u_fffd_byte_by_byte),
        cmocka_unit_test(in_json_a_long_value_is_cut_between_characters),
        cmocka_unit_test(in_json_a_line_keeps_to_its_limit_and_its_form),
        cmocka_unit_test(a_line_goes_out_in_one_write_from_its_level_on),
        cmocka_unit_test(lines_that_wait_leave_together_whole_and_in_their_order),
        cmocka_unit_test(levels_and_formats_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
