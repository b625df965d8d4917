/* A VFS of SQLite whose write-ahead logs are written in large pieces. SQLite writes each page of a transaction to its log
 * with two calls, and syncs the log when the transaction commits; here what follows on what was written before waits for
 * that sync, so that a commit is one write and one sync. Whatever else is done with the log comes after what waits.
 *
 * Nobody sees the difference: a reader of another process learns of pages in the log only after their sync. */
#ifndef SIPSEAL_SERVICE_DATABASE_LOG_H
#define SIPSEAL_SERVICE_DATABASE_LOG_H

/* The name for sqlite3_open_v2. Null: there is no such VFS, and the default one (null) does the same more slowly. */
const char *database_log_vfs(void);

#endif
