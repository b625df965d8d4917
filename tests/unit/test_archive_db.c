#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "service/archive_db.h"
#include "service/store_db.h"

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

static const char *archive_path(void **state)
{
    return scratch_path(*state, "archive.db");
}

static struct archive_db *open_archive(void **state)
{
    struct archive_db *db;
    assert_rule(archive_db_open(archive_path(state), false, &db), RULE_OK);
    return db;
}

/* A record that the store knows nothing more of; `number` makes it another one. */
static struct archive_record make_record(uint8_t number, uint8_t epoch)
{
    static const uint8_t ciphertext[64] = {0x80, 0xff, 0, 1};
    static const uint8_t keys[256] = {'s', 'e', 'a', 'l', 'e', 'd'};
    struct archive_record r = {
        .meta = {.received = 1795438800 + number, .method = SPAN("MESSAGE"), .request_uri = SPAN("sip:bob@far.example"),
                 .from = SPAN("sip:alice@home.example"), .to = SPAN("sip:bob@far.example"), .call_id = SPAN("c1@ua1"),
                 .cseq = UINT32_MAX, .signer = SPAN("sip:alice@home.example"), .proof = PROOF_USER, .sealed = true},
        .epoch_key = span_of(keys, 100 + (size_t)epoch),
        .ciphertext = span_of(ciphertext, sizeof ciphertext),
    };
    memset(r.meta.archive_key, number, sizeof r.meta.archive_key);
    memset(r.epoch, epoch, sizeof r.epoch);
    return r;
}

static int64_t append(struct archive_db *db, const struct archive_record *record)
{
    int64_t id = 0;
    assert_rule(archive_db_append(db, record, &id), RULE_OK);
    assert_true(id > 0);
    return id;
}

static int64_t keep(struct archive_db *db, uint8_t number)
{
    struct archive_record r = make_record(number, 1);
    assert_rule(archive_db_begin(db), RULE_OK);
    int64_t id = append(db, &r);
    assert_rule(archive_db_commit(db), RULE_OK);
    return id;
}

static bool count_one(void *context, const struct archive_row *row)
{
    (void)row;
    ++*(size_t *)context;
    return true;
}

static size_t count_records(struct archive_db *db)
{
    size_t count = 0;
    assert_rule(archive_db_each(db, 0, count_one, &count), RULE_OK);
    return count;
}

static void assert_record_equal(const struct archive_record *a, const struct archive_record *b)
{
    uint8_t bytes[2][16384];
    struct writer w[2];
    for (int i = 0; i < 2; i++) {
        w[i] = writer_over(bytes[i], sizeof bytes[i]);
        archive_record_write(&w[i], i ? b : a);
        assert_false(w[i].full);
    }
    assert_span_equal(writer_span(&w[0]), writer_span(&w[1]));
}

static void execute(const char *path, const char *sql)
{
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
}

