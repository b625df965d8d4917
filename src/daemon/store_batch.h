/* Group commit: what the store decides, apart from its sockets. Many questions share one commit, and none is answered
 * before it. What was told (final responses) and could not be kept is tried again with every batch; until it is kept,
 * messages that depend on it are not admitted. */
#ifndef SIPSEAL_DAEMON_STORE_BATCH_H
#define SIPSEAL_DAEMON_STORE_BATCH_H

#include "daemon/counters.h"
#include "ipc/ipc.h"
#include "service/archive_db.h"
#include "service/store_db.h"

enum {
    STORE_BATCH_MAX = 256,    /* messages that share a commit */
    STORE_PENDING_MAX = 4096, /* final responses that wait to be kept */
    STORE_EXPIRE_SECONDS = 1, /* at most so often are expired replay keys and bindings looked for */
};

/*  X(name) */
#define STORE_COUNTERS(X)                                                                                              \
    X(asked) X(admitted) X(replays)  /* questions; those answered that it may go on, that it was delivered before */   \
    X(records) X(record_bytes)       /* archived */                                                                    \
    X(bound) X(bindings)             /* registrations kept; with how many contacts */                                  \
    X(completed) X(lost)             /* final responses told; those for which there was no room among the pending */   \
    X(batches) X(largest_batch)      /* of questions and responses that shared a commit */                             \
    X(errors)                        /* batches that could not rely on a database */

struct store_counters {
    STORE_COUNTERS(COUNTER_FIELD)
    uint64_t rule[RULE_COUNT]; /* why questions were answered that it may not go on */
};

/* One of the two databases in the course of a batch. */
struct store_side {
    bool begun;      /* a transaction is open */
    enum rule broken; /* why this batch cannot rely on it */
};

struct store_answer {
    enum ipc_kind kind; /* IPC_ADMITTED, or IPC_BOUND: `admitted.rule` says how it ended */
    uint64_t job;
    struct ipc_admitted admitted;
    bool needs_archive, needs_store; /* what the answer relies on */
    size_t record_len, bindings;
};

struct store_batch {
    struct archive_db *archive; /* null: none is configured */
    struct store_db *store;     /* the replay memory, and who is registered */
    struct store_side archive_side, store_side;
    struct store_answer answer[STORE_BATCH_MAX];
    size_t answer_count;
    struct ipc_complete *pending; /* of this batch, and of those that failed before; owned */
    size_t pending_count;
    size_t messages; /* of this batch */
    struct store_counters counters;
    int64_t expired; /* when expired keys and bindings were last looked for */
};

/* The databases stay the caller's. False when there is no memory. */
bool store_batch_open(struct store_batch *b, struct archive_db *archive, struct store_db *store);
void store_batch_close(struct store_batch *b);

/* Begins a batch with what is pending. Then at most STORE_BATCH_MAX messages, then the commit. */
void store_batch_begin(struct store_batch *b);
void store_batch_admit(struct store_batch *b, uint64_t job, const struct ipc_admit *ask);
void store_batch_complete(struct store_batch *b, const struct ipc_complete *complete);
void store_batch_bind(struct store_batch *b, uint64_t job, const struct ipc_bind *bind);
/* Makes the answers final: what they say is durable, or they say RULE_STORE_GONE. */
void store_batch_commit(struct store_batch *b);

/* Groups store and rules of the counters, to `log` (see counters_asked). */
void store_batch_count(const void *batch, const struct counters_to *to);

#endif
