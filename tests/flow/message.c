/* Messages as scripts write them: what arrives, and patterns for what must leave. */
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"

/* --- variables --- */

const char *variable_get(const struct flow *f, const char *name)
{
    for (size_t i = 0; i < f->variable_count; i++)
        if (strcmp(f->variable[i].name, name) == 0)
            return f->variable[i].value;
    return NULL;
}

bool variable_set(struct flow *f, const char *name, struct span value)
{
    if (f->variable_count == VARIABLES_MAX || value.len >= VALUE_MAX || strlen(name) >= NAME_MAX_LEN)
        return flow_fail(f, "there is no room for the variable {%s}", name);
    struct variable *v = &f->variable[f->variable_count++];
    snprintf(v->name, sizeof v->name, "%s", name);
    memcpy(v->value, value.at, value.len);
    v->value[value.len] = '\0';
    return true;
}

/* The name in "{name}" at `at`; 0 when there is none, else the length with braces. */
static size_t brace_name(const char *at, char name[NAME_MAX_LEN])
{
    size_t len = *at == '{' ? strcspn(at, "}\n") : 0;
    if (len < 2 || at[len] != '}' || len - 1 >= NAME_MAX_LEN)
        return 0;
    memcpy(name, at + 1, len - 1);
    name[len - 1] = '\0';
    return len + 1;
}

/* --- composing --- */

/* "{x*2000}" is 2000 times the letter x. */
static bool write_repeated(struct writer *w, const char *name)
{
    if (name[0] == '\0' || name[1] != '*')
        return false;
    for (unsigned long n = strtoul(name + 2, NULL, 10); n > 0; n--)
        writer_byte(w, (uint8_t)name[0]);
    return true;
}

static bool write_line(struct flow *f, struct writer *w, const char *line, size_t len)
{
    char name[NAME_MAX_LEN];
    for (size_t i = 0; i < len;) {
        size_t brace = brace_name(line + i, name);
        if (brace == 0) {
            writer_byte(w, (uint8_t)line[i++]);
            continue;
        }
        i += brace;
        const char *value = variable_get(f, name);
        if (value)
            writer_text(w, value);
        else if (strcmp(name, "crlf") == 0)
            writer_text(w, "\r\n");
        else if (strcmp(name, "nul") == 0)
            writer_byte(w, 0);
        else if (strcmp(name, "cr") == 0 || strcmp(name, "lf") == 0)
            writer_byte(w, name[0] == 'c' ? '\r' : '\n');
        else if (!write_repeated(w, name))
            return flow_fail(f, "{%s} is not known", name);
    }
    return true;
}

/* The part of the block after its empty line; lines are joined by CRLF, without one at the end. */
static bool write_body(struct flow *f, struct writer *w, const char *block)
{
    while (*block) {
        size_t len = strcspn(block, "\n");
        if (!write_line(f, w, block, len))
            return false;
        block += len + 1;
        if (*block)
            writer_text(w, "\r\n");
    }
    return true;
}

static const char *body_of_block(const char *block)
{
    const char *empty = block[0] == '\n' ? block : strstr(block, "\n\n");
    return empty ? empty + (block[0] == '\n' ? 1 : 2) : NULL;
}

bool message_compose(struct flow *f, const char *block, uint8_t *out, size_t cap, size_t *len)
{
    static uint8_t body[BLOCK_MAX];
    struct writer w = writer_over(out, cap), b = writer_over(body, sizeof body);
    const char *from = body_of_block(block);
    if (from && !write_body(f, &b, from))
        return false;
    for (const char *at = block; *at && at != from; at += strcspn(at, "\n") + 1) {
        size_t line = strcspn(at, "\n");
        if (strncmp(at, "Content-Length: auto", line) == 0 && line > 0) {
            writer_text(&w, "Content-Length: ");
            writer_decimal(&w, b.len);
        } else if (!write_line(f, &w, at, line)) {
            return false;
        }
        writer_text(&w, "\r\n");
    }
    if (!from)
        writer_text(&w, "\r\n"); /* no body: the empty line need not be written */
    writer_put(&w, writer_span(&b));
    *len = w.len;
    return w.full || b.full ? flow_fail(f, "the message is too long for a script") : true;
}

/* --- matching --- */

