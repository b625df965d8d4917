/* The headers of Digest: a scheme, and parameters behind commas (RFC 7616 3.3, 3.4; RFC 3261 25.1). */
#include "sip/lex.h"
#include "sipseal/sip_digest.h"

enum param {
    P_REALM, P_NONCE, P_OPAQUE, P_ALGORITHM, P_QOP, P_STALE, P_USERNAME, P_URI, P_RESPONSE, P_CNONCE, P_NC, P_USERHASH,
    P_NEXTNONCE, P_RSPAUTH, P_COUNT
};
static const char *const names[P_COUNT] = {
    [P_REALM] = "realm",       [P_NONCE] = "nonce",         [P_OPAQUE] = "opaque",     [P_ALGORITHM] = "algorithm",
    [P_QOP] = "qop",           [P_STALE] = "stale",         [P_USERNAME] = "username", [P_URI] = "uri",
    [P_RESPONSE] = "response", [P_CNONCE] = "cnonce",       [P_NC] = "nc",             [P_USERHASH] = "userhash",
    [P_NEXTNONCE] = "nextnonce", [P_RSPAUTH] = "rspauth",
};

struct params {
    bool has[P_COUNT];
    struct span value[P_COUNT]; /* without quotes */
};

static bool take_value(struct cursor *c, struct span *value)
{
    struct span quoted;
    if (cursor_peek(c) != '"') {
        *value = lex_run(c, LEX_TOKEN);
        return value->len > 0 && value->len <= DIGEST_VALUE_MAX;
    }
    if (!lex_quoted(c, &quoted))
        return false;
    *value = lex_unquoted(quoted);
    return value->len <= DIGEST_VALUE_MAX;
}

/* One parameter; those that are not known are passed over, with whatever they say. */
static bool take_param(struct cursor *c, struct params *p)
{
    struct span value, name = lex_run(c, LEX_TOKEN);
    if (name.len == 0 || !lex_separator(c, '=') || !take_value(c, &value))
        return false;
    for (int i = 0; i < P_COUNT; i++)
        if (span_equal_nocase(name, span_text(names[i]))) {
            if (p->has[i] || span_find(value, '\\') < value.len)
                return false;
            p->has[i] = true;
            p->value[i] = value;
        }
    return true;
}

static enum rule take_params(struct cursor *c, struct params *p)
{
    *p = (struct params){0};
    for (int count = 0; count < DIGEST_PARAMS_MAX; count++) {
        if (!take_param(c, p))
            return RULE_DIGEST_SYNTAX;
        if (cursor_done(c))
            return RULE_OK;
        if (!lex_separator(c, ','))
            return RULE_DIGEST_SYNTAX;
    }
    return RULE_DIGEST_SYNTAX;
}

static enum rule read_scheme_and_params(struct span value, struct params *p)
{
    struct cursor c = cursor_over(span_trim(value));
    struct span scheme = lex_run(&c, LEX_TOKEN);
    if (!span_equal_nocase(scheme, SPAN("Digest")))
        return RULE_DIGEST_UNSUPPORTED;
    if (cursor_done(&c) || !lex_is(*c.at, LEX_SPACE))
        return RULE_DIGEST_SYNTAX;
    lex_space(&c);
    return take_params(&c, p);
}

static bool has_all(const struct params *p, const enum param *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!p->has[wanted[i]])
            return false;
    return true;
}

static bool read_algorithm(const struct params *p, enum digest_algorithm *algorithm)
{
    *algorithm = DIGEST_MD5; /* RFC 7616 3.3 */
    return !p->has[P_ALGORITHM] || digest_algorithm_of(p->value[P_ALGORITHM], algorithm);
}

static bool read_qop(struct span word, enum digest_qop *qop)
{
    *qop = span_equal_nocase(word, SPAN("auth-int")) ? DIGEST_AUTH_INT : DIGEST_AUTH;
    return *qop == DIGEST_AUTH_INT || span_equal_nocase(word, SPAN("auth"));
}

