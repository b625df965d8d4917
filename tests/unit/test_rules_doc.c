/* docs/rules.md says of every rule what it means. RULES_DOC is its path, unless SIPSEAL_SOURCE says where the tree is
 * now (tests/run). An entry is
 *
 *   ### `name` (status)
 *   *sentence*
 *
 *   What to do about it.
 */
#include "test.h"

#include <stdlib.h>

static char text[256 * 1024];
static struct span page;

static int read_page(void **state)
{
    (void)state;
    char path[4096];
    const char *tree = getenv("SIPSEAL_SOURCE");
    snprintf(path, sizeof path, "%s%s", tree ? tree : RULES_DOC, tree ? "/docs/rules.md" : "");
    FILE *file = fopen(path, "rb");
    if (!file)
        return -1;
    size_t len = fread(text, 1, sizeof text, file);
    fclose(file);
    page = span_of(text, len);
    return len > 0 && len < sizeof text ? 0 : -1;
}

static void write_heading(struct writer *w, enum rule rule)
{
    writer_text(w, "\n### `");
    writer_text(w, rule_name(rule));
    writer_text(w, "` (");
    if (rule_status(rule))
        writer_decimal(w, (uint64_t)rule_status(rule));
    else
        writer_text(w, "no response");
    writer_text(w, ")\n*");
    writer_text(w, rule_sentence(rule));
    writer_text(w, "*\n\n");
}

/* What follows the heading, up to the next one; empty when the heading is not there. */
static struct span advice_on(enum rule rule)
{
    char heading[512];
    struct writer w = writer_over(heading, sizeof heading);
    write_heading(&w, rule);
    assert_false(w.full);
    struct span rest = span_part(page, span_find_span(page, writer_span(&w)) + w.len, page.len);
    return span_trim(span_part(rest, 0, span_find_span(rest, SPAN("\n#"))));
}

static void every_rule_is_documented_with_its_status_its_sentence_and_advice(void **state)
{
    (void)state;
    size_t missing = 0;
    for (int i = 0; i < RULE_COUNT; i++) {
        if (advice_on((enum rule)i).len >= 20)
            continue;
        missing++;
        print_error("%s (%d): \"%s\" has no entry, or one without advice\n", rule_name((enum rule)i),
                    rule_status((enum rule)i), rule_sentence((enum rule)i));
    }
    assert_int_equal(missing, 0);
}

static bool is_rule(struct span name)
{
    for (int i = 0; i < RULE_COUNT; i++)
        if (span_equal(name, span_text(rule_name((enum rule)i))))
            return true;
    return false;
}

static void every_documented_rule_exists_and_stands_once(void **state)
{
    (void)state;
    const struct span mark = SPAN("\n### ");
    struct span rest = page;
    size_t entries = 0;
    for (size_t at; (at = span_find_span(rest, mark)) < rest.len; entries++) {
        rest = span_part(rest, at + mark.len, rest.len);
        struct span name = span_part(rest, 1, span_find(span_part(rest, 1, rest.len), '`'));
        if (rest.at[0] != '`' || !is_rule(name))
            fail_msg("there is no rule \"%.*s\"", SPAN_ARGS(span_part(rest, 0, span_find(rest, '\n'))));
    }
    assert_int_equal(entries, RULE_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_is_documented_with_its_status_its_sentence_and_advice),
        cmocka_unit_test(every_documented_rule_exists_and_stands_once),
    };
    return cmocka_run_group_tests(tests, read_page, NULL);
}
