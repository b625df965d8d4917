/* Calls that `sipseal listen` gets: shown, and answered as its options say. */
#ifndef SIPSEAL_CLI_LISTEN_CALLS_H
#define SIPSEAL_CLI_LISTEN_CALLS_H

#include "cli/answering.h"
#include "cli/message_report.h"
#include "cli/net_loop.h"
#include "ua/agent.h"

enum listen_answer { LISTEN_ACCEPT, LISTEN_REJECT, LISTEN_BUSY };

struct listen_calls {
    struct answering answering;
    struct net_loop *loop;
    struct agent *agent;
    const char *registered; /* the contact that the registrar knows; null: none */
    struct net_place *registrar;
    const uint64_t *registrar_flow;
    enum listen_answer answer;
    uint32_t ring_s; /* how long it rings before it is answered */
    struct listen_call {
        struct answering_call call;
        uint64_t answer_ms; /* when it is to be answered; UINT64_MAX: never, or it was */
        uint64_t flow;      /* by which it came */
    } call[CALLS_MAX];
    uint32_t ended; /* calls that were up */
};

#define LISTEN_CALL_OPTIONS                                                                                            \
    {.name = "answer", .value = "auto|reject|busy", .help = "how calls are answered (auto)"},                          \
        {.name = "ring", .value = "SECONDS", .help = "let calls ring so long (0)"},                                    \
        {.name = "sdp", .value = "FILE", .help = "the session to answer with (what is offered, inactive)"}

/* Reads --answer, --ring and --sdp. Says what is wrong. */
enum exit_code listen_calls_open(struct cli *cli, struct keyring *keyring, const struct party *self,
                                 struct listen_calls *l);
void listen_calls_close(struct listen_calls *l);

/* Acts on what happens to a call. `report` is as for a message, without its content and kind; its event brought what
 * happens, if anything did. */
void listen_calls_event(struct listen_calls *l, const struct call_event *event, const struct message_report *report);

/* When listen_calls_tick is to be called. */
uint64_t listen_calls_deadline(const struct listen_calls *l);
void listen_calls_tick(struct listen_calls *l);

/* Hangs up. */
void listen_calls_leave(struct listen_calls *l);

#endif
