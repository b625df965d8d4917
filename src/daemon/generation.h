/* What one reading of the configuration comes to: the configuration, the keys that it names, the sockets that it wants.
 * The parent has one that its processes are set up from, and in a reload another that may take its place. */
#ifndef SIPSEAL_DAEMON_GENERATION_H
#define SIPSEAL_DAEMON_GENERATION_H

#include "config/keys.h"
#include "daemon/listener.h"

struct generation {
    struct config *config;
    struct keys keys;
    struct listener listener[CONFIG_LISTEN_MAX];
    struct listener metrics; /* without a socket where there are to be none */
    int hep;                 /* a UDP socket that is connected to the capture server; -1: there is none */
};

/* Empty; null when there is no memory. */
struct generation *generation_new(void);
/* Closes the sockets that are its own, wipes the keys. Null may be freed. */
void generation_free(struct generation *g);

/* What is no fault and yet worth a word: certificates that expire, and what was switched on that weakens what sealing
 * promises. */
void generation_log_warnings(const struct generation *g, const struct log *log);

/* Loads the keys that its configuration names. False, with the faults in the log. */
bool generation_load_keys(struct generation *g, const struct log *log);

/* Binds what it listens on; what `old` (which may be null) listens on too, stays that one's until
 * generation_take_over_sockets. False, with the log saying why, when one cannot be bound. */
bool generation_open_sockets(struct generation *g, const struct generation *old, const struct log *log);
void generation_take_over_sockets(struct generation *g, struct generation *old);

/* Reads and checks the configuration and its keys again, as at the start. False, with a line event=not-reloaded for
 * each fault. */
bool generation_reread(struct generation *g, const char *path, const struct log *log);

/* What cannot change while the processes run: as whom they do, and where databases and the control socket are. False, with a line
 * event=not-reloaded for each that would. */
bool generation_may_follow(const struct generation *next, const struct generation *now, const struct log *log);

/* Whether the vaults of the two are set up alike, and as many. */
bool generation_same_vaults(const struct generation *a, const struct generation *b);

/* What is not the same, in the words of the configuration's sections ("keys policy"; empty: nothing). */
enum { GENERATION_CHANGES_MAX = 128 };
void generation_write_changes(char out[GENERATION_CHANGES_MAX], const struct generation *a, const struct generation *b);

#endif
