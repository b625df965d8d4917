/* A message that arrived, shown: who proved to have sent it, who else could read it, and what it says. */
#ifndef SIPSEAL_CLI_MESSAGE_REPORT_H
#define SIPSEAL_CLI_MESSAGE_REPORT_H

#include "cli/net_loop.h"
#include "cli/readers.h"
#include "ua/incoming.h"

struct message_report {
    struct cli *cli;
    struct keyring *keyring;
    const struct certificate *self;
    const struct net_event *event;
    const struct incoming *incoming;
    const char *kind; /* what a call brought: "call", "answer", "offer"; null: a message, or a call that was refused */
    const char *folder; /* where content is kept (--save), or null */
    int64_t now;
    struct arena *arena; /* for decoded content; wiped after each message */
};

void message_report(const struct message_report *r);

/* How a proof is called in JSON: "none", "content", "domain", "user". */
const char *proof_word(enum proof_kind kind);

/* One sentence about who sent something, such as "from alice@home.example, proven". */
void proof_print(const struct cli *cli, const struct proof *proof, struct span claimed);

#endif