static int64_t number_of(const char *path, const char *sql)
{
    sqlite3 *other;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(other, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(other);
    return number;
}

/* --- records --- */

static void a_record_comes_back_as_it_was_given_whatever_its_bytes(void **state)
{
    struct archive_db *db = open_archive(state);
    struct archive_record one = make_record(1, 1), two = make_record(2, 2);
    two.meta.call_id = span_of("a\0b\xff\xfe'\"", 7);
    two.meta.request_uri = (struct span){0}; /* of a response */
    two.meta.signer = (struct span){0};
    two.meta.proof = PROOF_NONE;
    two.meta.signature = RULE_SIGNATURE_INVALID;
    two.meta.sealed = false;
    assert_rule(archive_db_begin(db), RULE_OK);
    int64_t id[2] = {append(db, &one), append(db, &two)};
    assert_rule(archive_db_commit(db), RULE_OK);
    archive_db_close(db);

    db = open_archive(state);
    struct arena arena;
    assert_true(arena_open(&arena, 65536));
    struct archive_row row;
    for (int i = 0; i < 2; i++) {
        assert_rule(archive_db_find(db, id[i], &arena, &row), RULE_OK);
        assert_int_equal(row.id, id[i]);
        assert_int_equal(row.status, 0);
        assert_record_equal(&row.record, i ? &two : &one);
    }
    assert_rule(archive_db_find(db, id[1] + 1, &arena, &row), RULE_ARCHIVE_NO_RECORD);
    struct arena small = {.at = arena.at, .cap = 16};
    assert_rule(archive_db_find(db, id[0], &small, &row), RULE_NO_MEMORY);
    arena_close(&arena);
    archive_db_close(db);
}

/* protocol.md 2.1, Replay: honest copies are archived once. */
static void an_honest_copy_is_not_added_again_and_gets_the_id_of_the_first(void **state)
{
    struct archive_db *db = open_archive(state);
    int64_t first = keep(db, 1), other = keep(db, 2);
    assert_int_not_equal(first, other);
    assert_int_equal(keep(db, 1), first);
    struct archive_record r = make_record(3, 1);
    assert_rule(archive_db_begin(db), RULE_OK);
    int64_t in_batch = append(db, &r);
    assert_int_equal(append(db, &r), in_batch);
    assert_rule(archive_db_commit(db), RULE_OK);
    assert_int_equal(count_records(db), 3);
    archive_db_close(db);
}

static void the_key_of_an_epoch_is_kept_once_and_cannot_be_replaced(void **state)
{
    struct archive_db *db = open_archive(state);
    struct archive_record one = make_record(1, 1), forged = make_record(2, 1), two = make_record(3, 1);
    int64_t id;
    forged.epoch_key = SPAN("another key");
    assert_rule(archive_db_begin(db), RULE_OK);
    append(db, &one);
    assert_rule(archive_db_append(db, &forged, &id), RULE_STORE_GONE);
    append(db, &two); /* a record that is refused does not take the others with it */
    assert_rule(archive_db_commit(db), RULE_OK);
    assert_int_equal(count_records(db), 2);
    archive_db_close(db);
    assert_int_equal(number_of(archive_path(state), "SELECT count(*) FROM epoch"), 1);
}

static bool stop_after_two(void *context, const struct archive_row *row)
{
    int64_t *last = context;
    assert_true(row->id > *last);
    *last = row->id;
    return row->record.meta.archive_key[0] < 4;
}

static void records_are_visited_oldest_first_from_an_id_on_until_told_to_stop(void **state)
{
    struct archive_db *db = open_archive(state);
    for (uint8_t i = 1; i <= 6; i++)
        keep(db, i);
    int64_t last = 2;
    assert_rule(archive_db_each(db, 2, stop_after_two, &last), RULE_OK);
    assert_int_equal(last, 4);
    archive_db_close(db);
}

static void the_first_final_status_stays_unless_a_later_one_is_a_success(void **state)
{
    static const struct {
        uint32_t told[3];
        uint32_t kept;
    } row[] = {
        {{202}, 202}, {{480}, 480}, {{480, 200}, 200}, {{200, 480}, 200},
        {{503, 408}, 503}, {{200, 202}, 200}, {{503, 200, 403}, 200}, {{699, 299, 300}, 299},
    };
    struct archive_db *db = open_archive(state);
    struct arena arena;
    assert_true(arena_open(&arena, 65536));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        int64_t id = keep(db, (uint8_t)(i + 1));
        struct archive_row found;
        assert_rule(archive_db_begin(db), RULE_OK);
        for (size_t t = 0; t < 3 && row[i].told[t]; t++)
            assert_rule(archive_db_complete(db, id, row[i].told[t]), RULE_OK);
        assert_rule(archive_db_complete(db, 4711, 200), RULE_OK); /* of no record: nothing to note */
        assert_rule(archive_db_commit(db), RULE_OK);
        assert_rule(archive_db_find(db, id, &arena, &found), RULE_OK);
        assert_int_equal(found.status, row[i].kept);
    }
    arena_close(&arena);
    archive_db_close(db);
}

