/* How URIs compare (RFC 3261 19.1.4); addresses-of-record, how they compare and are written (protocol.md 2.1). */
#include "lex.h"
#include "sipseal/sip_uri.h"

static bool parse_sip(struct span text, struct sip_uri *uri)
{
    return sip_uri_parse(text, uri) == RULE_OK && (uri->scheme == SIP_SCHEME_SIP || uri->scheme == SIP_SCHEME_SIPS);
}

/* The next character of a user part with its escape undone; -1 at the end. The parser has checked the escapes. An
 * escaped NUL is a character like any other and ends nothing (RFC 4475 3.1.1.4). */
static int next_unescaped(struct cursor *c)
{
    uint8_t byte;
    struct span digits;
    if (!cursor_u8(c, &byte))
        return -1;
    if (byte == '%' && cursor_take(c, 2, &digits) && !hex_decode(digits, &byte, 1))
        return -1;
    return byte;
}

/* Equal but for how characters are escaped; `lower` without regard to case. */
static bool same_unescaped(struct span a, struct span b, bool lower)
{
    struct cursor ca = cursor_over(a), cb = cursor_over(b);
    int left, right;
    do {
        left = next_unescaped(&ca);
        right = next_unescaped(&cb);
        if (lower && left != -1 && right != -1) {
            left = lex_lower((uint8_t)left);
            right = lex_lower((uint8_t)right);
        }
    } while (left == right && left != -1);
    return left == right;
}

bool sip_same_aor(struct span uri_a, struct span uri_b)
{
    struct sip_uri a, b;
    return parse_sip(uri_a, &a) && parse_sip(uri_b, &b) && span_equal_nocase(a.host, b.host) &&
           same_unescaped(a.user, b.user, false);
}

/* --- URIs --- */

/* A parameter that says something also where the other URI has none. */
static bool counts_alone(struct span name)
{
    static const struct span names[] = {SPAN_INIT("transport"), SPAN_INIT("user"), SPAN_INIT("ttl"),
                                        SPAN_INIT("method"), SPAN_INIT("maddr")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (span_equal_nocase(name, names[i]))
            return true;
    return false;
}

/* Whether what `a` has as parameters is the same in `b`, or does not matter there. */
static bool params_match(const struct sip_uri *a, const struct sip_uri *b)
{
    struct cursor c = cursor_over(a->params);
    struct span name, value, other;
    while (sip_uri_param_take(&c, &name, &value)) {
        bool found = sip_uri_param_of(b, name, &other);
        if (found ? !same_unescaped(value, other, true) : counts_alone(name))
            return false;
    }
    return true;
}

bool sip_same_uri(const struct sip_uri *a, const struct sip_uri *b)
{
    bool sip = a->scheme == SIP_SCHEME_SIP || a->scheme == SIP_SCHEME_SIPS;
    if (!sip)
        return a->scheme == b->scheme && span_equal(a->text, b->text);
    return a->scheme == b->scheme && same_unescaped(a->user, b->user, false) &&
           same_unescaped(a->password, b->password, false) && span_equal_nocase(a->host, b->host) &&
           a->port == b->port && params_match(a, b) && params_match(b, a) && span_equal(a->headers, b->headers);
}

/* --- addresses-of-record --- */

bool sip_uri_in_domain(struct span uri, struct span domain)
{
    struct sip_uri parsed;
    return parse_sip(uri, &parsed) && span_equal_nocase(parsed.host, domain);
}

static void write_host(struct writer *w, const struct sip_uri *uri)
{
    if (uri->host_is_ipv6)
        writer_byte(w, '[');
    for (size_t i = 0; i < uri->host.len; i++)
        writer_byte(w, lex_lower(uri->host.at[i]));
    if (uri->host_is_ipv6)
        writer_byte(w, ']');
}

bool sip_write_aor(struct writer *w, struct span uri)
{
    struct sip_uri parsed;
    if (!parse_sip(uri, &parsed))
        return false;
    writer_text(w, "sip:");
    if (parsed.user.len) {
        writer_put(w, parsed.user);
        writer_byte(w, '@');
    }
    write_host(w, &parsed);
    return !w->full;
}

/* One character of a user part in the one form that names it: as itself where it may stand unescaped, else escaped. */
static void write_user_character(struct writer *w, uint8_t byte)
{
    if (lex_is(byte, LEX_USER)) {
        writer_byte(w, byte);
    } else {
        writer_byte(w, '%');
        writer_hex(w, span_of(&byte, 1));
    }
}

bool sip_write_aor_key(struct writer *w, struct span uri)
{
    struct sip_uri parsed;
    int byte;
    if (!parse_sip(uri, &parsed))
        return false;
    writer_text(w, "sip:");
    struct cursor c = cursor_over(parsed.user);
    while ((byte = next_unescaped(&c)) != -1)
        write_user_character(w, (uint8_t)byte);
    if (parsed.user.len)
        writer_byte(w, '@');
    write_host(w, &parsed);
    return !w->full;
}
