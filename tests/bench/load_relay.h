/* Both ends of what a proxy relays, in one thread: a caller with MESSAGE requests of 500 bytes or calls
 * (INVITE, 200, ACK, BYE, 200), and a callee who answers 200. Each request has a number in its Call-ID. */
#ifndef SIPSEAL_TESTS_BENCH_LOAD_RELAY_H
#define SIPSEAL_TESTS_BENCH_LOAD_RELAY_H

#include "load_link.h"

enum {
    RELAY_CALLERS = 16,     /* connections of the caller; one socket over UDP */
    RELAY_CALLEES_MAX = 64, /* connections of the callee that proxies open */
    RELAY_REQUEST = 500,    /* bytes of a MESSAGE and of an INVITE */
};

enum relay_kind {
    RELAY_MESSAGES,
    RELAY_CALLS,
    RELAY_OPEN, /* MESSAGE requests that the callee never answers: done when they have arrived there, and the proxy
                   has said that it waits, by the 100 of RFC 4320 4.1 */
};

struct relay_order {
    enum relay_kind kind;
    size_t count;
    size_t window; /* unfinished at a time */
    double rate;   /* begun in a second, evenly; 0: as fast as the window lets it */
};

struct relay {
    enum link_kind kind;
    SSL_CTX *client_tls, *server_tls;
    int listener; /* TCP and TLS: of the callee */
    int port;     /* of the callee */
    struct link caller[RELAY_CALLERS], callee[RELAY_CALLEES_MAX];
    size_t callers, callees;
    struct link *answering; /* the callee's end that a request has come by */
    char sent_by[32];
    char body[RELAY_REQUEST];

    struct relay_order order;
    uint32_t first; /* the number of the order's first request */
    uint8_t *state; /* of each request of the order */
    size_t begun, arrived, done;
    size_t acknowledged; /* ACKs that reached the callee */
    size_t resent;       /* requests that got lost on a socket, and were sent again */
};

/* Listens on a free port for what the proxy forwards. */
void relay_listen(struct relay *r, enum link_kind kind, const char *certificate, const char *key);
/* Connects to the proxy. */
void relay_connect(struct relay *r, int port);
/* Comes back when everything of the order is done. A response that is none of 1xx and 200, a body that was changed, and
 * silence end the program. */
void relay_run(struct relay *r, const struct relay_order *order);
void relay_close(struct relay *r);

#endif
