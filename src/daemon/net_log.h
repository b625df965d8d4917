/* What the proxy wants noted, as lines of the log. Strangers can make it note something for every datagram they send,
 * so the lines of one second are bounded, and what was left out is counted. */
#ifndef SIPSEAL_DAEMON_NET_LOG_H
#define SIPSEAL_DAEMON_NET_LOG_H

#include "daemon/counters.h"
#include "daemon/log.h"
#include "net/transports.h"
#include "proxy/proxy.h"

struct net_log {
    const struct log *log;
    uint32_t lines_max; /* in one second: limits.log_lines */
    int64_t second;
    uint32_t lines, suppressed;
    uint64_t left_out; /* in all */
};

void net_log_event(struct net_log *l, const struct proxy_event *event, int64_t now);
/* `host`: as transports tell it. */
void net_log_handshake(struct net_log *l, const struct hop *remote, struct span host, enum rule why, int64_t now);
/* Groups sip, rules and transport of the counters. */
void net_log_count(const struct net_log *l, const struct counters_to *to, const struct proxy *proxy,
                   const struct transports *transports);

#endif
