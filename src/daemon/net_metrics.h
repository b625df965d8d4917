/* The metrics that net serves: its own counters, and those of the other processes, as the parent tells them. */
#ifndef SIPSEAL_DAEMON_NET_METRICS_H
#define SIPSEAL_DAEMON_NET_METRICS_H

#include "daemon/http_server.h"
#include "ipc/ipc.h"

struct net;
struct net_told;

enum {
    METRICS_INTERVAL_MS = 5000,  /* from one telling of the parent to the next */
    METRICS_FORGET_MS = 20000,   /* a process that is no longer told of is left out */
    METRICS_PROCESSES_MAX = IPC_VAULTS_MAX + 3, /* the parent, the store, the vaults, net itself */
};

struct net_metrics {
    struct http_server *server; /* null: they are not served */
    uint32_t number;            /* of its socket */
    struct metrics_told {
        struct ipc_process process; /* name and counters are owned */
        uint64_t at;                /* milliseconds; 0: free */
    } told[METRICS_PROCESSES_MAX];
};

/* Serves on the socket of a setup, if it has one; goes on with the one that there is when it is that. An error is logged,
 * and then there are none. */
void net_metrics_serve(struct net *n, struct net_told *told);
void net_metrics_close(struct net *n);

/* One process, from the parent. False when the message is not well-formed. */
bool net_metrics_take(struct net *n, struct cursor *fields);

#endif
