/* Via (RFC 3261 20.42, 18.2; RFC 3581). */
#include "lex.h"
#include "sipseal/sip_response.h"
#include "sipseal/sip_uri.h"

/* sent-protocol = protocol-name SLASH protocol-version SLASH transport */
static bool take_protocol(struct cursor *c, struct sip_via *via)
{
    if (lex_run(c, LEX_TOKEN).len == 0 || !lex_separator(c, '/') || lex_run(c, LEX_TOKEN).len == 0 ||
        !lex_separator(c, '/'))
        return false;
    via->transport_text = lex_run(c, LEX_TOKEN);
    via->transport = sip_transport_of(via->transport_text);
    return via->transport_text.len > 0;
}

static bool take_sent_by(struct cursor *c, struct sip_via *via)
{
    struct lex_host host;
    const uint8_t *before = c->at;
    lex_space(c);
    if (c->at == before || !lex_host(c, &host))
        return false;
    if (lex_separator(c, ':') && !lex_port(c, &via->port))
        return false;
    via->host = host.host;
    via->host_is_ipv6 = host.is_ipv6;
    return true;
}

/* "received" with or without brackets around an IPv6 address (RFC 5118 4.5). */
static struct span without_brackets(struct span value)
{
    if (value.len >= 2 && value.at[0] == '[' && value.at[value.len - 1] == ']')
        return span_part(value, 1, value.len - 2);
    return value;
}

/* The parameters that decide where a response goes may stand once. */
static bool note_param(struct sip_via *via, struct span name, struct span value)
{
    uint32_t port = 0;
    if (span_equal_nocase(name, SPAN("branch"))) {
        if (via->branch.len || value.len == 0 || value.at[0] == '"')
            return false;
        via->branch = value;
    } else if (span_equal_nocase(name, SPAN("received"))) {
        if (via->received.len || value.len == 0 || value.at[0] == '"')
            return false;
        via->received = without_brackets(value);
    } else if (span_equal_nocase(name, SPAN("rport"))) {
        if (via->has_rport || (value.len && (!span_decimal(value, UINT16_MAX, &port) || port == 0)))
            return false;
        via->has_rport = true;
        via->rport = (uint16_t)port;
    }
    return true;
}

static bool take_params(struct cursor *c, struct sip_via *via)
{
    struct span name, value;
    enum lex_found found;
    lex_space(c);
    const uint8_t *from = c->at;
    while ((found = lex_param(c, &name, &value)) == LEX_FOUND) {
        via->params = span_of(from, (size_t)(c->at - from));
        if (!note_param(via, name, value))
            return false;
    }
    return found == LEX_NONE;
}

static bool take_via(struct cursor *c, struct sip_via *via)
{
    *via = (struct sip_via){0};
    lex_space(c);
    const uint8_t *from = c->at;
    if (!take_protocol(c, via) || !take_sent_by(c, via) || !take_params(c, via))
        return false;
    via->text = span_trim(span_of(from, (size_t)(c->at - from)));
    lex_space(c);
    return cursor_done(c) || cursor_peek(c) == ',';
}

enum rule sip_via_take(struct cursor *c, struct sip_via *via)
{
    if (take_via(c, via))
        return RULE_OK;
    /* What the parameters said before they broke is not to be relied on. */
    *via = (struct sip_via){
        .transport = via->transport,
        .transport_text = via->transport_text,
        .host = via->host,
        .host_is_ipv6 = via->host_is_ipv6,
        .port = via->port,
    };
    return RULE_SIP_SYNTAX;
}

static void write_source_params(struct writer *w, const struct sip_via *via, const struct sip_source *source)
{
    if (via->has_rport) {
        writer_text(w, ";rport=");
        writer_decimal(w, source->port);
    }
    if (via->has_rport || !span_equal_nocase(via->host, source->address)) {
        writer_text(w, ";received=");
        writer_put(w, source->address);
    }
}

void sip_via_write_source(struct writer *w, const struct sip_via *via, const struct sip_source *source)
{
    if (source->address.len == 0) {
        writer_put(w, via->text);
        return;
    }
    /* What comes before the parameters, each parameter as it is but those that are now known better, then these. */
    struct cursor c = cursor_over(via->params);
    struct span name, value;
    const uint8_t *kept = via->text.at;
    const uint8_t *before = via->params.len ? via->params.at : via->text.at + via->text.len;
    writer_put(w, span_of(kept, (size_t)(before - kept)));
    for (before = c.at; lex_param(&c, &name, &value) == LEX_FOUND; before = c.at)
        if (!span_equal_nocase(name, SPAN("rport")) && !span_equal_nocase(name, SPAN("received")))
            writer_put(w, span_of(before, (size_t)(c.at - before)));
    write_source_params(w, via, source);
}

void sip_via_destination(const struct sip_via *via, struct span *host, uint16_t *port)
{
    *host = via->received.len ? via->received : via->host;
    *port = via->rport ? via->rport : via->port;
    if (*port == 0)
        *port = via->transport == SIP_TLS ? 5061 : 5060;
}
