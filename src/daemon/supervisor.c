#include "daemon/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t supervisor_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct child *supervisor_net(struct supervisor *s)
{
    return &s->child[SUPERVISOR_CHILDREN - 1];
}

/* --- the end of everything --- */

static void tell_to_stop(struct supervisor *s, struct child *c, int64_t limit)
{
    c->deadline = supervisor_now_ms() + limit;
    if (c->pid == 0)
        return;
    c->state = CHILD_ENDING;
    setup_stop(&s->setup, c);
}

static void stop_rest(struct supervisor *s)
{
    s->state = SUPERVISOR_STOPS_REST;
    for (size_t i = 0; i + 1 < SUPERVISOR_CHILDREN; i++)
        tell_to_stop(s, &s->child[i], REST_STOP_LIMIT_MS);
}

/* Net first, so that what is under way still finds the others. */
static void stop_all(struct supervisor *s, int exit_status)
{
    if (s->state != SUPERVISOR_RUNS)
        return;
    reload_give_up(s, "the server is to end");
    s->state = SUPERVISOR_STOPS_NET;
    s->stopping_since = supervisor_now_ms();
    s->exit_status = exit_status;
    notify_stopping(s->notify);
    tell_to_stop(s, supervisor_net(s), s->now->config->limits.drain_seconds * INT64_C(1000) + NET_STOP_LIMIT_MS);
}

static void go_on_stopping(struct supervisor *s)
{
    if (s->state == SUPERVISOR_STOPS_NET && supervisor_net(s)->pid == 0)
        stop_rest(s);
    if (s->state != SUPERVISOR_STOPS_REST)
        return;
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++)
        if (s->child[i].pid)
            return;
    s->state = SUPERVISOR_DONE;
}

static void give_up(struct supervisor *s, const struct child *c, const char *reason, const char *advice)
{
    LOG(s->log, LOG_LEVEL_ERROR, "given-up", log_word("child", c->name), log_word("reason", reason),
        log_word("advice", advice));
    stop_all(s, EXIT_FAILURE);
}

/* --- starting --- */

static void connect_to_net(struct supervisor *s, struct child *peer)
{
    struct child *net = supervisor_net(s);
    if (net->pid && net->state != CHILD_ENDING && peer->state == CHILD_READY && peer->role != CHILD_RETIRING)
        setup_channel(&s->setup, net, peer);
}

static bool set_up(struct supervisor *s, struct child *c, struct setup *setup)
{
    switch (c->kind) {
    case CHILD_STORE:
        return setup_store(setup, c);
    case CHILD_VAULT:
        return setup_vault(setup, c);
    default:
        break;
    }
    if (!setup_net(setup, c))
        return false;
    for (size_t i = 0; i + 1 < SUPERVISOR_CHILDREN; i++)
        connect_to_net(s, &s->child[i]);
    return true;
}

static void note_death(struct supervisor *s, struct child *c)
{
    int64_t delay = restart_note_death(&c->restart, supervisor_now_ms());
    child_close(c);
    c->pid = 0;
    c->state = c->role == CHILD_CURRENT ? CHILD_DOWN : CHILD_ABSENT;
    if (s->state != SUPERVISOR_RUNS)
        return;
    c->restarts++;
    reload_note_death(s, c);
    if (c->state == CHILD_ABSENT)
        return;
    if (delay < 0) {
        give_up(s, c, "it died again and again before it was ready", "look at what it logged before");
        return;
    }
    c->deadline = supervisor_now_ms() + delay;
    if (delay > 0)
        LOG(s->log, LOG_LEVEL_WARNING, "waiting", log_word("child", c->name), log_number("milliseconds", delay));
}

static void start(struct supervisor *s, struct child *c, struct setup *setup)
{
    if (!child_start(c, &s->terms, setup->level, setup->format)) {
        note_death(s, c);
        return;
    }
    c->state = CHILD_STARTING;
    c->deadline = supervisor_now_ms() + READY_LIMIT_MS;
    set_up(s, c, setup); /* what cannot be told is killed, and its death is noted when it comes */
}

static bool others_were_ready(const struct supervisor *s)
{
    for (size_t i = 0; i + 1 < SUPERVISOR_CHILDREN; i++)
        if (s->child[i].state != CHILD_READY && s->child[i].state != CHILD_ABSENT)
            return false;
    return true;
}

static bool may_start(struct supervisor *s, const struct child *c)
{
    return c->state == CHILD_DOWN && (c->kind != CHILD_NET || s->was_ready || others_were_ready(s));
}

