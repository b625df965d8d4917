/* Measuring: processor time, medians, and the end when something is not as it must be. */
#ifndef SIPSEAL_TESTS_BENCH_MEASURE_H
#define SIPSEAL_TESTS_BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* A figure of a run that went wrong is worth nothing: says why, and ends the program. */
#define DIE(...) measure_die(__FILE__, __LINE__, __VA_ARGS__)
#define NEED(condition) ((condition) ? (void)0 : DIE("%s does not hold", #condition))
void measure_die(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

/* Seconds. CLOCK_PROCESS_CPUTIME_ID is this process's processor time, CLOCK_MONOTONIC the time of day's pace. */
double measure_clock(clockid_t clock);
/* The processor time of another process with all its threads, user and system, to the nanosecond. */
double measure_cpu_of(int pid);

/* The value below which `percent` of the values lie; sorts them. */
double measure_percentile(double *values, size_t count, double percent);
double measure_median(double *values, size_t count);

/* One line for the driver: name, value, and what it was made of. */
void measure_row(const char *name, double value, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* An option "--name NUMBER" of the command line; `otherwise` where it is absent. */
size_t measure_number(char **arguments, const char *name, size_t otherwise);
const char *measure_text(char **arguments, const char *name);

#endif
