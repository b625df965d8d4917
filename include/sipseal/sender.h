/* The sender's side: sealed(signed(content + sipfrag)) with several readers, labels and Sealed-For
 * (protocol.md 2, 2.1, 2.4, 2.5; REQ-CONF-1, REQ-CONF-2). */
#ifndef SIPSEAL_SENDER_H
#define SIPSEAL_SENDER_H

#include "sipseal/arena.h"
#include "sipseal/certificate.h"
#include "sipseal/label.h"
#include "sipseal/outline.h"

enum { SENDER_CONTENT_MAX = 64 * 1024, SENDER_RANDOM_LEN = 32 };

struct sender_draft {
    struct message_context context; /* complete, with Date */
    int64_t now;                    /* seconds; what Date says, and signing-time */
    const struct identity *signer;
    struct span content_type;       /* "text/plain;charset=UTF-8" */
    struct span disposition;        /* "render"; empty: none */
    struct span content;            /* text/ * must have CRLF line ends already */
    struct certificate *const *reader; /* recipients' and middles' sealing certificates, checked; none: sign only */
    size_t reader_count;
    struct certificate *const *carry;  /* further certificates to carry beside the signer's */
    size_t carry_count;
    struct span cid;                /* Content-ID of the sealed or signed object, without brackets */
    struct labels labels;           /* their cids name `cid` */
    uint8_t random[SENDER_RANDOM_LEN]; /* for the boundary */
};

struct sender_body {
    struct span headers; /* label lines, MIME-Version, Content-ID, Content-Type, ...: header lines for the SIP message,
                            each with CRLF; without Content-Length and Date */
    struct span body;
};

/* Signs, seals, labels. The result is in the arena; working memory is wiped. */
enum rule sender_protect(const struct sender_draft *draft, struct arena *arena, struct sender_body *out);

#endif
