/* When a process that died is started again. Pure: times are milliseconds of a monotonic clock. */
#ifndef SIPSEAL_DAEMON_RESTART_H
#define SIPSEAL_DAEMON_RESTART_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RESTART_AT_ONCE = 3,       /* deaths after which it is started again at once */
    RESTART_FIRST_MS = 1000,   /* then after this long, */
    RESTART_LONGEST_MS = 30000, /* doubled each time up to this */
    RESTART_STABLE_MS = 60000, /* who worked for so long begins anew */
    RESTART_EARLY_MAX = 5,     /* deaths in a row before it was ever ready; one more, and it is given up */
};

struct restart {
    unsigned deaths;      /* in a row */
    unsigned early_deaths; /* of them, those before it was ready */
    bool ready;
    int64_t ready_since;
};

void restart_note_ready(struct restart *r, int64_t now);

/* Notes a death: how long to wait before the next start, or -1 when there is to be none. */
int64_t restart_note_death(struct restart *r, int64_t now);

#endif
