/* sipseald-vault: opens and verifies what is labelled for this server, one message at a time. It holds the sealing
 * keys, has no network, and opens neither files nor sockets once it is set up (docs/architecture.md). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "daemon/fence.h"
#include "daemon/process.h"
#include "daemon/vault.h"

enum { EXIT_FAULT = 1, EXIT_USAGE = 2 };

/* What becomes of the process after something was handled. A fault has been logged. */
enum course { GO_ON, END, FAULT };

static enum course bad_message(const struct vault *v, const char *channel)
{
    LOG(&v->log, LOG_LEVEL_ERROR, "bad-message", log_word("channel", channel), log_rule(RULE_IPC));
    return FAULT;
}

static int64_t monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- net --- */

static void close_net(struct vault *v)
{
    close(v->net);
    v->net = -1;
}

/* The answer to one question, in `reply`. False when it is no question, or there is no answer to it. */
static bool answer(struct vault *v, struct span datagram, uint8_t *reply, struct span *answered)
{
    struct ipc_header header;
    struct cursor fields;
    struct ipc_examine ask;
    if (ipc_read_header(datagram, &header, &fields) != RULE_OK || header.kind != IPC_EXAMINE ||
        ipc_read_examine(&fields, &ask) != RULE_OK)
        return false;
    struct writer w = writer_over(reply, IPC_MESSAGE_MAX);
    vault_examine(v, header.job, &ask, &w);
    *answered = writer_span(&w);
    return !w.full;
}

/* The jobs that wait, one after the other; their answers leave together. */
static enum course handle_net(struct vault *v)
{
    struct span datagram[IPC_VAULT_JOBS_MAX], answered[IPC_VAULT_JOBS_MAX];
    size_t count, done = 0;
    enum channel_result result = channel_receive_many(v->net, v->datagram, datagram, IPC_VAULT_JOBS_MAX, &count);
    while (done < count && answer(v, datagram[done], v->reply + done * IPC_MESSAGE_MAX, &answered[done]))
        done++;
    for (size_t i = 0; i < count; i++)
        bytes_wipe((uint8_t *)(uintptr_t)datagram[i].at, datagram[i].len); /* it may have held a plain body */
    if (!channel_send_all(v->net, answered, done) || result == CHANNEL_CLOSED)
        close_net(v);
    return done == count ? GO_ON : bad_message(v, "net");
}

/* --- the parent --- */

static enum course set_up(struct vault *v, const struct ipc_header *header, struct cursor *fields)
{
    enum rule rule = vault_set_up(v, header, fields);
    if (rule == RULE_IPC)
        return bad_message(v, "control");
    if (rule == RULE_OK && v->ready)
        rule = fence_enter(FENCE_VAULT, &(struct fence_paths){0}, &v->log);
    if (rule != RULE_OK) {
        LOG(&v->log, LOG_LEVEL_ERROR, "setup-failed", log_rule(rule));
        channel_tell_parent(rule);
        return FAULT;
    }
    if (!v->ready)
        return GO_ON;
    LOG(&v->log, LOG_LEVEL_INFO, "ready", log_number("keys", (int64_t)v->middle.identity_count),
        log_number("archive_readers", (int64_t)v->reader_count));
    return channel_tell_parent(RULE_OK) ? GO_ON : FAULT;
}

/* A new channel to net takes the place of the old one, whose questions nobody waits for any more. */
static enum course take_channel(struct vault *v, struct cursor *fields, int *fd)
{
    uint32_t number;
    if (!v->ready || *fd < 0 || ipc_read_channel(fields, &number) != RULE_OK)
        return bad_message(v, "control");
    if (v->net >= 0)
        close_net(v);
    v->net = *fd;
    *fd = -1;
    return GO_ON;
}

static enum course take_control(struct vault *v, struct span datagram, int *fd)
{
    struct ipc_header header;
    struct cursor fields;
    if (ipc_read_header(datagram, &header, &fields) != RULE_OK)
        return bad_message(v, "control");
    switch (header.kind) {
    case IPC_CHANNEL_VAULT:
        return take_channel(v, &fields, fd);
    case IPC_STOP:
        if (ipc_read_bare(&fields) != RULE_OK)
            return bad_message(v, "control");
        v->ending = true; /* what net has asked is still answered */
        return GO_ON;
    case IPC_COUNTERS:
    case IPC_REPORT:
        return v->ready && counters_answer(header.kind, &fields, &v->log, vault_count, v) ? GO_ON
                                                                                          : bad_message(v, "control");
    default:
        return set_up(v, &header, &fields);
    }
}

static enum course handle_control(struct vault *v)
{
    struct span datagram;
    int fd = -1;
    size_t fd_count = 0;
    if (channel_receive(IPC_CONTROL_FD, v->datagram, IPC_MESSAGE_MAX, &datagram, &fd, 1, &fd_count) != CHANNEL_DONE)
        return END; /* the parent is gone */
    if (fd_count == 0)
        fd = -1;
    enum course course = take_control(v, datagram, &fd);
    bytes_wipe(v->datagram, datagram.len); /* it may have held a private key */
    if (fd >= 0)
        close(fd);
    return course;
}

/* --- the loop --- */

static enum course wait_and_handle(struct vault *v)
{
    struct pollfd wait[2] = {{.fd = IPC_CONTROL_FD, .events = POLLIN}, {.fd = v->net, .events = POLLIN}};
    enum course course = GO_ON;
    if (poll(wait, 2, vault_patience(v, monotonic_ms())) < 0 && errno != EINTR) {
        LOG(&v->log, LOG_LEVEL_ERROR, "cannot-wait", log_number("errno", errno));
        return FAULT;
    }
    if (wait[0].revents)
        course = handle_control(v);
    else if (wait[1].revents)
        course = handle_net(v);
    vault_watch_epoch(v, monotonic_ms());
    return course == GO_ON && v->ending && v->net < 0 ? END : course;
}

int main(int argc, char **argv)
{
    struct vault v;
    enum course course = GO_ON;
    if (!process_begin(argc, argv, &v.log))
        return EXIT_USAGE;
    if (!vault_open(&v)) {
        LOG(&v.log, LOG_LEVEL_ERROR, "setup-failed", log_rule(RULE_NO_MEMORY));
        course = FAULT;
    }
    while (course == GO_ON)
        course = wait_and_handle(&v);
    if (v.ready)
        vault_count(&v, &(struct counters_to){.log = &v.log});
    if (v.net >= 0)
        close_net(&v);
    vault_close(&v);
    return course == END ? EXIT_SUCCESS : EXIT_FAULT;
}
