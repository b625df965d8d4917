/* What the files of the transports share. */
#ifndef SIPSEAL_NET_INTERNAL_H
#define SIPSEAL_NET_INTERNAL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "net/transports.h"

enum {
    NET_READ_MAX = 64 * 1024,      /* bytes taken from a connection at once */
    NET_INPUT_FIRST = 4 * 1024,    /* of an input buffer, which grows up to the largest message */
    NET_ACCEPT_BATCH = 32,
    NET_FIRST_CONNECTION_FLOW_BIT = 32,
};

struct listener {
    struct transports *owner;
    TAILQ_ENTRY(listener) link;
    uint32_t number;
    struct hop hop;
    int fd; /* -1: a TCP listener that accepts no more */
    uint64_t leave_at; /* it is configured no more, and closed at this time (milliseconds); 0: it stays */
    struct event *event;
    struct event *resume; /* TCP and TLS: when accepting goes on after the system ran out of descriptors */
};

TAILQ_HEAD(listener_list, listener);

/* Bytes that wait to be written on a connection. */
struct output {
    STAILQ_ENTRY(output) link;
    uint64_t transaction;
    size_t len, sent;
    uint8_t bytes[];
};
STAILQ_HEAD(output_list, output);

struct connection {
    struct transports *owner;
    LIST_ENTRY(connection) by_flow, by_hop, by_output;
    TAILQ_ENTRY(connection) by_use; /* the one silent for longest first; or among the dead */
    uint64_t flow;
    struct hop remote;
    const struct listener *accepted_by; /* null: opened from here, or its listener is gone */
    int fd;
    struct event *readable, *writable;
    struct tls *tls; /* null: TCP */
    bool connecting, shaking_hands, closing, dead;
    bool to_write; /* among those with something new to write */
    uint64_t used_at; /* milliseconds */
    uint8_t *input;
    size_t input_len, input_cap;
    size_t scanned; /* see sip_stream_frame */
    struct output_list output;
    size_t output_len;
};
LIST_HEAD(connection_bucket, connection);
TAILQ_HEAD(connection_list, connection);

struct udp_batch;

struct transports {
    struct event_base *base;
    struct transports_settings settings;
    struct transports_owner owner;
    struct listener_list listeners; /* also those that leave */
    bool stopped;

    struct udp_batch *udp;
    struct tls_context *tls; /* null: none */
    enum tls_clients tls_clients;

    uint64_t next_flow;
    size_t bucket_count; /* a power of two */
    struct connection_bucket *flows, *hops;
    struct connection_list used, dead;
    struct connection_bucket to_write; /* in this turn of the event loop */
    size_t connection_count;
    size_t output_pending; /* connections with bytes to write */
    struct event *sweep;
    uint8_t *input;  /* NET_READ_MAX bytes */
    uint8_t *record; /* TLS_RECORD_MAX bytes, to write several messages as one record */

    struct transports_counters counters;
};

uint64_t net_now_ms(void);

/* listeners.c */
void listeners_sweep(struct transports *t);
/* By the flow of a UDP socket; null when there is none. */
const struct listener *listener_of_flow(const struct transports *t, uint64_t flow);
void listener_close(struct listener *l);

/* udp.c */
struct udp_batch *udp_batch_new(void);
void udp_batch_free(struct udp_batch *batch);
bool udp_listen(struct listener *l);
void udp_send(struct transports *t, const struct listener *listener, const struct hop *hop, struct span bytes,
              uint64_t transaction);
void udp_flush(struct transports *t);

/* tcp.c: TCP, and TLS over it */
bool tcp_listen(struct listener *l);
void tcp_send(struct transports *t, uint64_t flow, const struct hop *hop, struct span host, struct span bytes,
              uint64_t transaction);

/* connections.c: the table */
bool connections_open(struct transports *t);
void connections_close(struct transports *t);
struct connection *connection_of_flow(const struct transports *t, uint64_t flow);
/* `host`: see transports_send. */
struct connection *connection_of_hop(const struct transports *t, const struct hop *hop, struct span host);
/* A connection over a socket, which it takes over; null (and the socket closed) at the limit or without memory.
 * `listener` is null for one that was opened from here. */
struct connection *connection_new(struct transports *t, int fd, const struct hop *remote,
                                  const struct listener *listener);
void connection_used(struct connection *c);
/* Takes it out of the table, closes its socket and tells the owner; its memory goes when the turn ends. */
void connection_end(struct connection *c);
void connections_bury(struct transports *t);
/* Those that a listener has accepted are closed once what waits is written. */
void connections_finish(struct transports *t, const struct listener *listener);

/* secure.c: the handshake, and where the bytes of a connection go: through TLS, or straight to its socket */
/* Goes on with the handshake, and with what waits to be written once it is done. */
void secure_go_on(struct connection *c);
void secure_timed_out(struct connection *c);
enum transfer { TRANSFER_DONE, TRANSFER_AGAIN, TRANSFER_ENDED };
enum transfer transfer_in(struct connection *c, uint8_t *at, size_t cap, size_t *got);
enum transfer transfer_out(struct connection *c, size_t *sent);

/* stream.c: bytes on one connection */
bool stream_begin(struct connection *c, bool connecting);
/* Writes as much as the connection takes. False when it has ended. */
bool stream_write_out(struct connection *c);
/* Lets the bytes wait for streams_flush, which writes together what goes to one connection in one turn. */
void stream_write(struct connection *c, struct span bytes, uint64_t transaction);
void streams_flush(struct transports *t);
/* Closes the connection once what waits is written. */
void stream_finish(struct connection *c);

#endif
