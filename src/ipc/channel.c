/* The sockets between processes. */
#include "ipc/ipc.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel counts a little more than the bytes of a datagram against the buffer. */
enum { SEND_BUFFER_MIN = IPC_MESSAGE_MAX + 4096 };

/* Unprivileged processes get at most net.core.wmem_max (times two), which is enough on every kernel's default. */
static bool widen_send_buffer(int fd)
{
    int wanted = IPC_SOCKET_BUFFER, got = 0;
    socklen_t len = sizeof got;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted) != 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted) != 0)
        return false;
    return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &got, &len) == 0 && got >= SEND_BUFFER_MIN;
}

bool channel_pair(int fd[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0)
        return false;
    if (widen_send_buffer(fd[0]) && widen_send_buffer(fd[1]))
        return true;
    int error = errno;
    close(fd[0]);
    close(fd[1]);
    fd[0] = fd[1] = -1;
    errno = error;
    return false;
}

/* Room for the descriptors of one datagram, and one more: so that one too many is seen, not cut off. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * (IPC_FDS_MAX + 1))];
};

static void attach_fds(struct msghdr *message, union control *control, const int *fds, size_t fd_count)
{
    memset(control, 0, sizeof *control);
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
}

enum channel_result channel_send(int fd, struct span datagram, const int *fds, size_t fd_count)
{
    /* An empty datagram would read as the end of the channel. */
    if (datagram.len == 0 || datagram.len > IPC_MESSAGE_MAX || fd_count > IPC_FDS_MAX)
        return CHANNEL_CLOSED;
    struct iovec bytes = {.iov_base = (void *)(uintptr_t)datagram.at, .iov_len = datagram.len};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    union control control;
    if (fd_count)
        attach_fds(&message, &control, fds, fd_count);
    ssize_t sent;
    do
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? CHANNEL_AGAIN : CHANNEL_CLOSED;
    return (size_t)sent == datagram.len ? CHANNEL_DONE : CHANNEL_CLOSED;
}

/* Every descriptor that came along: into `fds` while there is room; `*count` counts them all, and those without room
 * are closed. */
static void take_fds(struct msghdr *message, int *fds, size_t fd_max, size_t *count)
{
    *count = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (*count < fd_max)
                fds[*count] = fd;
            else
                close(fd);
            ++*count;
        }
    }
}

static void close_fds(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

enum channel_result channel_receive(int fd, uint8_t *buffer, size_t buffer_len, struct span *datagram, int *fds,
                                    size_t fd_max, size_t *fd_count)
{
    struct iovec bytes = {.iov_base = buffer, .iov_len = buffer_len};
    union control control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (fd_count)
        *fd_count = 0;
    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? CHANNEL_AGAIN : CHANNEL_CLOSED;
    size_t count;
    take_fds(&message, fds, fd_max, &count);
    if (got == 0 || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || count > fd_max) {
        close_fds(fds, count < fd_max ? count : fd_max);
        return CHANNEL_CLOSED;
    }
    *datagram = span_of(buffer, (size_t)got);
    if (fd_count)
        *fd_count = count;
    return CHANNEL_DONE;
}

/* --- several at once --- */

static enum channel_result result_of(int count)
{
    if (count > 0)
        return CHANNEL_DONE;
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? CHANNEL_AGAIN : CHANNEL_CLOSED;
}

enum channel_result channel_send_many(int fd, const struct span *datagram, size_t count, size_t *done)
{
    struct mmsghdr header[IPC_BATCH_MAX] = {0};
    struct iovec bytes[IPC_BATCH_MAX];
    *done = 0;
    if (count > IPC_BATCH_MAX)
        count = IPC_BATCH_MAX;
    for (size_t i = 0; i < count; i++) {
        if (datagram[i].len == 0 || datagram[i].len > IPC_MESSAGE_MAX)
            return CHANNEL_CLOSED;
        bytes[i] = (struct iovec){.iov_base = (void *)(uintptr_t)datagram[i].at, .iov_len = datagram[i].len};
        header[i].msg_hdr = (struct msghdr){.msg_iov = &bytes[i], .msg_iovlen = 1};
    }
    int sent;
    do
        sent = sendmmsg(fd, header, (unsigned)count, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    *done = sent > 0 ? (size_t)sent : 0;
    return result_of(sent);
}

bool channel_send_all(int fd, const struct span *datagram, size_t count)
{
    enum channel_result result = CHANNEL_DONE;
    for (size_t sent = 0, more; sent < count && result != CHANNEL_CLOSED; sent += more) {
        result = channel_send_many(fd, datagram + sent, count - sent, &more);
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        if (result == CHANNEL_AGAIN)
            poll(&wait, 1, -1);
    }
    return result != CHANNEL_CLOSED;
}

/* Descriptors that came where there is no room for them: the kernel has closed them, and says MSG_CTRUNC. */
static bool is_whole(const struct mmsghdr *h)
{
    return h->msg_len > 0 && !(h->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
}

enum channel_result channel_receive_many(int fd, uint8_t *buffer, struct span *datagram, size_t max, size_t *done)
{
    struct mmsghdr header[IPC_BATCH_MAX] = {0};
    struct iovec bytes[IPC_BATCH_MAX];
    size_t count = max < IPC_BATCH_MAX ? max : IPC_BATCH_MAX;
    *done = 0;
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (struct iovec){.iov_base = buffer + i * IPC_MESSAGE_MAX, .iov_len = IPC_MESSAGE_MAX};
        header[i].msg_hdr = (struct msghdr){.msg_iov = &bytes[i], .msg_iovlen = 1};
    }
    int got;
    do
        got = recvmmsg(fd, header, (unsigned)count, MSG_DONTWAIT, NULL);
    while (got < 0 && errno == EINTR);
    for (int i = 0; i < got; i++) {
        if (!is_whole(&header[i]))
            return CHANNEL_CLOSED;
        datagram[i] = span_of(bytes[i].iov_base, header[i].msg_len);
        ++*done;
    }
    return result_of(got);
}

bool channel_tell_parent(enum rule rule)
{
    uint8_t bytes[64];
    struct writer w = writer_over(bytes, sizeof bytes);
    if (rule == RULE_OK)
        ipc_write_bare(&w, IPC_READY);
    else
        ipc_write_failed(&w, rule);
    return !w.full && channel_send(IPC_CONTROL_FD, writer_span(&w), NULL, 0) == CHANNEL_DONE;
}
