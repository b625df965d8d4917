#include "service/store_db.h"

#include <stdlib.h>

#include "service/store_tables.h"

enum { STORE_APPLICATION = 0x53494c52 /* "SILR" */, STORE_VERSION = 2 };

#define SPENT_TABLE                                                                                                    \
    "CREATE TABLE spent ("                                                                                             \
    " key BLOB PRIMARY KEY CHECK (length(key) = 32),"                                                                  \
    " expires INTEGER NOT NULL"                                                                                        \
    ") STRICT, WITHOUT ROWID;"                                                                                         \
    "CREATE INDEX spent_expires ON spent (expires);"

#define BINDING_TABLE                                                                                                  \
    "CREATE TABLE binding ("                                                                                           \
    " aor TEXT NOT NULL,"                                                                                              \
    " number INTEGER NOT NULL," /* of one user: the one registered first has the lowest */                             \
    " expires INTEGER NOT NULL,"                                                                                       \
    " record BLOB NOT NULL,"                                                                                           \
    " PRIMARY KEY (aor, number)"                                                                                       \
    ") STRICT, WITHOUT ROWID;"                                                                                         \
    "CREATE INDEX binding_expires ON binding (expires);"

static const struct database_kind store_kind = {
    .application_id = STORE_APPLICATION,
    .version = STORE_VERSION,
    .schema = SPENT_TABLE BINDING_TABLE,
    .upgrade = {BINDING_TABLE},
    .statement = {
        [REPLAY_CHECK] = "SELECT 1 FROM spent WHERE key = ?1 AND expires >= ?2",
        [REPLAY_SPEND] = "INSERT INTO spent (key, expires) VALUES (?1, ?2)"
                         " ON CONFLICT (key) DO UPDATE SET expires = max(expires, excluded.expires)",
        [REPLAY_EXPIRE] = "DELETE FROM spent WHERE key IN (SELECT key FROM spent WHERE expires < ?1 LIMIT ?2)",
        [BINDINGS_REMOVE] = "DELETE FROM binding WHERE aor = ?1",
        [BINDINGS_ADD] = "INSERT INTO binding (aor, number, expires, record) VALUES (?1, ?2, ?3, ?4)",
        [BINDINGS_EACH] = "SELECT aor, expires, record FROM binding WHERE aor > ?1 AND expires > ?2"
                          " ORDER BY aor, number",
        [BINDINGS_EXPIRE] = "DELETE FROM binding WHERE (aor, number) IN"
                            " (SELECT aor, number FROM binding WHERE expires <= ?1 LIMIT ?2)",
    },
};

enum rule store_db_open(const char *path, struct store_db **db)
{
    *db = calloc(1, sizeof **db);
    if (!*db)
        return RULE_NO_MEMORY;
    enum rule rule = database_open(&(*db)->database, path, DATABASE_CREATE, &store_kind);
    if (rule != RULE_OK) {
        free(*db);
        *db = NULL;
    }
    return rule;
}

void store_db_close(struct store_db *db)
{
    if (db)
        database_close(&db->database);
    free(db);
}

enum rule store_db_begin(struct store_db *db)
{
    return database_begin(&db->database);
}

enum rule store_db_commit(struct store_db *db)
{
    return database_commit(&db->database);
}

void store_db_rollback(struct store_db *db)
{
    database_rollback(&db->database);
}

enum rule store_db_run(struct store_db *db, sqlite3_stmt *s)
{
    enum rule rule = database_run(&db->database, s);
    database_done(s);
    return rule;
}