/* --- transactions --- */

static void what_was_not_committed_is_not_there(void **state)
{
    struct archive_db *db = open_archive(state);
    struct archive_record r = make_record(1, 1);
    int64_t id;
    assert_rule(archive_db_append(db, &r, &id), RULE_STORE_GONE); /* nothing was begun */
    assert_rule(archive_db_complete(db, 1, 200), RULE_STORE_GONE);
    assert_rule(archive_db_begin(db), RULE_OK);
    append(db, &r);
    archive_db_rollback(db);
    assert_int_equal(count_records(db), 0);
    assert_rule(archive_db_begin(db), RULE_OK);
    append(db, &r);
    archive_db_close(db);
    db = open_archive(state);
    assert_int_equal(count_records(db), 0);
    assert_rule(archive_db_commit(db), RULE_STORE_GONE);
    archive_db_close(db);
}

static void a_reader_sees_what_is_committed_while_the_writer_writes(void **state)
{
    struct archive_db *db = open_archive(state), *reader;
    keep(db, 1);
    assert_rule(archive_db_open(archive_path(state), true, &reader), RULE_OK);
    struct archive_record r = make_record(2, 1);
    assert_rule(archive_db_begin(db), RULE_OK);
    append(db, &r);
    assert_int_equal(count_records(reader), 1);
    assert_rule(archive_db_commit(db), RULE_OK);
    assert_int_equal(count_records(reader), 2);
    int64_t id;
    assert_rule(archive_db_begin(reader), RULE_STORE_GONE);
    assert_rule(archive_db_append(reader, &r, &id), RULE_OK); /* it is there already: nothing to write */
    r = make_record(3, 1);
    assert_rule(archive_db_append(reader, &r, &id), RULE_STORE_GONE);
    archive_db_close(reader);
    archive_db_close(db);
    assert_rule(archive_db_open(archive_path(state), true, &reader), RULE_OK);
    assert_int_equal(count_records(reader), 2);
    archive_db_close(reader);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Fills the disk at `limit` bytes of a file, in the middle of a transaction; gives what became of it. */
static enum rule fill_disk(struct archive_db *db, rlim_t limit)
{
    static uint8_t big[2 * 1024 * 1024];
    int64_t id;
    enum rule rule = archive_db_begin(db);
    limit_file_size(limit);
    for (uint8_t i = 0; i < 4 && rule == RULE_OK; i++) {
        struct archive_record r = make_record((uint8_t)(200 + i), 7);
        r.ciphertext = span_of(big, sizeof big);
        rule = archive_db_append(db, &r, &id);
    }
    enum rule committed = archive_db_commit(db);
    limit_file_size(RLIM_INFINITY);
    return committed;
}

static void a_full_disk_keeps_nothing_of_a_transaction_and_everything_before_it(void **state)
{
    struct archive_db *db = open_archive(state);
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    keep(db, 1);
    size_t kept = 1;
    for (rlim_t limit = 0; limit < 6 * 1024 * 1024; limit += 1024 * 1024 + 1000) {
        assert_rule(fill_disk(db, limit), RULE_STORE_GONE);
        assert_int_equal(count_records(db), kept);
        keep(db, (uint8_t)(2 + kept)); /* room again: it goes on */
        assert_int_equal(count_records(db), ++kept);
    }
    archive_db_close(db);
    signal(SIGXFSZ, old);
    assert_int_equal(number_of(archive_path(state), "SELECT count(*) FROM record"), kept);
    assert_int_equal(number_of(archive_path(state), "SELECT count(*) FROM pragma_integrity_check "
                                                    "WHERE integrity_check <> 'ok'"), 0);
}

static void write_at(const char *path, off_t at, struct span bytes)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes.at, bytes.len, at), bytes.len);
    assert_int_equal(close(fd), 0);
}

