#include "service/archive_db.h"

#include <stdlib.h>

#include "service/database.h"

enum { ARCHIVE_APPLICATION = 0x53494c41 /* "SILA" */, ARCHIVE_VERSION = 1 };

/* Texts are what stood in the message; BLOBs have fixed or bounded lengths. An id is never used again. */
static const char archive_schema[] =
    "CREATE TABLE epoch ("
    " number INTEGER PRIMARY KEY,"
    " id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),"
    " key BLOB NOT NULL CHECK (length(key) > 0)"
    ") STRICT;"
    "CREATE TABLE record ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " archive_key BLOB NOT NULL UNIQUE CHECK (length(archive_key) = 32),"
    " received INTEGER NOT NULL,"
    " method TEXT NOT NULL,"
    " request_uri TEXT NOT NULL,"
    " sender TEXT NOT NULL,"
    " recipient TEXT NOT NULL,"
    " call_id TEXT NOT NULL,"
    " cseq INTEGER NOT NULL,"
    " signer TEXT NOT NULL,"
    " proof TEXT NOT NULL,"
    " signature TEXT NOT NULL,"
    " sealed INTEGER NOT NULL CHECK (sealed IN (0, 1)),"
    " epoch INTEGER NOT NULL REFERENCES epoch (number),"
    " ciphertext BLOB NOT NULL CHECK (length(ciphertext) >= 28),"
    " status INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX record_received ON record (received);";

enum statement {
    FIND_EPOCH,
    ADD_EPOCH,
    FIND_BY_KEY,
    ADD_RECORD,
    COMPLETE,
    EACH,
    FIND_BY_ID,
};

#define ROW_COLUMNS                                                                                                    \
    "record.id, status, archive_key, received, method, request_uri, sender, recipient, call_id, cseq, signer, proof, " \
    "signature, sealed, ciphertext, epoch.id, epoch.key "                                                              \
    "FROM record JOIN epoch ON epoch.number = record.epoch "

static const struct database_kind archive_kind = {
    .application_id = ARCHIVE_APPLICATION,
    .version = ARCHIVE_VERSION,
    .schema = archive_schema,
    .statement = {
        [FIND_EPOCH] = "SELECT number, key FROM epoch WHERE id = ?1",
        [ADD_EPOCH] = "INSERT INTO epoch (id, key) VALUES (?1, ?2)",
        [FIND_BY_KEY] = "SELECT id FROM record WHERE archive_key = ?1",
        [ADD_RECORD] = "INSERT INTO record (archive_key, received, method, request_uri, sender, recipient, call_id,"
                       " cseq, signer, proof, signature, sealed, epoch, ciphertext)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        [COMPLETE] = "UPDATE record SET status = ?2 WHERE id = ?1 AND"
                     " (status = 0 OR (?2 BETWEEN 200 AND 299 AND status NOT BETWEEN 200 AND 299))",
        [EACH] = "SELECT " ROW_COLUMNS "WHERE record.id > ?1 ORDER BY record.id",
        [FIND_BY_ID] = "SELECT " ROW_COLUMNS "WHERE record.id = ?1",
    },
};

struct archive_db {
    struct database database;
};

enum rule archive_db_open(const char *path, bool read_only, struct archive_db **db)
{
    *db = calloc(1, sizeof **db);
    if (!*db)
        return RULE_NO_MEMORY;
    enum rule rule = database_open(&(*db)->database, path, read_only ? DATABASE_READ : DATABASE_CREATE, &archive_kind);
    if (rule != RULE_OK) {
        free(*db);
        *db = NULL;
    }
    return rule;
}

void archive_db_close(struct archive_db *db)
{
    if (db)
        database_close(&db->database);
    free(db);
}

enum rule archive_db_begin(struct archive_db *db)
{
    return database_begin(&db->database);
}

enum rule archive_db_commit(struct archive_db *db)
{
    return database_commit(&db->database);
}

