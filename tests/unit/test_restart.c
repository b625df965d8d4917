#include "test.h"

#include "daemon/restart.h"

static void the_first_deaths_are_followed_by_a_start_at_once_and_later_ones_by_longer_waits(void **state)
{
    (void)state;
    static const int64_t wanted[] = {0, 0, 0, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    struct restart r = {0};
    int64_t now = 1;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        restart_note_ready(&r, now);
        now += RESTART_STABLE_MS - 1;
        assert_int_equal(restart_note_death(&r, now), wanted[i]);
    }
}

static void who_worked_for_long_begins_anew(void **state)
{
    (void)state;
    struct restart r = {0};
    for (int i = 0; i < 8; i++) {
        restart_note_ready(&r, 0);
        restart_note_death(&r, 1);
    }
    restart_note_ready(&r, 100);
    assert_int_equal(restart_note_death(&r, 100 + RESTART_STABLE_MS), 0);
    assert_int_equal(r.deaths, 1);
}

static void who_is_never_ready_is_given_up(void **state)
{
    (void)state;
    struct restart r = {0};
    for (int i = 0; i < RESTART_EARLY_MAX; i++)
        assert_true(restart_note_death(&r, i) >= 0);
    assert_int_equal(restart_note_death(&r, RESTART_EARLY_MAX), -1);
}

static void who_was_ready_in_between_is_not_given_up(void **state)
{
    (void)state;
    struct restart r = {0};
    for (int i = 0; i < 50; i++) {
        if (i % RESTART_EARLY_MAX == 0)
            restart_note_ready(&r, i);
        assert_true(restart_note_death(&r, i) >= 0);
    }
}

static void many_deaths_do_not_overflow_the_wait(void **state)
{
    (void)state;
    struct restart r = {.deaths = UINT32_MAX - 1};
    restart_note_ready(&r, 0);
    assert_int_equal(restart_note_death(&r, 0), RESTART_LONGEST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_deaths_are_followed_by_a_start_at_once_and_later_ones_by_longer_waits),
        cmocka_unit_test(who_worked_for_long_begins_anew),
        cmocka_unit_test(who_is_never_ready_is_given_up),
        cmocka_unit_test(who_was_ready_in_between_is_not_given_up),
        cmocka_unit_test(many_deaths_do_not_overflow_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
