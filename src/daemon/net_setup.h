/* What net is told by the parent before it begins, and again when the configuration is another one. */
#ifndef SIPSEAL_DAEMON_NET_SETUP_H
#define SIPSEAL_DAEMON_NET_SETUP_H

#include "daemon/log.h"
#include "daemon/net_hep.h"
#include "daemon/net_tls.h"
#include "ipc/ipc.h"

/* Owns what it was told: spans point into datagrams that it keeps. */
struct net_told {
    struct hop listen[CONFIG_LISTEN_MAX]; /* with the ports that the system gave */
    uint32_t listen_number[CONFIG_LISTEN_MAX];
    uint64_t listen_flow[CONFIG_LISTEN_MAX]; /* as the transports name them */
    int fd[CONFIG_LISTEN_MAX]; /* -1: taken */
    size_t listen_count;
    struct route *route; /* CONFIG_ROUTES_MAX */
    size_t route_count;
    struct policy policy;
    struct span policy_object; /* signed; empty: none */
    void *renewed;             /* owns it when it came after the setup; else null */
    struct net_tls tls;
    bool metrics; /* to be told on a socket, */
    uint32_t metrics_number; /* of this number, */
    int metrics_fd;          /* and this one; -1: taken */
    struct hep_told hep;
    struct ipc_net_setup setup;
    void *kept[CONFIG_LISTEN_MAX + CONFIG_ROUTES_MAX + 3];
    size_t kept_count;
};

/* Null when there is no memory. */
struct net_told *net_told_new(void);
/* Closes the descriptors that were not taken. Null may be freed. */
void net_told_free(struct net_told *told);
/* Closes the descriptors that were not taken: those of sockets that were there before. */
void net_told_settle(struct net_told *told);

/* Takes one message. `*fd` becomes -1 when it is taken; `*done` at the end of the setup, IPC_SETUP_NET. RULE_IPC when
 * it is none that may come, RULE_NO_MEMORY. */
enum rule net_told_take(struct net_told *told, struct span datagram, int *fd, bool *done);

/* Takes a policy object in place of the one that there is. RULE_IPC, RULE_NO_MEMORY. */
enum rule net_told_renew_policy_object(struct net_told *told, struct cursor *fields);

/* Reads the parent's messages from IPC_CONTROL_FD up to IPC_SETUP_NET. Anything but RULE_OK has been logged. */
enum rule net_told_read(struct net_told *told, const struct log *log);

#endif
