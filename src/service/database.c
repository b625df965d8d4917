#include "service/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/database_log.h"

enum rule database_fault(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return RULE_OK;
    case SQLITE_NOMEM:
        return RULE_NO_MEMORY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_FORMAT:
    case SQLITE_MISMATCH:
    case SQLITE_ERROR: /* a table or column that should be there is not */
    case SQLITE_SCHEMA:
        return RULE_FILE_FORMAT;
    default:
        return RULE_FILE;
    }
}

/* --- opening --- */

/* SQLite gives special meaning to "", ":memory:" and "file:..."; a path with a slash in front of it is only a path. */
static char *plain_path(const char *path)
{
    size_t room = strlen(path) + sizeof "./";
    char *plain = malloc(room);
    if (plain)
        snprintf(plain, room, "%s%s", path[0] == '/' ? "" : "./", path);
    return plain;
}

/* Makes an empty file that only its owner may read. A file that is there keeps its mode, and is not even opened:
 * closing it would drop SQLite's locks on it (POSIX advisory locks belong to the process). */
static enum rule make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? RULE_OK : RULE_FILE;
    /* A later transaction makes the directory entry durable: SQLite syncs the folder when it makes its log there. */
    return close(fd) == 0 ? RULE_OK : RULE_FILE;
}

static enum rule execute(struct database *d, const char *sql)
{
    return database_fault(sqlite3_exec(d->handle, sql, NULL, NULL, NULL));
}

static enum rule read_number(struct database *d, const char *sql, int64_t *number)
{
    sqlite3_stmt *s;
    int code = sqlite3_prepare_v2(d->handle, sql, -1, &s, NULL);
    if (code != SQLITE_OK)
        return database_fault(code);
    code = sqlite3_step(s);
    *number = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    return code == SQLITE_ROW ? RULE_OK : database_fault(code);
}

