/* The command line, taken apart by a table (docs: sipseal(1)).
 *
 * Options stand before, between or after the operands: `--name VALUE`, `--name=VALUE`, `-o VALUE`, `-oVALUE`, and
 * letters of flags together as `-qv`. `--` ends the options. There are no abbreviations, so that a script that works
 * today works when options are added. An option that may stand once and stands twice is an error: of two recipients
 * or two keys, the one that is meant is not for a program to guess. */
#ifndef SIPSEAL_CLI_ARGUMENTS_H
#define SIPSEAL_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ARGUMENTS_OPTIONS_MAX = 32,  /* given in one command line */
    ARGUMENTS_OPERANDS_MAX = 64,
    ARGUMENTS_ERROR_MAX = 256,
};

struct option {
    const char *name;  /* without its dashes; null when there is only a letter */
    char letter;       /* 0: none */
    const char *value; /* how help calls its value; null for a flag */
    const char *help;  /* one line */
    bool many;         /* may stand several times */
};

/* A table of options; `more` (may be null) is a further table that is looked through after it. */
struct option_table {
    const struct option *option;
    size_t count;
    const struct option_table *more;
};

struct arguments {
    struct given_option {
        const struct option *option;
        const char *value; /* null for a flag */
    } given[ARGUMENTS_OPTIONS_MAX];
    size_t given_count;
    const char *operand[ARGUMENTS_OPERANDS_MAX];
    size_t operand_count;
};

/* Takes apart `argc` words, which must outlive `out`. On failure `error` says what is wrong and what to do, as
 * `what; what to do next`. */
bool arguments_parse(const struct option_table *table, int argc, char *const *argv, struct arguments *out,
                     char error[ARGUMENTS_ERROR_MAX]);

/* Whether the option was given. An option that has only a letter is asked for by that letter. */
bool arguments_has(const struct arguments *a, const char *name);

/* The value of an option, or null. */
const char *arguments_value(const struct arguments *a, const char *name);

/* The values of an option that may stand several times: the `index`th, or null. */
const char *arguments_value_at(const struct arguments *a, const char *name, size_t index);

/* A decimal number from `min` to `max`; `fallback` when the option was not given. False, with `error`, for anything
 * else. */
bool arguments_number(const struct arguments *a, const char *name, uint32_t min, uint32_t max, uint32_t fallback,
                      uint32_t *out, char error[ARGUMENTS_ERROR_MAX]);

#endif
