#include "lex.h"

#include <arpa/inet.h>

/* Characters that belong to the same classes. */
enum {
    UNRESERVED = LEX_USER | LEX_PASSWORD | LEX_PARAM | LEX_HEADER | LEX_URIC,
    MK = UNRESERVED | LEX_TOKEN | LEX_WORD | LEX_VALUE, /* marks that are also token characters */
    HY = MK | LEX_HOSTNAME,
    AL = HY | LEX_ALPHA,
    HX = AL | LEX_HEX,
    DG = HY | LEX_HEX | LEX_DIGIT,
    PA = UNRESERVED | LEX_WORD, /* parentheses */
    TK = LEX_TOKEN | LEX_WORD | LEX_VALUE,
    PC = TK | LEX_URIC, /* percent */
    PL = LEX_TOKEN | LEX_WORD | LEX_VALUE | LEX_USER | LEX_PASSWORD | LEX_PARAM | LEX_HEADER | LEX_URIC,
    AM = LEX_USER | LEX_PASSWORD | LEX_PARAM | LEX_URIC,
    EQ = LEX_USER | LEX_PASSWORD | LEX_URIC,
    DO = LEX_USER | LEX_PASSWORD | LEX_PARAM | LEX_HEADER | LEX_URIC,
    SM = LEX_USER | LEX_URIC,
    QM = LEX_USER | LEX_HEADER | LEX_WORD | LEX_URIC,
    SL = LEX_USER | LEX_PARAM | LEX_HEADER | LEX_WORD | LEX_URIC,
    BR = LEX_PARAM | LEX_HEADER | LEX_WORD | LEX_VALUE | LEX_URIC, /* brackets and colon */
    WD = LEX_WORD,
    UC = LEX_URIC,
    SP = LEX_SPACE,
    __ = 0,
};

const uint16_t lex_classes[256] = {
    __, __, __, __, __, __, __, __, __, SP, SP, __, __, SP, __, __, /* HT LF CR */
    __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
    SP, MK, WD, UC, DO, PC, AM, MK, PA, PA, MK, PL, EQ, HY, HY, SL, /*   ! " # $ % & ' ( ) * + , - . / */
    DG, DG, DG, DG, DG, DG, DG, DG, DG, DG, BR, SM, WD, EQ, WD, QM, /* 0..9 : ; < = > ? */
    UC, HX, HX, HX, HX, HX, HX, AL, AL, AL, AL, AL, AL, AL, AL, AL, /* @ A..O */
    AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, BR, WD, BR, __, MK, /* P..Z [ \ ] ^ _ */
    TK, HX, HX, HX, HX, HX, HX, AL, AL, AL, AL, AL, AL, AL, AL, AL, /* ` a..o */
    AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, WD, __, WD, MK, __, /* p..z { | } ~ */
};

struct span lex_run(struct cursor *c, enum lex_class class)
{
    const uint8_t *from = c->at;
    while (c->at < c->end && lex_is(*c->at, class))
        c->at++;
    return span_of(from, (size_t)(c->at - from));
}

bool lex_escaped_run(struct cursor *c, enum lex_class class, struct span *run)
{
    const uint8_t *from = c->at;
    while (c->at < c->end) {
        if (*c->at == '%') {
            if (cursor_left(c) < 3 || !lex_is(c->at[1], LEX_HEX) || !lex_is(c->at[2], LEX_HEX))
                return false;
            c->at += 3;
        } else if (lex_is(*c->at, class)) {
            c->at++;
        } else {
            break;
        }
    }
    *run = span_of(from, (size_t)(c->at - from));
    return true;
}

void lex_space(struct cursor *c)
{
    while (c->at < c->end && lex_is(*c->at, LEX_SPACE))
        c->at++;
}

bool lex_separator(struct cursor *c, uint8_t byte)
{
    struct cursor start = *c;
    lex_space(c);
    if (!cursor_accept(c, byte)) {
        *c = start;
        return false;
    }
    lex_space(c);
    return true;
}

/* qdtext = LWS / %x21 / %x23-5B / %x5D-7E / UTF8-NONASCII */
static bool is_qdtext(uint8_t c)
{
    return (c >= 0x20 && c != 0x7f) || lex_is(c, LEX_SPACE);
}

