/* SIP messages out of captured packets, without input or output: packets go in, messages come out. For whoever looks at
 * what passed (sipseal inspect), never on the path of a message.
 *
 * Understood: the link layers of enum capture_link, VLAN tags, IPv4 and IPv6 with their fragments, UDP, and TCP with
 * what came late, twice or out of order. A TCP stream is joined at its beginning, or where a segment begins like a
 * SIP message. Checksums are not looked at: network cards fill them in after the capture.
 *
 * Everything that a stranger's capture can make grow has a limit, and what is lost by it is counted. */
#ifndef SIPSEAL_CAPTURE_CAPTURE_H
#define SIPSEAL_CAPTURE_CAPTURE_H

#include "sipseal/bytes.h"
#include "sipseal/rule.h"
#include "sipseal/sip_message.h"

enum {
    CAPTURE_DATAGRAM_MAX = 65535,    /* bytes of an IP datagram put together from fragments */
    CAPTURE_DATAGRAMS_MAX = 64,      /* datagrams of which fragments are missing; the oldest gives way */
    CAPTURE_FRAGMENTS_MAX = 128,     /* fragments of one datagram */
    CAPTURE_FRAGMENT_SECONDS = 60,   /* how long a datagram waits for its fragments (RFC 8200 4.5) */
    CAPTURE_STREAMS_MAX = 1024,      /* directions of TCP connections; the one silent for longest gives way */
    CAPTURE_SEGMENTS_MAX = 256,      /* segments of one direction that came before their turn */
    CAPTURE_STREAM_BYTES_MAX = 2 * SIP_MESSAGE_MAX, /* of one direction, not yet framed; the same before their turn */
};

enum capture_link {
    CAPTURE_ETHERNET,
    CAPTURE_RAW,      /* IPv4 or IPv6, told apart by its first four bits */
    CAPTURE_NULL,     /* four bytes of address family, of the host that captured, or in network order */
    CAPTURE_SLL,      /* Linux cooked capture */
    CAPTURE_SLL2,
};

struct capture_endpoint {
    bool is_ipv6;
    uint8_t address[16]; /* IPv4: the first four, the rest zero */
    uint16_t port;
};
bool capture_same_endpoint(const struct capture_endpoint *a, const struct capture_endpoint *b);

struct capture_packet {
    struct span bytes; /* as captured; may be cut off */
    int64_t seconds;
    uint32_t microseconds;
};

struct capture_message {
    struct span bytes;    /* until the next call of capture_packet or capture_next */
    enum sip_framing framing;
    enum rule broken;     /* RULE_OK; else: a stream could not be read on at these bytes, which may be none */
    struct capture_endpoint from, to;
    int64_t seconds;      /* of the packet that completed it */
    uint32_t microseconds;
};

struct capture_counters {
    uint64_t packets;
    uint64_t not_ip;             /* or nothing that is understood */
    uint64_t malformed;          /* lengths that do not fit */
    uint64_t cut_off;            /* captured with fewer bytes than they had, and needed whole */
    uint64_t not_sip;            /* UDP datagrams with something else; what TCP carries is told in streams_not_sip */
    uint64_t fragments_lost;     /* datagrams that were never whole, or whose fragments overlapped (RFC 5722) */
    uint64_t streams_not_sip;    /* directions that began with something else */
    uint64_t streams_tls;        /* of these: that began with TLS */
    uint64_t streams_lost;       /* holes that were passed over, directions that gave way or end within a message */
};

struct capture;

/* Null when there is no memory. */
struct capture *capture_new(enum capture_link link);
/* Null may be freed. */
void capture_free(struct capture *c);

/* Takes a packet. Drain capture_next before the next one. */
void capture_packet(struct capture *c, const struct capture_packet *packet);
/* After the last packet: what was still waited for will not come. Drain capture_next again. */
void capture_end(struct capture *c);

/* The next message; false when there is none. What begins like a SIP message is one, however broken the rest. */
bool capture_next(struct capture *c, struct capture_message *message);

const struct capture_counters *capture_counters(const struct capture *c);

#endif
