/* routes: where requests go by the domain of their Request-URI. */
#include "config/config_reader.h"
#include "config/endpoint.h"

static const struct span every_other_domain = SPAN_INIT("*");

static bool read_domain(struct yaml_value v, struct span *domain)
{
    const char *text;
    if (!yaml_text(v, HOST_TEXT_MAX, &text))
        return false;
    if (span_equal(span_text(text), every_other_domain)) {
        *domain = every_other_domain;
        return true;
    }
    return read_host(v, domain);
}

static void read_allow(struct yaml_value v, struct route *route)
{
    size_t count = yaml_list_count(v, CONFIG_ALLOW_MAX);
    for (size_t i = 0; i < count; i++) {
        struct yaml_value item = yaml_item(v, i);
        const char *text;
        if (!yaml_text(item, CONFIG_URI_MAX, &text))
            continue;
        const char *problem = endpoint_read_block(text, &route->allow[route->allow_count]);
        if (problem)
            yaml_fault(item, "\"%s\" %s", text, problem);
        else
            route->allow_count++;
    }
}

static void read_registrar(struct yaml_value v, struct route *route)
{
    struct yaml_map m = yaml_map_of(v);
    route->registrar = yaml_given(v);
    read_allow(yaml_key(&m, "allow", YAML_OPTIONAL), route);
    yaml_map_end(&m);
}

/* From which kinds of address a request can leave over a transport. */
static struct endpoint_kinds kinds_of(const struct config *c, enum sip_transport transport)
{
    struct endpoint_kinds kinds = {false, false};
    for (size_t i = 0; i < c->listen_count; i++) {
        if (c->listen[i].transport != transport)
            continue;
        kinds.ipv4 = kinds.ipv4 || c->listen[i].address.ss_family == AF_INET;
        kinds.ipv6 = kinds.ipv6 || c->listen[i].address.ss_family == AF_INET6;
    }
    return kinds;
}

static void read_next(struct config_reader *r, struct yaml_value v, struct route *route)
{
    struct endpoint_next next;
    const char *text;
    route->has_next = yaml_given(v);
    if (!yaml_text(v, CONFIG_URI_MAX, &text))
        return;
    route->next_uri = span_text(text);
    const char *problem = endpoint_read_next(text, &next);
    if (!problem)
        problem = endpoint_resolve(&next, kinds_of(r->config, next.transport), r->look_outside, &route->next);
    if (problem)
        yaml_fault(v, "\"%s\" %s", text, problem);
}

/* A request leaves from a listening socket of the same transport and kind of address, so that answers find back. */
static void check_next(struct config_reader *r, struct yaml_value v, const struct route *route)
{
    const struct config *c = r->config;
    bool ipv6 = route->next.address.ss_family == AF_INET6;
    struct endpoint_kinds kinds = kinds_of(c, route->next.transport);
    if (route->next.address_len == 0 || c->listen_count == 0)
        return;
    for (size_t i = 0; i < c->listen_count; i++)
        if (endpoint_same(&c->listen[i], &route->next)) {
            yaml_fault(v, "leads back to this server, which listens there; name the next server");
            return;
        }
    if (ipv6 ? !kinds.ipv6 : !kinds.ipv4)
        yaml_fault(v, "no entry of server.listen has its transport and kind of address (%s over %s); add one",
                   sip_transport_name(route->next.transport), ipv6 ? "IPv6" : "IPv4");
}

static void check_is_new(struct config_reader *r, struct yaml_value v, struct span domain)
{
    for (size_t i = 0; i < r->config->route_count; i++)
        if (span_equal(r->config->route[i].domain, domain)) {
            yaml_fault(v, "\"%.*s\" has a route already; remove one of them", SPAN_ARGS(domain));
            return;
        }
}

static void read_route(struct config_reader *r, struct yaml_value v)
{
    struct route *route = &r->config->route[r->config->route_count];
    struct yaml_map m = yaml_map_of(v);
    struct yaml_value domain = yaml_key(&m, "domain", YAML_REQUIRED);
    struct yaml_value registrar = yaml_key(&m, "registrar", YAML_OPTIONAL);
    struct yaml_value next = yaml_key(&m, "next", YAML_OPTIONAL);
    struct yaml_value record_route = yaml_key(&m, "record_route", YAML_OPTIONAL);
    bool named = read_domain(domain, &route->domain);
    read_registrar(registrar, route);
    read_next(r, next, route);
    route->record_route = true;
    yaml_boolean(record_route, &route->record_route);
    yaml_map_end(&m);
    if (!m.usable)
        return;
    check_next(r, next, route);
    if (route->registrar == route->has_next)
        yaml_fault(v, route->registrar ? "has both registrar and next; keep one of them"
                                       : "has neither registrar nor next; add one of them");
    if (route->registrar && span_equal(route->domain, every_other_domain))
        yaml_fault(registrar, "users cannot be registered for every other domain; name the domain");
    if (named)
        check_is_new(r, domain, route->domain);
    r->config->route_count++;
}

void read_routes(struct config_reader *r, struct yaml_value v)
{
    size_t count = yaml_list_count(v, CONFIG_ROUTES_MAX);
    for (size_t i = 0; i < count; i++)
        read_route(r, yaml_item(v, i));
    if (yaml_given(v) && r->config->route_count == 0 && yaml_faultless(&r->file))
        yaml_fault(v, "is empty; write where requests go, as in [{domain: \"*\", next: \"sip:proxy2.example\"}]");
}

static bool is_own_domain(const struct policy *p, struct span domain)
{
    for (size_t i = 0; i < p->domain_count; i++)
        if (span_equal(p->domain[i], domain))
            return true;
    return false;
}

/* The domains with a registrar are the server's own, as those of server.domains are. */
void check_routes(struct config_reader *r)
{
    struct policy *p = &r->config->policy;
    for (size_t i = 0; i < r->config->route_count; i++) {
        const struct route *route = &r->config->route[i];
        if (!route->registrar || is_own_domain(p, route->domain))
            continue;
        if (p->domain_count == POLICY_DOMAINS_MAX) {
            yaml_fault_at(&r->file, 1, 1, "routes", "there are more than %d own domains; serve fewer here",
                          POLICY_DOMAINS_MAX);
            return;
        }
        p->domain[p->domain_count++] = route->domain;
    }
}
