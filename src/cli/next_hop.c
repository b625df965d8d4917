#include "cli/next_hop.h"

#include <string.h>
#include <strings.h>

#include "tls/tls.h"

enum exit_code next_hop_find(const struct cli *cli, const char *uri, struct net_place *place)
{
    const char *proxy = arguments_value(&cli->arguments, "proxy"), *problem;
    const char *asked = proxy ? proxy : uri;
    if (net_place_of_uri(span_text(asked), place, &problem))
        return EXIT_DONE;
    return cli_fail(proxy ? EXIT_USAGE : EXIT_NETWORK, "%s %s; give the next hop with --proxy sip:ADDRESS:PORT", asked,
                    problem);
}

enum exit_code next_hop_fail(const struct net_place *place, enum rule tls, const char *problem)
{
    char peer[NET_ADDRESS_TEXT_MAX];
    net_place_text(place, peer);
    if (tls != RULE_OK)
        return cli_fail(EXIT_NETWORK,
                        "%s at %s (tls): %s [%s]; nothing was sent; see docs/rules.md, or ask its operator",
                        place->host, peer, rule_sentence(tls), rule_name(tls));
    return cli_fail(EXIT_NETWORK, "%s (%s): %s; see whether the server is running there", peer,
                    sip_transport_word(place->transport), problem);
}

bool next_hop_way_over(const struct net_loop *loop, uint64_t flow, enum sip_transport transport, struct call_way *way)
{
    struct net_place local;
    *way = (struct call_way){.flow = flow, .reliable = transport != SIP_UDP, .transport = transport};
    return flow != 0 && net_local(loop, flow, &local) && net_place_text(&local, way->sent_by)[0];
}

static uint16_t port_of(const struct sip_uri *uri, enum sip_transport transport)
{
    return uri->port ? uri->port : transport == SIP_TLS ? TLS_PORT : NET_PORT_DEFAULT;
}

/* Whether the URI leads to the place by its words alone: the name that a connection over TLS was made for need not be
 * one that can be looked up. */
static bool leads_to(struct span text, const struct net_place *place)
{
    struct sip_uri uri;
    if (sip_uri_parse(text, &uri) != RULE_OK || !span_equal_nocase(uri.host, span_text(place->host)))
        return false;
    enum sip_transport transport = sip_uri_transport(&uri);
    if (transport == SIP_TRANSPORT_NONE)
        transport = uri.port == TLS_PORT ? SIP_TLS : SIP_UDP;
    return transport == place->transport && port_of(&uri, transport) == net_port(place);
}

bool next_hop_way(struct net_loop *loop, struct span uri, const struct net_place *place, uint64_t flow,
                  struct call_way *way)
{
    struct net_place found;
    const char *problem;
    uint64_t opened;
    if (place && leads_to(uri, place) && next_hop_way_over(loop, flow, place->transport, way))
        return true;
    if (!net_place_of_uri(uri, &found, &problem)) /* a name that only the proxy knows leads through the proxy */
        return place && next_hop_way_over(loop, flow, place->transport, way);
    if (found.transport == SIP_TRANSPORT_NONE)
        found.transport = SIP_UDP;
    if (place && found.transport == place->transport && net_same_address(&found, place) &&
        strcasecmp(found.host, place->host) == 0 && next_hop_way_over(loop, flow, place->transport, way))
        return true;
    return net_open(loop, &found, cli_now_ms(), &opened) && next_hop_way_over(loop, opened, found.transport, way);
}
