/* One TCP or TLS connection: what it brought and has not been read, what is to be sent and was not taken yet. */
#ifndef SIPSEAL_CLI_NET_STREAM_H
#define SIPSEAL_CLI_NET_STREAM_H

#include "cli/net_address.h"
#include "sipseal/sip_message.h"
#include "tls/tls.h"

enum {
    STREAM_IN_MAX = SIP_MESSAGE_MAX + TLS_RECORD_MAX, /* beyond the longest message, there is room to read */
    STREAM_OUT_MAX = 2 * SIP_MESSAGE_MAX, /* a peer that does not read is closed */
};

struct net_stream {
    int fd; /* -1: not in use */
    uint64_t flow;
    struct net_place peer;
    bool connecting;
    struct tls *tls;    /* null: TCP */
    bool shaking_hands, shake_waits_to_write;
    bool ended;         /* the connection failed, or the peer ended it */
    enum rule why;      /* TLS: why it failed; else RULE_OK */
    bool closing;       /* what it brings cannot be read on: closed once what waits was sent */
    uint64_t active_ms; /* when it last brought or took bytes */
    uint8_t *in, *out;
    size_t in_len, in_cap, out_len, out_cap;
    size_t scanned; /* for sip_stream_frame */
    size_t taken;   /* bytes of `in` that were handed out and go at the next call */
};

/* Takes over the socket, and the TLS on it, if there is any. */
void stream_open(struct net_stream *s, int fd, struct tls *tls, uint64_t flow, const struct net_place *peer,
                 bool connecting, uint64_t now_ms);
void stream_close(struct net_stream *s);

/* What it waits for on its socket, as poll takes it. */
short stream_waits_for(const struct net_stream *s);

/* Reads what has come, or goes on with the handshake. Sets `ended` at the end, on failure and when the buffer is full
 * without a whole message. */
void stream_read(struct net_stream *s, uint64_t now_ms);

/* Sends what waits, or goes on with the handshake. Sets `ended` when the connection failed. */
void stream_write(struct net_stream *s, uint64_t now_ms);

/* Puts bytes behind those that wait, and sends what it can. False when too many wait or there is no memory. */
bool stream_send(struct net_stream *s, struct span bytes, uint64_t now_ms);

/* The next whole message; it stays valid until the next call. Keep-alives are answered (RFC 5626 3.5.1). A stream that
 * cannot be read on is `closing`; `*message` then holds what may still be answered, and true is given for it. */
bool stream_next(struct net_stream *s, struct span *message, uint64_t now_ms);

#endif
