/* The transports of a SIP process: UDP sockets in batches, TCP and TLS connections with their framing, over libevent.
 * They move bytes and decide nothing; what arrives and what fails is told to their owner.
 *
 * Flows: a UDP socket is flow "its number + 1"; a connection gets a number that is never used again. Connections are
 * found by flow, or by the other end's transport and address, and opened where there is none. Over TLS the other end
 * must also have proven to be the host that is to be reached. Everything is bounded: connections, bytes waiting to be
 * read or written, time to connect and to shake hands, time without traffic. */
#ifndef SIPSEAL_NET_TRANSPORTS_H
#define SIPSEAL_NET_TRANSPORTS_H

#include "config/config.h"
#include "proxy/proxy.h"
#include "tls/tls.h"

struct event_base;
struct transports;

enum {
    NET_CONNECT_MAX_S = 5,  /* to open a connection, and once more for the handshake of TLS, whoever opened it */
    NET_LINGER_MAX_S = 5,   /* to write what waits when a connection is to be closed */
    NET_OUTPUT_MESSAGES = 4, /* times the largest message: bytes that may wait to be written on one connection */
    NET_LEAVE_S = 37,       /* from the end of a listener in the configuration to that of its connections: Timer F, and
                               what is still in the network (RFC 3261 17.1.2.2) */
    NET_EVICT_AFTER_S = 5,  /* when all connections are taken, the one silent for longest gives way, after this time */
};

/* Called from within the event loop, or from within transports_send and transports_flush; none of them may call back
 * into transports but `message`, `broken` and `settled`. */
struct transports_owner {
    void *context;
    /* One datagram, or one framed message. */
    void (*message)(void *context, const struct proxy_source *source, struct span bytes);
    /* The front of a stream that cannot be framed; the connection is closed once what is sent on it is written. */
    void (*broken)(void *context, const struct proxy_source *source, struct span bytes, enum rule why);
    /* A message given to transports_send was not sent, or not whole. Never called for transaction 0. */
    void (*failed)(void *context, uint64_t transaction);
    /* The handshake of TLS failed; `host` is whom it was to lead to, empty where the other end opened it. The
     * connection is closed. */
    void (*handshake_failed)(void *context, const struct hop *remote, struct span host, enum rule why);
    /* A connection has closed. */
    void (*closed)(void *context, const struct hop *remote);
    /* The last call for one turn of the event loop: now is the time to act on what was told. */
    void (*settled)(void *context);
};

struct transports_settings {
    uint32_t message_bytes; /* the largest message */
    uint32_t connections;   /* open at once */
    uint32_t idle_seconds;  /* without traffic */
    uint8_t key[16];        /* random, secret: strangers choose addresses */
};

/* Null when there is no memory. */
struct transports *transports_new(struct event_base *base, const struct transports_settings *settings,
                                  const struct transports_owner *owner);
/* Closes every socket. Null may be freed. */
void transports_free(struct transports *t);

/* Takes over a bound socket (TCP: one that listens), under a number that is never used again. False when it cannot be
 * used: then it stays the caller's. */
bool transports_listen(struct transports *t, uint32_t number, const struct hop *hop, int fd);
/* The flow of a UDP socket of that number. */
uint64_t transports_flow_of(uint32_t number);
bool transports_listens(const struct transports *t, uint32_t number);
/* A listener that is configured no more. A TCP listener accepts nothing from now on; what came by it is marked as
 * leaving (struct proxy_source), and its connections, or its UDP socket, are closed after NET_LEAVE_S. */
void transports_leave(struct transports *t, uint32_t number);
/* Other limits; the key stays. What is over them stays until it ends. */
void transports_limit(struct transports *t, const struct transports_settings *settings);

/* The settings of TLS from now on: what is opened or accepted from here uses them, open connections go on with theirs.
 * A reference is taken; null, as at the beginning: there is no TLS, connections that come are closed and none is
 * opened. */
void transports_set_tls(struct transports *t, struct tls_context *context, enum tls_clients clients);

/* Sends over `flow` if it is open, else to `hop` (a connection is opened where there is none). Over TLS a connection
 * leads there only when the other end has proven to be `host`, or must prove it before it is sent anything; an empty
 * host is nobody. The bytes are copied. They
 * leave with transports_flush, together with what else goes the same way. */
void transports_send(struct transports *t, uint64_t flow, const struct hop *hop, struct span host, struct span bytes,
                     uint64_t transaction);
/* The same over a connection that is open, and nowhere else. */
void transports_send_over(struct transports *t, uint64_t flow, struct span bytes, uint64_t transaction);
void transports_flush(struct transports *t);
/* The address at this end of what transports_send would use now. False, with `local` as it was, when there is none. A
 * UDP socket at all addresses of the machine has no other than that. */
bool transports_local(const struct transports *t, uint64_t flow, const struct hop *hop, struct span host,
                      struct hop *local);

/* Accepts no more connections, so that a process can end. */
void transports_stop(struct transports *t);
/* Whether bytes still wait to be written. */
bool transports_pending(const struct transports *t);

/*  X(name) */
#define TRANSPORTS_COUNTERS(X)                                                                                         \
    X(datagrams_in) X(datagrams_out) X(datagrams_lost) /* lost: the socket's buffer was full */                        \
    X(accepted) X(connected) X(refused)                /* refused: at the limit of connections */                      \
    X(output_full)                                     /* not sent: the other end does not read what waits */           \
    X(tls_handshakes) X(tls_resumed)                   /* done; of these with a session of before */

/* Why handshakes failed. */
enum tls_failure {
    TLS_FAILED_PROTOCOL,    /* RULE_TLS_HANDSHAKE, and what is not named below */
    TLS_FAILED_CERTIFICATE, /* RULE_CERT_... */
    TLS_FAILED_ABSENT,      /* RULE_TLS_NO_CERTIFICATE */
    TLS_FAILED_NAME,        /* RULE_TLS_NAME */
    TLS_FAILED_TIME,        /* RULE_TLS_TIMEOUT */
    TLS_FAILURES
};
struct transports_counters {
#define TRANSPORTS_COUNTER(name) uint64_t name;
    TRANSPORTS_COUNTERS(TRANSPORTS_COUNTER)
#undef TRANSPORTS_COUNTER
    size_t connections;
    uint64_t tls_failed[TLS_FAILURES];
};
void transports_count(const struct transports *t, struct transports_counters *out);

#endif
