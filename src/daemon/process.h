/* What every process of sipseald does before anything else. */
#ifndef SIPSEAL_DAEMON_PROCESS_H
#define SIPSEAL_DAEMON_PROCESS_H

#include "daemon/log.h"

/* For every process, the parent too: no core dump and no look by other processes of the same user (prctl, RLIMIT_CORE),
 * no privileges to be gained, umask 077, SIGPIPE ignored, standard input, output and error open. In a sanitizer build
 * the fences that a sanitizer cannot bear stay open, and the log says so. */
bool process_protect(const struct log *log);

/* Whether this is a sanitizer build: its processes run without the fences of daemon/fence.h. */
bool process_is_sanitized(void);

/* Called first by a child's main(), with the arguments that the parent gave it: its name ("net", "vault-1"), the
 * level and the format of the log. Fills `log` (which borrows from `argv`), protects the process, checks that IPC_CONTROL_FD is the channel
 * to the parent and closes every descriptor after it. The process ends when the parent does (PR_SET_PDEATHSIG; the end
 * of the control channel tells it too); SIGINT, SIGTERM, SIGHUP and SIGUSR1 are ignored, since the parent says what
 * is to be done. As many descriptors may be opened as the system allows.
 * False, with a line on standard error, when the program was not started by sipseald; main() then returns 2. */
bool process_begin(int argc, char **argv, struct log *log);

/* The arguments by which a parent starts a child: the program, its name, the level and the format of the log. */
enum { PROCESS_ARGUMENTS = 4, PROCESS_NAME_MAX = 15 };

#endif
