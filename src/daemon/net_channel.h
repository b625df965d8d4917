/* A channel of net to a vault or to the store: datagrams out of a bounded queue, datagrams in, in the event loop. */
#ifndef SIPSEAL_DAEMON_NET_CHANNEL_H
#define SIPSEAL_DAEMON_NET_CHANNEL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "sipseal/bytes.h"

struct net_datagram;
STAILQ_HEAD(net_datagrams, net_datagram);

struct net_channel {
    int fd; /* -1: absent */
    uint32_t number;
    size_t queue_max;
    struct event_base *base;
    struct event *readable, *writable;
    struct net_datagrams queue;
    size_t queued;
    uint8_t *buffer; /* IPC_BATCH_MAX times IPC_MESSAGE_MAX bytes, shared by all channels */
    void *owner;
    /* One datagram. False when it is not what the channel is for: then it is lost. */
    bool (*received)(struct net_channel *c, struct span datagram);
    /* The other end is gone, or cannot be trusted. The channel is absent by now. */
    void (*lost)(struct net_channel *c);
    void (*settled)(struct net_channel *c);
};

/* Takes over `fd`. False without memory. */
bool net_channel_open(struct net_channel *c, int fd);
void net_channel_close(struct net_channel *c);
/* Lets it wait for net_channel_flush. A channel that is absent, or whose queue is full, loses it: the owner of a channel
 * never asks for more than the queue takes. */
void net_channel_send(struct net_channel *c, struct span datagram);
/* Sends what waits, several datagrams at a time; what the other end does not take yet, when it reads again. To be called
 * at the end of a turn of the event loop. */
void net_channel_flush(struct net_channel *c);
/* Whether datagrams still wait. */
bool net_channel_pending(const struct net_channel *c);

#endif
