#include "test.h"

#include <stdlib.h>

#include "daemon/store_batch.h"
#include "scratch.h"

static const int64_t now = 1795438800;

struct fixture {
    struct scratch scratch;
    struct archive_db *archive;
    struct store_db *store;
    struct store_batch batch;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    scratch_make(&f->scratch);
    assert_rule(archive_db_open(scratch_path(&f->scratch, "archive.db"), false, &f->archive), RULE_OK);
    assert_rule(store_db_open(scratch_path(&f->scratch, "replay.db"), &f->store), RULE_OK);
    assert_true(store_batch_open(&f->batch, f->archive, f->store));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    store_batch_close(&f->batch);
    archive_db_close(f->archive);
    store_db_close(f->store);
    scratch_remove(&f->scratch);
    free(f);
    return 0;
}

static void move(struct fixture *f, const char *from, const char *to)
{
    char source[sizeof f->scratch.path];
    snprintf(source, sizeof source, "%s", scratch_path(&f->scratch, from));
    assert_int_equal(rename(source, scratch_path(&f->scratch, to)), 0);
}

static void complete(struct fixture *f, uint32_t key, uint32_t status, int64_t at)
{
    struct ipc_complete c = {.now = at, .status = status, .replay_count = 1};
    struct writer w = writer_over(c.replay[0].key, sizeof c.replay[0].key);
    writer_u32(&w, key);
    c.replay[0].expires = now + 600;
    store_batch_complete(&f->batch, &c);
}

static void admit(struct fixture *f, uint32_t key, int64_t at)
{
    struct ipc_admit a = {.now = at, .replay_count = 1};
    struct writer w = writer_over(a.replay[0].key, sizeof a.replay[0].key);
    writer_u32(&w, key);
    store_batch_admit(&f->batch, key, &a);
}

/* A batch that only asks for one key. */
static enum rule ask(struct fixture *f, uint32_t key, int64_t at)
{
    store_batch_begin(&f->batch);
    admit(f, key, at);
    store_batch_commit(&f->batch);
    assert_int_equal(f->batch.answer_count, 1);
    assert_int_equal(f->batch.answer[0].job, key);
    return f->batch.answer[0].admitted.rule;
}

static void what_cannot_be_kept_waits_and_nothing_passes_until_it_is_kept(void **state)
{
    struct fixture *f = *state;
    move(f, "replay.db", "away.db");
    for (uint32_t batch = 0; batch < 3; batch++) {
        store_batch_begin(&f->batch);
        complete(f, batch, 200, now);
        store_batch_commit(&f->batch);
        assert_int_equal(f->batch.pending_count, batch + 1);
        assert_rule(ask(f, 77, now), RULE_STORE_GONE);
    }
    move(f, "away.db", "replay.db");
    assert_rule(ask(f, 77, now), RULE_OK); /* what waited went first */
    assert_int_equal(f->batch.pending_count, 0);
    for (uint32_t key = 0; key < 3; key++)
        assert_rule(ask(f, key, now), RULE_REPLAY);
}

/* What another message of the batch spent is perhaps not kept: then no answer of the batch can be relied on. */
static void nothing_passes_a_batch_that_could_not_keep_what_was_spent(void **state)
{
    struct fixture *f = *state;
    store_batch_begin(&f->batch);
    complete(f, 1, 200, now);
    admit(f, 2, now);
    move(f, "replay.db", "away.db");
    store_batch_commit(&f->batch);
    assert_rule(f->batch.answer[0].admitted.rule, RULE_STORE_GONE);
    move(f, "away.db", "replay.db");
    assert_rule(ask(f, 1, now), RULE_REPLAY);
    assert_rule(ask(f, 2, now), RULE_OK);
}

static void more_than_can_wait_is_counted_as_lost(void **state)
{
    struct fixture *f = *state;
    move(f, "replay.db", "away.db");
    for (uint32_t i = 0; i < STORE_PENDING_MAX + 3; i++) {
        if (i % STORE_BATCH_MAX == 0)
            store_batch_begin(&f->batch);
        complete(f, i, 200, now);
        if (i % STORE_BATCH_MAX == STORE_BATCH_MAX - 1)
            store_batch_commit(&f->batch);
    }
    store_batch_commit(&f->batch);
    assert_int_equal(f->batch.counters.lost, 3);
    assert_int_equal(f->batch.pending_count, STORE_PENDING_MAX);
    move(f, "away.db", "replay.db");
    assert_rule(ask(f, 0, now), RULE_REPLAY);
    assert_rule(ask(f, STORE_PENDING_MAX - 1, now), RULE_REPLAY);
    assert_rule(ask(f, STORE_PENDING_MAX + 3, now), RULE_OK);
}

/* A record under an epoch whose key is `key`; `number` tells it from others. */
static void admit_record(struct fixture *f, uint8_t number, const char *key)
{
    uint8_t bytes[1024], ciphertext[64] = {number};
    struct archive_record record = {
        .meta = {.received = now, .method = SPAN("MESSAGE"), .call_id = SPAN("c1"), .archive_key = {number}},
        .epoch = {1},
        .epoch_key = span_text(key),
        .ciphertext = span_of(ciphertext, sizeof ciphertext),
    };
    struct writer w = writer_over(bytes, sizeof bytes);
    archive_record_write(&w, &record);
    assert_false(w.full);
    const struct ipc_admit a = {.now = now, .record = writer_span(&w)};
    store_batch_admit(&f->batch, number, &a);
}

