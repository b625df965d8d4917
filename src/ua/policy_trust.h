/* Whom a user lets view and verify what the user sends (protocol.md 6; REQ-GEN-4): trust is not discovered. A policy
 * object says what a proxy wants; these rules say what it may have, and decide without a look at anything else. */
#ifndef SIPSEAL_UA_POLICY_TRUST_H
#define SIPSEAL_UA_POLICY_TRUST_H

#include "sipseal/policy_object.h"

enum { POLICY_TRUST_GRANTS_MAX = 32 };

struct policy_trust {
    struct policy_grant {
        enum policy_grantee {
            GRANT_OWN,       /* the proxies of the user's own domain, by an object that the domain signed */
            GRANT_RECIPIENT, /* those of the recipient's domain, likewise */
            GRANT_OUTBOUND,  /* the proxy that requests are sent to, by its name */
            GRANT_HOST,      /* `host`, named by the user */
        } whom;
        struct span host;
        unsigned actions; /* enum label_action */
    } grant[POLICY_TRUST_GRANTS_MAX];
    size_t count;
    bool never; /* "none": beyond the grants the answer is no, and nobody is asked */
};

/* View and verify to the proxies of the user's own domain, and nothing to anybody else. */
struct policy_trust policy_trust_default(void);

/* Adds what a text says: words separated by commas or white space, each "own", "recipient", "outbound", a host name, or
 * "none"; one with "=view", "=verify" or "=view+verify" behind it is granted that alone, else both. Spans point into the
 * text. False when it is none of that, or there are too many; `*bad` is then the word. */
bool policy_trust_read(struct span text, struct policy_trust *trust, struct span *bad);

/* Who the user has to do with. */
struct policy_parties {
    struct span own_domain, recipient_domain;
    struct span outbound; /* host name of the proxy that requests are sent to; empty: it has none */
};

/* What the rules grant to the proxy `host` of an accepted object: enum label_action. */
unsigned policy_trust_granted(const struct policy_trust *trust, const struct policy_parties *parties,
                              const struct policy_object_accepted *accepted, struct span host);

/* --- what becomes of a refusal by a proxy --- */

enum { POLICY_ROUNDS_MAX = 3 /* times that one message is sent again */ };

enum policy_step_kind {
    POLICY_STEP_GIVE, /* seal for it, label, and send again */
    POLICY_STEP_ASK,  /* not granted: the user may grant it for this message; without a user, nothing is disclosed */
    POLICY_STEP_STOP, /* nothing is disclosed, for `broken` */
};

struct policy_step {
    enum policy_step_kind kind;
    enum rule broken;     /* RULE_POLICY_OBJECT_NOT_GRANTED for ASK too */
    unsigned actions;     /* what the proxy requires: never more is given */
    struct span purpose;  /* the proxy's words for it, or empty */
    size_t proxy;         /* which of the object's proxies it is */
};

struct policy_step_terms {
    const struct policy_trust *trust;
    const struct policy_parties *parties;
    const struct policy_object_accepted *accepted;
    const struct policy_object_question *question;
    struct span host; /* the proxy that refused, or that is known to be on the way */
    unsigned given;   /* what it can do with the message already */
    unsigned rounds;  /* times that the message was sent again */
};

/* What to do about it. RULE_POLICY_OBJECT_ROUNDS when too much was tried, or nothing new is asked for;
 * RULE_POLICY_OBJECT_UNUSABLE when it wants to view and gives nothing to seal to. */
struct policy_step policy_step_of(const struct policy_step_terms *terms);

/* The object that a response carries: a final response of a proxy, or the answer to OPTIONS. `*der` is in the arena.
 * RULE_POLICY_OBJECT_ABSENT when it has none, RULE_POLICY_OBJECT_SYNTAX when its body cannot be read. */
enum rule policy_object_of_response(const struct sip_message *response, struct arena *arena, struct span *der);

#endif
