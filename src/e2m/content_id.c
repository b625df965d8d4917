#include "content_id.h"

#include "sipseal/label.h"

void e2m_skip_space(struct cursor *c)
{
    while (cursor_accept(c, ' ') || cursor_accept(c, '\t') || cursor_accept(c, '\r') || cursor_accept(c, '\n'))
        continue;
}

/* The grammar's atoms, those of RFC 5322 that Content-IDs of other senders have, and an IPv6 reference in the domain. */
static bool is_id_byte(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c > 0 && strchr("!#$%&'*+-/=?^_`{|}~.@[]:", c));
}

/* One "@" with something on either side. */
static bool is_content_id(struct span id)
{
    size_t at = span_find(id, '@');
    struct span domain = span_part(id, at + 1, id.len);
    return at > 0 && domain.len > 0 && span_find(domain, '@') == domain.len;
}

enum rule content_id_take(struct cursor *c, struct span *cid)
{
    e2m_skip_space(c);
    bool quoted = cursor_accept(c, '"');
    bool bracketed = cursor_accept(c, '<');
    struct cursor end = *c;
    while (is_id_byte(cursor_peek(&end)))
        end.at++;
    *cid = span_of(c->at, (size_t)(end.at - c->at));
    *c = end;
    if ((bracketed && !cursor_accept(c, '>')) || (quoted && !cursor_accept(c, '"')) || !is_content_id(*cid))
        return RULE_LABEL_SYNTAX;
    e2m_skip_space(c);
    return cid->len > LABEL_CID_MAX ? RULE_LABEL_LIMIT : RULE_OK;
}
