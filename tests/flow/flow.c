/* Runs flow scripts: one case for each file, told as cmocka tells its cases.
 *
 *     flow [-w FOLDER] FILE...      -w: writes the messages of "message" statements to files, as seeds for fuzzing */
#include "flow.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA = 1024 * 1024 };

bool flow_fail(struct flow *f, const char *format, ...)
{
    if (f->reason[0])
        return false; /* the first reason is what matters */
    int at = snprintf(f->reason, sizeof f->reason, "%s:%u: ", f->path, f->statement.line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(f->reason + at, sizeof f->reason - (size_t)at, format, arguments);
    va_end(arguments);
    return false;
}

static bool run_statement(struct flow *f);

/* use FILE: its statements, as if they stood here. The file lies beside the script, or as the path says from there. */
static bool use_file(struct flow *f)
{
    char path[1024];
    const char *of_script = f->path, *slash = strrchr(of_script, '/');
    struct script inner;
    if (f->statement.count != 2)
        return flow_fail(f, "use FILE");
    snprintf(path, sizeof path, "%.*s%s", slash ? (int)(slash + 1 - of_script) : 0, of_script, f->statement.word[1]);
    bool passed = script_open(&inner, path) ? true : flow_fail(f, "%s cannot be read", path);
    f->path = path;
    while (passed && script_next(&inner, &f->statement))
        passed = run_statement(f);
    f->path = of_script;
    script_close(&inner);
    return passed;
}

static bool run_statement(struct flow *f)
{
    bool known;
    if (strcmp(f->statement.word[0], "use") == 0)
        return use_file(f);
    if (!corpus_statement(f, &known) || known)
        return f->reason[0] == '\0';
    if (!station_configure(f, &known) || known)
        return f->reason[0] == '\0';
    if (!f->current || !station_start(f, f->current))
        return flow_fail(f, "a script begins with a proxy");
    if (!bindings_statement(f, &known) || known)
        return f->reason[0] == '\0';
    if (!expectation_statement(f, &known) || known)
        return f->reason[0] == '\0';
    if (!input_statement(f, &known))
        return f->reason[0] == '\0' ? flow_fail(f, "it failed") : false;
    return known ? true : flow_fail(f, "\"%s\" is no statement", f->statement.word[0]);
}

static bool run_script(struct flow *f, struct script *s)
{
    while (script_next(s, &f->statement))
        if (!run_statement(f))
            return flow_fail(f, "it failed");
    for (size_t i = 0; i < f->station_count; i++)
        if (!station_settled(f, &f->station[i]))
            return false;
    return f->station_count > 0 ? true : flow_fail(f, "the script is empty");
}

/* "tests/flow/loop.flow" is the case "loop". */
static const char *case_name(const char *path, char *name, size_t len)
{
    const char *base = strrchr(path, '/');
    snprintf(name, len, "%s", base ? base + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot)
        *dot = '\0';
    return name;
}

static bool run_file(const char *path, const char *folder)
{
    char name[128];
    struct script script;
    struct flow *f = calloc(1, sizeof *f);
    case_name(path, name, sizeof name);
    printf("[ RUN      ] %s\n", name);
    bool passed = f && arena_open(&f->arena, ARENA);
    if (passed) {
        f->path = path;
        f->folder = folder;
        f->now = (struct proxy_time){.monotonic = 1000000, .wall = 1795438800}; /* Mon, 23 Nov 2026 13:00:00 GMT */
        f->next_flow = 1000;
        passed = script_open(&script, path) ? run_script(f, &script) : flow_fail(f, "the file cannot be read");
        script_close(&script);
    }
    if (!passed && f)
        printf("%s\n", f->reason);
    printf(passed ? "[       OK ] %s\n" : "[  FAILED  ] %s\n", name);
    fflush(stdout);
    for (size_t i = 0; f && i < f->station_count; i++)
        station_free(&f->station[i]);
    for (size_t i = 0; f && i < f->last_count; i++)
        free(f->last[i].bytes);
    if (f) {
        arena_close(&f->arena);
        free(f->kept);
    }
    free(f);
    return passed;
}

int main(int argc, char **argv)
{
    int failed = 0, first = argc > 2 && strcmp(argv[1], "-w") == 0 ? 3 : 1;
    printf("[==========] Running %d test(s).\n", argc - first);
    for (int i = first; i < argc; i++)
        if (!run_file(argv[i], first > 1 ? argv[2] : NULL))
            failed++;
    printf("[==========] %d test(s) run.\n[  PASSED  ] %d test(s).\n", argc - first, argc - first - failed);
    return failed ? 1 : 0;
}
