/* The control socket: a UNIX socket on which the parent answers those who operate the server. Each connection is one
 * question and one answer, a line of JSON each:
 *
 *     {"command":"status"}      {"ok":true,"status":{...}}
 *     {"command":"reload"}      {"ok":true,"changed":"routes"}, or {"ok":false,"errors":["...",...]}
 *     {"command":"counters"}    {"ok":true,"counters":{"net":{"sip":{"requests":1,...},...},...}}
 *
 * It is answered to this process's own user and to root alone, whom the kernel names (SO_PEERCRED); the socket has mode
 * 0600 besides. Everything is bounded: connections, bytes, time; and nobody who does not read keeps the parent from its
 * work. */
#ifndef SIPSEAL_DAEMON_CONTROL_H
#define SIPSEAL_DAEMON_CONTROL_H

#include <limits.h>
#include <poll.h>

#include "config/config.h"
#include "daemon/control_request.h"
#include "daemon/log.h"

enum {
    CONTROL_CLIENTS_MAX = 8,         /* connections at once; one that has said nothing gives way */
    CONTROL_POLLED = CONTROL_CLIENTS_MAX + 1,
    CONTROL_ANSWER_MAX = 512 * 1024, /* bytes of an answer */
    CONTROL_TALK_LIMIT_MS = 5000,    /* for a question to come, and for an answer to be taken */
    CONTROL_RELOAD_LIMIT_MS = 120000, /* for the end of a reload that was asked for */
};

struct control_client {
    enum control_state {
        CONTROL_FREE,
        CONTROL_READING,
        CONTROL_WAITING, /* for what the answer tells of */
        CONTROL_WRITING,
    } state;
    int fd;
    int64_t deadline; /* milliseconds, monotonic: of its state */
    uint8_t line[CONTROL_REQUEST_MAX];
    size_t line_len;
    enum control_command command;
    uint64_t reload; /* the number of the reload that it waits for */
    uint8_t *answer; /* CONTROL_WRITING: owned */
    size_t answer_len, sent;
};

struct control {
    int fd; /* -1: there is no control socket */
    char path[PATH_MAX];
    struct control_client client[CONTROL_CLIENTS_MAX];
};

/* Makes the socket at config->control_path; to be called before the fence is closed. Where the configuration does not
 * name it, one that cannot be made is a warning, and there is none. False, with a line in the log, when one that is
 * named cannot be made. A socket that an earlier process left behind is replaced, one at which somebody answers not. */
bool control_open(struct control *c, const struct config *config, const struct log *log);
/* Closes the socket and every connection, and removes the socket where the fence lets it. */
void control_close(struct control *c);

struct supervisor;

/* For poll: CONTROL_POLLED entries. */
void control_wait(const struct control *c, struct pollfd *wait);
void control_handle(struct supervisor *s, const struct pollfd *wait);
/* To be called once in each turn of the supervisor: answers what can be answered now, and ends what takes too long. */
void control_look(struct supervisor *s);
/* When control_look is to be called at the latest, in milliseconds of the monotonic clock; INT64_MAX: never. */
int64_t control_deadline(const struct control *c);

#endif
