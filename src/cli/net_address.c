#include "cli/net_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

#include "tls/tls.h"

static struct sockaddr_in *as_ipv4(const struct net_place *place)
{
    return (struct sockaddr_in *)(void *)&((struct net_place *)(uintptr_t)place)->address;
}

static struct sockaddr_in6 *as_ipv6(const struct net_place *place)
{
    return (struct sockaddr_in6 *)(void *)&((struct net_place *)(uintptr_t)place)->address;
}

uint16_t net_port(const struct net_place *place)
{
    if (place->address.ss_family == AF_INET6)
        return ntohs(as_ipv6(place)->sin6_port);
    return place->address.ss_family == AF_INET ? ntohs(as_ipv4(place)->sin_port) : 0;
}

void net_set_port(struct net_place *place, uint16_t port)
{
    if (place->address.ss_family == AF_INET6)
        as_ipv6(place)->sin6_port = htons(port);
    else
        as_ipv4(place)->sin_port = htons(port);
}

bool net_is_wildcard(const struct net_place *place)
{
    if (place->address.ss_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&as_ipv6(place)->sin6_addr);
    return as_ipv4(place)->sin_addr.s_addr == htonl(INADDR_ANY);
}

bool net_same_address(const struct net_place *a, const struct net_place *b)
{
    if (a->address.ss_family != b->address.ss_family || net_port(a) != net_port(b))
        return false;
    if (a->address.ss_family == AF_INET6)
        return memcmp(&as_ipv6(a)->sin6_addr, &as_ipv6(b)->sin6_addr, sizeof(struct in6_addr)) == 0 &&
               as_ipv6(a)->sin6_scope_id == as_ipv6(b)->sin6_scope_id;
    return as_ipv4(a)->sin_addr.s_addr == as_ipv4(b)->sin_addr.s_addr;
}

const char *net_host_text(const struct net_place *place, char out[NET_ADDRESS_TEXT_MAX])
{
    struct in_addr mapped;
    out[0] = 0;
    if (place->address.ss_family != AF_INET6) {
        inet_ntop(AF_INET, &as_ipv4(place)->sin_addr, out, NET_ADDRESS_TEXT_MAX);
    } else if (IN6_IS_ADDR_V4MAPPED(&as_ipv6(place)->sin6_addr)) {
        memcpy(&mapped, &as_ipv6(place)->sin6_addr.s6_addr[12], sizeof mapped);
        inet_ntop(AF_INET, &mapped, out, NET_ADDRESS_TEXT_MAX);
    } else {
        inet_ntop(AF_INET6, &as_ipv6(place)->sin6_addr, out, NET_ADDRESS_TEXT_MAX);
    }
    return out;
}

const char *net_place_text(const struct net_place *place, char out[NET_ADDRESS_TEXT_MAX])
{
    char host[NET_ADDRESS_TEXT_MAX];
    net_host_text(place, host);
    snprintf(out, NET_ADDRESS_TEXT_MAX, strchr(host, ':') ? "[%.47s]:%u" : "%.47s:%u", host, (unsigned)net_port(place));
    return out;
}

/* Takes the first address that the resolver gives. */
static bool look_up(const char *host, uint16_t port, int flags, struct net_place *place)
{
    const struct addrinfo hints = {.ai_flags = flags, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, NULL, &hints, &found) != 0 || !found)
        return false;
    bool fits = (found->ai_family == AF_INET || found->ai_family == AF_INET6) &&
                found->ai_addrlen <= sizeof place->address;
    if (fits) {
        memcpy(&place->address, found->ai_addr, found->ai_addrlen);
        place->len = found->ai_addrlen;
        net_set_port(place, port);
    }
    freeaddrinfo(found);
    return fits;
}

bool net_place_of_uri(struct span uri, struct net_place *place, const char **problem)
{
    struct sip_uri parsed;

    *place = (struct net_place){0};
    *problem = "is not a sip: URI";
    if (sip_uri_parse(uri, &parsed) != RULE_OK || parsed.scheme == SIP_SCHEME_TEL ||
        parsed.scheme == SIP_SCHEME_OTHER || parsed.host.len == 0 || parsed.host.len >= sizeof place->host)
        return false;
    place->transport = sip_uri_transport(&parsed);
    if (place->transport == SIP_TRANSPORT_NONE && parsed.port == TLS_PORT)
        place->transport = SIP_TLS;
    *problem = parsed.scheme == SIP_SCHEME_SIPS
                   ? "asks for TLS all the way, which is not supported (write sip: and ;transport=tls for this one hop)"
                   : "asks for a transport that is not supported (udp, tcp and tls are)";
    if (parsed.scheme == SIP_SCHEME_SIPS || place->transport == SIP_TRANSPORT_OTHER)
        return false;
    uint16_t port = place->transport == SIP_TLS ? TLS_PORT : NET_PORT_DEFAULT;
    snprintf(place->host, sizeof place->host, "%.*s", SPAN_ARGS(parsed.host));
    *problem = "has a host whose address cannot be found";
    int flags = parsed.host_is_ipv4 || parsed.host_is_ipv6 ? AI_NUMERICHOST : AI_ADDRCONFIG;
    return look_up(place->host, parsed.port ? parsed.port : port, flags, place);
}

bool net_place_of_text(struct span text, uint16_t port, struct net_place *place)
{
    char host[NET_ADDRESS_TEXT_MAX];
    uint32_t given = port;
    size_t colon = span_find(text, ':');
    struct span name = text, rest = SPAN("");

    *place = (struct net_place){0};
    if (text.len > 0 && text.at[0] == '[') {
        size_t close = span_find(text, ']');
        if (close == text.len)
            return false;
        name = span_part(text, 1, close - 1);
        rest = span_part(text, close + 1, text.len);
    } else if (colon < text.len && span_find(span_part(text, colon + 1, text.len), ':') == text.len - colon - 1) {
        name = span_part(text, 0, colon);
        rest = span_part(text, colon, text.len);
    }
    if (rest.len > 0 && (rest.at[0] != ':' || !span_decimal(span_part(rest, 1, rest.len), 65535, &given)))
        return false;
    if (name.len == 0 || name.len >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", SPAN_ARGS(name));
    return look_up(host, (uint16_t)given, AI_NUMERICHOST, place);
}

bool net_facing(const struct net_place *peer, struct net_place *local)
{
    /* Connecting a datagram socket sends nothing, and makes the system choose the address. */
    int fd = socket(peer->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    *local = (struct net_place){.transport = peer->transport, .len = sizeof local->address};
    bool known = fd >= 0 && connect(fd, (const struct sockaddr *)&peer->address, peer->len) == 0 &&
                 getsockname(fd, (struct sockaddr *)&local->address, &local->len) == 0;
    if (fd >= 0)
        close(fd);
    if (known)
        net_set_port(local, 0);
    return known;
}