/* A damaged page: SQLite would give up one statement, and commit the others. */
static void a_transaction_in_which_something_failed_keeps_nothing(void **state)
{
    enum { PAGE = 4096 };
    struct archive_db *db = open_archive(state);
    struct archive_record r = make_record(2, 1);
    int64_t kept = keep(db, 1), id;
    archive_db_close(db);
    execute(archive_path(state), "PRAGMA wal_checkpoint(TRUNCATE)");
    int64_t index = number_of(archive_path(state), "SELECT rootpage FROM sqlite_schema "
                                                   "WHERE name = 'sqlite_autoindex_record_1'");
    assert_true(index > 1);
    write_at(archive_path(state), (index - 1) * PAGE, SPAN("no page of an index"));
    db = open_archive(state);
    assert_rule(archive_db_begin(db), RULE_OK);
    assert_rule(archive_db_complete(db, kept, 200), RULE_OK);
    assert_rule(archive_db_append(db, &r, &id), RULE_STORE_GONE);
    assert_rule(archive_db_commit(db), RULE_STORE_GONE);
    archive_db_close(db);
    assert_int_equal(number_of(archive_path(state), "SELECT status FROM record"), 0);
}

static void an_archive_that_was_moved_away_takes_nothing_and_is_not_begun_anew(void **state)
{
    struct archive_db *db = open_archive(state);
    struct archive_record r = make_record(2, 1);
    int64_t id;
    char away[sizeof(struct scratch)];
    keep(db, 1);
    snprintf(away, sizeof away, "%s.away", archive_path(state));
    assert_rule(archive_db_begin(db), RULE_OK);
    append(db, &r);
    assert_int_equal(rename(archive_path(state), away), 0);
    assert_rule(archive_db_commit(db), RULE_STORE_GONE);
    assert_rule(archive_db_begin(db), RULE_STORE_GONE);
    assert_rule(archive_db_append(db, &r, &id), RULE_STORE_GONE);
    assert_rule(archive_db_complete(db, 1, 200), RULE_STORE_GONE);
    assert_rule(archive_db_commit(db), RULE_STORE_GONE);
    assert_int_not_equal(access(archive_path(state), F_OK), 0);
    assert_int_equal(rename(away, archive_path(state)), 0);
    keep(db, 2);
    assert_int_equal(count_records(db), 2);
    archive_db_close(db);
}

