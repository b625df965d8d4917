/* What becomes of a call, told line by line. */
#ifndef SIPSEAL_CLI_CALL_REPORT_H
#define SIPSEAL_CLI_CALL_REPORT_H

#include "cli/command.h"
#include "ua/call.h"

/* CALL_PROGRESS, CALL_CONFIRMED, CALL_REANSWERED, CALL_ENDED; the others bring content (message_report.h). `seconds` is
 * how long an ended one was up. */
void call_report(const struct cli *cli, const char *call_id, const struct call_event *event, uint64_t seconds);

#endif
