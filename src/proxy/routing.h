/* Where a request goes (RFC 3261 16.4 to 16.6): static routes by domain, the location service for one's own domains,
 * and Route headers. Pure but for the location service's own upkeep. */
#ifndef SIPSEAL_PROXY_ROUTING_H
#define SIPSEAL_PROXY_ROUTING_H

#include "config/config.h"
#include "proxy/location.h"
#include "sipseal/rule.h"
#include "sipseal/sip_message.h"

/* What a proxy knows of itself and of the world. Borrowed. */
struct routing {
    const struct span *name; /* server.names */
    size_t name_count;
    const struct hop *listen; /* with their real ports */
    size_t listen_count;
    const struct route *route;
    size_t route_count;
    bool tells_policy; /* it is a user of its own, `policy` at each of its names (protocol.md 6) */
};

/* The Route headers of a request, as far as they matter here. */
struct route_set {
    size_t own;              /* leading values that name this proxy: to be taken out (16.4) */
    bool has_next;           /* a value is left */
    struct sip_address next; /* the topmost that is left */
    struct span dialog;      /* what the topmost own value says of the dialog (record_route.c); empty: nothing */
    bool loose;              /* it has the lr parameter (16.12); else its element is a strict router (16.6 step 6) */
};

enum target_kind {
    TARGET_HOP,       /* forward to each of `to` */
    TARGET_SELF,      /* the request is for the proxy itself */
    TARGET_POLICY,    /* the request is for the proxy's own user `policy` */
    TARGET_REGISTRAR, /* a REGISTER for `route`, an own domain */
};

/* One of the target set (16.5). */
struct target_hop {
    struct hop hop;
    struct span host;    /* over TLS: whom a connection must lead to (RFC 5922 7.3); empty: nobody. Lives as the route */
    uint64_t flow;       /* the connection or UDP socket by which a user registered; 0: any */
    bool flow_only;      /* by that flow and no other */
    /* What is the user's lives as long as the location service is not changed. */
    struct span contact;  /* takes the place of the Request-URI; empty: it stays */
    struct span route;    /* to be the Route: the path of the contact (RFC 3327 5.4); empty: none */
    struct span instance; /* of targets of one instance only one is tried at a time (RFC 5626 7); empty: none */
    unsigned q;           /* targets of equal q are tried at once, the highest first */
};

struct target {
    enum target_kind kind;
    struct target_hop to[LOCATION_USER_CONTACTS_MAX]; /* TARGET_HOP; the best first */
    size_t count;
    const struct route *route;
    bool not_registered;   /* a user of an own domain who is not there: it goes to the route's next server */
    bool chosen_by_sender; /* the one target is an address that the sender wrote: into a Route header, or into the
                              Request-URI of a request that came by our own Route */
};

/* Whether a URI's host and port are this server's: one of its names (with a port: one it listens on), or an address on
 * which it listens. */
bool routing_is_self(const struct routing *r, const struct sip_uri *uri);

/* The route of a domain, or of every other domain ("*"); null when there is none. */
const struct route *routing_find(const struct routing *r, struct span domain);

/* Reads the Route headers. RULE_SIP_URI. */
enum rule routing_route_set(const struct routing *r, const struct sip_message *m, struct route_set *set);

/* Where a request goes. RULE_SIP_URI, RULE_SIP_SCHEME, RULE_SIP_ROUTE (no route to the domain, or to a user of the
 * proxy itself), RULE_SIP_NOT_REGISTERED. */
enum rule routing_target(const struct routing *r, struct location *location, const struct sip_message *m,
                         const struct route_set *set, uint64_t now, struct target *target);

/* Where requests go that have this path as their Route. False when there is no way to its first URI. */
bool routing_path(const struct routing *r, struct span path, struct target_hop *to);

/* The listening socket from which to send to a hop: same transport, same address family. Returns its number, or
 * `listen_count` when there is none. */
size_t routing_local(const struct routing *r, const struct hop *hop);

/* Reads a URI with a numeric host as a hop; without transport it is UDP (RFC 3263 4.1), without port 5060. False for
 * names, for transports that are not there, and for addresses that are not those of one host. */
bool hop_of_uri(const struct sip_uri *uri, struct hop *hop);

#endif
