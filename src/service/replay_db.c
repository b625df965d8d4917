#include "service/store_tables.h"

enum rule replay_db_check(struct store_db *db, const uint8_t key[REPLAY_KEY_LEN], int64_t now, bool *spent)
{
    sqlite3_stmt *s = database_statement(&db->database, REPLAY_CHECK);
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

enum rule replay_db_spend(struct store_db *db, const uint8_t key[REPLAY_KEY_LEN], int64_t expires)
{
    sqlite3_stmt *s = database_statement(&db->database, REPLAY_SPEND);
    if (!s)
        return RULE_STORE_GONE;
    database_bind_blob(s, 1, span_of(key, REPLAY_KEY_LEN));
    sqlite3_bind_int64(s, 2, expires);
    return store_db_run(db, s);
}

enum rule replay_db_expire(struct store_db *db, int64_t now)
{
    sqlite3_stmt *s = database_statement(&db->database, REPLAY_EXPIRE);
    if (!s)
        return RULE_STORE_GONE;
    sqlite3_bind_int64(s, 1, now);
    sqlite3_bind_int(s, 2, REPLAY_EXPIRE_MAX);
    return store_db_run(db, s);
}