/* --- what children say --- */

/* The addresses, as many as a line holds. */
static void log_ready(struct supervisor *s)
{
    char uri[CONFIG_LISTEN_MAX][LISTENER_URI_MAX];
    struct log_field field[CONFIG_LISTEN_MAX + 1];
    size_t count = s->setup.config->listen_count;
    for (size_t i = 0; i < count; i++) {
        listener_write_uri(uri[i], &s->setup.listener[i].hop);
        field[i] = log_word("listen", uri[i]);
    }
    field[count] = log_number("vaults", s->setup.config->vaults);
    log_write(s->log, LOG_LEVEL_INFO, "ready", field, count + 1);
}

static void note_ready(struct supervisor *s, struct child *c)
{
    c->state = CHILD_READY;
    c->was_ready = true;
    restart_note_ready(&c->restart, supervisor_now_ms());
    LOG(s->log, LOG_LEVEL_DEBUG, "child-ready", log_word("child", c->name));
    if (c->kind != CHILD_NET) {
        connect_to_net(s, c); /* which asks it once it is told to */
    } else if (!s->was_ready) {
        s->was_ready = true;
        log_ready(s);
        notify_ready(s->notify, "at work");
    }
    reload_go_on(s);
}

static const char *advice_for(const struct child *c, enum rule rule)
{
    if (c->kind == CHILD_STORE && (rule == RULE_FILE || rule == RULE_FILE_FORMAT))
        return "look at store.path and archive.path: the user of the processes must be able to write there";
    if (c->kind == CHILD_VAULT)
        return "look at keys and archive.readers, and check the configuration with -t";
    return "look at what it logged before";
}

/* At the very first start a fault of setup will not pass by itself. */
static void note_failure(struct supervisor *s, struct child *c, enum rule rule)
{
    LOG(s->log, LOG_LEVEL_ERROR, "setup-failed", log_word("child", c->name), log_rule(rule));
    if (c->role == CHILD_COMING)
        reload_give_up(s, rule_sentence(rule));
    else if (!c->was_ready && !s->was_ready)
        give_up(s, c, rule_sentence(rule), advice_for(c, rule));
}

void supervisor_kill(struct supervisor *s, struct child *c, const char *reason)
{
    LOG(s->log, LOG_LEVEL_ERROR, "killed", log_word("child", c->name), log_word("reason", reason));
    if (c->pid)
        kill(c->pid, SIGKILL);
    c->deadline = supervisor_now_ms() + EXIT_LIMIT_MS;
    c->state = CHILD_ENDING;
}

static bool take_report(struct child *c, struct cursor *fields)
{
    struct span counters;
    if (!c->report.awaited || ipc_read_report(fields, &counters) != RULE_OK)
        return false;
    child_keep_report(c, counters, supervisor_now_ms());
    return true;
}

static bool take_message(struct supervisor *s, struct child *c, struct span datagram)
{
    struct ipc_header header;
    struct cursor fields;
    enum rule rule;
    if (ipc_read_header(datagram, &header, &fields) != RULE_OK)
        return false;
    if (header.kind == IPC_REPORTED)
        return take_report(c, &fields);
    if (header.kind == IPC_READY && ipc_read_bare(&fields) == RULE_OK && c->state == CHILD_STARTING) {
        note_ready(s, c);
        return true;
    }
    if (header.kind == IPC_READY && c->state == CHILD_ENDING)
        return true; /* it was told to stop before it knew */
    if (header.kind == IPC_READY && c->kind == CHILD_NET && c->state == CHILD_READY)
        return ipc_read_bare(&fields) == RULE_OK && reload_note_answer(s, RULE_OK);
    if (header.kind != IPC_FAILED || ipc_read_failed(&fields, &rule) != RULE_OK)
        return false;
    if (c->kind == CHILD_NET && c->state == CHILD_READY)
        return reload_note_answer(s, rule);
    note_failure(s, c, rule);
    return true;
}

static void hear(struct supervisor *s, struct child *c)
{
    struct span datagram;
    switch (channel_receive(c->control, s->room, IPC_MESSAGE_MAX, &datagram, NULL, 0, NULL)) {
    case CHANNEL_DONE:
        if (!take_message(s, c, datagram))
            supervisor_kill(s, c, "it said what it must not");
        break;
    case CHANNEL_CLOSED: /* it ends, or will be ended */
        child_close(c);
        if (c->state != CHILD_ENDING)
            c->deadline = supervisor_now_ms() + EXIT_LIMIT_MS;
        c->state = CHILD_ENDING;
        break;
    case CHANNEL_AGAIN:
        break;
    }
}

