#include "test.h"

#include <sqlite3.h>

#include "daemon/store_page.h"
#include "scratch.h"

static const int64_t now = 1795438800;

struct fixture {
    struct scratch scratch;
    struct store_db *db;
    struct store_page page;
};

static void open_store(struct fixture *f)
{
    assert_rule(store_db_open(scratch_path(&f->scratch, "store.db"), &f->db), RULE_OK);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    scratch_make(&f->scratch);
    assert_true(store_page_open(&f->page));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    store_db_close(f->db);
    store_page_close(&f->page);
    scratch_remove(&f->scratch);
    free(f);
    return 0;
}

/* `count` bindings that last for so long, with records of `len` bytes that begin with their number. */
static enum rule put(struct fixture *f, const char *aor, size_t count, size_t len, int64_t seconds)
{
    static uint8_t record[64][IPC_BINDING_MAX];
    struct binding_row row[64];
    for (size_t i = 0; i < count; i++) {
        record[i][0] = (uint8_t)i;
        row[i] = (struct binding_row){.expires = now + seconds, .record = span_of(record[i], len)};
    }
    assert_rule(store_db_begin(f->db), RULE_OK);
    enum rule rule = bindings_db_put(f->db, span_text(aor), row, count);
    enum rule committed = store_db_commit(f->db);
    return rule == RULE_OK ? committed : rule;
}

/* What is given, as "name:number name:number". */
struct seen {
    char text[4096];
    size_t count;
};

static bool see(void *context, const struct binding_row *row)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%s%.*s:%u", len ? " " : "", SPAN_ARGS(row->aor),
             row->record.at[0]);
    seen->count++;
    return true;
}

static const char *kept(struct fixture *f, const char *after, int64_t at)
{
    static struct seen seen;
    seen = (struct seen){0};
    assert_rule(bindings_db_each(f->db, span_text(after), at, see, &seen), RULE_OK);
    return seen.text;
}

static void what_is_put_is_all_that_a_user_has(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    assert_rule(put(f, "sip:b@h", 2, 10, 60), RULE_OK);
    assert_rule(put(f, "sip:a@h", 3, 10, 60), RULE_OK);
    assert_string_equal(kept(f, "", now), "sip:a@h:0 sip:a@h:1 sip:a@h:2 sip:b@h:0 sip:b@h:1");
    assert_rule(put(f, "sip:a@h", 1, 10, 60), RULE_OK);
    assert_rule(put(f, "sip:b@h", 0, 10, 60), RULE_OK);
    assert_string_equal(kept(f, "", now), "sip:a@h:0");
    assert_string_equal(kept(f, "sip:a@h", now), "");
    store_db_close(f->db);
    open_store(f);
    assert_string_equal(kept(f, "", now), "sip:a@h:0");
}

static void what_has_expired_is_not_given_and_is_forgotten_a_bounded_number_at_once(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    assert_rule(put(f, "sip:a@h", 1, 10, 60), RULE_OK);
    assert_rule(put(f, "sip:b@h", 1, 10, 61), RULE_OK);
    assert_string_equal(kept(f, "", now + 59), "sip:a@h:0 sip:b@h:0");
    assert_string_equal(kept(f, "", now + 60), "sip:b@h:0");
    assert_rule(store_db_begin(f->db), RULE_OK);
    assert_rule(bindings_db_expire(f->db, now + 60), RULE_OK);
    assert_rule(store_db_commit(f->db), RULE_OK);
    assert_string_equal(kept(f, "", now), "sip:b@h:0");
    assert_rule(store_db_begin(f->db), RULE_OK);
    for (int i = 0; i < BINDINGS_EXPIRE_MAX + 5; i++) {
        char aor[32];
        const struct binding_row row = {.expires = now - 1, .record = SPAN("r")};
        snprintf(aor, sizeof aor, "sip:u%05d@h", i);
        assert_rule(bindings_db_put(f->db, span_text(aor), &row, 1), RULE_OK);
    }
    assert_rule(bindings_db_expire(f->db, now), RULE_OK);
    assert_rule(store_db_commit(f->db), RULE_OK);
    struct seen seen = {0};
    assert_rule(bindings_db_each(f->db, SPAN(""), 0, see, &seen), RULE_OK);
    assert_int_equal(seen.count, 5 + 1);
}

