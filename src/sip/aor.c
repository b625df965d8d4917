/* Addresses-of-record: how identities compare and how they are written (protocol.md 2.1). */
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

static bool same_user(struct span a, struct span b)
{
    struct cursor ca = cursor_over(a), cb = cursor_over(b);
    int left, right;
    do {
        left = next_unescaped(&ca);
        right = next_unescaped(&cb);
    } while (left == right && left != -1);
    return left == right;
}

bool sip_same_aor(struct span uri_a, struct span uri_b)
{
    struct sip_uri a, b;
    return parse_sip(uri_a, &a) && parse_sip(uri_b, &b) && span_equal_nocase(a.host, b.host) &&
           same_user(a.user, b.user);
}

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
