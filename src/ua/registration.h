/* A registration (RFC 3261 10.2), without sockets: what to send and when, and what the answers mean. */
#ifndef SIPSEAL_UA_REGISTRATION_H
#define SIPSEAL_UA_REGISTRATION_H

#include "sipseal/sip_message.h"
#include "ua/compose.h"

enum {
    REGISTRATION_EXPIRES_DEFAULT = 3600,
    REGISTRATION_EXPIRES_MAX = 86400,
    REGISTRATION_RETRY_MIN_MS = 5000,    /* after a failure, doubled up to the maximum (RFC 5626 4.5's idea) */
    REGISTRATION_RETRY_MAX_MS = 300000,
};

enum registration_state {
    REGISTRATION_WANTED,  /* not registered: send at `due` */
    REGISTRATION_HELD,    /* registered: send again at `due` */
    REGISTRATION_REFUSED, /* the registrar said no, and will say so again */
};

struct registration {
    struct span aor;     /* "sip:bob@far.example" */
    struct span contact; /* "sip:bob@127.0.0.1:40001;transport=tcp" */
    uint32_t expires;    /* seconds to ask for; the registrar's Min-Expires raises it */
    enum registration_state state;
    uint64_t due; /* monotonic, milliseconds; UINT64_MAX while an answer is awaited */
    uint32_t granted;
    int status; /* of the last answer; 0: none */
    uint32_t retry_ms;
    struct compose_identifiers ids;
};

/* The spans must outlive it. False when there are no random bytes. */
bool registration_begin(struct registration *r, struct span aor, struct span contact, uint32_t expires, uint64_t now);

enum registration_wish {
    REGISTRATION_ADD,
    REGISTRATION_REMOVE,     /* to take the binding away */
    REGISTRATION_REMOVE_ALL, /* all of them, whoever made them (RFC 3261 10.2.2) */
    REGISTRATION_LIST,       /* to be told of all, and change none (10.2.3) */
};

/* Writes the next REGISTER, with a new CSeq and branch (`r->ids`), and waits for its answer. */
bool registration_write(struct registration *r, struct writer *w, const struct compose_way *way,
                        enum registration_wish wish);

/* What the final answer changes. */
void registration_answered(struct registration *r, const struct sip_message *response, uint64_t now);

/* No answer came. */
void registration_failed(struct registration *r, uint64_t now);

#endif
