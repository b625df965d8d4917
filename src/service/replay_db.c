#include <stdlib.h>

#include "service/archive_db.h"
#include "service/database.h"

enum { REPLAY_APPLICATION = 0x53494c52 /* "SILR" */, REPLAY_VERSION = 1 };

static const char replay_schema[] = "CREATE TABLE spent ("
                                    " key BLOB PRIMARY KEY CHECK (length(key) = 32),"
                                    " expires INTEGER NOT NULL"
                                    ") STRICT, WITHOUT ROWID;"
                                    "CREATE INDEX spent_expires ON spent (expires);";

enum statement { CHECK, SPEND, EXPIRE };

static const struct database_kind replay_kind = {
    .application_id = REPLAY_APPLICATION,
    .version = REPLAY_VERSION,
    .schema = replay_schema,
    .statement = {
        [CHECK] = "SELECT 1 FROM spent WHERE key = ?1 AND expires >= ?2",
        [SPEND] = "INSERT INTO spent (key, expires) VALUES (?1, ?2)"
                  " ON CONFLICT (key) DO UPDATE SET expires = max(expires, excluded.expires)",
        [EXPIRE] = "DELETE FROM spent WHERE key IN (SELECT key FROM spent WHERE expires < ?1 LIMIT ?2)",
    },
};

struct replay_db {
    struct database database;
};

enum rule replay_db_open(const char *path, struct replay_db **db)
{
    *db = calloc(1, sizeof **db);
    if (!*db)
        return RULE_NO_MEMORY;
    enum rule rule = database_open(&(*db)->database, path, DATABASE_CREATE, &replay_kind);
    if (rule != RULE_OK) {
        free(*db);
        *db = NULL;
    }
    return rule;
}

void replay_db_close(struct replay_db *db)
{
    if (db)
        database_close(&db->database);
    free(db);
}

enum rule replay_db_begin(struct replay_db *db)
{
    return database_begin(&db->database);
}

enum rule replay_db_commit(struct replay_db *db)
{
    return database_commit(&db->database);
}

void replay_db_rollback(struct replay_db *db)
{
    database_rollback(&db->database);
}

enum rule replay_db_check(struct replay_db *db, const uint8_t key[REPLAY_KEY_LEN], int64_t now, bool *spent)
{
    sqlite3_stmt *s = database_statement(&db->database, CHECK);
    *spent = true; /* unless it is known to be otherwise */
    if (!s)
        return RULE_STORE_GONE;
    database_bind_blob(s, 1, span_of(key, REPLAY_KEY_LEN));
    sqlite3_bind_int64(s, 2, now);
    int code = sqlite3_step(s);
    database_done(s);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return RULE_STORE_GONE;
    *spent = code == SQLITE_ROW;
    return RULE_OK;
}

static enum rule run(struct replay_db *db, sqlite3_stmt *s)
{
    enum rule rule = database_run(&db->database, s);
    database_done(s);
    return rule;
}

enum rule replay_db_spend(struct replay_db *db, const uint8_t key[REPLAY_KEY_LEN], int64_t expires)
{
    sqlite3_stmt *s = database_statement(&db->database, SPEND);
    if (!s)
        return RULE_STORE_GONE;
    database_bind_blob(s, 1, span_of(key, REPLAY_KEY_LEN));
    sqlite3_bind_int64(s, 2, expires);
    return run(db, s);
}

enum rule replay_db_expire(struct replay_db *db, int64_t now)
{
    sqlite3_stmt *s = database_statement(&db->database, EXPIRE);
    if (!s)
        return RULE_STORE_GONE;
    sqlite3_bind_int64(s, 1, now);
    sqlite3_bind_int(s, 2, REPLAY_EXPIRE_MAX);
    return run(db, s);
}