void archive_db_rollback(struct archive_db *db)
{
    database_rollback(&db->database);
}

/* --- writing --- */

/* Looks for a row by one blob: `*id` is its first column, 0 when there is none. When `same` is given, the second
 * column must hold those bytes. */
static enum rule find_id(struct database *d, enum statement which, struct span blob, const struct span *same,
                         int64_t *id)
{
    sqlite3_stmt *s = database_statement(d, which);
    enum rule rule = RULE_OK;
    *id = 0;
    if (!s)
        return RULE_STORE_GONE;
    database_bind_blob(s, 1, blob);
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW && same && !span_equal(database_column(s, 1), *same))
        rule = RULE_STORE_GONE;
    else if (code == SQLITE_ROW)
        *id = sqlite3_column_int64(s, 0);
    else if (code != SQLITE_DONE) {
        d->failed = true;
        rule = RULE_STORE_GONE;
    }
    database_done(s);
    return rule;
}

static enum rule add_epoch(struct database *d, struct span id, struct span key, int64_t *number)
{
    sqlite3_stmt *s = database_statement(d, ADD_EPOCH);
    if (!s)
        return RULE_STORE_GONE;
    database_bind_blob(s, 1, id);
    database_bind_blob(s, 2, key);
    enum rule rule = database_run(d, s);
    database_done(s);
    if (rule == RULE_OK)
        *number = sqlite3_last_insert_rowid(d->handle);
    return rule;
}

/* A binding that fails leaves NULL, which no column takes. */
static void bind_record(sqlite3_stmt *s, const struct archive_record *record, int64_t epoch)
{
    const struct archive_meta *m = &record->meta;
    database_bind_blob(s, 1, span_of(m->archive_key, sizeof m->archive_key));
    sqlite3_bind_int64(s, 2, m->received);
    database_bind_text(s, 3, m->method);
    database_bind_text(s, 4, m->request_uri);
    database_bind_text(s, 5, m->from);
    database_bind_text(s, 6, m->to);
    database_bind_text(s, 7, m->call_id);
    sqlite3_bind_int64(s, 8, m->cseq);
    database_bind_text(s, 9, m->signer);
    database_bind_text(s, 10, span_text(archive_proof_name(m->proof)));
    database_bind_text(s, 11, span_text(rule_name(m->signature)));
    sqlite3_bind_int(s, 12, m->sealed);
    sqlite3_bind_int64(s, 13, epoch);
    database_bind_blob(s, 14, record->ciphertext);
}

static enum rule add_record(struct database *d, const struct archive_record *record, int64_t epoch, int64_t *id)
{
    sqlite3_stmt *s = database_statement(d, ADD_RECORD);
    if (!s)
        return RULE_STORE_GONE;
    bind_record(s, record, epoch);
    enum rule rule = database_run(d, s);
    database_done(s);
    if (rule == RULE_OK)
        *id = sqlite3_last_insert_rowid(d->handle);
    return rule;
}

enum rule archive_db_append(struct archive_db *db, const struct archive_record *record, int64_t *id)
{
    struct database *d = &db->database;
    struct span key = span_of(record->meta.archive_key, sizeof record->meta.archive_key);
    struct span epoch_id = span_of(record->epoch, sizeof record->epoch);
    int64_t epoch = 0;
    enum rule rule = find_id(d, FIND_BY_KEY, key, NULL, id);
    if (rule != RULE_OK || *id)
        return rule;
    rule = find_id(d, FIND_EPOCH, epoch_id, &record->epoch_key, &epoch);
    if (rule == RULE_OK && !epoch)
        rule = add_epoch(d, epoch_id, record->epoch_key, &epoch);
    return rule == RULE_OK ? add_record(d, record, epoch, id) : rule;
}

