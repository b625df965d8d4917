/* Closes itself in as a process of sipseald does, then tries one act and says by its exit status what became of it:
 *
 *     fence-probe FENCE ACT [VERSION]
 *     fence-probe version       prints the version of Landlock's interface in this kernel
 *
 * FENCE is none, vault, store, net or parent; with "-files" after it (store-files) it is Landlock alone, as a kernel of that
 * VERSION has it. The current folder holds a file "outside" and a folder "inside" with a file "data", the store's
 * database. The exit status is 0 when the
 * act was done, 1 when the system said EACCES or EPERM, 2 when it failed otherwise, and 3 when there is no such act or
 * fence; whom seccomp stops is ended by SIGSYS. An act of several steps is done when all of them are.
 * tests/e2e/test_fence.py says what each process must be refused. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/fence.h"

enum { DONE, REFUSED, FAILED, UNKNOWN };
enum { PAGE = 4096, MUCH = 8 * 1024 * 1024 };

/* What a process has when it closes itself in. */
struct held {
    int pair[2];                /* a channel */
    int listener, client, loop; /* TCP on loopback, a socket that is not connected, an event loop */
    struct sockaddr_in address; /* of the listener */
    in_port_t free_port;
    void *page;
};

static bool loopback_listener(struct held *h)
{
    socklen_t len = sizeof h->address;
    h->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    h->listener = socket(AF_INET, SOCK_STREAM, 0);
    return bind(h->listener, (struct sockaddr *)&h->address, len) == 0 && listen(h->listener, 4) == 0 &&
           getsockname(h->listener, (struct sockaddr *)&h->address, &len) == 0;
}

static bool find_free_port(struct held *h)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof local;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool found = bind(fd, (struct sockaddr *)&local, len) == 0 && getsockname(fd, (struct sockaddr *)&local, &len) == 0;
    close(fd);
    h->free_port = local.sin_port;
    return found;
}

static bool hold(struct held *h)
{
    h->client = socket(AF_INET, SOCK_STREAM, 0);
    h->loop = epoll_create1(0);
    h->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, h->pair) == 0 && loopback_listener(h) && find_free_port(h) &&
           h->client >= 0 && h->loop >= 0 && h->page != MAP_FAILED && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* --- files --- */

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool read_file(struct held *h)
{
    (void)h;
    return opens("outside", O_RDONLY);
}

static bool read_system_file(struct held *h)
{
    (void)h;
    return opens("/etc/passwd", O_RDONLY);
}

static bool write_file(struct held *h)
{
    (void)h;
    return opens("outside", O_WRONLY);
}

static bool make_file(struct held *h)
{
    (void)h;
    return opens("made", O_WRONLY | O_CREAT);
}

static bool list_folder(struct held *h)
{
    (void)h;
    return opens(".", O_RDONLY | O_DIRECTORY);
}

static bool truncate_file(struct held *h)
{
    (void)h;
    return truncate("outside", 0) == 0;
}

static bool remove_file(struct held *h)
{
    (void)h;
    return unlink("outside") == 0;
}

static bool rename_file(struct held *h)
{
    (void)h;
    return rename("outside", "elsewhere") == 0;
}

static bool link_file(struct held *h)
{
    (void)h;
    return symlink("outside", "link") == 0;
}

static bool make_folder(struct held *h)
{
    (void)h;
    return mkdir("folder", 0700) == 0;
}

static bool change_mode(struct held *h)
{
    (void)h;
    return chmod("outside", 0600) == 0;
}

static bool make_memory_file(struct held *h)
{
    (void)h;
    return memfd_create("file", MFD_CLOEXEC) >= 0;
}

/* --- the network --- */

static bool tcp_socket(struct held *h)
{
    (void)h;
    return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) >= 0 &&
           socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) >= 0;
}

static bool udp_socket(struct held *h)
{
    (void)h;
    return socket(AF_INET, SOCK_DGRAM, 0) >= 0;
}

static bool unix_socket(struct held *h)
{
    (void)h;
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) >= 0;
}

