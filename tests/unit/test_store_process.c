#include "test.h"

#include <sqlite3.h>
#include <sys/resource.h>
#include <time.h>

#include "child.h"
#include "scratch.h"
#include "service/archive_db.h"

static const char *program; /* set by main alone */
static const int64_t now = 1795438800;

struct fixture {
    struct scratch scratch;
    struct child store;
    uint8_t *big; /* bytes for ciphertexts */
};
enum { BIG = 64 * 1024 };

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    scratch_make(&f->scratch);
    f->big = calloc(1, BIG);
    assert_non_null(f->big);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    child_clear(&f->store);
    scratch_remove(&f->scratch);
    free(f->big);
    free(f);
    return 0;
}

static enum rule start(struct fixture *f, const char *replay, const char *archive)
{
    char replay_path[sizeof f->scratch.path], archive_path[sizeof f->scratch.path];
    snprintf(replay_path, sizeof replay_path, "%s", scratch_path(&f->scratch, replay));
    snprintf(archive_path, sizeof archive_path, "%s", archive ? scratch_path(&f->scratch, archive) : "");
    struct ipc_store_setup setup = {.store_path = span_text(replay_path), .archive_path = span_text(archive_path)};
    child_start(&f->store, program, "store");
    struct writer w = child_writer(&f->store);
    ipc_write_store_setup(&w, &setup);
    child_send(f->store.control, &w);
    return child_setup_result(&f->store);
}

static void start_well(struct fixture *f)
{
    assert_rule(start(f, "replay.db", "archive.db"), RULE_OK);
    child_give_channel(&f->store, IPC_CHANNEL_STORE);
}

/* --- questions and answers --- */

struct question {
    uint32_t record;          /* another number, another record; 0: none */
    size_t size;              /* of its ciphertext */
    uint32_t key;             /* a replay key; 0: none */
    uint32_t status;          /* of a completion */
    int64_t record_id;        /* of a completion */
};

static void number_bytes(uint8_t to[32], uint32_t number)
{
    memset(to, 0, 32);
    struct writer w = writer_over(to, 32);
    writer_u32(&w, number);
}

static void write_record(struct fixture *f, struct writer *w, const struct question *q)
{
    struct archive_record r = {
        .meta = {.received = now, .method = SPAN("MESSAGE"), .from = SPAN("sip:alice@home.example"),
                 .to = SPAN("sip:bob@far.example"), .call_id = SPAN("c1@ua1"), .cseq = 1, .proof = PROOF_USER},
        .epoch = {1},
        .epoch_key = SPAN("a key that is sealed"),
        .ciphertext = span_of(f->big, q->size ? q->size : 100),
    };
    number_bytes(r.meta.archive_key, q->record);
    archive_record_write(w, &r);
    assert_false(w->full);
}

static void ask(struct fixture *f, uint64_t job, struct question q)
{
    static uint8_t record[BIG + 4096];
    struct ipc_admit admit = {.now = now, .replay_count = q.key != 0};
    struct writer r = writer_over(record, sizeof record), w = child_writer(&f->store);
    admit.replay[0].expires = now + 600;
    number_bytes(admit.replay[0].key, q.key);
    if (q.record)
        write_record(f, &r, &q);
    admit.record = writer_span(&r);
    ipc_write_admit(&w, job, &admit);
    child_send(f->store.channel, &w);
}

static void complete(struct fixture *f, struct question q)
{
    struct ipc_complete c = {.now = now, .record_id = q.record_id, .status = q.status, .replay_count = q.key != 0};
    struct writer w = child_writer(&f->store);
    c.replay[0].expires = now + 600;
    number_bytes(c.replay[0].key, q.key);
    ipc_write_complete(&w, &c);
    child_send(f->store.channel, &w);
}

static bool next_answer(struct fixture *f, uint64_t *job, struct ipc_admitted *answer)
{
    struct ipc_header header;
    struct cursor fields;
    if (!child_receive(&f->store, f->store.channel, &header, &fields))
        return false;
    assert_int_equal(header.kind, IPC_ADMITTED);
    assert_rule(ipc_read_admitted(&fields, answer), RULE_OK);
    *job = header.job;
    return true;
}

