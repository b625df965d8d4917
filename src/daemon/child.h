/* One child process of the parent: started, spoken to, ended. */
#ifndef SIPSEAL_DAEMON_CHILD_H
#define SIPSEAL_DAEMON_CHILD_H

#include <limits.h>
#include <sys/types.h>

#include "daemon/log.h"
#include "daemon/process.h"
#include "daemon/restart.h"
#include "ipc/ipc.h"

enum child_kind { CHILD_STORE, CHILD_VAULT, CHILD_NET };

struct child {
    enum child_kind kind;
    uint32_t number;  /* of a vault, from 0 */
    char name[24];    /* "store", "vault-1", "net"; at most PROCESS_NAME_MAX bytes */
    enum child_state {
        CHILD_ABSENT,   /* there is to be none */
        CHILD_DOWN,     /* no process; it is started at `deadline` */
        CHILD_STARTING, /* its setup is sent; it must be ready by `deadline` */
        CHILD_READY,
        CHILD_ENDING, /* it must be gone by `deadline` */
    } state;
    enum child_role {
        CHILD_CURRENT,  /* at work, and started again when it dies */
        CHILD_COMING,   /* a vault of a reload that is under way */
        CHILD_RETIRING, /* a vault of the time before a reload: it answers what it has */
    } role;
    pid_t pid;        /* 0: no process */
    int control;      /* this end of its control channel; -1: closed */
    int64_t deadline; /* milliseconds, monotonic */
    bool was_ready;   /* once in the life of the parent */
    struct restart restart;
    int64_t started_at; /* the process; seconds since 1970 */
    uint32_t restarts;  /* how often it was started again */
    struct child_report {
        uint8_t *counters; /* of IPC_REPORTED, for ipc_next_counter; null: it has not told any */
        size_t len;
        int64_t at;   /* milliseconds, monotonic */
        bool awaited; /* it was asked and has not answered */
    } report;
};

/* As whom children run. */
struct account {
    bool change; /* false: as who started the parent */
    char name[64];
    uid_t uid;
    gid_t gid;
};

struct child_terms {
    const struct log *log;
    const char *libexec; /* the folder of the programs */
    const struct account *account;
};

/* The program of a kind of child: LIBEXEC/sipseald-net. False when the path is too long. */
bool child_program(char path[PATH_MAX], const char *libexec, enum child_kind kind);

/* Starts the process, which logs from `level` on and in `format`, with a new control channel; it inherits
 * nothing else but standard output and error. False, with a line in the log, when it cannot be started. */
bool child_start(struct child *c, const struct child_terms *terms, enum log_level level, enum log_format format);

/* Sends one message, with a descriptor unless `fd` is -1. A child that does not take it in time is killed. False when
 * it was not sent. */
bool child_send(struct child *c, const struct writer *message, int fd, const struct log *log);

/* Closes the control channel, and forgets what the process has told. */
void child_close(struct child *c);

/* Keeps what the process has counted, until it tells it again. */
void child_keep_report(struct child *c, struct span counters, int64_t now_ms);
struct span child_counters(const struct child *c);
/* One of its counters; 0 where it has none of that name. */
uint64_t child_counter(const struct child *c, const char *group, const char *name);

#endif
