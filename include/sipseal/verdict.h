/* What a middle found in a message: a value without pointers, so that it travels between processes. It holds names
 * and types, never content. */
#ifndef SIPSEAL_VERDICT_H
#define SIPSEAL_VERDICT_H

#include "sipseal/label.h"
#include "sipseal/outline.h"
#include "sipseal/proof.h"

enum {
    VERDICT_PARTS_MAX = OUTLINE_PARTS_MAX,
    VERDICT_TYPES_MAX = MIME_PARTS_MAX,
    VERDICT_TYPE_MAX = 80,
    VERDICT_NAME_MAX = 256,
};

enum part_state {
    PART_PLAIN,  /* neither sealed nor signed */
    PART_CLOSED, /* sealed, and not opened, whatever the reason (protocol.md 2.3: they look alike) */
    PART_OPENED, /* sealed, and opened */
    PART_SIGNED, /* signed in the clear */
};

struct verdict_part {
    char cid[LABEL_CID_MAX + 1];
    enum part_state state;
    bool reader;        /* a RecipientInfo names this middle */
    bool labelled;      /* a header label names this middle and this part */
    unsigned asked;     /* enum label_action of that label, its default filled in */
    enum rule label;    /* RULE_OK; RULE_LABEL_ABSENT, _UNSIGNED, _DIFFERS */
    enum rule signature; /* RULE_OK, or why it proves nothing; RULE_SIGNATURE_ABSENT when there is none. Of a closed
                            part: that of the signature in the clear that it stands in (REQ-INT-2) */
    enum proof_kind proof;
    char signer[VERDICT_NAME_MAX + 1];               /* AoR or domain; empty when unproven */
    char type[VERDICT_TYPES_MAX][VERDICT_TYPE_MAX + 1]; /* of the leaf parts that can be seen; lower case */
    size_t type_count;
    uint8_t replay_key[32];  /* with the Request-URI: for middles */
    uint8_t archive_key[32]; /* without it */
    bool has_replay_key;
};

struct verdict {
    enum rule broken; /* a fault of the whole message (broken CMS or MIME, a refused algorithm), else RULE_OK */
    struct verdict_part part[VERDICT_PARTS_MAX];
    size_t part_count;
};

/* No parts, and nothing broken. The parts themselves, 48 KiB, are cleared when one is added: there are seldom more than
 * one or two. */
void verdict_clear(struct verdict *v);

/* The identity that the message's signatures prove: the signer of the first part with PROOF_USER, else PROOF_DOMAIN;
 * empty when there is none. */
struct span verdict_identity(const struct verdict *v);

/* For the process boundary: writes and reads a verdict; reading checks every field, and false says that one is out of
 * its bounds. */
void verdict_write(struct writer *w, const struct verdict *v);
bool verdict_read(struct cursor *c, struct verdict *v);

#endif
