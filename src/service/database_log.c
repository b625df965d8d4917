#include "service/database_log.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The default VFS writes less than 128 KiB at once (SQLite keeps pages below that). */
enum { WAITING_MAX = 124 * 1024 };

/* A log: in front of the default VFS's own file, which lies behind it. */
struct log_file {
    sqlite3_file base; /* must be first */
    sqlite3_int64 at;  /* where in the file the waiting bytes belong */
    size_t len;
    uint8_t *waiting; /* WAITING_MAX bytes; null: nothing ever waits */
};

static const size_t real_at = (sizeof(struct log_file) + 15) / 16 * 16;

static struct log_file *log_of(sqlite3_file *file)
{
    return (struct log_file *)(void *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)((uint8_t *)(void *)file + real_at);
}

/* What cannot be written is dropped: SQLite then gives the transaction up, and writes the next one to the same place. */
static int flush(sqlite3_file *file)
{
    struct log_file *log = log_of(file);
    sqlite3_file *real = real_of(file);
    size_t len = log->len;
    log->len = 0;
    return len ? real->pMethods->xWrite(real, log->waiting, (int)len, log->at) : SQLITE_OK;
}

static int log_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct log_file *log = log_of(file);
    sqlite3_file *real = real_of(file);
    size_t more = (size_t)len;
    bool follows = log->len && at == log->at + (sqlite3_int64)log->len && log->len + more <= WAITING_MAX;
    int code = follows ? SQLITE_OK : flush(file);
    if (code != SQLITE_OK)
        return code;
    if (!log->waiting || more > WAITING_MAX)
        return real->pMethods->xWrite(real, bytes, len, at);
    if (!follows)
        log->at = at;
    memcpy(log->waiting + log->len, bytes, more);
    log->len += more;
    return SQLITE_OK;
}

static int log_close(sqlite3_file *file)
{
    int code = flush(file), closed = real_of(file)->pMethods->xClose(real_of(file));
    free(log_of(file)->waiting);
    return code == SQLITE_OK ? closed : code;
}

/* --- everything else, after what waits --- */

static int log_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
    int code = flush(file);
    return code == SQLITE_OK ? real_of(file)->pMethods->xRead(real_of(file), to, len, at) : code;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = flush(file);
    return code == SQLITE_OK ? real_of(file)->pMethods->xTruncate(real_of(file), size) : code;
}

static int log_sync(sqlite3_file *file, int flags)
{
    int code = flush(file);
    return code == SQLITE_OK ? real_of(file)->pMethods->xSync(real_of(file), flags) : code;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size)
{
    int code = flush(file);
    return code == SQLITE_OK ? real_of(file)->pMethods->xFileSize(real_of(file), size) : code;
}

static int log_control(sqlite3_file *file, int operation, void *argument)
{
    int code = flush(file);
    return code == SQLITE_OK ? real_of(file)->pMethods->xFileControl(real_of(file), operation, argument) : code;
}

static int log_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int log_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int log_check_lock(sqlite3_file *file, int *locked)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), locked);
}

static int log_sector_size(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int log_characteristics(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_lock,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_characteristics,
};

/* --- opening --- */

static sqlite3_vfs *real_vfs;

static int open_log(const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    *log_of(file) = (struct log_file){0};
    int code = real_vfs->xOpen(real_vfs, name, real_of(file), flags, out_flags);
    if (code != SQLITE_OK || !real_of(file)->pMethods)
        return code;
    log_of(file)->waiting = malloc(WAITING_MAX);
    file->pMethods = &log_methods;
    return SQLITE_OK;
}

/* Other files are the default VFS's own. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs;
    return flags & SQLITE_OPEN_WAL ? open_log(name, file, flags, out_flags)
                                   : real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
}

const char *database_log_vfs(void)
{
    static sqlite3_vfs vfs;
    if (real_vfs)
        return vfs.zName;
    sqlite3_vfs *found = sqlite3_vfs_find(NULL);
    if (!found)
        return NULL;
    vfs = *found;
    vfs.zName = "sipseal-log";
    vfs.pNext = NULL;
    vfs.szOsFile = found->szOsFile + (int)real_at;
    vfs.xOpen = open_file;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        return NULL;
    real_vfs = found;
    return vfs.zName;
}
