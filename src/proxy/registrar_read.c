/* What a REGISTER asks for: whose registration it is, by which way the contacts are reached, and for how long. */
#include "proxy/registrar.h"

#include "proxy/address.h"

enum { EXPIRES_UNREADABLE = 3600 /* seconds: what cannot be read counts as an hour (RFC 3261 20.19) */ };

/* --- headers --- */

static bool has_option(const struct sip_message *m, enum sip_header_id id, struct span option)
{
    for (const struct sip_header *h = sip_header_next(m, id, NULL); h; h = sip_header_next(m, id, h)) {
        struct span list = h->value;
        while (list.len > 0) {
            size_t comma = span_find(list, ',');
            if (span_equal_nocase(span_trim(span_part(list, 0, comma)), option))
                return true;
            list = span_part(list, comma + 1, list.len);
        }
    }
    return false;
}

static bool has_one_via(const struct sip_message *m)
{
    struct sip_via via;
    struct cursor c = cursor_over(sip_header_value(m, SIP_H_VIA));
    return sip_header_count(m, SIP_H_VIA) == 1 && sip_via_take(&c, &via) == RULE_OK && cursor_done(&c);
}

/* --- the path (RFC 3327) --- */

static bool take_path_uri(struct cursor *values, struct writer *path, struct sip_uri *uri)
{
    struct sip_address address;
    struct span lr;
    if (sip_address_take(values, &address) != RULE_OK || sip_uri_parse(address.uri, uri) != RULE_OK ||
        uri->scheme != SIP_SCHEME_SIP || !sip_uri_param(uri, "lr", &lr) || uri->headers.len > 0)
        return false;
    writer_text(path, path->len ? ", <" : "<");
    writer_put(path, address.uri);
    writer_byte(path, '>');
    return true;
}

/* Whether requests can be sent to the first URI of a path: not to this proxy itself, and, from outside, not to services
 * of this machine. */
static bool leads_on(const struct routing *routing, const struct proxy_source *source, struct span path,
                     const struct sip_uri *first)
{
    struct target_hop to;
    if (routing_is_self(routing, first) || !routing_path(routing, path, &to))
        return false;
    return !address_is_loopback(&to.hop.address) || address_is_loopback(&source->address);
}

/* Writes the Path headers as one list of URIs. `*ob`: the first says that its proxy keeps the flow (RFC 5626 5.1). */
static enum rule read_path(const struct routing *routing, const struct proxy_source *source,
                           const struct sip_message *m, struct register_request *r, bool *ob)
{
    struct writer w = writer_over(r->path_room, sizeof r->path_room);
    struct sip_uri uri, first = {0};
    struct span value;
    size_t count = 0;
    for (size_t i = 0; i < m->header_count; i++) {
        struct cursor values = cursor_over(m->headers[i].value);
        if (m->headers[i].id != SIP_H_OTHER || !span_equal_nocase(m->headers[i].name, SPAN("Path")))
            continue;
        do {
            if (count++ == LOCATION_PATH_URIS_MAX || !take_path_uri(&values, &w, &uri))
                return RULE_SIP_PATH;
            first = count == 1 ? uri : first;
        } while (cursor_accept(&values, ','));
    }
    r->path = writer_span(&w);
    if (count == 0)
        return RULE_OK;
    *ob = sip_uri_param(&first, "ob", &value);
    return !w.full && leads_on(routing, source, r->path, &first) ? RULE_OK : RULE_SIP_PATH;
}

/* --- whose registration --- */

/* The address-of-record in To, which must be of the domain that was asked (RFC 3261 10.3 step 5). */
static enum rule read_aor(const struct sip_message *m, struct register_request *r)
{
    struct sip_uri domain, to;
    struct writer w = writer_over(r->aor_room, sizeof r->aor_room);
    if (sip_uri_parse(m->request_uri, &domain) != RULE_OK || sip_uri_parse(m->to.uri, &to) != RULE_OK)
        return RULE_SIP_URI;
    if (to.scheme != SIP_SCHEME_SIP && to.scheme != SIP_SCHEME_SIPS)
        return RULE_SIP_URI; /* no address-of-record at all (RFC 4475 3.3.4) */
    if (to.scheme != SIP_SCHEME_SIP || to.user.len == 0 || !span_equal_nocase(to.host, domain.host))
        return RULE_SIP_ROUTE;
    if (!sip_write_aor_key(&w, m->to.uri))
        return RULE_SIP_URI;
    r->registration.aor = writer_span(&w);
    return RULE_OK;
}

