/* The location service: which contacts an address-of-record is registered with (RFC 3261 10.3, RFC 3327, RFC 5626).
 * In memory, bounded, on the caller's clock: `now` is monotonic, in milliseconds.
 *
 * Registrations are atomic: all contacts of one REGISTER are taken, or none. Who keeps them elsewhere too makes them in
 * two steps: a plan says what there will be, and is made when that is kept, or dropped. Until then all that look see
 * what was there before, and nobody else can plan for the same address-of-record. */
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
    LOCATION_PATH_MAX = 1024,        /* bytes of a path */
    LOCATION_PATH_URIS_MAX = 8,      /* in one path */
    LOCATION_INSTANCE_MAX = 128,     /* bytes of an instance */
    LOCATION_CALL_ID_MAX = 256,      /* bytes of the Call-ID of a registration */
    LOCATION_Q_MAX = 1000,           /* q-values in thousandths */
};

struct contact {
    struct span uri;      /* of scheme sip, without headers */
    struct span path;     /* "<uri>, <uri>": the Route of requests for it (RFC 3327); empty: none */
    struct span instance; /* +sip.instance without its quotes (RFC 5626); empty: none */
    uint32_t reg_id;      /* which flow of the instance; 0: none */
    struct hop hop;       /* where requests for it go; does not count where there is a path */
    uint64_t flow;        /* the connection, or UDP socket, by which they go there; 0: any */
    bool flow_only;       /* by that flow and no other: without it the contact cannot be reached */
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

/* A binding with all that is needed to put it back. */
struct kept_binding {
    struct contact contact; /* but for `expires` */
    struct span call_id;
    uint32_t cseq;
    uint64_t expires_at; /* milliseconds, on the caller's clock */
};

struct location;
struct plan;

/* `key` is random and secret: strangers choose the names. Null when there is no memory. */
struct location *location_new(uint32_t bindings_max, uint32_t bindings_per_user,
                              const uint8_t key[LOCATION_KEY_LEN]);
void location_free(struct location *l); /* with the plans that are left */
size_t location_count(const struct location *l);
/* A number that stands for an address-of-record as long as `l` lives; others may have the same. */
uint64_t location_hash(const struct location *l, struct span aor);
/* Other limits. Bindings that are there stay, also when there are more. */
void location_limit(struct location *l, uint32_t bindings_max, uint32_t bindings_per_user);

/* --- registering --- */

/* Whether there is a plan for this address-of-record. */
bool location_is_planned(struct location *l, struct span aor);
/* RULE_SIP_REGISTER_ORDER: a later registration with this Call-ID came before (10.3 steps 6 and 7);
 * RULE_SIP_REGISTER_LIMIT: more contacts than a user may have; RULE_OVERLOAD: no room for more bindings at all;
 * RULE_NO_MEMORY. There must be no plan for this address-of-record. */
enum rule location_plan(struct location *l, const struct registration *r, uint64_t now, struct plan **plan);
/* Makes it so, or forgets it. Either ends the plan. */
void location_make(struct location *l, struct plan *plan, uint64_t now);
void location_drop(struct location *l, struct plan *plan, uint64_t now);
/* Both steps at once. */
enum rule location_register(struct location *l, const struct registration *r, uint64_t now);

/* Whom a plan is for, and what he will have; what he has now. The one registered first comes first. Spans live as long
 * as the plan, or until the location service is changed. */
struct span plan_aor(const struct plan *plan);
size_t plan_bindings(const struct plan *plan, struct kept_binding out[LOCATION_USER_CONTACTS_MAX]);
size_t location_bindings(struct location *l, struct span aor, uint64_t now,
                         struct kept_binding out[LOCATION_USER_CONTACTS_MAX]);

/* Puts back a binding that was kept, behind those of the user that are there. RULE_OVERLOAD, RULE_NO_MEMORY. */
enum rule location_restore(struct location *l, struct span aor, const struct kept_binding *binding);

/* --- looking up --- */

/* The contacts of an address-of-record, best first: the highest q, then the one registered last. Spans live until the
 * location service is changed. */
size_t location_find(struct location *l, struct span aor, uint64_t now, struct contact *out, size_t max);

/* Forgets a share of what has expired; a lookup never sees the rest. Call it about once a second. */
void location_sweep(struct location *l, uint64_t now);

#endif
