#include "daemon/control_show.h"

#include <stdio.h>
#include <string.h>

enum { SPAN_TEXT_MAX = 32 };

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

static long long number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* "3d 4h", "5m 6s": the two largest units. */
static const char *write_span(char out[SPAN_TEXT_MAX], long long seconds)
{
    static const struct {
        long long seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    while (i < 3 && seconds < units[i].seconds)
        i++;
    if (i == 3)
        snprintf(out, SPAN_TEXT_MAX, "%llds", seconds);
    else
        snprintf(out, SPAN_TEXT_MAX, "%lld%c %lld%c", seconds / units[i].seconds, units[i].unit,
                 seconds % units[i].seconds / units[i + 1].seconds, units[i + 1].unit);
    return out;
}

/* Bytes of others must not control a terminal: a certificate's name, a path. */
static void print(FILE *to, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, to);
}

static void show_configuration(const json_t *c)
{
    size_t i;
    const json_t *line;
    printf("configuration  ");
    print(stdout, text_of(c, "path"));
    printf(", read %s%s\n", text_of(c, "loaded"),
           json_is_true(json_object_get(c, "reloading")) ? ", a reload is under way" : "");
    if (!json_is_string(json_object_get(c, "last_failure")))
        return;
    printf("last failure   a reload at %s:\n", text_of(c, "last_failure"));
    json_array_foreach(json_object_get(c, "last_failure_errors"), i, line)
    {
        printf("               ");
        print(stdout, json_string_value(line) ? json_string_value(line) : "");
        putchar('\n');
    }
}

static void show_processes(const json_t *processes)
{
    size_t i;
    const json_t *p;
    char up[SPAN_TEXT_MAX];
    printf("\n%-10s %-8s %8s %10s %9s %12s\n", "process", "state", "pid", "up", "restarts", "memory peak");
    json_array_foreach(processes, i, p)
        printf("%-10s %-8s %8lld %10s %9lld %8.1f MiB\n", text_of(p, "name"), text_of(p, "state"), number_of(p, "pid"),
               write_span(up, number_of(p, "uptime_seconds")), number_of(p, "restarts"),
               (double)number_of(p, "memory_peak_bytes") / (1024 * 1024));
}

static void show_certificates(const json_t *certificates)
{
    size_t i;
    const json_t *c;
    putchar('\n');
    json_array_foreach(certificates, i, c)
    {
        printf("%-18s ", text_of(c, "use"));
        print(stdout, text_of(c, "name"));
        printf(": %lld days left, until %s\n", number_of(c, "days_left"), text_of(c, "not_after"));
    }
}

void control_show_status(const json_t *s)
{
    char up[SPAN_TEXT_MAX];
    size_t i;
    const json_t *uri;
    printf("sipseald %s, process %lld, %s, for %s since %s\n", text_of(s, "version"), number_of(s, "pid"),
           text_of(s, "state"), write_span(up, number_of(s, "uptime_seconds")), text_of(s, "started"));
    show_configuration(json_object_get(s, "configuration"));
    printf("listening on  ");
    json_array_foreach(json_object_get(s, "listen"), i, uri)
        printf(" %s", json_string_value(uri) ? json_string_value(uri) : "");
    printf("\nnow            %lld messages in work or remembered, %lld connections, %lld contacts\n",
           number_of(s, "transactions"), number_of(s, "connections"), number_of(s, "bindings"));
    printf("archived       %lld records since the store was started\n", number_of(s, "archive_records"));
    show_processes(json_object_get(s, "processes"));
    show_certificates(json_object_get(s, "certificates"));
}

static void show_group(const char *process, const char *group, json_t *counters)
{
    const char *name;
    json_t *value;
    json_object_foreach(counters, name, value)
        printf("%s %s %s %lld\n", process, group, name, (long long)json_integer_value(value));
}

void control_show_counters(json_t *counters)
{
    const char *process, *group;
    json_t *groups, *values;
    json_object_foreach(counters, process, groups)
        json_object_foreach(groups, group, values)
            show_group(process, group, values);
}

void control_show_changes(const json_t *answer)
{
    const char *changed = text_of(answer, "changed");
    printf("reloaded; changed: %s\n", *changed ? changed : "nothing");
}

void control_show_errors(const json_t *answer)
{
    size_t i;
    const json_t *line;
    json_array_foreach(json_object_get(answer, "errors"), i, line)
    {
        print(stderr, json_string_value(line) ? json_string_value(line) : "");
        fputc('\n', stderr);
    }
}
