#include "capture/capture.h"

#include <stdlib.h>
#include <string.h>

#include "capture/fragments.h"
#include "capture/streams.h"

struct capture {
    enum capture_link link;
    struct fragments *fragments;
    struct streams *streams;
    struct capture_counters counters;
    bool ended;
    int64_t seconds; /* of the packet taken last */
    uint32_t microseconds;
    struct capture_message datagram; /* a message that came in one datagram */
    bool has_datagram;
    struct stream *stream; /* one that may have messages */
    size_t taken;          /* bytes of it that were given out */
    bool broken;           /* and that it cannot be read on behind them */
};

struct capture *capture_new(enum capture_link link)
{
    struct capture *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->link = link;
    c->fragments = fragments_new();
    c->streams = streams_new(&c->counters);
    if (c->fragments && c->streams)
        return c;
    capture_free(c);
    return NULL;
}

void capture_free(struct capture *c)
{
    if (!c)
        return;
    fragments_free(c->fragments);
    streams_free(c->streams);
    free(c);
}

const struct capture_counters *capture_counters(const struct capture *c)
{
    return &c->counters;
}

/* --- packets --- */

/* What was given out last is not needed any more. */
static void finish_taken(struct capture *c)
{
    if (c->stream && c->taken)
        stream_consume(c->stream, c->taken);
    if (c->stream && c->broken)
        stream_break(c->stream);
    c->taken = 0;
    c->broken = false;
}

/* False when there is nothing to be had of the packet, which is counted. */
static bool understood(struct capture *c, enum packet_result result)
{
    c->counters.not_ip += result == PACKET_OTHER;
    c->counters.malformed += result == PACKET_MALFORMED;
    c->counters.cut_off += result == PACKET_CUT_OFF;
    return result == PACKET_DONE;
}

static void take_udp(struct capture *c, struct ip_packet *p)
{
    struct span payload;
    if (!understood(c, packet_take_udp(p, &payload)))
        return;
    if (!looks_like_sip(payload)) {
        c->counters.not_sip++;
        return;
    }
    c->datagram = (struct capture_message){.bytes = payload, .framing = SIP_DATAGRAM, .from = p->from, .to = p->to};
    c->has_datagram = true;
}

static void take_tcp(struct capture *c, struct ip_packet *p)
{
    struct tcp_segment segment;
    if (understood(c, packet_take_tcp(p, &segment)))
        c->stream = streams_take(c->streams, p, &segment);
}

static void take_whole(struct capture *c, struct ip_packet *p)
{
    if (p->protocol == PACKET_UDP)
        take_udp(c, p);
    else if (p->protocol == PACKET_TCP)
        take_tcp(c, p);
    else
        c->counters.not_ip++;
}

void capture_packet(struct capture *c, const struct capture_packet *packet)
{
    struct span bytes;
    struct ip_packet p;
    c->counters.packets++;
    c->seconds = packet->seconds;
    c->microseconds = packet->microseconds;
    c->has_datagram = false;
    finish_taken(c);
    c->stream = NULL;
    if (!understood(c, packet_take_link(c->link, packet->bytes, &bytes)) || !understood(c, packet_take_ip(bytes, &p)))
        return;
    if (p.is_fragment && (!fragments_take(c->fragments, c->seconds, &p, &c->counters.fragments_lost) ||
                          !understood(c, packet_take_extensions(&p))))
        return;
    take_whole(c, &p);
}

void capture_end(struct capture *c)
{
    if (c->ended)
        return;
    c->ended = true;
    c->has_datagram = false;
    finish_taken(c);
    c->stream = NULL;
    c->counters.fragments_lost += fragments_open(c->fragments);
    c->counters.streams_lost += streams_unfinished(c->streams);
}

bool capture_same_endpoint(const struct capture_endpoint *a, const struct capture_endpoint *b)
{
    return a->is_ipv6 == b->is_ipv6 && a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

/* --- messages --- */

static bool take_framed(struct capture *c, struct stream *st, struct capture_message *m)
{
    while (st->state == STREAM_SIP && st->len > 0) {
        bool pong;
        enum rule why = RULE_OK;
        size_t len = 0;
        enum sip_frame found =
            sip_stream_frame(span_of(st->bytes, st->len), SIP_MESSAGE_MAX, &st->scanned, &len, &pong, &why);
        if (found == SIP_FRAME_MORE)
            return false;
        if (found == SIP_FRAME_KEEPALIVE) {
            stream_consume(st, len);
            continue;
        }
        c->taken = len;
        c->broken = found == SIP_FRAME_BROKEN;
        *m = (struct capture_message){
            .bytes = span_of(st->bytes, len), .framing = SIP_STREAM, .broken = why, .from = st->from, .to = st->to};
        return true;
    }
    return false;
}

static bool take_message(struct capture *c, struct capture_message *m)
{
    if (c->has_datagram) {
        c->has_datagram = false;
        *m = c->datagram;
        return true;
    }
    finish_taken(c);
    if (c->stream && take_framed(c, c->stream, m))
        return true;
    while (c->ended && (c->stream = streams_give_up(c->streams)))
        if (take_framed(c, c->stream, m))
            return true;
    return false;
}

bool capture_next(struct capture *c, struct capture_message *m)
{
    if (!take_message(c, m)) {
        c->stream = NULL;
        return false;
    }
    m->seconds = c->seconds;
    m->microseconds = c->microseconds;
    return true;
}
