#include "proxy/routing.h"

#include "proxy/address.h"

bool hop_of_uri(const struct sip_uri *uri, struct hop *hop)
{
    enum sip_transport transport = sip_uri_transport(uri);
    struct span maddr;
    if (uri->scheme != SIP_SCHEME_SIP || sip_uri_param(uri, "maddr", &maddr))
        return false;
    *hop = (struct hop){.transport = transport == SIP_TRANSPORT_NONE ? SIP_UDP : transport};
    return (hop->transport == SIP_UDP || hop->transport == SIP_TCP) &&
           address_of_host(uri->host, uri->port ? uri->port : SIP_PORT, &hop->address, &hop->address_len) &&
           address_is_unicast(&hop->address);
}

/* --- who is meant --- */

static uint16_t port_of(const struct sip_uri *uri)
{
    if (uri->port)
        return uri->port;
    return sip_uri_transport(uri) == SIP_TLS ? SIPS_PORT : SIP_PORT;
}

static bool is_listened(const struct routing *r, uint16_t port)
{
    for (size_t i = 0; i < r->listen_count; i++)
        if (address_port(&r->listen[i].address) == port)
            return true;
    return false;
}

static bool is_own_name(const struct routing *r, const struct sip_uri *uri)
{
    for (size_t i = 0; i < r->name_count; i++)
        if (span_equal_nocase(r->name[i], uri->host))
            return uri->port == 0 || is_listened(r, uri->port);
    return false;
}

/* A socket that listens on every address of its family is reached over loopback at least; whatever else comes back to
 * us is caught as a loop. */
static bool is_own_address(const struct routing *r, const struct sip_uri *uri)
{
    struct sockaddr_storage address;
    socklen_t len;
    if (!address_of_host(uri->host, port_of(uri), &address, &len))
        return false;
    for (size_t i = 0; i < r->listen_count; i++) {
        const struct sockaddr_storage *own = &r->listen[i].address;
        if (address_port(own) != address_port(&address) || own->ss_family != address.ss_family)
            continue;
        if (address_same_host(own, &address) || (address_is_wildcard(own) && address_is_loopback(&address)))
            return true;
    }
    return false;
}

bool routing_is_self(const struct routing *r, const struct sip_uri *uri)
{
    return is_own_name(r, uri) || is_own_address(r, uri);
}

const struct route *routing_find(const struct routing *r, struct span domain)
{
    const struct route *other = NULL;
    for (size_t i = 0; i < r->route_count; i++) {
        if (span_equal_nocase(r->route[i].domain, domain))
            return &r->route[i];
        if (span_equal(r->route[i].domain, SPAN("*")))
            other = &r->route[i];
    }
    return other;
}

/* --- Route headers --- */

static bool is_loose(const struct sip_uri *uri, const struct sip_address *address)
{
    struct span value;
    return sip_uri_param(uri, "lr", &value) || sip_param(address->params, "lr", &value);
}

/* Looks at one Route value; `*done` when it is not ours. */
static enum rule take_route(const struct routing *r, struct cursor *values, struct route_set *set, bool *done)
{
    struct sip_address address;
    struct sip_uri uri;
    if (sip_address_take(values, &address) != RULE_OK || sip_uri_parse(address.uri, &uri) != RULE_OK)
        return RULE_SIP_URI;
    *done = !routing_is_self(r, &uri);
    if (!*done) {
        if (set->own == 0)
            sip_uri_param(&uri, "dialog", &set->dialog);
        set->own++;
        return RULE_OK;
    }
    set->has_next = true;
    set->next = address;
    set->loose = is_loose(&uri, &address);
    return RULE_OK;
}

enum rule routing_route_set(const struct routing *r, const struct sip_message *m, struct route_set *set)
{
    *set = (struct route_set){0};
    bool done = false;
    for (const struct sip_header *h = sip_header_next(m, SIP_H_ROUTE, NULL); h && !done;
         h = sip_header_next(m, SIP_H_ROUTE, h)) {
        struct cursor values = cursor_over(h->value);
        do {
            enum rule rule = take_route(r, &values, set, &done);
            if (rule != RULE_OK)
                return rule;
        } while (!done && cursor_accept(&values, ','));
    }
    return RULE_OK;
}

