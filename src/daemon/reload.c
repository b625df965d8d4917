#include "daemon/reload.h"

#include <stdio.h>
#include <time.h>

#include "daemon/supervisor.h"

#define FOR_EACH_VAULT(s, c)                                                                                           \
    for (struct child *c = (s)->child + SUPERVISOR_VAULTS; c < (s)->child + SUPERVISOR_VAULTS + IPC_VAULTS_MAX; c++)

/* --- what is said of it --- */

static void put_fault(struct faults *f, struct span text)
{
    struct span fits = span_part(text, 0, sizeof f->text - f->len);
    memcpy(f->text + f->len, fits.at, fits.len);
    f->len += fits.len;
}

/* "place: problem", "address: reason: advice": the texts of the event. */
static void hear(void *context, enum log_level level, const char *event, const struct log_field *field, size_t count)
{
    struct faults *f = context;
    bool first = true;
    (void)event;
    if (level < LOG_LEVEL_ERROR)
        return;
    if (f->len)
        put_fault(f, SPAN("\n"));
    for (size_t i = 0; i < count; i++) {
        if (!field[i].key || field[i].kind != LOG_KIND_TEXT || !field[i].text.len)
            continue;
        if (!first)
            put_fault(f, SPAN(": "));
        put_fault(f, field[i].text);
        first = false;
    }
}

static void begin_hearing(struct reload *r)
{
    r->begun++;
    r->hearing.len = 0;
    r->listener = (struct log_listener){hear, &r->hearing};
    r->log->listener = &r->listener;
}

static void note_end(struct reload *r, bool took_place)
{
    int64_t now = (int64_t)time(NULL);
    r->log->listener = NULL;
    r->ended = r->begun;
    r->took_place = took_place;
    if (took_place) {
        r->loaded_at = now;
        return;
    }
    r->failed++;
    r->failed_at = now;
    r->faults = r->hearing;
}

static void refuse(struct supervisor *s, const char *reason)
{
    LOG(s->log, LOG_LEVEL_ERROR, "not-reloaded", log_word("reason", reason),
        log_word("advice", "the configuration that was there before stays in force; correct the new one, and reload"));
    char status[NOTIFY_MESSAGE_MAX];
    snprintf(status, sizeof status, "at work, not reloaded: %s; the log says more", reason);
    notify_ready(s->notify, status);
    note_end(&s->reload, false);
}

static void forget_next(struct reload *r)
{
    generation_free(r->next);
    r->next = NULL;
    r->state = RELOAD_IDLE;
}

void reload_close(struct reload *r)
{
    forget_next(r);
}

void reload_give_up(struct supervisor *s, const char *reason)
{
    struct reload *r = &s->reload;
    if (r->state != RELOAD_STARTING && r->state != RELOAD_TELLING)
        return;
    refuse(s, reason);
    FOR_EACH_VAULT(s, c)
        if (c->role == CHILD_COMING && c->state != CHILD_ABSENT) {
            c->role = CHILD_RETIRING;
            supervisor_kill(s, c, "its configuration does not come into force");
        }
    forget_next(r);
}

/* --- it takes place --- */

static void change_vaults(struct supervisor *s)
{
    int64_t limit = s->now->config->limits.examine_seconds * INT64_C(1000) + RELOAD_RETIRE_LIMIT_MS;
    FOR_EACH_VAULT(s, c) {
        if (c->role == CHILD_COMING)
            c->role = CHILD_CURRENT;
        else if (c->state != CHILD_ABSENT && c->role == CHILD_CURRENT)
            supervisor_retire(s, c, limit);
    }
}

static void take_over(struct supervisor *s)
{
    struct reload *r = &s->reload;
    struct generation *old = s->now, *next = r->next;
    generation_write_changes(r->changes, old, next);
    generation_take_over_sockets(next, old);
    s->now = next;
    r->next = NULL;
    s->setup = r->setup;
    supervisor_note_policy_object(s);
    r->log->level = r->setup.level;
    r->log->format = r->setup.format;
    if (r->other_vaults)
        change_vaults(s);
    generation_free(old);
    r->state = RELOAD_IDLE;
    LOG(s->log, LOG_LEVEL_INFO, "reloaded", log_word("changed", *r->changes ? r->changes : "nothing"));
    notify_ready(s->notify, "at work, reloaded");
    note_end(r, true);
}

