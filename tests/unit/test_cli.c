/* The command line's arguments, what it prints of strangers, its files and its addresses. */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/net_address.h"
#include "scratch.h"

static const struct option common[] = {
    {.name = "quiet", .letter = 'q', .help = ""},
    {.name = "verbose", .letter = 'v', .help = ""},
};
static const struct option own[] = {
    {.letter = 'o', .value = "DIR", .help = ""},
    {.name = "days", .value = "N", .help = ""},
    {.name = "middle", .value = "HOST", .help = "", .many = true},
};
static const struct option_table more = {common, 2, NULL};
static const struct option_table table = {own, 3, &more};

static bool parse(struct arguments *out, char *error, int count, const char *const *words)
{
    return arguments_parse(&table, count, (char *const *)(uintptr_t)words, out, error);
}
#define PARSE(out, error, ...)                                                                                         \
    parse(out, error, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__})

static void options_and_operands_stand_in_any_order_and_form(void **state)
{
    (void)state;
    struct arguments a;
    char error[ARGUMENTS_ERROR_MAX];
    assert_true(PARSE(&a, error, "one", "-qv", "--middle", "h1", "-oDIR", "--middle=h2", "-", "--", "--days", "-x"));
    assert_true(arguments_has(&a, "quiet") && arguments_has(&a, "verbose"));
    assert_string_equal(arguments_value(&a, "o"), "DIR");
    assert_string_equal(arguments_value_at(&a, "middle", 0), "h1");
    assert_string_equal(arguments_value_at(&a, "middle", 1), "h2");
    assert_null(arguments_value_at(&a, "middle", 2));
    assert_null(arguments_value(&a, "days"));
    assert_int_equal(a.operand_count, 4);
    assert_string_equal(a.operand[1], "-");
    assert_string_equal(a.operand[3], "-x");
}

static void a_command_line_that_is_not_clear_is_refused(void **state)
{
    (void)state;
    struct arguments a;
    char error[ARGUMENTS_ERROR_MAX];
    assert_false(PARSE(&a, error, "--day", "1"));           /* no abbreviations */
    assert_false(PARSE(&a, error, "--nothing"));
    assert_false(PARSE(&a, error, "-z"));
    assert_false(PARSE(&a, error, "--days"));               /* the value is missing */
    assert_false(PARSE(&a, error, "-o"));
    assert_false(PARSE(&a, error, "--quiet=yes"));
    assert_false(PARSE(&a, error, "--days", "1", "--days=2")); /* which of the two? */
    assert_true(strchr(error, ';') != NULL);                /* what; what to do */
    assert_true(PARSE(&a, error, "-q", "-q"));
    assert_true(PARSE(&a, error, "--days="));
    assert_string_equal(arguments_value(&a, "days"), "");
}

static void numbers_are_within_their_bounds_or_refused(void **state)
{
    (void)state;
    struct arguments a;
    char error[ARGUMENTS_ERROR_MAX];
    uint32_t n;
    assert_true(PARSE(&a, error, "x"));
    assert_true(arguments_number(&a, "days", 1, 10, 7, &n, error));
    assert_int_equal(n, 7);
    assert_true(PARSE(&a, error, "--days", "10"));
    assert_true(arguments_number(&a, "days", 1, 10, 7, &n, error));
    assert_int_equal(n, 10);
    static const char *const bad[] = {"0", "11", "-1", "1d", "", "99999999999", " 1", "0x5"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char word[32];
        snprintf(word, sizeof word, "--days=%s", bad[i]);
        const char *words[] = {word};
        assert_true(parse(&a, error, 1, words));
        assert_false(arguments_number(&a, "days", 1, 10, 7, &n, error));
    }
}

static void more_than_fits_is_refused(void **state)
{
    (void)state;
    struct arguments a;
    char error[ARGUMENTS_ERROR_MAX];
    const char *words[ARGUMENTS_OPERANDS_MAX + 1];
    for (size_t i = 0; i <= ARGUMENTS_OPERANDS_MAX; i++)
        words[i] = "x";
    assert_true(parse(&a, error, ARGUMENTS_OPERANDS_MAX, words));
    assert_false(parse(&a, error, ARGUMENTS_OPERANDS_MAX + 1, words));
    for (size_t i = 0; i <= ARGUMENTS_OPTIONS_MAX; i++)
        words[i] = "-q";
    assert_true(parse(&a, error, ARGUMENTS_OPTIONS_MAX, words));
    assert_false(parse(&a, error, ARGUMENTS_OPTIONS_MAX + 1, words));
}

