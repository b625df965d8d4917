/* The archive on disk (SQLite): no SIP, no keys.
 *
 * Opening and reading give RULE_FILE (cannot be read or written), RULE_FILE_FORMAT (not such a file, of another
 * version, or damaged) and RULE_NO_MEMORY. Writing gives RULE_STORE_GONE whatever the cause: the disk is full, read-only or
 * gone, or the file was moved away; nothing of the transaction is then kept, and a later `begin` tries again. */
#ifndef SIPSEAL_SERVICE_ARCHIVE_DB_H
#define SIPSEAL_SERVICE_ARCHIVE_DB_H

#include "service/archive.h"

struct archive_db;

/* Opens (and creates with mode 0600, unless `read_only`) the archive. It can be opened read-only, by the same user,
 * while the daemon writes. */
enum rule archive_db_open(const char *path, bool read_only, struct archive_db **db);
void archive_db_close(struct archive_db *db); /* null is allowed; what is not committed is not kept */

/* Group commit: everything between begin and commit is durable when commit returns RULE_OK, or none of it is. A
 * commit after something between them failed keeps nothing either. */
enum rule archive_db_begin(struct archive_db *db);
enum rule archive_db_commit(struct archive_db *db);
void archive_db_rollback(struct archive_db *db);

/* Adds a record; a record with the same archive key is not added again and the id of the first is given. The key of an
 * epoch is kept once; a record that brings another key for the same epoch is refused. */
enum rule archive_db_append(struct archive_db *db, const struct archive_record *record, int64_t *id);
/* Notes the final response of the message. The first one stays, but a later 2xx replaces an earlier other status. An
 * id that is not in the archive changes nothing. */
enum rule archive_db_complete(struct archive_db *db, int64_t id, uint32_t status);

struct archive_row {
    int64_t id;
    uint32_t status; /* 0: none yet */
    struct archive_record record;
};
/* Calls `visit` for each record with an id above `after`, oldest first; spans live only during the call. Stops when it
 * returns false. */
enum rule archive_db_each(struct archive_db *db, int64_t after,
                          bool (*visit)(void *context, const struct archive_row *row), void *context);
/* RULE_ARCHIVE_NO_RECORD when there is none with this id. Its bytes are copied to the arena. */
enum rule archive_db_find(struct archive_db *db, int64_t id, struct arena *arena, struct archive_row *row);

#endif
