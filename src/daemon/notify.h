/* What the parent tells the service manager that has started it: when everything works, when a reload begins and ends,
 * and when it begins to end; the protocol of sd_notify(3), without its library.
 *
 * A manager that wants to be told names a datagram socket in the environment variable NOTIFY_SOCKET: the path of one,
 * or an abstract one, whose name begins with '@'. Where there is no such variable, nothing is told. */
#ifndef SIPSEAL_DAEMON_NOTIFY_H
#define SIPSEAL_DAEMON_NOTIFY_H

#include "daemon/log.h"

enum {
    NOTIFY_MESSAGE_MAX = 512, /* bytes of a message */
    NOTIFY_LIMIT_MS = 2000,   /* that the parent waits for a manager that does not read */
};

struct notify {
    int fd; /* -1: nobody is told */
    const struct log *log;
};

/* Connects the socket and takes the variable out of the environment. To be called before the fence is closed
 * (daemon/fence.h): what is connected needs nothing afterwards but to be written to. A socket that cannot be reached is
 * a warning in the log, and nobody is told then. `log` is borrowed. */
void notify_open(struct notify *n, const struct log *log);
void notify_close(struct notify *n);

/* Each is one message. `status` is what the manager shows of the service, words of ours; it ends where it would be too
 * long. */

/* At the start, once everything works, and at the end of every reload, whether it took place or not. */
void notify_ready(const struct notify *n, const char *status);
void notify_reloading(const struct notify *n);
void notify_stopping(const struct notify *n);

#endif
