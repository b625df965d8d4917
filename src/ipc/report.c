/* What a process has counted, told to its parent. Names travel with their values, so that neither the parent nor who
 * shows them must know what each process counts. */
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