/* What is offered; words that are not known are passed over (RFC 7616 3.3). */
static unsigned read_offered(struct span list)
{
    unsigned set = 0;
    while (list.len) {
        size_t comma = span_find(list, ',');
        enum digest_qop qop;
        if (read_qop(span_trim(span_part(list, 0, comma)), &qop))
            set |= qop;
        list = span_part(list, comma + 1, list.len);
    }
    return set;
}

enum rule digest_read_challenge(struct span value, struct digest_challenge *out)
{
    static const enum param wanted[] = {P_REALM, P_NONCE};
    struct params p;
    *out = (struct digest_challenge){0};
    enum rule rule = read_scheme_and_params(value, &p);
    if (rule != RULE_OK)
        return rule;
    if (!has_all(&p, wanted, sizeof wanted / sizeof wanted[0]))
        return RULE_DIGEST_SYNTAX;
    if (!read_algorithm(&p, &out->algorithm))
        return RULE_DIGEST_UNSUPPORTED;
    out->realm = p.value[P_REALM];
    out->nonce = p.value[P_NONCE];
    out->opaque = p.value[P_OPAQUE];
    out->qop = read_offered(p.value[P_QOP]);
    out->stale = span_equal_nocase(p.value[P_STALE], SPAN("true"));
    return RULE_OK;
}

/* 8LHEX, and not zero: counts begin at one. */
static bool read_nc(struct span text, uint32_t *nc)
{
    uint8_t bytes[4];
    if (text.len != 8 || !hex_decode(text, bytes, sizeof bytes))
        return false;
    *nc = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return *nc != 0;
}

static bool is_hex(struct span text, size_t len)
{
    uint8_t bytes[DIGEST_HEX_MAX / 2];
    return text.len == len && hex_decode(text, bytes, len / 2);
}

enum rule digest_read_credentials(struct span value, struct digest_credentials *out)
{
    static const enum param wanted[] = {P_USERNAME, P_REALM, P_NONCE, P_URI, P_RESPONSE, P_CNONCE, P_NC, P_QOP};
    struct params p;
    *out = (struct digest_credentials){0};
    enum rule rule = read_scheme_and_params(value, &p);
    if (rule != RULE_OK)
        return rule;
    bool hashed = p.has[P_USERHASH] && !span_equal_nocase(p.value[P_USERHASH], SPAN("false"));
    if (!read_algorithm(&p, &out->algorithm) || hashed)
        return RULE_DIGEST_UNSUPPORTED;
    if (!has_all(&p, wanted, sizeof wanted / sizeof wanted[0]) || !read_qop(p.value[P_QOP], &out->qop) ||
        !read_nc(p.value[P_NC], &out->nc) || !is_hex(p.value[P_RESPONSE], digest_hex_len(out->algorithm)) ||
        p.value[P_USERNAME].len == 0 || p.value[P_CNONCE].len == 0)
        return RULE_DIGEST_SYNTAX;
    out->username = p.value[P_USERNAME];
    out->realm = p.value[P_REALM];
    out->nonce = p.value[P_NONCE];
    out->uri = p.value[P_URI];
    out->response = p.value[P_RESPONSE];
    out->cnonce = p.value[P_CNONCE];
    out->opaque = p.value[P_OPAQUE];
    out->nc_text = p.value[P_NC];
    return RULE_OK;
}

enum rule digest_read_info(struct span value, struct digest_info *out)
{
    struct params p;
    struct cursor c = cursor_over(span_trim(value));
    *out = (struct digest_info){.qop = DIGEST_AUTH};
    enum rule rule = take_params(&c, &p);
    if (rule == RULE_OK && p.has[P_QOP] && !read_qop(p.value[P_QOP], &out->qop))
        rule = RULE_DIGEST_SYNTAX;
    if (rule != RULE_OK)
        return rule;
    out->nextnonce = p.value[P_NEXTNONCE];
    out->rspauth = p.value[P_RSPAUTH];
    out->cnonce = p.value[P_CNONCE];
    out->nc_text = p.value[P_NC];
    return RULE_OK;
}
