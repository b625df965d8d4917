/* How a user of the command line answers offers of sessions: with which description, protected as the offer was. */
#ifndef SIPSEAL_CLI_ANSWERING_H
#define SIPSEAL_CLI_ANSWERING_H

#include "cli/keyring.h"
#include "cli/net_address.h"
#include "ua/answer.h"
#include "ua/call.h"
#include "ua/session.h"

enum { ANSWERING_CALL_ID_MAX = 128 /* bytes of a Call-ID that are shown */ };

struct answering {
    struct cli *cli;
    struct trust *trust; /* null: nothing that is protected can be answered */
    const struct party *self;
    struct identity identity; /* signs */
    struct certificate *sealing;
    bool has_identity;
    struct file_bytes given; /* --sdp */
    struct arena arena;      /* of the answer that is being made */
};

/* A call as its reports and its sessions need it. */
struct answering_call {
    uint64_t id; /* 0: free */
    char call_id[ANSWERING_CALL_ID_MAX + 1];
    char address[NET_ADDRESS_TEXT_MAX]; /* which this side names in its sessions */
    struct session_self session;        /* its address points to the one above: not to be copied */
    struct answer_shape shape;
    uint8_t *offer; /* what is to be answered; null: nothing was offered */
    size_t offer_len;
    uint64_t up_ms; /* since when it is up; 0: it is not */
};

/* Reads --sdp, and the pair to sign with where there is a keyring. Says what is wrong; to be closed whatever comes
 * back. */
enum exit_code answering_open(struct cli *cli, struct keyring *keyring, const struct party *self,
                              struct answering *answering);
void answering_close(struct answering *a);

/* A call begins, for which this side is at `address`. False when there are no random bytes. */
bool answering_call_begin(struct answering_call *call, uint64_t id, struct span call_id, const char *address);
void answering_call_end(struct answering_call *call);

/* This side's own offer: that of --sdp, else the template. */
struct span answering_offer(struct answering *a, struct answering_call *call);

/* Keeps what was offered. RULE_OK, or why it cannot be answered (488). */
enum rule answering_take(struct answering *a, struct answering_call *call, const struct incoming *offer);

/* Answers what was kept: 200 with a session, else 488. */
void answering_respond(struct answering *a, struct calls *calls, struct answering_call *call);

#endif
