#include "daemon/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SEND_SECONDS = 5, EXIT_NOT_STARTED = 127, VARIABLES_MAX = 8 };

static const char *const programs[] = {
    [CHILD_STORE] = "sipseald-store",
    [CHILD_VAULT] = "sipseald-vault",
    [CHILD_NET] = "sipseald-net",
};

bool child_program(char path[PATH_MAX], const char *libexec, enum child_kind kind)
{
    int n = snprintf(path, PATH_MAX, "%s/%s", libexec, programs[kind]);
    return n > 0 && n < PATH_MAX;
}

/* --- in the child, between fork and exec --- */

static bool take_control_channel(int control)
{
    if (control == IPC_CONTROL_FD ? fcntl(control, F_SETFD, 0) != 0 : dup2(control, IPC_CONTROL_FD) < 0)
        return false;
    int nothing = open("/dev/null", O_RDONLY);
    return nothing >= 0 && dup2(nothing, STDIN_FILENO) == STDIN_FILENO && close_range(IPC_CONTROL_FD + 1, ~0U, 0) == 0;
}

/* Who holds keys may keep all of them from being swapped out, where that can still be allowed. */
static void allow_locking(const struct child *c)
{
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    if (c->kind == CHILD_VAULT)
        setrlimit(RLIMIT_MEMLOCK, &all);
}

static bool become(const struct account *account)
{
    if (!account->change)
        return true;
    return initgroups(account->name, account->gid) == 0 &&
           setresgid(account->gid, account->gid, account->gid) == 0 &&
           setresuid(account->uid, account->uid, account->uid) == 0 &&
           (account->uid == 0 || setuid(0) != 0); /* there must be no way back */
}

/* What a sanitizer is told by its environment must reach the processes that are built with it. */
static void fill_environment(char *variables[VARIABLES_MAX])
{
    size_t count = 0;
    static char path[] = "PATH=/usr/bin:/bin", language[] = "LANG=C.UTF-8";
    variables[count++] = path;
    variables[count++] = language;
#ifdef SIPSEAL_SANITIZED
    static const char *const kept[] = {"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS="};
    for (char **v = environ; *v; v++)
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            if (strncmp(*v, kept[i], strlen(kept[i])) == 0 && count + 1 < VARIABLES_MAX)
                variables[count++] = *v;
#endif
    variables[count] = NULL;
}

static void allow_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void run_program(const struct child *c, const struct child_terms *terms, const char *path,
                                  int control, enum log_level log_level, enum log_format log_format)
{
    char *variables[VARIABLES_MAX];
    char name[sizeof c->name], level[16], format[16];
    snprintf(name, sizeof name, "%s", c->name);
    snprintf(level, sizeof level, "%s", log_level_name(log_level));
    snprintf(format, sizeof format, "%s", log_format_name(log_format));
    char *arguments[PROCESS_ARGUMENTS + 1] = {(char *)(uintptr_t)programs[c->kind], name, level, format, NULL};
    allow_signals();
    fill_environment(variables);
    allow_locking(c);
    if (!take_control_channel(control))
        LOG(terms->log, LOG_LEVEL_ERROR, "cannot-start", log_word("child", c->name),
            log_word("reason", "its descriptors cannot be arranged"));
    else if (!become(terms->account))
        LOG(terms->log, LOG_LEVEL_ERROR, "cannot-start", log_word("child", c->name),
            log_word("reason", "it cannot become server.user"));
    else if (execve(path, arguments, variables) != 0)
        LOG(terms->log, LOG_LEVEL_ERROR, "cannot-start", log_word("child", c->name), log_word("program", path),
            log_word("reason", strerror(errno)));
    _exit(EXIT_NOT_STARTED);
}

/* --- in the parent --- */

/* A child that does not read must not halt the parent. */
static bool bound_sending(int fd)
{
    const struct timeval limit = {.tv_sec = SEND_SECONDS};
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0;
}

static bool refuse_start(const struct child *c, const struct log *log, const char *reason)
{
    LOG(log, LOG_LEVEL_ERROR, "cannot-start", log_word("child", c->name), log_word("reason", reason));
    return false;
}

bool child_start(struct child *c, const struct child_terms *terms, enum log_level level, enum log_format format)
{
    char path[PATH_MAX];
    int pair[2];
    if (!child_program(path, terms->libexec, c->kind))
        return refuse_start(c, terms->log, "the path of its program is too long");
    if (!channel_pair(pair))
        return refuse_start(c, terms->log, strerror(errno));
    pid_t pid = bound_sending(pair[0]) ? fork() : -1;
    if (pid == 0)
        run_program(c, terms, path, pair[1], level, format);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return refuse_start(c, terms->log, strerror(errno));
    }
    c->pid = pid;
    c->control = pair[0];
    c->started_at = (int64_t)time(NULL);
    LOG(terms->log, LOG_LEVEL_INFO, "started", log_word("child", c->name), log_number("pid", pid));
    return true;
}

bool child_send(struct child *c, const struct writer *message, int fd, const struct log *log)
{
    if (c->control < 0)
        return false;
    enum channel_result result = CHANNEL_CLOSED;
    if (!message->full)
        result = channel_send(c->control, writer_span(message), &fd, fd >= 0 ? 1 : 0);
    if (result == CHANNEL_DONE)
        return true;
    LOG(log, LOG_LEVEL_ERROR, "cannot-tell", log_word("child", c->name),
        log_word("reason", message->full ? "the message is too large"
                           : result == CHANNEL_AGAIN ? "it does not read"
                                                     : "its channel is closed"));
    if (c->pid)
        kill(c->pid, SIGKILL);
    return false;
}

void child_close(struct child *c)
{
    if (c->control >= 0)
        close(c->control);
    c->control = -1;
    free(c->report.counters);
    c->report = (struct child_report){0};
}

/* --- what it has counted --- */

void child_keep_report(struct child *c, struct span counters, int64_t now_ms)
{
    uint8_t *kept = malloc(counters.len + 1);
    c->report.awaited = false;
    if (!kept)
        return;
    if (counters.len)
        memcpy(kept, counters.at, counters.len);
    free(c->report.counters);
    c->report.counters = kept;
    c->report.len = counters.len;
    c->report.at = now_ms;
}

struct span child_counters(const struct child *c)
{
    return span_of(c->report.counters, c->report.len);
}

uint64_t child_counter(const struct child *c, const char *group, const char *name)
{
    struct cursor counters = cursor_over(child_counters(c));
    struct ipc_counter counter;
    while (ipc_next_counter(&counters, &counter))
        if (span_equal(counter.group, span_text(group)) && span_equal(counter.name, span_text(name)))
            return counter.value;
    return 0;
}
