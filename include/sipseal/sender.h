/* The sender's side: content signed and sealed in layers, for several readers, with labels and Sealed-For (protocol.md
 * 2, 2.1, 2.4, 2.5; REQ-CONF-1, REQ-CONF-2, REQ-INT-1, REQ-INT-2). */
#ifndef SIPSEAL_SENDER_H
#define SIPSEAL_SENDER_H

#include "sipseal/arena.h"
#include "sipseal/certificate.h"
#include "sipseal/label.h"
#include "sipseal/outline.h"

enum {
    SENDER_CONTENT_MAX = 64 * 1024, /* bytes of all contents together */
    SENDER_RANDOM_LEN = 32,
    SENDER_LAYERS_MAX = 3,
    SENDER_PARTS_MAX = LABEL_CIDS_MAX, /* so that one label can name them all */
};

/* What is put around a content, or around another layer. Signatures and sealings alternate, and a signature is the
 * innermost, since nothing sealed goes unsigned (protocol.md 2). So there are:
 *
 *   signed                    one's identity and the content's integrity, readable by everyone
 *   signed, sealed            the ordinary body
 *   signed, sealed, signed    for a middle that verifies without seeing: it checks the outer signature */
struct sender_layer {
    enum sender_layer_kind {
        SENDER_SIGNED,       /* application/pkcs7-mime; smime-type=signed-data */
        SENDER_CLEAR_SIGNED, /* multipart/signed: its content can be read without S/MIME */
        SENDER_SEALED,       /* application/pkcs7-mime; smime-type=authEnveloped-data */
    } kind;
    struct span cid; /* Content-ID of the object that the layer makes, without brackets: of a sealing and of the
                        outermost layer; may be empty elsewhere */
    const struct identity *signer; /* of a signature; null: the draft's. Else an edge agent's (2.1, rule 3) */
};

/* One content, its layers from the inside outwards, and who can read it. */
struct sender_part {
    struct span content_type; /* "text/plain;charset=UTF-8" */
    struct span disposition;  /* "render"; empty: none */
    struct span content;      /* text/ * must have CRLF line ends already */
    struct sender_layer layer[SENDER_LAYERS_MAX];
    size_t layer_count;
    struct certificate *const *reader; /* sealing certificates, checked (trust_check); none without a sealing */
    size_t reader_count;
    bool optional; /* for middles alone: the recipient need not open it (handling=optional) */
};

struct sender_draft {
    struct message_context context; /* complete, with Date */
    int64_t now;                    /* seconds; what Date says, and signing-time */
    const struct identity *signer;
    const struct certificate *sealing; /* where others shall seal to; named when it is not the signer's; may be null */
    struct certificate *const *carry;  /* further certificates to carry in the innermost signatures */
    size_t carry_count;
    struct labels labels; /* they name Content-IDs of the layers, outer before inner */
    struct sender_part part[SENDER_PARTS_MAX]; /* several: a multipart/mixed, each with readers of its own */
    size_t part_count;
    uint8_t random[SENDER_RANDOM_LEN]; /* for the boundaries */
};

struct sender_body {
    struct span headers; /* label lines, MIME-Version, Content-ID, Content-Type, ...: header lines for the SIP message,
                            each with CRLF; without Content-Length and Date */
    struct span body;
};

/* Signs, seals, labels. The result is in the arena; working memory is wiped. RULE_MIME_SIZE, RULE_CMS_LIMIT;
 * RULE_CMS_STRUCTURE for layers that are none of those above, a sealing without readers or readers without a sealing, a
 * Content-ID that is missing; those of cms_sign_preferring and cms_seal. */
enum rule sender_protect(const struct sender_draft *draft, struct arena *arena, struct sender_body *out);

#endif
