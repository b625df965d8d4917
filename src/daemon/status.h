/* What the parent answers those who operate the server (control.h), as JSON. */
#ifndef SIPSEAL_DAEMON_STATUS_H
#define SIPSEAL_DAEMON_STATUS_H

#include "daemon/json_out.h"

struct supervisor;

/* Each writes a whole answer. The names in it do not change; new ones may come. */
void status_write(struct json_out *j, const struct supervisor *s);
/* All that the processes have counted, by process and group. */
void status_write_counters(struct json_out *j, const struct supervisor *s);
/* What became of the reload of that number. */
void status_write_reload(struct json_out *j, const struct supervisor *s, uint64_t number);
void status_write_fault(struct json_out *j, const char *problem);

#endif
