/* The parts of sipseald-vault: setup (vault_setup.c), one job (vault_job.c), the loop around them (vault.c). */
#ifndef SIPSEAL_DAEMON_VAULT_H
#define SIPSEAL_DAEMON_VAULT_H

#include "daemon/certificate_budget.h"
#include "daemon/counters.h"
#include "daemon/log.h"
#include "ipc/ipc.h"
#include "service/archive.h"
#include "sipseal/arena.h"
#include "sipseal/middle.h"

/* A message of SIP_MESSAGE_MAX, decoded, opened on MIME_DEPTH_MAX levels, and its archive record. */
enum { VAULT_ARENA = 4 * 1024 * 1024 };

/*  X(name) */
#define VAULT_COUNTERS(X)                                                                                              \
    X(jobs) X(bytes)                   /* messages examined; bytes of their bodies */                                  \
    X(broken)                          /* messages with a fault of their own, or refused for want of something */      \
    X(plain) X(closed) X(opened)       /* parts: neither sealed nor signed; not opened; opened */                      \
    X(verified) X(unverified)          /* parts with a signature that holds; with one that does not */                 \
    X(records) X(record_bytes)         /* made for the archive */

struct vault_counters {
    VAULT_COUNTERS(COUNTER_FIELD)
    uint64_t rule[RULE_COUNT]; /* why messages are broken, and signatures fail */
};

struct vault {
    struct log log;
    struct arena arena; /* of one job; wiped after it */
    struct trust *trust;
    struct certificate_budget budget; /* of certificates never seen before */
    struct identity identity[MIDDLE_IDENTITIES_MAX];
    struct certificate *reader[ARCHIVE_READERS_MAX];
    size_t reader_count;
    struct archive_sealer *sealer; /* null: no readers are configured, so that nothing can be archived */
    struct middle middle;          /* its names are owned */
    bool ready;                    /* setup is over */
    int net;                       /* the channel to net; -1: none */
    bool ending;                   /* it ends as soon as net has closed the channel */
    int64_t epoch_ends;            /* monotonic milliseconds; 0: no epoch is under way */
    uint8_t *datagram, *reply;     /* IPC_VAULT_JOBS_MAX times IPC_MESSAGE_MAX bytes each */
    struct ipc_examined answer;    /* of the job at hand */
    struct vault_counters counters;
};

/* False when there is no memory. */
bool vault_open(struct vault *v);
void vault_close(struct vault *v);

/* Takes one message of the setup. RULE_IPC when it is none, or comes too late. After IPC_SETUP_VAULT the vault is
 * ready, and opens neither files nor sockets any more. */
enum rule vault_set_up(struct vault *v, const struct ipc_header *header, struct cursor *fields);

/* Examines one message and writes the answer to `w`, an empty writer over IPC_MESSAGE_MAX bytes. Whatever happens there
 * is an answer; what cannot be done shows in its verdict. Its plaintext is wiped when this returns. */
void vault_examine(struct vault *v, uint64_t job, const struct ipc_examine *ask, struct writer *w);

/* Groups vault and rules of the counters of a struct vault. */
void vault_count(const void *vault, const struct counters_to *to);

/* An epoch of the archive ends with its time even when no message comes that would end it: its key must not wait in
 * memory. To be called after each job and each wait; how long to wait at most, in milliseconds, -1 for ever. */
void vault_watch_epoch(struct vault *v, int64_t now_ms);
int vault_patience(const struct vault *v, int64_t now_ms);

#endif