static void nothing_a_stranger_wrote_controls_the_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain text", "plain text"},
        {"Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x94\x92", "Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x94\x92"},
        {"\x1b[31mred", "\\x1b[31mred"},
        {"a\r\nb\tc\x7f", "a\\x0d\\x0ab\\x09c\\x7f"},
        {"\xc2\x9b" "1m", "\\xc2\\x9b" "1m"},           /* CSI as one character */
        {"\xe2\x80\xae" "x", "\\xe2\\x80\\xae" "x"},    /* right to left from here */
        {"\xc0\xaf", "\\xc0\\xaf"},                     /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},            /* surrogate */
        {"\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},   /* past the last */
        {"\xe2\x82", "\\xe2\\x82"},                     /* cut off */
        {"\xff", "\\xff"},
    };
    char out[128];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(cli_shown(span_text(cases[i].in), out, sizeof out), cases[i].out);
    char small[4];
    assert_string_equal(cli_shown(SPAN("abcdef"), small, sizeof small), "abc");
    assert_string_equal(cli_shown(SPAN("ab\x1b" "c"), small, sizeof small), "ab"); /* no half escape */
}

static void json_is_valid_whatever_bytes_came(void **state)
{
    (void)state;
    json_t *text = cli_json_text(SPAN("ok \xff\xc3\xbc \x1b"));
    assert_string_equal(json_string_value(text), "ok \xef\xbf\xbd\xc3\xbc \x1b");
    json_decref(text);
    text = cli_json_text(SPAN("a\0b"));
    assert_int_equal(json_string_length(text), 3);
    json_decref(text);
    text = cli_json_time(1795438800);
    assert_string_equal(json_string_value(text), "2026-11-23T13:00:00Z");
    json_decref(text);
}

/* --- files --- */

static int open_scratch(void **state)
{
    struct scratch *scratch = calloc(1, sizeof *scratch);
    if (!scratch)
        return -1;
    scratch_make(scratch);
    *state = scratch;
    return 0;
}

static int close_scratch(void **state)
{
    scratch_remove(*state);
    free(*state);
    return 0;
}

static const char *folder_of(void **state)
{
    return ((struct scratch *)*state)->folder;
}

static void a_file_is_written_whole_with_its_mode_and_replaced_only_when_told(void **state)
{
    char path[PATH_MAX];
    struct file_bytes file;
    struct stat about;
    assert_true(file_path(path, folder_of(state), SPAN("a"), ".key"));
    assert_int_equal(file_write(path, SPAN("one"), FILES_SECRET_MODE, false), FILE_DONE);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(file_write(path, SPAN("two"), FILES_SECRET_MODE, false), FILE_EXISTS);
    assert_int_equal(file_read(path, 10, true, &file), FILE_DONE);
    assert_span_text(file_span(&file), "one");
    file_clear(&file);
    assert_int_equal(file_write(path, SPAN("three"), FILES_PUBLIC_MODE, true), FILE_DONE);
    assert_int_equal(file_read(path, 10, false, &file), FILE_DONE);
    assert_span_text(file_span(&file), "three");
    file_clear(&file);
    assert_int_equal(file_read(path, 4, false, &file), FILE_TOO_LARGE);
    assert_null(file.at);
}

