/* Keys are tried in a process of its own. */
#include "config/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/file.h"

enum {
    REPORT_MAX = 64 * 1024,                 /* bytes of all faults */
    RECORD_MAX = 1 + 1 + 4 + 4 + FILE_PROBLEM_MAX, /* of one, below PIPE_BUF */
};

/* --- a fault on its way: setting, warning, index, text --- */

static void write_fault(struct writer *w, enum keys_setting setting, size_t index, bool warning, const char *text)
{
    writer_u8(w, (uint8_t)setting);
    writer_u8(w, warning ? 1 : 0);
    writer_u32(w, (uint32_t)index);
    writer_block(w, span_text(text));
}

_Static_assert(CONFIG_FORMER_KEYS_MAX <= CONFIG_READERS_MAX, "a fault says which of the readers or former keys it is");

static bool read_fault(struct cursor *c, const struct keys_listener *listener)
{
    uint8_t setting, warning;
    uint32_t index;
    struct span text;
    char line[FILE_PROBLEM_MAX];
    if (!cursor_u8(c, &setting) || setting >= KEYS_SETTINGS || !cursor_u8(c, &warning) || warning > 1 ||
        !cursor_u32(c, &index) || index >= CONFIG_READERS_MAX || !cursor_block(c, &text) || text.len >= sizeof line)
        return false;
    memcpy(line, text.at, text.len);
    line[text.len] = '\0';
    listener->fault(listener->context, (enum keys_setting)setting, index, warning == 1, line);
    return true;
}

/* --- the process that tries --- */

static void send_fault(void *context, enum keys_setting setting, size_t index, bool warning, const char *text)
{
    const int *fd = context;
    uint8_t room[RECORD_MAX];
    struct writer w = writer_over(room, sizeof room);
    write_fault(&w, setting, index, warning, text);
    if (w.full || write(*fd, w.at, w.len) != (ssize_t)w.len)
        _exit(EXIT_FAILURE); /* what cannot be told must not pass */
}

_Noreturn static void try_and_tell(const struct config *config, int64_t now, int fd)
{
    const struct keys_listener listener = {send_fault, &fd};
    struct keys *keys = calloc(1, sizeof *keys);
    if (!keys)
        _exit(EXIT_FAILURE);
    if (keys_load(keys, config, &listener))
        keys_check(keys, config, now, &listener);
    keys_close(keys);
    _exit(EXIT_SUCCESS);
}

/* --- the process that listens --- */

static size_t read_all(int fd, uint8_t *room, size_t cap)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t n = read(fd, room + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    return len;
}

static bool ended_well(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

struct counter {
    const struct keys_listener *listener;
    bool faultless;
};

static void count_fault(void *context, enum keys_setting setting, size_t index, bool warning, const char *text)
{
    struct counter *counter = context;
    counter->faultless = counter->faultless && warning;
    counter->listener->fault(counter->listener->context, setting, index, warning, text);
}

static bool listen_to(int fd, pid_t pid, const struct keys_listener *listener)
{
    struct counter counter = {listener, true};
    const struct keys_listener counted = {count_fault, &counter};
    uint8_t *report = malloc(REPORT_MAX);
    size_t len = report ? read_all(fd, report, REPORT_MAX) : 0;
    struct cursor c = cursor_over(span_of(report, len));
    close(fd);
    bool understood = report && ended_well(pid);
    while (understood && !cursor_done(&c))
        understood = read_fault(&c, &counted);
    free(report);
    if (!understood)
        count_fault(&counter, KEYS_CERTIFICATE, 0, false, "the keys cannot be tried; allow this process more memory");
    return counter.faultless;
}

bool keys_try(const struct config *config, int64_t now, const struct keys_listener *listener)
{
    int fd[2];
    if (!config->certificate_path && !config->tls_certificate_path)
        return true;
    if (pipe2(fd, O_CLOEXEC) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        try_and_tell(config, now, fd[1]);
    }
    close(fd[1]);
    if (pid > 0)
        return listen_to(fd[0], pid, listener);
    close(fd[0]);
    listener->fault(listener->context, KEYS_CERTIFICATE, 0, false,
                    "there is no process to try the keys in; allow this user more processes");
    return false;
}