/* --- the target --- */

static enum rule to_domain(const struct route *route, struct target *target)
{
    if (!route || !route->has_next)
        return RULE_SIP_ROUTE;
    target->kind = TARGET_HOP;
    target->count = 1;
    target->to[0].hop = route->next;
    struct sip_uri uri;
    if (route->next.transport == SIP_TLS && sip_uri_parse(route->next_uri, &uri) == RULE_OK)
        target->to[0].host = uri.host;
    return RULE_OK;
}

/* An address that the sender wrote. */
static bool to_address(const struct sip_uri *uri, struct target *target)
{
    if (!hop_of_uri(uri, &target->to[0].hop))
        return false;
    target->kind = TARGET_HOP;
    target->count = 1;
    target->chosen_by_sender = true;
    return true;
}

/* An address for TLS is followed where a route leads there anyway, since only the route says whose it is: other proxies
 * write their address into Record-Route, where a certificate has a name. */
static bool to_route_over_tls(const struct routing *r, const struct sip_uri *uri, struct target *target)
{
    struct hop hop = {.transport = SIP_TLS};
    if (uri->scheme != SIP_SCHEME_SIP || sip_uri_transport(uri) != SIP_TLS ||
        !address_of_host(uri->host, port_of(uri), &hop.address, &hop.address_len))
        return false;
    for (size_t i = 0; i < r->route_count; i++)
        if (r->route[i].has_next && hop_equal(&r->route[i].next, &hop))
            return to_domain(&r->route[i], target) == RULE_OK;
    return false;
}

static enum rule to_route(const struct routing *r, struct span route, struct target *target)
{
    struct sip_uri uri;
    if (sip_uri_parse(route, &uri) != RULE_OK)
        return RULE_SIP_URI;
    if (to_address(&uri, target) || to_route_over_tls(r, &uri, target))
        return RULE_OK;
    return uri.scheme == SIP_SCHEME_SIP ? to_domain(routing_find(r, uri.host), target) : RULE_SIP_ROUTE;
}

bool routing_path(const struct routing *r, struct span path, struct target_hop *to)
{
    struct target target;
    struct sip_address first;
    struct cursor values = cursor_over(path);
    target.to[0] = (struct target_hop){0};
    if (sip_address_take(&values, &first) != RULE_OK || to_route(r, first.uri, &target) != RULE_OK)
        return false;
    to->hop = target.to[0].hop;
    to->host = target.to[0].host;
    return true;
}

/* --- users --- */

static size_t contacts_of(struct location *location, struct span uri, uint64_t now, struct contact *contact)
{
    uint8_t aor[LOCATION_URI_MAX];
    struct writer w = writer_over(aor, sizeof aor);
    return sip_write_aor_key(&w, uri)
               ? location_find(location, writer_span(&w), now, contact, LOCATION_USER_CONTACTS_MAX)
               : 0;
}

static bool to_contact(const struct routing *r, const struct contact *contact, struct target_hop *to)
{
    *to = (struct target_hop){.hop = contact->hop, .flow = contact->flow, .flow_only = contact->flow_only,
                              .contact = contact->uri, .route = contact->path, .instance = contact->instance,
                              .q = contact->q};
    return contact->path.len == 0 || routing_path(r, contact->path, to);
}

/* All that the user has registered (16.5). */
static enum rule to_user(const struct routing *r, struct location *location, const struct route *route,
                         struct span uri, uint64_t now, struct target *target)
{
    struct contact contact[LOCATION_USER_CONTACTS_MAX];
    size_t count = contacts_of(location, uri, now, contact);
    target->kind = TARGET_HOP;
    for (size_t i = 0; i < count; i++)
        target->count += to_contact(r, &contact[i], &target->to[target->count]);
    if (target->count > 0)
        return RULE_OK;
    target->not_registered = true;
    return route->has_next ? to_domain(route, target) : RULE_SIP_NOT_REGISTERED;
}

