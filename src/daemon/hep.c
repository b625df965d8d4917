#include "daemon/hep.h"

#include <netinet/in.h>

enum {
    CHUNK_FAMILY = 1,
    CHUNK_PROTOCOL = 2,
    CHUNK_IPV4_SOURCE = 3,
    CHUNK_IPV4_DESTINATION = 4,
    CHUNK_IPV6_SOURCE = 5,
    CHUNK_IPV6_DESTINATION = 6,
    CHUNK_SOURCE_PORT = 7,
    CHUNK_DESTINATION_PORT = 8,
    CHUNK_SECONDS = 9,
    CHUNK_MICROSECONDS = 10,
    CHUNK_TYPE = 11,
    CHUNK_ID = 12,
    CHUNK_PASSWORD = 14,
    CHUNK_PAYLOAD = 15,
    CHUNK_CORRELATION = 17,
    CHUNK_HEAD = 6, /* bytes */

    FAMILY_IPV4 = 2, /* as HEP numbers them, whatever they are here */
    FAMILY_IPV6 = 10,
    TYPE_SIP = 1,
    LENGTH_AT = 4,
};

static void begin_chunk(struct writer *w, unsigned type, size_t len)
{
    writer_u16(w, 0); /* the vendor of the generic chunks */
    writer_u16(w, (uint16_t)type);
    writer_u16(w, (uint16_t)(CHUNK_HEAD + len));
}

static void chunk_bytes(struct writer *w, unsigned type, struct span bytes)
{
    begin_chunk(w, type, bytes.len);
    writer_put(w, bytes);
}

static void chunk_u8(struct writer *w, unsigned type, uint8_t value)
{
    begin_chunk(w, type, 1);
    writer_u8(w, value);
}

static void chunk_u16(struct writer *w, unsigned type, uint16_t value)
{
    begin_chunk(w, type, 2);
    writer_u16(w, value);
}

static void chunk_u32(struct writer *w, unsigned type, uint32_t value)
{
    begin_chunk(w, type, 4);
    writer_u32(w, value);
}

static void write_ipv4(struct writer *w, const struct hep_packet *p)
{
    struct sockaddr_in source, destination;
    memcpy(&source, &p->source, sizeof source);
    memcpy(&destination, &p->destination, sizeof destination);
    chunk_bytes(w, CHUNK_IPV4_SOURCE, span_of(&source.sin_addr, sizeof source.sin_addr));
    chunk_bytes(w, CHUNK_IPV4_DESTINATION, span_of(&destination.sin_addr, sizeof destination.sin_addr));
    chunk_u16(w, CHUNK_SOURCE_PORT, ntohs(source.sin_port));
    chunk_u16(w, CHUNK_DESTINATION_PORT, ntohs(destination.sin_port));
}

static void write_ipv6(struct writer *w, const struct hep_packet *p)
{
    struct sockaddr_in6 source, destination;
    memcpy(&source, &p->source, sizeof source);
    memcpy(&destination, &p->destination, sizeof destination);
    chunk_bytes(w, CHUNK_IPV6_SOURCE, span_of(&source.sin6_addr, sizeof source.sin6_addr));
    chunk_bytes(w, CHUNK_IPV6_DESTINATION, span_of(&destination.sin6_addr, sizeof destination.sin6_addr));
    chunk_u16(w, CHUNK_SOURCE_PORT, ntohs(source.sin6_port));
    chunk_u16(w, CHUNK_DESTINATION_PORT, ntohs(destination.sin6_port));
}

static void write_chunks(struct writer *w, const struct hep_packet *p)
{
    bool ipv4 = p->source.ss_family == AF_INET;
    chunk_u8(w, CHUNK_FAMILY, ipv4 ? FAMILY_IPV4 : FAMILY_IPV6);
    chunk_u8(w, CHUNK_PROTOCOL, p->stream ? IPPROTO_TCP : IPPROTO_UDP);
    if (ipv4)
        write_ipv4(w, p);
    else
        write_ipv6(w, p);
    chunk_u32(w, CHUNK_SECONDS, (uint32_t)p->seconds);
    chunk_u32(w, CHUNK_MICROSECONDS, p->microseconds);
    chunk_u8(w, CHUNK_TYPE, TYPE_SIP);
    chunk_u32(w, CHUNK_ID, p->id);
    if (p->password.len)
        chunk_bytes(w, CHUNK_PASSWORD, p->password);
    if (p->call_id.len)
        chunk_bytes(w, CHUNK_CORRELATION, span_part(p->call_id, 0, HEP_CORRELATION_MAX));
    chunk_bytes(w, CHUNK_PAYLOAD, p->payload);
}

bool hep_write(struct writer *w, const struct hep_packet *p)
{
    sa_family_t family = p->source.ss_family;
    if (family != p->destination.ss_family || (family != AF_INET && family != AF_INET6) ||
        p->password.len > HEP_PASSWORD_MAX || p->payload.len > HEP_PACKET_MAX - HEP_OVERHEAD_MAX)
        return false;
    struct writer packet = writer_over(w->at + w->len, w->cap - w->len);
    writer_text(&packet, "HEP3");
    writer_u16(&packet, 0); /* the length, below */
    write_chunks(&packet, p);
    if (packet.full || packet.len > HEP_PACKET_MAX)
        return false;
    struct writer length = writer_over(packet.at + LENGTH_AT, sizeof(uint16_t));
    writer_u16(&length, (uint16_t)packet.len);
    w->len += packet.len;
    return true;
}

void hep_write_head(struct writer *w, const struct sip_message *m)
{
    const uint8_t *from = m->head.at, *end = m->head.at + m->head.len;
    for (size_t i = 0; i < m->header_count; i++) {
        const struct sip_header *h = &m->headers[i];
        if (h->id != SIP_H_AUTHORIZATION && h->id != SIP_H_PROXY_AUTHORIZATION)
            continue;
        writer_put(w, span_of(from, (size_t)(h->line.at - from)));
        from = h->line.at + h->line.len;
    }
    writer_put(w, span_of(from, (size_t)(end - from)));
}
