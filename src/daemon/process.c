#include "daemon/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/ipc.h"

#ifdef SIPSEAL_SANITIZED
static const bool sanitized = true;
#else
static const bool sanitized = false;
#endif

bool process_is_sanitized(void)
{
    return sanitized;
}

static bool ignore_signal(int signal)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    return sigaction(signal, &action, NULL) == 0;
}

/* A socket that happened to get number 2 would receive the log. */
static bool standard_streams_are_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    return true;
}

static bool forbid_dumps(const struct log *log)
{
    if (sanitized) {
        LOG(log, LOG_LEVEL_WARNING, "unfenced",
            log_word("reason", "a sanitizer build has no fences, and allows dumps and tracing"));
        return true;
    }
    const struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

bool process_protect(const struct log *log)
{
    umask(077);
    if (standard_streams_are_open() && ignore_signal(SIGPIPE) && forbid_dumps(log) &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        return true;
    LOG(log, LOG_LEVEL_ERROR, "cannot-protect", log_word("reason", "the system refused to fence the process"));
    return false;
}

static bool is_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= PROCESS_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool control_is_a_channel(void)
{
    int domain = 0, type = 0;
    socklen_t domain_len = sizeof domain, type_len = sizeof type;
    return getsockopt(IPC_CONTROL_FD, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) == 0 && domain == AF_UNIX &&
           getsockopt(IPC_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_SEQPACKET;
}

static void allow_many_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool leave_signals_to_the_parent(void)
{
    return ignore_signal(SIGINT) && ignore_signal(SIGTERM) && ignore_signal(SIGHUP) &&
           ignore_signal(SIGUSR1);
}

bool process_begin(int argc, char **argv, struct log *log)
{
    *log = (struct log){.fd = STDERR_FILENO, .level = LOG_LEVEL_INFO};
    if (argc != PROCESS_ARGUMENTS || !is_name(argv[1]) || !log_level_of(argv[2], &log->level) ||
        !log_format_of(argv[3], &log->format) || !control_is_a_channel()) {
        fputs("This program is a part of sipseald, which starts it; see sipseald(8).\n", stderr);
        return false;
    }
    log->process = argv[1];
    prctl(PR_SET_NAME, argv[1], 0, 0, 0);
    allow_many_descriptors();
    if (fcntl(IPC_CONTROL_FD, F_SETFD, FD_CLOEXEC) == 0 && close_range(IPC_CONTROL_FD + 1, ~0U, 0) == 0 &&
        leave_signals_to_the_parent() && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0)
        return process_protect(log);
    LOG(log, LOG_LEVEL_ERROR, "cannot-protect", log_word("reason", "the system refused to fence the process"));
    return false;
}
