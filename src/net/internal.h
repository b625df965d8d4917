/* What the files of the transports share. */
#ifndef SIPSEAL_NET_INTERNAL_H
#define SIPSEAL_NET_INTERNAL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "net/transports.h"

enum {
    NET_LISTEN_MAX = CONFIG_LISTEN_MAX,
    NET_READ_MAX = 64 * 1024,      /* bytes taken from a connection at once */
    NET_INPUT_FIRST = 4 * 1024,    /* of an input buffer, which grows up to the largest message */
    NET_ACCEPT_BATCH = 32,
    NET_FIRST_CONNECTION_FLOW_BIT = 32,
};

struct listener {
    struct transports *owner;
    struct hop hop;
    int fd;
    struct event *event;
    struct event *resume; /* TCP and TLS: when accepting goes on after the system ran out of descriptors */
};

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
    LIST_ENTRY(connection) by_flow, by_hop;
    TAILQ_ENTRY(connection) by_use; /* the one silent for longest first; or among the dead */
    uint64_t flow;
    struct hop remote;
    int fd;
    struct event *readable, *writable;
    struct tls *tls; /* null: TCP */
    bool connecting, shaking_hands, closing, dead;
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
    struct listener listener[NET_LISTEN_MAX];
    size_t listener_count;
    bool stopped;

    struct udp_batch *udp;
    struct tls_context *tls; /* null: none */
    enum tls_clients tls_clients;

    uint64_t next_flow;
    size_t bucket_count; /* a power of two */
    struct connection_bucket *flows, *hops;
    struct connection_list used, dead;
    size_t connection_count;
    size_t output_pending; /* connections with bytes to write */
    struct event *sweep;
    uint8_t *input; /* NET_READ_MAX bytes */

    struct transports_counters counters;
};

uint64_t net_now_ms(void);

/* udp.c */
struct udp_batch *udp_batch_new(void);
void udp_batch_free(struct udp_batch *batch);
bool udp_listen(struct listener *l);
void udp_send(struct transports *t, size_t listener, const struct hop *hop, struct span bytes, uint64_t transaction);
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
/* A connection over a socket, which it takes over; null (and the socket closed) at the limit or without memory. */
struct connection *connection_new(struct transports *t, int fd, const struct hop *remote);
void connection_used(struct connection *c);
/* Takes it out of the table, closes its socket and tells the owner; its memory goes when the turn ends. */
void connection_end(struct connection *c);
void connections_bury(struct transports *t);

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
void stream_write(struct connection *c, struct span bytes, uint64_t transaction);
/* Closes the connection once what waits is written. */
void stream_finish(struct connection *c);

#endif
