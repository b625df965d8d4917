/* The recipient's side: opens what is sealed to it, verifies, and says who sent it and who else can read it
 * (protocol.md 4). */
#ifndef SIPSEAL_RECIPIENT_H
#define SIPSEAL_RECIPIENT_H

#include "sipseal/arena.h"
#include "sipseal/cms.h"
#include "sipseal/outline.h"
#include "sipseal/proof.h"

enum { RECIPIENT_PARTS_MAX = OUTLINE_PARTS_MAX, RECIPIENT_IDENTITIES_MAX = 8 };

struct recipient {
    const struct identity *identity[RECIPIENT_IDENTITIES_MAX];
    size_t identity_count;
    struct trust *trust;
    int64_t window;
    unsigned legacy; /* enum cms_legacy: what is read for legacy peers; 0: nothing */
};

struct received_part {
    struct span cid;
    bool sealed;
    bool opened;              /* sealed and opened */
    bool outer_signed;        /* a signature stands around the sealing, for middles (REQ-INT-1) */
    struct span outer_cid;
    enum proof_kind outer_proof; /* what that one proves */
    struct cms_readers readers; /* who can read it, when sealed */
    bool has_sealed_for;
    struct sealed_for sealed_for; /* by certificate, when proven by the signature */
    struct proof proof;
    bool has_content;
    struct mime_entity content; /* what to show: may be a multipart */
};

struct received {
    enum rule broken; /* RULE_OK: deliver; else refuse: RULE_UNDECIPHERABLE, a signature rule, a syntax rule */
    struct received_part part[RECIPIENT_PARTS_MAX];
    size_t part_count;
    bool labels_differ; /* between the message and a signed copy: reported to the user */
};

/* Opens and verifies every part. Plaintext stays in the arena. Always fills `out`; the caller clears it. A sealed
 * part with `handling=optional` that cannot be opened is skipped; another one is RULE_UNDECIPHERABLE. */
void recipient_open(const struct recipient *recipient, const struct message_outline *outline, int64_t now,
                    struct arena *arena, struct received *out);
void received_clear(struct received *r);

#endif
