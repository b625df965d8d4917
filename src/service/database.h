/* One SQLite file and one process that writes it: opening, durability, transactions. What stands in the file is the
 * business of archive_db.c and store_db.c.
 *
 * Write-ahead log with synchronous=FULL: a transaction is on the disk when its commit returns. Readers of other
 * processes are not in the way. */
#ifndef SIPSEAL_SERVICE_DATABASE_H
#define SIPSEAL_SERVICE_DATABASE_H

#include <sqlite3.h>

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

enum { DATABASE_STATEMENTS_MAX = 8, DATABASE_UPGRADES_MAX = 4, DATABASE_BUSY_MS = 5000 };

/* What kind of file it is, and the statements that are prepared when it is opened. */
struct database_kind {
    int application_id; /* tells this kind of file from every other */
    int version;        /* of the schema; a file of a later version is refused, and one of an earlier version too, unless
                           what leads from there to here is known */
    const char *schema;
    const char *upgrade[DATABASE_UPGRADES_MAX]; /* upgrade[n] makes version n + 2 of version n + 1 */
    const char *statement[DATABASE_STATEMENTS_MAX];
};

struct database {
    const struct database_kind *kind;
    char *path;      /* owned */
    sqlite3 *handle; /* null after the file was lost; database_begin tries to open it again */
    sqlite3_stmt *statement[DATABASE_STATEMENTS_MAX];
    bool failed; /* something in the open transaction failed: it will not be committed */
};

enum database_mode {
    DATABASE_READ,
    DATABASE_WRITE,  /* the file must be there */
    DATABASE_CREATE, /* made, for its owner alone, when it is not there */
};

/* On failure nothing is to be closed. RULE_FILE, RULE_FILE_FORMAT, RULE_NO_MEMORY. */
enum rule database_open(struct database *d, const char *path, enum database_mode mode,
                        const struct database_kind *kind);
void database_close(struct database *d);

/* Begins a transaction that may write. A file that was moved away is opened again under its path, but never made anew:
 * an archive that vanished is not silently begun again. RULE_STORE_GONE. */
enum rule database_begin(struct database *d);
/* RULE_STORE_GONE: nothing of the transaction is kept. */
enum rule database_commit(struct database *d);
void database_rollback(struct database *d);

/* A prepared statement without bindings, to be given back by database_done; null when the file is lost. */
sqlite3_stmt *database_statement(struct database *d, size_t index);
void database_done(sqlite3_stmt *s);

/* Runs a statement that gives no row. A fault marks the transaction as failed, except that a row which breaks a
 * constraint is refused alone. RULE_STORE_GONE. */
enum rule database_run(struct database *d, sqlite3_stmt *s);

/* The rule for a result code of SQLite where a file is opened or read. */
enum rule database_fault(int code);

/* Spans as they are, empty ones too; they must live until the statement is reset. */
void database_bind_blob(sqlite3_stmt *s, int parameter, struct span value);
void database_bind_text(sqlite3_stmt *s, int parameter, struct span value);
/* Lives until the statement is stepped or reset. */
struct span database_column(sqlite3_stmt *s, int column);

#endif
