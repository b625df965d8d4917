/* What a process has counted: as lines of its log that programs can read, when the parent asks for them (SIGUSR1) and
 * at the end; or as a message to the parent, which gives them to who asks it, and to the metrics. Names are declared
 * where the counters are (PROXY_COUNTERS, TRANSPORTS_COUNTERS, HEP_COUNTERS, VAULT_COUNTERS, STORE_COUNTERS), once
 * each; sipseald(8) explains them, and a test compares. */
#ifndef SIPSEAL_DAEMON_COUNTERS_H
#define SIPSEAL_DAEMON_COUNTERS_H

#include "daemon/log.h"

struct counter {
    const char *name;
    uint64_t value;
};

/* A counter of a struct, for the lists above. */
#define COUNTER_FIELD(name) uint64_t name;
#define COUNTER_VALUE(name) {#name, COUNTED.name}, /* COUNTED is the struct */

/* Where counters go: into the log, or into an open message (IPC_REPORTED). The other is null. */
struct counters_to {
    const struct log *log;
    struct writer *report;
};

/* In the log: event=counters group=GROUP NAME=VALUE ... */
void counters_put(const struct counters_to *to, const char *group, const struct counter *counter, size_t count);
/* The same of how often each rule was broken, group "rules", by its name with "_" for what is no letter. Only those that
 * were. */
void counters_put_rules(const struct counters_to *to, const uint64_t rule[RULE_COUNT]);

/* What the system says of this process, group "process". */
void counters_put_usage(const struct counters_to *to);

/* Answers IPC_COUNTERS or IPC_REPORT of the parent over IPC_CONTROL_FD: `count` puts all that `context` has counted. The
 * log then has it whatever its level is; a report has counters_put_usage too. False when the message is not
 * well-formed, or the parent cannot be told. */
bool counters_answer(uint16_t kind, const struct cursor *fields, const struct log *log,
                     void (*count)(const void *context, const struct counters_to *to), const void *context);

#endif
