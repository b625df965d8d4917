#include "daemon/net_hep.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "daemon/net.h"

/* --- telling --- */

static void send_packet(struct net_hep *h, struct span packet)
{
    struct iovec piece = {(void *)(uintptr_t)packet.at, packet.len};
    const struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t sent;
    do
        sent = sendmsg(h->told.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)packet.len)
        h->counters.told++;
    else
        h->counters.lost++;
}

/* What is told of a message, or empty. One that is not well-formed may have content anywhere: none of it leaves, unless
 * content may. */
static struct span payload_of(struct net_hep *h, struct span bytes, bool well_formed)
{
    struct writer w = writer_over(h->head, sizeof h->head);
    if (h->told.bodies)
        return bytes;
    if (well_formed)
        hep_write_head(&w, &h->message);
    return w.full ? (struct span){0} : writer_span(&w);
}

static void tell(struct net_hep *h, struct hep_packet *p, enum sip_framing framing, struct span bytes)
{
    enum { PAYLOAD_MAX = HEP_PACKET_MAX - HEP_OVERHEAD_MAX };
    struct writer w = writer_over(h->packet, sizeof h->packet);
    struct timespec now;
    bool well_formed = sip_message_parse(bytes, framing, &h->message) == RULE_OK;
    struct span payload = payload_of(h, bytes, well_formed);
    if (payload.len == 0) {
        h->counters.left_out++;
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    p->seconds = now.tv_sec;
    p->microseconds = (uint32_t)(now.tv_nsec / 1000);
    p->id = h->told.id;
    p->password = span_of(h->told.password, h->told.password_len);
    p->call_id = well_formed ? h->message.call_id : (struct span){0};
    p->payload = span_part(payload, 0, PAYLOAD_MAX);
    h->counters.cut += payload.len > PAYLOAD_MAX;
    if (hep_write(&w, p))
        send_packet(h, writer_span(&w));
    else
        h->counters.lost++;
}

static enum sip_framing framing_of(enum sip_transport transport)
{
    return transport == SIP_UDP ? SIP_DATAGRAM : SIP_STREAM;
}

/* An end that is not known any more has address and port 0, of the other end's family. */
static struct sockaddr_storage local_end(const struct net *n, uint64_t flow, const struct hop *remote, struct span host)
{
    struct hop local = {.address = {.ss_family = remote->address.ss_family}};
    transports_local(n->transports, flow, remote, host, &local);
    return local.address;
}

void net_hep_received(struct net *n, const struct proxy_source *source, struct span bytes)
{
    if (!n->hep->told.given)
        return;
    const struct hop remote = {source->transport, source->address, source->address_len};
    struct hep_packet p = {.source = source->address,
                           .destination = local_end(n, source->flow, &remote, (struct span){0}),
                           .stream = source->transport != SIP_UDP};
    tell(n->hep, &p, framing_of(source->transport), bytes);
}

void net_hep_sent(struct net *n, const struct proxy_action *sent)
{
    if (!n->hep->told.given)
        return;
    struct hep_packet p = {.source = local_end(n, sent->flow, &sent->hop, sent->host),
                           .destination = sent->hop.address,
                           .stream = sent->hop.transport != SIP_UDP};
    tell(n->hep, &p, framing_of(sent->hop.transport), sent->bytes);
}

/* --- beginning and end --- */

struct net_hep *net_hep_new(void)
{
    return calloc(1, sizeof(struct net_hep));
}

static void stop(struct net_hep *h)
{
    if (h->told.given)
        close(h->told.fd);
    bytes_wipe(&h->told, sizeof h->told);
}

void net_hep_free(struct net_hep *h)
{
    if (h)
        stop(h);
    free(h);
}

void net_hep_use(struct net_hep *h, struct hep_told *told)
{
    stop(h);
    h->told = *told;
    told->fd = -1;
    bytes_wipe(told->password, sizeof told->password);
}

void net_hep_count(const struct net *n, const struct counters_to *to)
{
    const struct hep_counters COUNTED = n->hep->counters;
    const struct counter counter[] = {HEP_COUNTERS(COUNTER_VALUE)};
    counters_put(to, "hep", counter, sizeof counter / sizeof *counter);
}
