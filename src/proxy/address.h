/* Socket addresses as SIP writes them. Only numeric hosts: names are resolved when the configuration is read. */
#ifndef SIPSEAL_PROXY_ADDRESS_H
#define SIPSEAL_PROXY_ADDRESS_H

#include "config/config.h"
#include "sipseal/bytes.h"

enum {
    ADDRESS_TEXT_MAX = 48, /* bytes of a numeric host; brackets, colon and port are 8 more at most */
    SIP_PORT = 5060,       /* RFC 3261 19.1.2 */
    SIPS_PORT = 5061,      /* of TLS */
};

/* Reads a numeric host without brackets ("192.0.2.1", "2001:db8::1") and a port; false for anything else. */
bool address_of_host(struct span host, uint16_t port, struct sockaddr_storage *address, socklen_t *len);

uint16_t address_port(const struct sockaddr_storage *address);
bool address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
bool address_is_wildcard(const struct sockaddr_storage *address);
bool address_is_loopback(const struct sockaddr_storage *address);
/* Whether other hosts elsewhere have the same address: RFC 1918, RFC 6598 (shared), RFC 4193 (unique local), link-local and
 * loopback. */
bool address_is_private(const struct sockaddr_storage *address);
/* Whether one host can be meant: no wildcard, no multicast, no broadcast, no "this network", no port 0. */
bool address_is_unicast(const struct sockaddr_storage *address);

/* An IPv4-mapped IPv6 address becomes the IPv4 address that it stands for; others stay. */
void address_unmap(struct sockaddr_storage *address, socklen_t *len);

/* "192.0.2.1", "2001:db8::1". */
void address_write_host(struct writer *w, const struct sockaddr_storage *address);

/* Transport, host and port are the same. */
bool hop_equal(const struct hop *a, const struct hop *b);

#endif
