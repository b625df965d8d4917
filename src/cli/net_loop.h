/* The sockets of one user agent, over poll(): UDP, TCP and TLS, IPv4 and IPv6, and the signals that end it.
 *
 * A flow is a name for where bytes came from and answers go: a TCP connection, or a peer's address at a UDP socket. A
 * flow that was forgotten or closed is never used again; sending over it fails. */
#ifndef SIPSEAL_CLI_NET_LOOP_H
#define SIPSEAL_CLI_NET_LOOP_H

#include "cli/net_address.h"

enum {
    NET_SOCKETS_MAX = 8,      /* UDP sockets and TCP listeners */
    NET_CONNECTIONS_MAX = 256, /* when one more comes, that which was idle longest is closed */
    NET_PEERS_MAX = 1024,     /* UDP peers whose flows are remembered */
    NET_PARTIAL_MS = 30000,   /* how long a message may take to arrive over TCP or TLS */
    NET_HANDSHAKE_MS = 5000,  /* how long it may take to connect and shake hands over TLS */
};

struct net_loop;
struct tls_context;

/* Takes SIGINT, SIGTERM and SIGHUP of this process as events. Null when there is no memory or descriptor. */
struct net_loop *net_loop_new(void);
void net_loop_free(struct net_loop *loop);

/* What connections over TLS use; a reference is taken over. Without it none can be opened. */
void net_use_tls(struct net_loop *loop, struct tls_context *context);

/* Listens; `*bound` says at which port. errno on failure. */
bool net_listen(struct net_loop *loop, const struct net_place *place, struct net_place *bound);

/* Closes what net_listen opened last. */
void net_unlisten(struct net_loop *loop);

/* A flow to a place: a TCP or TLS connection, whose failure is told as NET_CLOSED, or a UDP socket; for the latter one
 * that listens on the same kind of address is taken when there is one. errno on failure. */
bool net_open(struct net_loop *loop, const struct net_place *place, uint64_t now_ms, uint64_t *flow);

/* One's own address at a flow that net_open gave: for Via. */
bool net_local(const struct net_loop *loop, uint64_t flow, struct net_place *local);

/* The flow to another port of the same host, over the same UDP socket; the flow itself when it is none of UDP or gone. */
uint64_t net_flow_at_port(struct net_loop *loop, uint64_t flow, uint16_t port);

/* False when the flow is gone or failed. */
bool net_send(struct net_loop *loop, uint64_t flow, struct span bytes, uint64_t now_ms);

enum net_event_kind {
    NET_MESSAGE, /* `bytes` came over `flow`; valid until the next net_wait */
    NET_CLOSED,  /* `flow` is gone */
    NET_SIGNAL,  /* the process is asked to end */
    NET_TIME,    /* `deadline_ms` has come */
    NET_FAILED,  /* poll itself failed; errno */
};

struct net_event {
    enum net_event_kind kind;
    uint64_t flow;
    bool reliable;
    enum rule why; /* NET_CLOSED: RULE_TLS_..., RULE_CERT_... when it is TLS that failed; else RULE_OK */
    struct net_place peer;
    struct span bytes;
};

/* Waits for the next event, at most until `deadline_ms` (monotonic; UINT64_MAX: for ever). */
void net_wait(struct net_loop *loop, uint64_t deadline_ms, struct net_event *event);

#endif
