#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "service/archive_db.h"
#include "service/store_db.h"

static const int64_t now = 1795438800;

static int set_up(void **state)
{
    struct scratch *s = calloc(1, sizeof *s);
    assert_non_null(s);
    scratch_make(s);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    scratch_remove(*state);
    free(*state);
    return 0;
}

static struct store_db *open_replay(void **state)
{
    struct store_db *db;
    assert_rule(store_db_open(scratch_path(*state, "replay.db"), &db), RULE_OK);
    return db;
}

static const uint8_t *key_of(uint32_t number)
{
    static uint8_t key[REPLAY_KEY_LEN];
    struct writer w = writer_over(key, sizeof key);
    writer_u32(&w, number);
    return key;
}

static void spend(struct store_db *db, uint32_t number, int64_t expires)
{
    assert_rule(store_db_begin(db), RULE_OK);
    assert_rule(replay_db_spend(db, key_of(number), expires), RULE_OK);
    assert_rule(store_db_commit(db), RULE_OK);
}

static bool is_spent(struct store_db *db, uint32_t number, int64_t at)
{
    bool spent;
    assert_rule(replay_db_check(db, key_of(number), at, &spent), RULE_OK);
    return spent;
}

/* protocol.md 2.1, Replay: kept until Date plus the window. */
static void a_key_is_spent_from_then_on_until_it_expires(void **state)
{
    struct store_db *db = open_replay(state);
    assert_false(is_spent(db, 1, now));
    spend(db, 1, now + 600);
    assert_true(is_spent(db, 1, now));
    assert_true(is_spent(db, 1, now + 600));
    assert_false(is_spent(db, 1, now + 601));
    assert_false(is_spent(db, 2, now));
    store_db_close(db);
    db = open_replay(state);
    assert_true(is_spent(db, 1, now));
    store_db_close(db);
}

static void a_key_is_spent_for_those_who_come_later_in_the_same_transaction(void **state)
{
    struct store_db *db = open_replay(state);
    assert_rule(store_db_begin(db), RULE_OK);
    assert_false(is_spent(db, 1, now));
    assert_rule(replay_db_spend(db, key_of(1), now + 600), RULE_OK);
    assert_true(is_spent(db, 1, now));
    store_db_rollback(db);
    assert_false(is_spent(db, 1, now));
    store_db_close(db);
}

static void spending_again_never_shortens_the_memory(void **state)
{
    struct store_db *db = open_replay(state);
    spend(db, 1, now + 600);
    spend(db, 1, now + 10);
    assert_true(is_spent(db, 1, now + 600));
    spend(db, 1, now + 900);
    assert_true(is_spent(db, 1, now + 900));
    store_db_close(db);
}

static void only_what_has_expired_is_forgotten_and_a_bounded_number_at_once(void **state)
{
    struct store_db *db = open_replay(state);
    assert_rule(store_db_begin(db), RULE_OK);
    for (uint32_t i = 0; i < REPLAY_EXPIRE_MAX + 5; i++)
        assert_rule(replay_db_spend(db, key_of(i), now), RULE_OK);
    assert_rule(replay_db_spend(db, key_of(UINT32_MAX), now + 1), RULE_OK);
    assert_rule(store_db_commit(db), RULE_OK);

    size_t left[3];
    for (int turn = 0; turn < 3; turn++) {
        assert_rule(store_db_begin(db), RULE_OK);
        assert_rule(replay_db_expire(db, turn ? now + 1 : now), RULE_OK);
        assert_rule(store_db_commit(db), RULE_OK);
        left[turn] = 0;
        for (uint32_t i = 0; i < REPLAY_EXPIRE_MAX + 5; i++)
            left[turn] += is_spent(db, i, now);
        assert_true(is_spent(db, UINT32_MAX, now + 1));
    }
    assert_int_equal(left[0], REPLAY_EXPIRE_MAX + 5);
    assert_int_equal(left[1], 5);
    assert_int_equal(left[2], 0);
    store_db_close(db);
}

static void without_its_file_nothing_is_called_unspent(void **state)
{
    struct store_db *db = open_replay(state);
    bool spent = false;
    char away[sizeof(struct scratch)];
    snprintf(away, sizeof away, "%s", scratch_path(*state, "away.db"));
    assert_int_equal(rename(scratch_path(*state, "replay.db"), away), 0);
    assert_rule(store_db_begin(db), RULE_STORE_GONE);
    assert_rule(replay_db_check(db, key_of(1), now, &spent), RULE_STORE_GONE);
    assert_true(spent);
    assert_rule(replay_db_spend(db, key_of(1), now), RULE_STORE_GONE);
    assert_rule(replay_db_expire(db, now), RULE_STORE_GONE);
    assert_rule(store_db_commit(db), RULE_STORE_GONE);
    store_db_close(db);
}

static void an_archive_is_no_replay_memory(void **state)
{
    struct archive_db *archive;
    struct store_db *db;
    assert_rule(archive_db_open(scratch_path(*state, "replay.db"), false, &archive), RULE_OK);
    archive_db_close(archive);
    assert_rule(store_db_open(scratch_path(*state, "replay.db"), &db), RULE_FILE_FORMAT);
    assert_null(db);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_key_is_spent_from_then_on_until_it_expires),
        CASE(a_key_is_spent_for_those_who_come_later_in_the_same_transaction),
        CASE(spending_again_never_shortens_the_memory),
        CASE(only_what_has_expired_is_forgotten_and_a_bounded_number_at_once),
        CASE(without_its_file_nothing_is_called_unspent),
        CASE(an_archive_is_no_replay_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
