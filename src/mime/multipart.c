/* The parts of a multipart (RFC 2046 5.1.1), found in one pass over its body. */
#include "sipseal/mime.h"

/* A delimiter line in the body: offsets of its first dash, and of what follows its CRLF. */
struct delimiter {
    size_t start;
    size_t end;
    bool closes;
};

static bool is_bchar(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("'()+_,-./:=? ", c));
}

/* RFC 2046 5.1.1: 1 to 70 characters, the last no space. */
static bool boundary_of(const struct mime_entity *multipart, struct span *boundary)
{
    if (!mime_param(multipart->type_params, "boundary", boundary) || boundary->len == 0 ||
        boundary->len > MIME_BOUNDARY_MAX || boundary->at[boundary->len - 1] == ' ')
        return false;
    for (size_t i = 0; i < boundary->len; i++)
        if (!is_bchar(boundary->at[i]))
            return false;
    return true;
}

/* What stands behind the boundary on its line: perhaps two dashes, perhaps transport padding, CRLF (or the end of the
 * body, when it closes). Anything else makes a line of which RFC 2046 says that it delimits, while many readers say
 * that it does not, so it is refused. */
static bool read_line_end(struct span body, struct delimiter *d)
{
    struct cursor c = cursor_over(span_part(body, d->end, body.len));
    d->closes = cursor_accept_span(&c, SPAN("--"));
    while (cursor_accept(&c, ' ') || cursor_accept(&c, '\t'))
        continue;
    bool ended = cursor_accept_span(&c, SPAN("\r\n")) || (d->closes && cursor_done(&c));
    d->end = body.len - cursor_left(&c);
    return ended;
}

static bool starts_delimiter(struct span body, size_t at, struct span boundary)
{
    return span_equal(span_part(body, at, 2), SPAN("--")) &&
           span_equal(span_part(body, at + 2, boundary.len), boundary);
}

/* The next delimiter line at or after `from`, which is the start of a line. Each LF is looked at once and compared with
 * the boundary up to the first difference; a boundary holds no LF, so no byte is compared twice: linear time, whatever
 * the boundary. */
static enum rule next_delimiter(struct span body, size_t from, struct span boundary, struct delimiter *d)
{
    for (size_t at = from; at < body.len; at += span_find(span_part(body, at, body.len), '\n') + 1) {
        if (!starts_delimiter(body, at, boundary))
            continue;
        /* After a bare LF it is a delimiter for lenient readers only: two readers, two structures. */
        if (at > 0 && (at < 2 || body.at[at - 2] != '\r'))
            return RULE_MIME_SYNTAX;
        *d = (struct delimiter){.start = at, .end = at + 2 + boundary.len};
        return read_line_end(body, d) ? RULE_OK : RULE_MIME_SYNTAX;
    }
    return RULE_MIME_SYNTAX; /* the closing delimiter is missing */
}

static enum rule add_part(struct span bytes, struct mime_budget *budget, struct mime_parts *parts)
{
    if (parts->count == MIME_CHILDREN_MAX || budget->parts == 0)
        return RULE_MIME_PARTS;
    budget->parts--;
    struct mime_entity *part = &parts->part[parts->count];
    enum rule rule = mime_entity_parse(bytes, part);
    if (rule != RULE_OK)
        return rule;
    for (size_t i = 0; part->content_id.len && i < parts->count; i++)
        if (span_equal(parts->part[i].content_id, part->content_id))
            return RULE_MIME_CONTENT_ID_TWICE;
    parts->count++;
    return RULE_OK;
}

static enum rule walk(struct span body, struct span boundary, struct mime_budget *budget, struct mime_parts *parts)
{
    struct delimiter before, after;
    enum rule rule = next_delimiter(body, 0, boundary, &before); /* what stands in front of it is the preamble */
    while (rule == RULE_OK && !before.closes) {
        rule = next_delimiter(body, before.end, boundary, &after);
        if (rule != RULE_OK)
            break;
        /* The CRLF in front of a delimiter is its own, and cannot be the one that ended the line before. */
        if (after.start - before.end < 2)
            return RULE_MIME_SYNTAX;
        rule = add_part(span_part(body, before.end, after.start - 2 - before.end), budget, parts);
        before = after;
    }
    return rule;
}

enum rule mime_parts_of(const struct mime_entity *multipart, struct mime_budget *budget, struct mime_parts *parts)
{
    struct span boundary;
    parts->count = 0;
    if (multipart->kind != MIME_MULTIPART && multipart->kind != MIME_CLEAR_SIGNED)
        return RULE_MIME_SYNTAX;
    if (multipart->encoding == MIME_BASE64 || multipart->encoding == MIME_ENCODING_OTHER)
        return RULE_MIME_TRANSFER_ENCODING; /* RFC 2045 6.4 */
    if (!boundary_of(multipart, &boundary))
        return RULE_MIME_SYNTAX;
    if (budget->depth == 0)
        return RULE_MIME_DEPTH;
    enum rule rule = walk(multipart->body, boundary, budget, parts);
    if (rule == RULE_OK && parts->count == 0)
        rule = RULE_MIME_SYNTAX; /* RFC 2046 5.1.1: at least one */
    if (rule == RULE_OK && multipart->kind == MIME_CLEAR_SIGNED && parts->count != 2)
        rule = RULE_MIME_SYNTAX; /* RFC 1847 2.1: the content and its signature */
    if (rule == RULE_OK)
        budget->depth--;
    return rule;
}
