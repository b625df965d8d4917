/* One packet taken apart: link layer, IP, UDP or TCP. */
#ifndef SIPSEAL_CAPTURE_PACKET_H
#define SIPSEAL_CAPTURE_PACKET_H

#include "capture/capture.h"

enum packet_result {
    PACKET_DONE,
    PACKET_OTHER,     /* not IP, or no protocol that is understood */
    PACKET_MALFORMED, /* lengths that do not fit */
    PACKET_CUT_OFF,   /* fewer bytes were captured than it says to have */
};

enum { PACKET_TCP = 6, PACKET_UDP = 17 }; /* numbers of protocols */

struct ip_packet {
    struct capture_endpoint from, to; /* without ports */
    uint8_t protocol;                 /* of what `payload` is, or begins */
    bool is_fragment, more;
    uint32_t identification;
    uint32_t offset;                  /* of a fragment's payload, in bytes */
    struct span payload;
};

/* Passes over the link layer. */
enum packet_result packet_take_link(enum capture_link link, struct span bytes, struct span *ip);
/* Reads an IPv4 or IPv6 header with its extension headers. A padded packet loses its padding. */
enum packet_result packet_take_ip(struct span bytes, struct ip_packet *packet);
/* Passes over extension headers of IPv6 that stand in what fragments were put together to. */
enum packet_result packet_take_extensions(struct ip_packet *packet);

enum packet_result packet_take_udp(struct ip_packet *packet, struct span *payload);

struct tcp_segment {
    uint32_t sequence;
    bool syn, fin, reset;
    struct span payload;
};
/* Both write the ports into the packet's endpoints. */
enum packet_result packet_take_tcp(struct ip_packet *packet, struct tcp_segment *segment);

#endif
