/* What a user agent server makes of a request (RFC 3261 8.2; RFC 3428 7; protocol.md 4, Recipient): opened, verified,
 * and answered. A decision without sockets: a message and the time go in, a response and what to show come out. */
#ifndef SIPSEAL_UA_INCOMING_H
#define SIPSEAL_UA_INCOMING_H

#include "sipseal/arena.h"
#include "sipseal/outline.h"
#include "sipseal/recipient.h"
#include "sipseal/sip_message.h"
#include "ua/replay_set.h"

/* What an agent that takes calls writes into Allow and Accept. */
#define INCOMING_CALL_METHODS "INVITE, ACK, CANCEL, BYE, UPDATE, INFO"
#define INCOMING_SESSION_TYPES "application/sdp, application/pkcs7-mime, multipart/mixed, multipart/signed"

enum { INCOMING_HEADERS_MAX = 2048, INCOMING_ARENA = 1024 * 1024 };

struct incoming_terms {
    const struct recipient *recipient;
    struct span aor;           /* whose user agent this is: "sip:bob@far.example" */
    struct replay_set *replay; /* changed when the message is delivered */
    int64_t now;               /* seconds */
    bool merged;               /* another transaction brought this request before (RFC 3261 8.2.2.2) */
    bool calls;                /* calls are taken, too */
};

struct incoming {
    int status;       /* of the response; 0: there is none (ACK) */
    enum rule broken; /* RULE_OK, or why it was refused */
    bool is_message;  /* a MESSAGE that was looked at: to be shown, delivered or refused */
    bool is_offer;    /* what a call brought that was looked at: to be shown, too */
    bool deliver;     /* status is 200 and the content is for the user */
    bool has_session; /* of a call: `session` is the session description that it brought */
    struct span session;
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

/* The same for what a call brings. True when nothing stands against taking the offer, whose body is opened and verified
 * (without one, the answer is to be an offer: RFC 3261 13.2.1), and whoever is called decides; else `out` holds the
 * refusal. In a dialog the Request-URI is one's own contact, and is not looked at. */
bool incoming_offer(const struct incoming_terms *terms, const struct sip_message *request, bool in_dialog,
                    struct arena *arena, struct incoming *out);

/* Opens and verifies the body of a response to an INVITE, or of an ACK, which cannot be refused: `out->broken` says
 * what is wrong with it. */
void incoming_open(const struct incoming_terms *terms, const struct sip_message *m, struct arena *arena,
                   struct incoming *out);

/* A request of a call that is answered by `status` whatever its body says; 405 and 501 get Allow. */
void incoming_answer(const struct incoming_terms *terms, const struct sip_message *request, int status,
                     enum rule broken, struct incoming *out);
/* A MESSAGE, and an OPTIONS, in a dialog. */
void incoming_message(const struct incoming_terms *terms, const struct sip_message *request, struct arena *arena,
                      struct incoming *out);
void incoming_options(const struct incoming_terms *terms, const struct sip_message *request, struct incoming *out);
/* Whether the extensions that a request requires are known; else `out` holds the refusal (RFC 3261 8.2.2.3). */
bool incoming_extensions_fit(const struct incoming_terms *terms, const struct sip_message *request,
                             struct incoming *out);

/* The same for a request that could not be read whole but can be answered: `broken` says why. */
void incoming_refuse(enum rule broken, struct incoming *out);

#endif
