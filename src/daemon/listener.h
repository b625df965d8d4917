/* The listening sockets: bound by the parent, served by net. */
#ifndef SIPSEAL_DAEMON_LISTENER_H
#define SIPSEAL_DAEMON_LISTENER_H

#include "config/config.h"
#include "daemon/log.h"

struct listener {
    struct hop hop; /* with the port that the system chose, where the configuration said 0 */
    int fd;
};

/* Binds every address of the configuration, and logs each (event=listening). False when one cannot be bound: the log
 * says which, why and what to do. Those that were opened stay open until listeners_close. */
bool listeners_open(struct listener *listener, const struct config *config, const struct log *log);
void listeners_close(struct listener *listener, size_t count);

enum { LISTENER_URI_MAX = 64 };
/* "tcp://127.0.0.1:5060", as in the configuration; zero-terminated. */
void listener_write_uri(char out[LISTENER_URI_MAX], const struct hop *hop);

#endif