/* --- signals --- */

static void log_death(struct supervisor *s, const struct child *c, pid_t pid, int status)
{
    bool told = s->state != SUPERVISOR_RUNS || c->role == CHILD_RETIRING;
    bool expected = told && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    LOG(s->log, expected ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "ended", log_word("child", c->name),
        log_number("pid", pid), log_word("how", WIFSIGNALED(status) ? "signal" : "exit"),
        log_number("code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
}

/* What it said before it died explains its death. */
static void hear_out(struct supervisor *s, struct child *c)
{
    struct pollfd wait = {.fd = c->control, .events = POLLIN};
    while (c->control >= 0 && poll(&wait, 1, 0) == 1)
        hear(s, c);
}

static void reap(struct supervisor *s)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++) {
            struct child *c = &s->child[i];
            if (c->pid != pid)
                continue;
            c->pid = 0;
            c->state = CHILD_ENDING;
            hear_out(s, c);
            log_death(s, c, pid, status);
            note_death(s, c);
        }
}

/* A second request to stop ends the waiting; not when it is the same one, sent to a process and to its group. */
static void hasten(struct supervisor *s)
{
    if (supervisor_now_ms() - s->stopping_since < HASTE_AFTER_MS)
        return;
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++)
        s->child[i].deadline = supervisor_now_ms();
}

/* Each process writes what it has counted to its log. */
static void ask_counters(struct supervisor *s)
{
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++)
        if (s->child[i].pid && s->child[i].state == CHILD_READY)
            setup_ask_counters(&s->setup, &s->child[i]);
}

void supervisor_ask_reports(struct supervisor *s)
{
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++) {
        struct child *c = &s->child[i];
        if (c->pid && c->state == CHILD_READY && !c->report.awaited)
            c->report.awaited = setup_ask_report(&s->setup, c);
    }
}

bool supervisor_awaits_reports(const struct supervisor *s)
{
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++)
        if (s->child[i].state == CHILD_READY && s->child[i].report.awaited)
            return true;
    return false;
}

static void take_signal(struct supervisor *s, uint32_t signal)
{
    switch (signal) {
    case SIGCHLD:
        reap(s);
        break;
    case SIGUSR1:
        ask_counters(s);
        break;
    case SIGHUP:
        s->reload.wanted = true;
        break;
    default:
        LOG(s->log, LOG_LEVEL_INFO, "stopping", log_number("signal", signal));
        if (s->state == SUPERVISOR_RUNS)
            stop_all(s, EXIT_SUCCESS);
        else
            hasten(s);
    }
}

static void take_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info)
        take_signal(s, info.ssi_signo);
}

/* --- the passing of time --- */

static void look_at(struct supervisor *s, struct child *c, int64_t now)
{
    if (s->state == SUPERVISOR_RUNS && may_start(s, c) && now >= c->deadline) {
        start(s, c, &s->setup);
        return;
    }
    bool waits = c->pid && (c->state == CHILD_STARTING || c->state == CHILD_ENDING);
    if (waits && now >= c->deadline)
        supervisor_kill(s, c, c->state == CHILD_STARTING ? "it was not ready in time" : "it did not end in time");
}

/* A policy object is renewed at half of its life (protocol.md 6), so that whoever is given one can use it for a while.
 * What was given with a setup counts from then. */
static void renew_policy_object(struct supervisor *s)
{
    if (s->state != SUPERVISOR_RUNS || supervisor_now_ms() < s->renew_at)
        return;
    supervisor_note_policy_object(s);
    if (s->reload.state != RELOAD_TELLING && supervisor_net(s)->state == CHILD_READY)
        setup_renew_policy_object(&s->setup, supervisor_net(s));
}

void supervisor_note_policy_object(struct supervisor *s)
{
    const struct policy_object_settings *settings = &s->now->config->policy_object;
    s->renew_at = settings->domain.len ? supervisor_now_ms() + settings->expires_in * 500 : INT64_MAX;
}

