/* SIP and SIPS URIs (RFC 3261 19.1, 25.1). */
#include "lex.h"
#include "sipseal/sip_uri.h"

/* scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ), and its colon. */
static bool take_scheme(struct cursor *c, struct span *scheme)
{
    const uint8_t *from = c->at;
    while (c->at < c->end && (lex_is(*c->at, LEX_HOSTNAME) || *c->at == '+'))
        c->at++;
    *scheme = span_of(from, (size_t)(c->at - from));
    return scheme->len && lex_is(scheme->at[0], LEX_ALPHA) && cursor_accept(c, ':');
}

static enum sip_scheme scheme_of(struct span name)
{
    if (span_equal_nocase(name, SPAN("sip")))
        return SIP_SCHEME_SIP;
    if (span_equal_nocase(name, SPAN("sips")))
        return SIP_SCHEME_SIPS;
    return span_equal_nocase(name, SPAN("tel")) ? SIP_SCHEME_TEL : SIP_SCHEME_OTHER;
}

/* userinfo = user [ ":" password ] "@". No part after it may hold an "@", so the first one ends it. */
static bool take_userinfo(struct cursor *c, struct sip_uri *uri)
{
    if (span_find(cursor_rest(c), '@') == cursor_left(c))
        return true;
    if (!lex_escaped_run(c, LEX_USER, &uri->user) || uri->user.len == 0)
        return false;
    if (cursor_accept(c, ':') && !lex_escaped_run(c, LEX_PASSWORD, &uri->password))
        return false;
    return cursor_accept(c, '@');
}

static bool take_hostport(struct cursor *c, struct sip_uri *uri)
{
    struct lex_host host;
    if (!lex_host(c, &host))
        return false;
    uri->host = host.host;
    uri->host_is_ipv4 = host.is_ipv4;
    uri->host_is_ipv6 = host.is_ipv6;
    return !cursor_accept(c, ':') || lex_port(c, &uri->port);
}

/* ";" pname [ "=" pvalue ] */
bool sip_uri_param_take(struct cursor *c, struct span *name, struct span *value)
{
    *value = (struct span){0};
    if (!cursor_accept(c, ';') || !lex_escaped_run(c, LEX_PARAM, name) || name->len == 0)
        return false;
    if (!cursor_accept(c, '='))
        return true;
    return lex_escaped_run(c, LEX_PARAM, value) && value->len > 0;
}

static bool take_uri_params(struct cursor *c, struct sip_uri *uri)
{
    const uint8_t *from = c->at;
    struct span name, value;
    while (cursor_peek(c) == ';')
        if (!sip_uri_param_take(c, &name, &value))
            return false;
    uri->params = span_of(from, (size_t)(c->at - from));
    return true;
}

/* headers = "?" header *( "&" header ); header = hname "=" hvalue */
static bool take_uri_headers(struct cursor *c, struct sip_uri *uri)
{
    struct span name, value;
    if (!cursor_accept(c, '?'))
        return true;
    const uint8_t *from = c->at;
    do {
        if (!lex_escaped_run(c, LEX_HEADER, &name) || name.len == 0 || !cursor_accept(c, '=') ||
            !lex_escaped_run(c, LEX_HEADER, &value))
            return false;
    } while (cursor_accept(c, '&'));
    uri->headers = span_of(from, (size_t)(c->at - from));
    return true;
}

enum rule sip_uri_parse(struct span text, struct sip_uri *uri)
{
    struct cursor c = cursor_over(text);
    struct span scheme;
    *uri = (struct sip_uri){.text = text, .scheme = SIP_SCHEME_OTHER};
    if (!take_scheme(&c, &scheme))
        return RULE_SIP_URI;
    uri->scheme = scheme_of(scheme);
    if (uri->scheme == SIP_SCHEME_TEL || uri->scheme == SIP_SCHEME_OTHER)
        return lex_run(&c, LEX_URIC).len > 0 && cursor_done(&c) ? RULE_OK : RULE_SIP_URI;
    bool good = take_userinfo(&c, uri) && take_hostport(&c, uri) && take_uri_params(&c, uri) &&
                take_uri_headers(&c, uri) && cursor_done(&c);
    return good ? RULE_OK : RULE_SIP_URI;
}

bool sip_uri_param_of(const struct sip_uri *uri, struct span name, struct span *value)
{
    struct cursor c = cursor_over(uri->params);
    struct span found;
    while (sip_uri_param_take(&c, &found, value))
        if (span_equal_nocase(found, name))
            return true;
    *value = (struct span){0};
    return false;
}

bool sip_uri_param(const struct sip_uri *uri, const char *name, struct span *value)
{
    return sip_uri_param_of(uri, span_text(name), value);
}

enum sip_transport sip_uri_transport(const struct sip_uri *uri)
{
    struct span value;
    if (!sip_uri_param(uri, "transport", &value))
        return SIP_TRANSPORT_NONE;
    return sip_transport_of(value);
}

enum sip_transport sip_transport_of(struct span text)
{
    if (span_equal_nocase(text, SPAN("udp")))
        return SIP_UDP;
    if (span_equal_nocase(text, SPAN("tcp")))
        return SIP_TCP;
    return span_equal_nocase(text, SPAN("tls")) ? SIP_TLS : SIP_TRANSPORT_OTHER;
}

const char *sip_transport_name(enum sip_transport transport)
{
    switch (transport) {
    case SIP_UDP:
        return "UDP";
    case SIP_TCP:
        return "TCP";
    case SIP_TLS:
        return "TLS";
    case SIP_TRANSPORT_NONE:
    case SIP_TRANSPORT_OTHER:
        break;
    }
    return "";
}

const char *sip_transport_word(enum sip_transport transport)
{
    switch (transport) {
    case SIP_UDP:
        return "udp";
    case SIP_TCP:
        return "tcp";
    case SIP_TLS:
        return "tls";
    case SIP_TRANSPORT_NONE:
    case SIP_TRANSPORT_OTHER:
        break;
    }
    return "";
}
