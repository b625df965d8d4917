/* Where metrics are configured, the parent asks all processes at a bounded rate what they have counted, and tells net how
 * each of them is. */
#ifndef SIPSEAL_DAEMON_PROCESS_TELLER_H
#define SIPSEAL_DAEMON_PROCESS_TELLER_H

#include <stdint.h>

struct supervisor;

struct process_teller {
    int64_t at; /* when it is done again; milliseconds, monotonic */
};

/* To be called once in each turn of the supervisor. */
void process_teller_look(struct supervisor *s);
/* When that is to be at the latest, in milliseconds of the monotonic clock; INT64_MAX: never. */
int64_t process_teller_deadline(const struct supervisor *s);

#endif
