/* What net is told by the parent before it begins. */
#ifndef SIPSEAL_DAEMON_NET_SETUP_H
#define SIPSEAL_DAEMON_NET_SETUP_H

#include "daemon/log.h"
#include "daemon/net_tls.h"
#include "ipc/ipc.h"

/* Owns what it was told: spans point into datagrams that it keeps. */
struct net_told {
    struct hop listen[CONFIG_LISTEN_MAX]; /* with the ports that the system gave */
    int fd[CONFIG_LISTEN_MAX];
    size_t listen_count;
    struct route *route; /* CONFIG_ROUTES_MAX */
    size_t route_count;
    struct policy policy;
    struct net_tls tls;
    struct ipc_net_setup setup;
    void *kept[CONFIG_ROUTES_MAX + 2];
    size_t kept_count;
};

/* Reads the parent's messages from IPC_CONTROL_FD up to IPC_SETUP_NET. Anything but RULE_OK has been logged. */
enum rule net_told_read(struct net_told *told, const struct log *log);
void net_told_free(struct net_told *told);

#endif
