/* The settings of TLS for one who connects: whom to believe, and who one is. */
#ifndef SIPSEAL_CLI_NET_TLS_H
#define SIPSEAL_CLI_NET_TLS_H

#include "cli/command.h"
#include "cli/net_loop.h"
#include "sipseal/arena.h"
#include "ua/party.h"

#define NET_TLS_TRUST_OPTION                                                                                           \
    {                                                                                                                  \
        .name = "tls-trust", .value = "FILE", .help = "whom to believe about servers over TLS (the file of --trust)"   \
    }

/* Has the loop speak TLS when `place` asks for it: authorities and revocation lists from --tls-trust, else from the
 * file of --trust; one's own certificate for TLS where the folder of keys has one (`sipseal ca issue --tls NAME`). What
 * it reads passes through the arena, which is to be wiped. Says what is wrong. */
enum exit_code net_tls_prepare(struct net_loop *loop, const struct cli *cli, struct arena *arena,
                               const struct party *self, const struct net_place *place);

#endif