static void a_secret_that_others_can_read_is_refused(void **state)
{
    static const mode_t exposed[] = {0640, 0604, 0620, 0601};
    char path[PATH_MAX];
    struct file_bytes file;
    assert_true(file_path(path, folder_of(state), SPAN("exposed"), ".key"));
    assert_int_equal(file_write(path, SPAN("secret"), FILES_SECRET_MODE, false), FILE_DONE);
    for (size_t i = 0; i < sizeof exposed / sizeof exposed[0]; i++) {
        assert_int_equal(chmod(path, exposed[i]), 0);
        assert_int_equal(file_read(path, 10, true, &file), FILE_EXPOSED);
        assert_null(file.at);
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(file_read(path, 10, true, &file), FILE_DONE);
    file_clear(&file);
}

static void folders_are_made_for_their_owner_alone(void **state)
{
    char path[PATH_MAX];
    struct stat about;
    struct file_bytes file;
    assert_true(file_path(path, folder_of(state), SPAN("x/y/z"), ""));
    assert_int_equal(folder_make(path), FILE_DONE);
    assert_int_equal(folder_make(path), FILE_DONE);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    assert_int_equal(file_read(path, 10, false, &file), FILE_NOT_REGULAR);
    strcat(path, "/none");
    assert_int_equal(file_read(path, 10, false, &file), FILE_ABSENT);
    assert_int_equal(file_write(path, SPAN("x"), 0644, false), FILE_DONE);
    assert_int_equal(folder_make(path), FILE_FAILED);
    assert_int_equal(errno, ENOTDIR);
}

/* --- addresses --- */

static void addresses_are_read_as_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"127.0.0.1:5070", "127.0.0.1:5070"}, {"127.0.0.1", "127.0.0.1:5060"}, {"[::1]:0", "[::1]:0"},
        {"::1", "[::1]:5060"},                {"[2001:db8::2]", "[2001:db8::2]:5060"},
        {"[::ffff:192.0.2.1]:7", "192.0.2.1:7"},
    };
    struct net_place place;
    char text[NET_ADDRESS_TEXT_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(net_place_of_text(span_text(cases[i].in), 5060, &place));
        assert_string_equal(net_place_text(&place, text), cases[i].out);
    }
    static const char *const bad[] = {"", ":5060", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "[::1", "[::1]x",
                                      "host.example:5060", "127.0.0.1:5060:1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (net_place_of_text(span_text(bad[i]), 5060, &place))
            fail_msg("\"%s\" was taken", bad[i]);
    assert_true(net_place_of_text(SPAN("0.0.0.0"), 0, &place) && net_is_wildcard(&place));
    assert_true(net_place_of_text(SPAN("[::]:1"), 0, &place) && net_is_wildcard(&place));
}

static void a_uri_says_transport_host_and_port(void **state)
{
    (void)state;
    struct net_place place;
    const char *problem;
    char text[NET_ADDRESS_TEXT_MAX];
    assert_true(net_place_of_uri(SPAN("sip:127.0.0.1:5070;transport=tcp"), &place, &problem));
    assert_int_equal(place.transport, SIP_TCP);
    assert_string_equal(net_place_text(&place, text), "127.0.0.1:5070");
    assert_true(net_place_of_uri(SPAN("sip:bob@[::1]"), &place, &problem));
    assert_int_equal(place.transport, SIP_TRANSPORT_NONE);
    assert_string_equal(net_place_text(&place, text), "[::1]:5060");
    assert_true(net_place_of_uri(SPAN("sip:127.0.0.1;transport=tls"), &place, &problem));
    assert_int_equal(place.transport, SIP_TLS);
    assert_string_equal(net_place_text(&place, text), "127.0.0.1:5061");
    assert_string_equal(place.host, "127.0.0.1");
    assert_true(net_place_of_uri(SPAN("sip:127.0.0.1:5061"), &place, &problem));
    assert_int_equal(place.transport, SIP_TLS); /* its own port means it */
    assert_true(net_place_of_uri(SPAN("sip:127.0.0.1:5061;transport=tcp"), &place, &problem));
    assert_int_equal(place.transport, SIP_TCP);
    static const char *const bad[] = {"", "127.0.0.1", "tel:+49", "sips:127.0.0.1", "sip:127.0.0.1;transport=ws",
                                      "sip:127.0.0.1:99999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (net_place_of_uri(span_text(bad[i]), &place, &problem))
            fail_msg("\"%s\" was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_operands_stand_in_any_order_and_form),
        cmocka_unit_test(a_command_line_that_is_not_clear_is_refused),
        cmocka_unit_test(numbers_are_within_their_bounds_or_refused),
        cmocka_unit_test(more_than_fits_is_refused),
        cmocka_unit_test(nothing_a_stranger_wrote_controls_the_terminal),
        cmocka_unit_test(json_is_valid_whatever_bytes_came),
        cmocka_unit_test_setup_teardown(a_file_is_written_whole_with_its_mode_and_replaced_only_when_told, open_scratch,
                                        close_scratch),
        cmocka_unit_test_setup_teardown(a_secret_that_others_can_read_is_refused, open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(folders_are_made_for_their_owner_alone, open_scratch, close_scratch),
        cmocka_unit_test(addresses_are_read_as_they_are_written),
        cmocka_unit_test(a_uri_says_transport_host_and_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
