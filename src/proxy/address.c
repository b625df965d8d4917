#include "proxy/address.h"

#include <arpa/inet.h>

static const struct sockaddr_in *as_v4(const struct sockaddr_storage *address)
{
    return (const struct sockaddr_in *)(const void *)address;
}

static const struct sockaddr_in6 *as_v6(const struct sockaddr_storage *address)
{
    return (const struct sockaddr_in6 *)(const void *)address;
}

static void set_v4(struct sockaddr_storage *address, socklen_t *len, struct in_addr host, uint16_t port_network)
{
    const struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port_network, .sin_addr = host};
    memset(address, 0, sizeof *address);
    memcpy(address, &v4, sizeof v4);
    *len = sizeof v4;
}

bool address_of_host(struct span host, uint16_t port, struct sockaddr_storage *address, socklen_t *len)
{
    char text[ADDRESS_TEXT_MAX];
    if (host.len == 0 || host.len >= sizeof text || span_find(host, '\0') < host.len)
        return false;
    memcpy(text, host.at, host.len);
    text[host.len] = '\0';
    struct in_addr v4;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        set_v4(address, len, v4, htons(port));
        return true;
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
        return false;
    memset(address, 0, sizeof *address);
    memcpy(address, &v6, sizeof v6);
    *len = sizeof v6;
    return true;
}

uint16_t address_port(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return ntohs(as_v4(address)->sin_port);
    return address->ss_family == AF_INET6 ? ntohs(as_v6(address)->sin6_port) : 0;
}

/* The bytes that name the host; empty for a family that is not IP. */
static struct span host_bytes(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return span_of(&as_v4(address)->sin_addr, sizeof(struct in_addr));
    if (address->ss_family == AF_INET6)
        return span_of(&as_v6(address)->sin6_addr, sizeof(struct in6_addr));
    return (struct span){0};
}

bool address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    return a->ss_family == b->ss_family && host_bytes(a).len > 0 && span_equal(host_bytes(a), host_bytes(b));
}

bool address_is_wildcard(const struct sockaddr_storage *address)
{
    struct span host = host_bytes(address);
    for (size_t i = 0; i < host.len; i++)
        if (host.at[i] != 0)
            return false;
    return host.len > 0;
}

bool address_is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return ntohl(as_v4(address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&as_v6(address)->sin6_addr);
}

static bool is_private_v4(in_addr_t host)
{
    return host >> 24 == 10 || host >> 20 == (172 << 4 | 1) || host >> 16 == (192 << 8 | 168) ||
           host >> 22 == (100 << 2 | 1) || host >> 16 == (169 << 8 | 254) || host >> 24 == IN_LOOPBACKNET;
}

bool address_is_private(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return is_private_v4(ntohl(as_v4(address)->sin_addr.s_addr));
    if (address->ss_family != AF_INET6)
        return false;
    const struct in6_addr *host = &as_v6(address)->sin6_addr;
    return (host->s6_addr[0] & 0xfe) == 0xfc || IN6_IS_ADDR_LINKLOCAL(host) || IN6_IS_ADDR_LOOPBACK(host);
}

bool address_is_unicast(const struct sockaddr_storage *address)
{
    if (address_port(address) == 0 || address_is_wildcard(address))
        return false;
    if (address->ss_family == AF_INET6)
        return !IN6_IS_ADDR_MULTICAST(&as_v6(address)->sin6_addr) && !IN6_IS_ADDR_V4MAPPED(&as_v6(address)->sin6_addr);
    in_addr_t host = address->ss_family == AF_INET ? ntohl(as_v4(address)->sin_addr.s_addr) : 0;
    return host >> 24 != 0 && host < INADDR_UNSPEC_GROUP; /* 224.0.0.0 and all above */
}

void address_unmap(struct sockaddr_storage *address, socklen_t *len)
{
    if (address->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&as_v6(address)->sin6_addr))
        return;
    struct in_addr host;
    memcpy(&host, as_v6(address)->sin6_addr.s6_addr + 12, sizeof host);
    set_v4(address, len, host, as_v6(address)->sin6_port);
}

void address_write_host(struct writer *w, const struct sockaddr_storage *address)
{
    char text[INET6_ADDRSTRLEN];
    struct span host = host_bytes(address);
    if (host.len && inet_ntop(address->ss_family, host.at, text, sizeof text))
        writer_text(w, text);
}

bool hop_equal(const struct hop *a, const struct hop *b)
{
    return a->transport == b->transport && address_same_host(&a->address, &b->address) &&
           address_port(&a->address) == address_port(&b->address);
}
