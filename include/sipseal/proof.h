/* What a signature proves about a message (protocol.md 2.1). */
#ifndef SIPSEAL_PROOF_H
#define SIPSEAL_PROOF_H

#include "sipseal/arena.h"
#include "sipseal/certificate.h"
#include "sipseal/mime.h"
#include "sipseal/outline.h"
#include "sipseal/sipfrag.h"

enum { PROOF_WINDOW_DEFAULT = 600 }; /* seconds that a signed Date may differ from now, either way */

enum proof_kind {
    PROOF_NONE,    /* nothing: no signature, or one that fails */
    PROOF_CONTENT, /* who wrote the content, not that it belongs to this message (plain RFC 8591) */
    PROOF_DOMAIN,  /* the sender's domain vouches: only for a signature over a sealed part (protocol.md 2.1, rule 3) */
    PROOF_USER,    /* the sender, for this message */
};

/* How a signature is judged. */
struct proof_terms {
    struct trust *trust;
    int64_t now;
    int64_t window;                           /* seconds; PROOF_WINDOW_DEFAULT */
    const struct message_context *context;    /* the message around it */
    /* The sealed part that the signature was found in; null when it was not sealed. */
    const struct proof_sealed {
        struct span cid;
        const struct certificate *self; /* one's own certificate, a reader */
        size_t encrypted_keys;
    } * sealed;
};

struct proof {
    enum rule broken;     /* RULE_OK, or the first of protocol.md 2.1 that does not hold */
    enum proof_kind kind;
    struct certificate *signer;   /* a reference; null when nothing was verified */
    struct span identity;         /* From URI of the signed copy, else the certificate's name; points into the entity */
    struct mime_entity content;   /* what was signed, without the sipfrag: the first part */
    bool has_content;             /* false: the sipfrag alone was signed */
    bool has_frag;
    struct sipfrag frag;
    uint8_t attributes_hash[32];  /* SHA-256 of the DER signed attributes */
    struct certificate *bag[CERTIFICATES_IN_BAG_MAX];
    size_t bag_count;
    struct certificate *sealing;  /* what the signer says others shall seal to: of the bag, or `signer`; not a reference
                                     of its own; null when it names one that did not come along */
};

/* Verifies a signed entity (MIME_SIGNED or MIME_CLEAR_SIGNED) and judges it. Always fills `out`; the content may be
 * looked at whatever `broken` says, as long as it is shown as unproven. The entity and the arena must outlive it. */
void proof_examine(const struct mime_entity *entity, const struct proof_terms *terms, struct mime_budget *budget,
                   struct arena *arena, struct proof *out);
void proof_clear(struct proof *p);

/* SHA-256 over signer's key hash, attributes hash and, for a middle, the Request-URI (protocol.md 2.1, Replay). Only of a
 * proof that has a signer. */
enum rule proof_replay_key(const struct proof *p, const struct span *request_uri, uint8_t key[32]);

#endif