/* Whether a URI is the contact that was registered by this flow. Over TLS it may also be the other end of the
 * connection: phones write the one into one message and the other into the next. */
static bool is_by_flow_of(const struct contact *contact, const struct sip_uri *uri)
{
    struct sip_uri registered;
    struct hop hop = {.transport = SIP_TLS};
    if (!contact->flow_only || sip_uri_parse(contact->uri, &registered) != RULE_OK)
        return false;
    if (sip_same_uri(&registered, uri))
        return true;
    if (contact->hop.transport != SIP_TLS || sip_uri_transport(uri) != SIP_TLS)
        return false;
    if (address_of_host(uri->host, port_of(uri), &hop.address, &hop.address_len) && hop_equal(&hop, &contact->hop))
        return true;
    return span_equal_nocase(registered.host, uri->host) && port_of(&registered) == port_of(uri);
}

/* The remote target of a dialog (12.2.1.1), where it is the contact of a user who can be reached by the flow alone by
 * which he registered: an address behind a NAT says nothing here, and nobody can connect to a phone over TLS. */
static bool to_flow_of_user(const struct routing *r, struct location *location, const struct sip_message *m,
                            const struct sip_uri *uri, uint64_t now, struct target *target)
{
    struct sip_uri to;
    struct contact contact[LOCATION_USER_CONTACTS_MAX];
    const struct route *route = sip_uri_parse(m->to.uri, &to) == RULE_OK ? routing_find(r, to.host) : NULL;
    size_t count = route && route->registrar ? contacts_of(location, m->to.uri, now, contact) : 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_by_flow_of(&contact[i], uri))
            continue;
        target->kind = TARGET_HOP;
        target->count = 1;
        to_contact(r, &contact[i], &target->to[0]);
        target->to[0].contact = (struct span){0}; /* the Request-URI stays */
        return true;
    }
    return false;
}

enum rule routing_target(const struct routing *r, struct location *location, const struct sip_message *m,
                         const struct route_set *set, uint64_t now, struct target *target)
{
    struct sip_uri uri;
    *target = (struct target){0};
    if (sip_uri_parse(m->request_uri, &uri) != RULE_OK)
        return RULE_SIP_URI;
    if (uri.scheme != SIP_SCHEME_SIP)
        return RULE_SIP_SCHEME; /* sips asks for TLS on every hop (RFC 5630), which is not there yet */
    if (set->has_next)
        return to_route(r, set->next.uri, target);

    bool self = routing_is_self(r, &uri);
    const struct route *route = routing_find(r, uri.host);
    target->route = route;
    if (route && route->registrar && m->method == SIP_REGISTER) {
        target->kind = TARGET_REGISTRAR;
        return RULE_OK;
    }
    if (self && r->tells_policy && span_equal(uri.user, SPAN("policy"))) {
        target->kind = TARGET_POLICY;
        return RULE_OK;
    }
    if (uri.user.len == 0 && (self || (route && route->registrar))) {
        target->kind = TARGET_SELF;
        return RULE_OK;
    }
    if (route && route->registrar)
        return to_user(r, location, route, m->request_uri, now, target);
    if (!self && set->own > 0 && (to_flow_of_user(r, location, m, &uri, now, target) || to_address(&uri, target)))
        return RULE_OK; /* in a dialog: the remote target (12.2.1.1) */
    return self ? RULE_SIP_ROUTE : to_domain(route, target);
}

size_t routing_local(const struct routing *r, const struct hop *hop)
{
    for (size_t i = 0; i < r->listen_count; i++)
        if (r->listen[i].transport == hop->transport && r->listen[i].address.ss_family == hop->address.ss_family)
            return i;
    return r->listen_count;
}
