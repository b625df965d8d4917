/* seccomp: the system calls that a process may still make. Each list is short enough to be read; a call that is not in
 * it kills the process (SECCOMP_RET_KILL_PROCESS), and the parent starts a new one. Where a call has an older and a
 * newer form, both are named: which one a C library uses depends on its version and on the architecture. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "daemon/fence.h"

_Static_assert(sizeof(void *) == 8, "the lists name the calls of 64-bit systems");

enum { CONDITIONS_MAX = 3 };

/* A call, where its arguments, if there are conditions, fulfil all of them. Calls are named again for alternatives. */
struct permission {
    int call;
    unsigned condition_count;
    struct scmp_arg_cmp condition[CONDITIONS_MAX];
};

#define CALL(name) {.call = SCMP_SYS(name)}
/* Argument `n`, of type int, without any of `bits`; and equal to `value`. The kernel looks at 32 bits of an int. */
#define LACKS(n, bits) {(n), SCMP_CMP_MASKED_EQ, (uint64_t)(bits), 0}
#define EQUALS(n, value) {(n), SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint64_t)(value)}
#define CALL_IF(name, ...)                                                                                            \
    {.call = SCMP_SYS(name),                                                                                           \
     .condition_count = sizeof((struct scmp_arg_cmp[]){__VA_ARGS__}) / sizeof(struct scmp_arg_cmp),                    \
     .condition = {__VA_ARGS__}}

static const struct permission every_process[] = {
    /* Channels to the parent and to other processes, which are there or come through them, one message or several at a
     * time. No address can be named that matters: they are connected. Net has UDP sockets for the latter two as well. */
    CALL(recvmsg),
    CALL(sendmsg),
    CALL(recvmmsg),
    CALL(sendmmsg),
    CALL(close),
    /* The log. */
    CALL(write),
    /* Memory, but none that can be executed. */
    CALL(brk),
    CALL_IF(mmap, LACKS(2, PROT_EXEC)),
    CALL_IF(mprotect, LACKS(2, PROT_EXEC)),
    CALL(munmap),
    CALL(mremap),
    CALL(madvise),
    /* Locks inside libraries. */
    CALL(futex),
    /* The time, where it does not come without a call. */
    CALL(clock_gettime),
    CALL(gettimeofday),
    CALL(time),
    CALL(getrandom),
    /* Libraries ask whether they have been forked, and qsort how much memory there is. */
    CALL(getpid),
    CALL(sysinfo),
    /* What comes after a wait that was interrupted. */
    CALL(restart_syscall),
    CALL(rt_sigreturn),
    CALL(exit),
    CALL(exit_group),
};

static const struct permission vault[] = {
    /* Waiting for a job. */
    CALL(poll),
    CALL(ppoll),
};

static const struct permission store[] = {
    /* Waiting for questions, and for another program that has the archive locked. */
    CALL(poll),
    CALL(ppoll),
    CALL(nanosleep),
    CALL(clock_nanosleep),
    /* Files: Landlock says which. SQLite opens its logs again when others have emptied them; a database that was put in
     * place of another is opened as at the start. */
    CALL(open),
    CALL(openat),
    CALL(read),
    CALL(pread64),
    CALL(pwrite64),
    CALL(lseek),
    CALL(ftruncate),
    CALL(fallocate),
    CALL(fsync),
    CALL(fdatasync),
    CALL(unlink),
    CALL(unlinkat),
    CALL(stat),
    CALL(lstat),
    CALL(fstat),
    CALL(newfstatat),
    CALL(statx),
    CALL(access),
    CALL(faccessat),
    CALL(faccessat2),
    CALL(readlink),
    CALL(readlinkat),
    CALL(getcwd),
    /* Logs get the mode of their database, and its owner where root runs this process. */
    CALL(fchmod),
    CALL(fchown),
    CALL(geteuid),
    /* Locks on the databases; a new channel is made non-blocking. */
    CALL_IF(fcntl, EQUALS(1, F_SETLK)),
    CALL_IF(fcntl, EQUALS(1, F_GETLK)),
    CALL_IF(fcntl, EQUALS(1, F_GETFD)),
    CALL_IF(fcntl, EQUALS(1, F_SETFD)),
    CALL_IF(fcntl, EQUALS(1, F_GETFL)),
    CALL_IF(fcntl, EQUALS(1, F_SETFL)),
};

static const struct permission net[] = {
    /* The event loop. */
    CALL(epoll_wait),
    CALL(epoll_pwait),
    CALL(epoll_pwait2),
    CALL(epoll_ctl),
    CALL_IF(fcntl, EQUALS(1, F_GETFD)),
    CALL_IF(fcntl, EQUALS(1, F_SETFD)),
    CALL_IF(fcntl, EQUALS(1, F_GETFL)),
    CALL_IF(fcntl, EQUALS(1, F_SETFL)),
    /* TCP: connections that come, and connections to others, from an address that is listened on. */
    CALL(accept4),
    CALL_IF(socket, EQUALS(0, AF_INET), EQUALS(1, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC), EQUALS(2, 0)),
    CALL_IF(socket, EQUALS(0, AF_INET6), EQUALS(1, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC), EQUALS(2, 0)),
    CALL(bind),
    CALL(connect),
    CALL(recvfrom),
    CALL_IF(setsockopt, EQUALS(1, IPPROTO_TCP), EQUALS(2, TCP_NODELAY)),
    CALL_IF(getsockopt, EQUALS(1, SOL_SOCKET), EQUALS(2, SO_ERROR)),
};

struct list {
    const struct permission *permission;
    size_t count;
};

#define LIST(array) {(array), sizeof(array) / sizeof *(array)}

static const struct list common_list = LIST(every_process);
static const struct list list_of[] = {
    [FENCE_VAULT] = LIST(vault),
    [FENCE_STORE] = LIST(store),
    [FENCE_NET] = LIST(net),
};

/* What an architecture does not have is passed over by libseccomp. Its errors are negative errno values. */
static int allow(scmp_filter_ctx filter, const struct list *list)
{
    int error = 0;
    for (size_t i = 0; i < list->count && error == 0; i++) {
        const struct permission *p = &list->permission[i];
        error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, p->call, p->condition_count, p->condition);
    }
    return error;
}

bool fence_calls(enum fence_kind kind)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter) {
        errno = ENOMEM;
        return false;
    }
    /* Calls of another architecture (32-bit ones, x32) have other numbers, and are none that any process makes. */
    int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (error == 0)
        error = allow(filter, &common_list);
    if (error == 0)
        error = allow(filter, &list_of[kind]);
    if (error == 0)
        error = seccomp_load(filter);
    seccomp_release(filter);
    errno = -error;
    return error == 0;
}
