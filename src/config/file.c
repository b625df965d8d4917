#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void say_errno(char problem[FILE_PROBLEM_MAX], const char *path)
{
    if (errno == ENOENT || errno == ENOTDIR)
        snprintf(problem, FILE_PROBLEM_MAX, "there is no file %s; create it, or correct the path", path);
    else if (errno == EACCES)
        snprintf(problem, FILE_PROBLEM_MAX, "%s may not be read by this user; give it the right, or start as another",
                 path);
    else
        snprintf(problem, FILE_PROBLEM_MAX, "%s cannot be read (%s); correct that, or the path", path,
                 strerror(errno));
}

static bool is_for_its_owner_alone(const struct stat *st, const char *path, char problem[FILE_PROBLEM_MAX])
{
    if (st->st_mode & (S_IRWXG | S_IRWXO)) {
        snprintf(problem, FILE_PROBLEM_MAX, "others than its owner have rights to %s; run chmod 600 on it", path);
        return false;
    }
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        snprintf(problem, FILE_PROBLEM_MAX,
                 "%s belongs to another user; give it to root or to the user of this process", path);
        return false;
    }
    return true;
}

static bool is_fit(int fd, const char *path, size_t max, bool secret, size_t *size, char problem[FILE_PROBLEM_MAX])
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        say_errno(problem, path);
        return false;
    }
    if (!S_ISREG(st.st_mode)) {
        snprintf(problem, FILE_PROBLEM_MAX, "%s is not a regular file; name a file", path);
        return false;
    }
    if (st.st_size < 0 || (uint64_t)st.st_size > max) {
        snprintf(problem, FILE_PROBLEM_MAX, "%s is larger than %zu bytes; make it smaller", path, max);
        return false;
    }
    *size = (size_t)st.st_size;
    return !secret || is_for_its_owner_alone(&st, path, problem);
}

bool config_file_open(const char *path, size_t max, bool secret, int *fd, size_t *size,
                      char problem[FILE_PROBLEM_MAX])
{
    /* Not to wait for ever on a FIFO: O_NONBLOCK means nothing to a regular file. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (*fd < 0) {
        say_errno(problem, path);
        return false;
    }
    if (is_fit(*fd, path, max, secret, size, problem))
        return true;
    close(*fd);
    *fd = -1;
    return false;
}

bool config_file_fill(int fd, uint8_t *at, size_t size, char problem[FILE_PROBLEM_MAX])
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, at + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    close(fd);
    if (done < size)
        snprintf(problem, FILE_PROBLEM_MAX, "the file cannot be read to its end; try again");
    return done == size;
}

bool config_file_read(const char *path, size_t max, uint8_t **bytes, size_t *size, char problem[FILE_PROBLEM_MAX])
{
    int fd;
    *bytes = NULL;
    if (!config_file_open(path, max, false, &fd, size, problem))
        return false;
    uint8_t *room = malloc(*size + 1);
    if (!room) {
        close(fd);
        snprintf(problem, FILE_PROBLEM_MAX, "there is not enough memory to read %s", path);
        return false;
    }
    if (!config_file_fill(fd, room, *size, problem)) {
        free(room);
        return false;
    }
    *bytes = room;
    return true;
}
