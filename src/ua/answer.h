/* The answer to an offer of a session, protected as the offer was (protocol.md 2.1, 2.5, 4): how it is to be made, and
 * what the caller asks of it. Decisions without sockets. */
#ifndef SIPSEAL_UA_ANSWER_H
#define SIPSEAL_UA_ANSWER_H

#include "sipseal/sender.h"
#include "ua/incoming.h"
#include "ua/party.h"

struct answer_shape {
    bool is_signed, sealed;
    struct certificate *reader; /* of a sealed one: the caller's certificate, a reference; else null */
};

/* A sealed offer is answered sealed to the certificate that came in it (protocol.md 2.2), which must be one to seal to,
 * trusted, and the proven caller's; a signed offer is answered signed; a plain one plain. Those of trust_check, or
 * RULE_IDENTITY_MISMATCH: then there is no way to answer it. */
enum rule answer_shape_of(const struct incoming *offer, struct trust *trust, int64_t now, struct answer_shape *out);
void answer_shape_clear(struct answer_shape *shape);

/* Who answers. */
struct answer_signer {
    const struct party *self;
    const struct identity *identity;
    const struct certificate *sealing; /* where others shall seal to, when that is another; may be null */
};

/* Header lines, Date among them, and body. `context` is that of calls_answer_context. Those of sender_protect,
 * RULE_NO_RANDOM. */
enum rule answer_protect(const struct answer_shape *shape, const struct answer_signer *signer,
                         const struct message_context *context, struct span session, int64_t now, struct arena *arena,
                         struct sender_body *out);

/* What is wrong with the answer to an offer that was signed, or sealed too: RULE_OK; why it cannot be opened or does
 * not verify; RULE_SIGNATURE_ABSENT, RULE_CONTEXT_ABSENT when nothing proves who answered; RULE_SIGNER_RETARGETED when
 * that is not whom the offer was made to (protocol.md 2.1, rule 4); RULE_ANSWER_UNSEALED. An answer to a plain offer
 * need not prove anything, but what it pretends to prove must hold. */
enum rule answer_judge(const struct incoming *answer, bool is_signed, bool sealed);

#endif
