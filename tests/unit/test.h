/* What every file of unit tests begins with: cmocka in the order that it wants, and comparisons of spans. */
#ifndef SIPSEAL_TESTS_UNIT_TEST_H
#define SIPSEAL_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

#define assert_span_equal(a, b)                                                                                        \
    do {                                                                                                               \
        struct span span_a_ = (a), span_b_ = (b);                                                                      \
        assert_int_equal(span_a_.len, span_b_.len);                                                                    \
        if (span_a_.len)                                                                                               \
            assert_memory_equal(span_a_.at, span_b_.at, span_a_.len);                                                  \
    } while (0)
#define assert_span_text(a, text) assert_span_equal(a, span_text(text))
/* Names the rule in the failure. */
#define assert_rule(got, wanted) assert_string_equal(rule_name(got), rule_name(wanted))

#endif
