/* The archive and the replay memory on disk (SQLite): no SIP, no keys. */
#ifndef SIPSEAL_SERVICE_ARCHIVE_DB_H
#define SIPSEAL_SERVICE_ARCHIVE_DB_H

#include "service/archive.h"

struct archive_db;

/* Opens (and creates, unless `read_only`) the archive. RULE_FILE, RULE_FILE_FORMAT. */
enum rule archive_db_open(const char *path, bool read_only, struct archive_db **db);
void archive_db_close(struct archive_db *db);

/* Group commit: everything between begin and commit is durable when commit returns RULE_OK, or none of it is. */
enum rule archive_db_begin(struct archive_db *db);
enum rule archive_db_commit(struct archive_db *db);
void archive_db_rollback(struct archive_db *db);

/* Adds a record; a record with the same archive key is not added again and its id is given. */
enum rule archive_db_append(struct archive_db *db, const struct archive_record *record, int64_t *id);
/* Notes the final response of the message. A later 2xx replaces an earlier other status, never the reverse. */
enum rule archive_db_complete(struct archive_db *db, int64_t id, uint32_t status);

struct archive_row {
    int64_t id;
    uint32_t status; /* 0: none yet */
    struct archive_record record;
};
/* Calls `visit` for each record, oldest first, from id `after` on; spans live only during the call. Stops when it
 * returns false. */
enum rule archive_db_each(struct archive_db *db, int64_t after, bool (*visit)(void *context, const struct archive_row *row),
                          void *context);
enum rule archive_db_find(struct archive_db *db, int64_t id, struct arena *arena, struct archive_row *row);

/* --- replay memory (protocol.md 2.1) --- */

struct replay_db;
enum rule replay_db_open(const char *path, struct replay_db **db);
void replay_db_close(struct replay_db *db);
/* Whether the key was spent and has not expired at `now`. */
enum rule replay_db_check(struct replay_db *db, const uint8_t key[32], int64_t now, bool *spent);
enum rule replay_db_begin(struct replay_db *db);
enum rule replay_db_spend(struct replay_db *db, const uint8_t key[32], int64_t expires);
enum rule replay_db_commit(struct replay_db *db);
/* Forgets what has expired. */
enum rule replay_db_expire(struct replay_db *db, int64_t now);

#endif
