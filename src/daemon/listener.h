/* The listening sockets: bound by the parent, served by net. */
#ifndef SIPSEAL_DAEMON_LISTENER_H
#define SIPSEAL_DAEMON_LISTENER_H

#include "config/config.h"
#include "daemon/log.h"

struct listener {
    struct hop hop; /* with the port that the system chose, where the configuration said 0 */
    int fd;
    uint32_t number; /* never used again for another socket */
    bool kept;       /* the socket belongs to another list, from which it was taken over */
};

/* Binds every address of the configuration, and logs each (event=listening). An address that stands in the
 * configuration `old` too, which may be null, keeps the socket that is in `old_listener`. False when one cannot be
 * bound: the log says which, why and what to do. Those that were opened stay open until listeners_close. */
bool listeners_open(struct listener *listener, const struct config *config, const struct listener *old_listener,
                    const struct config *old, const struct log *log);
/* The same for the socket of metrics, if there is to be one (event=metrics-listening). */
bool listener_open_metrics(struct listener *listener, const struct config *config, const struct listener *old_listener,
                           const struct config *old, const struct log *log);
/* Takes over the sockets that were kept: from now on they are those of `listener`, and no longer those of `old`. */
void listeners_take_over(struct listener *listener, size_t count, struct listener *old, size_t old_count);
/* Closes those that are its own. */
void listeners_close(struct listener *listener, size_t count);

enum { LISTENER_URI_MAX = 64 };
/* "tcp://127.0.0.1:5060", as in the configuration; zero-terminated. */
void listener_write_uri(char out[LISTENER_URI_MAX], const struct hop *hop);

#endif