/* The file may have been altered by others, or be one that somebody sent: nothing in it may run. */
static enum rule distrust(struct database *d)
{
    int code = SQLITE_OK;
    if (code == SQLITE_OK)
        code = sqlite3_db_config(d->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(d->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(d->handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(d->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return database_fault(code);
}

static bool can_upgrade(const struct database_kind *kind, int64_t version)
{
    for (int64_t v = version; v < kind->version; v++)
        if (v < 1 || v > DATABASE_UPGRADES_MAX || !kind->upgrade[v - 1])
            return false;
    return version <= kind->version;
}

/* 0: nothing is in the file yet. */
static enum rule read_version(struct database *d, int64_t *version)
{
    int64_t application = 0, tables = 0;
    enum rule rule = read_number(d, "PRAGMA user_version", version);
    if (rule == RULE_OK)
        rule = read_number(d, "PRAGMA application_id", &application);
    if (rule == RULE_OK)
        rule = read_number(d, "SELECT count(*) FROM sqlite_schema", &tables);
    if (rule != RULE_OK || (*version == 0 && application == 0 && tables == 0))
        return rule;
    return application == d->kind->application_id && can_upgrade(d->kind, *version) ? RULE_OK : RULE_FILE_FORMAT;
}

static enum rule mark(struct database *d)
{
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d", d->kind->application_id,
             d->kind->version);
    return execute(d, sql);
}

/* In one transaction, looked at again inside it: another process may have been faster. */
static enum rule make_schema(struct database *d)
{
    int64_t version = 0;
    enum rule rule = execute(d, "BEGIN IMMEDIATE");
    if (rule != RULE_OK)
        return rule;
    rule = read_version(d, &version);
    if (rule == RULE_OK && version == 0)
        rule = execute(d, d->kind->schema);
    for (int64_t v = version; v > 0 && v < d->kind->version && rule == RULE_OK; v++)
        rule = execute(d, d->kind->upgrade[v - 1]);
    if (rule == RULE_OK)
        rule = mark(d);
    if (rule == RULE_OK)
        rule = execute(d, "COMMIT");
    if (rule != RULE_OK)
        execute(d, "ROLLBACK");
    return rule;
}

/* The log stays beside the file when it is closed, so that a reader who may not write in the folder can open it. */
static enum rule write_durably(struct database *d)
{
    static const char *const pragmas[] = {
        "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", "PRAGMA temp_store=MEMORY",
        "PRAGMA wal_autocheckpoint=4000", /* pages, 16 MB: a page that changes often is then copied back less often */
    };
    int64_t level = 0;
    int stays = 1;
    /* SQLite opens a file that it may not write for reading, and says nothing. */
    enum rule rule = sqlite3_db_readonly(d->handle, "main") == 0 ? RULE_OK : RULE_FILE;
    for (size_t i = 0; i < sizeof pragmas / sizeof pragmas[0] && rule == RULE_OK; i++)
        rule = execute(d, pragmas[i]);
    if (rule == RULE_OK)
        rule = read_number(d, "SELECT (SELECT journal_mode = 'wal' FROM pragma_journal_mode) AND "
                              "(SELECT synchronous = 2 FROM pragma_synchronous) AND "
                              "(SELECT foreign_keys = 1 FROM pragma_foreign_keys)", &level);
    if (rule == RULE_OK && !level)
        rule = RULE_FILE;
    if (rule == RULE_OK)
        rule = database_fault(sqlite3_file_control(d->handle, "main", SQLITE_FCNTL_PERSIST_WAL, &stays));
    return rule;
}

static enum rule prepare(struct database *d)
{
    for (size_t i = 0; i < DATABASE_STATEMENTS_MAX && d->kind->statement[i]; i++) {
        int code = sqlite3_prepare_v3(d->handle, d->kind->statement[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &d->statement[i], NULL);
        if (code != SQLITE_OK)
            return database_fault(code);
    }
    return RULE_OK;
}

static enum rule open_as(struct database *d, enum database_mode mode)
{
    int64_t version = 0;
    int flags = (mode == DATABASE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX;
    enum rule rule = mode == DATABASE_CREATE ? make_file(d->path) : RULE_OK;
    if (rule == RULE_OK)
        rule = database_fault(sqlite3_open_v2(d->path, &d->handle, flags,
                                              mode == DATABASE_READ ? NULL : database_log_vfs()));
    if (rule == RULE_OK)
        rule = database_fault(sqlite3_busy_timeout(d->handle, DATABASE_BUSY_MS));
    if (rule == RULE_OK)
        rule = distrust(d);
    if (rule == RULE_OK)
        rule = read_version(d, &version);
    if (rule == RULE_OK && version < d->kind->version && mode != DATABASE_CREATE)
        rule = RULE_FILE_FORMAT;
    if (rule == RULE_OK && mode != DATABASE_READ)
        rule = write_durably(d);
    if (rule == RULE_OK && version < d->kind->version)
        rule = make_schema(d);
    return rule == RULE_OK ? prepare(d) : rule;
}

static void close_handle(struct database *d)
{
    for (size_t i = 0; i < DATABASE_STATEMENTS_MAX; i++) {
        sqlite3_finalize(d->statement[i]);
        d->statement[i] = NULL;
    }
    sqlite3_close(d->handle);
    d->handle = NULL;
}

/* SQLite seeds its random numbers from a file when it first wants one; a fenced store can then no longer open it. */
static void seed(void)
{
    char byte;
    sqlite3_randomness(sizeof byte, &byte);
}

enum rule database_open(struct database *d, const char *path, enum database_mode mode,
                        const struct database_kind *kind)
{
    *d = (struct database){.kind = kind, .path = plain_path(path)};
    seed();
    enum rule rule = d->path ? open_as(d, mode) : RULE_NO_MEMORY;
    if (rule != RULE_OK)
        database_close(d);
    return rule;
}

void database_close(struct database *d)
{
    close_handle(d);
    free(d->path);
    *d = (struct database){0};
}

/* --- transactions --- */

static bool has_moved(struct database *d)
{
    int moved = 1;
    return sqlite3_file_control(d->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || moved;
}

enum rule database_begin(struct database *d)
{
    d->failed = false;
    if (d->handle && has_moved(d))
        close_handle(d);
    if (!d->handle && open_as(d, DATABASE_WRITE) != RULE_OK)
        close_handle(d);
    if (!d->handle || sqlite3_db_readonly(d->handle, "main") != 0 || execute(d, "BEGIN IMMEDIATE") != RULE_OK) {
        database_rollback(d);
        return RULE_STORE_GONE;
    }
    return RULE_OK;
}

void database_rollback(struct database *d)
{
    /* Some faults have already ended the transaction (SQLite, "Response To Errors Within A Transaction"). */
    if (d->handle && !sqlite3_get_autocommit(d->handle))
        execute(d, "ROLLBACK");
}

enum rule database_commit(struct database *d)
{
    /* A fault that ended the transaction by itself must not let what followed it pass for committed. */
    bool open = d->handle && !sqlite3_get_autocommit(d->handle);
    if (open && !d->failed && !has_moved(d) && execute(d, "COMMIT") == RULE_OK)
        return RULE_OK;
    database_rollback(d);
    return RULE_STORE_GONE;
}

/* --- statements --- */

sqlite3_stmt *database_statement(struct database *d, size_t index)
{
    return d->handle ? d->statement[index] : NULL;
}

void database_done(sqlite3_stmt *s)
{
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
}

enum rule database_run(struct database *d, sqlite3_stmt *s)
{
    /* Outside a transaction, also one that a fault has ended, every statement would be kept by itself. */
    int code = sqlite3_get_autocommit(d->handle) ? SQLITE_MISUSE : sqlite3_step(s);
    if (code == SQLITE_DONE)
        return RULE_OK;
    if ((code & 0xff) != SQLITE_CONSTRAINT)
        d->failed = true;
    return RULE_STORE_GONE;
}

void database_bind_blob(sqlite3_stmt *s, int parameter, struct span value)
{
    sqlite3_bind_blob64(s, parameter, value.len ? (const void *)value.at : "", value.len, SQLITE_STATIC);
}

void database_bind_text(sqlite3_stmt *s, int parameter, struct span value)
{
    sqlite3_bind_text64(s, parameter, value.len ? (const char *)value.at : "", value.len, SQLITE_STATIC, SQLITE_UTF8);
}

struct span database_column(sqlite3_stmt *s, int column)
{
    /* As a blob: texts come as the bytes that they were, also where those are not UTF-8. */
    const void *at = sqlite3_column_blob(s, column);
    return span_of(at, (size_t)sqlite3_column_bytes(s, column));
}
