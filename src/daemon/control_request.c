#include "daemon/control_request.h"

static const char *const names[] = {
    [CONTROL_STATUS] = "status", [CONTROL_RELOAD] = "reload", [CONTROL_COUNTERS] = "counters"};

enum { COMMANDS = sizeof names / sizeof *names };

const char *control_command_name(enum control_command command)
{
    return (unsigned)command < COMMANDS ? names[command] : NULL;
}

static void pass_space(struct cursor *c)
{
    while (cursor_accept(c, ' ') || cursor_accept(c, '\t') || cursor_accept(c, '\r'))
        continue;
}

static bool take(struct cursor *c, struct span token)
{
    pass_space(c);
    return cursor_accept_span(c, token);
}

/* A string of lower-case letters. */
static bool take_word(struct cursor *c, struct span *word)
{
    if (!take(c, SPAN("\"")))
        return false;
    const uint8_t *begin = c->at;
    while (cursor_peek(c) >= 'a' && cursor_peek(c) <= 'z')
        c->at++;
    *word = span_of(begin, (size_t)(c->at - begin));
    return word->len > 0 && cursor_accept(c, '"');
}

bool control_request_read(struct span line, enum control_command *command)
{
    struct cursor c = cursor_over(line);
    struct span word;
    *command = CONTROL_UNKNOWN;
    if (!take(&c, SPAN("{")) || !take(&c, SPAN("\"command\"")) || !take(&c, SPAN(":")) || !take_word(&c, &word) ||
        !take(&c, SPAN("}")))
        return false;
    pass_space(&c);
    if (!cursor_done(&c))
        return false;
    for (unsigned i = CONTROL_UNKNOWN + 1; i < COMMANDS; i++)
        if (span_equal(word, span_text(names[i])))
            *command = (enum control_command)i;
    return true;
}
