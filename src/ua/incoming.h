/* What a user agent server makes of a request (RFC 3261 8.2; RFC 3428 7; protocol.md 4, Recipient): opened, verified,
 * and answered. A decision without sockets: a message and the time go in, a response and what to show come out. */
#ifndef SIPSEAL_UA_INCOMING_H
#define SIPSEAL_UA_INCOMING_H

#include "sipseal/arena.h"
#include "sipseal/outline.h"
#include "sipseal/recipient.h"
#include "sipseal/sip_message.h"
#include "ua/replay_set.h"

enum { INCOMING_HEADERS_MAX = 2048, INCOMING_ARENA = 1024 * 1024 };

struct incoming_terms {
    const struct recipient *recipient;
    struct span aor;           /* whose user agent this is: "sip:bob@far.example" */
    struct replay_set *replay; /* changed when the message is delivered */
    int64_t now;               /* seconds */
    bool merged;               /* another transaction brought this request before (RFC 3261 8.2.2.2) */
};

struct incoming {
    int status;       /* of the response; 0: there is none (ACK) */
    enum rule broken; /* RULE_OK, or why it was refused */
    bool is_message;  /* a MESSAGE that was looked at: to be shown, delivered or refused */
    bool deliver;     /* status is 200 and the content is for the user */
    bool for_me;      /* To is this user; false: it was sent to someone else first, and retargeted here */
    struct span headers; /* further header lines of the response */
    struct message_outline outline;
    struct received received; /* incoming_clear gives its references back */
    uint8_t header_room[INCOMING_HEADERS_MAX];
};

/* Decides. Plaintext is in the arena, which outlives `out`; the caller resets it after incoming_clear. Spans in `out`
 * point into the message and the arena. */
void incoming_decide(const struct incoming_terms *terms, const struct sip_message *request, struct arena *arena,
                     struct incoming *out);
void incoming_clear(struct incoming *in);

/* The same for a request that could not be read whole but can be answered: `broken` says why. */
void incoming_refuse(enum rule broken, struct incoming *out);

#endif
