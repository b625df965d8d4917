/* What `sipseal send` is to do: from whom, to whom, what, and who shall be able to read it. */
#ifndef SIPSEAL_CLI_SEND_PLAN_H
#define SIPSEAL_CLI_SEND_PLAN_H

#include "cli/keyring.h"
#include "sipseal/cms.h"
#include "sipseal/sender.h"
#include "ua/compose.h"

enum { SEND_MIDDLES_MAX = LABELS_MAX, SEND_URI_MAX = 512, SEND_ARENA = 2 * 1024 * 1024 };

enum protection { PROTECT_SEAL, PROTECT_SIGN, PROTECT_NONE };

struct send_plan {
    struct cli *cli;
    struct keyring keyring;
    struct arena arena; /* content and what is made of it; wiped when it is closed */
    enum protection protection;
    struct party self, recipient;
    char request_uri[SEND_URI_MAX];
    struct middle_wish {
        struct party party;
        unsigned actions; /* enum label_action */
    } middle[SEND_MIDDLES_MAX];
    size_t middle_count;

    struct identity identity;
    bool has_identity;
    struct certificate *reader[CMS_READERS_MAX]; /* references */
    size_t reader_count, recipient_count;        /* the recipient's come first */
    struct certificate *carry[SEND_MIDDLES_MAX]; /* the middles', so that the recipient can name them; borrowed */
    size_t carry_count;

    struct span content_type, content;
    uint32_t timeout_s;
    bool dry_run;
};

/* Reads the options and the content, and finds the certificates. Says what is wrong. The plan is to be closed
 * whatever comes back. */
enum exit_code send_plan_make(struct cli *cli, struct send_plan *plan);
void send_plan_close(struct send_plan *plan);

/* Signs, seals and labels: header lines and body, in the plan's arena. */
enum exit_code send_plan_protect(struct send_plan *plan, const struct compose_identifiers *ids, int64_t now,
                                 struct sender_body *body);

/* Which part a reader has in the message. */
const char *send_plan_role(const struct send_plan *plan, size_t reader);

enum { SEND_OPTION_COUNT = 10 };
extern const struct option send_options[SEND_OPTION_COUNT];

#endif
