#include "daemon/process_teller.h"

#include "daemon/counters.h"
#include "daemon/net_metrics.h"
#include "daemon/supervisor.h"

static bool is_wanted(const struct supervisor *s)
{
    return s->now->config->metrics && s->state == SUPERVISOR_RUNS &&
           s->child[SUPERVISOR_CHILDREN - 1].state == CHILD_READY;
}

static uint32_t age_of(const struct child *c)
{
    int64_t age = supervisor_now_ms() - c->report.at;
    return age < INT32_MAX ? (uint32_t)age : INT32_MAX;
}

static void tell_of(struct supervisor *s, const struct child *c)
{
    const struct ipc_process process = {
        .name = span_text(c->name),
        .up = c->state == CHILD_READY,
        .restarts = c->restarts,
        .started_at = c->pid ? c->started_at : 0,
        .reported = c->report.counters != NULL,
        .age_ms = c->report.counters ? age_of(c) : 0,
        .counters = child_counters(c),
    };
    setup_process(&s->setup, supervisor_net(s), &process);
}

static void tell_of_parent(struct supervisor *s)
{
    uint8_t room[IPC_REPORT_MAX];
    struct writer w = writer_over(room, sizeof room);
    const struct counters_to to = {.report = &w};
    const struct counter counter[] = {
        {"reloads", s->reload.ended},
        {"reloads_failed", s->reload.failed},
    };
    counters_put(&to, "parent", counter, sizeof counter / sizeof *counter);
    counters_put_usage(&to);
    const struct ipc_process process = {.name = SPAN("parent"), .up = true, .started_at = s->since, .reported = true,
                                        .counters = writer_span(&w)};
    setup_process(&s->setup, supervisor_net(s), &process);
}

/* What is told now was answered to what was asked before. */
void process_teller_look(struct supervisor *s)
{
    if (!is_wanted(s) || supervisor_now_ms() < s->teller.at)
        return;
    s->teller.at = supervisor_now_ms() + METRICS_INTERVAL_MS;
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++)
        if (s->child[i].state != CHILD_ABSENT)
            tell_of(s, &s->child[i]);
    tell_of_parent(s);
    supervisor_ask_reports(s);
}

int64_t process_teller_deadline(const struct supervisor *s)
{
    return is_wanted(s) ? s->teller.at : INT64_MAX;
}