static struct ipc_admitted answer_to(struct fixture *f, uint64_t job)
{
    uint64_t answered;
    struct ipc_admitted answer;
    assert_true(next_answer(f, &answered, &answer));
    assert_int_equal(answered, job);
    return answer;
}

static struct ipc_admitted asked(struct fixture *f, struct question q)
{
    ask(f, 77, q);
    return answer_to(f, 77);
}

#define ADMITTED(f, ...) assert_rule(asked((f), (struct question){__VA_ARGS__}).rule, RULE_OK)
#define REFUSED(f, why, ...) assert_rule(asked((f), (struct question){__VA_ARGS__}).rule, (why))

/* --- the archive as others see it --- */

static int64_t look(struct fixture *f, const char *file, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open_v2(scratch_path(&f->scratch, file), &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, CHILD_LIMIT_MS);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    int64_t number = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
    sqlite3_finalize(s);
    sqlite3_close(db);
    return number;
}

static int64_t record_id_of(struct fixture *f, uint32_t record)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT id FROM record WHERE archive_key = cast(x'%08x%056d' AS BLOB)", record, 0);
    return look(f, "archive.db", sql);
}

/* How many transactions stand in the log: its frames that carry a size (SQLite file format 4.1). */
static size_t commits_in_log(struct fixture *f, const char *log)
{
    enum { LOG_HEADER = 32, FRAME_HEADER = 24, PAGE = 4096 };
    FILE *file = fopen(scratch_path(&f->scratch, log), "rb");
    uint8_t head[FRAME_HEADER];
    size_t commits = 0;
    assert_non_null(file);
    for (long at = LOG_HEADER; fseek(file, at, SEEK_SET) == 0 && fread(head, sizeof head, 1, file) == 1;
         at += FRAME_HEADER + PAGE)
        commits += (head[4] | head[5] | head[6] | head[7]) != 0;
    fclose(file);
    return commits;
}

/* --- cases --- */

static void what_cannot_be_opened_fails_the_setup_with_its_rule(void **state)
{
    struct fixture *f = *state;
    assert_rule(start(f, "no/replay.db", "archive.db"), RULE_FILE);
    assert_int_equal(child_wait(&f->store), 1);
    assert_rule(start(f, "replay.db", "no/archive.db"), RULE_FILE);
    assert_int_equal(child_wait(&f->store), 1);
    assert_rule(start(f, "replay.db", "replay.db"), RULE_FILE_FORMAT);
    assert_int_equal(child_wait(&f->store), 1);
    FILE *text = fopen(scratch_path(&f->scratch, "text"), "w");
    assert_non_null(text);
    fputs("no database", text);
    fclose(text);
    assert_rule(start(f, "text", "archive.db"), RULE_FILE_FORMAT);
    assert_int_equal(child_wait(&f->store), 1);
}

static void a_record_is_on_the_disk_when_its_admission_is_answered(void **state)
{
    struct fixture *f = *state;
    start_well(f);
    struct ipc_admitted first = asked(f, (struct question){.record = 1, .key = 1});
    assert_rule(first.rule, RULE_OK);
    assert_int_equal(record_id_of(f, 1), first.record_id);
    assert_int_equal(kill(f->store.pid, SIGKILL), 0);
    assert_int_equal(child_wait(&f->store), -SIGKILL);
    assert_int_equal(record_id_of(f, 1), first.record_id);
    start_well(f);
    struct ipc_admitted copy = asked(f, (struct question){.record = 1, .key = 1});
    assert_rule(copy.rule, RULE_OK); /* an honest copy: no 2xx yet */
    assert_int_equal(copy.record_id, first.record_id);
    assert_int_equal(child_stop(&f->store), 0);
}