bool lex_quoted(struct cursor *c, struct span *quoted)
{
    const uint8_t *from = c->at;
    if (!cursor_accept(c, '"'))
        return false;
    while (c->at < c->end) {
        uint8_t byte = *c->at++;
        if (byte == '"') {
            *quoted = span_of(from, (size_t)(c->at - from));
            return true;
        }
        if (byte != '\\') {
            if (!is_qdtext(byte))
                return false;
            continue;
        }
        /* quoted-pair: any ASCII character but CR and LF, a NUL too (RFC 4475 3.1.1.2). */
        if (c->at == c->end || *c->at >= 0x80 || *c->at == '\r' || *c->at == '\n')
            return false;
        c->at++;
    }
    return false;
}

/* "192.0.2.1": four numbers of 1 to 3 digits, each at most 255. */
static bool is_ipv4(struct span text)
{
    struct cursor c = cursor_over(text);
    for (int i = 0; i < 4; i++) {
        uint32_t n;
        struct span digits = lex_run(&c, LEX_DIGIT);
        if (digits.len > 3 || !span_decimal(digits, 255, &n))
            return false;
        if (i < 3 && !cursor_accept(&c, '.'))
            return false;
    }
    return cursor_done(&c);
}

/* hostname = *( domainlabel "." ) toplabel [ "." ]; labels begin and end with a letter or digit, the last one begins
 * with a letter, so that no hostname looks like an address. */
static bool is_hostname(struct span text)
{
    bool letter_first = false;
    if (text.len && text.at[text.len - 1] == '.')
        text.len--;
    if (text.len == 0 || text.len > 255)
        return false;
    for (size_t start = 0; start <= text.len;) {
        struct span label = span_part(text, start, span_find(span_part(text, start, text.len), '.'));
        if (label.len == 0 || label.len > 63 || label.at[0] == '-' || label.at[label.len - 1] == '-')
            return false;
        letter_first = lex_is(label.at[0], LEX_ALPHA);
        start += label.len + 1;
    }
    return letter_first;
}

/* Whether `text` is an IPv6 address. One colon too many before an embedded IPv4 address, which the grammar of RFC 3261
 * allows by mistake, is tolerated (RFC 5118 4.10). */
static bool is_ipv6(struct span text)
{
    char copy[INET6_ADDRSTRLEN + 1] = {0};
    struct in6_addr address;
    if (text.len >= sizeof copy || span_find(text, 0) != text.len)
        return false;
    memcpy(copy, text.at, text.len);
    char *extra = strchr(copy, '.') ? strstr(copy, ":::") : NULL;
    if (extra)
        memmove(extra, extra + 1, strlen(extra));
    return inet_pton(AF_INET6, copy, &address) == 1;
}

static bool take_ipv6_reference(struct cursor *c, struct lex_host *host)
{
    cursor_accept(c, '[');
    host->is_ipv6 = true;
    return cursor_take(c, span_find(cursor_rest(c), ']'), &host->host) && is_ipv6(host->host) &&
           cursor_accept(c, ']');
}

bool lex_host(struct cursor *c, struct lex_host *host)
{
    *host = (struct lex_host){0};
    if (cursor_peek(c) == '[')
        return take_ipv6_reference(c, host);
    host->host = lex_run(c, LEX_HOSTNAME);
    host->is_ipv4 = is_ipv4(host->host);
    return host->is_ipv4 || is_hostname(host->host);
}

bool lex_port(struct cursor *c, uint16_t *port)
{
    uint32_t n;
    if (!span_decimal(lex_run(c, LEX_DIGIT), UINT16_MAX, &n) || n == 0)
        return false;
    *port = (uint16_t)n;
    return true;
}

enum lex_found lex_param(struct cursor *c, struct span *name, struct span *value)
{
    *value = (struct span){0};
    if (!lex_separator(c, ';'))
        return LEX_NONE;
    *name = lex_run(c, LEX_TOKEN);
    if (name->len == 0)
        return LEX_BROKEN;
    if (!lex_separator(c, '='))
        return LEX_FOUND;
    if (cursor_peek(c) == '"')
        return lex_quoted(c, value) ? LEX_FOUND : LEX_BROKEN;
    *value = lex_run(c, LEX_VALUE);
    return value->len ? LEX_FOUND : LEX_BROKEN;
}

struct span lex_unquoted(struct span value)
{
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        return span_part(value, 1, value.len - 2);
    return value;
}
