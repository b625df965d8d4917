/* What is counted, in Prometheus' text format 0.0.4; and whether the server is well. sipseald(8) lists the metrics, and
 * their help is what it says of them. */
#ifndef SIPSEAL_DAEMON_METRICS_TEXT_H
#define SIPSEAL_DAEMON_METRICS_TEXT_H

#include "ipc/ipc.h"
#include "proxy/proxy.h"

struct metrics_view {
    const struct ipc_process *process; /* each with all that it has told */
    size_t count;
    const struct proxy_counters *proxy; /* for the time that requests are held */
    bool healthy;
};
void metrics_write(struct writer *w, const struct metrics_view *view);

/* Words of why it is not well; none: it is. */
enum { HEALTH_REASONS_MAX = 8 };
struct health {
    const char *reason[HEALTH_REASONS_MAX];
    size_t count;
};
/* {"status":"ok","reasons":[]}, {"status":"failing","reasons":["vault"]}. */
void health_write(struct writer *w, const struct health *health);

#endif
