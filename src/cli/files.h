/* Files of the user: read whole and bounded, written whole or not at all. */
#ifndef SIPSEAL_CLI_FILES_H
#define SIPSEAL_CLI_FILES_H

#include <limits.h>
#include <stdio.h>

#include "sipseal/bytes.h"

enum {
    FILES_SECRET_MODE = 0600,
    FILES_PUBLIC_MODE = 0644,
    FILES_FOLDER_MODE = 0700,
    FILES_PEM_MAX = 1024 * 1024, /* bytes of a file with keys or certificates */
};

enum file_result {
    FILE_DONE,
    FILE_ABSENT,    /* there is no such file */
    FILE_EXISTS,    /* it is there, and must not be replaced */
    FILE_EXPOSED,   /* a secret that others than its owner can read */
    FILE_TOO_LARGE,
    FILE_NOT_REGULAR,
    FILE_FAILED,    /* errno says why */
};

/* A file's bytes; file_clear wipes and frees them. A NUL follows the last one. */
struct file_bytes {
    uint8_t *at;
    size_t len;
    size_t cap; /* as allocated; internal */
};

static inline struct span file_span(const struct file_bytes *file)
{
    return span_of(file->at, file->len);
}

/* Reads a regular file of at most `max` bytes. `secret`: FILE_EXPOSED when group or others have any right to it, looked
 * at on the open file, so that it cannot be exchanged in between. */
enum file_result file_read(const char *path, size_t max, bool secret, struct file_bytes *out);
/* Reads a descriptor (standard input) to its end. */
enum file_result file_read_descriptor(int fd, size_t max, struct file_bytes *out);
/* Opens a file for reading piece by piece; the caller closes it. */
enum file_result file_open(const char *path, FILE **out);
/* Reads a stream from where it stands to its end. */
enum file_result file_read_stream(FILE *in, size_t max, struct file_bytes *out);
void file_clear(struct file_bytes *file);

/* Writes a new file under another name beside it, makes it durable, and gives it its name. Without `replace`, a file
 * that is there stays as it is: FILE_EXISTS. */
enum file_result file_write(const char *path, struct span bytes, unsigned mode, bool replace);

/* Makes a folder and those above it that are missing, for its owner alone. */
enum file_result folder_make(const char *path);

bool file_exists(const char *path);

/* What went wrong, for an error line: "there is no such file", "Permission denied", ... Uses errno. */
const char *file_problem(enum file_result result);

/* DIR/NAME.suffix into `out`; false when it does not fit in PATH_MAX. */
bool file_path(char out[PATH_MAX], const char *folder, struct span name, const char *suffix);

#endif
