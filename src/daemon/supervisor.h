/* The parent's work once everything is read and bound: it starts its children, connects them, starts again those that
 * die, and ends them in order. */
#ifndef SIPSEAL_DAEMON_SUPERVISOR_H
#define SIPSEAL_DAEMON_SUPERVISOR_H

#include "daemon/child_setup.h"
#include "daemon/control.h"
#include "daemon/notify.h"
#include "daemon/process_teller.h"
#include "daemon/reload.h"

enum {
    SUPERVISOR_CHILDREN = IPC_VAULTS_MAX + 2,
    SUPERVISOR_VAULTS = 1, /* where the vaults begin among the children */
    READY_LIMIT_MS = 60000,    /* from start to IPC_READY */
    NET_STOP_LIMIT_MS = 3000,  /* from IPC_STOP to the end of net, beyond limits.drain_seconds */
    REST_STOP_LIMIT_MS = 5000, /* and of the others */
    HASTE_AFTER_MS = 1000,     /* a second signal so long after the first ends the waiting */
    EXIT_LIMIT_MS = 2000,      /* from the end of a control channel to the end of its process */
    REPORT_LIMIT_MS = 1000,    /* for what a process is asked to tell of its counters */
};

struct supervisor {
    const struct log *log;
    const struct notify *notify;
    struct child_terms terms;
    struct setup setup;
    int signals;                                 /* a signalfd */
    struct child child[SUPERVISOR_CHILDREN];     /* the store, the vaults by their numbers, net last */
    struct generation *now;                      /* what children are set up from */
    struct reload reload;
    struct control *control; /* borrowed */
    struct process_teller teller;
    int64_t since;  /* when sipseald was started; seconds since 1970 */
    int64_t renew_at; /* when net is to have another policy object, in milliseconds; INT64_MAX: never */
    bool was_ready; /* all of them, once: later net does not wait for the others */
    enum { SUPERVISOR_RUNS, SUPERVISOR_STOPS_NET, SUPERVISOR_STOPS_REST, SUPERVISOR_DONE } state;
    int64_t stopping_since;
    int exit_status;
    uint8_t *room; /* IPC_MESSAGE_MAX bytes for what children say */
};

/* Takes over `s->now`. Blocks the signals that it waits for; to be called before there is any child. False when the
 * system refuses. */
bool supervisor_open(struct supervisor *s);

/* Runs until SIGTERM or SIGINT, or until a child is given up; gives the exit status. */
int supervisor_run(struct supervisor *s);

void supervisor_close(struct supervisor *s);

/* --- for control.c --- */

/* Asks all processes that work what they have counted, but those that still owe an answer. */
void supervisor_ask_reports(struct supervisor *s);
/* Whether one of them owes an answer. */
bool supervisor_awaits_reports(const struct supervisor *s);

/* --- for reload.c --- */

int64_t supervisor_now_ms(void);
struct child *supervisor_net(struct supervisor *s);
/* What net hands out counts from now on, by the configuration that is in force. */
void supervisor_note_policy_object(struct supervisor *s);
/* A new vault under a number that is free, started from `setup`. False when it cannot be. */
bool supervisor_add_vault(struct supervisor *s, struct setup *setup);
/* Tells a vault to end when it has answered what it has, within `limit` milliseconds. */
void supervisor_retire(struct supervisor *s, struct child *vault, int64_t limit);
void supervisor_kill(struct supervisor *s, struct child *c, const char *reason);

#endif
