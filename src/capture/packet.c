#include "capture/packet.h"

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_QINQ = 0x88a8,
    VLAN_TAGS_MAX = 4,
    FAMILY_INET = 2,
    IPV4_HEADER_MIN = 20,
    IPV6_HEADER = 40,
    IPV6_EXTENSIONS_MAX = 8,
    UDP_HEADER = 8,
    TCP_HEADER_MIN = 20,
};

/* Extension headers of IPv6 (RFC 8200 4.1). */
enum { EXTENSION_HOP_BY_HOP = 0, EXTENSION_ROUTING = 43, EXTENSION_FRAGMENT = 44, EXTENSION_DESTINATION = 60 };

static bool skip(struct cursor *c, size_t len)
{
    struct span passed;
    return cursor_take(c, len, &passed);
}

/* --- the link layer --- */

static enum packet_result by_ethertype(struct cursor *c, uint16_t type, struct span *ip)
{
    for (int tags = 0; type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ; tags++)
        if (tags == VLAN_TAGS_MAX || !skip(c, 2) || !cursor_u16(c, &type))
            return PACKET_MALFORMED;
    *ip = cursor_rest(c);
    return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? PACKET_DONE : PACKET_OTHER;
}

/* Whether a family number, in either order of its bytes, is one of an IP family; those of IPv6 differ between systems. */
static bool is_ip_family(uint32_t family)
{
    static const uint32_t families[] = {FAMILY_INET, 10, 24, 28, 30};
    uint32_t turned = family >> 24 | (family >> 8 & 0xff00) | (family << 8 & 0xff0000) | family << 24;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (family == families[i] || turned == families[i])
            return true;
    return false;
}

enum packet_result packet_take_link(enum capture_link link, struct span bytes, struct span *ip)
{
    struct cursor c = cursor_over(bytes);
    uint16_t type;
    uint32_t family;
    switch (link) {
    case CAPTURE_RAW:
        *ip = bytes;
        return bytes.len ? PACKET_DONE : PACKET_MALFORMED;
    case CAPTURE_NULL:
        if (!cursor_u32(&c, &family))
            return PACKET_MALFORMED;
        *ip = cursor_rest(&c);
        return is_ip_family(family) ? PACKET_DONE : PACKET_OTHER;
    case CAPTURE_ETHERNET: /* two addresses of 6 bytes */
        return skip(&c, 12) && cursor_u16(&c, &type) ? by_ethertype(&c, type, ip) : PACKET_MALFORMED;
    case CAPTURE_SLL: /* kind, hardware, length and 8 bytes of address */
        return skip(&c, 14) && cursor_u16(&c, &type) ? by_ethertype(&c, type, ip) : PACKET_MALFORMED;
    case CAPTURE_SLL2: /* the protocol comes first */
        return cursor_u16(&c, &type) && skip(&c, 18) ? by_ethertype(&c, type, ip) : PACKET_MALFORMED;
    }
    return PACKET_OTHER;
}

/* --- IP --- */

static bool take_address(struct cursor *c, size_t len, struct capture_endpoint *endpoint)
{
    struct span address;
    if (!cursor_take(c, len, &address))
        return false;
    *endpoint = (struct capture_endpoint){.is_ipv6 = len == sizeof endpoint->address};
    memcpy(endpoint->address, address.at, len);
    return true;
}

/* What the packet says to have after its header; it may have been padded, or cut off. */
static enum packet_result take_payload(struct cursor *c, size_t len, struct span *payload)
{
    if (cursor_left(c) < len) {
        *payload = cursor_rest(c);
        return PACKET_CUT_OFF;
    }
    cursor_take(c, len, payload); /* all of it is there */
    return PACKET_DONE;
}

static enum packet_result take_ipv4(struct span bytes, struct ip_packet *p)
{
    struct cursor c = cursor_over(bytes);
    uint8_t version_and_length;
    uint16_t total, identification, flags_and_offset;
    if (!cursor_u8(&c, &version_and_length) || !skip(&c, 1) || !cursor_u16(&c, &total) ||
        !cursor_u16(&c, &identification) || !cursor_u16(&c, &flags_and_offset) || !skip(&c, 1) ||
        !cursor_u8(&c, &p->protocol) || !skip(&c, 2) || !take_address(&c, 4, &p->from) || !take_address(&c, 4, &p->to))
        return PACKET_MALFORMED;
    size_t header = (size_t)(version_and_length & 0x0f) * 4;
    if (header < IPV4_HEADER_MIN || !skip(&c, header - IPV4_HEADER_MIN))
        return PACKET_MALFORMED;
    if (total == 0) /* segmentation offload: the capture has the whole of it */
        total = (uint16_t)(bytes.len > UINT16_MAX ? UINT16_MAX : bytes.len);
    if (total < header)
        return PACKET_MALFORMED;
    p->identification = identification;
    p->more = flags_and_offset & 0x2000;
    p->offset = (uint32_t)(flags_and_offset & 0x1fff) * 8;
    p->is_fragment = p->more || p->offset > 0;
    return take_payload(&c, total - header, &p->payload);
}

