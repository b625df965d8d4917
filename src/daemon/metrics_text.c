#include "daemon/metrics_text.h"

static const struct metric {
    const char *group, *name;
    bool gauge;
    const char *help;
} known[] = {
#include "metrics_help.h"
};

enum { KNOWN = sizeof known / sizeof *known };

/* --- lines --- */

static void write_name(struct writer *w, const struct metric *m)
{
    if (*m->group) {
        writer_text(w, "sipseal_");
        writer_text(w, m->group);
        writer_byte(w, '_');
    }
    writer_text(w, m->name);
    if (*m->group && !m->gauge)
        writer_text(w, "_total");
}

static void write_head(struct writer *w, const struct metric *m, const char *type)
{
    writer_text(w, "# HELP ");
    write_name(w, m);
    writer_byte(w, ' ');
    writer_text(w, m->help);
    writer_text(w, "\n# TYPE ");
    write_name(w, m);
    writer_byte(w, ' ');
    writer_text(w, type);
    writer_byte(w, '\n');
}

static void write_value(struct writer *w, uint64_t value)
{
    writer_byte(w, ' ');
    writer_decimal(w, value);
    writer_byte(w, '\n');
}

static void write_label(struct writer *w, const char *label, struct span value)
{
    writer_text(w, label);
    writer_text(w, "=\"");
    writer_put(w, value); /* a word of ours, of a process or of a rule */
    writer_byte(w, '"');
}

static void write_of_process(struct writer *w, const struct metric *m, const struct ipc_process *p, uint64_t value)
{
    write_name(w, m);
    writer_byte(w, '{');
    write_label(w, "process", p->name);
    writer_byte(w, '}');
    write_value(w, value);
}

/* Milliseconds as seconds. */
static void write_seconds(struct writer *w, uint64_t ms)
{
    const uint8_t rest[] = {'.', (uint8_t)('0' + ms / 100 % 10), (uint8_t)('0' + ms / 10 % 10),
                            (uint8_t)('0' + ms % 10)};
    writer_decimal(w, ms / 1000);
    writer_put(w, span_of(rest, sizeof rest));
}

/* --- counters of processes --- */

static bool find(const struct ipc_process *p, const struct metric *m, uint64_t *value)
{
    struct cursor counters = cursor_over(p->counters);
    struct ipc_counter c;
    while (ipc_next_counter(&counters, &c))
        if (span_equal(c.group, span_text(m->group)) && span_equal(c.name, span_text(m->name))) {
            *value = c.value;
            return true;
        }
    return false;
}

static void write_counter(struct writer *w, const struct metric *m, const struct metrics_view *view)
{
    bool begun = false;
    uint64_t value;
    for (size_t i = 0; i < view->count; i++) {
        if (!find(&view->process[i], m, &value))
            continue;
        if (!begun)
            write_head(w, m, m->gauge ? "gauge" : "counter");
        begun = true;
        write_of_process(w, m, &view->process[i], value);
    }
}

static void write_rules_of(struct writer *w, const struct metric *m, const struct ipc_process *p)
{
    struct cursor counters = cursor_over(p->counters);
    struct ipc_counter c;
    while (ipc_next_counter(&counters, &c)) {
        if (!span_equal(c.group, SPAN("rules")))
            continue;
        write_name(w, m);
        writer_byte(w, '{');
        write_label(w, "process", p->name);
        writer_byte(w, ',');
        write_label(w, "rule", c.name);
        writer_byte(w, '}');
        write_value(w, c.value);
    }
}

/* --- the others --- */

static void write_rules(struct writer *w, const struct metric *m, const struct metrics_view *view)
{
    write_head(w, m, "counter");
    for (size_t i = 0; i < view->count; i++)
        write_rules_of(w, m, &view->process[i]);
}

static void write_up(struct writer *w, const struct metric *m, const struct metrics_view *view)
{
    write_head(w, m, "gauge");
    for (size_t i = 0; i < view->count; i++)
        write_of_process(w, m, &view->process[i], view->process[i].up);
}

