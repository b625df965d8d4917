#include "cli/arguments.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sipseal/bytes.h"

struct parsing {
    const struct option_table *table;
    int argc;
    char *const *argv;
    int at;
    struct arguments *out;
    char *error;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct parsing *p, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(p->error, ARGUMENTS_ERROR_MAX, format, list);
    va_end(list);
    return false;
}

static bool is_named(const struct option *option, const char *name, size_t len)
{
    if (option->name)
        return strlen(option->name) == len && memcmp(option->name, name, len) == 0;
    return len == 1 && option->letter == name[0];
}

static const struct option *find_name(const struct option_table *table, const char *name, size_t len)
{
    for (; table; table = table->more)
        for (size_t i = 0; i < table->count; i++)
            if (table->option[i].name && is_named(&table->option[i], name, len))
                return &table->option[i];
    return NULL;
}

static const struct option *find_letter(const struct option_table *table, char letter)
{
    for (; table; table = table->more)
        for (size_t i = 0; i < table->count; i++)
            if (letter && table->option[i].letter == letter)
                return &table->option[i];
    return NULL;
}

static bool add_option(struct parsing *p, const struct option *option, const char *shown, const char *value)
{
    struct arguments *out = p->out;
    for (size_t i = 0; i < out->given_count && !option->many && option->value; i++)
        if (out->given[i].option == option)
            return fail(p, "the option %s stands twice; give it once", shown);
    if (out->given_count == ARGUMENTS_OPTIONS_MAX)
        return fail(p, "there are more than %d options; give fewer", ARGUMENTS_OPTIONS_MAX);
    out->given[out->given_count++] = (struct given_option){option, value};
    return true;
}

/* Takes the next word as the value of an option. */
static bool take_value(struct parsing *p, const struct option *option, const char *shown, const char **value)
{
    if (p->at == p->argc)
        return fail(p, "the option %s needs a value (%s); add it", shown, option->value);
    *value = p->argv[p->at++];
    return true;
}

static bool take_long(struct parsing *p, const char *word)
{
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const struct option *option = find_name(p->table, word + 2, len - 2);
    const char *value = equals ? equals + 1 : NULL;

    if (!option)
        return fail(p, "there is no option %.*s; --help lists them", (int)(len < 64 ? len : 64), word);
    if (!option->value && value)
        return fail(p, "the option --%s takes no value; leave it out", option->name);
    if (option->value && !value && !take_value(p, option, word, &value))
        return false;
    char shown[64];
    snprintf(shown, sizeof shown, "--%s", option->name);
    return add_option(p, option, shown, value);
}

/* `-qv`, `-o VALUE`, `-oVALUE`. */
static bool take_letters(struct parsing *p, const char *word)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const struct option *option = find_letter(p->table, *letter);
        const char shown[] = {'-', *letter, 0};
        if (!option)
            return fail(p, "there is no option -%c; --help lists them",
                        *letter >= ' ' && *letter <= '~' ? *letter : '?');
        if (!option->value) {
            if (!add_option(p, option, shown, NULL))
                return false;
            continue;
        }
        const char *value = letter + 1;
        if (!*value && !take_value(p, option, shown, &value))
            return false;
        return add_option(p, option, shown, value);
    }
    return true;
}

static bool add_operand(struct parsing *p, const char *word)
{
    if (p->out->operand_count == ARGUMENTS_OPERANDS_MAX)
        return fail(p, "there are more than %d operands; give fewer", ARGUMENTS_OPERANDS_MAX);
    p->out->operand[p->out->operand_count++] = word;
    return true;
}

static bool take_word(struct parsing *p, bool *options_ended)
{
    const char *word = p->argv[p->at++];
    if (*options_ended || word[0] != '-' || word[1] == 0)
        return add_operand(p, word);
    if (strcmp(word, "--") == 0) {
        *options_ended = true;
        return true;
    }
    return word[1] == '-' ? take_long(p, word) : take_letters(p, word);
}

bool arguments_parse(const struct option_table *table, int argc, char *const *argv, struct arguments *out,
                     char error[ARGUMENTS_ERROR_MAX])
{
    struct parsing p = {.table = table, .argc = argc, .argv = argv, .out = out, .error = error};
    bool options_ended = false;

    *out = (struct arguments){0};
    error[0] = 0;
    while (p.at < p.argc)
        if (!take_word(&p, &options_ended))
            return false;
    return true;
}

const char *arguments_value_at(const struct arguments *a, const char *name, size_t index)
{
    for (size_t i = 0; i < a->given_count; i++)
        if (is_named(a->given[i].option, name, strlen(name)) && index-- == 0)
            return a->given[i].value;
    return NULL;
}

const char *arguments_value(const struct arguments *a, const char *name)
{
    return arguments_value_at(a, name, 0);
}

bool arguments_has(const struct arguments *a, const char *name)
{
    for (size_t i = 0; i < a->given_count; i++)
        if (is_named(a->given[i].option, name, strlen(name)))
            return true;
    return false;
}

bool arguments_number(const struct arguments *a, const char *name, uint32_t min, uint32_t max, uint32_t fallback,
                      uint32_t *out, char error[ARGUMENTS_ERROR_MAX])
{
    const char *value = arguments_value(a, name);
    *out = fallback;
    if (!value)
        return true;
    if (span_decimal(span_text(value), max, out) && *out >= min)
        return true;
    snprintf(error, ARGUMENTS_ERROR_MAX, "--%s must be a number from %u to %u; change it", name, (unsigned)min,
             (unsigned)max);
    return false;
}
