/* Where to listen, where to send, and from where: as a configuration writes them.
 *
 * Each reader returns null when it set its result, else what is wrong and what to do, as "problem; what to do". */
#ifndef SIPSEAL_CONFIG_ENDPOINT_H
#define SIPSEAL_CONFIG_ENDPOINT_H

#include "config/config.h"

/* "udp://127.0.0.1:5060", "tcp://[::1]:5060". "tls://...". The host is an address; the port is 5060 when there
 * is none, 5061 for TLS, and 0 lets the system choose. */
const char *endpoint_read_listen(const char *text, struct hop *hop);

/* "127.0.0.1:9464", "[::1]:9464": a number and a port. The transport is left to the caller. */
const char *endpoint_read_address(const char *text, struct hop *hop);
/* Whether nobody but this machine reaches it: 127.0.0.0/8, ::1. */
bool endpoint_is_loopback(const struct hop *hop);

/* "192.0.2.0/24", "2001:db8::/32", or one address. */
const char *endpoint_read_block(const char *text, struct address_block *block);

/* "sip:proxy2.example:5060;transport=tcp": UDP and port 5060 (TLS: 5061) unless the URI says otherwise. The host
 * is read by endpoint_resolve. */
struct endpoint_next {
    enum sip_transport transport;
    char host[256];
    uint16_t port;
};
const char *endpoint_read_next(const char *text, struct endpoint_next *next);

/* Its address: a number as it stands, a name by asking the system's resolver. Of its answers the first counts that is
 * of a kind from which one can send, else the first. Names are asked for only where `ask`. */
struct endpoint_kinds {
    bool ipv4, ipv6;
};
const char *endpoint_resolve(const struct endpoint_next *next, struct endpoint_kinds kinds, bool ask,
                             struct hop *hop);

/* A host name (RFC 1123 2.1) or an address, as it may stand as the host of a SIP URI; IPv6 in brackets. */
bool endpoint_is_host(struct span text);

/* Whether they are one place, by the same transport. */
bool endpoint_same(const struct hop *a, const struct hop *b);

#endif