/* Milliseconds until something is due; -1: nothing is. */
static int patience(struct supervisor *s)
{
    int64_t now = supervisor_now_ms(), least = reload_deadline(s) - now;
    if (control_deadline(s->control) - now < least)
        least = control_deadline(s->control) - now;
    if (process_teller_deadline(s) - now < least)
        least = process_teller_deadline(s) - now;
    if (s->state == SUPERVISOR_RUNS && s->renew_at - now < least)
        least = s->renew_at - now;
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++) {
        const struct child *c = &s->child[i];
        bool due = c->pid ? c->state != CHILD_READY : s->state == SUPERVISOR_RUNS && may_start(s, c);
        if (due && c->deadline - now < least)
            least = c->deadline - now;
    }
    return least >= INT32_MAX ? -1 : least < 0 ? 0 : (int)least;
}

static void wait_and_handle(struct supervisor *s)
{
    struct pollfd wait[SUPERVISOR_CHILDREN + 1 + CONTROL_POLLED];
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++)
        wait[i] = (struct pollfd){.fd = s->child[i].control, .events = POLLIN};
    wait[SUPERVISOR_CHILDREN] = (struct pollfd){.fd = s->signals, .events = POLLIN};
    control_wait(s->control, wait + SUPERVISOR_CHILDREN + 1);
    if (poll(wait, sizeof wait / sizeof *wait, patience(s)) < 0)
        return;
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++)
        if (wait[i].revents && s->child[i].control == wait[i].fd)
            hear(s, &s->child[i]);
    if (wait[SUPERVISOR_CHILDREN].revents)
        take_signals(s);
    control_handle(s, wait + SUPERVISOR_CHILDREN + 1);
}

int supervisor_run(struct supervisor *s)
{
    while (s->state != SUPERVISOR_DONE) {
        int64_t now = supervisor_now_ms();
        for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++)
            look_at(s, &s->child[i], now);
        wait_and_handle(s);
        reload_look(s);
        control_look(s);
        process_teller_look(s);
        renew_policy_object(s);
        go_on_stopping(s);
    }
    return s->exit_status;
}

/* --- the beginning --- */

static void add_child(struct child *c, enum child_kind kind, uint32_t number)
{
    *c = (struct child){.kind = kind, .number = number, .control = -1, .state = CHILD_DOWN};
    if (kind == CHILD_VAULT)
        snprintf(c->name, sizeof c->name, "vault-%u", number + 1);
    else
        snprintf(c->name, sizeof c->name, "%s", kind == CHILD_STORE ? "store" : "net");
}

static void add_children(struct supervisor *s)
{
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++)
        s->child[i] = (struct child){.state = CHILD_ABSENT, .control = -1};
    add_child(&s->child[0], CHILD_STORE, 0);
    for (unsigned i = 0; i < s->now->config->vaults; i++) {
        add_child(&s->child[SUPERVISOR_VAULTS + i], CHILD_VAULT, i);
        s->setup.vaults |= UINT64_C(1) << i;
    }
    add_child(supervisor_net(s), CHILD_NET, 0);
}

bool supervisor_add_vault(struct supervisor *s, struct setup *setup)
{
    for (uint32_t i = 0; i < IPC_VAULTS_MAX; i++) {
        struct child *c = &s->child[SUPERVISOR_VAULTS + i];
        if (c->state != CHILD_ABSENT)
            continue;
        add_child(c, CHILD_VAULT, i);
        c->role = CHILD_COMING;
        setup->vaults |= UINT64_C(1) << i;
        start(s, c, setup);
        return c->state == CHILD_STARTING;
    }
    return false;
}

void supervisor_retire(struct supervisor *s, struct child *vault, int64_t limit)
{
    vault->role = CHILD_RETIRING;
    if (vault->pid)
        tell_to_stop(s, vault, limit);
    else
        vault->state = CHILD_ABSENT;
}

static bool catch_signals(struct supervisor *s)
{
    sigset_t caught;
    sigemptyset(&caught);
    sigaddset(&caught, SIGCHLD);
    sigaddset(&caught, SIGTERM);
    sigaddset(&caught, SIGINT);
    sigaddset(&caught, SIGHUP);
    sigaddset(&caught, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &caught, NULL) != 0)
        return false;
    s->signals = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signals >= 0;
}

bool supervisor_open(struct supervisor *s)
{
    s->signals = -1;
    s->room = malloc(IPC_MESSAGE_MAX);
    supervisor_note_policy_object(s);
    add_children(s);
    return s->room && setup_open(&s->setup) && catch_signals(s);
}

void supervisor_close(struct supervisor *s)
{
    if (s->signals >= 0)
        close(s->signals);
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++)
        child_close(&s->child[i]);
    reload_close(&s->reload);
    generation_free(s->now);
    setup_close(&s->setup);
    free(s->room);
}
