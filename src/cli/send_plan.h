/* What `sipseal send` and `sipseal call` are to do: from whom, to whom, what, and who shall be able to read it. */
#ifndef SIPSEAL_CLI_SEND_PLAN_H
#define SIPSEAL_CLI_SEND_PLAN_H

#include "cli/keyring.h"
#include "sipseal/cms.h"
#include "sipseal/sender.h"
#include "ua/compose.h"

enum {
    SEND_MIDDLES_MAX = LABELS_MAX,
    SEND_PART_READERS_MAX = 8, /* named for one further part */
    SEND_URI_MAX = 512,
    SEND_ARENA = 4 * 1024 * 1024,
};

enum protection { PROTECT_SEAL, PROTECT_SIGN, PROTECT_CLEAR, PROTECT_NONE };

enum send_kind { SEND_MESSAGE, SEND_CALL };

/* The text or the session, which is the first, or a further part that has readers of its own. */
struct send_part {
    const char *path; /* of a further part; null: the text or the session */
    struct span type, disposition, content;
    struct party named[SEND_PART_READERS_MAX]; /* by --part */
    size_t named_count;
    bool for_recipient;                          /* else it is for middles alone: optional */
    struct certificate *reader[CMS_READERS_MAX]; /* references; the recipient's come first */
    size_t reader_count, recipient_count;
    char cid[PARTY_CID_MAX], outer_cid[PARTY_CID_MAX];
};

struct send_plan {
    struct cli *cli;
    enum send_kind kind;
    struct keyring keyring;
    struct arena arena; /* content and what is made of it; wiped when it is closed */
    enum protection protection;
    struct party self, recipient;
    char request_uri[SEND_URI_MAX];
    struct send_part part[SENDER_PARTS_MAX];
    size_t part_count;
    struct middle_wish {
        struct party party;
        unsigned actions; /* enum label_action */
        size_t part;      /* that it may view; all of them are there for it to verify */
    } middle[SEND_MIDDLES_MAX];
    size_t middle_count;
    bool outer; /* a middle verifies what it cannot view: a signature stands around each sealing (REQ-INT-1) */

    struct identity identity;    /* signs */
    struct certificate *sealing; /* where others shall seal to, when that is another; a reference */
    bool has_identity;
    struct certificate *carry[CERTIFICATES_IN_BAG_MAX]; /* the middles', to be named by the recipient; borrowed */
    size_t carry_count;

    uint32_t timeout_s;
    bool dry_run;
};

/* Reads the options and the content, but for the session of a call, and finds the certificates. Says what is wrong. The
 * plan is to be closed whatever comes back. */
enum exit_code send_plan_make(struct cli *cli, enum send_kind kind, struct send_plan *plan);
void send_plan_close(struct send_plan *plan);

/* "MESSAGE" or "INVITE" */
struct span send_plan_method(const struct send_plan *plan);

/* Signs, seals and labels for the request that `context` tells of: header lines and body, in the plan's arena. */
enum exit_code send_plan_protect(struct send_plan *plan, const struct message_context *context, int64_t now,
                                 struct sender_body *body);

/* Has a middle's certificate carried, so that the recipient can name who else reads. Borrowed. */
void send_plan_carry(struct send_plan *plan, struct certificate *c);

/* What a reader of a part is in the message. */
const char *send_plan_role(const struct send_part *part, size_t reader);

/* The options, and what they ask for (send_options.c). */
enum { SEND_OPTION_COUNT = 13, CALL_OPTION_COUNT = 14 };
extern const struct option send_options[SEND_OPTION_COUNT], call_options[CALL_OPTION_COUNT];
enum exit_code send_options_read(struct send_plan *plan);

#endif