/* protocol.md 2.1, Replay. */
static void only_a_success_spends_a_key_and_copies_before_it_are_admitted(void **state)
{
    struct fixture *f = *state;
    start_well(f);
    int64_t id = asked(f, (struct question){.record = 1, .key = 1}).record_id;
    complete(f, (struct question){.key = 1, .status = 480, .record_id = id});
    ADMITTED(f, .record = 1, .key = 1);
    complete(f, (struct question){.key = 1, .status = 200, .record_id = id});
    REFUSED(f, RULE_REPLAY, .record = 1, .key = 1);
    REFUSED(f, RULE_REPLAY, .key = 1);
    ADMITTED(f, .record = 2, .key = 2);
    assert_int_equal(look(f, "archive.db", "SELECT status FROM record WHERE id = 1"), 200);
    assert_int_equal(kill(f->store.pid, SIGKILL), 0);
    assert_int_equal(child_wait(&f->store), -SIGKILL);
    start_well(f);
    REFUSED(f, RULE_REPLAY, .record = 3, .key = 1);
    assert_int_equal(record_id_of(f, 3), -1); /* what is refused is not archived */
    assert_int_equal(child_stop(&f->store), 0);
}

static void what_waits_shares_a_commit_and_sees_what_came_before_it(void **state)
{
    enum { MANY = 200 };
    struct fixture *f = *state;
    start_well(f);
    ADMITTED(f, .record = 1, .key = 1);
    size_t before = commits_in_log(f, "archive.db-wal");
    child_halt(&f->store);
    for (uint32_t i = 2; i <= MANY; i++)
        ask(f, i, (struct question){.record = i, .key = i});
    complete(f, (struct question){.key = 1, .status = 202, .record_id = 1});
    ask(f, MANY + 1, (struct question){.record = 1, .key = 1});
    child_go_on(&f->store);
    for (uint32_t i = 2; i <= MANY; i++)
        assert_rule(answer_to(f, i).rule, RULE_OK);
    assert_rule(answer_to(f, MANY + 1).rule, RULE_REPLAY); /* spent earlier in the same batch */
    assert_int_equal(commits_in_log(f, "archive.db-wal") - before, 1);
    assert_int_equal(look(f, "archive.db", "SELECT count(*) FROM record"), MANY);
    assert_int_equal(child_stop(&f->store), 0);
}

static void without_an_archive_a_record_is_refused_and_the_rest_goes_on(void **state)
{
    struct fixture *f = *state;
    assert_rule(start(f, "replay.db", NULL), RULE_OK);
    child_give_channel(&f->store, IPC_CHANNEL_STORE);
    REFUSED(f, RULE_STORE_GONE, .record = 1, .key = 1);
    ADMITTED(f, .key = 1);
    complete(f, (struct question){.key = 1, .status = 200});
    REFUSED(f, RULE_REPLAY, .key = 1);
    assert_int_equal(child_stop(&f->store), 0);
}

static void a_record_that_is_none_is_refused_alone(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[8192];
    struct writer record = writer_over(bytes, sizeof bytes);
    start_well(f);
    write_record(f, &record, &(struct question){.record = 1});
    for (size_t len = 1; len <= record.len; len++) {
        struct ipc_admit admit = {.now = now, .record = span_of(bytes, len)};
        struct writer w = child_writer(&f->store);
        ipc_write_admit(&w, len, &admit);
        child_send(f->store.channel, &w);
        assert_rule(answer_to(f, len).rule, len < record.len ? RULE_STORE_GONE : RULE_OK);
    }
    assert_int_equal(look(f, "archive.db", "SELECT count(*) FROM record"), 1);
    assert_int_equal(child_stop(&f->store), 0);
}

