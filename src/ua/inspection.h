/* The parts of a message, one by one: who can read which, what is signed, and what cannot be known. Nothing is decided
 * here; a recipient (recipient.h) or a middle (middle.h) looks at less and judges more. */
#ifndef SIPSEAL_UA_INSPECTION_H
#define SIPSEAL_UA_INSPECTION_H

#include "sipseal/arena.h"
#include "sipseal/outline.h"
#include "sipseal/proof.h"

enum { INSPECTION_PARTS_MAX = MIME_PARTS_MAX + MIME_DEPTH_MAX * 2 };

struct inspected_part {
    unsigned depth;  /* 0: the body of the message */
    size_t parent;   /* index; its own for the body */
    struct mime_entity entity;

    bool sealed;
    enum rule sealed_broken;    /* RULE_OK: its readers could be read */
    struct cms_readers readers; /* also of an object that is read for legacy peers alone, switched on or not */
    bool is_reader;             /* a RecipientInfo names the one who inspects */
    bool opened;
    enum rule open_broken;      /* why it could not be opened; RULE_CMS_NOT_READER without a key for it */

    bool is_signed;
    struct proof proof;         /* of a signed part */

    enum rule children_broken;  /* why its parts could not be read */
};

struct inspection {
    struct inspected_part *part; /* in the arena; parents before their children, in the order of the message */
    size_t count;
    bool truncated; /* there are more parts than can be shown */
};

struct inspection_terms {
    const struct identity *self; /* whose key opens what it can; null: none */
    struct trust *trust;
    int64_t now, window;
    unsigned legacy; /* enum cms_legacy: what is opened for legacy peers */
    const struct message_context *context;
    const struct proof_sealed *sealed; /* the sealed part that the body was found in; null: none */
};

/* Takes the body apart. False when the arena is exhausted. Plaintext is in the arena. */
bool inspect_body(const struct mime_entity *body, const struct inspection_terms *terms, struct arena *arena,
                  struct inspection *out);
void inspection_clear(struct inspection *inspection);

enum inspection_verdict {
    INSPECTION_FINE,       /* everything that must be read was opened, and what was opened is signed and verifies */
    INSPECTION_UNREADABLE, /* a part that must be read could not be opened */
    INSPECTION_UNVERIFIED, /* a signature fails, or content is not signed */
};
enum inspection_verdict inspection_judge(const struct inspection *inspection);

#endif
