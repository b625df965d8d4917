/* Where to send and where to listen: URIs and addresses to sockets' addresses, and back. */
#ifndef SIPSEAL_CLI_NET_ADDRESS_H
#define SIPSEAL_CLI_NET_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "sipseal/bytes.h"
#include "sipseal/sip_uri.h"

enum { NET_PORT_DEFAULT = 5060, NET_ADDRESS_TEXT_MAX = 64, NET_HOST_MAX = 255 };

struct net_place {
    enum sip_transport transport; /* SIP_UDP, SIP_TCP or SIP_TLS */
    struct sockaddr_storage address;
    socklen_t len;
    char host[NET_HOST_MAX + 1]; /* as the URI names it, where there was one: whom a server over TLS must prove to be */
};

/* The place that a sip: URI names: its host, looked up as an address (A, AAAA) when it is a name; its port, else 5060
 * (TLS: 5061); its transport, else TLS for port 5061, else SIP_TRANSPORT_NONE, which is for the caller to choose. On
 * failure `*problem` is a sentence. */
bool net_place_of_uri(struct span uri, struct net_place *place, const char **problem);

/* "127.0.0.1:5060", "[::1]:0": numeric only, the port may be left out for `port`. */
bool net_place_of_text(struct span text, uint16_t port, struct net_place *place);

uint16_t net_port(const struct net_place *place);
void net_set_port(struct net_place *place, uint16_t port);
bool net_is_wildcard(const struct net_place *place);
bool net_same_address(const struct net_place *a, const struct net_place *b); /* host and port */

/* "192.0.2.1:5060", "[2001:db8::1]:5060"; the host alone, without brackets. Both with a NUL. An IPv4-mapped IPv6
 * address is written as IPv4. */
const char *net_place_text(const struct net_place *place, char out[NET_ADDRESS_TEXT_MAX]);
const char *net_host_text(const struct net_place *place, char out[NET_ADDRESS_TEXT_MAX]);

/* One's own address as the peer sees it, as far as this machine knows: that of the route to the peer. The port is 0. */
bool net_facing(const struct net_place *peer, struct net_place *local);

#endif
