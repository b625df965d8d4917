/* The answers of a sipseald that runs (control.h), for people. */
#ifndef SIPSEAL_DAEMON_CONTROL_SHOW_H
#define SIPSEAL_DAEMON_CONTROL_SHOW_H

#include <jansson.h>

/* Each writes to standard output; what an answer of another version lacks is left out. */
void control_show_status(const json_t *status);
void control_show_counters(json_t *counters);
void control_show_changes(const json_t *answer);
/* To standard error, a line each. */
void control_show_errors(const json_t *answer);

#endif
