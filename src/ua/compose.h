/* Requests that this user agent sends outside of a dialog: MESSAGE (RFC 3428), INVITE and REGISTER (RFC 3261 13.2.1,
 * 10.2). */
#ifndef SIPSEAL_UA_COMPOSE_H
#define SIPSEAL_UA_COMPOSE_H

#include "sipseal/arena.h"
#include "sipseal/clock.h"
#include "sipseal/outline.h"
#include "sipseal/sip_request.h"

enum {
    COMPOSE_TOKEN_LEN = 32, /* 16 random bytes in hexadecimal */
    COMPOSE_BRANCH_LEN = 7 + COMPOSE_TOKEN_LEN,
    COMPOSE_DATAGRAM_MAX = 1300, /* above it a request goes over a transport with congestion control (RFC 3261 18.1.1,
                                    RFC 3428 8) */
};

/* Random identifiers, with a NUL: strangers must not guess tags, Call-IDs and branches. False when there are no random
 * bytes. */
bool compose_token(char out[COMPOSE_TOKEN_LEN + 1]);
bool compose_branch(char out[COMPOSE_BRANCH_LEN + 1]);

/* What identifies a request, whichever way it goes. */
struct compose_identifiers {
    char from_tag[COMPOSE_TOKEN_LEN + 1];
    char call_id[COMPOSE_TOKEN_LEN + 1];
    char branch[COMPOSE_BRANCH_LEN + 1];
    uint32_t cseq;
    char date[CLOCK_DATE_LEN + 1];
};
/* Fills it for a first request at `now` (seconds). False when there are no random bytes. */
bool compose_identify(struct compose_identifiers *ids, int64_t now);

/* For the same request once more, changed (RFC 3261 8.1.3.5; protocol.md 2.1): Call-ID and From tag stay; CSeq, branch
 * and Date are new. False when there are no random bytes. */
bool compose_identify_again(struct compose_identifiers *ids, int64_t now);

/* What the signature over a MESSAGE, or an INVITE without its Contact, binds (protocol.md 2.1): spans point into the
 * identifiers, the method and the URIs. */
void compose_context(const struct compose_identifiers *ids, struct span method, struct span from_uri,
                     struct span to_uri, struct message_context *context);

/* Writes "<URI>", or "<URI>;tag=TAG" when the tag is not empty: the value of From or To. */
void compose_address(struct writer *w, struct span uri, const char *tag);

/* Where a request leaves. */
struct compose_way {
    enum sip_transport transport;
    struct span sent_by; /* "192.0.2.1:5060" */
};

struct compose_draft {
    struct span method;
    struct span request_uri; /* may differ from To */
    struct span from_uri, to_uri;
    struct span headers; /* those of sender_body or compose_plain_headers; they come after Date */
    struct span body;
};

/* The request. False when `w` is full or a part cannot stand in a header. */
bool compose_request(struct writer *w, const struct compose_identifiers *ids, const struct compose_way *way,
                     const struct compose_draft *draft);

/* "Content-Type: TYPE" and MIME-Version for a body that is neither sealed nor signed. */
bool compose_plain_headers(struct writer *w, struct span content_type);

#endif
