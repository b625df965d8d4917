/* What a process has counted, told to its parent, and by it to net for the metrics. Names travel with their values, so
 * that neither the parent nor who shows them must know what each process counts. */
#include "ipc/fields.h"
#include "ipc/ipc.h"

/* A word of [a-z0-9_]. */
static bool is_word(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!(s.at[i] >= 'a' && s.at[i] <= 'z') && !(s.at[i] >= '0' && s.at[i] <= '9') && s.at[i] != '_')
            return false;
    return s.len > 0 && s.len <= IPC_COUNTER_NAME_MAX;
}

static bool read_word(struct cursor *c, struct span *word)
{
    return cursor_block(c, word) && is_word(*word);
}

void ipc_write_counter(struct writer *w, const struct ipc_counter *counter)
{
    if (!is_word(counter->group) || !is_word(counter->name))
        w->full = true;
    writer_block(w, counter->group);
    writer_block(w, counter->name);
    writer_u64(w, counter->value);
}

void ipc_end_report(struct writer *w)
{
    writer_block(w, (struct span){0});
    ipc_end(w);
}

bool ipc_next_counter(struct cursor *counters, struct ipc_counter *counter)
{
    return !cursor_done(counters) && read_word(counters, &counter->group) && read_word(counters, &counter->name) &&
           cursor_u64(counters, &counter->value);
}

enum rule ipc_read_report(struct cursor *fields, struct span *counters)
{
    struct ipc_counter counter;
    struct span end;
    *counters = cursor_rest(fields);
    struct cursor next = *fields;
    while (ipc_next_counter(&next, &counter))
        *fields = next; /* behind the last that is one */
    counters->len -= cursor_left(fields);
    return fields_end(counters->len <= IPC_REPORT_MAX && cursor_block(fields, &end) && end.len == 0, fields);
}

void ipc_write_process(struct writer *w, const struct ipc_process *process)
{
    ipc_begin(w, IPC_PROCESS, 0);
    writer_block(w, process->name);
    field_write_bool(w, process->up);
    writer_u32(w, process->restarts);
    writer_i64(w, process->started_at);
    field_write_bool(w, process->reported);
    writer_u32(w, process->age_ms);
    writer_put(w, process->counters);
    ipc_end_report(w);
}

static bool read_name(struct cursor *c, struct span *name)
{
    if (!field_text(c, IPC_PROCESS_NAME_MAX, false, name))
        return false;
    for (size_t i = 0; i < name->len; i++)
        if (!is_word(span_part(*name, i, 1)) && name->at[i] != '-')
            return false;
    return true;
}

enum rule ipc_read_process(struct cursor *fields, struct ipc_process *process)
{
    *process = (struct ipc_process){0};
    bool read = read_name(fields, &process->name) && field_bool(fields, &process->up) &&
                cursor_u32(fields, &process->restarts) && field_seconds(fields, &process->started_at) &&
                field_bool(fields, &process->reported) && cursor_u32(fields, &process->age_ms);
    return read ? ipc_read_report(fields, &process->counters) : RULE_IPC;
}

void ipc_write_metrics_setup(struct writer *w, uint32_t number)
{
    ipc_begin(w, IPC_SETUP_METRICS, 0);
    writer_u32(w, number);
    ipc_end(w);
}

enum rule ipc_read_metrics_setup(struct cursor *fields, uint32_t *number)
{
    return fields_end(field_number(fields, 0, INT32_MAX, number), fields);
}
