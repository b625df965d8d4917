/* Where `sipseal listen` and `sipseal call` listen, and by which contact it can be reached. */
#ifndef SIPSEAL_CLI_LISTEN_SOCKETS_H
#define SIPSEAL_CLI_LISTEN_SOCKETS_H

#include "cli/command.h"
#include "cli/net_loop.h"

enum { LISTEN_PLACES_MAX = NET_SOCKETS_MAX / 2, LISTEN_URI_MAX = 512 };

struct listen_sockets {
    struct net_place place[LISTEN_PLACES_MAX]; /* as bound: TCP and UDP at the same address and port */
    size_t count;
};

/* Opens every --listen, or the default: a free port of the address that faces the registrar, else 127.0.0.1:5060. Says
 * what is wrong. */
enum exit_code listen_open(const struct cli *cli, struct net_loop *loop, const struct net_place *registrar,
                           struct listen_sockets *out);

/* Says which sockets listen. */
void listen_announce(const struct cli *cli, const struct listen_sockets *sockets);

/* The contact that the registrar is told: "sip:bob@127.0.0.1:40001;transport=tcp". False when no socket can be reached
 * from there, or it is too long. */
bool listen_contact(const struct listen_sockets *sockets, const struct net_place *registrar, struct span user,
                    char out[LISTEN_URI_MAX]);

#endif
