/* What an operator asks a running sipseald: one line of JSON, {"command":"status"}, and nothing else. */
#ifndef SIPSEAL_DAEMON_CONTROL_REQUEST_H
#define SIPSEAL_DAEMON_CONTROL_REQUEST_H

#include "sipseal/bytes.h"

enum { CONTROL_REQUEST_MAX = 256 }; /* bytes of the line, with its line feed */

enum control_command {
    CONTROL_UNKNOWN, /* well-formed, but no command of this version */
    CONTROL_STATUS,
    CONTROL_RELOAD,
    CONTROL_COUNTERS,
};

/* Reads the line, without its line feed. White space may stand where JSON lets it stand; other keys and escapes may not
 * stand at all. False when it is no request. */
bool control_request_read(struct span line, enum control_command *command);

/* "status"; null for CONTROL_UNKNOWN. */
const char *control_command_name(enum control_command command);

#endif
