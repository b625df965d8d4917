/* A process of sipseald driven as the parent drives it: the program is started with its end of the control channel, and
 * every wait has a limit. */
#ifndef SIPSEAL_TESTS_UNIT_CHILD_H
#define SIPSEAL_TESTS_UNIT_CHILD_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/ipc.h"

enum { CHILD_LIMIT_MS = 60 * 1000 };

struct child {
    pid_t pid;  /* 0: none is running */
    int control;
    int channel; /* to its net channel; -1: none was given to it */
    uint8_t *room; /* IPC_MESSAGE_MAX bytes for what is sent, and as many for what is received */
};

static inline void child_start(struct child *c, const char *program, const char *name)
{
    int pair[2];
    assert_true(channel_pair(pair));
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* The control channel's number, without close-on-exec. */
        if (pair[1] == IPC_CONTROL_FD ? fcntl(pair[1], F_SETFD, 0) == 0 : dup2(pair[1], IPC_CONTROL_FD) >= 0)
            execl(program, program, name, "error", "text", (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    c->pid = pid;
    c->control = pair[0];
    c->channel = -1;
    if (!c->room)
        c->room = malloc(2 * (size_t)IPC_MESSAGE_MAX);
    assert_non_null(c->room);
}

static inline struct writer child_writer(struct child *c)
{
    return writer_over(c->room, IPC_MESSAGE_MAX);
}

static inline void child_send(int fd, const struct writer *w)
{
    assert_false(w->full);
    assert_int_equal(channel_send(fd, writer_span(w), NULL, 0), CHANNEL_DONE);
}

static inline bool child_ready(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, CHILD_LIMIT_MS) == 1;
}

/* The next message; false at the end of the channel. Its fields live until the next message is received. */
static inline bool child_receive(struct child *c, int fd, struct ipc_header *header, struct cursor *fields)
{
    struct span datagram;
    assert_true(child_ready(fd));
    if (channel_receive(fd, c->room + IPC_MESSAGE_MAX, IPC_MESSAGE_MAX, &datagram, NULL, 0, NULL) != CHANNEL_DONE)
        return false;
    assert_rule(ipc_read_header(datagram, header, fields), RULE_OK);
    return true;
}

/* What the child says of its setup: RULE_OK when it is ready. */
static inline enum rule child_setup_result(struct child *c)
{
    struct ipc_header header;
    struct cursor fields;
    enum rule rule = RULE_OK;
    assert_true(child_receive(c, c->control, &header, &fields));
    if (header.kind == IPC_FAILED)
        assert_rule(ipc_read_failed(&fields, &rule), RULE_OK);
    else
        assert_int_equal(header.kind, IPC_READY);
    return rule;
}

/* A message whose header says `length` bytes of fields, and these fields. */
static inline struct span child_odd_message(enum ipc_kind kind, uint32_t length, const char *fields)
{
    static uint8_t room[64];
    struct writer w = writer_over(room, sizeof room);
    writer_u16(&w, (uint16_t)kind);
    writer_u16(&w, 1);
    writer_u32(&w, length);
    writer_u64(&w, 1);
    writer_text(&w, fields);
    return writer_span(&w);
}

/* Gives the child one end of a new channel; the other replaces `c->channel`. */
static inline void child_give_channel(struct child *c, enum ipc_kind kind)
{
    int pair[2];
    struct writer w = child_writer(c);
    assert_true(channel_pair(pair));
    ipc_write_channel(&w, kind, 0);
    assert_false(w.full);
    assert_int_equal(channel_send(c->control, writer_span(&w), &pair[1], 1), CHANNEL_DONE);
    close(pair[1]);
    if (c->channel >= 0)
        close(c->channel);
    c->channel = pair[0];
}

static inline void child_close(struct child *c)
{
    if (c->control >= 0)
        close(c->control);
    if (c->channel >= 0)
        close(c->channel);
    c->control = c->channel = -1;
}

/* Waits for its end: its exit status, or minus the signal that ended it. Closes the channels. */
static inline int child_wait(struct child *c)
{
    int fd = pidfd_open(c->pid, 0), status;
    assert_true(fd >= 0);
    bool ended = child_ready(fd);
    close(fd);
    assert_true(ended);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    c->pid = 0;
    child_close(c);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void child_tell_to_stop(struct child *c)
{
    struct writer w = child_writer(c);
    ipc_write_bare(&w, IPC_STOP);
    child_send(c->control, &w);
}

/* As at the end of sipseald, when net has ended. */
static inline int child_stop(struct child *c)
{
    child_tell_to_stop(c);
    if (c->channel >= 0)
        close(c->channel);
    c->channel = -1;
    return child_wait(c);
}

/* For the end of a test, whatever became of it. */
static inline void child_clear(struct child *c)
{
    if (c->pid) {
        kill(c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
        child_close(c);
    }
    free(c->room);
}

/* Halts it, so that what is sent meanwhile waits for it all at once. */
static inline void child_halt(struct child *c)
{
    siginfo_t info;
    assert_int_equal(kill(c->pid, SIGSTOP), 0);
    assert_int_equal(waitid(P_PID, (id_t)c->pid, &info, WSTOPPED), 0);
}

static inline void child_go_on(struct child *c)
{
    assert_int_equal(kill(c->pid, SIGCONT), 0);
}

#endif
