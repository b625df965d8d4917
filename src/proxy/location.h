/* The location service: which contacts an address-of-record is registered with (RFC 3261 10.3). In memory, bounded,
 * on the caller's clock: `now` is monotonic, in milliseconds.
 *
 * Registrations are atomic: all contacts of one REGISTER are taken, or none. */
#ifndef SIPSEAL_PROXY_LOCATION_H
#define SIPSEAL_PROXY_LOCATION_H

#include "config/config.h"
#include "sipseal/bytes.h"
#include "sipseal/rule.h"
#include "sipseal/sip_uri.h"

enum {
    LOCATION_KEY_LEN = 16,
    LOCATION_USER_CONTACTS_MAX = 32, /* of one user, whatever the configuration allows */
    LOCATION_URI_MAX = 512,          /* bytes of a contact, and of an address-of-record */
    LOCATION_Q_MAX = 1000,           /* q-values in thousandths */
};

struct contact {
    struct span uri;
    struct span user; /* of the URI, as written */
    struct hop hop;   /* where requests for it go */
    uint64_t flow;    /* over TLS: the connection that they go over; else 0 */
    unsigned q;
    uint32_t expires; /* seconds: asked for when registering (0 removes), left when looked up */
};

/* What one REGISTER says. */
struct registration {
    struct span aor; /* as sip_write_aor_key writes it */
    struct span call_id;
    uint32_t cseq;
    const struct contact *contact;
    size_t count;
    bool remove_all; /* "Contact: *" */
};

struct location;

/* `key` is random and secret: strangers choose the names. Null when there is no memory. */
struct location *location_new(uint32_t bindings_max, uint32_t bindings_per_user,
                              const uint8_t key[LOCATION_KEY_LEN]);
void location_free(struct location *l);
size_t location_count(const struct location *l);
/* Other limits. Bindings that are there stay, also when there are more. */
void location_limit(struct location *l, uint32_t bindings_max, uint32_t bindings_per_user);

/* RULE_SIP_REGISTER_ORDER: a later registration with this Call-ID came before (10.3 steps 6 and 7);
 * RULE_SIP_REGISTER_LIMIT: more contacts than a user may have; RULE_OVERLOAD: no room for more bindings at all;
 * RULE_NO_MEMORY. */
enum rule location_register(struct location *l, const struct registration *r, uint64_t now);

/* The contacts of an address-of-record, best first: the highest q, then the one registered last. Spans live until the
 * next location_register or location_sweep. */
size_t location_find(struct location *l, struct span aor, uint64_t now, struct contact *out, size_t max);

/* Forgets a share of what has expired; a lookup never sees the rest. Call it about once a second. */
void location_sweep(struct location *l, uint64_t now);

#endif
