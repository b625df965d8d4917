/* A REGISTER taken apart (RFC 3261 10.3, RFC 3327, RFC 5626). Private to src/proxy. */
#ifndef SIPSEAL_PROXY_REGISTRAR_H
#define SIPSEAL_PROXY_REGISTRAR_H

#include "proxy/location.h"
#include "proxy/proxy.h"
#include "proxy/routing.h"

struct register_request {
    struct registration registration; /* of `contact` */
    struct contact contact[LOCATION_USER_CONTACTS_MAX];
    struct span path; /* as it is kept and copied back; empty: none */
    bool direct;      /* it came from the registering client itself, not through a proxy */
    bool outbound;    /* the first hop knows of RFC 5626, and so does the client: reg-id counts */
    bool flows;       /* a Contact has a reg-id that counts */
    uint8_t aor_room[LOCATION_URI_MAX], path_room[LOCATION_PATH_MAX];
};

/* Whose registration it is, its Path, and what its sender knows of. `r` lives as long as `m`, and is not to be moved.
 * RULE_SIP_URI, RULE_SIP_ROUTE, RULE_SIP_HEADERS, RULE_SIP_PATH, RULE_SIP_PATH_UNKNOWN. */
enum rule register_read_request(const struct routing *routing, const struct proxy_source *source,
                                const struct sip_message *m, struct register_request *r);
/* Then its Contacts. RULE_SIP_SYNTAX, RULE_SIP_URI, RULE_SIP_CONTACT, RULE_SIP_REGISTER_LIMIT, RULE_SIP_REGISTER_BRIEF,
 * RULE_SIP_REGISTER_FLOW, RULE_SIP_NO_OUTBOUND. */
enum rule register_read_contacts(const struct limits *limits, const struct proxy_source *source,
                                 const struct sip_message *m, struct register_request *r);

/* Whether a text may stand as an instance: "<urn:uuid:...>", without anything that ends a quoted string or a line. */
bool register_is_instance(struct span text);

#endif
