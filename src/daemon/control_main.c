/* sipseald-control: asks a sipseald that runs, and shows the answer. Started by `sipseald status`, with the command, the
 * path of the configuration, that of the socket (empty: find it), and how to show the answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/control_ask.h"
#include "daemon/control_show.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NETWORK = 5, ARGUMENTS = 5, ASK_SECONDS = 15 };

static int complain(const char *place, const char *problem)
{
    fprintf(stderr, "sipseald: %s: %s\n", place, problem);
    return EXIT_NETWORK;
}

static int not_reached(const struct control_places *places, int error)
{
    const char *advice = "no sipseald answers there; start it, or name its socket by --control, or its configuration "
                         "by -c";
    if (error == EACCES || error == EPERM)
        advice = "it may not be reached; ask as root or as the user of sipseald";
    return complain(places->count ? places->path[0] : "control socket", advice);
}

/* A reload takes as long as it takes the resolver, the vaults and what is being examined. */
static unsigned patience(const char *command)
{
    return strcmp(command, control_command_name(CONTROL_RELOAD)) == 0 ? CONTROL_RELOAD_LIMIT_MS / 1000 + ASK_SECONDS
                                                                      : ASK_SECONDS;
}

static int show(const json_t *answer, bool as_json)
{
    bool ok = json_is_true(json_object_get(answer, "ok"));
    json_t *status = json_object_get(answer, "status"), *counters = json_object_get(answer, "counters");
    if (as_json) {
        json_dumpf(answer, stdout, JSON_ENSURE_ASCII);
        putchar('\n');
    } else if (!ok) {
        control_show_errors(answer);
    } else if (status) {
        control_show_status(status);
    } else if (counters) {
        control_show_counters(counters);
    } else {
        control_show_changes(answer);
    }
    if (fflush(stdout) != 0)
        return complain("standard output", strerror(errno));
    return ok ? EXIT_SUCCESS : EXIT_REFUSED;
}

int main(int argc, char **argv)
{
    struct control_places places;
    const char *problem;
    if (argc != ARGUMENTS) {
        fputs("This program is a part of sipseald, which starts it; see sipseald(8).\n", stderr);
        return EXIT_USAGE;
    }
    control_find(&places, argv[2], argv[3]);
    int fd = control_connect(&places);
    if (fd < 0)
        return not_reached(&places, errno);
    json_t *answer = control_ask(fd, argv[1], patience(argv[1]), &problem);
    close(fd);
    if (!answer)
        return complain("the sipseald that runs", problem);
    int status = show(answer, strcmp(argv[4], "json") == 0);
    json_decref(answer);
    return status;
}
