#include "param.h"

#include "sipseal/mime.h"

struct parameter {
    struct span name;
    struct span value; /* without quotes, escapes kept */
};

void mime_skip_space(struct cursor *c)
{
    while (cursor_accept(c, ' ') || cursor_accept(c, '\t') || cursor_accept(c, '\r') || cursor_accept(c, '\n'))
        continue;
}

static bool is_token_byte(int byte)
{
    return byte > ' ' && byte < 0x7f && !strchr("()<>@,;:\\\"/[]?=", byte);
}

bool mime_take_token(struct cursor *c, struct span *token)
{
    struct cursor end = *c;
    while (is_token_byte(cursor_peek(&end)))
        end.at++;
    return end.at != c->at && cursor_take(c, (size_t)(end.at - c->at), token);
}

/* What stands between two quotes; the cursor is past the first. */
static bool take_quoted(struct cursor *c, struct span *inside)
{
    struct cursor end = *c;
    uint8_t byte;
    while (cursor_u8(&end, &byte)) {
        if (byte == '"') {
            *inside = span_of(c->at, (size_t)(end.at - c->at) - 1);
            *c = end;
            return true;
        }
        if (byte == '\0' || (byte == '\\' && !cursor_u8(&end, &byte)))
            return false;
    }
    return false;
}

enum taken { TAKEN, TAKEN_ALL, TAKEN_FAULT };

static enum taken take_value(struct cursor *c, struct span *value)
{
    mime_skip_space(c);
    bool taken = cursor_accept(c, '"') ? take_quoted(c, value) : mime_take_token(c, value);
    mime_skip_space(c);
    return taken ? TAKEN : TAKEN_FAULT;
}

/* The next parameter that has a name. */
static enum taken take_parameter(struct cursor *c, struct parameter *p)
{
    mime_skip_space(c);
    while (cursor_accept(c, ';')) {
        mime_skip_space(c);
        if (cursor_done(c) || cursor_peek(c) == ';')
            continue;
        *p = (struct parameter){0};
        if (!mime_take_token(c, &p->name))
            return TAKEN_FAULT;
        mime_skip_space(c);
        return cursor_accept(c, '=') ? take_value(c, &p->value) : TAKEN;
    }
    return cursor_done(c) ? TAKEN_ALL : TAKEN_FAULT;
}

bool mime_param(struct span params, const char *name, struct span *value)
{
    struct cursor c = cursor_over(params);
    struct parameter p;
    while (take_parameter(&c, &p) == TAKEN)
        if (span_equal_nocase(p.name, span_text(name))) {
            *value = p.value;
            return true;
        }
    return false;
}

bool mime_params_valid(struct span params)
{
    struct cursor c = cursor_over(params);
    struct parameter p;
    struct span name[MIME_PARAMS_MAX];
    enum taken taken;
    for (size_t count = 0; (taken = take_parameter(&c, &p)) == TAKEN; count++) {
        if (count == MIME_PARAMS_MAX)
            return false;
        for (size_t i = 0; i < count; i++)
            if (span_equal_nocase(name[i], p.name))
                return false;
        name[count] = p.name;
    }
    return taken == TAKEN_ALL;
}
