/* What the commands of `sipseal` share: how they are found, how they speak, how they end. */
#ifndef SIPSEAL_CLI_COMMAND_H
#define SIPSEAL_CLI_COMMAND_H

#include <jansson.h>
#include <limits.h>
#include <stdio.h>

#include "cli/arguments.h"
#include "sipseal/bytes.h"
#include "sipseal/rule.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,
    EXIT_USAGE = 2,
    EXIT_UNREADABLE = 3, /* undecipherable, or no certificate for the recipient */
    EXIT_UNVERIFIED = 4,
    EXIT_NETWORK = 5,
};

struct cli;

struct command {
    const char *words;    /* "ca issue" */
    const char *operands; /* "NAME..." */
    const char *about;    /* one line */
    size_t operands_min, operands_max;
    const struct option *options;
    size_t option_count;
    enum exit_code (*run)(struct cli *cli);
};

/* One run of one command. */
struct cli {
    const struct command *command;
    struct arguments arguments;
    bool json, quiet, verbose;
    bool colour; /* standard output is a terminal and NO_COLOR is not set */
    char keys[PATH_MAX], contacts[PATH_MAX], trust[PATH_MAX]; /* the folders and the file that options or XDG name */
    char data[PATH_MAX];                                      /* $XDG_DATA_HOME/sipseal */
};

extern const struct command command_ca_init, command_ca_issue, command_ca_revoke;
extern const struct command command_contact_add, command_contact_list, command_contact_show;
extern const struct command command_send, command_call, command_listen, command_register, command_inspect;
extern const struct command command_archive_list, command_archive_show;
extern const struct command command_policy_fetch, command_policy_show, command_policy_check;

/* --- saying things (report.c) --- */

/* Writes `sipseal: ...` as one line to standard error; the text is "what; what to do next". Control characters are
 * escaped. Gives `code` back. */
enum exit_code cli_fail(enum exit_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "sipseal: PATH: problem; next". */
enum exit_code cli_fail_file(const char *path, const char *problem, const char *next);
/* A line on standard error, unless quiet. */
void cli_note(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line on standard error, when verbose. */
void cli_detail(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Bytes of others on standard output: printable UTF-8 as it is, line ends as line ends when `lines`, everything else
 * escaped, so that no message controls the terminal. `indent` stands before each line. */
void cli_print_text(struct span text, const char *indent, bool lines);
/* The same in one line without line ends, into a buffer; what does not fit is cut off. */
const char *cli_shown(struct span text, char *out, size_t out_len);

enum cli_colour { COLOUR_GOOD, COLOUR_BAD, COLOUR_QUIET };
/* Begins and ends a colour; empty strings when colours are off. */
const char *cli_colour(const struct cli *cli, enum cli_colour colour);
const char *cli_plain(const struct cli *cli);

/* Prints one JSON value on one line, flushes, and releases it. */
void cli_print_json(json_t *value);
/* Text of others as a JSON string: bytes that are not UTF-8 are replaced by U+FFFD. Never null unless memory is out. */
json_t *cli_json_text(struct span text);
json_t *cli_json_hex(struct span bytes);
json_t *cli_json_time(int64_t seconds);

/* Wall time in seconds; monotonic time in milliseconds. */
int64_t cli_now(void);
uint64_t cli_now_ms(void);

/* No core files, no reading of this process's memory by others of the same user; what reports held is wiped. */
void cli_protect_memory(void);

#endif
