#include "test.h"

#include <stdlib.h>

#include "proxy/shares.h"

enum { PEERS = 10, ROOM = 1000, SMALL = 1500, JOBS = 10000, STRANGERS = 10000,
       COST_MAX = SHARES_COST_FIXED + SIP_MESSAGE_MAX };

struct job {
    struct share_item item; /* first */
    uint64_t peer;
};

static struct shares *shares;
static size_t room_of_all; /* that may wait at once */

static int set_up(void **state)
{
    (void)state;
    room_of_all = ROOM;
    shares = shares_new();
    return shares ? 0 : -1;
}

static enum rule add(uint64_t peer, bool known, size_t bytes)
{
    struct job *job = calloc(1, sizeof *job);
    assert_non_null(job);
    job->peer = peer;
    const struct share_peer name = {.id = {{peer * UINT64_C(0x9e3779b97f4a7c15), peer}}, .known = known};
    enum rule rule = shares_add(shares, name, &job->item, bytes, room_of_all - shares_count(shares));
    if (rule != RULE_OK)
        free(job);
    return rule;
}

/* Adds until the line is full; how many it took. */
static size_t fill(uint64_t peer, bool known, size_t bytes)
{
    size_t count = 0;
    while (add(peer, known, bytes) == RULE_OK)
        count++;
    return count;
}

/* Serves the next one: whose it was; 0 when none waits. */
static uint64_t serve(void)
{
    struct job *job = (struct job *)shares_next(shares);
    uint64_t peer = job ? job->peer : 0;
    free(job);
    return peer;
}

static int tear_down(void **state)
{
    (void)state;
    while (serve())
        ;
    assert_int_equal(shares_count(shares), 0);
    assert_int_equal(shares_lines(shares), 0);
    shares_free(shares);
    return 0;
}

static void one_line_is_served_in_its_order_and_gets_everything(void **state)
{
    (void)state;
    struct share_item item[3] = {0};
    const struct share_peer peer = {.id = {{1, 1}}};
    for (size_t i = 0; i < 3; i++)
        assert_rule(shares_add(shares, peer, &item[i], i * SIP_MESSAGE_MAX / 2, ROOM), RULE_OK);
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(shares_next(shares), &item[i]);
    assert_null(shares_next(shares));
}

static void a_flood_from_one_of_ten_peers_leaves_the_other_nine_their_rate(void **state)
{
    (void)state;
    size_t served[PEERS + 1] = {0}, refused[PEERS + 1] = {0};
    /* For each job that a vault takes the flood brings twenty more, and one of the others in turn brings one: together
     * they want nine tenths of what there is. */
    for (size_t i = 0; i < JOBS; i++) {
        for (int j = 0; j < 20; j++)
            refused[1] += add(1, true, SMALL) != RULE_OK;
        uint64_t polite = 2 + i % PEERS;
        if (polite <= PEERS)
            refused[polite] += add(polite, true, SMALL) != RULE_OK;
        served[serve()]++;
    }
    for (uint64_t peer = 2; peer <= PEERS; peer++) {
        assert_int_equal(refused[peer], 0);
        assert_in_range(served[peer], JOBS / PEERS - 10, JOBS / PEERS);
    }
    assert_in_range(served[1], JOBS / PEERS, JOBS / PEERS + 9 * 10); /* what the others leave */
    assert_true(refused[1] > 0);
}

static void when_all_flood_all_get_the_same_whatever_the_size_of_their_messages(void **state)
{
    (void)state;
    uint64_t cost[PEERS + 1] = {0};
    for (size_t i = 0; i < JOBS; i++) {
        for (uint64_t peer = 1; peer <= PEERS; peer++)
            add(peer, true, peer * 12000);
        uint64_t peer = serve();
        cost[peer] += SHARES_COST_FIXED + peer * 12000;
    }
    for (uint64_t peer = 2; peer <= PEERS; peer++)
        assert_in_range(cost[peer], cost[1] - COST_MAX, cost[1] + COST_MAX);
}

static void ten_thousand_unknown_addresses_leave_a_known_peer_its_part(void **state)
{
    (void)state;
    size_t known = 0, refused = 0;
    uint64_t stranger = 1;
    for (size_t i = 0; i < JOBS; i++) {
        for (int j = 0; j < 20; j++)
            add(2 + stranger++ % STRANGERS, false, SMALL);
        if (i % 5 < 4)
            refused += add(1, true, SMALL) != RULE_OK; /* four fifths of what there is */
        known += serve() == 1;
    }
    assert_int_equal(refused, 0);
    assert_in_range(known, JOBS * 4 / 5 - 40, JOBS * 4 / 5);
    assert_true(shares_lines(shares) <= ROOM);
}