static bool take_fragment_header(struct cursor *c, struct ip_packet *p)
{
    uint8_t next;
    uint16_t offset_and_more;
    if (!cursor_u8(c, &next) || !skip(c, 1) || !cursor_u16(c, &offset_and_more) || !cursor_u32(c, &p->identification))
        return false;
    p->protocol = next;
    p->more = offset_and_more & 1;
    p->offset = offset_and_more & 0xfff8;
    p->is_fragment = p->more || p->offset > 0;
    return true;
}

static bool take_other_extension(struct cursor *c, struct ip_packet *p)
{
    uint8_t next, length;
    if (!cursor_u8(c, &next) || !cursor_u8(c, &length) || !skip(c, (size_t)length * 8 + 6))
        return false;
    p->protocol = next;
    return true;
}

enum packet_result packet_take_extensions(struct ip_packet *p)
{
    struct cursor c = cursor_over(p->payload);
    for (int i = 0; i <= IPV6_EXTENSIONS_MAX && !p->is_fragment; i++) {
        bool fragment = p->protocol == EXTENSION_FRAGMENT;
        if (!fragment && p->protocol != EXTENSION_HOP_BY_HOP && p->protocol != EXTENSION_ROUTING &&
            p->protocol != EXTENSION_DESTINATION)
            return PACKET_DONE;
        if (!(fragment ? take_fragment_header(&c, p) : take_other_extension(&c, p)))
            return PACKET_MALFORMED;
        p->payload = cursor_rest(&c);
    }
    return p->is_fragment ? PACKET_DONE : PACKET_MALFORMED;
}

static enum packet_result take_ipv6(struct span bytes, struct ip_packet *p)
{
    struct cursor c = cursor_over(bytes);
    uint16_t length;
    if (!skip(&c, 4) || !cursor_u16(&c, &length) || !cursor_u8(&c, &p->protocol) || !skip(&c, 1) ||
        !take_address(&c, 16, &p->from) || !take_address(&c, 16, &p->to))
        return PACKET_MALFORMED;
    size_t total = length ? length : cursor_left(&c); /* jumbo, or segmentation offload */
    enum packet_result result = take_payload(&c, total, &p->payload);
    enum packet_result extensions = packet_take_extensions(p);
    return extensions == PACKET_DONE ? result : extensions;
}

enum packet_result packet_take_ip(struct span bytes, struct ip_packet *p)
{
    *p = (struct ip_packet){0};
    if (bytes.len == 0)
        return PACKET_MALFORMED;
    switch (bytes.at[0] >> 4) {
    case 4:
        return take_ipv4(bytes, p);
    case 6:
        return take_ipv6(bytes, p);
    default:
        return PACKET_OTHER;
    }
}

/* --- UDP and TCP --- */

enum packet_result packet_take_udp(struct ip_packet *p, struct span *payload)
{
    struct cursor c = cursor_over(p->payload);
    uint16_t length;
    if (!cursor_u16(&c, &p->from.port) || !cursor_u16(&c, &p->to.port) || !cursor_u16(&c, &length) || !skip(&c, 2) ||
        length < UDP_HEADER)
        return PACKET_MALFORMED;
    return take_payload(&c, (size_t)length - UDP_HEADER, payload);
}

enum packet_result packet_take_tcp(struct ip_packet *p, struct tcp_segment *s)
{
    enum { FIN = 1, SYN = 2, RST = 4 };
    struct cursor c = cursor_over(p->payload);
    uint8_t offset, flags;
    if (!cursor_u16(&c, &p->from.port) || !cursor_u16(&c, &p->to.port) || !cursor_u32(&c, &s->sequence) ||
        !skip(&c, 4) || !cursor_u8(&c, &offset) || !cursor_u8(&c, &flags) || !skip(&c, 6))
        return PACKET_MALFORMED;
    size_t header = (size_t)(offset >> 4) * 4;
    if (header < TCP_HEADER_MIN || !skip(&c, header - TCP_HEADER_MIN))
        return PACKET_MALFORMED;
    s->fin = flags & FIN;
    s->syn = flags & SYN;
    s->reset = flags & RST;
    s->payload = cursor_rest(&c);
    return PACKET_DONE;
}
