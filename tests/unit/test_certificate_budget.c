#include "test.h"

#include "daemon/certificate_budget.h"

enum { RATE = 50, BURST = 200, SECOND = 1000 };

static struct certificate_budget budget;

static int set_up(void **state)
{
    (void)state;
    certificate_budget_open(&budget, RATE, BURST);
    return 0;
}

static struct budget_peer proven(uint64_t id)
{
    return (struct budget_peer){id, true};
}

static struct budget_peer stranger(uint64_t id)
{
    return (struct budget_peer){id, false};
}

/* Tries to draw so many, one at a time, and tells how many it got. */
static uint32_t draw(struct budget_peer peer, uint32_t wanted, uint64_t clock)
{
    uint32_t got = 0;
    while (got < wanted && certificate_budget_left(&budget, peer, clock) > 0) {
        certificate_budget_take(&budget, peer, 1);
        got++;
    }
    return got;
}

static void one_who_floods_gets_half_of_the_burst_and_then_the_rate(void **state)
{
    (void)state;
    assert_int_equal(draw(proven(1), 1000, 0), BURST / 2);
    assert_int_equal(draw(proven(1), 1000, 0), 0);
    assert_int_equal(draw(proven(1), 1000, 10 * SECOND), BURST / 2); /* full again: no more than the burst */
    uint32_t got = 0;
    for (uint64_t at = 10 * SECOND; at <= 20 * SECOND; at += 7)
        got += draw(proven(1), 1000, at);
    assert_in_range(got, 10 * RATE - 1, 10 * RATE);
}

static void what_is_left_is_told_at_once_and_is_what_can_be_drawn_one_by_one(void **state)
{
    (void)state;
    for (uint64_t id = 1; id < 8; id++) {
        struct certificate_budget before = budget;
        uint32_t told = certificate_budget_left(&budget, proven(id), 0);
        assert_int_equal(draw(proven(id), 1000, 0), told);
        budget = before;
        told = certificate_budget_left(&budget, stranger(id), 0);
        assert_int_equal(draw(stranger(id), 1000, 0), told);
        budget = before;
        draw(id % 2 ? proven(id) : stranger(id), 5, 0);
    }
}

static void a_flood_by_one_peer_leaves_the_others_what_they_need(void **state)
{
    (void)state;
    uint32_t got = 0, flood = 0;
    for (uint64_t at = 0; at < 20 * SECOND; at += 10) {
        flood += draw(proven(1), 100, at);
        for (uint64_t id = 2; id <= 10 && at % SECOND == 0; id++)
            got += draw(proven(id), 4, at); /* nine others, four new certificates a second each: 36 of the 50 */
    }
    assert_int_equal(got, 20 * 9 * 4);
    assert_in_range(flood, 20 * (RATE - 36), 20 * (RATE - 36) + BURST); /* and the flood gets what they leave */
}

static void strangers_together_are_one_peer_whatever_they_call_themselves(void **state)
{
    (void)state;
    uint32_t got = 0, flood = 0;
    uint64_t id = 0;
    for (uint64_t at = 0; at < 20 * SECOND; at += 10) {
        for (int i = 0; i < 100; i++)
            flood += draw(stranger(++id), 9, at); /* each from an address of its own */
        if (at % SECOND == 0)
            got += draw(proven(1), 24, at); /* nearly half of the rate */
    }
    assert_int_equal(got, 20 * 24);
    assert_true(flood > 20 * (RATE - 24) / 2);
}

static void among_strangers_one_who_floods_leaves_something_to_another(void **state)
{
    (void)state;
    draw(stranger(1), 1000, 0);
    uint32_t got = 0;
    for (uint64_t at = 0; at < 20 * SECOND; at += 10) {
        draw(stranger(1), 100, at);
        if (at % SECOND == 0)
            got += draw(stranger(2), 9, at);
    }
    assert_int_equal(got, 20 * 9);
}

static void each_newcomer_to_a_flood_may_draw_half_of_what_is_left(void **state)
{
    (void)state;
    for (uint64_t id = 1; budget.left > 0; id++) {
        uint32_t left = budget.left;
        assert_int_equal(draw(proven(id), 1000, 0), (left + 1) / 2);
    }
}

static void more_peers_than_are_told_apart_share_an_account_and_the_sum_stays(void **state)
{
    (void)state;
    certificate_budget_open(&budget, RATE, 100000);
    for (uint64_t id = 1; id <= 2 * BUDGET_PEERS_MAX; id++) {
        assert_int_equal(draw(proven(id), 2, 0), 2);
        assert_int_equal(draw(stranger(id), 2, 0), 2);
    }
    assert_int_equal(budget.proven.count, BUDGET_PEERS_MAX);
    assert_int_equal(budget.left + budget.proven.owed + budget.rest.owed, 100000);
    uint64_t hour = 3600 * SECOND;
    certificate_budget_left(&budget, proven(1), hour);
    assert_int_equal(budget.left, 100000);
    assert_int_equal(budget.proven.count + budget.rest.count, 0);
}

static void a_clock_that_stands_or_goes_back_gives_nothing(void **state)
{
    (void)state;
    draw(proven(1), 1000, 5000);
    assert_int_equal(draw(proven(1), 1000, 5000), 0);
    assert_int_equal(draw(proven(1), 1000, 10), 0);
    assert_int_equal(draw(proven(1), 1000, 5000), 0);
    assert_int_equal(draw(proven(1), 1000, 5000 + 2 * SECOND / RATE), 2);
}

static void what_is_drawn_without_asking_is_never_more_than_there_is(void **state)
{
    (void)state;
    certificate_budget_take(&budget, proven(1), UINT32_MAX);
    assert_int_equal(budget.left, 0);
    assert_int_equal(budget.proven.owed, BURST);
    assert_int_equal(certificate_budget_left(&budget, proven(2), UINT64_MAX / 2), BURST / 2);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup(f, set_up)
    const struct CMUnitTest tests[] = {
        CASE(one_who_floods_gets_half_of_the_burst_and_then_the_rate),
        CASE(what_is_left_is_told_at_once_and_is_what_can_be_drawn_one_by_one),
        CASE(a_flood_by_one_peer_leaves_the_others_what_they_need),
        CASE(strangers_together_are_one_peer_whatever_they_call_themselves),
        CASE(among_strangers_one_who_floods_leaves_something_to_another),
        CASE(each_newcomer_to_a_flood_may_draw_half_of_what_is_left),
        CASE(more_peers_than_are_told_apart_share_an_account_and_the_sum_stays),
        CASE(a_clock_that_stands_or_goes_back_gives_nothing),
        CASE(what_is_drawn_without_asking_is_never_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