static void known_peers_that_flood_leave_the_unknown_theirs(void **state)
{
    (void)state;
    size_t unknown = 0;
    for (size_t i = 0; i < JOBS; i++) {
        add(1, true, SMALL);
        add(1, true, SMALL);
        add(2, false, SMALL);
        unknown += serve() == 2;
    }
    assert_in_range(unknown, JOBS / 5 - 40, JOBS / 5 + 40);
}

static void the_unknown_get_everything_while_nobody_else_asks(void **state)
{
    (void)state;
    for (size_t i = 0; i < JOBS; i++) {
        assert_rule(add(1 + i % 100, false, SMALL), RULE_OK);
        assert_int_equal(serve(), 1 + i % 100);
    }
}

static void an_unknown_address_that_floods_leaves_another_its_turns(void **state)
{
    (void)state;
    size_t polite = 0, refused = 0;
    for (size_t i = 0; i < JOBS; i++) {
        for (int j = 0; j < 20; j++)
            add(1, false, SIP_MESSAGE_MAX);
        if (i % 3 == 0)
            refused += add(2, false, SMALL) != RULE_OK;
        polite += serve() == 2;
    }
    assert_int_equal(refused, 0);
    assert_in_range(polite, JOBS / 3 - 10, JOBS / 3 + 1);
}

static void a_full_line_refuses_its_own_peer_alone(void **state)
{
    (void)state;
    size_t first = fill(1, true, SMALL);
    assert_in_range(first, ROOM * 2 / 3, ROOM * 2 / 3 + 1);
    assert_rule(add(1, true, SMALL), RULE_OVERLOAD);
    assert_rule(add(2, true, SMALL), RULE_OK);
    assert_rule(add(3, false, SMALL), RULE_OK);
    size_t second = fill(2, true, SMALL);
    assert_true(second > (ROOM - first) / 2);
    assert_rule(add(4, true, SMALL), RULE_OK);
    assert_rule(add(5, false, SMALL), RULE_OK);
}

static void all_unknown_together_fill_no_more_than_one_known_peer(void **state)
{
    (void)state;
    size_t taken = 0;
    for (uint64_t peer = 1; peer <= STRANGERS; peer++)
        taken += add(peer, false, SMALL) == RULE_OK;
    assert_in_range(taken, ROOM * 2 / 3 - 1, ROOM * 2 / 3 + 1);
    assert_int_equal(shares_lines(shares), taken);
    assert_rule(add(1, true, SMALL), RULE_OK);
}

static void without_room_nobody_waits(void **state)
{
    (void)state;
    room_of_all = 0;
    assert_rule(add(1, true, SMALL), RULE_OVERLOAD);
    assert_rule(add(1, false, SMALL), RULE_OVERLOAD);
    room_of_all = 1;
    assert_rule(add(1, false, SMALL), RULE_OK);
    assert_rule(add(2, true, SMALL), RULE_OVERLOAD);
}

static void who_waits_no_more_can_leave_from_anywhere(void **state)
{
    (void)state;
    struct share_item item[6] = {0};
    for (uint64_t i = 0; i < 6; i++) {
        const struct share_peer peer = {.id = {{i / 2, i / 2}}, .known = i < 2};
        assert_rule(shares_add(shares, peer, &item[i], SMALL, ROOM), RULE_OK);
    }
    assert_int_equal(shares_lines(shares), 3);
    for (size_t i = 0; i < 5; i++)
        shares_remove(shares, &item[i]);
    shares_remove(shares, &item[0]); /* again: nothing happens */
    assert_int_equal(shares_lines(shares), 1);
    assert_ptr_equal(shares_next(shares), &item[5]);
}

/* The same number means another peer when it is known. */
static void nobody_unknown_gets_into_the_line_of_a_known_peer(void **state)
{
    (void)state;
    assert_rule(add(1, true, SMALL), RULE_OK);
    assert_rule(add(1, false, SMALL), RULE_OK);
    assert_int_equal(shares_lines(shares), 2);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(one_line_is_served_in_its_order_and_gets_everything),
        CASE(a_flood_from_one_of_ten_peers_leaves_the_other_nine_their_rate),
        CASE(when_all_flood_all_get_the_same_whatever_the_size_of_their_messages),
        CASE(ten_thousand_unknown_addresses_leave_a_known_peer_its_part),
        CASE(known_peers_that_flood_leave_the_unknown_theirs),
        CASE(the_unknown_get_everything_while_nobody_else_asks),
        CASE(an_unknown_address_that_floods_leaves_another_its_turns),
        CASE(a_full_line_refuses_its_own_peer_alone),
        CASE(all_unknown_together_fill_no_more_than_one_known_peer),
        CASE(without_room_nobody_waits),
        CASE(who_waits_no_more_can_leave_from_anywhere),
        CASE(nobody_unknown_gets_into_the_line_of_a_known_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
