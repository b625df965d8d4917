/* What net is told of TLS, as a part of its setup. */
#ifndef SIPSEAL_DAEMON_NET_TLS_H
#define SIPSEAL_DAEMON_NET_TLS_H

#include "ipc/ipc.h"
#include "net/transports.h"

struct net_tls {
    struct tls_context *making; /* anchors and lists come first */
    struct tls_context *made;   /* null: no TLS */
    enum tls_clients clients;
};

/* Whether a kind of message is about TLS. */
bool net_tls_is_about(uint16_t kind);

/* Takes one such message; after the last of them `made` is there. What a rule is broken for makes the whole setup one
 * that cannot hold: it is the caller's to remember that. The caller wipes what it read. */
enum rule net_tls_take(struct net_tls *t, uint16_t kind, struct cursor *fields);
void net_tls_free(struct net_tls *t);

#endif
