/* Files that a configuration names: opened with care, read whole. */
#ifndef SIPSEAL_CONFIG_FILE_H
#define SIPSEAL_CONFIG_FILE_H

#include "sipseal/bytes.h"

enum { FILE_PROBLEM_MAX = 320 };

/* Opens a regular file of at most `max` bytes for reading. `secret`: only its owner may have any right to it, and that
 * is this process's user or root; looked at on the open file, so that it cannot be exchanged in between. False with
 * "problem; what to do" in `problem`. */
bool config_file_open(const char *path, size_t max, bool secret, int *fd, size_t *size,
                      char problem[FILE_PROBLEM_MAX]);

/* Reads `size` bytes and closes the descriptor. */
bool config_file_fill(int fd, uint8_t *at, size_t size, char problem[FILE_PROBLEM_MAX]);

/* Both, into memory that the caller frees; `*bytes` is null when it fails. Not for secrets. */
bool config_file_read(const char *path, size_t max, uint8_t **bytes, size_t *size, char problem[FILE_PROBLEM_MAX]);

#endif
