/* Proxy-Inspect-Body, read and written. */
#include "sipseal/label.h"

#include <arpa/inet.h>

#include "content_id.h"

/* --- reading --- */

static bool is_alphanumeric(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* host of RFC 3261 25.1: a name, an IPv4 address, or an IPv6 address in brackets. */
static bool is_ipv6_reference(struct span host)
{
    char text[INET6_ADDRSTRLEN] = {0};
    struct in6_addr address;
    if (host.len < 2 || host.at[0] != '[' || host.at[host.len - 1] != ']' || host.len - 2 >= sizeof text)
        return false;
    memcpy(text, host.at + 1, host.len - 2);
    return strlen(text) == host.len - 2 && inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_host_name(struct span host)
{
    int before = '.';
    for (size_t i = 0; i < host.len; i++) {
        int c = host.at[i];
        if (c == '.' ? !is_alphanumeric(before) : c == '-' ? before == '.' : !is_alphanumeric(c))
            return false;
        before = c;
    }
    return host.len > 0 && before != '-';
}

static enum rule take_host(struct cursor *c, struct span *host)
{
    struct span rest = cursor_rest(c);
    *host = span_trim(span_part(rest, 0, span_find(rest, ';')));
    if (host->len > LABEL_HOST_MAX)
        return RULE_LABEL_LIMIT;
    if (!is_host_name(*host) && !is_ipv6_reference(*host))
        return RULE_LABEL_SYNTAX;
    c->at = host->at + host->len;
    e2m_skip_space(c);
    return RULE_OK;
}

static bool take_token(struct cursor *c, struct span *token)
{
    struct cursor end = *c;
    while (is_alphanumeric(cursor_peek(&end)) ||
           (cursor_peek(&end) > 0 && strchr("-.!%*_+`'~", cursor_peek(&end))))
        end.at++;
    return end.at != c->at && cursor_take(c, (size_t)(end.at - c->at), token);
}

static enum rule take_cids(struct cursor *c, struct label *label)
{
    do {
        struct span name;
        e2m_skip_space(c);
        if (!take_token(c, &name) || !span_equal_nocase(name, SPAN("cid")))
            return RULE_LABEL_SYNTAX;
        e2m_skip_space(c);
        if (!cursor_accept(c, '='))
            return RULE_LABEL_SYNTAX;
        if (label->cid_count == LABEL_CIDS_MAX)
            return RULE_LABEL_LIMIT;
        enum rule rule = content_id_take(c, &label->cid[label->cid_count]);
        if (rule != RULE_OK)
            return rule;
        label->cid_count++;
    } while (cursor_accept(c, ','));
    return RULE_OK;
}

struct parameter {
    struct span name;
    bool has_value;
    struct span value; /* without quotes */
};

/* What stands between two quotes; the cursor is past the first. */
static bool take_quoted(struct cursor *c, struct span *inside)
{
    struct cursor end = *c;
    uint8_t byte;
    while (cursor_u8(&end, &byte)) {
        if (byte == '"') {
            *inside = span_of(c->at, (size_t)(end.at - c->at) - 1);
            *c = end;
            return true;
        }
        if (byte == '\0' || (byte == '\\' && !cursor_u8(&end, &byte)))
            return false;
    }
    return false;
}

/* token, host or quoted-string (RFC 3261 25.1, gen-value). */
static bool take_value(struct cursor *c, struct span *value)
{
    if (cursor_accept(c, '"'))
        return take_quoted(c, value);
    if (cursor_peek(c) != '[')
        return take_token(c, value);
    struct span rest = cursor_rest(c);
    size_t close = span_find(rest, ']');
    return close < rest.len && cursor_take(c, close + 1, value) && is_ipv6_reference(*value);
}

/* generic-param; the cursor is past its semicolon. */
static bool take_parameter(struct cursor *c, struct parameter *p)
{
    *p = (struct parameter){0};
    e2m_skip_space(c);
    if (!take_token(c, &p->name))
        return false;
    e2m_skip_space(c);
    p->has_value = cursor_accept(c, '=');
    if (p->has_value) {
        e2m_skip_space(c);
        if (!take_value(c, &p->value))
            return false;
        e2m_skip_space(c);
    }
    return true;
}

/* "view", "verify" or both, in one value. A word that is not known would ask for something that nobody does, so it
 * makes the label unusable. */
static bool read_actions(struct span value, unsigned *actions)
{
    struct cursor c = cursor_over(value);
    for (e2m_skip_space(&c); !cursor_done(&c); e2m_skip_space(&c)) {
        struct span word;
        if (!take_token(&c, &word))
            return false;
        if (span_equal_nocase(word, SPAN("view")))
            *actions |= LABEL_VIEW;
        else if (span_equal_nocase(word, SPAN("verify")))
            *actions |= LABEL_VERIFY;
        else
            return false;
    }
    return *actions != 0;
}

/* Parameters that are not known are kept in `value` and ignored (protocol.md 3). What is known may stand once. */
static bool set_parameter(struct label *label, const struct parameter *p)
{
    if (span_equal_nocase(p->name, SPAN("action")))
        return label->actions == 0 && read_actions(p->value, &label->actions);
    if (span_equal_nocase(p->name, SPAN("reciprocal"))) {
        bool again = label->reciprocal;
        label->reciprocal = true;
        return !again && !p->has_value;
    }
    if (span_equal_nocase(p->name, SPAN("expires"))) {
        bool again = label->has_expires;
        label->has_expires = true;
        return !again && span_decimal(p->value, UINT32_MAX, &label->expires);
    }
    return !span_equal_nocase(p->name, SPAN("cid")); /* they all stand in one list, in front */
}

enum rule label_parse(struct span value, struct label *label)
{
    struct cursor c = cursor_over(value);
    struct parameter p;
    *label = (struct label){.value = value};
    e2m_skip_space(&c);
    enum rule rule = take_host(&c, &label->host);
    if (rule != RULE_OK)
        return rule;
    if (!cursor_accept(&c, ';'))
        return RULE_LABEL_SYNTAX;
    rule = take_cids(&c, label);
    while (rule == RULE_OK && !cursor_done(&c))
        if (!cursor_accept(&c, ';') || !take_parameter(&c, &p) || !set_parameter(label, &p))
            rule = RULE_LABEL_SYNTAX;
    return rule;
}

enum rule labels_of(const struct sip_header *headers, size_t header_count, struct labels *labels)
{
    labels->count = 0;
    for (size_t i = 0; i < header_count; i++) {
        if (headers[i].id != SIP_H_PROXY_INSPECT_BODY)
            continue;
        if (labels->count == LABELS_MAX)
            return RULE_LABEL_LIMIT;
        enum rule rule = label_parse(headers[i].value, &labels->label[labels->count]);
        if (rule != RULE_OK)
            return rule;
        labels->count++;
    }
    return RULE_OK;
}

/* --- writing --- */

static void write_actions(struct writer *w, unsigned actions)
{
    if (actions == (LABEL_VIEW | LABEL_VERIFY))
        writer_text(w, ";action=\"view verify\"");
    else if (actions == LABEL_VIEW)
        writer_text(w, ";action=view");
    else if (actions == LABEL_VERIFY)
        writer_text(w, ";action=verify");
}

void label_write(struct writer *w, const struct label *label)
{
    writer_text(w, "Proxy-Inspect-Body: ");
    writer_put(w, label->host);
    for (size_t i = 0; i < label->cid_count; i++) {
        writer_text(w, i == 0 ? ";cid=\"" : ",cid=\"");
        writer_put(w, label->cid[i]);
        writer_byte(w, '"');
    }
    write_actions(w, label->actions);
    if (label->reciprocal)
        writer_text(w, ";reciprocal");
    if (label->has_expires) {
        writer_text(w, ";expires=");
        writer_decimal(w, label->expires);
    }
    writer_text(w, "\r\n");
}

/* --- comparing --- */

bool label_equal(const struct label *a, const struct label *b)
{
    if (!span_equal_nocase(a->host, b->host) || a->cid_count != b->cid_count || a->actions != b->actions ||
        a->reciprocal != b->reciprocal || a->has_expires != b->has_expires ||
        (a->has_expires && a->expires != b->expires))
        return false;
    for (size_t i = 0; i < a->cid_count; i++)
        if (!span_equal(a->cid[i], b->cid[i]))
            return false;
    return true;
}

bool labels_equal(const struct labels *a, const struct labels *b)
{
    bool taken[LABELS_MAX] = {false};
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        size_t j = 0;
        while (j < b->count && (taken[j] || !label_equal(&a->label[i], &b->label[j])))
            j++;
        if (j == b->count)
            return false;
        taken[j] = true;
    }
    return true;
}

static bool names_one_of(const struct label *label, const struct span *hosts, size_t host_count)
{
    for (size_t i = 0; i < host_count; i++)
        if (span_equal_nocase(label->host, hosts[i]))
            return true;
    return false;
}

const struct label *labels_find(const struct labels *labels, const struct span *hosts, size_t host_count,
                                struct span cid)
{
    for (size_t i = 0; i < labels->count; i++) {
        const struct label *label = &labels->label[i];
        if (!names_one_of(label, hosts, host_count))
            continue;
        for (size_t j = 0; j < label->cid_count; j++)
            if (span_equal(label->cid[j], cid))
                return label;
    }
    return NULL;
}
