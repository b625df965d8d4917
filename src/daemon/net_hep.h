/* Net tells a capture server of each SIP message that it receives and sends, over HEP (hep.h). It never waits for it:
 * what cannot be sent at once is lost, and counted. */
#ifndef SIPSEAL_DAEMON_NET_HEP_H
#define SIPSEAL_DAEMON_NET_HEP_H

#include "daemon/counters.h"
#include "daemon/hep.h"
#include "net/transports.h"

/*  X(name) */
#define HEP_COUNTERS(X)                                                                                                \
    X(told)     /* messages that a packet was sent of */                                                               \
    X(lost)     /* the system did not take the packet */                                                               \
    X(cut)      /* of those told: the message did not fit */                                                           \
    X(left_out) /* not well-formed, so that what is content in it is not known */

struct hep_counters {
    HEP_COUNTERS(COUNTER_FIELD)
};

/* What net is told of it. */
struct hep_told {
    bool given;
    int fd; /* a UDP socket that is connected to the server; -1: taken */
    uint32_t id;
    bool bodies; /* messages are told of as they are; else without their content and credentials */
    uint8_t password[HEP_PASSWORD_MAX];
    size_t password_len;
};

struct net_hep {
    struct hep_told told;
    struct hep_counters counters;
    struct sip_message message; /* the one at hand */
    uint8_t packet[HEP_PACKET_MAX], head[SIP_HEAD_MAX];
};

struct net;

/* Null when there is no memory. Nobody is told yet. */
struct net_hep *net_hep_new(void);
/* Null may be freed. */
void net_hep_free(struct net_hep *h);
/* Tells as a setup says from now on; takes its socket over. */
void net_hep_use(struct net_hep *h, struct hep_told *told);

/* Both do nothing where nobody is to be told. To be called after the transports were given what is sent. */
void net_hep_received(struct net *n, const struct proxy_source *source, struct span bytes);
void net_hep_sent(struct net *n, const struct proxy_action *sent);

/* Group hep. */
void net_hep_count(const struct net *n, const struct counters_to *to);

#endif
