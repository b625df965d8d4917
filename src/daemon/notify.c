#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* False when it names no socket of the two kinds. */
static bool read_address(const char *name, struct sockaddr_un *address, socklen_t *len)
{
    size_t name_len = strlen(name);
    bool abstract = name[0] == '@';
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((!abstract && name[0] != '/') || name_len < 2 || name_len >= sizeof address->sun_path)
        return false;
    memcpy(address->sun_path, name, name_len);
    if (abstract)
        address->sun_path[0] = '\0';
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len + (abstract ? 0 : 1));
    return true;
}

/* A manager that does not read must not halt the parent. */
static bool bound_sending(int fd)
{
    const struct timeval limit = {.tv_sec = NOTIFY_LIMIT_MS / 1000, .tv_usec = NOTIFY_LIMIT_MS % 1000 * 1000};
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0;
}

static int connect_to(const char *name)
{
    struct sockaddr_un address;
    socklen_t len;
    if (!read_address(name, &address, &len)) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bound_sending(fd) && connect(fd, (const struct sockaddr *)&address, len) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

void notify_open(struct notify *n, const struct log *log)
{
    const char *name = getenv("NOTIFY_SOCKET");
    *n = (struct notify){.fd = -1, .log = log};
    if (!name)
        return;
    n->fd = connect_to(name);
    if (n->fd < 0)
        LOG(log, LOG_LEVEL_WARNING, "cannot-notify", log_word("socket", name), log_word("reason", strerror(errno)),
            log_word("advice", "NOTIFY_SOCKET names no socket of a service manager; it will not know what happens"));
    unsetenv("NOTIFY_SOCKET");
}

void notify_close(struct notify *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}

/* Assignments, each a line, and the last one, of STATUS, as far as it fits: it is for people. */
static void tell(const struct notify *n, struct span lines, const char *status)
{
    uint8_t room[NOTIFY_MESSAGE_MAX];
    struct writer w = writer_over(room, sizeof room);
    if (n->fd < 0)
        return;
    writer_put(&w, lines);
    writer_text(&w, "STATUS=");
    writer_put(&w, span_part(span_text(status), 0, sizeof room - w.len));
    ssize_t sent;
    do
        sent = send(n->fd, w.at, w.len, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        LOG(n->log, LOG_LEVEL_WARNING, "cannot-notify", log_word("status", status),
            log_word("reason", strerror(errno)));
}

void notify_ready(const struct notify *n, const char *status)
{
    tell(n, SPAN("READY=1\n"), status);
}

/* The time tells the manager which of its requests this one is about. */
void notify_reloading(const struct notify *n)
{
    uint8_t room[64];
    struct writer w = writer_over(room, sizeof room);
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    writer_text(&w, "RELOADING=1\nMONOTONIC_USEC=");
    writer_decimal(&w, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    writer_byte(&w, '\n');
    tell(n, writer_span(&w), "reading the configuration again");
}

void notify_stopping(const struct notify *n)
{
    tell(n, SPAN("STOPPING=1\n"), "finishing what is under way");
}
