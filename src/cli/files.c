#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 16 * 1024 };

void file_clear(struct file_bytes *file)
{
    if (file->at)
        bytes_wipe(file->at, file->cap);
    free(file->at);
    *file = (struct file_bytes){0};
}

/* realloc would leave a copy of a key behind. */
static bool grow(struct file_bytes *file, size_t cap)
{
    uint8_t *at = calloc(1, cap);
    if (!at)
        return false;
    if (file->len)
        memcpy(at, file->at, file->len);
    struct file_bytes old = *file;
    *file = (struct file_bytes){at, old.len, cap};
    file_clear(&old);
    return true;
}

static enum file_result read_all(int fd, size_t max, struct file_bytes *out)
{
    for (;;) {
        if (out->len + 1 >= out->cap && !grow(out, out->cap ? out->cap * 2 : READ_STEP))
            return FILE_FAILED;
        ssize_t got = read(fd, out->at + out->len, out->cap - out->len - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FILE_FAILED;
        if (got == 0)
            return FILE_DONE;
        out->len += (size_t)got;
        if (out->len > max)
            return FILE_TOO_LARGE;
    }
}

enum file_result file_read_descriptor(int fd, size_t max, struct file_bytes *out)
{
    *out = (struct file_bytes){0};
    enum file_result result = read_all(fd, max, out);
    if (result == FILE_DONE)
        out->at[out->len] = 0;
    else
        file_clear(out);
    return result;
}

static enum file_result check_kind(int fd, bool secret)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return FILE_FAILED;
    if (secret && S_ISREG(about.st_mode) && (about.st_mode & (S_IRWXG | S_IRWXO)))
        return FILE_EXPOSED;
    return S_ISDIR(about.st_mode) ? FILE_NOT_REGULAR : FILE_DONE;
}

enum file_result file_read(const char *path, size_t max, bool secret, struct file_bytes *out)
{
    *out = (struct file_bytes){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT ? FILE_ABSENT : FILE_FAILED;
    enum file_result result = check_kind(fd, secret);
    if (result == FILE_DONE)
        result = file_read_descriptor(fd, max, out);
    int saved = errno;
    close(fd);
    errno = saved;
    return result;
}

enum file_result file_open(const char *path, FILE **out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT ? FILE_ABSENT : FILE_FAILED;
    enum file_result result = check_kind(fd, false);
    if (result == FILE_DONE && !(*out = fdopen(fd, "rb")))
        result = FILE_FAILED;
    if (result != FILE_DONE)
        close(fd);
    return result;
}

enum file_result file_read_stream(FILE *in, size_t max, struct file_bytes *out)
{
    *out = (struct file_bytes){0};
    enum file_result result = FILE_DONE;
    while (result == FILE_DONE && !feof(in)) {
        if (out->len + 1 >= out->cap && !grow(out, out->cap ? out->cap * 2 : READ_STEP))
            result = FILE_FAILED;
        else
            out->len += fread(out->at + out->len, 1, out->cap - out->len - 1, in);
        if (result == FILE_DONE && ferror(in))
            result = FILE_FAILED;
        else if (out->len > max)
            result = FILE_TOO_LARGE;
    }
    if (result == FILE_DONE)
        out->at[out->len] = 0;
    else
        file_clear(out);
    return result;
}

static bool write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.at, bytes.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes = span_part(bytes, (size_t)put, bytes.len);
    }
    return fsync(fd) == 0;
}

/* A name is as durable as the folder that holds it. */
static bool sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = fsync(fd) == 0;
    close(fd);
    return done;
}

/* link() refuses to replace, rename() does not. */
static enum file_result give_name(const char *temporary, const char *path, bool replace)
{
    if (replace) {
        if (rename(temporary, path) != 0)
            return FILE_FAILED;
    } else {
        if (link(temporary, path) != 0)
            return errno == EEXIST ? FILE_EXISTS : FILE_FAILED;
        unlink(temporary);
    }
    return sync_folder_of(path) ? FILE_DONE : FILE_FAILED;
}

enum file_result file_write(const char *path, struct span bytes, unsigned mode, bool replace)
{
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (len < 0 || (size_t)len >= sizeof temporary) {
        errno = ENAMETOOLONG;
        return FILE_FAILED;
    }
    int fd = mkostemp(temporary, O_CLOEXEC); /* O_EXCL, 0600 */
    if (fd < 0)
        return FILE_FAILED;
    enum file_result result = FILE_FAILED;
    if (fchmod(fd, (mode_t)mode) == 0 && write_all(fd, bytes))
        result = give_name(temporary, path, replace);
    int saved = errno;
    close(fd);
    if (result != FILE_DONE)
        unlink(temporary);
    errno = saved;
    return result;
}

static enum file_result make_one(const char *path)
{
    struct stat about;
    if (mkdir(path, FILES_FOLDER_MODE) == 0)
        return FILE_DONE;
    if (errno != EEXIST)
        return FILE_FAILED;
    if (stat(path, &about) != 0)
        return FILE_FAILED;
    errno = ENOTDIR;
    return S_ISDIR(about.st_mode) ? FILE_DONE : FILE_FAILED;
}

enum file_result folder_make(const char *path)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part) {
        errno = len ? ENAMETOOLONG : ENOENT;
        return FILE_FAILED;
    }
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != 0)
            continue;
        char cut = part[i];
        part[i] = 0;
        enum file_result result = make_one(part);
        if (result != FILE_DONE)
            return result;
        part[i] = cut;
    }
    return FILE_DONE;
}

bool file_exists(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0;
}

const char *file_problem(enum file_result result)
{
    switch (result) {
    case FILE_DONE:
        return "nothing is wrong";
    case FILE_ABSENT:
        return "there is no such file";
    case FILE_EXISTS:
        return "the file is there already";
    case FILE_EXPOSED:
        return "others can read it";
    case FILE_TOO_LARGE:
        return "the file is too large";
    case FILE_NOT_REGULAR:
        return "it is a folder";
    case FILE_FAILED:
        break;
    }
    return strerror(errno);
}

bool file_path(char out[PATH_MAX], const char *folder, struct span name, const char *suffix)
{
    int len = snprintf(out, PATH_MAX, "%s/%.*s%s", folder, SPAN_ARGS(name), suffix);
    return len >= 0 && len < PATH_MAX;
}
