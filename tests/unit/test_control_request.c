/* The question on the control socket: read whole, and nothing else is one. */
#include "test.h"

#include <stdlib.h>

#include "daemon/control_request.h"

static bool reads(struct span line, enum control_command *command)
{
    uint8_t *copy = malloc(line.len + 1); /* of the right size, so that a sanitizer sees what is read behind it */
    assert_non_null(copy);
    memcpy(copy, line.at, line.len);
    bool read = control_request_read(span_of(copy, line.len), command);
    free(copy);
    return read;
}

static void each_command_is_read_by_its_name(void **state)
{
    (void)state;
    enum control_command command;
    assert_true(reads(SPAN("{\"command\":\"status\"}"), &command));
    assert_int_equal(command, CONTROL_STATUS);
    assert_true(reads(SPAN("{\"command\":\"reload\"}"), &command));
    assert_int_equal(command, CONTROL_RELOAD);
    assert_true(reads(SPAN(" {\t\"command\" : \"counters\" } \r"), &command));
    assert_int_equal(command, CONTROL_COUNTERS);
    assert_string_equal(control_command_name(CONTROL_COUNTERS), "counters");
    assert_null(control_command_name(CONTROL_UNKNOWN));
}

static void a_word_that_is_no_command_is_unknown(void **state)
{
    (void)state;
    enum control_command command = CONTROL_STATUS;
    assert_true(reads(SPAN("{\"command\":\"stat\"}"), &command));
    assert_int_equal(command, CONTROL_UNKNOWN);
    assert_true(reads(SPAN("{\"command\":\"statuss\"}"), &command));
    assert_int_equal(command, CONTROL_UNKNOWN);
}

static void what_is_more_or_less_than_a_question_is_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "{", "{}", "status", "\"status\"", "{\"command\"}", "{\"command\":}", "{\"command\":status}",
        "{\"command\":\"status\"", "{\"command\":\"status}", "{\"command\":\"\"}", "{\"Command\":\"status\"}",
        "{\"command\":\"status\"}{", "{\"command\":\"status\"} x", "{\"command\":\"status\",\"x\":1}",
        "{\"command\":\"sta\\u0074us\"}", "{\"command\":\"STATUS\"}", "{\"command\":[\"status\"]}",
        "x{\"command\":\"status\"}",
    };
    enum control_command command;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(reads(span_text(wrong[i]), &command));
    assert_false(reads(SPAN("{\"command\":\"status\"}\0"), &command));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_command_is_read_by_its_name),
        cmocka_unit_test(a_word_that_is_no_command_is_unknown),
        cmocka_unit_test(what_is_more_or_less_than_a_question_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