enum rule register_read_request(const struct routing *routing, const struct proxy_source *source,
                                const struct sip_message *m, struct register_request *r)
{
    bool ob = false;
    *r = (struct register_request){.direct = has_one_via(m)};
    r->registration = (struct registration){.call_id = m->call_id, .cseq = m->cseq, .contact = r->contact};
    if (m->call_id.len > LOCATION_CALL_ID_MAX)
        return RULE_SIP_HEADERS;
    enum rule rule = read_aor(m, r);
    if (rule == RULE_OK)
        rule = read_path(routing, source, m, r, &ob);
    /* RFC 3327 5.3 recommends to refuse: a client learns so that somebody has put himself on its way. */
    if (rule == RULE_OK && r->path.len && !has_option(m, SIP_H_SUPPORTED, SPAN("path")))
        rule = RULE_SIP_PATH_UNKNOWN;
    r->outbound = (r->path.len ? ob : r->direct) && has_option(m, SIP_H_SUPPORTED, SPAN("outbound"));
    return rule;
}

/* --- numbers of a Contact --- */

static uint32_t seconds_of(struct span text, uint32_t otherwise)
{
    uint32_t seconds;
    if (text.len == 0)
        return otherwise;
    return span_decimal(text, UINT32_MAX, &seconds) ? seconds : EXPIRES_UNREADABLE;
}

/* qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ), in thousandths. */
static bool q_of(struct span text, unsigned *q)
{
    uint32_t whole, part = 0;
    size_t dot = span_find(text, '.');
    struct span digits = span_part(text, dot + 1, text.len);
    if (dot != 1 || !span_decimal(span_part(text, 0, 1), 1, &whole) || digits.len > 3)
        return false;
    if (digits.len && !span_decimal(digits, 999, &part))
        return false;
    for (size_t i = digits.len; i < 3; i++)
        part *= 10;
    *q = whole * LOCATION_Q_MAX + part;
    return *q <= LOCATION_Q_MAX;
}

/* RFC 3261 10.2.1.1: the registrar may shorten an expiration, and refuse one that is too short for it (step 7). */
static enum rule limit_expires(const struct limits *limits, struct contact *contact)
{
    if (contact->expires > 0 && contact->expires < limits->registration_min_seconds)
        return RULE_SIP_REGISTER_BRIEF;
    if (contact->expires > limits->registration_seconds)
        contact->expires = limits->registration_seconds;
    return RULE_OK;
}

/* --- flows (RFC 5626) --- */

bool register_is_instance(struct span text)
{
    if (text.len < 3 || text.len > LOCATION_INSTANCE_MAX || text.at[0] != '<' || text.at[text.len - 1] != '>')
        return false;
    for (size_t i = 1; i + 1 < text.len; i++)
        if (text.at[i] <= ' ' || text.at[i] >= 0x7f || strchr("\"\\<>", text.at[i]))
            return false;
    return true;
}

/* A reg-id without an instance counts for nothing (RFC 5626 6). */
static enum rule read_flow(const struct sip_address *address, const struct sip_message *m, struct register_request *r,
                           struct contact *contact)
{
    struct span value;
    uint32_t reg_id;
    if (!sip_param(address->params, "+sip.instance", &contact->instance))
        return RULE_OK;
    if (!register_is_instance(contact->instance))
        return RULE_SIP_SYNTAX;
    if (!sip_param(address->params, "reg-id", &value))
        return RULE_OK;
    if (!span_decimal(value, INT32_MAX, &reg_id) || reg_id == 0)
        return RULE_SIP_SYNTAX;
    if (!r->outbound)
        return !r->direct && has_option(m, SIP_H_SUPPORTED, SPAN("outbound")) ? RULE_SIP_NO_OUTBOUND : RULE_OK;
    contact->reg_id = reg_id;
    r->flows = true;
    return RULE_OK;
}

/* "If the Contact header field contains more than one value with a non-zero expiration and any of these contains a
 * reg-id": 400 (RFC 5626 6). */
static enum rule check_flows(const struct register_request *r)
{
    size_t added = 0, flows = 0;
    for (size_t i = 0; i < r->registration.count; i++) {
        added += r->contact[i].expires > 0;
        flows += r->contact[i].expires > 0 && r->contact[i].reg_id > 0;
    }
    return flows > 0 && added > 1 ? RULE_SIP_REGISTER_FLOW : RULE_OK;
}

/* --- the way to a contact --- */

/* A private address that is not the one from which the client came is behind a NAT: only the way back along which its
 * REGISTER came leads there (RFC 3581, RFC 5626). It may well be somebody else's here. */
static bool is_behind_nat(const struct hop *hop, const struct proxy_source *source)
{
    return address_is_private(&hop->address) && !address_same_host(&hop->address, &source->address);
}

