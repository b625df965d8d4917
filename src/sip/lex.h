/* What the readers of SIP share: classes of characters and the small pieces of RFC 3261's grammar (25.1). Each `lex_`
 * function takes what it names from the cursor; on failure the cursor may stand anywhere within its bytes. */
#ifndef SIPSEAL_SIP_LEX_H
#define SIPSEAL_SIP_LEX_H

#include "sipseal/bytes.h"

enum lex_class {
    LEX_TOKEN = 1 << 0,
    LEX_USER = 1 << 1,     /* unreserved and user-unreserved */
    LEX_PASSWORD = 1 << 2, /* unreserved and & = + $ , */
    LEX_PARAM = 1 << 3,    /* paramchar without escapes */
    LEX_HEADER = 1 << 4,   /* hnv-unreserved and unreserved */
    LEX_WORD = 1 << 5,     /* of a Call-ID */
    LEX_VALUE = 1 << 6,    /* gen-value that is not quoted: token or host */
    LEX_HOSTNAME = 1 << 7,
    LEX_URIC = 1 << 8, /* of a URI with any scheme */
    LEX_HEX = 1 << 9,
    LEX_ALPHA = 1 << 10,
    LEX_DIGIT = 1 << 11,
    LEX_SPACE = 1 << 12, /* SP, HTAB and what a fold is made of; a stray CR or LF was refused before */
};

extern const uint16_t lex_classes[256];

static inline bool lex_is(uint8_t c, enum lex_class class)
{
    return (lex_classes[c] & (unsigned)class) != 0;
}

static inline uint8_t lex_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* As many characters of `class` as stand there; none is an empty span. */
struct span lex_run(struct cursor *c, enum lex_class class);
/* The same with "%" HEXDIG HEXDIG among them; false when an escape is broken. */
bool lex_escaped_run(struct cursor *c, enum lex_class class, struct span *run);
/* White space and folds, or nothing. */
void lex_space(struct cursor *c);
/* `byte` with white space around it; takes nothing when it does not come next. */
bool lex_separator(struct cursor *c, uint8_t byte);
/* quoted-string; `*quoted` has the quotes. */
bool lex_quoted(struct cursor *c, struct span *quoted);

struct lex_host {
    struct span host; /* an IPv6 reference without its brackets */
    bool is_ipv4, is_ipv6;
};
bool lex_host(struct cursor *c, struct lex_host *host);
/* 1*DIGIT, 1 to 65535. */
bool lex_port(struct cursor *c, uint16_t *port);

/* SEMI generic-param. LEX_NONE when no semicolon comes next; a value may be a quoted-string, with its quotes. */
enum lex_found { LEX_NONE, LEX_FOUND, LEX_BROKEN };
enum lex_found lex_param(struct cursor *c, struct span *name, struct span *value);

/* A quoted-string without its quotes, anything else as it is. */
struct span lex_unquoted(struct span value);

#endif
