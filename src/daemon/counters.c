#include "daemon/counters.h"

#include <sys/resource.h>

#include "ipc/ipc.h"

enum { LINE_COUNTERS_MAX = 40, RULE_NAME_MAX = 64 };

static void log_line(const struct log *log, const char *group, const struct counter *counter, size_t count)
{
    struct log_field field[LINE_COUNTERS_MAX + 1] = {log_word("group", group)};
    for (size_t i = 0; i < count; i++)
        field[i + 1] = log_number(counter[i].name, (int64_t)counter[i].value);
    log_write(log, LOG_LEVEL_INFO, "counters", field, count + 1);
}

static void report(struct writer *w, const char *group, const struct counter *counter, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ipc_write_counter(w, &(struct ipc_counter){span_text(group), span_text(counter[i].name), counter[i].value});
}

void counters_put(const struct counters_to *to, const char *group, const struct counter *counter, size_t count)
{
    if (to->report)
        report(to->report, group, counter, count);
    for (size_t at = 0; to->log && at < count; at += LINE_COUNTERS_MAX)
        log_line(to->log, group, counter + at, count - at < LINE_COUNTERS_MAX ? count - at : LINE_COUNTERS_MAX);
}

static void write_key(char key[RULE_NAME_MAX], const char *name)
{
    size_t len = 0;
    for (; name[len] && len + 1 < RULE_NAME_MAX; len++)
        key[len] = name[len];
    key[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (key[i] == '.' || key[i] == '-')
            key[i] = '_';
}

void counters_put_rules(const struct counters_to *to, const uint64_t rule[RULE_COUNT])
{
    char key[RULE_COUNT][RULE_NAME_MAX];
    struct counter counter[RULE_COUNT];
    size_t count = 0;
    for (int i = RULE_OK + 1; i < RULE_COUNT; i++) {
        if (rule[i] == 0)
            continue;
        write_key(key[count], rule_name((enum rule)i));
        counter[count] = (struct counter){key[count], rule[i]};
        count++;
    }
    counters_put(to, "rules", counter, count);
}

/* The kernel counts kibibytes. */
void counters_put_usage(const struct counters_to *to)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return;
    const uint64_t seconds = (uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec;
    const uint64_t rest = (uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec;
    const struct counter counter[] = {
        {"cpu_milliseconds", seconds * 1000 + rest / 1000},
        {"memory_peak_bytes", (uint64_t)usage.ru_maxrss * 1024},
    };
    counters_put(to, "process", counter, sizeof counter / sizeof *counter);
}

bool counters_answer(uint16_t kind, const struct cursor *fields, const struct log *log,
                     void (*count)(const void *context, const struct counters_to *to), const void *context)
{
    uint8_t room[IPC_HEADER_LEN + IPC_REPORT_MAX];
    struct writer w = writer_over(room, sizeof room);
    struct log asked = *log;
    if (ipc_read_bare(fields) != RULE_OK)
        return false;
    if (kind == IPC_COUNTERS) {
        asked.level = LOG_LEVEL_DEBUG; /* whatever is logged otherwise */
        count(context, &(struct counters_to){.log = &asked});
        return true;
    }
    const struct counters_to to = {.report = &w};
    ipc_begin(&w, IPC_REPORTED, 0);
    count(context, &to);
    counters_put_usage(&to);
    ipc_end_report(&w);
    return !w.full && channel_send(IPC_CONTROL_FD, writer_span(&w), NULL, 0) != CHANNEL_CLOSED;
}