bool reload_note_answer(struct supervisor *s, enum rule rule)
{
    if (s->reload.state != RELOAD_TELLING)
        return false;
    if (rule == RULE_OK)
        take_over(s);
    else
        reload_give_up(s, rule_sentence(rule));
    return true;
}

/* --- the way there --- */

static bool coming_are_ready(struct supervisor *s)
{
    FOR_EACH_VAULT(s, c)
        if (c->role == CHILD_COMING && c->state != CHILD_ABSENT && c->state != CHILD_READY)
            return false;
    return true;
}

void reload_go_on(struct supervisor *s)
{
    struct reload *r = &s->reload;
    struct child *net = supervisor_net(s);
    if (r->state != RELOAD_STARTING || net->state != CHILD_READY || !coming_are_ready(s))
        return;
    r->state = RELOAD_TELLING;
    r->deadline = supervisor_now_ms() + RELOAD_ANSWER_LIMIT_MS;
    setup_net(&r->setup, net); /* when it cannot be told it is killed, and its death is noted when it comes */
}

void reload_note_death(struct supervisor *s, const struct child *c)
{
    if (c->role == CHILD_COMING)
        reload_give_up(s, "a new process ended before it was at work");
    else if (c->kind == CHILD_NET && s->reload.state == RELOAD_TELLING)
        reload_give_up(s, "the process that speaks SIP ended before it had the new configuration");
}

static void start_vaults(struct supervisor *s)
{
    struct reload *r = &s->reload;
    r->setup.vaults = 0;
    for (unsigned i = 0; r->state == RELOAD_STARTING && i < r->next->config->vaults; i++)
        if (!supervisor_add_vault(s, &r->setup))
            reload_give_up(s, "a new process cannot be started");
}

static bool prepare(struct supervisor *s, struct generation *next)
{
    const struct reload *r = &s->reload;
    if (!generation_reread(next, r->path, s->log) || !generation_may_follow(next, s->now, s->log))
        return false;
    return generation_open_sockets(next, s->now, s->log);
}

static void begin(struct supervisor *s)
{
    struct reload *r = &s->reload;
    struct generation *next = generation_new();
    r->wanted = false;
    begin_hearing(r);
    LOG(s->log, LOG_LEVEL_INFO, "reloading", log_word("configuration", r->path));
    notify_reloading(s->notify);
    if (!next || !prepare(s, next)) {
        refuse(s, next ? "it has faults" : rule_sentence(RULE_NO_MEMORY));
        generation_free(next);
        return;
    }
    r->state = RELOAD_STARTING;
    r->next = next;
    r->setup = s->setup;
    r->setup.config = next->config;
    r->setup.keys = &next->keys;
    r->setup.listener = next->listener;
    r->setup.metrics = &next->metrics;
    r->setup.hep = next->hep;
    r->setup.level = r->verbose ? LOG_LEVEL_DEBUG : (enum log_level)next->config->log_level;
    r->setup.format = (enum log_format)next->config->log_format;
    r->other_vaults = !generation_same_vaults(next, s->now);
    if (r->other_vaults)
        start_vaults(s);
    reload_go_on(s);
}

/* --- time --- */

static bool vaults_have_left(struct supervisor *s)
{
    FOR_EACH_VAULT(s, c)
        if (c->role == CHILD_RETIRING && c->state != CHILD_ABSENT)
            return false;
    return true;
}

void reload_look(struct supervisor *s)
{
    struct reload *r = &s->reload;
    if (s->state != SUPERVISOR_RUNS)
        return;
    if (r->state == RELOAD_TELLING && supervisor_now_ms() >= r->deadline) {
        r->deadline = INT64_MAX;
        supervisor_kill(s, supervisor_net(s), "it did not take the new configuration in time");
    }
    if (r->wanted && r->state == RELOAD_IDLE && vaults_have_left(s) && supervisor_net(s)->state == CHILD_READY)
        begin(s);
}

int64_t reload_deadline(const struct supervisor *s)
{
    return s->reload.state == RELOAD_TELLING ? s->reload.deadline : INT64_MAX;
}
