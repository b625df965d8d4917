/* What the parent tells each child before it begins, in the order of ipc.h. */
#ifndef SIPSEAL_DAEMON_CHILD_SETUP_H
#define SIPSEAL_DAEMON_CHILD_SETUP_H

#include "config/keys.h"
#include "daemon/child.h"
#include "daemon/listener.h"

struct setup {
    const struct log *log;
    const struct config *config;
    const struct keys *keys;
    const struct listener *listener;
    const struct listener *metrics;
    int hep; /* see struct generation */
    enum log_level level;        /* from which children log, */
    enum log_format format;      /* and how */
    uint64_t vaults;             /* bit n: vault number n is one that net is to ask */
    uint8_t *room;               /* IPC_MESSAGE_MAX bytes for messages */
    struct locked_memory secret; /* for the one message that holds a private key */
};

/* False when there is no memory. */
bool setup_open(struct setup *s);
void setup_close(struct setup *s);

/* Each sends the whole setup of a child; false when a part was not sent, and then the child is being killed. */
bool setup_store(struct setup *s, struct child *store);
bool setup_vault(struct setup *s, struct child *vault);
bool setup_net(struct setup *s, struct child *net); /* also to net that has another setup: it answers again */

/* Tells net how a process is, for the metrics. */
bool setup_process(struct setup *s, struct child *net, const struct ipc_process *process);

/* Signs a policy object that counts from now on, and hands it to net in place of the one that it has. True when there is
 * none to hand out, too. */
bool setup_renew_policy_object(struct setup *s, struct child *net);

/* A new channel between net and a vault or the store, in place of one that there was. */
bool setup_channel(struct setup *s, struct child *net, struct child *peer);

/* Tells a child to finish. A vault ends once net has closed its channel. */
bool setup_stop(struct setup *s, struct child *c);
/* Tells it to log its counters. */
bool setup_ask_counters(struct setup *s, struct child *c);
/* Has it tell them to the parent (IPC_REPORTED). */
bool setup_ask_report(struct setup *s, struct child *c);

#endif
