/* What net is told of TLS: at its setup, and again whenever that changes. */
#ifndef SIPSEAL_DAEMON_NET_TLS_H
#define SIPSEAL_DAEMON_NET_TLS_H

#include "ipc/ipc.h"
#include "net/transports.h"

struct net_tls {
    struct tls_context *making; /* anchors and lists come first */
    struct tls_context *made;   /* null: no TLS */
    enum tls_clients clients;
    enum rule refused; /* RULE_OK, or why what is being told cannot be used: no part of it is then */
};

/* Whether a kind of message is about TLS. */
bool net_tls_is_about(uint16_t kind);

/* Takes one such message. `*whole` is set when it was the last of its kind: `made` is then what holds from now on, for
 * transports_set_tls. Where one of them is refused, so is the last, and `made` stays as it was. The caller wipes what
 * it read. */
enum rule net_tls_take(struct net_tls *t, uint16_t kind, struct cursor *fields, bool *whole);
void net_tls_free(struct net_tls *t);

#endif
