/* One end of a SIP transport of the load generator: a UDP socket that is connected to the proxy, or a connection over
 * TCP or TLS. What is put waits for link_flush, so that what goes one way leaves together. */
#ifndef SIPSEAL_TESTS_BENCH_LOAD_LINK_H
#define SIPSEAL_TESTS_BENCH_LOAD_LINK_H

#include <openssl/ssl.h>

#include "sipseal/bytes.h"

enum link_kind { LINK_UDP, LINK_TCP, LINK_TLS };
enum { LINK_BATCH = 64, LINK_DATAGRAM_MAX = 4096, LINK_BUFFER = 256 * 1024 };

/* Takes one message that has arrived. */
typedef void link_receiver(void *context, struct span message);

struct link {
    enum link_kind kind;
    int fd;
    SSL *tls;
    link_receiver *receive;
    void *context;
    uint8_t *in, *out; /* LINK_BUFFER bytes each */
    size_t in_len, scanned;
    size_t out_len, out_count;
    size_t datagram[LINK_BATCH]; /* UDP: the lengths of those in `out` */
};

/* "udp", "tcp", "tls". */
enum link_kind link_kind_of(const char *name);
const char *link_transport(enum link_kind kind); /* as a Via names it */

/* Client: nothing is verified. Server: presents a certificate, paths of PEM files. */
SSL_CTX *link_client_tls(void);
SSL_CTX *link_server_tls(const char *certificate, const char *key);

/* A socket of loopback on a free port: of UDP, or one that listens. */
int link_socket(enum link_kind kind);
int link_port(int fd);
void link_connect(int fd, int port);

/* Takes over a connected socket. `tls` may be null; a server accepts. The handshake is done before it comes back. */
void link_begin(struct link *l, enum link_kind kind, int fd, SSL_CTX *tls, bool accepts);
void link_end(struct link *l);

void link_put(struct link *l, struct span message);
/* Whether bytes are left that could not be written. */
bool link_flush(struct link *l);
/* Hands over what has arrived. */
void link_read(struct link *l);

#endif