static void write_restarts(struct writer *w, const struct metric *m, const struct metrics_view *view)
{
    write_head(w, m, "counter");
    for (size_t i = 0; i < view->count; i++)
        write_of_process(w, m, &view->process[i], view->process[i].restarts);
}

static void write_start(struct writer *w, const struct metric *m, const struct metrics_view *view)
{
    write_head(w, m, "gauge");
    for (size_t i = 0; i < view->count; i++)
        if (view->process[i].started_at)
            write_of_process(w, m, &view->process[i], (uint64_t)view->process[i].started_at);
}

static void write_age(struct writer *w, const struct metric *m, const struct metrics_view *view)
{
    write_head(w, m, "gauge");
    for (size_t i = 0; i < view->count; i++) {
        if (!view->process[i].reported)
            continue;
        write_name(w, m);
        writer_byte(w, '{');
        write_label(w, "process", view->process[i].name);
        writer_text(w, "} ");
        write_seconds(w, view->process[i].age_ms);
        writer_byte(w, '\n');
    }
}

static void write_healthy(struct writer *w, const struct metric *m, const struct metrics_view *view)
{
    write_head(w, m, "gauge");
    write_name(w, m);
    write_value(w, view->healthy);
}

static void write_build(struct writer *w, const struct metric *m, const struct metrics_view *view)
{
    (void)view;
    write_head(w, m, "gauge");
    write_name(w, m);
    writer_text(w, "{version=\"" SIPSEAL_VERSION "\"} 1\n");
}

static void write_bucket(struct writer *w, const struct metric *m, uint64_t ms, uint64_t count)
{
    write_name(w, m);
    writer_text(w, "_bucket{le=\"");
    if (ms == UINT64_MAX)
        writer_text(w, "+Inf");
    else
        write_seconds(w, ms);
    writer_text(w, "\"}");
    write_value(w, count);
}

static void write_held(struct writer *w, const struct metric *m, const struct metrics_view *view)
{
    static const uint64_t bound[PROXY_HELD_BUCKETS] = PROXY_HELD_MS;
    uint64_t so_far = 0;
    write_head(w, m, "histogram");
    for (size_t i = 0; i <= PROXY_HELD_BUCKETS; i++) {
        so_far += view->proxy->held[i];
        write_bucket(w, m, i < PROXY_HELD_BUCKETS ? bound[i] : UINT64_MAX, so_far);
    }
    write_name(w, m);
    writer_text(w, "_sum ");
    write_seconds(w, view->proxy->held_ms);
    writer_byte(w, '\n');
    write_name(w, m);
    writer_text(w, "_count");
    write_value(w, so_far);
}

static const struct {
    const char *name;
    void (*write)(struct writer *w, const struct metric *m, const struct metrics_view *view);
} others[] = {
    {"sipseal_build_info", write_build},
    {"sipseal_healthy", write_healthy},
    {"sipseal_request_held_seconds", write_held},
    {"sipseal_rules_broken_total", write_rules},
    {"sipseal_process_up", write_up},
    {"sipseal_process_restarts_total", write_restarts},
    {"sipseal_process_start_time_seconds", write_start},
    {"sipseal_process_report_age_seconds", write_age},
};

static void write_other(struct writer *w, const struct metric *m, const struct metrics_view *view)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (span_equal(span_text(m->name), span_text(others[i].name)))
            others[i].write(w, m, view);
}

void metrics_write(struct writer *w, const struct metrics_view *view)
{
    for (size_t i = 0; i < KNOWN; i++)
        if (*known[i].group)
            write_counter(w, &known[i], view);
        else
            write_other(w, &known[i], view);
}

void health_write(struct writer *w, const struct health *health)
{
    writer_text(w, health->count ? "{\"status\":\"failing\",\"reasons\":[" : "{\"status\":\"ok\",\"reasons\":[");
    for (size_t i = 0; i < health->count; i++) {
        writer_text(w, i ? ",\"" : "\"");
        writer_text(w, health->reason[i]);
        writer_byte(w, '"');
    }
    writer_text(w, "]}\n");
}
