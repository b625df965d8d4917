#include "sipseal/pem.h"

static const struct span begin = SPAN_INIT("-----BEGIN ");
static const struct span end = SPAN_INIT("-----END ");
static const struct span dashes = SPAN_INIT("-----");

/* Takes one line without its end; false when nothing is left. */
static bool take_line(struct span *rest, struct span *line)
{
    if (rest->len == 0)
        return false;
    size_t n = span_find(*rest, '\n');
    *line = span_trim(span_part(*rest, 0, n));
    *rest = span_part(*rest, n < rest->len ? n + 1 : n, rest->len);
    return true;
}

/* The label of "-----BEGIN label-----". */
static bool boundary(struct span line, struct span start, struct span *label)
{
    if (!span_starts(line, start) || line.len < start.len + dashes.len)
        return false;
    *label = span_part(line, start.len, line.len - start.len - dashes.len);
    return span_equal(span_part(line, line.len - dashes.len, dashes.len), dashes);
}

/* From a BEGIN line to its END line; `*text` is what stands between. */
static bool take_block(struct span *rest, struct span *label, struct span *text)
{
    struct span line, closing;
    while (take_line(rest, &line)) {
        if (!boundary(line, begin, label))
            continue;
        const uint8_t *start = rest->at;
        while (take_line(rest, &line)) {
            if (!boundary(line, end, &closing))
                continue;
            *text = span_of(start, (size_t)(line.at - start));
            return span_equal(closing, *label);
        }
        return false;
    }
    *text = (struct span){0};
    return true;
}

enum rule pem_next(struct arena *arena, struct span *rest, const char *type, struct span *der)
{
    struct span label = {0}, text;
    *der = (struct span){0};
    do {
        if (!take_block(rest, &label, &text))
            return RULE_FILE_FORMAT;
        if (!text.at)
            return RULE_OK;
    } while (!span_equal(label, span_text(type)));
    size_t mark = arena_mark(arena), len;
    uint8_t *bytes = arena_take(arena, text.len);
    if (!bytes)
        return RULE_NO_MEMORY;
    if (!base64_decode(text, bytes, &len) || len == 0) {
        arena_rewind(arena, mark);
        return RULE_FILE_FORMAT;
    }
    *der = span_of(bytes, len);
    return RULE_OK;
}

enum rule pem_only(struct arena *arena, struct span text, const char *type, struct span *der)
{
    struct span second;
    enum rule rule = pem_next(arena, &text, type, der);
    if (rule == RULE_OK && der->len == 0)
        rule = RULE_FILE_FORMAT;
    if (rule == RULE_OK)
        rule = pem_next(arena, &text, type, &second);
    return rule == RULE_OK && second.len ? RULE_FILE_FORMAT : rule;
}

void pem_write(struct writer *w, const char *type, struct span der)
{
    enum { BYTES_A_LINE = 48 }; /* 64 digits */
    writer_put(w, begin);
    writer_text(w, type);
    writer_put(w, dashes);
    writer_byte(w, '\n');
    for (size_t at = 0; at < der.len; at += BYTES_A_LINE) {
        writer_base64(w, span_part(der, at, BYTES_A_LINE));
        writer_byte(w, '\n');
    }
    writer_put(w, end);
    writer_text(w, type);
    writer_put(w, dashes);
    writer_byte(w, '\n');
}