/* Matches text with {names}: one that is bound must stand there, one that is new takes what a token may hold; {_} takes
 * it and forgets it. */
static bool match_text(struct flow *f, const char *pattern, size_t pattern_len, struct span text)
{
    char name[NAME_MAX_LEN];
    size_t at = 0;
    for (size_t i = 0; i < pattern_len;) {
        size_t brace = brace_name(pattern + i, name);
        if (brace == 0) {
            if (at == text.len || (uint8_t)pattern[i++] != text.at[at++])
                return false;
            continue;
        }
        i += brace;
        const char *value = strcmp(name, "_") == 0 ? NULL : variable_get(f, name);
        size_t len = value ? strlen(value) : 0;
        if (value && (text.len - at < len || memcmp(text.at + at, value, len) != 0))
            return false;
        while (!value && at + len < text.len && !strchr(";,>\"\r\n ", text.at[at + len]))
            len++;
        if (!value && strcmp(name, "_") != 0 && !variable_set(f, name, span_part(text, at, len)))
            return false;
        at += len;
    }
    return at == text.len;
}

static struct span line_at(struct span message, size_t at)
{
    struct span rest = span_part(message, at, message.len);
    return span_part(rest, 0, span_find_span(rest, SPAN("\r\n")));
}

static struct span head_of(struct span message)
{
    return span_part(message, 0, span_find_span(message, SPAN("\r\n\r\n")) + 2);
}

/* The header line with this name after `*from`; an empty span when there is none. */
static struct span next_header(struct span head, const char *name, size_t name_len, size_t *from)
{
    while (*from < head.len) {
        struct span line = line_at(head, *from);
        *from += line.len + 2;
        if (line.len > name_len && line.at[name_len] == ':' &&
            span_equal_nocase(span_part(line, 0, name_len), span_of(name, name_len)))
            return line;
    }
    return (struct span){0};
}

/* How many lines of the block before `line` have this name. */
static size_t earlier_patterns(const char *block, const char *line, const char *name, size_t name_len)
{
    size_t count = 0;
    for (const char *at = block; at < line; at += strcspn(at, "\n") + 1)
        if (strncmp(at, name, name_len) == 0 && at[name_len] == ':')
            count++;
    return count;
}

/* "Name: value": the n-th such line of the block is the n-th such header of the message. "!Name": there is none, or no
 * more than the block has named. */
static bool match_header(struct flow *f, const char *block, const char *line, size_t len, struct span head)
{
    bool absent = *line == '!';
    const char *name = line + (absent ? 1 : 0);
    size_t name_len = strcspn(name, ":\n"), from = line_at(head, 0).len + 2;
    struct span found = {0};
    for (size_t skip = earlier_patterns(block, line, name, name_len) + 1; skip > 0; skip--)
        found = next_header(head, name, name_len, &from);
    if (absent && found.len > 0)
        return flow_fail(f, "there is \"%.*s\"", SPAN_ARGS(found));
    if (!absent && found.len == 0)
        return flow_fail(f, "there is no header like \"%.*s\"", (int)len, line);
    if (!absent && !match_text(f, line, len, found))
        return flow_fail(f, "\"%.*s\" is not like \"%.*s\"", SPAN_ARGS(found), (int)len, line);
    return true;
}

static bool match_body(struct flow *f, const char *pattern, struct span message)
{
    static uint8_t body[BLOCK_MAX];
    struct writer w = writer_over(body, sizeof body);
    struct span found = span_part(message, head_of(message).len + 2, message.len);
    if (!write_body(f, &w, pattern))
        return false;
    return span_equal(found, writer_span(&w)) ? true : flow_fail(f, "the body is \"%.*s\"", SPAN_ARGS(found));
}

bool message_match(struct flow *f, const char *block, struct span message)
{
    const char *body = body_of_block(block);
    size_t len = strcspn(block, "\n");
    if (!match_text(f, block, len, line_at(message, 0)))
        return flow_fail(f, "\"%.*s\" is not \"%.*s\"", SPAN_ARGS(line_at(message, 0)), (int)len, block);
    for (const char *at = block + len + 1; *at && at != body; at += len + 1) {
        len = strcspn(at, "\n");
        if (len > 0 && !match_header(f, block + strcspn(block, "\n") + 1, at, len, head_of(message)))
            return false;
    }
    return body ? match_body(f, body, message) : true;
}
