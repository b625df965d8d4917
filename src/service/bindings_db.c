#include "service/store_tables.h"

static enum rule put_row(struct store_db *db, struct span aor, int number, const struct binding_row *row)
{
    sqlite3_stmt *s = database_statement(&db->database, BINDINGS_ADD);
    if (!s)
        return RULE_STORE_GONE;
    database_bind_text(s, 1, aor);
    sqlite3_bind_int(s, 2, number);
    sqlite3_bind_int64(s, 3, row->expires);
    database_bind_blob(s, 4, row->record);
    return store_db_run(db, s);
}

enum rule bindings_db_put(struct store_db *db, struct span aor, const struct binding_row *row, size_t count)
{
    sqlite3_stmt *s = database_statement(&db->database, BINDINGS_REMOVE);
    if (!s)
        return RULE_STORE_GONE;
    database_bind_text(s, 1, aor);
    enum rule rule = store_db_run(db, s);
    for (size_t i = 0; rule == RULE_OK && i < count; i++)
        rule = put_row(db, aor, (int)i, &row[i]);
    if (rule != RULE_OK)
        db->database.failed = true; /* a user with half of his bindings is none */
    return rule;
}

enum rule bindings_db_each(struct store_db *db, struct span after, int64_t now,
                           bool (*visit)(void *context, const struct binding_row *row), void *context)
{
    sqlite3_stmt *s = database_statement(&db->database, BINDINGS_EACH);
    int code = SQLITE_DONE;
    bool more = true;
    if (!s)
        return RULE_STORE_GONE;
    database_bind_text(s, 1, after);
    sqlite3_bind_int64(s, 2, now);
    while (more && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const struct binding_row row = {database_column(s, 0), sqlite3_column_int64(s, 1), database_column(s, 2)};
        more = visit(context, &row);
    }
    database_done(s);
    return !more || code == SQLITE_DONE ? RULE_OK : RULE_STORE_GONE;
}

enum rule bindings_db_expire(struct store_db *db, int64_t now)
{
    sqlite3_stmt *s = database_statement(&db->database, BINDINGS_EXPIRE);
    if (!s)
        return RULE_STORE_GONE;
    sqlite3_bind_int64(s, 1, now);
    sqlite3_bind_int(s, 2, BINDINGS_EXPIRE_MAX);
    return store_db_run(db, s);
}