static void limit_file_size(struct fixture *f, rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    assert_int_equal(prlimit(f->store.pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void a_full_disk_refuses_what_must_be_kept_and_the_store_goes_on_when_there_is_room(void **state)
{
    struct fixture *f = *state;
    start_well(f);
    ADMITTED(f, .record = 1, .key = 1);
    ADMITTED(f, .key = 3);
    limit_file_size(f, 0);
    child_halt(&f->store);
    for (uint32_t i = 10; i < 20; i++)
        ask(f, i, (struct question){.record = i});
    ask(f, 20, (struct question){.key = 3});
    ask(f, 21, (struct question){.record = 1});
    child_go_on(&f->store);
    for (uint32_t i = 10; i < 20; i++) /* one commit failed: nothing of the batch was kept */
        assert_rule(answer_to(f, i).rule, RULE_STORE_GONE);
    assert_rule(answer_to(f, 20).rule, RULE_OK);         /* relies on nothing that was to be written */
    assert_rule(answer_to(f, 21).rule, RULE_STORE_GONE); /* is there, but its batch failed */

    /* A spent key that cannot be kept: nothing that could be its replay passes until it is kept. */
    complete(f, (struct question){.key = 1, .status = 200, .record_id = 1});
    REFUSED(f, RULE_STORE_GONE, .key = 3);
    ADMITTED(f, .size = 0); /* neither signed nor archived */
    limit_file_size(f, RLIM_INFINITY);
    ADMITTED(f, .record = 2, .key = 3);
    REFUSED(f, RULE_REPLAY, .key = 1);
    assert_int_equal(look(f, "archive.db", "SELECT status FROM record WHERE id = 1"), 200);
    assert_int_equal(look(f, "archive.db", "SELECT count(*) FROM record"), 2);
    assert_int_equal(child_stop(&f->store), 0);
}

static void a_file_that_is_gone_refuses_until_it_is_back(void **state)
{
    struct fixture *f = *state;
    char away[sizeof f->scratch.path];
    snprintf(away, sizeof away, "%s", scratch_path(&f->scratch, "away.db"));
    start_well(f);
    ADMITTED(f, .record = 1);
    assert_int_equal(rename(scratch_path(&f->scratch, "archive.db"), away), 0);
    REFUSED(f, RULE_STORE_GONE, .record = 2);
    ADMITTED(f, .key = 2);
    assert_int_equal(rename(away, scratch_path(&f->scratch, "archive.db")), 0);
    ADMITTED(f, .record = 2);
    assert_int_equal(look(f, "archive.db", "SELECT count(*) FROM record"), 2);
    assert_int_equal(child_stop(&f->store), 0);
}

/* --- kill -9 --- */

/* What the store has promised over all its lives. */
struct promises {
    int64_t id[8192]; /* of record n; 0: not promised */
    uint32_t asked;   /* records 1 to this were asked for */
    bool spent[8192]; /* key n: told as spent before something that was answered later */
    uint32_t told;    /* keys up to this were told as spent */
    uint32_t found;   /* records that were promised and are there */
};

enum { ROUNDS = 100, PER_ROUND = 40 };

static void note_answer(struct promises *p, uint64_t job, const struct ipc_admitted *answer)
{
    assert_rule(answer->rule, RULE_OK);
    assert_true(job >= 1 && job <= p->asked);
    p->id[job] = answer->record_id;
    p->spent[p->told] = true; /* it was told first, and what is answered is as durable as what came before it */
}

static void ask_some(struct fixture *f, struct promises *p, uint32_t questions)
{
    for (uint32_t i = 0; i < questions; i++) {
        p->asked++;
        ask(f, p->asked, (struct question){.record = p->asked, .size = 1000 + 300 * i, .key = 1000000 + p->asked});
    }
}

/* One life: after so many questions and answers it is asked as much again, and killed, each time after another while,
 * so that it may be gathering, writing, syncing or answering. What it had still answered counts too. */
static void live_and_die(struct fixture *f, struct promises *p, uint32_t questions, uint32_t answers)
{
    uint64_t job;
    struct ipc_admitted answer;
    const struct timespec a_while = {.tv_nsec = (p->told % 50) * 100000L};
    complete(f, (struct question){.key = ++p->told, .status = 200, .record_id = 1});
    ask_some(f, p, questions);
    for (uint32_t i = 0; i < answers; i++) {
        assert_true(next_answer(f, &job, &answer));
        note_answer(p, job, &answer);
    }
    ask_some(f, p, questions);
    nanosleep(&a_while, NULL); /* waits for nothing */
    assert_int_equal(kill(f->store.pid, SIGKILL), 0);
    while (next_answer(f, &job, &answer))
        note_answer(p, job, &answer);
    assert_int_equal(child_wait(&f->store), -SIGKILL);
}

static bool find_promised(void *context, const struct archive_row *row)
{
    struct promises *p = context;
    struct cursor c = cursor_over(span_of(row->record.meta.archive_key, 32));
    uint32_t number;
    assert_true(cursor_u32(&c, &number) && number <= p->asked);
    if (p->id[number])
        assert_int_equal(row->id, p->id[number]);
    p->found += p->id[number] != 0;
    return true;
}

static void killed_in_mid_write_a_hundred_times_it_has_lost_nothing_that_it_answered(void **state)
{
    struct fixture *f = *state;
    static struct promises promises;
    struct promises *p = &promises;
    struct archive_db *db;
    uint32_t promised = 0, unkept = 0;
    *p = (struct promises){0};
    for (uint32_t round = 0; round < ROUNDS; round++) {
        start_well(f);
        uint32_t moment = round * 7 % PER_ROUND;
        if (round % 2)
            live_and_die(f, p, PER_ROUND, moment); /* with more under way */
        else
            live_and_die(f, p, moment, moment / 8); /* wherever the last question meets it */
    }
    assert_int_equal(look(f, "archive.db", "SELECT count(*) FROM pragma_integrity_check "
                                           "WHERE integrity_check <> 'ok'"), 0);
    for (uint32_t i = 1; i <= p->asked; i++) {
        promised += p->id[i] != 0;
        unkept += p->id[i] == 0;
    }
    assert_rule(archive_db_open(scratch_path(&f->scratch, "archive.db"), true, &db), RULE_OK);
    assert_rule(archive_db_each(db, 0, find_promised, p), RULE_OK);
    archive_db_close(db);
    assert_int_equal(p->found, promised);
    start_well(f);
    for (uint32_t k = 1; k <= p->told; k++)
        if (p->spent[k])
            REFUSED(f, RULE_REPLAY, .key = k);
    assert_int_equal(child_stop(&f->store), 0);
    printf("%u of %u records were promised and kept, %u died with their store\n", promised, p->asked, unkept);
    assert_true(promised > ROUNDS && unkept > ROUNDS); /* else nobody was killed in the middle of anything */
}

/* --- ends --- */

static void assert_ends_both_ways(struct fixture *f, uint32_t record, struct span garbage, int of_control)
{
    start_well(f);
    child_halt(&f->store);
    ask(f, 1, (struct question){.record = record});
    assert_int_equal(channel_send(f->store.channel, garbage, NULL, 0), CHANNEL_DONE);
    child_go_on(&f->store);
    assert_rule(answer_to(f, 1).rule, RULE_OK);
    assert_int_equal(child_wait(&f->store), 1);
    start_well(f);
    assert_int_equal(channel_send(f->store.control, garbage, NULL, 0), CHANNEL_DONE);
    assert_int_equal(child_wait(&f->store), of_control);
}

static void garbage_on_a_channel_ends_the_process_after_what_came_before_it(void **state)
{
    struct fixture *f = *state;
    assert_ends_both_ways(f, 1, SPAN("x"), 1);
    assert_ends_both_ways(f, 2, child_odd_message(0, 0, ""), 1);
    assert_ends_both_ways(f, 3, child_odd_message(IPC_ADMIT, 4, "abcd"), 1);
    assert_ends_both_ways(f, 4, child_odd_message(IPC_ADMIT, 0xff, "abcd"), 1);
    assert_ends_both_ways(f, 5, child_odd_message(IPC_COMPLETE, 0, ""), 1);
    assert_ends_both_ways(f, 6, child_odd_message(IPC_STOP, 0, ""), 0); /* a message of the other channel */
}

static void a_channel_before_the_setup_or_without_a_descriptor_ends_the_process(void **state)
{
    struct fixture *f = *state;
    child_start(&f->store, program, "store");
    child_give_channel(&f->store, IPC_CHANNEL_STORE);
    assert_int_equal(child_wait(&f->store), 1);
    assert_rule(start(f, "replay.db", NULL), RULE_OK);
    struct writer w = child_writer(&f->store);
    ipc_write_channel(&w, IPC_CHANNEL_STORE, 0);
    child_send(f->store.control, &w);
    assert_int_equal(child_wait(&f->store), 1);
}

/* More than one batch, of what changes nothing. */
static void tell_much(struct fixture *f)
{
    for (uint32_t i = 0; i < 270; i++)
        complete(f, (struct question){.status = 480, .key = 1000 + i});
}

static void what_was_told_before_the_end_is_kept(void **state)
{
    struct fixture *f = *state;
    start_well(f);
    int64_t id = asked(f, (struct question){.record = 1}).record_id;
    child_halt(&f->store);
    tell_much(f);
    complete(f, (struct question){.status = 202, .record_id = id, .key = 9});
    child_tell_to_stop(&f->store);
    child_go_on(&f->store);
    assert_int_equal(child_wait(&f->store), 0);
    assert_int_equal(look(f, "archive.db", "SELECT status FROM record WHERE id = 1"), 202);
    start_well(f);
    REFUSED(f, RULE_REPLAY, .key = 9);
    close(f->store.control); /* the parent is gone */
    f->store.control = -1;
    assert_int_equal(child_wait(&f->store), 0);
}

static void a_new_channel_replaces_the_old_one_whose_last_words_are_kept(void **state)
{
    struct fixture *f = *state;
    start_well(f);
    int64_t id = asked(f, (struct question){.record = 1}).record_id;
    child_halt(&f->store);
    tell_much(f);
    complete(f, (struct question){.status = 202, .record_id = id, .key = 9});
    child_give_channel(&f->store, IPC_CHANNEL_STORE); /* net died and was started again */
    ask(f, 5, (struct question){.key = 9});
    child_go_on(&f->store);
    assert_rule(answer_to(f, 5).rule, RULE_REPLAY);
    assert_int_equal(look(f, "archive.db", "SELECT status FROM record WHERE id = 1"), 202);
    assert_int_equal(child_stop(&f->store), 0);
}

static void started_by_hand_it_says_whose_part_it_is(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(IPC_CONTROL_FD);
        execl(program, program, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 2);
}

int main(int argc, char **argv)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_cannot_be_opened_fails_the_setup_with_its_rule),
        CASE(a_record_is_on_the_disk_when_its_admission_is_answered),
        CASE(only_a_success_spends_a_key_and_copies_before_it_are_admitted),
        CASE(what_waits_shares_a_commit_and_sees_what_came_before_it),
        CASE(without_an_archive_a_record_is_refused_and_the_rest_goes_on),
        CASE(a_record_that_is_none_is_refused_alone),
        CASE(a_full_disk_refuses_what_must_be_kept_and_the_store_goes_on_when_there_is_room),
        CASE(a_file_that_is_gone_refuses_until_it_is_back),
        CASE(killed_in_mid_write_a_hundred_times_it_has_lost_nothing_that_it_answered),
        CASE(garbage_on_a_channel_ends_the_process_after_what_came_before_it),
        CASE(a_channel_before_the_setup_or_without_a_descriptor_ends_the_process),
        CASE(what_was_told_before_the_end_is_kept),
        CASE(a_new_channel_replaces_the_old_one_whose_last_words_are_kept),
        CASE(started_by_hand_it_says_whose_part_it_is),
    };
    if (argc != 2) {
        fprintf(stderr, "usage: %s SIPSEALD-STORE\n", argv[0]);
        return 2;
    }
    program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