enum rule archive_db_complete(struct archive_db *db, int64_t id, uint32_t status)
{
    struct database *d = &db->database;
    sqlite3_stmt *s = database_statement(d, COMPLETE);
    if (!s)
        return RULE_STORE_GONE;
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, status);
    enum rule rule = database_run(d, s);
    database_done(s);
    return rule;
}

/* --- reading --- */

static bool column_bytes(sqlite3_stmt *s, int column, uint8_t *to, size_t len)
{
    struct span value = database_column(s, column);
    if (value.len != len)
        return false;
    memcpy(to, value.at, len);
    return true;
}

static bool column_u32(sqlite3_stmt *s, int column, uint32_t *to)
{
    int64_t value = sqlite3_column_int64(s, column);
    *to = (uint32_t)value;
    return value >= 0 && value <= UINT32_MAX;
}

/* The columns of ROW_COLUMNS. The file is not trusted: what does not fit is RULE_FILE_FORMAT. */
static enum rule read_row(sqlite3_stmt *s, struct archive_row *row)
{
    struct archive_meta *m = &row->record.meta;
    *row = (struct archive_row){.id = sqlite3_column_int64(s, 0)};
    m->received = sqlite3_column_int64(s, 3);
    m->method = database_column(s, 4);
    m->request_uri = database_column(s, 5);
    m->from = database_column(s, 6);
    m->to = database_column(s, 7);
    m->call_id = database_column(s, 8);
    m->signer = database_column(s, 10);
    m->sealed = sqlite3_column_int(s, 13) != 0;
    row->record.ciphertext = database_column(s, 14);
    row->record.epoch_key = database_column(s, 16);
    bool fits = column_u32(s, 1, &row->status) && column_bytes(s, 2, m->archive_key, sizeof m->archive_key) &&
                column_u32(s, 9, &m->cseq) && archive_proof_of(database_column(s, 11), &m->proof) &&
                archive_rule_of(database_column(s, 12), &m->signature) &&
                column_bytes(s, 15, row->record.epoch, sizeof row->record.epoch);
    return fits ? RULE_OK : RULE_FILE_FORMAT;
}

enum rule archive_db_each(struct archive_db *db, int64_t after,
                          bool (*visit)(void *context, const struct archive_row *row), void *context)
{
    sqlite3_stmt *s = database_statement(&db->database, EACH);
    struct archive_row row;
    enum rule rule = RULE_OK;
    int code = SQLITE_ROW;
    bool on = true;
    if (!s)
        return RULE_FILE;
    sqlite3_bind_int64(s, 1, after);
    while (on && rule == RULE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        rule = read_row(s, &row);
        on = rule == RULE_OK && visit(context, &row);
    }
    database_done(s);
    return rule == RULE_OK ? database_fault(code) : rule;
}

static bool keep_row(struct archive_row *row, struct arena *arena)
{
    struct archive_record *r = &row->record;
    struct span *span[] = {&r->meta.method, &r->meta.request_uri, &r->meta.from, &r->meta.to,
                           &r->meta.call_id, &r->meta.signer, &r->epoch_key, &r->ciphertext};
    bool ok = true;
    for (size_t i = 0; i < sizeof span / sizeof span[0] && ok; i++)
        *span[i] = arena_copy(arena, *span[i], &ok);
    return ok;
}

enum rule archive_db_find(struct archive_db *db, int64_t id, struct arena *arena, struct archive_row *row)
{
    sqlite3_stmt *s = database_statement(&db->database, FIND_BY_ID);
    if (!s)
        return RULE_FILE;
    sqlite3_bind_int64(s, 1, id);
    int code = sqlite3_step(s);
    enum rule rule = code == SQLITE_DONE ? RULE_ARCHIVE_NO_RECORD : database_fault(code);
    if (code == SQLITE_ROW)
        rule = read_row(s, row);
    if (rule == RULE_OK && !keep_row(row, arena))
        rule = RULE_NO_MEMORY;
    database_done(s);
    return rule;
}
