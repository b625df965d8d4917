/* The command line of sipseald. */
#ifndef SIPSEAL_DAEMON_OPTIONS_H
#define SIPSEAL_DAEMON_OPTIONS_H

#include <limits.h>
#include <stdbool.h>

struct options {
    const char *config;
    bool test;    /* -t: check the configuration and end */
    bool verbose; /* -v */
    const char *ask;     /* a command for the sipseald that runs: "status"; null: run */
    const char *control; /* --control: where it answers; empty: where the configuration says */
    bool json;           /* --json */
    char libexec[PATH_MAX];
};

/* What main() does next: run, or ask the one that runs. */
enum options_result { OPTIONS_RUN, OPTIONS_ASK, OPTIONS_DONE, OPTIONS_USAGE };

/* Reads the command line. OPTIONS_DONE when help or the version was asked for and printed; OPTIONS_USAGE, with a line
 * on standard error, when it is not understood. */
enum options_result options_read(int argc, char **argv, struct options *options);

#endif
