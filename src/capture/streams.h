/* The directions of TCP connections: segments in, bytes in their order out. What came first of two overlapping segments
 * stays. */
#ifndef SIPSEAL_CAPTURE_STREAMS_H
#define SIPSEAL_CAPTURE_STREAMS_H

#include <sys/queue.h>

#include "capture/packet.h"

/* Whether bytes begin like a SIP message: a whole first line that ends in " SIP/2.0", or begins with "SIP/2.0 ". */
bool looks_like_sip(struct span bytes);

struct segment {
    STAILQ_ENTRY(segment) link;
    uint32_t sequence;
    size_t len;
    uint8_t bytes[];
};
STAILQ_HEAD(segment_list, segment);

struct stream {
    TAILQ_ENTRY(stream) link;
    struct capture_endpoint from, to;
    enum stream_state {
        STREAM_NEW,    /* nothing was seen but perhaps its SYN */
        STREAM_SIP,
        STREAM_BROKEN, /* not framed any more, until a segment begins like a message */
        STREAM_OTHER,  /* something else than SIP */
    } state;
    bool in_order;     /* `next` is known */
    uint32_t next;     /* the sequence number that is waited for */
    uint8_t *bytes;    /* in order, not framed yet; CAPTURE_STREAM_BYTES_MAX, or null */
    size_t len;
    size_t scanned;    /* see sip_stream_frame */
    struct segment_list early; /* before their turn, in the order of their numbers */
    size_t early_count, early_len;
};

struct streams;

struct streams *streams_new(struct capture_counters *counters);
void streams_free(struct streams *s);

/* Takes a segment; gives the stream that may have messages now, or null. */
struct stream *streams_take(struct streams *s, const struct ip_packet *p, const struct tcp_segment *segment);
/* A stream that waits for what will not come: its hole is passed over. Null when there is none any more. */
struct stream *streams_give_up(struct streams *s);
/* How many end in the middle of a message. */
size_t streams_unfinished(const struct streams *s);

/* Takes `len` bytes from the front. */
void stream_consume(struct stream *stream, size_t len);
/* Goes on where a later segment begins like a message. */
void stream_break(struct stream *stream);

#endif
