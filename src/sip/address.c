/* name-addr, addr-spec and header parameters (RFC 3261 20.10, 25.1). */
#include "lex.h"
#include "sipseal/sip_uri.h"

/* display-name = *( token LWS ); what stands before "<" and is neither empty nor quoted. Returns false when no "<"
 * follows: then it is an addr-spec. */
static bool take_display_tokens(struct cursor *c, struct span *display)
{
    struct cursor start = *c;
    while (lex_run(c, LEX_TOKEN).len > 0)
        lex_space(c);
    if (cursor_peek(c) != '<') {
        *c = start;
        return false;
    }
    *display = span_trim(span_of(start.at, (size_t)(c->at - start.at)));
    return true;
}

/* "<" addr-spec ">". No white space inside (RFC 4475 3.1.2.14). */
static bool take_bracketed(struct cursor *c, struct sip_address *address)
{
    struct sip_uri uri;
    struct span close;
    if (!cursor_accept(c, '<') || !cursor_take(c, span_find(cursor_rest(c), '>'), &address->uri) ||
        !cursor_take(c, 1, &close))
        return false;
    return sip_uri_parse(address->uri, &uri) == RULE_OK;
}

/* addr-spec without brackets: a semicolon begins header parameters, a comma the next address, and a question mark,
 * which must not be there, is left for the caller to stumble over (RFC 3261 20, RFC 4475 3.1.2.13). */
static bool take_bare(struct cursor *c, struct sip_address *address)
{
    struct sip_uri uri;
    const uint8_t *from = c->at;
    while (c->at < c->end && *c->at != ';' && *c->at != ',' && *c->at != '?' && !lex_is(*c->at, LEX_SPACE))
        c->at++;
    address->uri = span_of(from, (size_t)(c->at - from));
    return sip_uri_parse(address->uri, &uri) == RULE_OK;
}

static bool take_uri(struct cursor *c, struct sip_address *address)
{
    if (cursor_peek(c) == '"') {
        if (!lex_quoted(c, &address->display))
            return false;
        lex_space(c);
        return take_bracketed(c, address);
    }
    if (cursor_peek(c) == '<' || take_display_tokens(c, &address->display))
        return take_bracketed(c, address);
    return take_bare(c, address);
}

/* A tag that stands twice would mean different things to different readers. */
static bool take_params(struct cursor *c, struct sip_address *address)
{
    struct span name, value;
    enum lex_found found;
    lex_space(c);
    const uint8_t *from = c->at;
    while ((found = lex_param(c, &name, &value)) == LEX_FOUND) {
        address->params = span_of(from, (size_t)(c->at - from));
        if (!span_equal_nocase(name, SPAN("tag")))
            continue;
        if (address->tag.len || value.len == 0 || value.at[0] == '"')
            return false;
        address->tag = value;
    }
    return found == LEX_NONE;
}

/* Takes an address and the white space after it. */
static bool take_address(struct cursor *c, struct sip_address *address)
{
    *address = (struct sip_address){0};
    lex_space(c);
    if (!take_uri(c, address) || !take_params(c, address))
        return false;
    lex_space(c);
    return true;
}

/* What could be read of a broken address is not given out. */
static enum rule refuse(struct sip_address *address)
{
    *address = (struct sip_address){0};
    return RULE_SIP_SYNTAX;
}

enum rule sip_address_take(struct cursor *c, struct sip_address *address)
{
    if (take_address(c, address) && (cursor_done(c) || cursor_peek(c) == ','))
        return RULE_OK;
    return refuse(address);
}

enum rule sip_address_parse(struct span value, struct sip_address *address)
{
    struct cursor c = cursor_over(value);
    return take_address(&c, address) && cursor_done(&c) ? RULE_OK : refuse(address);
}

bool sip_param(struct span params, const char *name, struct span *value)
{
    struct cursor c = cursor_over(params);
    struct span wanted = span_text(name), found, raw;
    while (lex_param(&c, &found, &raw) == LEX_FOUND) {
        if (span_equal_nocase(found, wanted)) {
            *value = lex_unquoted(raw);
            return true;
        }
    }
    *value = (struct span){0};
    return false;
}
