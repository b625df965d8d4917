/* Session descriptions (RFC 8866) of a user agent without media: an offer that sends and receives nothing, and the
 * answer to any offer (RFC 3264). Of the other side's only the media lines are read. */
#ifndef SIPSEAL_UA_SESSION_H
#define SIPSEAL_UA_SESSION_H

#include "sipseal/bytes.h"

enum {
    SESSION_MAX = 16 * 1024,  /* bytes of a session description that is answered */
    SESSION_MEDIA_MAX = 16,   /* media in it */
    SESSION_DISCARD_PORT = 9, /* RFC 863: nothing is ever sent there, and nobody listens */
};

struct session_self {
    struct span address; /* "192.0.2.1", "2001:db8::1" */
    uint64_t id;         /* of the session: random, the same as long as the call lasts */
    uint64_t version;    /* grows with each description (RFC 3264 8) */
};

/* One audio stream, inactive, at the discard port. */
void session_write_offer(struct writer *w, const struct session_self *self);

/* One line for each medium of the offer, in its order (RFC 3264 6): the first audio stream over RTP/AVP is taken,
 * inactive; every other has port 0, which declines it. False when nothing could be taken, or the offer is no session
 * description that can be read: 488. */
bool session_write_answer(struct writer *w, const struct session_self *self, struct span offer);

#endif
