/* The command line of sipseald. */
#ifndef SIPSEAL_DAEMON_OPTIONS_H
#define SIPSEAL_DAEMON_OPTIONS_H

#include <limits.h>
#include <stdbool.h>

struct options {
    const char *config;
    bool test;    /* -t: check the configuration and end */
    bool verbose; /* -v */
    char libexec[PATH_MAX];
};

/* What main() does next. */
enum options_result { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_USAGE };

/* Reads the command line. OPTIONS_DONE when help or the version was asked for and printed; OPTIONS_USAGE, with a line
 * on standard error, when it is not understood. */
enum options_result options_read(int argc, char **argv, struct options *options);

#endif