/* Logged, then delivered (protocol.md 5, 9): what a batch could not keep was kept for nobody in it. */
static void a_record_that_cannot_be_kept_lets_nothing_pass(void **state)
{
    struct fixture *f = *state;
    store_batch_begin(&f->batch);
    admit_record(f, 1, "a key");
    store_batch_commit(&f->batch);
    assert_rule(f->batch.answer[0].admitted.rule, RULE_OK);
    assert_true(f->batch.answer[0].admitted.record_id > 0);
    store_batch_begin(&f->batch);
    admit_record(f, 2, "a key");
    move(f, "archive.db", "away.db");
    store_batch_commit(&f->batch);
    assert_rule(f->batch.answer[0].admitted.rule, RULE_STORE_GONE);
    assert_int_equal(f->batch.answer[0].admitted.record_id, 0);
}

/* protocol.md 2.1, Replay: a failed delivery leaves the message free to be tried again. */
static void only_a_success_spends(void **state)
{
    static const struct {
        uint32_t status;
        enum rule after;
    } row[] = {{200, RULE_REPLAY}, {202, RULE_REPLAY}, {299, RULE_REPLAY},
               {300, RULE_OK}, {403, RULE_OK}, {503, RULE_OK}, {699, RULE_OK}};
    struct fixture *f = *state;
    for (uint32_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        store_batch_begin(&f->batch);
        complete(f, i, row[i].status, now);
        admit(f, i, now); /* in the same batch */
        store_batch_commit(&f->batch);
        assert_rule(f->batch.answer[0].admitted.rule, row[i].after);
        assert_rule(ask(f, i, now), row[i].after);
    }
}

static void expired_keys_are_forgotten_in_passing(void **state)
{
    struct fixture *f = *state;
    store_batch_begin(&f->batch);
    complete(f, 1, 200, now);
    store_batch_commit(&f->batch);
    assert_rule(ask(f, 1, now + 600), RULE_REPLAY);
    store_batch_begin(&f->batch);
    complete(f, 2, 486, now + 700); /* whatever comes next */
    store_batch_commit(&f->batch);
    assert_rule(ask(f, 1, now), RULE_OK); /* nobody asks so late for what is so early; it shows that it is gone */
}

static void keep(struct fixture *f, uint64_t job, const char *aor, size_t count)
{
    struct ipc_bind b = {.now = now, .aor = span_text(aor), .count = count};
    for (size_t i = 0; i < count; i++)
        b.binding[i] = (struct ipc_binding){.expires = now + 60, .record = span_text(i ? "second" : "first")};
    store_batch_bind(&f->batch, job, &b);
}

static bool count_row(void *context, const struct binding_row *row)
{
    (void)row;
    ++*(size_t *)context;
    return true;
}

static size_t bindings(struct fixture *f)
{
    size_t count = 0;
    assert_rule(bindings_db_each(f->store, SPAN(""), now, count_row, &count), RULE_OK);
    return count;
}

/* RFC 3261 10.3 step 8: all of a registration or nothing, and 200 only for what is there. */
static void registrations_share_a_commit_and_are_answered_by_it(void **state)
{
    struct fixture *f = *state;
    store_batch_begin(&f->batch);
    keep(f, 1, "sip:a@h", 2);
    keep(f, 2, "sip:b@h", 1);
    keep(f, 3, "sip:a@h", 1); /* in place of what the first one said */
    store_batch_commit(&f->batch);
    assert_int_equal(f->batch.answer_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(f->batch.answer[i].kind, IPC_BOUND);
        assert_int_equal(f->batch.answer[i].job, i + 1);
        assert_rule(f->batch.answer[i].admitted.rule, RULE_OK);
    }
    assert_int_equal(bindings(f), 2);
    assert_int_equal(f->batch.counters.bound, 3);
    store_batch_begin(&f->batch);
    keep(f, 4, "sip:a@h", 0);
    move(f, "replay.db", "away.db");
    store_batch_commit(&f->batch);
    assert_rule(f->batch.answer[0].admitted.rule, RULE_STORE_GONE);
    move(f, "away.db", "replay.db");
    assert_rule(ask(f, 9, now), RULE_OK);
    assert_int_equal(bindings(f), 2);
}

static void expired_bindings_are_forgotten_in_passing(void **state)
{
    struct fixture *f = *state;
    store_batch_begin(&f->batch);
    keep(f, 1, "sip:a@h", 1);
    store_batch_commit(&f->batch);
    assert_int_equal(bindings(f), 1);
    store_batch_begin(&f->batch);
    complete(f, 2, 486, now + 60);
    store_batch_commit(&f->batch);
    assert_int_equal(bindings(f), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_cannot_be_kept_waits_and_nothing_passes_until_it_is_kept),
        CASE(nothing_passes_a_batch_that_could_not_keep_what_was_spent),
        CASE(more_than_can_wait_is_counted_as_lost),
        CASE(a_record_that_cannot_be_kept_lets_nothing_pass),
        CASE(only_a_success_spends),
        CASE(expired_keys_are_forgotten_in_passing),
        CASE(registrations_share_a_commit_and_are_answered_by_it),
        CASE(expired_bindings_are_forgotten_in_passing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
