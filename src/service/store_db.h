/* The store on disk (SQLite): the replay memory (protocol.md 2.1), and who is registered. No SIP, no keys.
 *
 * Opening gives RULE_FILE (cannot be read or written), RULE_FILE_FORMAT (not such a file, of a later version, or damaged)
 * and RULE_NO_MEMORY; a file of an earlier version becomes one of this version. All else gives RULE_STORE_GONE whatever
 * the cause, as with the archive (archive_db.h). */
#ifndef SIPSEAL_SERVICE_STORE_DB_H
#define SIPSEAL_SERVICE_STORE_DB_H

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

struct store_db;

enum rule store_db_open(const char *path, struct store_db **db);
void store_db_close(struct store_db *db); /* null is allowed; what is not committed is not kept */

/* Group commit, as that of the archive. */
enum rule store_db_begin(struct store_db *db);
enum rule store_db_commit(struct store_db *db);
void store_db_rollback(struct store_db *db);

/* --- replay memory --- */

enum { REPLAY_KEY_LEN = 32, REPLAY_EXPIRE_MAX = 10000 };

/* Whether the key was spent, in this transaction or before, and has not expired at `now`: a key is kept up to and with
 * the second `expires`. RULE_STORE_GONE when that cannot be told. */
enum rule replay_db_check(struct store_db *db, const uint8_t key[REPLAY_KEY_LEN], int64_t now, bool *spent);
enum rule replay_db_spend(struct store_db *db, const uint8_t key[REPLAY_KEY_LEN], int64_t expires);
/* Forgets up to REPLAY_EXPIRE_MAX keys that have expired: bounded, so that nobody waits for it long. */
enum rule replay_db_expire(struct store_db *db, int64_t now);

/* --- who is registered --- */

enum { BINDINGS_EXPIRE_MAX = 10000 };

/* A binding of `aor`: what is known of it are bytes, and until when it counts. */
struct binding_row {
    struct span aor;
    int64_t expires;
    struct span record;
};

/* From now on these are all that `aor` has, in this order. When it fails, nothing of the transaction is kept. */
enum rule bindings_db_put(struct store_db *db, struct span aor, const struct binding_row *row, size_t count);
/* Calls `visit` for what expires after `now`, of those whose name is behind `after` (by its bytes; empty: of all), user by
 * user; spans live only during the call. Stops when it returns false. */
enum rule bindings_db_each(struct store_db *db, struct span after, int64_t now,
                           bool (*visit)(void *context, const struct binding_row *row), void *context);
/* Forgets up to BINDINGS_EXPIRE_MAX that have expired. */
enum rule bindings_db_expire(struct store_db *db, int64_t now);

#endif
