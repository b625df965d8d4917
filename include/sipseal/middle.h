/* The middle's examination of a body: what it is labelled for is opened and verified; nothing else is
 * (protocol.md 4; REQ-CONF-1, REQ-CONF-3, REQ-INT-1, REQ-INT-2). Bytes in, a verdict out; policy is decided elsewhere. */
#ifndef SIPSEAL_MIDDLE_H
#define SIPSEAL_MIDDLE_H

#include "sipseal/outline.h"
#include "sipseal/verdict.h"

enum { MIDDLE_NAMES_MAX = 8, MIDDLE_IDENTITIES_MAX = 8 };

struct middle {
    struct span name[MIDDLE_NAMES_MAX]; /* the host names by which labels may name it */
    size_t name_count;
    const struct identity *identity[MIDDLE_IDENTITIES_MAX]; /* sealing keys */
    size_t identity_count;
    struct trust *trust;
    int64_t window;  /* seconds; PROOF_WINDOW_DEFAULT */
    unsigned legacy; /* enum cms_legacy: what is read for legacy peers; 0: nothing */
};

/* What was disclosed to this middle, in the order of the parts: for the services that may read it. */
struct disclosed {
    struct disclosed_part {
        struct span object; /* the signed entity that was inside the sealing, or the part itself when signed or plain:
                               head and body, so that signatures can be verified again from an archive */
        size_t part;        /* index in the verdict */
    } part[VERDICT_PARTS_MAX];
    size_t count;
};

/* Examines a message. Plaintext stays in the arena, which the caller resets. Always fills `verdict`. */
void middle_examine(const struct middle *middle, const struct message_outline *outline, int64_t now,
                    struct arena *arena, struct verdict *verdict, struct disclosed *disclosed);

#endif