static void run_sql(struct fixture *f, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(scratch_path(&f->scratch, "store.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void half_of_a_user_is_never_kept(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    assert_rule(put(f, "sip:a@h", 1, 10, 60), RULE_OK);
    store_db_close(f->db);
    run_sql(f, "CREATE UNIQUE INDEX odd ON binding (length(record))"); /* two of equal length cannot be kept */
    open_store(f);
    assert_rule(put(f, "sip:a@h", 2, 11, 60), RULE_STORE_GONE);
    assert_string_equal(kept(f, "", now), "sip:a@h:0");
}

static void a_file_of_the_version_before_gets_what_it_lacks_and_keeps_what_it_has(void **state)
{
    struct fixture *f = *state;
    static const uint8_t key[REPLAY_KEY_LEN] = {1};
    bool spent = false;
    run_sql(f, "PRAGMA application_id=1397312594; PRAGMA user_version=1;"
               "CREATE TABLE spent (key BLOB PRIMARY KEY CHECK (length(key) = 32), expires INTEGER NOT NULL) STRICT,"
               " WITHOUT ROWID; CREATE INDEX spent_expires ON spent (expires);"
               "INSERT INTO spent VALUES (cast(x'01' || zeroblob(31) AS BLOB), 1795438900)");
    open_store(f);
    assert_rule(replay_db_check(f->db, key, now, &spent), RULE_OK);
    assert_true(spent);
    assert_rule(put(f, "sip:a@h", 1, 10, 60), RULE_OK);
    store_db_close(f->db);
    open_store(f);
    assert_string_equal(kept(f, "", now), "sip:a@h:0");
}

static void a_file_of_a_later_version_is_refused(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    store_db_close(f->db);
    run_sql(f, "PRAGMA user_version=3");
    assert_rule(store_db_open(scratch_path(&f->scratch, "store.db"), &f->db), RULE_FILE_FORMAT);
}

/* --- pages --- */

static size_t read_page(struct fixture *f, const char *after)
{
    store_page_read(&f->page, f->db, &(struct ipc_load){.now = now, .after = span_text(after)});
    assert_rule(f->page.bindings.rule, RULE_OK);
    return f->page.bindings.count;
}

static void a_page_holds_whole_users_and_fits_into_a_message(void **state)
{
    struct fixture *f = *state;
    static uint8_t message[IPC_MESSAGE_MAX];
    char last[64] = "";
    size_t users = 0, pages = 0;
    open_store(f);
    for (char user = 'a'; user <= 'h'; user++) {
        char aor[] = "sip:x@h";
        aor[4] = user;
        assert_rule(put(f, aor, IPC_USER_BINDINGS_MAX, IPC_BINDING_MAX, 60), RULE_OK);
    }
    do {
        size_t count = read_page(f, last);
        struct writer w = writer_over(message, sizeof message);
        ipc_write_bindings(&w, &f->page.bindings);
        assert_false(w.full);
        assert_true(count > 0);
        assert_int_equal(count % IPC_USER_BINDINGS_MAX, 0);
        users += count / IPC_USER_BINDINGS_MAX;
        snprintf(last, sizeof last, "%.*s", SPAN_ARGS(f->page.bindings.binding[count - 1].aor));
        pages++;
    } while (!f->page.bindings.last);
    assert_int_equal(users, 8);
    assert_int_equal(pages, 4);
    assert_int_equal(read_page(f, last), 0);
    assert_true(f->page.bindings.last);
}

static void a_page_goes_on_behind_a_user_who_has_more_than_it_holds(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    assert_rule(store_db_begin(f->db), RULE_OK);
    static struct binding_row row[IPC_PAGE_MAX + 1];
    for (size_t i = 0; i <= IPC_PAGE_MAX; i++)
        row[i] = (struct binding_row){.expires = now + 60, .record = SPAN("r")};
    assert_rule(bindings_db_put(f->db, SPAN("sip:a@h"), row, IPC_PAGE_MAX + 1), RULE_OK);
    assert_rule(bindings_db_put(f->db, SPAN("sip:b@h"), row, 1), RULE_OK);
    assert_rule(store_db_commit(f->db), RULE_OK);
    assert_int_equal(read_page(f, ""), IPC_PAGE_MAX);
    assert_false(f->page.bindings.last);
    assert_int_equal(read_page(f, "sip:a@h"), 1);
    assert_true(f->page.bindings.last);
}

static void what_net_would_not_take_is_left_out(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    assert_rule(put(f, "sip:b@h", 1, 10, 60), RULE_OK);
    store_db_close(f->db);
    run_sql(f, "INSERT INTO binding VALUES ('sip:a@h', 0, 1795438900, zeroblob(2561)), ('', 0, 1795438900, x'01'),"
               " ('sip:' || hex(zeroblob(300)) || '@h', 0, 1795438900, x'01'),"
               " (cast(x'61006200' AS TEXT), 0, 1795438900, x'01')");
    open_store(f);
    assert_int_equal(read_page(f, ""), 1);
    assert_span_text(f->page.bindings.binding[0].aor, "sip:b@h");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_is_put_is_all_that_a_user_has),
        CASE(what_has_expired_is_not_given_and_is_forgotten_a_bounded_number_at_once),
        CASE(half_of_a_user_is_never_kept),
        CASE(a_file_of_the_version_before_gets_what_it_lacks_and_keeps_what_it_has),
        CASE(a_file_of_a_later_version_is_refused),
        CASE(a_page_holds_whole_users_and_fits_into_a_message),
        CASE(a_page_goes_on_behind_a_user_who_has_more_than_it_holds),
        CASE(what_net_would_not_take_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
