/* The peers of a proxy in one thread without waiting: whoever sends it messages over one TCP connection, with a bounded
 * number unanswered, and whoever it forwards them to, who answers 200. */
#ifndef SIPSEAL_TESTS_BENCH_LOAD_H
#define SIPSEAL_TESTS_BENCH_LOAD_H

#include "sipseal/bytes.h"

enum { LOAD_PEERS_MAX = 8, LOAD_BUFFER = 1024 * 1024 };

struct load {
    int listener;
    int port; /* that the listener has */
    struct load_peer {
        int fd;
        bool is_sender; /* the connection that requests are sent on; others are the proxy's own */
        uint8_t *in, *out;
        size_t in_len, scanned, out_len;
    } peer[LOAD_PEERS_MAX];
    size_t peer_count;
    char sent_by[32];       /* of the sending connection, for Via */
    size_t sent, answered;  /* of the present batch */
    size_t received;        /* by the far side, in the present batch */
};

/* Listens on a free port of loopback for what the proxy forwards. */
void load_listen(struct load *l);
/* Connects to the proxy. */
void load_connect(struct load *l, int port);
void load_close(struct load *l);

/* Sends every message with at most `window` unanswered, and comes back when each was answered 200 and arrived on the
 * far side with the body that it left with. Anything else ends the program, as does silence for 10 seconds. */
void load_run(struct load *l, const struct span *messages, size_t count, size_t window);

#endif
