#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/control_request.h"

#define CONFIG_DEFAULT "/etc/sipseal/sipseald.conf"

static const char help[] =
    "Usage: sipseald [-tv] [-c FILE] [--libexec DIR]\n"
    "       sipseald status|reload|counters [-c FILE] [--control SOCKET] [--json]\n"
    "\n"
    "SIP proxy and registrar that opens and verifies what is labelled for it.\n"
    "Runs in the foreground and logs to standard error. With a command it asks the one that runs:\n"
    "status shows how it is, reload has it read its configuration anew and waits for the end,\n"
    "counters shows what it has counted.\n"
    "\n"
    "  -c, --config FILE   the configuration (" CONFIG_DEFAULT ")\n"
    "  -t, --test          check the configuration and end\n"
    "  -v, --verbose       log everything, whatever server.log says\n"
    "      --libexec DIR   where sipseald-net, sipseald-vault and sipseald-store are\n"
    "      --control SOCKET  where the sipseald that runs answers (server.control)\n"
    "      --json          show the answer as JSON\n"
    "      --version       show the version and end\n"
    "  -h, --help          show this and end\n"
    "\n"
    "See sipseald(8) and sipseald.conf(5).\n";

/* LIBEXEC where the programs are installed, else the folder of this program: a build folder. */
static bool find_libexec(char out[PATH_MAX])
{
    char self[PATH_MAX], installed[PATH_MAX], program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        return false;
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = '\0';
    int n = snprintf(installed, sizeof installed, "%s/../libexec/sipseal", self);
    int m = snprintf(program, sizeof program, "%s/../libexec/sipseal/sipseald-net", self);
    bool is_installed =
        n > 0 && (size_t)n < sizeof installed && m > 0 && (size_t)m < sizeof program && access(program, X_OK) == 0;
    snprintf(out, PATH_MAX, "%s", is_installed ? installed : self);
    return true;
}

static enum options_result complain(const char *problem)
{
    fprintf(stderr, "sipseald: %s; see sipseald --help\n", problem);
    return OPTIONS_USAGE;
}

enum { OPTION_LIBEXEC = 1000, OPTION_VERSION, OPTION_CONTROL, OPTION_JSON };

static enum options_result take_option(int option, struct options *options)
{
    switch (option) {
    case 'c':
        options->config = optarg;
        return OPTIONS_RUN;
    case 't':
        options->test = true;
        return OPTIONS_RUN;
    case 'v':
        options->verbose = true;
        return OPTIONS_RUN;
    case OPTION_LIBEXEC:
        if (strlen(optarg) >= sizeof options->libexec)
            return complain("the path of --libexec is too long");
        memcpy(options->libexec, optarg, strlen(optarg) + 1);
        return OPTIONS_RUN;
    case OPTION_CONTROL:
        options->control = optarg;
        return OPTIONS_RUN;
    case OPTION_JSON:
        options->json = true;
        return OPTIONS_RUN;
    case OPTION_VERSION:
        puts("sipseald " SIPSEAL_VERSION);
        return OPTIONS_DONE;
    case 'h':
        fputs(help, stdout);
        return OPTIONS_DONE;
    case ':':
        return complain("an option lacks its value");
    default:
        return complain("an option is not known");
    }
}

/* What stands beside the options. */
static enum options_result take_command(int count, char **word, struct options *options)
{
    enum control_command command;
    if (count == 0)
        return options->json || *options->control ? complain("--json and --control belong to a command, as in sipseald "
                                                             "status --json")
                                                  : OPTIONS_RUN;
    if (count > 1)
        return complain("one command at a time");
    for (command = CONTROL_UNKNOWN + 1; control_command_name(command); command++)
        if (strcmp(word[0], control_command_name(command)) == 0)
            options->ask = word[0];
    if (!options->ask)
        return complain("there is no such command");
    return options->test || options->verbose ? complain("-t and -v do not belong to a command") : OPTIONS_ASK;
}

enum options_result options_read(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"test", no_argument, NULL, 't'},
        {"verbose", no_argument, NULL, 'v'},
        {"libexec", required_argument, NULL, OPTION_LIBEXEC},
        {"control", required_argument, NULL, OPTION_CONTROL},
        {"json", no_argument, NULL, OPTION_JSON},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct options){.config = CONFIG_DEFAULT, .control = ""};
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":c:tvh", known, NULL)) != -1;) {
        enum options_result result = take_option(option, options);
        if (result != OPTIONS_RUN)
            return result;
    }
    enum options_result result = take_command(argc - optind, argv + optind, options);
    if (result != OPTIONS_USAGE && !*options->libexec && !find_libexec(options->libexec))
        return complain("the folder of its programs is not found, say it by --libexec");
    return result;
}