static void an_archive_that_may_not_be_written_is_not_opened_for_writing(void **state)
{
    struct archive_db *db = open_archive(state);
    struct scratch *s = *state;
    uid_t user = geteuid();
    keep(db, 1);
    archive_db_close(db);
    if (user == 0) { /* root may write everything */
        static const char *const names[] = {"", "archive.db", "archive.db-wal", "archive.db-shm"};
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            assert_int_equal(chown(scratch_path(s, names[i]), 65534, 65534), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    assert_int_equal(chmod(archive_path(state), 0400), 0);
    enum rule written = archive_db_open(archive_path(state), false, &db);
    enum rule read = archive_db_open(archive_path(state), true, &db);
    assert_int_equal(seteuid(user), 0);
    assert_rule(written, RULE_FILE);
    assert_rule(read, RULE_OK);
    assert_int_equal(count_records(db), 1);
    archive_db_close(db);
}

/* --- files --- */

static void a_new_archive_is_for_its_owner_alone(void **state)
{
    static const char *const names[] = {"archive.db", "archive.db-wal", "archive.db-shm"};
    mode_t old = umask(0);
    struct archive_db *db = open_archive(state);
    umask(old);
    keep(db, 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat status;
        assert_int_equal(stat(scratch_path(*state, names[i]), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    archive_db_close(db);
}

static void a_path_is_only_a_path(void **state)
{
    static const char *const names[] = {":memory:", "file:hidden?mode=memory"};
    char before[PATH_MAX];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(((struct scratch *)*state)->folder), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct archive_db *db;
        assert_rule(archive_db_open(names[i], false, &db), RULE_OK);
        keep(db, 1);
        archive_db_close(db);
        assert_rule(archive_db_open(names[i], true, &db), RULE_OK);
        assert_int_equal(count_records(db), 1);
        archive_db_close(db);
    }
    assert_int_equal(chdir(before), 0);
}

static void write_file(const char *path, struct span bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.at, 1, bytes.len, f), bytes.len);
    assert_int_equal(fclose(f), 0);
}

static void assert_refused(const char *path, enum rule why)
{
    struct archive_db *db;
    for (int read_only = 0; read_only < 2; read_only++) {
        assert_rule(archive_db_open(path, read_only, &db), why);
        assert_null(db);
    }
}

static void what_is_no_archive_of_this_version_is_refused_and_left_as_it_is(void **state)
{
    struct archive_db *db;
    struct store_db *replay;
    char path[sizeof(struct scratch)];
    snprintf(path, sizeof path, "%s", archive_path(state));

    write_file(path, SPAN("this is a text, and long enough that it could be the head of something; but it is not one, "
                          "whatever its name says of it and however often one looks at it, again and again"));
    assert_refused(path, RULE_FILE_FORMAT);
    assert_int_equal(remove(path), 0);

    execute(path, "CREATE TABLE somebodys (data TEXT)");
    assert_refused(path, RULE_FILE_FORMAT);
    assert_int_equal(number_of(path, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_int_equal(remove(path), 0);

    assert_rule(store_db_open(path, &replay), RULE_OK);
    store_db_close(replay);
    assert_refused(path, RULE_FILE_FORMAT);
    assert_int_equal(remove(path), 0);

    db = open_archive(state);
    archive_db_close(db);
    execute(path, "PRAGMA user_version = 2"); /* of a later sipseal */
    assert_refused(path, RULE_FILE_FORMAT);
    execute(path, "PRAGMA user_version = 1; PRAGMA application_id = 1"); /* of somebody else */
    assert_refused(path, RULE_FILE_FORMAT);
    execute(path, "PRAGMA application_id = 1397312577; DROP TABLE record");
    assert_refused(path, RULE_FILE_FORMAT);
}

static void a_missing_file_is_made_only_for_writing(void **state)
{
    struct archive_db *db;
    assert_rule(archive_db_open(archive_path(state), true, &db), RULE_FILE);
    assert_int_not_equal(access(archive_path(state), F_OK), 0);
    write_file(archive_path(state), SPAN("")); /* as a crash right after making it leaves it */
    assert_rule(archive_db_open(archive_path(state), true, &db), RULE_FILE_FORMAT);
    db = open_archive(state);
    keep(db, 1);
    archive_db_close(db);
    assert_rule(archive_db_open(scratch_path(*state, "no/folder.db"), false, &db), RULE_FILE);
    assert_rule(archive_db_open(((struct scratch *)*state)->folder, false, &db), RULE_FILE);
}

/* docs/archive.md, Backup and retention. */
static void a_backup_made_while_it_is_written_is_an_archive(void **state)
{
    struct archive_db *db = open_archive(state), *copy;
    char sql[sizeof(struct scratch) + 32];
    struct archive_record r = make_record(2, 1);
    keep(db, 1);
    assert_rule(archive_db_begin(db), RULE_OK);
    append(db, &r);
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", scratch_path(*state, "backup.db"));
    execute(archive_path(state), sql);
    assert_rule(archive_db_commit(db), RULE_OK);
    archive_db_close(db);
    for (int read_only = 1; read_only >= 0; read_only--) {
        assert_rule(archive_db_open(scratch_path(*state, "backup.db"), read_only, &copy), RULE_OK);
        assert_int_equal(count_records(copy), 1);
        archive_db_close(copy);
    }
}

static void nothing_in_the_file_runs(void **state)
{
    struct archive_db *db = open_archive(state);
    keep(db, 1);
    archive_db_close(db);
    execute(archive_path(state), "CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record; END");
    db = open_archive(state);
    keep(db, 2);
    assert_int_equal(count_records(db), 2);
    archive_db_close(db);
}

static void a_row_that_makes_no_sense_is_a_fault_of_the_file(void **state)
{
    static const char *const faults[] = {
        "UPDATE record SET proof = 'certain'", "UPDATE record SET signature = 'fine'", "UPDATE record SET cseq = -1",
        "UPDATE record SET status = 5000000000",
        "PRAGMA ignore_check_constraints = 1; UPDATE record SET archive_key = x'00'",
        "PRAGMA ignore_check_constraints = 1; UPDATE epoch SET id = x'00'",
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct archive_db *db = open_archive(state);
        struct arena arena;
        struct archive_row row;
        size_t count = 0;
        int64_t id = keep(db, 1);
        execute(archive_path(state), faults[i]);
        assert_true(arena_open(&arena, 65536));
        assert_rule(archive_db_each(db, 0, count_one, &count), RULE_FILE_FORMAT);
        assert_rule(archive_db_find(db, id, &arena, &row), RULE_FILE_FORMAT);
        assert_int_equal(count, 0);
        arena_close(&arena);
        archive_db_close(db);
        assert_int_equal(remove(archive_path(state)), 0);
    }
}

static void a_damaged_file_gives_a_rule_and_never_a_crash(void **state)
{
    struct archive_db *db = open_archive(state);
    for (uint8_t i = 1; i < 20; i++)
        keep(db, i);
    archive_db_close(db);
    execute(archive_path(state), "PRAGMA wal_checkpoint(TRUNCATE)");
    int fd = open(archive_path(state), O_RDWR);
    assert_true(fd >= 0);
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t at = 0; at < size; at += at < 200 ? 1 : 61) {
        uint8_t byte, flipped;
        size_t count = 0;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        flipped = byte ^ (uint8_t)(1 << (at % 8));
        assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
        enum rule rule = archive_db_open(archive_path(state), true, &db);
        if (rule == RULE_OK)
            rule = archive_db_each(db, 0, count_one, &count);
        assert_true(rule == RULE_OK || rule == RULE_FILE || rule == RULE_FILE_FORMAT);
        assert_true(count < 20);
        archive_db_close(db);
        db = NULL;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_record_comes_back_as_it_was_given_whatever_its_bytes),
        CASE(an_honest_copy_is_not_added_again_and_gets_the_id_of_the_first),
        CASE(the_key_of_an_epoch_is_kept_once_and_cannot_be_replaced),
        CASE(records_are_visited_oldest_first_from_an_id_on_until_told_to_stop),
        CASE(the_first_final_status_stays_unless_a_later_one_is_a_success),
        CASE(what_was_not_committed_is_not_there),
        CASE(a_reader_sees_what_is_committed_while_the_writer_writes),
        CASE(a_full_disk_keeps_nothing_of_a_transaction_and_everything_before_it),
        CASE(a_transaction_in_which_something_failed_keeps_nothing),
        CASE(an_archive_that_was_moved_away_takes_nothing_and_is_not_begun_anew),
        CASE(an_archive_that_may_not_be_written_is_not_opened_for_writing),
        CASE(a_new_archive_is_for_its_owner_alone),
        CASE(a_path_is_only_a_path),
        CASE(what_is_no_archive_of_this_version_is_refused_and_left_as_it_is),
        CASE(a_missing_file_is_made_only_for_writing),
        CASE(a_backup_made_while_it_is_written_is_an_archive),
        CASE(nothing_in_the_file_runs),
        CASE(a_row_that_makes_no_sense_is_a_fault_of_the_file),
        CASE(a_damaged_file_gives_a_rule_and_never_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