static bool netlink_socket(struct held *h)
{
    (void)h;
    return socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static bool make_channel(struct held *h)
{
    int pair[2];
    (void)h;
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0;
}

static bool connect_socket(struct held *h)
{
    return connect(h->client, (struct sockaddr *)&h->address, sizeof h->address) == 0;
}

static bool bind_port(struct held *h)
{
    struct sockaddr_in local = h->address;
    local.sin_port = h->free_port;
    return bind(h->client, (struct sockaddr *)&local, sizeof local) == 0;
}

static bool listen_on_socket(struct held *h)
{
    return listen(h->client, 1) == 0;
}

static bool set_socket_option(struct held *h)
{
    const int on = 1;
    return setsockopt(h->client, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
}

/* --- programs and processes --- */

static bool run_program(struct held *h)
{
    char *arguments[] = {(char[]){"true"}, NULL}, *variables[] = {NULL};
    (void)h;
    return execve("/bin/true", arguments, variables) == 0; /* its exit status is that of an act that is done */
}

static bool fork_process(struct held *h)
{
    int status;
    (void)h;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid(pid, &status, 0) == pid;
}

static bool signal_another(struct held *h)
{
    (void)h;
    return kill(getppid(), 0) == 0;
}

static bool trace(struct held *h)
{
    (void)h;
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool read_process_memory(struct held *h)
{
    char byte;
    struct iovec to = {&byte, 1}, from = {h->page, 1};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1;
}

static bool make_code_of_data(struct held *h)
{
    return mprotect(h->page, PAGE, PROT_READ | PROT_EXEC) == 0;
}

static bool map_code(struct held *h)
{
    (void)h;
    return mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool change_user(struct held *h)
{
    (void)h;
    return setuid(getuid()) == 0;
}

static bool allow_dumps(struct held *h)
{
    (void)h;
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

static bool change_limits(struct held *h)
{
    const struct rlimit none = {0, 0};
    (void)h;
    return setrlimit(RLIMIT_CORE, &none) == 0;
}

static bool leave_namespaces(struct held *h)
{
    (void)h;
    return syscall(SYS_unshare, 0) == 0;
}

/* A ring makes calls that no filter sees. Where the system has none for anybody, asking for it must still be fatal. */
static bool make_io_ring(struct held *h)
{
    uint64_t parameters[15] = {0};
    (void)h;
    return syscall(SYS_io_uring_setup, 1, parameters) >= 0 || errno == ENOSYS || errno == EPERM;
}

/* --- what an intruder in the parent would like --- */

static bool mount_folder(struct held *h)
{
    (void)h;
    return mount("none", "inside", "tmpfs", 0, NULL) == 0;
}

static bool change_root(struct held *h)
{
    (void)h;
    return chroot("inside") == 0;
}

static bool load_kernel_program(struct held *h)
{
    (void)h;
    return syscall(SYS_bpf, 0, h->page, 0) >= 0;
}

static bool load_kernel_module(struct held *h)
{
    return syscall(SYS_init_module, h->page, PAGE, "") == 0;
}

static bool load_kernel(struct held *h)
{
    (void)h;
    return syscall(SYS_kexec_load, 0, 0, NULL, 0) == 0;
}

static bool use_key_ring(struct held *h)
{
    (void)h;
    return syscall(SYS_keyctl, 0, -3, 1) >= 0;
}

static bool watch_performance(struct held *h)
{
    return syscall(SYS_perf_event_open, h->page, 0, -1, -1, 0) >= 0;
}

static bool handle_page_faults(struct held *h)
{
    (void)h;
    return syscall(SYS_userfaultfd, 0) >= 0;
}

/* The same for whom the fence refuses. */
static bool have_io_ring(struct held *h)
{
    uint64_t parameters[15] = {0};
    (void)h;
    return syscall(SYS_io_uring_setup, 1, parameters) >= 0;
}

static bool packet_socket(struct held *h)
{
    (void)h;
    return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool crypto_socket(struct held *h)
{
    (void)h;
    return socket(AF_ALG, SOCK_SEQPACKET, 0) >= 0;
}

static bool audit_socket(struct held *h)
{
    (void)h;
    return socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT) >= 0;
}

static bool fork_into_namespace(struct held *h)
{
    (void)h;
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid((pid_t)pid, NULL, 0) == pid;
}

/* Memory that is written and then executed, by way of a mapping that has both rights. */
static bool map_writable_code(struct held *h)
{
    (void)h;
    return mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool set_clock(struct held *h)
{
    const struct timespec now = {.tv_sec = -1};
    (void)h;
    return clock_settime(CLOCK_REALTIME, &now) == 0;
}

/* --- what is allowed --- */

static bool start_program_of_its_own(struct held *h)
{
    int status;
    (void)h;
    pid_t pid = fork();
    if (pid == 0) {
        char *arguments[] = {(char[]){"true"}, NULL}, *variables[] = {NULL};
        execve("inside/program", arguments, variables);
        _exit(errno == EACCES || errno == EPERM ? REFUSED : FAILED);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool listen_anew(struct held *h)
{
    struct sockaddr_in local = h->address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    local.sin_port = h->free_port;
    return fd >= 0 && bind(fd, (struct sockaddr *)&local, sizeof local) == 0 && listen(fd, 1) == 0;
}

static bool look_up_users_and_hosts(struct held *h)
{
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    (void)h;
    bool done = getpwnam("root") && getaddrinfo("127.0.0.1", "5060", &hints, &found) == 0;
    if (found)
        freeaddrinfo(found);
    return done;
}

static bool write_log(struct held *h)
{
    (void)h;
    return write(STDERR_FILENO, "a line\n", 7) == 7;
}

static bool use_memory(struct held *h)
{
    char *small = malloc(100), *large = malloc(MUCH);
    if (!small || !large)
        return false;
    memset(large, 1, MUCH);
    large = realloc(large, (size_t)2 * MUCH);
    small = realloc(small, 200000);
    bool done = small && large && large[MUCH - 1] == 1 && mprotect(h->page, PAGE, PROT_READ) == 0;
    free(small);
    free(large);
    return done;
}

static bool ask_time_and_chance(struct held *h)
{
    struct timespec now;
    struct tm date;
    uint8_t bytes[64];
    (void)h;
    return clock_gettime(CLOCK_REALTIME, &now) == 0 && gmtime_r(&now.tv_sec, &date) &&
           getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 1);
}

/* The C library asks how much memory there is before it sorts what is larger than a little. */
static bool sort_much(struct held *h)
{
    qsort(h->page, PAGE / 8, 8, compare);
    return true;
}

/* Sends a descriptor through the channel, as the parent sends new channels, and takes it from there. */
static bool use_channel(struct held *h)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char byte = 'x';
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = sizeof control.room};
    control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
                                      .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &h->pair[0], sizeof(int));
    if (sendmsg(h->pair[0], &message, MSG_NOSIGNAL) != 1)
        return false;
    memset(&control, 0, sizeof control);
    return recvmsg(h->pair[1], &message, MSG_CMSG_CLOEXEC) == 1 && control.header.cmsg_type == SCM_RIGHTS;
}

static bool count_usage(struct held *h)
{
    struct rusage usage;
    (void)h;
    return getrusage(RUSAGE_SELF, &usage) == 0;
}

static bool ask_own_address(struct held *h)
{
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    return getsockname(h->listener, (struct sockaddr *)&own, &len) == 0 && own.sin_port == h->address.sin_port;
}

static bool wait_by_poll(struct held *h)
{
    struct pollfd wait = {.fd = h->pair[0], .events = POLLOUT};
    return poll(&wait, 1, 1) == 1;
}

static bool wait_by_events(struct held *h)
{
    struct epoll_event event = {.events = EPOLLOUT}, happened;
    return epoll_ctl(h->loop, EPOLL_CTL_ADD, h->pair[0], &event) == 0 && epoll_wait(h->loop, &happened, 1, 1) == 1 &&
           fcntl(h->pair[0], F_SETFL, O_NONBLOCK) == 0;
}

static bool open_connection(struct held *h)
{
    const int on = 1;
    int error, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof error;
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           bind(fd, (struct sockaddr *)&local, sizeof local) == 0 &&
           (connect(fd, (struct sockaddr *)&h->address, sizeof h->address) == 0 || errno == EINPROGRESS) &&
           accept4(h->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) >= 0 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0;
}

static bool use_database(struct held *h)
{
    struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
    struct stat state;
    (void)h;
    int data = open("inside/data", O_RDWR), log = open("inside/data-wal", O_RDWR | O_CREAT, 0600);
    bool done = data >= 0 && log >= 0 && fcntl(data, F_SETLK, &lock) == 0 && pwrite(log, "x", 1, 0) == 1 &&
                fdatasync(log) == 0 && ftruncate(log, 0) == 0 && fstat(log, &state) == 0 &&
                stat("inside/data", &state) == 0 && opens("inside", O_RDONLY | O_DIRECTORY);
    return done && unlink("inside/data-wal") == 0 && opens("inside/data", O_RDWR | O_TRUNC);
}

/* --- */

static const struct act {
    const char *name;
    bool (*try)(struct held *h);
} acts[] = {
    {"read-file", read_file},
    {"read-system-file", read_system_file},
    {"write-file", write_file},
    {"make-file", make_file},
    {"list-folder", list_folder},
    {"truncate-file", truncate_file},
    {"remove-file", remove_file},
    {"rename-file", rename_file},
    {"link-file", link_file},
    {"make-folder", make_folder},
    {"change-mode", change_mode},
    {"make-memory-file", make_memory_file},
    {"tcp-socket", tcp_socket},
    {"udp-socket", udp_socket},
    {"unix-socket", unix_socket},
    {"netlink-socket", netlink_socket},
    {"make-channel", make_channel},
    {"connect-socket", connect_socket},
    {"bind-port", bind_port},
    {"listen-on-socket", listen_on_socket},
    {"set-socket-option", set_socket_option},
    {"run-program", run_program},
    {"fork-process", fork_process},
    {"signal-another", signal_another},
    {"trace", trace},
    {"read-process-memory", read_process_memory},
    {"make-code-of-data", make_code_of_data},
    {"map-code", map_code},
    {"change-user", change_user},
    {"allow-dumps", allow_dumps},
    {"change-limits", change_limits},
    {"leave-namespaces", leave_namespaces},
    {"make-io-ring", make_io_ring},
    {"mount-folder", mount_folder},
    {"change-root", change_root},
    {"load-kernel-program", load_kernel_program},
    {"load-kernel-module", load_kernel_module},
    {"load-kernel", load_kernel},
    {"use-key-ring", use_key_ring},
    {"watch-performance", watch_performance},
    {"handle-page-faults", handle_page_faults},
    {"have-io-ring", have_io_ring},
    {"packet-socket", packet_socket},
    {"crypto-socket", crypto_socket},
    {"audit-socket", audit_socket},
    {"fork-into-namespace", fork_into_namespace},
    {"map-writable-code", map_writable_code},
    {"set-clock", set_clock},
    {"start-program-of-its-own", start_program_of_its_own},
    {"listen-anew", listen_anew},
    {"look-up-users-and-hosts", look_up_users_and_hosts},
    {"write-log", write_log},
    {"use-memory", use_memory},
    {"ask-time-and-chance", ask_time_and_chance},
    {"sort-much", sort_much},
    {"use-channel", use_channel},
    {"count-usage", count_usage},
    {"ask-own-address", ask_own_address},
    {"wait-by-poll", wait_by_poll},
    {"wait-by-events", wait_by_events},
    {"open-connection", open_connection},
    {"use-database", use_database},
};

static const struct act *act_of(const char *name)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strcmp(acts[i].name, name) == 0)
            return &acts[i];
    return NULL;
}

static bool close_in(const char *fence, int version)
{
    static const char *const names[] = {[FENCE_VAULT] = "vault", [FENCE_STORE] = "store", [FENCE_NET] = "net",
                                        [FENCE_PARENT] = "parent"};
    static const char *const database[] = {"inside/data"};
    const struct log log = {.process = "probe", .level = LOG_LEVEL_WARNING, .fd = STDERR_FILENO};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = strlen(names[i]), count = i == FENCE_STORE || i == FENCE_PARENT;
        const struct fence_paths paths = {database, count, i == FENCE_PARENT ? "inside" : NULL};
        if (strcmp(fence, names[i]) == 0)
            return fence_enter((enum fence_kind)i, &paths, &log) == RULE_OK;
        if (strncmp(fence, names[i], len) == 0 && strcmp(fence + len, "-files") == 0)
            return fence_files((enum fence_kind)i, &paths, version);
    }
    return strcmp(fence, "none") == 0;
}

int main(int argc, char **argv)
{
    struct held h;
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        printf("%d\n", fence_landlock_version());
        return DONE;
    }
    const struct act *act = argc >= 3 ? act_of(argv[2]) : NULL;
    if (!act || !hold(&h) || !close_in(argv[1], argc > 3 ? atoi(argv[3]) : fence_landlock_version()))
        return UNKNOWN;
    if (act->try(&h))
        _exit(DONE);
    if (errno == EACCES || errno == EPERM)
        _exit(REFUSED);
    perror(act->name);
    _exit(FAILED);
}
