#include "daemon/net_metrics.h"

#include <stdlib.h>

#include "daemon/metrics_text.h"
#include "daemon/net.h"

/* --- what the parent tells --- */

static void forget(struct metrics_told *t)
{
    free((void *)(uintptr_t)t->process.name.at);
    free((void *)(uintptr_t)t->process.counters.at);
    *t = (struct metrics_told){0};
}

static bool keep(struct span *s)
{
    uint8_t *copy = malloc(s->len + 1);
    if (copy && s->len)
        memcpy(copy, s->at, s->len);
    *s = span_of(copy, copy ? s->len : 0);
    return copy != NULL;
}

/* Where a process of that name is, or can be; null when all places are taken. */
static struct metrics_told *place_of(struct net_metrics *m, struct span name)
{
    struct metrics_told *free_one = NULL;
    for (size_t i = 0; i < METRICS_PROCESSES_MAX; i++) {
        if (m->told[i].at && span_equal(m->told[i].process.name, name))
            return &m->told[i];
        if (!m->told[i].at && !free_one)
            free_one = &m->told[i];
    }
    return free_one;
}

static void forget_gone(struct net_metrics *m, uint64_t now)
{
    for (size_t i = 0; i < METRICS_PROCESSES_MAX; i++)
        if (m->told[i].at && now - m->told[i].at > METRICS_FORGET_MS)
            forget(&m->told[i]);
}

bool net_metrics_take(struct net *n, struct cursor *fields)
{
    struct ipc_process process;
    if (ipc_read_process(fields, &process) != RULE_OK)
        return false;
    forget_gone(&n->metrics, net_now().monotonic);
    struct metrics_told *t = place_of(&n->metrics, process.name);
    if (!t)
        return true;
    forget(t);
    t->process = process;
    t->at = net_now().monotonic;
    bool kept = keep(&t->process.name);
    if (!keep(&t->process.counters) || !kept)
        forget(t);
    return true;
}

/* --- what is asked for --- */

static void add_reason(struct health *h, const char *reason)
{
    if (h->count < HEALTH_REASONS_MAX)
        h->reason[h->count++] = reason;
}

static struct health health_of(const struct net *n)
{
    struct health h = {0};
    bool vaults = true;
    for (uint32_t i = 0; i < IPC_VAULTS_MAX; i++)
        vaults = vaults && (!net_uses_vault(n, i) || n->vault[i].fd >= 0);
    if (!vaults)
        add_reason(&h, "vault-down");
    if (n->store.fd < 0)
        add_reason(&h, "store-down");
    else if (n->store_failing)
        add_reason(&h, "store-failing");
    if (n->stopping)
        add_reason(&h, "draining");
    return h;
}

/* As old as they are now. */
static size_t collect(struct net *n, struct ipc_process process[METRICS_PROCESSES_MAX])
{
    size_t count = 0;
    uint64_t now = net_now().monotonic;
    forget_gone(&n->metrics, now);
    for (size_t i = 0; i < METRICS_PROCESSES_MAX; i++) {
        const struct metrics_told *t = &n->metrics.told[i];
        if (!t->at)
            continue;
        process[count] = t->process;
        process[count++].age_ms += (uint32_t)(now - t->at);
    }
    return count;
}

/* Its own are those of this moment. Of itself it knows what the parent has told of it but for these. */
static bool add_own(const struct net *n, struct ipc_process *process, size_t *count, struct writer *w)
{
    struct ipc_process *own = &process[*count];
    for (size_t i = 0; i < *count; i++)
        if (span_equal(process[i].name, SPAN("net")))
            own = &process[i];
    if (own == &process[*count]) {
        *own = (struct ipc_process){.name = SPAN("net"), .up = true};
        ++*count;
    }
    net_count(n, &(struct counters_to){.report = w});
    own->reported = true;
    own->age_ms = 0;
    own->counters = writer_span(w);
    return !w->full;
}

static int write_metrics(struct net *n, struct writer *w, bool healthy)
{
    struct ipc_process process[METRICS_PROCESSES_MAX + 1];
    struct proxy_counters counters;
    uint8_t room[IPC_REPORT_MAX];
    struct writer own = writer_over(room, sizeof room);
    size_t count = collect(n, process);
    if (!add_own(n, process, &count, &own))
        return 500;
    proxy_count(n->proxy, &counters);
    metrics_write(w, &(struct metrics_view){process, count, &counters, healthy});
    return 200;
}

static int answer(void *context, struct span path, struct writer *w, const char **type)
{
    struct net *n = context;
    const struct health health = health_of(n);
    if (span_equal(path, SPAN("/metrics"))) {
        *type = "text/plain; version=0.0.4; charset=utf-8";
        return write_metrics(n, w, health.count == 0);
    }
    if (span_equal(path, SPAN("/health"))) {
        *type = "application/json";
        health_write(w, &health);
        return health.count ? 503 : 200;
    }
    writer_text(w, "there is /metrics and /health\n");
    return 404;
}

/* --- beginning and end --- */

void net_metrics_close(struct net *n)
{
    http_server_free(n->metrics.server);
    n->metrics.server = NULL;
    for (size_t i = 0; i < METRICS_PROCESSES_MAX; i++)
        forget(&n->metrics.told[i]);
}

void net_metrics_serve(struct net *n, struct net_told *told)
{
    struct net_metrics *m = &n->metrics;
    if (m->server && told->metrics && told->metrics_number == m->number)
        return;
    net_metrics_close(n);
    if (!told->metrics)
        return;
    m->number = told->metrics_number;
    m->server = http_server_new(n->base, told->metrics_fd, answer, n);
    told->metrics_fd = -1;
    if (!m->server)
        LOG(&n->log, LOG_LEVEL_ERROR, "no-metrics", log_rule(RULE_NO_MEMORY));
}
