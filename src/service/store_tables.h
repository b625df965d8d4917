/* What the files of the store on disk share. */
#ifndef SIPSEAL_SERVICE_STORE_TABLES_H
#define SIPSEAL_SERVICE_STORE_TABLES_H

#include "service/database.h"
#include "service/store_db.h"

struct store_db {
    struct database database;
};

enum store_statement {
    REPLAY_CHECK,
    REPLAY_SPEND,
    REPLAY_EXPIRE,
    BINDINGS_REMOVE,
    BINDINGS_ADD,
    BINDINGS_EACH,
    BINDINGS_EXPIRE,
};

/* Runs a statement that gives no row, and gives it back. */
enum rule store_db_run(struct store_db *db, sqlite3_stmt *s);

#endif
