/* The registrar for one's own domains (RFC 3261 10.3). Who may register is a matter of where the request comes from;
 * Digest comes with authentication. */
#include "proxy/address.h"
#include "proxy/core.h"
#include "sipseal/clock.h"

enum {
    EXPIRES_DEFAULT = 3600, /* seconds, where the request says nothing (10.3 step 7) */
    CONTACT_LINE_ROOM = 64, /* what a Contact line has beyond the URI */
    BINDINGS_TEXT_MAX = LOCATION_USER_CONTACTS_MAX * (LOCATION_URI_MAX + CONTACT_LINE_ROOM),
};

_Static_assert(BINDINGS_TEXT_MAX + 64 <= ANSWER_HEADERS_MAX, "all bindings of a user and a Date fit into a 200");

static bool may_register(const struct route *route, const struct proxy_source *source)
{
    for (size_t i = 0; i < route->allow_count; i++)
        if (address_block_holds(&route->allow[i], (const struct sockaddr *)&source->address))
            return true;
    return false;
}

/* What cannot be read counts as an hour (20.19). */
static uint32_t seconds_of(struct span text, uint32_t otherwise)
{
    uint32_t seconds;
    if (text.len == 0)
        return otherwise;
    if (!span_decimal(text, UINT32_MAX, &seconds))
        return EXPIRES_DEFAULT;
    return seconds;
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

/* Where a user is reached: at an address that the contact names; over TLS on the connection that the registration came
 * by, since users have no certificate to be known by when they are called (compare RFC 5626, which asks for more).
 * Nobody from outside has requests sent to this machine's own services. */
static bool hop_of_contact(const struct sip_uri *uri, const struct proxy_source *source, struct contact *contact)
{
    struct span maddr;
    if (sip_uri_transport(uri) != SIP_TLS)
        return hop_of_uri(uri, &contact->hop) &&
               (!address_is_loopback(&contact->hop.address) || address_is_loopback(&source->address));
    contact->hop = (struct hop){SIP_TLS, source->address, source->address_len};
    contact->flow = source->flow;
    return uri->scheme == SIP_SCHEME_SIP && source->transport == SIP_TLS && !sip_uri_param(uri, "maddr", &maddr);
}

static enum rule read_contact(const struct sip_address *address, const struct proxy_source *source, uint32_t expires,
                              struct contact *contact)
{
    struct sip_uri uri;
    struct span value;
    if (sip_uri_parse(address->uri, &uri) != RULE_OK)
        return RULE_SIP_URI;
    *contact = (struct contact){.uri = uri.text, .user = uri.user, .q = LOCATION_Q_MAX, .expires = expires};
    if (uri.headers.len || sip_uri_param(&uri, "method", &value) || uri.text.len > LOCATION_URI_MAX ||
        !hop_of_contact(&uri, source, contact))
        return RULE_SIP_CONTACT;
    if (sip_param(address->params, "expires", &value))
        contact->expires = seconds_of(value, EXPIRES_DEFAULT);
    if (sip_param(address->params, "q", &value) && !q_of(value, &contact->q))
        return RULE_SIP_SYNTAX;
    return RULE_OK;
}

static enum rule read_contact_line(struct span value, const struct proxy_source *source, uint32_t expires,
                                   struct contact *contacts, size_t *count)
{
    struct cursor values = cursor_over(value);
    do {
        struct sip_address address;
        if (*count == LOCATION_USER_CONTACTS_MAX)
            return RULE_SIP_REGISTER_LIMIT;
        if (sip_address_take(&values, &address) != RULE_OK)
            return RULE_SIP_SYNTAX;
        enum rule rule = read_contact(&address, source, expires, &contacts[*count]);
        if (rule != RULE_OK)
            return rule;
        ++*count;
    } while (cursor_accept(&values, ','));
    return RULE_OK;
}

/* "*" stands alone and with Expires: 0 (10.3 step 6). */
static enum rule read_contacts(const struct sip_message *m, const struct proxy_source *source, struct registration *r,
                               struct contact *contacts)
{
    uint32_t expires = seconds_of(sip_header_value(m, SIP_H_EXPIRES), EXPIRES_DEFAULT);
    for (const struct sip_header *h = sip_header_next(m, SIP_H_CONTACT, NULL); h;
         h = sip_header_next(m, SIP_H_CONTACT, h)) {
        if (span_equal(h->value, SPAN("*"))) {
            r->remove_all = true;
            continue;
        }
        enum rule rule = read_contact_line(h->value, source, expires, contacts, &r->count);
        if (rule != RULE_OK)
            return rule;
    }
    if (!r->remove_all)
        return RULE_OK;
    bool alone = r->count == 0 && sip_header_count(m, SIP_H_CONTACT) == 1;
    return alone && expires == 0 ? RULE_OK : RULE_SIP_SYNTAX;
}

/* Whose registration this is: the address-of-record in To, which must be of the domain that was asked (step 5). */
static enum rule read_aor(const struct sip_message *m, struct writer *aor)
{
    struct sip_uri domain, to;
    if (sip_uri_parse(m->request_uri, &domain) != RULE_OK || sip_uri_parse(m->to.uri, &to) != RULE_OK)
        return RULE_SIP_URI;
    if (to.scheme != SIP_SCHEME_SIP && to.scheme != SIP_SCHEME_SIPS)
        return RULE_SIP_URI; /* no address-of-record at all (RFC 4475 3.3.4) */
    if (to.scheme != SIP_SCHEME_SIP || to.user.len == 0 || !span_equal_nocase(to.host, domain.host))
        return RULE_SIP_ROUTE;
    return sip_write_aor_key(aor, m->to.uri) ? RULE_OK : RULE_SIP_URI;
}

static void write_thousandths(struct writer *w, unsigned q)
{
    writer_decimal(w, q / LOCATION_Q_MAX);
    if (q % LOCATION_Q_MAX == 0)
        return;
    writer_byte(w, '.');
    for (unsigned scale = LOCATION_Q_MAX / 10, rest = q % LOCATION_Q_MAX; rest > 0; rest %= scale, scale /= 10)
        writer_decimal(w, rest / scale);
}

static void write_bindings(struct proxy *p, struct span aor, struct writer *w)
{
    struct contact bindings[LOCATION_USER_CONTACTS_MAX];
    size_t count = location_find(p->location, aor, p->now.monotonic, bindings, LOCATION_USER_CONTACTS_MAX);
    for (size_t i = 0; i < count; i++) {
        writer_text(w, "Contact: <");
        writer_put(w, bindings[i].uri);
        writer_text(w, ">;q=");
        write_thousandths(w, bindings[i].q);
        writer_text(w, ";expires=");
        writer_decimal(w, bindings[i].expires);
        writer_text(w, "\r\n");
    }
    writer_text(w, "Date: ");
    clock_write_date(w, p->now.wall);
    writer_text(w, "\r\n");
}

/* RFC 3261 10.2.1.1: the registrar may shorten an expiration. */
static void shorten(struct contact *contacts, size_t count, uint32_t most)
{
    for (size_t i = 0; i < count; i++)
        if (contacts[i].expires > most)
            contacts[i].expires = most;
}

void register_contacts(struct proxy *p, struct pass *pass, const struct sip_message *m, const struct route *route)
{
    struct contact contacts[LOCATION_USER_CONTACTS_MAX];
    uint8_t aor[LOCATION_URI_MAX], lines[BINDINGS_TEXT_MAX];
    struct writer aor_writer = writer_over(aor, sizeof aor), w = writer_over(lines, sizeof lines);
    struct registration registration = {.call_id = m->call_id, .cseq = m->cseq, .contact = contacts};
    enum rule rule = may_register(route, &pass->source) ? RULE_OK : RULE_SIP_REGISTER_DENIED;
    if (rule == RULE_OK)
        rule = read_aor(m, &aor_writer);
    if (rule == RULE_OK)
        rule = read_contacts(m, &pass->source, &registration, contacts);
    registration.aor = writer_span(&aor_writer);
    shorten(contacts, registration.count, p->settings.limits.registration_seconds);
    if (rule == RULE_OK && (registration.count || registration.remove_all))
        rule = location_register(p->location, &registration, p->now.monotonic);
    if (rule != RULE_OK) {
        refuse_pass(p, pass, m, rule);
        return;
    }
    write_bindings(p, registration.aor, &w);
    const struct answer answer = {.status = 200, .headers = writer_span(&w)};
    answer_pass(p, pass, m, &answer);
}
