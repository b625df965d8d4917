/* How a process of sipseald closes itself in (docs/architecture.md says what each may still do). Two fences, of which
 * either holds alone: system calls (seccomp), where anything that is not named kills the process; and files, TCP ports
 * and signals (Landlock), as far as the kernel has it. */
#ifndef SIPSEAL_DAEMON_FENCE_H
#define SIPSEAL_DAEMON_FENCE_H

#include <stddef.h>

#include "daemon/log.h"

/* The parent's is inherited by all that it starts, and theirs come on top of it. */
enum fence_kind { FENCE_VAULT, FENCE_STORE, FENCE_NET, FENCE_PARENT };

/* What of the file system is within; net and vaults have none of it. */
struct fence_paths {
    /* The store's databases, which exist (those of the parent need not yet): it reaches files in their folders alone,
     * and the parent writes there alone. Null entries are passed over. */
    const char *const *database;
    size_t database_count;
    const char *libexec; /* of the parent: the folder of the programs that it goes on to start */
};

/* Both fences. To be called by a process that has one thread and can gain no privileges (process_begin), once it is set
 * up and before it takes a message from outside; there is no way back. One line in the log says that the fences are
 * closed, and what this kernel lacks. RULE_FENCE, with a line in the log, when the system refuses: the process must then
 * end. In a sanitizer build this does nothing; process_protect has said so. */
enum rule fence_enter(enum fence_kind kind, const struct fence_paths *paths, const struct log *log);

/* Each of the two, for fence_enter and for tests. False, with errno set, when the system refuses. */
bool fence_calls(enum fence_kind kind);
/* Takes what fence_landlock_version gave; nothing happens where that is 0. */
bool fence_files(enum fence_kind kind, const struct fence_paths *paths, int version);

/* The version of Landlock's interface in this kernel: 2 in Linux 6.1; 0: there is none. */
int fence_landlock_version(void);

#endif
