#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_DEFAULT "/etc/sipseal/sipseald.conf"

static const char help[] =
    "Usage: sipseald [-tv] [-c FILE] [--libexec DIR]\n"
    "\n"
    "SIP proxy and registrar that opens and verifies what is labelled for it.\n"
    "Runs in the foreground and logs to standard error.\n"
    "\n"
    "  -c, --config FILE   the configuration (" CONFIG_DEFAULT ")\n"
    "  -t, --test          check the configuration and end\n"
    "  -v, --verbose       log everything, whatever server.log says\n"
    "      --libexec DIR   where sipseald-net, sipseald-vault and sipseald-store are\n"
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

enum { OPTION_LIBEXEC = 1000, OPTION_VERSION };

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

enum options_result options_read(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"test", no_argument, NULL, 't'},
        {"verbose", no_argument, NULL, 'v'},
        {"libexec", required_argument, NULL, OPTION_LIBEXEC},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct options){.config = CONFIG_DEFAULT};
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":c:tvh", known, NULL)) != -1;) {
        enum options_result result = take_option(option, options);
        if (result != OPTIONS_RUN)
            return result;
    }
    if (optind < argc)
        return complain("there are words that are no options");
    if (!*options->libexec && !find_libexec(options->libexec))
        return complain("the folder of its programs is not found, say it by --libexec");
    return OPTIONS_RUN;
}
