/* The parts of sipseald-net: the shell around the proxy (net.c), and how it goes on with another configuration
 * (net_reload.c). */
#ifndef SIPSEAL_DAEMON_NET_H
#define SIPSEAL_DAEMON_NET_H

#include "daemon/net_channel.h"
#include "daemon/net_log.h"
#include "daemon/net_metrics.h"
#include "daemon/net_setup.h"

enum { NET_RANDOM_POOL = 4096 };

struct net {
    struct log log;
    struct log_lines lines; /* of this turn of the event loop */
    struct net_log events;
    struct net_told *told;
    struct net_told *coming; /* another setup, of which the end has not come yet; null: none */
    enum rule refused;       /* why it cannot hold, whatever its end says; RULE_OK: nothing is known against it */
    struct event_base *base;
    struct proxy *proxy;
    struct transports *transports;
    struct net_channel vault[IPC_VAULTS_MAX];
    uint64_t retiring; /* bit n: vault number n gets nothing new, and is left once it has answered */
    struct net_channel store;
    bool store_failing; /* what it admitted last could not be made durable */
    struct net_metrics metrics;
    struct net_hep *hep;
    struct event *control, *timer, *stop_timer;
    struct event *turn; /* runs after everything else that is ready in this turn of the event loop */
    uint64_t timer_at; /* when `timer` fires; UINT64_MAX: it does not run */
    uint64_t stop_at;
    bool stopping, acting, failed;
    bool act_again; /* the proxy was told of a failure, and may have something to do */
    uint8_t *buffer;         /* IPC_BATCH_MAX times IPC_MESSAGE_MAX bytes */
    struct ipc_examined *examined; /* too large for a stack */
    struct ipc_bindings bindings; /* a page of them, as it is read */
    uint8_t random[NET_RANDOM_POOL];
    size_t random_left;
};

struct proxy_time net_now(void);

/* All that net has counted. */
void net_count(const void *net, const struct counters_to *to);

/* What the proxy and the transports are told of a setup. */
struct proxy_settings net_proxy_settings(struct net *n, const struct net_told *told);
struct transports_settings net_transports_settings(const struct net_told *told);

/* Opens the sockets of `told` that are not open yet. False when one cannot be used; those before it stay open. */
bool net_open_listeners(struct net *n, struct net_told *told);
/* Room for what the store is asked, and for the final status of whatever is open. What is queued already stays, however
 * low the limits are now. */
void net_limit_store(struct net *n, const struct limits *limits);

/* Takes one message of another setup. At its end everything that it says holds, or nothing of it, and the parent is
 * told which. False when it is none that may come: then net must end. */
bool net_reload_take(struct net *n, struct span datagram, int *fd);

/* Whether vault number n is one to ask, by the setup that holds. */
static inline bool net_uses_vault(const struct net *n, uint32_t number)
{
    return n->told->setup.vaults >> number & 1;
}

/* Leaves the vaults that have answered all that they were asked, and are to get nothing new. */
void net_leave_retired(struct net *n);

#endif
