#include "measure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void measure_die(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

double measure_clock(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        DIE("the clock cannot be read: %s", strerror(errno));
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double measure_cpu_of(int pid)
{
    clockid_t clock;
    int error = clock_getcpuclockid(pid, &clock);
    if (error != 0)
        DIE("process %d: %s", pid, strerror(error));
    return measure_clock(clock);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double measure_percentile(double *values, size_t count, double percent)
{
    NEED(count > 0);
    qsort(values, count, sizeof *values, compare);
    double at = percent / 100 * (double)(count - 1);
    size_t below = (size_t)at;
    double above = below + 1 < count ? values[below + 1] : values[below];
    return values[below] + (at - (double)below) * (above - values[below]);
}

double measure_median(double *values, size_t count)
{
    return measure_percentile(values, count, 50);
}

void measure_row(const char *name, double value, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("row\t%s\t%.6f\t", name, value);
    vprintf(format, arguments);
    putchar('\n');
    fflush(stdout);
    va_end(arguments);
}

const char *measure_text(char **arguments, const char *name)
{
    for (; *arguments; arguments++)
        if (strncmp(*arguments, "--", 2) == 0 && strcmp(*arguments + 2, name) == 0)
            return arguments[1];
    return NULL;
}

size_t measure_number(char **arguments, const char *name, size_t otherwise)
{
    const char *text = measure_text(arguments, name);
    char *end;
    if (!text)
        return otherwise;
    unsigned long number = strtoul(text, &end, 10);
    if (*end || number == 0)
        DIE("--%s wants a number, not %s", name, text);
    return number;
}
