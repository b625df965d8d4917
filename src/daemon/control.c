#include "daemon/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/status.h"
#include "daemon/supervisor.h"

enum { BACKLOG_OF_CONTROL = 8 };

/* --- the socket --- */

static bool write_address(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(address->sun_path, path, strlen(path));
    return true;
}

static bool bind_privately(int fd, const struct sockaddr_un *address)
{
    mode_t before = umask(0177);
    bool bound = bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    int error = errno;
    umask(before);
    errno = error;
    return bound;
}

/* Whether what lies there is a socket of this user's at which nobody answers any more. */
static bool was_left_behind(const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                   errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return refused;
}

static bool bind_anew(int fd, const struct sockaddr_un *address)
{
    if (bind_privately(fd, address))
        return true;
    if (errno != EADDRINUSE)
        return false;
    if (!was_left_behind(address) || unlink(address->sun_path) != 0) {
        errno = EADDRINUSE;
        return false;
    }
    return bind_privately(fd, address);
}

static int open_socket(const char *path)
{
    struct sockaddr_un address;
    if (!path || !write_address(&address, path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind_anew(fd, &address) && listen(fd, BACKLOG_OF_CONTROL) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

bool control_open(struct control *c, const struct config *config, const struct log *log)
{
    const char *path = config->control_path;
    *c = (struct control){.fd = open_socket(path)};
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        c->client[i].fd = -1;
    if (c->fd >= 0) {
        snprintf(c->path, sizeof c->path, "%s", path);
        return true;
    }
    LOG(log, config->control_given ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "no-control-socket",
        log_word("path", path ? path : ""), log_word("reason", strerror(errno)),
        log_word("advice", errno == EADDRINUSE
                               ? "another sipseald answers there, or it is no socket; write another server.control"
                               : "sipseald status and reload need it; write in server.control where it can be made"));
    return !config->control_given;
}

static void end(struct control_client *k)
{
    if (k->state == CONTROL_FREE)
        return;
    close(k->fd);
    free(k->answer);
    *k = (struct control_client){.fd = -1};
}

void control_close(struct control *c)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        end(&c->client[i]);
    if (c->fd < 0)
        return;
    close(c->fd);
    c->fd = -1;
    unlink(c->path);
}

/* --- answers --- */

static void go_to(struct control_client *k, enum control_state state, int64_t limit)
{
    k->state = state;
    k->deadline = supervisor_now_ms() + limit;
}

static void send_answer(struct control_client *k)
{
    ssize_t sent = send(k->fd, k->answer + k->sent, k->answer_len - k->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0)
        k->sent += (size_t)sent;
    if ((sent < 0 && errno != EAGAIN && errno != EINTR) || k->sent == k->answer_len)
        end(k);
}

static void write_answer(const struct supervisor *s, const struct control_client *k, struct json_out *j)
{
    switch (k->command) {
    case CONTROL_STATUS:
        status_write(j, s);
        break;
    case CONTROL_COUNTERS:
        status_write_counters(j, s);
        break;
    case CONTROL_RELOAD:
        status_write_reload(j, s, k->reload);
        break;
    case CONTROL_UNKNOWN:
        status_write_fault(j, "this sipseald knows no such command; its version may be another one");
        break;
    }
}

static void answer(const struct supervisor *s, struct control_client *k)
{
    k->answer = malloc(CONTROL_ANSWER_MAX);
    struct writer w = writer_over(k->answer, CONTROL_ANSWER_MAX);
    struct json_out j = {&w, false};
    write_answer(s, k, &j);
    writer_byte(&w, '\n');
    k->answer_len = w.len;
    go_to(k, CONTROL_WRITING, CONTROL_TALK_LIMIT_MS);
    if (w.full)
        end(k);
    else
        send_answer(k);
}

/* --- questions --- */

static void begin(struct supervisor *s, struct control_client *k)
{
    switch (k->command) {
    case CONTROL_STATUS:
    case CONTROL_COUNTERS:
        supervisor_ask_reports(s);
        go_to(k, CONTROL_WAITING, REPORT_LIMIT_MS);
        break;
    case CONTROL_RELOAD:
        s->reload.wanted = true;
        k->reload = s->reload.begun + 1; /* one that is under way may have read what was there before */
        go_to(k, CONTROL_WAITING, CONTROL_RELOAD_LIMIT_MS);
        break;
    case CONTROL_UNKNOWN:
        answer(s, k);
        break;
    }
}

/* One who says more than a question, or something else, is not answered. */
static void read_question(struct supervisor *s, struct control_client *k)
{
    ssize_t got = recv(k->fd, k->line + k->line_len, sizeof k->line - k->line_len, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    k->line_len += got > 0 ? (size_t)got : 0;
    struct span said = span_of(k->line, k->line_len);
    size_t len = span_find(said, '\n');
    if (len < said.len && len + 1 == said.len && control_request_read(span_part(said, 0, len), &k->command))
        begin(s, k);
    else if (got <= 0 || len < said.len || k->line_len == sizeof k->line)
        end(k);
}

static bool may_ask(int fd)
{
    struct ucred who;
    socklen_t len = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && (who.uid == 0 || who.uid == geteuid());
}

static void accept_one(struct supervisor *s, struct control_client *k)
{
    int fd = accept4(s->control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (!may_ask(fd)) {
        LOG(s->log, LOG_LEVEL_WARNING, "control-refused", log_word("reason", "it is neither root nor this user"));
        close(fd);
        return;
    }
    end(k); /* whoever said nothing there gives way */
    k->fd = fd;
    go_to(k, CONTROL_READING, CONTROL_TALK_LIMIT_MS);
}

/* --- in the loop --- */

/* For one more connection: the number of a place that is free, else of the one that has said nothing for longest.
 * CONTROL_CLIENTS_MAX: all are being answered. */
static size_t place_for_one(const struct control *c)
{
    size_t silent = CONTROL_CLIENTS_MAX;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (c->client[i].state == CONTROL_FREE)
            return i;
        if (c->client[i].state == CONTROL_READING &&
            (silent == CONTROL_CLIENTS_MAX || c->client[i].deadline < c->client[silent].deadline))
            silent = i;
    }
    return silent;
}

void control_wait(const struct control *c, struct pollfd *wait)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        const struct control_client *k = &c->client[i];
        short events = k->state == CONTROL_READING ? POLLIN : k->state == CONTROL_WRITING ? POLLOUT : 0;
        wait[i] = (struct pollfd){.fd = events ? k->fd : -1, .events = events};
    }
    bool room = place_for_one(c) < CONTROL_CLIENTS_MAX;
    wait[CONTROL_CLIENTS_MAX] = (struct pollfd){.fd = room ? c->fd : -1, .events = POLLIN};
}

void control_handle(struct supervisor *s, const struct pollfd *wait)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *k = &s->control->client[i];
        if (!wait[i].revents)
            continue;
        if (k->state == CONTROL_READING)
            read_question(s, k);
        else if (k->state == CONTROL_WRITING)
            send_answer(k);
    }
    size_t place = place_for_one(s->control);
    if (wait[CONTROL_CLIENTS_MAX].revents && place < CONTROL_CLIENTS_MAX)
        accept_one(s, &s->control->client[place]);
}

/* What it waits for has come, or will not come in time. */
static bool is_due(const struct supervisor *s, const struct control_client *k)
{
    if (supervisor_now_ms() >= k->deadline)
        return true;
    return k->command == CONTROL_RELOAD ? s->reload.ended >= k->reload : !supervisor_awaits_reports(s);
}

void control_look(struct supervisor *s)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *k = &s->control->client[i];
        if (k->state == CONTROL_WAITING && is_due(s, k))
            answer(s, k);
        else if (k->state != CONTROL_FREE && supervisor_now_ms() >= k->deadline)
            end(k);
    }
}

int64_t control_deadline(const struct control *c)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (c->client[i].state != CONTROL_FREE && c->client[i].deadline < least)
            least = c->client[i].deadline;
    return least;
}
