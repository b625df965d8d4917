/* What the files of calls share: call.c has the table, time and events, call_caller.c the INVITE that one sends,
 * call_called.c the one that comes, call_dialog.c what comes inside a dialog, call_send.c what is sent in one. */
#ifndef SIPSEAL_UA_CALL_CORE_H
#define SIPSEAL_UA_CALL_CORE_H

#include "ua/call.h"

/* One dialog of a call: a phone that rings or has answered. */
struct fork {
    struct dialog dialog;
    enum fork_state {
        FORK_EARLY,
        FORK_ANSWERED,
        FORK_LEAVING, /* its BYE is due, or on its way */
        FORK_OVER,
    } state;
    bool has_way, way_wanted, way_asked;
    struct call_way way;
    bool ack_due, bye_due;
    uint64_t bye_id;
    uint32_t invite_cseq; /* of the INVITE that its last ACK is for */
    uint8_t *ack;         /* which is sent again for each copy of the 2xx (13.2.2.4) */
    size_t ack_len;
    bool ack_to_send;
};

/* A request of the other side that waits for this side's answer, or whose 2xx waits for its ACK. */
struct offer {
    uint64_t id; /* its server transaction; 0: nothing waits */
    enum sip_method method;
    bool again;    /* in a dialog that is up: not the INVITE that made it */
    bool answered; /* by a 2xx to an INVITE, which waits for its ACK */
    unsigned fork;
    uint32_t cseq;
    uint8_t *request, *answer; /* to write answers to; the last one, to be sent again */
    size_t request_len, answer_len;
    int status; /* of that answer; 0: none */
    char source_host[CALL_SENT_BY_MAX];
    uint16_t source_port;
    uint64_t again_at, interval, end_at; /* UINT64_MAX: never */
};

/* A re-INVITE of this side. */
struct reoffer {
    bool due;
    uint64_t id; /* its client transaction; 0: none is open */
    uint32_t cseq;
    uint8_t *headers, *body;
    size_t headers_len, body_len;
};

enum call_state {
    CALL_FREE,
    CALL_CALLING, /* caller: no final response yet */
    CALL_WAITING, /* called: not answered yet */
    CALL_UP,
    CALL_LEAVING, /* this side ends it: a BYE is due, or on its way */
    CALL_OVER,    /* kept for events, and for further phones that answer */
};

struct call {
    uint64_t id;
    enum call_state state;
    bool is_caller;
    uint8_t contact[DIALOG_URI_MAX];
    size_t contact_len;
    uint64_t invite_id; /* caller: the client transaction, as long as it is there; 0 */
    bool cancelling, cancel_sent;
    uint64_t end_at; /* when patience ends: with ringing, with a CANCEL; UINT64_MAX */
    struct fork *fork[CALL_FORKS_MAX];
    unsigned main; /* which of them is the call; CALL_FORKS_MAX: none yet */
    struct offer offer;
    struct reoffer reoffer;
    uint64_t reinvite_id;   /* this side's last re-INVITE that was accepted: copies of the 2xx are its; 0 */
    unsigned events;        /* bits of enum call_event_kind that wait */
    int progress, answered; /* statuses to be told of */
    uint32_t retry_ms;
    enum call_end end;
    int end_status;
    enum rule end_rule;
};

struct calls {
    struct sip_transactions *transactions;
    struct call call[CALLS_MAX];
    uint64_t last_id;
    uint64_t about; /* the call that the present message belongs to; 0: none */
    const struct incoming *incoming;
    const struct sip_message *response;
    struct sip_message parsed; /* a request that was kept, read again */
    uint8_t room[SIP_MESSAGE_MAX];
};

/* --- the table (call.c) --- */

struct call *call_named(struct calls *c, uint64_t id);
/* A free place with a new id; null when all are taken. */
struct call *call_open(struct calls *c, bool is_caller, uint64_t end_at);
/* The call is over, for this reason; what its dialogs still have to do is done. */
void call_over(struct call *call, enum call_end end, int status, enum rule rule);
void call_tell(struct call *call, enum call_event_kind kind);
/* The present message belongs to this call: its events show it. */
void call_about(struct calls *c, const struct call *call, const struct call_request *r, const struct incoming *in);
/* A fork that is not in use, else one that only rang; null when there is none. */
struct fork *call_new_fork(struct call *call, unsigned *index);
struct fork *call_main(const struct call *call); /* null: there is none yet */
/* Which fork of which call a request is in; false when it is in none that is not over. */
bool call_find_dialog(struct calls *c, const struct sip_message *request, struct call **call, unsigned *fork);
/* A copy that the caller frees; null when there is no memory, or nothing to copy. */
uint8_t *call_copy(struct span s);

/* --- called (call_called.c) --- */

void call_invited(struct calls *c, const struct call_request *r, struct arena *arena, struct incoming *out);
void call_cancelled(struct calls *c, const struct call_request *r, struct incoming *out);
/* Takes in an offer that waits for calls_respond. False when there is no memory. */
bool offer_begin(struct call *call, unsigned fork, bool again, const struct call_request *r);
void offer_end(struct offer *offer);
/* Answers it finally, without a body. */
void offer_refuse(struct calls *c, struct call *call, uint64_t now, int status);
void offer_tick(struct calls *c, struct call *call, uint64_t now);

/* --- in a dialog (call_dialog.c) --- */

void call_dialog_request(struct calls *c, struct call *call, unsigned fork, const struct call_request *r,
                         struct arena *arena, struct incoming *out);

/* --- caller (call_caller.c) --- */

void call_invite_response(struct calls *c, struct call *call, const struct call_request *r, struct arena *arena,
                          struct incoming *out);
void call_reinvite_response(struct calls *c, struct call *call, const struct call_request *r, struct arena *arena,
                            struct incoming *out);
/* Sends the CANCEL as soon as that is allowed (9.1). */
void call_cancel(struct calls *c, struct call *call, uint64_t now);

/* --- what is sent in a dialog (call_send.c) --- */

/* Sends what is due in a fork, or asks for a way there. */
void fork_pump(struct calls *c, struct call *call, unsigned fork, uint64_t now);
/* Nothing more is sent in it. */
void fork_end(struct fork *f);
/* Ends the dialog by BYE. */
void fork_leave(struct calls *c, struct call *call, unsigned fork, uint64_t now);
bool fork_is_busy(const struct fork *f);
/* The header lines of a request or response that has this side's Contact. */
void call_write_contact(struct writer *w, const struct call *call);
void reoffer_end(struct reoffer *reoffer);

#endif
