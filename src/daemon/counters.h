/* What a process has counted, as lines of its log that programs can read: when the parent asks for it (SIGUSR1), and at
 * the end. Names are declared where the counters are (PROXY_COUNTERS, TRANSPORTS_COUNTERS, VAULT_COUNTERS,
 * STORE_COUNTERS), once each; sipseald(8) explains them, and a test compares. */
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

/* event=counters group=GROUP NAME=VALUE ... */
void counters_log(const struct log *log, const char *group, const struct counter *counter, size_t count);
/* The same of how often each rule was broken, group "rules", by its name with "_" for what is no letter. Only those that
 * were. */
void counters_log_rules(const struct log *log, const uint64_t rule[RULE_COUNT]);

/* The log for counters that were asked for: written from whatever level on the process logs. */
struct log counters_asked(const struct log *log);

#endif
