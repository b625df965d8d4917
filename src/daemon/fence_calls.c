/* seccomp: the system calls that a process may still make. Each list is short enough to be read; a call that is not in
 * it kills the process (SECCOMP_RET_KILL_PROCESS), and the parent starts a new one. Where a call has an older and a
 * newer form, both are named: which one a C library uses depends on its version and on the architecture. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/fence.h"

_Static_assert(sizeof(void *) == 8, "the lists name the calls of 64-bit systems");

enum {
    CONDITIONS_MAX = 3,
    NAMESPACES = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUSER |
                 CLONE_NEWUTS | CLONE_NEWTIME,
};

/* The headers of older C libraries do not name it. */
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

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
    /* What it has used of processor and memory. */
    CALL_IF(getrusage, EQUALS(0, RUSAGE_SELF)),
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
    /* From which address and port a connection goes, for whom it tells of messages (HEP). */
    CALL(getsockname),
    CALL_IF(getsockopt, EQUALS(1, SOL_SOCKET), EQUALS(2, SO_ERROR)),
};

/* The parent, and what all processes do from their start until they close themselves in; what they do afterwards is in
 * the other lists, which belong to this one too. What is missing here fails with EPERM and is not fatal: libraries for
 * names and users, which the system's administrator chooses, are loaded here. */
static const struct permission parent[] = {
    /* Starting a program: a process of its own, in the namespaces of this one. */
    CALL_IF(clone, LACKS(0, NAMESPACES)),
    CALL(fork),
    CALL(vfork),
    CALL(execve),
    CALL(wait4),
    CALL(waitid),
    CALL(kill),
    CALL_IF(prctl, EQUALS(0, PR_SET_NAME)),
    CALL_IF(prctl, EQUALS(0, PR_SET_PDEATHSIG)),
    CALL_IF(prctl, EQUALS(0, PR_SET_NO_NEW_PRIVS)),
    CALL_IF(prctl, EQUALS(0, PR_SET_DUMPABLE), EQUALS(1, 0)),
    CALL(arch_prctl),
    CALL(set_tid_address),
    CALL(set_robust_list),
    CALL(get_robust_list),
    CALL(rseq),
    CALL(membarrier),
    CALL(sched_getaffinity),
    CALL(sched_yield),
    CALL(gettid),
    CALL(getppid),
    CALL(tgkill),
    CALL(getrlimit),
    CALL(setrlimit),
    CALL(prlimit64),
    CALL(umask),
    CALL(uname),
    /* Code comes out of files, and cannot be written. */
    CALL_IF(mmap, LACKS(2, PROT_WRITE), LACKS(3, MAP_ANONYMOUS)),
    CALL(msync),
    CALL(mincore),
    CALL(mlock),
    CALL(mlock2),
    CALL(munlock),
    CALL(mlockall),
    /* The fences of the processes. */
    CALL(seccomp),
    CALL(landlock_create_ruleset),
    CALL(landlock_add_rule),
    CALL(landlock_restrict_self),
    /* Reading the configuration and what it names; Landlock says where anything may be written. */
    CALL(getdents64),
    CALL(getdents),
    CALL(readv),
    CALL(writev),
    CALL(preadv),
    CALL(pwritev),
    CALL(statfs),
    CALL(fstatfs),
    CALL(flock),
    CALL(fadvise64),
    CALL(ioctl),
    CALL(getuid),
    CALL(getgid),
    CALL(getegid),
    CALL(getgroups),
    CALL(getresuid),
    CALL(getresgid),
    /* Descriptors and signals. */
    CALL(fcntl),
    CALL(dup),
    CALL(dup2),
    CALL(dup3),
    CALL(close_range),
    CALL(pipe),
    CALL(pipe2),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigpending),
    CALL(rt_sigtimedwait),
    CALL(sigaltstack),
    CALL(signalfd),
    CALL(signalfd4),
    CALL(select),
    CALL(pselect6),
    CALL(alarm),
    CALL(setitimer),
    CALL(times),
    CALL(getrusage),
    CALL(clock_getres),
    /* Net's event loop is made before net closes itself in. */
    CALL(epoll_create),
    CALL(epoll_create1),
    CALL(eventfd),
    CALL(eventfd2),
    CALL(timerfd_create),
    CALL(timerfd_settime),
    /* Listeners, channels, and the resolver, which also asks the kernel for the machine's addresses. */
    CALL(socketpair),
    CALL_IF(socket, EQUALS(0, AF_INET)),
    CALL_IF(socket, EQUALS(0, AF_INET6)),
    CALL_IF(socket, EQUALS(0, AF_UNIX)),
    CALL_IF(socket, EQUALS(0, AF_NETLINK), EQUALS(2, NETLINK_ROUTE)),
    CALL(listen),
    CALL(accept),
    CALL(sendto),
    CALL(recvfrom),
    CALL(getsockname),
    CALL(getpeername),
    CALL(getsockopt),
    CALL(setsockopt),
    CALL(shutdown),
};

/* Where root has started the parent, its children become another user. */
static const struct permission root_parent[] = {
    CALL(setuid),
    CALL(setgid),
    CALL(setresuid),
    CALL(setresgid),
    CALL(setgroups),
};

struct list {
    const struct permission *permission;
    size_t count;
};

#define LIST(array) {(array), sizeof(array) / sizeof *(array)}

static const struct list common_list = LIST(every_process);
static const struct list root_list = LIST(root_parent);
static const struct list list_of[] = {
    [FENCE_VAULT] = LIST(vault),
    [FENCE_STORE] = LIST(store),
    [FENCE_NET] = LIST(net),
    [FENCE_PARENT] = LIST(parent),
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

/* A thread or a process by this call could come with namespaces that cannot be seen here. Libraries then use clone. */
static int hide_clone3(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int allow_parent(scmp_filter_ctx filter)
{
    int error = hide_clone3(filter);
    for (size_t kind = 0; kind < sizeof list_of / sizeof *list_of && error == 0; kind++)
        error = allow(filter, &list_of[kind]);
    return error == 0 && geteuid() == 0 ? allow(filter, &root_list) : error;
}

bool fence_calls(enum fence_kind kind)
{
    scmp_filter_ctx filter = seccomp_init(kind == FENCE_PARENT ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
    if (!filter) {
        errno = ENOMEM;
        return false;
    }
    /* Calls of another architecture (32-bit ones, x32) have other numbers, and are none that any process makes. */
    int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (error == 0)
        error = allow(filter, &common_list);
    if (error == 0)
        error = kind == FENCE_PARENT ? allow_parent(filter) : allow(filter, &list_of[kind]);
    if (error == 0)
        error = seccomp_load(filter);
    seccomp_release(filter);
    errno = -error;
    return error == 0;
}