/* Back along the connection, or from the socket to the address and port, by which the REGISTER came. */
static void back_along_flow(const struct proxy_source *source, struct contact *contact)
{
    contact->hop = (struct hop){source->transport, source->address, source->address_len};
    contact->flow = source->flow;
    contact->flow_only = true;
}

/* Where a user is reached: at an address that the contact names, where that can be used; else back along the flow. Over
 * TLS always so, since users have no certificate to be known by when they are called. */
static bool find_way(const struct sip_uri *uri, const struct proxy_source *source, const struct register_request *r,
                     struct contact *contact)
{
    struct span maddr;
    if (uri->scheme != SIP_SCHEME_SIP || sip_uri_param(uri, "maddr", &maddr))
        return false;
    if (r->path.len)
        return true;
    if (sip_uri_transport(uri) == SIP_TLS) {
        back_along_flow(source, contact);
        return source->transport == SIP_TLS;
    }
    bool numeric = hop_of_uri(uri, &contact->hop);
    if (numeric && address_is_loopback(&contact->hop.address) && !address_is_loopback(&source->address))
        return false; /* nobody from outside has requests sent to this machine's own services */
    bool reliable = source->transport != SIP_UDP;
    if (r->direct && ((numeric && is_behind_nat(&contact->hop, source)) || (!numeric && contact->reg_id > 0)))
        back_along_flow(source, contact);
    else if (contact->reg_id > 0 && reliable && !address_same_host(&contact->hop.address, &source->address))
        back_along_flow(source, contact);
    else if (contact->reg_id > 0 && reliable && contact->hop.transport == source->transport)
        contact->flow = source->flow; /* and by its address, when that connection is closed */
    return numeric || contact->flow_only;
}

/* --- Contacts --- */

static enum rule read_contact(const struct sip_address *address, const struct proxy_source *source,
                              const struct sip_message *m, struct register_request *r, struct contact *contact)
{
    struct sip_uri uri;
    struct span value;
    if (sip_uri_parse(address->uri, &uri) != RULE_OK)
        return RULE_SIP_URI;
    enum rule rule = read_flow(address, m, r, contact);
    if (rule != RULE_OK)
        return rule;
    if (uri.headers.len || sip_uri_param(&uri, "method", &value) || uri.text.len > LOCATION_URI_MAX ||
        !find_way(&uri, source, r, contact))
        return RULE_SIP_CONTACT;
    contact->uri = uri.text;
    contact->path = r->path;
    contact->q = LOCATION_Q_MAX;
    if (sip_param(address->params, "expires", &value))
        contact->expires = seconds_of(value, EXPIRES_UNREADABLE);
    if (sip_param(address->params, "q", &value) && !q_of(value, &contact->q))
        return RULE_SIP_SYNTAX;
    return RULE_OK;
}

static enum rule read_contact_line(struct span value, const struct limits *limits, const struct proxy_source *source,
                                   const struct sip_message *m, struct register_request *r, uint32_t expires)
{
    struct cursor values = cursor_over(value);
    do {
        struct sip_address address;
        if (r->registration.count == LOCATION_USER_CONTACTS_MAX)
            return RULE_SIP_REGISTER_LIMIT;
        struct contact *contact = &r->contact[r->registration.count];
        *contact = (struct contact){.expires = expires};
        if (sip_address_take(&values, &address) != RULE_OK)
            return RULE_SIP_SYNTAX;
        enum rule rule = read_contact(&address, source, m, r, contact);
        if (rule == RULE_OK)
            rule = limit_expires(limits, contact);
        if (rule != RULE_OK)
            return rule;
        r->registration.count++;
    } while (cursor_accept(&values, ','));
    return RULE_OK;
}

/* "*" stands alone and with Expires: 0 (RFC 3261 10.3 step 6). */
enum rule register_read_contacts(const struct limits *limits, const struct proxy_source *source,
                                 const struct sip_message *m, struct register_request *r)
{
    struct registration *all = &r->registration;
    uint32_t expires = seconds_of(sip_header_value(m, SIP_H_EXPIRES), limits->registration_default_seconds);
    for (const struct sip_header *h = sip_header_next(m, SIP_H_CONTACT, NULL); h;
         h = sip_header_next(m, SIP_H_CONTACT, h)) {
        if (span_equal(h->value, SPAN("*"))) {
            all->remove_all = true;
            continue;
        }
        enum rule rule = read_contact_line(h->value, limits, source, m, r, expires);
        if (rule != RULE_OK)
            return rule;
    }
    if (!all->remove_all)
        return check_flows(r);
    bool alone = all->count == 0 && sip_header_count(m, SIP_H_CONTACT) == 1;
    return alone && expires == 0 ? RULE_OK : RULE_SIP_SYNTAX;
}
