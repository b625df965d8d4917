#include "daemon/counters.h"

enum { LINE_COUNTERS_MAX = 40, RULE_NAME_MAX = 64 };

static void log_line(const struct log *log, const char *group, const struct counter *counter, size_t count)
{
    struct log_field field[LINE_COUNTERS_MAX + 1] = {log_word("group", group)};
    for (size_t i = 0; i < count; i++)
        field[i + 1] = log_number(counter[i].name, (int64_t)counter[i].value);
    log_write(log, LOG_LEVEL_INFO, "counters", field, count + 1);
}

void counters_log(const struct log *log, const char *group, const struct counter *counter, size_t count)
{
    for (size_t at = 0; at < count; at += LINE_COUNTERS_MAX)
        log_line(log, group, counter + at, count - at < LINE_COUNTERS_MAX ? count - at : LINE_COUNTERS_MAX);
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

void counters_log_rules(const struct log *log, const uint64_t rule[RULE_COUNT])
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
    counters_log(log, "rules", counter, count);
}

struct log counters_asked(const struct log *log)
{
    struct log asked = *log;
    asked.level = LOG_LEVEL_DEBUG;
    return asked;
}
