/* sipseal(1): finds the command, reads its options, runs it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

static const struct command *const commands[] = {
    &command_ca_init,      &command_ca_issue,     &command_ca_revoke,    &command_contact_add,  &command_contact_list,
    &command_contact_show, &command_send,         &command_call,         &command_listen,       &command_register,
    &command_inspect,      &command_archive_list, &command_archive_show,  &command_policy_fetch,
    &command_policy_show,  &command_policy_check,
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static const struct option common[] = {
    {.name = "keys", .value = "DIR", .help = "one's own keys and certificates"},
    {.name = "contacts", .value = "DIR", .help = "the certificates of others"},
    {.name = "trust", .value = "FILE", .help = "the authorities to trust (PEM)"},
    {.name = "json", .help = "report as JSON"},
    {.name = "quiet", .letter = 'q', .help = "say nothing but errors"},
    {.name = "verbose", .letter = 'v', .help = "say more"},
    {.name = "help", .letter = 'h', .help = "show this"},
    {.name = "version", .help = "show the version"},
};
static const struct option_table common_table = {common, sizeof common / sizeof common[0], NULL};

static void print_options(const struct option *option, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char left[64], letter[8] = "";
        if (option[i].letter)
            snprintf(letter, sizeof letter, "-%c%s", option[i].letter, option[i].name ? ", " : "");
        const char *name = option[i].name ? option[i].name : "", *value = option[i].value ? option[i].value : "";
        snprintf(left, sizeof left, "%s%s%s %s", letter, option[i].name ? "--" : "", name, value);
        printf("  %-26s %s%s\n", left, option[i].help, option[i].many ? " (may be repeated)" : "");
    }
}

static void print_command_help(const struct command *c)
{
    printf("usage: sipseal %s [OPTIONS] %s\n%s\n\n", c->words, c->operands, c->about);
    print_options(c->options, c->option_count);
    printf("\nevery command:\n");
    print_options(common, common_table.count);
}

static void print_help(void)
{
    printf("usage: sipseal COMMAND [OPTIONS] [OPERANDS]\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-14s %s\n", commands[i]->words, commands[i]->about);
    printf("\n`sipseal COMMAND --help` shows the options of a command; sipseal(1) says it all.\n"
           "exit codes: 0 done, 1 refused, 2 usage, 3 undecipherable or no certificate for the recipient,\n"
           "4 not verified, 5 network\n");
}

/* How many of the words name this command; 0: they do not. */
static int words_taken(const struct command *c, int argc, char **argv)
{
    const char *rest = c->words;
    int taken = 0;
    while (*rest) {
        size_t len = strcspn(rest, " ");
        if (taken == argc || strlen(argv[taken]) != len || memcmp(argv[taken], rest, len) != 0)
            return 0;
        taken++;
        rest += len + (rest[len] == ' ');
    }
    return taken;
}

static const struct command *find_command(int argc, char **argv, int *taken)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if ((*taken = words_taken(commands[i], argc, argv)) > 0)
            return commands[i];
    return NULL;
}

static bool fits(int len)
{
    return len >= 0 && len < PATH_MAX;
}

/* The XDG base directories: an unset or relative value is as good as none. */
static bool name_places(struct cli *cli)
{
    const struct arguments *a = &cli->arguments;
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    const char *keys = arguments_value(a, "keys"), *contacts = arguments_value(a, "contacts");
    const char *trust = arguments_value(a, "trust");

    int len = data && data[0] == '/' ? snprintf(cli->data, PATH_MAX, "%s/sipseal", data)
                                     : snprintf(cli->data, PATH_MAX, "%s/.local/share/sipseal", home ? home : ".");
    bool fit = fits(len);
    fit &= fits(keys ? snprintf(cli->keys, PATH_MAX, "%s", keys) : snprintf(cli->keys, PATH_MAX, "%s/keys", cli->data));
    fit &= fits(contacts ? snprintf(cli->contacts, PATH_MAX, "%s", contacts)
                         : snprintf(cli->contacts, PATH_MAX, "%s/contacts", cli->data));
    fit &= fits(trust ? snprintf(cli->trust, PATH_MAX, "%s", trust)
                      : snprintf(cli->trust, PATH_MAX, "%s/trust.pem", cli->keys));
    return fit;
}

static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && no[0]) && terminal && strcmp(terminal, "dumb") != 0;
}

static enum exit_code run(struct cli *cli)
{
    const struct command *c = cli->command;
    size_t operands = cli->arguments.operand_count;
    if (operands < c->operands_min || operands > c->operands_max)
        return cli_fail(EXIT_USAGE, "%s %s; use it as `sipseal %s [OPTIONS] %s`", c->words,
                        operands < c->operands_min ? "needs more operands" : "takes fewer operands", c->words,
                        c->operands);
    if (!name_places(cli))
        return cli_fail(EXIT_USAGE, "the name of a folder is too long; choose a shorter one");
    cli->json = arguments_has(&cli->arguments, "json");
    cli->quiet = arguments_has(&cli->arguments, "quiet");
    cli->verbose = arguments_has(&cli->arguments, "verbose") && !cli->quiet;
    cli->colour = wants_colour();
    enum exit_code code = c->run(cli);
    if (fflush(stdout) != 0 && code == EXIT_DONE)
        return cli_fail(EXIT_REFUSED, "standard output: %s; see where it goes", strerror(errno));
    return code;
}

static enum exit_code run_words(int argc, char **argv)
{
    struct cli cli = {0};
    char error[ARGUMENTS_ERROR_MAX];
    int taken = 0;

    cli.command = find_command(argc, argv, &taken);
    if (!cli.command)
        return cli_fail(EXIT_USAGE, "there is no command `%s%s%s`; `sipseal --help` lists them", argv[0],
                        argc > 1 && argv[1][0] != '-' ? " " : "", argc > 1 && argv[1][0] != '-' ? argv[1] : "");
    const struct option_table table = {cli.command->options, cli.command->option_count, &common_table};
    if (!arguments_parse(&table, argc - taken, argv + taken, &cli.arguments, error))
        return cli_fail(EXIT_USAGE, "%s", error);
    if (arguments_has(&cli.arguments, "help")) {
        print_command_help(cli.command);
        return EXIT_DONE;
    }
    if (arguments_has(&cli.arguments, "version")) {
        puts("sipseal " SIPSEAL_VERSION);
        return EXIT_DONE;
    }
    return run(&cli);
}

int main(int argc, char **argv)
{
    cli_protect_memory();
    if (argc < 2) {
        return (int)cli_fail(EXIT_USAGE, "no command was given; `sipseal --help` lists them");
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("sipseal " SIPSEAL_VERSION);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help();
        return EXIT_DONE;
    }
    return (int)run_words(argc - 1, argv + 1);
}
